"""Dimension records: one row of a dimension element, light enough for millions of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from butler_core.errors import InvalidInputError
from butler_core.models import lookup
from butler_core.models.columns import ColumnInfo, convert, to_raw
from butler_core.models.data_id import DataCoordinate
from butler_core.models.html_table import html_table
from butler_core.models.names import ColumnName, DataIdValue, Region
from butler_core.models.record_maker import MakeValues, make_maker
from butler_core.models.timespan import Timespan
from butler_core.models.universe import DimensionElement, DimensionUniverse, column_names


class RecordShape:
    """What all records of one element of one universe share: names and positions of columns, checks of values."""

    def __init__(self, universe: DimensionUniverse, element: DimensionElement) -> None:
        if not element.has_table:
            raise InvalidInputError(
                f"Dimension {element.name!r} has no table, so no records.",
                remedy="Its values are "
                + ("computed from regions." if element.is_skypix else "those that other records name."),
            )
        self.universe = universe
        self.element = element
        self.dimensions = universe.conform(element.required)
        self.names: tuple[ColumnName, ...] = column_names(element)
        self.index: dict[str, int] = {name: index for index, name in enumerate(self.names)}
        self.key_length = len(element.required)
        if element.primary_key is not None:
            self.index.setdefault(element.primary_key.name, self.index[element.name])
        self.columns: tuple[ColumnInfo, ...] = (
            tuple(self._key_column(name) for name in (*element.required, *element.implied)) + element.columns
        )
        self._not_json = tuple(
            c.name for c in self.columns if c.type in ("bytes", "region", "timespan", "uuid")
        )
        self._makers: dict[tuple[ColumnName, ...], MakeValues] = {}

    def _key_column(self, name: str) -> ColumnInfo:
        key = self.universe.dimensions[name].primary_key
        assert key is not None  # every dimension has one
        implied = name in self.element.implied
        return ColumnInfo(name, key.type, doc=f"Value of dimension {name}.", nullable=implied)

    def make(self, values: Mapping[ColumnName, Any]) -> DimensionRecord:
        """Check a user's values and make a record of them.

        Raises `InvalidInputError` for unknown columns, missing keys and values of another type.
        """
        names = tuple(values)
        make = self._makers.get(names)
        if make is None:
            make = make_maker(self.columns, self._positions_of(names), self._convert)
            # Rows of one table mostly name the same columns in the same order.
            if len(self._makers) < 100:
                self._makers[names] = make
        return DimensionRecord(self, make(tuple(values.values())))

    def _convert(self, position: int, value: Any) -> Any:
        column = self.columns[position]
        return convert(column, value, f"{self.element.name}.{column.name}", self.universe.geometry)

    def _positions_of(self, names: tuple[ColumnName, ...]) -> tuple[int, ...]:
        unknown = [name for name in names if name not in self.index]
        if unknown:
            raise InvalidInputError(
                f"{self.element.name} has no column {unknown[0]!r}.",
                remedy=f"Its columns are: {', '.join(self.names)}.",
            )
        positions = tuple(self.index[name] for name in names)
        if len(set(positions)) < len(positions):
            raise InvalidInputError(
                f"A record of {self.element.name} gives one column under two names: {', '.join(names)}.",
                remedy="Give the primary key by its own name or by the dimension's, not both.",
            )
        return positions

    def to_raw(self, values: tuple[Any, ...]) -> dict[ColumnName, Any]:
        """Return a record's values by canonical column name, as JSON's own types."""
        raw = dict(zip(self.names, values, strict=True))
        for name in self._not_json:
            if raw[name] is not None:
                raw[name] = to_raw(raw[name])
        return raw

    def read_raw(self, raw: Mapping[ColumnName, Any]) -> dict[ColumnName, Any]:
        """Return some raw values as a record shows them: what `to_raw` made of them undone, and regions decoded."""
        return {
            name: value if value is None else self._read(self.columns[self.index[name]], value)
            for name, value in raw.items()
        }

    def _read(self, column: ColumnInfo, value: Any) -> Any:
        match column.type:
            case "timespan":
                return Timespan.from_raw(value)
            case "uuid":
                return UUID(value)
            case "bytes":
                return bytes.fromhex(value)
            case "region":
                data, geometry = bytes.fromhex(value), self.universe.geometry
                return data if geometry is None else lookup.geometry(geometry).decode(data)
        return value

    def make_many(self, rows: Iterable[DimensionRecord | Mapping[ColumnName, Any]]) -> list[DimensionRecord]:
        """Make records of mappings; records of this element pass as they are."""
        return [
            row if isinstance(row, DimensionRecord) and row.shape is self else self.make(_mapping(row))
            for row in rows
        ]


def _mapping(row: Any) -> Mapping[ColumnName, Any]:
    if isinstance(row, DimensionRecord):
        return row.to_dict()
    if isinstance(row, Mapping):
        return row
    raise InvalidInputError(
        f"A dimension record cannot be made of a {type(row).__name__}.",
        remedy="Give a mapping from column to value.",
    )


@lru_cache(maxsize=1000)
def record_shape(universe: DimensionUniverse, element: str) -> RecordShape:
    """Return the shape of an element's records; `InvalidInputError` if there is no such element, or it has no table."""
    return RecordShape(universe, universe.get_element(element))


