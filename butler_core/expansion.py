"""Expanded data IDs from a page's values and the records that came with it, each record made once and shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from butler_core.models.data_id import DataCoordinate
from butler_core.models.names import DataIdValue, DimensionElementName
from butler_core.models.record import DimensionRecord, record_shape
from butler_core.models.universe import DimensionGroup


def make_expander(
    group: DimensionGroup, rows: Mapping[DimensionElementName, Sequence[tuple[Any, ...]]]
) -> Callable[[tuple[DataIdValue, ...]], DataCoordinate]:
    """Return a function from required values to an expanded data ID.

    Parameters
    ----------
    group
        The dimensions of the data IDs.
    rows
        Values of records by element, in the order of `RecordShape.names`.
    """
    universe = group.universe
    plan = []
    for name in group.lookup_order:
        element = universe.elements[name]
        if not element.has_table:
            continue
        shape = record_shape(universe, name)
        length = shape.key_length
        by_key = {row[:length]: DimensionRecord(shape, row) for row in rows.get(name, ())}
        plan.append((name, element.required, element.implied, length, by_key))
    without_table = [name for name in group.elements if not universe.elements[name].has_table]
    known_after = group.required + group.implied

    def expand(values: tuple[DataIdValue, ...]) -> DataCoordinate:
        known: dict[str, DataIdValue] = dict(zip(group.required, values, strict=True))
        records: dict[str, DimensionRecord | None] = dict.fromkeys(without_table)
        for name, required, implied, length, by_key in plan:
            record = by_key.get(tuple([known[n] for n in required]))
            records[name] = record
            if record is not None and implied:
                known.update(zip(implied, record.values[length:], strict=False))
        return DataCoordinate.from_full(group, tuple([known[n] for n in known_after]), records)

    return expand
