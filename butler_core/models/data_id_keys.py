"""What the keys of a data ID stand for: dimensions, or columns of their records that pick one.

A key is *plain* if it is a dimension's name and its value is of the type of the dimension's primary key.  All others are
columns: ``exposure.obs_id``, ``obs_id`` where that is clear, and ``detector`` with text, which is an alternate key's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from butler_core.errors import DataIdError
from butler_core.models.columns import ColumnInfo, convert
from butler_core.models.names import ColumnName, DataIdValue, DimensionName
from butler_core.models.universe import DimensionElement, DimensionUniverse

KEY_TYPES = frozenset({"int", "float", "string", "bool"})
"""Types of the columns that a data ID can name."""


class RecordKey(NamedTuple):
    """A column whose value picks a dimension's record, or narrows the choice."""

    dimension: DimensionName
    column: ColumnInfo

    @property
    def name(self) -> ColumnName:
        """As conditions write it: ``exposure.obs_id``."""
        return f"{self.dimension}.{self.column.name}"

    def convert(self, value: Any) -> DataIdValue:
        """Check a value; `DataIdError` if it is missing or of another type."""
        strict = self.column._replace(nullable=False)
        try:
            converted: DataIdValue = convert(strict, value, f"The data ID's {self.name}", None)
        except ValueError as error:
            raise DataIdError(
                str(error), remedy=f"Its values are of type {self.column.type}.", name=self.name
            ) from error
        return converted


def is_plain(universe: DimensionUniverse, given: Mapping[str, Any]) -> bool:
    """Whether all keys are plain, so that nothing needs to be looked up."""
    kinds = universe.key_types
    for name, value in given.items():
        kind = kinds.get(name)
        if kind is None or (kind == "int" and isinstance(value, str)):
            return False
    return True


def find_dimension(universe: DimensionUniverse, name: str) -> DimensionName | None:
    """Return the dimension whose value a name stands for (``exposure``, ``exposure.id``, ``exposure.day_obs``), else None."""
    if name in universe.dimensions:
        return name
    element = universe.elements.get(name.partition(".")[0])
    rest = name.partition(".")[2]
    if element is None or not rest:
        return None
    if element.primary_key is not None and rest in (element.primary_key.name, element.name):
        return element.name
    return rest if rest in element.required or rest in element.implied else None


def find_record_keys(universe: DimensionUniverse, name: str, value: Any) -> list[RecordKey]:
    """Return the columns that a key may mean which is not plain, in the universe's order; none if nobody knows it."""
    element = universe.dimensions.get(name)
    if element is not None:
        return [
            RecordKey(name, column)
            for column in element.alternate_keys
            if isinstance(value, str) and column.type == "string"
        ]
    owner, _, rest = name.rpartition(".")
    if owner:
        element = universe.dimensions.get(owner)
        return [] if element is None else _columns_of(element, rest)
    return [key for element in _dimensions(universe) for key in _columns_of(element, name)]


def _columns_of(element: DimensionElement, name: ColumnName) -> list[RecordKey]:
    columns = (*element.alternate_keys, *element.metadata)
    return [RecordKey(element.name, c) for c in columns if c.name == name and c.type in KEY_TYPES]


def _dimensions(universe: DimensionUniverse) -> list[DimensionElement]:
    return [element for element in universe.elements.values() if element.is_dimension]


def unknown_key_error(
    universe: DimensionUniverse, name: str, dimensions: Iterable[DimensionName] | None = None
) -> DataIdError:
    """Make the error about a key that nobody knows: see `suggest_keys`."""
    return DataIdError(
        f"{name!r} is no key of a data ID in universe {universe.namespace} {universe.version}.",
        remedy=suggest_keys(universe, name, dimensions),
        name=name,
    )


def suggest_keys(
    universe: DimensionUniverse, name: str, dimensions: Iterable[DimensionName] | None = None
) -> str:
    """Say which keys would do instead of one that nobody knows; only those of some dimensions unless that is None."""
    chosen = None if dimensions is None else set(dimensions)
    wanted = [e for e in _dimensions(universe) if chosen is None or e.name in chosen]
    keys = [RecordKey(e.name, column) for e in wanted for column in e.alternate_keys]
    keys += [RecordKey(e.name, column) for e in wanted for column in e.metadata]
    keys = [key for key in keys if key.column.type in KEY_TYPES]
    names = universe.sort(universe.dimensions if chosen is None else chosen)
    close = get_close_matches(
        name,
        dict.fromkeys([*names, *(key.column.name for key in keys), *(key.name for key in keys)]),
        n=3,
        cutoff=0.7,
    )
    if close:
        return f"Did you mean {' or '.join(close)}?"
    shown = [n for n in names if not universe.dimensions[n].is_skypix or chosen]
    examples = ", ".join(key.name for key in keys[:3])
    return f"Keys are {', '.join(shown) or 'none'}{f', and what their records say, such as {examples}' if examples else ''}."
