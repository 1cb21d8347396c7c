"""Expanded data IDs from a page's values and the records that came with it, each record made once and shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from butler_core.models.data_id import DataCoordinate
from butler_core.models.names import DataIdValue, DimensionElementName
from butler_core.models.record import DimensionRecord, record_shape
from butler_core.models.universe import DimensionGroup

_Key = tuple[DataIdValue, ...]


class _Lookup(NamedTuple):
    """Where one element's record of a data ID is found."""

    positions: tuple[int, ...]
    """Of the values that make the record's key, among a full data ID's."""
    records: Mapping[_Key, DimensionRecord]
    implied: tuple[int, ...]
    """Positions of the values that the record fixes."""


class _Records(Mapping[DimensionElementName, DimensionRecord | None]):
    """The records of one data ID, looked up when asked for: most never are."""

    __slots__ = ("_lookups", "_values")

    def __init__(self, lookups: Mapping[DimensionElementName, _Lookup], values: _Key) -> None:
        self._lookups = lookups
        self._values = values

    def __getitem__(self, element: DimensionElementName) -> DimensionRecord | None:
        lookup = self._lookups[element]
        return lookup.records.get(tuple([self._values[position] for position in lookup.positions]))

    def __iter__(self) -> Iterator[DimensionElementName]:
        return iter(self._lookups)

    def __len__(self) -> int:
        return len(self._lookups)


def make_expander(
    group: DimensionGroup, rows: Mapping[DimensionElementName, Sequence[tuple[Any, ...]]]
) -> Callable[[_Key], DataCoordinate]:
    """Return a function from required values to an expanded data ID.

    Parameters
    ----------
    group
        The dimensions of the data IDs.
    rows
        Values of records by element, in the order of `RecordShape.names`.
    """
    universe, positions = group.universe, group.positions
    lookups: dict[DimensionElementName, _Lookup] = {}
    for name in group.lookup_order:
        element = universe.elements[name]
        found: dict[_Key, DimensionRecord] = {}
        if element.has_table:
            shape = record_shape(universe, name)
            found = {row[: shape.key_length]: DimensionRecord(shape, row) for row in rows.get(name, ())}
        lookups[name] = _Lookup(
            tuple(positions[key] for key in element.required),
            found,
            tuple(positions[implied] for implied in element.implied),
        )
    fixing = [lookup for lookup in lookups.values() if lookup.implied]
    unknown: list[DataIdValue | None] = [None] * len(group.implied)

    def expand(values: _Key) -> DataCoordinate:
        known: list[Any] = [*values, *unknown]
        for key_positions, records, implied in fixing:
            record = records.get(tuple([known[position] for position in key_positions]))
            if record is not None:
                for position, value in zip(implied, record.values[len(key_positions) :], strict=False):
                    known[position] = value
        full = tuple(known)
        return DataCoordinate.from_full(group, full, _Records(lookups, full))

    return expand
