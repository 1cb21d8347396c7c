"""Universes may call things as they like: keywords of SQL, names of the registry's own tables and columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from butler_core.models.batch import (
    CollectionRegistration,
    DatasetTypeRegistration,
    DimensionDataInsertion,
    RawBatch,
)
from butler_core.models.collection import CollectionType
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetRef, new_uuid
from butler_core.models.dataset_type import DatasetType
from butler_core.models.record import record_shape
from butler_core.models.timespan import Timespan
from butler_core.models.universe import DimensionUniverse
from butler_core.sql.schema.element_tables import timespan_from_row, timespan_to_row
from butler_core.testing.context import make_context
from butler_core.testing.registries.bridge import PlainBridge
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry

KEYWORDS = ["select", "order", "group", "table", "values", "rowid", "oid", "primary", "case", "abort"]
OURS = [
    "type",
    "collection",
    "uuid",
    "dataset",
    "meta",
    "generation",
    "outcome",
    "collection_type",
    "begin",
    "end",
]


@pytest.mark.parametrize("name", KEYWORDS + OURS)
def test_any_name_will_do_for_a_dimension_and_its_columns(tmp_path: Path, name: str) -> None:
    others = [other for other in (*KEYWORDS, *OURS) if other != name]
    universe = DimensionUniverse.load(
        {
            "namespace": "odd",
            "version": 1,
            "elements": {
                "top": {"key": {"name": "name", "type": "string"}, "governor": True},
                name: {
                    "key": {"name": "id", "type": "int"},
                    "requires": ["top"],
                    "alternate_keys": [{"name": "timespan_begin", "type": "string"}],
                    "metadata": [{"name": other, "type": "string"} for other in others],
                },
            },
            "topology": {"temporal": {"family": [name]}},
        }
    )
    bridge = PlainBridge()
    create_registry(SqliteRegistryConfig(), make_context(tmp_path, universe=universe), [bridge])
    registry = open_registry(SqliteRegistryConfig(), make_context(tmp_path), [bridge])
    values: dict[str, Any] = {"top": "t", name: 7, "timespan": Timespan(1, 2), "timespan_begin": "x"}
    record = record_shape(universe, name).make(values | {other: other.upper() for other in others})
    dataset_type = DatasetType("thing", universe.conform([name]), "StructuredDataDict", is_calibration=True)
    batch = RawBatch()
    for each in (record_shape(universe, "top").make({"name": "t"}), record):
        insertion = DimensionDataInsertion(element=each.element.name)
        insertion.insert_records([each])
        batch.dimension_insertions[each.element.name] = insertion
    batch.dataset_type_registrations["thing"] = DatasetTypeRegistration.from_dataset_type(dataset_type)
    batch.collection_registrations["run"] = CollectionRegistration(name="run", type=CollectionType.RUN)
    data_id = DataCoordinate.standardize({"top": "t", name: 7}, universe=universe)
    ref = DatasetRef(new_uuid(), dataset_type, data_id, "run")
    batch.dataset_insertions.include([ref])
    registry.apply_batch(batch)
    (found,) = registry.expand_existing_dataset_refs([ref]).refs
    assert found.data_id.records[name] == record
    registry.close()


@pytest.mark.parametrize(
    ("raw", "row"),
    [
        ([1, 2], (1, 2)),
        ([5, 3], (0, 0)),
        ([7, 7], (0, 0)),
        ([None, 3], (-(2**63), 3)),
        ([3, None], (3, 2**63 - 1)),
        ([None, None], (-(2**63), 2**63 - 1)),
        (None, (None, None)),
    ],
)
def test_timespans_are_two_integers(raw: list[int | None] | None, row: tuple[int | None, ...]) -> None:
    """All empty ones are alike, so that comparisons of the integers are right."""
    assert timespan_to_row(raw) == row
    again = timespan_from_row(*row)
    assert again == (None if raw is None else Timespan.from_raw(raw))


def test_every_type_of_column_comes_back(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "int": -(2**63),
        "float": 0.1 + 0.2,
        "string": "naïve 🚀 'quoted' \"twice\"\n",
        "bool": False,
        "bytes": b"\x00\xff",
        "uuid": new_uuid(),
        "time": 2**63 - 1,
        "timespan": Timespan(None, 3),
        "region": b"region",
    }
    universe = DimensionUniverse.load(
        {
            "namespace": "typed",
            "version": 1,
            "elements": {
                "thing": {
                    "key": {"name": "name", "type": "string"},
                    "governor": True,
                    "metadata": [{"name": f"a_{kind}", "type": kind} for kind in values]
                    + [{"name": f"b_{kind}", "type": kind} for kind in values],
                }
            },
        }
    )
    create_registry(SqliteRegistryConfig(), make_context(tmp_path, universe=universe), [])
    registry = open_registry(SqliteRegistryConfig(), make_context(tmp_path), [])
    full = record_shape(universe, "thing").make(
        {"name": "full"} | {f"{letter}_{kind}": value for kind, value in values.items() for letter in "ab"}
    )
    empty = record_shape(universe, "thing").make({"name": "empty"})
    insertion = DimensionDataInsertion(element="thing")
    insertion.insert_records([full, empty])
    registry.apply_batch(RawBatch(dimension_insertions={"thing": insertion}))
    dataset_type = DatasetType("x", universe.conform(["thing"]), "StructuredDataDict")
    refs = [DatasetRef(new_uuid(), dataset_type, each.data_id, "run") for each in (full, empty)]
    found = registry.expand_new_dataset_refs(refs, batch_id=new_uuid()).refs
    assert [ref.data_id.records["thing"] for ref in found] == [full, empty]
    registry.close()
