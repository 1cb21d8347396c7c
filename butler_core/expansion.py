"""Expanded data IDs from a page's values and the records that came with it, each record made once and shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from butler_core.models.data_id import DataCoordinate
from butler_core.models.names import DataIdValue, DimensionElementName
from butler_core.models.record import DimensionRecord, RecordShape, record_shape
from butler_core.models.universe import DimensionGroup

_Key = tuple[DataIdValue, ...]


class _Lookup(NamedTuple):
    """Where one element's record of a data ID is found."""

    positions: tuple[int, ...]
    """Of the values that make the record's key, among a full data ID's."""
    shape: RecordShape | None
    """Of the records; None for an element without a table."""
    values: Mapping[_Key, tuple[Any, ...]]
    """Of each record, by its key."""
    records: dict[_Key, DimensionRecord]
    """Those that were asked for so far."""
    implied: tuple[int, ...]
    """Positions of the values that the record fixes."""

    def find(self, full: _Key) -> DimensionRecord | None:
        """Return the record of a full data ID, the same one for all that share it."""
        key = tuple([full[position] for position in self.positions])
        record = self.records.get(key)
        if record is None and self.shape is not None and (values := self.values.get(key)) is not None:
            record = self.records.setdefault(key, DimensionRecord(self.shape, values))
        return record


class _Records(Mapping[DimensionElementName, DimensionRecord | None]):
    """The records of one data ID, looked up when asked for: most never are."""

    __slots__ = ("_lookups", "_values")

    def __init__(self, lookups: Mapping[DimensionElementName, _Lookup], values: _Key) -> None:
        self._lookups = lookups
        self._values = values

    def __getitem__(self, element: DimensionElementName) -> DimensionRecord | None:
        return self._lookups[element].find(self._values)

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
        shape = record_shape(universe, name) if element.has_table else None
        length = len(element.required)
        lookups[name] = _Lookup(
            tuple(positions[key] for key in element.required),
            shape,
            {row[:length]: row for row in rows.get(name, ())},
            {},
            tuple(positions[implied] for implied in element.implied),
        )
    fixing = [lookup for lookup in lookups.values() if lookup.implied]
    unknown: list[DataIdValue | None] = [None] * len(group.implied)

    def expand(values: _Key) -> DataCoordinate:
        known: list[Any] = [*values, *unknown]
        for lookup in fixing:
            row = lookup.values.get(tuple([known[position] for position in lookup.positions]))
            if row is not None:
                for position, value in zip(lookup.implied, row[len(lookup.positions) :], strict=False):
                    known[position] = value
        full = tuple(known)
        return DataCoordinate.from_full(group, full, _Records(lookups, full))

    return expand
