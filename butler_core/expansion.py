"""Expanded data IDs from a page's values and the records that came with it, each record made once and shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from butler_core.models.bulk import picker
from butler_core.models.data_id import DataCoordinate
from butler_core.models.names import DataIdValue, DimensionElementName
from butler_core.models.record import DimensionRecord, RecordShape, record_shape
from butler_core.models.universe import DimensionGroup

_Key = tuple[DataIdValue, ...]


class _Lookup(NamedTuple):
    """Where one element's record of a data ID is found."""

    pick: Callable[[Sequence[Any]], _Key]
    """Takes the values that make the record's key from a full data ID's."""
    shape: RecordShape | None
    """Of the records; None for an element without a table."""
    values: Mapping[_Key, tuple[Any, ...]]
    """Of each record, by its key."""
    records: dict[_Key, DimensionRecord]
    """Those that were asked for so far."""
    implied: tuple[int, ...]
    """Positions of the values that the record fixes."""

    def make(self, key: _Key) -> DimensionRecord | None:
        """Make the record of a key, None if there is none; it is the same one for all data IDs that share it."""
        if self.shape is None or (values := self.values.get(key)) is None:
            return None
        return self.records.setdefault(key, DimensionRecord(self.shape, values))


class _Records(Mapping[DimensionElementName, DimensionRecord | None]):
    """The records of one data ID, looked up when asked for: most never are."""

    __slots__ = ("_lookups", "_values")

    def __init__(self, lookups: Mapping[DimensionElementName, _Lookup], values: _Key) -> None:
        self._lookups = lookups
        self._values = values

    def __getitem__(self, element: DimensionElementName) -> DimensionRecord | None:
        lookup = self._lookups[element]
        key = lookup.pick(self._values)
        record = lookup.records.get(key)
        return lookup.make(key) if record is None else record

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
    lookups = _make_lookups(group, rows)
    fixing = [lookup for lookup in lookups.values() if lookup.implied]
    unknown: list[DataIdValue | None] = [None] * len(group.implied)

    def imply(values: _Key) -> tuple[Any, ...]:
        known: list[Any] = [*values, *unknown]
        for lookup in fixing:
            key = lookup.pick(known)
            row = lookup.values.get(key)
            if row is not None:
                for position, value in zip(lookup.implied, row[len(key) :], strict=False):
                    known[position] = value
        return tuple(known[len(values) :])

    # Thousands of data IDs have few exposures or visits, from whose records all else follows.
    pick_roots = picker(_roots(group))
    implied: dict[_Key, tuple[Any, ...]] = {}
    from_full = DataCoordinate.from_full

    def expand(values: _Key) -> DataCoordinate:
        roots = pick_roots(values)
        tail = implied.get(roots)
        if tail is None:
            tail = implied.setdefault(roots, imply(values))
        full = values + tail
        return from_full(group, full, _Records(lookups, full))

    return expand


def _make_lookups(
    group: DimensionGroup, rows: Mapping[DimensionElementName, Sequence[tuple[Any, ...]]]
) -> dict[DimensionElementName, _Lookup]:
    universe, positions = group.universe, group.positions
    lookups: dict[DimensionElementName, _Lookup] = {}
    for name in group.lookup_order:
        element = universe.elements[name]
        length = len(element.required)
        lookups[name] = _Lookup(
            picker([positions[key] for key in element.required]),
            record_shape(universe, name) if element.has_table else None,
            {row[:length]: row for row in rows.get(name, ())},
            {},
            tuple(positions[implied] for implied in element.implied),
        )
    return lookups


def _roots(group: DimensionGroup) -> list[int]:
    """Return the positions of those required values on which the implied ones depend."""
    elements = [group.universe.elements[name] for name in group.lookup_order]
    found = {group.positions[key] for element in elements if element.implied for key in element.required}
    return sorted(position for position in found if position < len(group.required))
