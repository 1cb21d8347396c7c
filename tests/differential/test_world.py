"""The world as plain Python reads it is the one that plain iteration shows."""

from __future__ import annotations

from typing import Any

import pytest

from butler_core import Butler, Timespan
from tests.differential.world import (
    CALIBRATION_COLLECTIONS,
    COLUMNS,
    DATASET_TYPES,
    EXPORTED_RUNS,
    IMPLIED,
    REQUIRED,
    RUNS,
    TAGGED,
    World,
)


def plain(value: Any) -> Any:
    """Return a record's value as the world has it."""
    if isinstance(value, Timespan):
        return (0, 0) if value.is_empty else (value.begin, value.end)
    return value


@pytest.mark.parametrize("element", COLUMNS)
def test_records(world: World, butler: Butler, element: str) -> None:
    names = (*REQUIRED[element], *IMPLIED.get(element, ()), *COLUMNS[element])
    found = {}
    for record in butler.query_dimension_records(element):
        row = dict(zip(record.shape.names, map(plain, record.values), strict=True))
        found[tuple(row[name] for name in REQUIRED[element])] = {name: row[name] for name in names}
    assert found == world.records[element]


@pytest.mark.parametrize("collection", [*EXPORTED_RUNS, *RUNS, *TAGGED, *CALIBRATION_COLLECTIONS])
def test_datasets(world: World, butler: Butler, collection: str) -> None:
    found = set()
    for dataset_type, names in DATASET_TYPES.items():
        for ref in butler.query_datasets(dataset_type, collection, find_first=False):
            found.add(
                (ref.uuid, ref.dataset_type.name, ref.run, tuple((name, ref.data_id[name]) for name in names))
            )
    assert found == {dataset for dataset, _ in world.held(collection)}
