"""The part of the registry's conformance suite about records by artifact."""

from __future__ import annotations

from typing import Any

import pytest

from butler_core.contracts.registry import ArtifactRecords, Registry
from butler_core.errors import NotFoundError
from butler_core.models.batch import (
    Certification,
    ChainedCollectionEdit,
    RawBatch,
    TaggedCollectionEdit,
)
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.dataset_ref import DatasetRef
from butler_core.testing.registries.world import FLAT, RUN, SUMMARY, RegistryWorld

# Not in the order of their datasets; and an order by language would have other opinions than one by code points.
NAMES = ["b/1", "B/1", "a/1", "é", "a-1", "😀"]


class ArtifactRecordTests:
    """What must hold of datastore records in the order of their artifacts."""

    @pytest.fixture
    def stored(self, registry: Registry, world: RegistryWorld) -> list[DatasetRef]:
        """Datasets whose artifacts are `NAMES`, of two types in two RUNs; the last name has two datasets."""
        world.register("other")
        refs = [world.ref(detector=n % 2, exposure=100 + n // 2) for n in range(4)]
        refs += [world.ref(exposure=None, run="other"), world.ref(run="other"), world.ref(exposure=None)]
        batch = RawBatch()
        batch.dataset_insertions.include(refs)
        names = [*NAMES, NAMES[-1]]
        rows = [
            (ref.uuid, (name, n, None, True)) for n, (name, ref) in enumerate(zip(names, refs, strict=True))
        ]
        batch.opaque_table_insertions.insert(world.bridge.table_name, rows)
        registry.apply_batch(batch)
        return refs

    @pytest.mark.parametrize("limit", [1, 2, 5, 6, 7, 100])
    def test_every_record_comes_once_and_in_order(
        self, registry: Registry, world: RegistryWorld, stored: list[DatasetRef], limit: int
    ) -> None:
        rows = _read_all(registry, world, ["size_bytes"], limit=limit)
        assert [row[0] for row in rows] == sorted([*NAMES, NAMES[-1]])
        assert {row[1:] for row in rows} == {(ref.uuid, ref.run, n) for n, ref in enumerate(stored)}

    def test_a_page_has_all_records_of_its_artifacts(
        self, registry: Registry, world: RegistryWorld, stored: list[DatasetRef]
    ) -> None:
        page = registry.records_by_artifact(world.bridge.table_name, after="é", limit=1)
        assert {row[1] for row in page.rows} == {stored[-1].uuid, stored[-2].uuid}

    def test_nothing_comes_behind_the_last(
        self, registry: Registry, world: RegistryWorld, stored: list[DatasetRef]
    ) -> None:
        page = registry.records_by_artifact(world.bridge.table_name, after=max(NAMES))
        assert page == ArtifactRecords(page.rows, None)
        assert not page.rows

    def test_only_some_dataset_types(
        self, registry: Registry, world: RegistryWorld, stored: list[DatasetRef]
    ) -> None:
        for name in (SUMMARY, FLAT):
            expected = {ref.uuid for ref in stored if ref.dataset_type.name == name}
            assert _uuids(registry, world, dataset_types=[name]) == expected
        assert _uuids(registry, world, dataset_types=[]) == set()
        assert len(_uuids(registry, world, dataset_types=[SUMMARY, FLAT])) == len(stored)

    def test_only_some_collections(
        self, registry: Registry, world: RegistryWorld, stored: list[DatasetRef]
    ) -> None:
        world.register("tag", type=CollectionType.TAGGED)
        world.register("calib", type=CollectionType.CALIBRATION)
        world.register("chain", type=CollectionType.CHAINED)
        tagged, flat = stored[1], stored[-1]
        world.edit(
            TaggedCollectionEdit(
                collection="tag", datasets=frozenset({tagged.uuid}), mode=SetEditMode.ASSIGN
            ),
            Certification(collection="calib", datasets=frozenset({flat.uuid}), timespan=(None, None)),
            ChainedCollectionEdit(chain="chain", children=("tag", "other"), mode=SequenceEditMode.ASSIGN),
        )
        in_other = {ref.uuid for ref in stored if ref.run == "other"}
        assert _uuids(registry, world, collections=["other"]) == in_other
        assert _uuids(registry, world, collections=[RUN, "other"]) == {ref.uuid for ref in stored}
        assert _uuids(registry, world, collections=["tag"]) == {tagged.uuid}
        assert _uuids(registry, world, collections=["calib"]) == {flat.uuid}
        assert _uuids(registry, world, collections=["chain", "calib"]) == {*in_other, tagged.uuid, flat.uuid}
        assert _uuids(registry, world, collections=["chain"], dataset_types=[SUMMARY]) == {
            tagged.uuid,
            *(ref.uuid for ref in stored if ref.run == "other" and ref.dataset_type.name == SUMMARY),
        }
        assert _uuids(registry, world, collections=[]) == set()

    def test_pages_may_be_empty_before_the_end(
        self, registry: Registry, world: RegistryWorld, stored: list[DatasetRef]
    ) -> None:
        rows = _read_all(registry, world, [], limit=1, collections=["other"])
        assert {row[1] for row in rows} == {ref.uuid for ref in stored if ref.run == "other"}

    def test_what_is_not_there_is_named(self, registry: Registry, world: RegistryWorld) -> None:
        with pytest.raises(NotFoundError, match="nonsense"):
            registry.records_by_artifact("nonsense")
        for wrong in ({"columns": ["none"]}, {"collections": ["none"]}, {"dataset_types": ["none"]}):
            asked: dict[str, Any] = wrong
            with pytest.raises(NotFoundError, match="none"):
                registry.records_by_artifact(world.bridge.table_name, **asked)


def _read_all(
    registry: Registry, world: RegistryWorld, columns: list[str], *, limit: int, **scope: Any
) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    after: str | None = ""
    while after is not None:
        page = registry.records_by_artifact(
            world.bridge.table_name, columns, after=after, limit=limit, **scope
        )
        rows += page.rows
        after = page.next_after
    return rows


def _uuids(registry: Registry, world: RegistryWorld, **scope: Any) -> set[Any]:
    return {row[1] for row in _read_all(registry, world, [], limit=100, **scope)}