class DimensionRecord:
    """One row of an element.  Columns are attributes and items; the primary key answers to its own name too.

    Frozen; equal by element and all values.
    """

    __slots__ = ("shape", "values")

    shape: RecordShape
    values: tuple[Any, ...]
    """In the order of ``shape.names``; a region as its encoded bytes."""

    def __init__(self, shape: RecordShape, values: tuple[Any, ...]) -> None:
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "values", values)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"Dimension records are frozen; {name!r} cannot be set.")

    @property
    def element(self) -> DimensionElement:
        """The element that it is a row of."""
        return self.shape.element

    @property
    def key(self) -> tuple[DataIdValue, ...]:
        """The values of the required dimensions."""
        return self.values[: self.shape.key_length]

    @property
    def data_id(self) -> DataCoordinate:
        """The data ID of the row."""
        group, element = self.shape.dimensions, self.shape.element
        if element.required == group.required:
            return DataCoordinate.from_required(group, self.key)
        # Join tables have their dimensions in the order in which the universe lists them there.
        values = dict(zip(element.required, self.key, strict=True))
        return DataCoordinate.from_required(group, tuple([values[name] for name in group.required]))

    @property
    def region(self) -> Region | None:
        """The region, decoded; None if the element has none."""
        index = self.shape.index.get("region")
        data = None if index is None else self.values[index]
        geometry = self.shape.universe.geometry
        if data is None or geometry is None:
            return data
        return lookup.geometry(geometry).decode(data)

    @property
    def timespan(self) -> Timespan | None:
        """The timespan; None if the element has none."""
        index = self.shape.index.get("timespan")
        return None if index is None else self.values[index]

    def __getattr__(self, column: str) -> Any:
        try:
            return self.values[self.shape.index[column]]
        except KeyError:
            raise AttributeError(
                f"{self.shape.element.name} has no column {column!r}; it has: {', '.join(self.shape.names)}."
            ) from None

    def __getitem__(self, column: ColumnName) -> Any:
        if column == "region":
            return self.region
        try:
            return self.values[self.shape.index[column]]
        except KeyError:
            raise KeyError(
                f"{self.shape.element.name} has no column {column!r}; it has: {', '.join(self.shape.names)}"
            ) from None

    def to_dict(self) -> dict[ColumnName, Any]:
        """Return the values by canonical column name, the region decoded."""
        result = dict(zip(self.shape.names, self.values, strict=True))
        if "region" in result:
            result["region"] = self.region
        return result

    def to_raw(self) -> dict[ColumnName, Any]:
        """Return the values by canonical column name, as JSON's own types."""
        return self.shape.to_raw(self.values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DimensionRecord):
            return NotImplemented
        return self.shape.element == other.shape.element and self.values == other.values

    def __hash__(self) -> int:
        return hash((self.shape.element.name, self.key))

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name}={'<region>' if name == 'region' else repr(value)}"
            for name, value in zip(self.shape.names, self.values, strict=True)
            if value is not None
        )
        return f"DimensionRecord<{self.shape.element.name}>({shown})"

    def _repr_html_(self) -> str:
        shown = [
            "<region>" if name == "region" else value
            for name, value in zip(self.shape.names, self.values, strict=True)
        ]
        return html_table(("", self.shape.element.name), [*zip(self.shape.names, shown, strict=True)])

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self.shape.universe, self.shape.element.name, self.values)


def _restore(universe: DimensionUniverse, element: str, values: tuple[Any, ...]) -> DimensionRecord:
    return DimensionRecord(record_shape(universe, element), values)


def records_from_rows(shape: RecordShape, rows: Iterable[Sequence[Any]]) -> list[DimensionRecord]:
    """Make records of trusted values in the order of ``shape.names``."""
    return [DimensionRecord(shape, tuple(row)) for row in rows]
