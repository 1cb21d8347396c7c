"""Rows of a query: values by column name, made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from butler_core.models import lookup
from butler_core.models.html_table import html_table
from butler_core.models.names import ColumnName
from butler_core.models.universe import DimensionUniverse
from butler_core.queries.arrow import Column
from butler_core.queries.values import as_uuid


class RowShape:
    """What all rows of a query share.

    Parameters
    ----------
    columns
        In the order of a row's values.
    universe
        Whose geometry decodes regions.
    """

    def __init__(self, columns: Sequence[Column], universe: DimensionUniverse) -> None:
        self.columns = columns
        self.index: Mapping[ColumnName, int] = {column.name: n for n, column in enumerate(columns)}
        """The place of each column's value."""
        self.read: Mapping[int, Callable[[Any], Any]] = {
            n: read for n, column in enumerate(columns) if (read := _reader(column.type, universe))
        }
        """How to make objects of values that are not, by place."""


def _reader(type_: str, universe: DimensionUniverse) -> Callable[[Any], Any] | None:
    if type_ == "uuid":
        return as_uuid
    if type_ == "bool":  # some databases have only integers
        return bool
    geometry = universe.geometry
    if type_ == "region" and geometry is not None:
        return lambda data: lookup.geometry(geometry).decode(data)
    return None


class Row(Mapping[ColumnName, Any]):
    """One row: a mapping from column name to value; UUIDs and regions become objects when they are asked for.  Frozen."""

    __slots__ = ("_shape", "_values")

    def __init__(self, shape: RowShape, values: tuple[Any, ...]) -> None:
        self._shape = shape
        self._values = values

    def __getitem__(self, column: ColumnName) -> Any:
        try:
            place = self._shape.index[column]
        except KeyError:
            raise KeyError(
                f"The row has no column {column!r}; it has: {', '.join(self._shape.index)}"
            ) from None
        value = self._values[place]
        read = self._shape.read.get(place)
        return value if read is None or value is None else read(value)

    def __iter__(self) -> Iterator[ColumnName]:
        return iter(self._shape.index)

    def __len__(self) -> int:
        return len(self._shape.index)

    def __hash__(self) -> int:
        return hash(self._values)

    def _repr_html_(self) -> str:
        rows = [(c.name, "<region>" if c.type == "region" else self[c.name]) for c in self._shape.columns]
        return html_table(("column", "value"), rows)

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{column.name}={'<region>' if column.type == 'region' else repr(self[column.name])}"
            for column in self._shape.columns
        )
        return f"Row({shown})"
