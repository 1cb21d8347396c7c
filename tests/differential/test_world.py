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


def test_a_region_is_looked_for_beside_a_pair_that_is_joined(butler: Butler) -> None:
    """SQLite loses rows if it looks a key of several columns up in one list for two tables."""
    near = "POINT(0.36, 1.07) OVERLAPS visit.region AND instrument = 'Cam1'"
    query = (
        butler.query()
        .join_datasets("warp", "u/one", find_first=False)
        .join_dimensions(["visit", "patch"], spatial_joins=[("visit", "patch")])
        .where(near, skymap="SkyMap1")
    )
    found = {(d["visit"], d["tract"], d["patch"]) for d in query.data_ids(["visit", "patch"])}
    assert found == {(1, 0, patch) for patch in range(4)}


@pytest.mark.parametrize("way", ["rows", "data_ids", "materialized"])
def test_who_asks_for_a_dimension_gets_its_values(butler: Butler, way: str) -> None:
    """Some exposures have no band, so nothing to say of bands."""
    where = "exposure.has_simulated = TRUE OR day_obs > 0"
    query = butler.query().join_dimensions(["band"]).where(where, instrument="Cam1").sorted("band")
    if way == "data_ids":
        found = [data_id["band"] for data_id in query.data_ids(["band"])]
    else:
        found = [row["band"] for row in (query.materialized() if way == "materialized" else query)]
    assert found
    assert None not in found
