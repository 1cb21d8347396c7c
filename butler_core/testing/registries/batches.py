"""The part of the registry's conformance suite about batches as a whole, their outcomes, and expansion."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from butler_core import tai
from butler_core.errors import (
    BatchFencedError,
    ButlerError,
    ConflictError,
    DataIdError,
    DatasetExistsError,
    DatasetNotFoundError,
    InUseError,
    PreconditionError,
)
from butler_core.models.batch import (
    Certification,
    ChainedCollectionEdit,
    CollectionRegistration,
    DatasetTypeRegistration,
    Decertification,
    DimensionDataSync,
    Precondition,
    RawBatch,
    TaggedCollectionEdit,
)
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetRef, new_uuid, new_uuids
from butler_core.models.dataset_type import DatasetType
from butler_core.models.file_dataset import FileDataset
from butler_core.models.journal import BatchOutcome
from butler_core.models.universe import DimensionUniverse
from butler_core.testing.registries.world import (
    DAY,
    FLAT,
    INSTRUMENT,
    RUN,
    SUMMARY,
    RegistryWorld,
    bare,
)

_LONG_AGO = datetime(2024, 2, 29, 12, tzinfo=UTC)


def _old_ids(count: int) -> list[UUID]:
    """Make IDs of batches as they were made long ago."""
    time = int(_LONG_AGO.timestamp() * 1000) << 80
    return [UUID(int=(uuid.int & (1 << 80) - 1) | time) for uuid in new_uuids(count)]


class BatchTests:
    """What must hold of batches as a whole."""

    def test_an_empty_batch(self, registry: Any) -> None:
        batch = RawBatch()
        assert registry.apply_batch(batch).batch_id == batch.batch_id
        assert registry.outcomes([batch.batch_id]) == {batch.batch_id: BatchOutcome.COMMITTED}

    def test_all_or_nothing(self, registry: Any, world: RegistryWorld) -> None:
        before = registry.snapshot()
        batch = RawBatch()
        batch.dimension_insertions["skymap"] = world.insertion("skymap", [{"name": "s"}])
        batch.dimension_insertions["exposure"] = world.insertion("exposure", [world.exposure(99)])
        batch.dataset_insertions.include([world.ref(exposure=99)])
        batch.collection_edits.append(
            ChainedCollectionEdit(chain="nowhere", children=(), mode=SequenceEditMode.ASSIGN)
        )
        with pytest.raises(ButlerError, match="nowhere"):
            registry.apply_batch(batch)
        assert registry.snapshot() == before
        assert registry.outcomes([batch.batch_id]) == {batch.batch_id: BatchOutcome.UNKNOWN}
        with pytest.raises(DataIdError, match="99"):
            world.put(world.ref(exposure=99))
        batch.collection_edits.clear()
        registry.apply_batch(batch)  # refused for now is not refused for ever

    def test_applying_again_answers_as_before(self, registry: Any, world: RegistryWorld) -> None:
        sync = DimensionDataSync(element="exposure", update=True)
        sync.records.append(world.record("exposure", world.exposure(100, exposure_time=1.0)).to_raw())
        batch = RawBatch(dimension_syncs={"exposure": sync})
        batch.dataset_insertions.include([world.ref(), world.ref(exposure=101)])
        first = registry.apply_batch(batch)
        second = registry.apply_batch(batch)
        assert (second.batch_id, second.datasets) == (first.batch_id, first.datasets) == (batch.batch_id, 2)
        assert [(sync.status, dict(sync.old_values)) for sync in second.syncs] == [
            (sync.status, dict(sync.old_values)) for sync in first.syncs
        ]

    def test_a_batch_survives_json(self, registry: Any, world: RegistryWorld) -> None:
        batch = RawBatch()
        batch.dimension_insertions["exposure"] = world.insertion("exposure", [world.exposure(99)])
        batch.dataset_insertions.include([world.ref(exposure=99)])
        registry.apply_batch(RawBatch.model_validate_json(batch.model_dump_json()))
        assert world.put(world.ref(exposure=99, detector=1))[0].data_id.records["exposure"] == world.record(
            "exposure", world.exposure(99)
        )

    def test_a_fenced_batch_is_never_applied(self, registry: Any, world: RegistryWorld) -> None:
        batch = RawBatch()
        ref = world.ref()
        batch.dataset_insertions.include([ref])
        assert registry.fence([batch.batch_id]) == {batch.batch_id: BatchOutcome.FENCED}
        with pytest.raises(BatchFencedError, match=str(batch.batch_id)):
            registry.apply_batch(batch)
        assert not world.exists(ref)
        assert registry.outcomes([batch.batch_id]) == {batch.batch_id: BatchOutcome.FENCED}

    def test_a_committed_batch_cannot_be_fenced(self, registry: Any) -> None:
        committed, open_ = RawBatch(), RawBatch()
        registry.apply_batch(committed)
        ids = [committed.batch_id, open_.batch_id]
        assert list(registry.outcomes(ids).values()) == [BatchOutcome.COMMITTED, BatchOutcome.UNKNOWN]
        for _ in range(2):
            found = registry.fence(ids)
            assert [found[uuid] for uuid in ids] == [BatchOutcome.COMMITTED, BatchOutcome.FENCED]
        assert registry.fence([]) == {}

    def test_what_was_committed_long_ago_is_forgotten(
        self, registry: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        committed, named, fenced = _old_ids(3)
        with monkeypatch.context() as patch:
            patch.setattr("butler_core.tai.now", lambda: tai.datetime_to_tai(_LONG_AGO))
            for batch_id in (committed, named):
                registry.apply_batch(RawBatch(batch_id=batch_id))
            registry.fence([fenced])
        (late,) = _old_ids(1)  # made long ago, committed just now
        recent = RawBatch()
        registry.apply_batch(RawBatch(batch_id=late))
        registry.apply_batch(recent)
        ids = [committed, named, fenced, late, recent.batch_id]
        for forgotten in (1, 0):
            assert registry.forget_outcomes(_LONG_AGO + timedelta(days=1), keep=[named]) == forgotten
            outcomes = registry.outcomes(ids)
            assert [outcomes[batch_id] for batch_id in ids] == [
                BatchOutcome.UNKNOWN,
                BatchOutcome.COMMITTED,
                BatchOutcome.FENCED,
                BatchOutcome.COMMITTED,
                BatchOutcome.COMMITTED,
            ]
        assert registry.forget_outcomes(_LONG_AGO - timedelta(days=1)) == 0
        assert registry.forget_outcomes(_LONG_AGO + timedelta(days=1)) == 1

    def test_preconditions_that_hold(self, world: RegistryWorld) -> None:
        (ref,) = world.put(world.ref())
        world.register("chain", type=CollectionType.CHAINED)
        place = (SUMMARY, tuple(ref.required_values), RUN)
        free = (SUMMARY, (INSTRUMENT, 1, 100), RUN)
        world.demand(kind="chain", name="chain", children=())
        world.demand(kind="collection-absent", name="nowhere")
        world.demand(kind="collection-present", name=RUN)
        world.demand(kind="collection-present", name=RUN, type=CollectionType.RUN)
        world.demand(kind="dataset-present", uuid=ref.uuid)
        world.demand(kind="dataset-present", uuid=ref.uuid, dataset=place)
        world.demand(kind="dataset-absent", uuid=new_uuid())
        world.demand(kind="dataset-absent", uuid=new_uuid(), dataset=free)
        world.demand(kind="dataset-absent", dataset=("nonsense", (), "nowhere"))

    def test_preconditions_that_do_not_hold(self, registry: Any, world: RegistryWorld) -> None:
        (ref,) = world.put(world.ref())
        world.register("chain", type=CollectionType.CHAINED)
        place = (SUMMARY, tuple(ref.required_values), RUN)
        wishes: list[dict[str, Any]] = [
            {"kind": "chain", "name": "chain", "children": (RUN,)},
            {"kind": "chain", "name": "nowhere", "children": ()},
            {"kind": "chain", "name": RUN, "children": ()},
            {"kind": "collection-absent", "name": RUN},
            {"kind": "collection-present", "name": "nowhere"},
            {"kind": "collection-present", "name": RUN, "type": CollectionType.TAGGED},
            {"kind": "dataset-present", "uuid": new_uuid()},
            {"kind": "dataset-present", "uuid": new_uuid(), "dataset": place},
            {"kind": "dataset-absent", "uuid": ref.uuid},
            {"kind": "dataset-absent", "uuid": new_uuid(), "dataset": place},
        ]
        for wish in wishes:
            with pytest.raises(PreconditionError):
                world.demand(**wish)
        batch = RawBatch.model_validate({"preconditions": [wishes[3]]})
        batch.dataset_insertions.include([world.ref(exposure=101)])
        with pytest.raises(PreconditionError, match=RUN):
            registry.apply_batch(batch)
        assert world.members(RUN) == {(0, 100): ref.uuid}

    def test_what_one_batch_adds_and_removes_is_refused(self, registry: Any, world: RegistryWorld) -> None:
        (ref,) = world.put(world.ref())
        batch = RawBatch(collection_removals={RUN})
        batch.collection_edits.append(
            ChainedCollectionEdit(chain=RUN, children=(), mode=SequenceEditMode.ASSIGN)
        )
        with pytest.raises(ConflictError, match=RUN):
            registry.apply_batch(batch)
        batch = RawBatch()
        batch.opaque_table_removals.insert(world.bridge.table_name, [ref.uuid])
        batch.opaque_table_insertions.insert(world.bridge.table_name, [(ref.uuid, ("a", 1, None, True))])
        with pytest.raises(ConflictError, match=str(ref.uuid)):
            registry.apply_batch(batch)

    def test_all_kinds_in_their_order(self, registry: Any, world: RegistryWorld) -> None:
        """One batch in which every kind needs what an earlier kind does."""
        old = world.put(world.ref(), world.ref(exposure=None))
        world.register("tag", type=CollectionType.TAGGED)
        world.register("calib", type=CollectionType.CALIBRATION)
        world.register("chain", "old chain", type=CollectionType.CHAINED)
        uuids = frozenset(ref.uuid for ref in old)
        world.edit(
            TaggedCollectionEdit(collection="tag", datasets=uuids, mode=SetEditMode.INSERT_OR_FAIL),
            Certification(collection="calib", datasets=frozenset({old[1].uuid}), timespan=(0, 9)),
            ChainedCollectionEdit(chain="chain", children=(RUN,), mode=SequenceEditMode.ASSIGN),
        )
        new_type = DatasetType("new", world.summary.dimensions, "StructuredDataDict")
        new = DatasetRef(new_uuid(), new_type, world.data_id(exposure=99), "new run")
        batch = RawBatch(collection_removals={RUN, "old chain"}, dataset_type_removals={FLAT, SUMMARY})
        batch.dataset_removals.include(old)
        batch.opaque_table_removals.insert(world.bridge.table_name, uuids)
        batch.collection_edits = [
            TaggedCollectionEdit(collection="tag", datasets=uuids, mode=SetEditMode.DISCARD),
            Decertification(
                collection="calib",
                dataset_type=FLAT,
                timespan=(None, None),
                datasets=frozenset({old[1].uuid}),
            ),
            ChainedCollectionEdit(chain="chain", children=(RUN,), mode=SequenceEditMode.REMOVE),
            ChainedCollectionEdit(chain="chain", children=("new run",), mode=SequenceEditMode.EXTEND),
            TaggedCollectionEdit(
                collection="tag", datasets=frozenset({new.uuid}), mode=SetEditMode.INSERT_OR_FAIL
            ),
        ]
        values = ("path", 1, None, True)
        batch.opaque_table_insertions.insert(world.bridge.table_name, [(new.uuid, values)])
        batch.dataset_insertions.include([new])
        batch.dimension_insertions["exposure"] = world.insertion("exposure", [world.exposure(99)])
        registration = CollectionRegistration(name="new run", type=CollectionType.RUN)
        batch.collection_registrations["new run"] = registration
        batch.dataset_type_registrations["new"] = DatasetTypeRegistration.from_dataset_type(new_type)
        batch.preconditions.append(Precondition(kind="chain", name="chain", children=(RUN,)))
        registry.apply_batch(batch)
        assert set(world.collections()) == {"tag", "calib", "chain", "new run"}
        assert world.children("chain") == ("new run",)
        assert {each.name for each in registry.snapshot().dataset_types} == {"new"}
        (found,) = registry.expand_existing_dataset_refs([bare(new), *map(bare, old)]).refs
        assert found.datastore_records == {world.bridge.table_name: values}

    def test_an_association_and_a_removal_that_race(self, registry: Any, world: RegistryWorld) -> None:
        """Whoever is second is refused, so no tag names a dataset that is gone."""
        world.register("tag", type=CollectionType.TAGGED)

        def attempt(act: Callable[[], object]) -> str:
            try:
                act()
            except (DatasetNotFoundError, InUseError) as error:
                return type(error).__name__
            return "done"

        for _ in range(10):
            (ref,) = world.put(world.ref())
            edit = TaggedCollectionEdit(
                collection="tag", datasets=frozenset({ref.uuid}), mode=SetEditMode.INSERT_OR_FAIL
            )
            acts = [partial(world.edit, edit), partial(world.remove, ref)]
            with ThreadPoolExecutor(2) as threads:
                answers = list(threads.map(attempt, acts))
            assert answers in (["done", "InUseError"], ["DatasetNotFoundError", "done"])
            assert world.exists(ref) == (answers[0] == "done") == bool(world.members("tag"))
            if world.exists(ref):
                world.edit(edit.model_copy(update={"mode": SetEditMode.REMOVE}))
                world.remove(ref)

    def test_threads_may_share_it(self, registry: Any, world: RegistryWorld) -> None:
        world.insert("exposure", *(world.exposure(number) for number in range(1000, 1040)))

        def put(number: int) -> str:
            try:
                world.put(world.ref(exposure=1000 + number % 40))
            except DatasetExistsError:
                return "taken"
            return "put"

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(put, range(80)))
        assert answers.count("put") == answers.count("taken") == 40
        assert len(world.members(RUN)) == 40

    def test_it_describes_itself(self, registry: Any, world: RegistryWorld) -> None:
        info = registry.info()
        assert DimensionUniverse.load(info.universe) == world.universe
        assert info.versions
        assert info.is_writeable

    def test_it_may_be_closed_twice(self, registry: Any) -> None:
        registry.close()
        registry.close()


class ExpansionTests:
    """What must hold of expanded refs."""

    def test_new_refs(self, registry: Any, world: RegistryWorld) -> None:
        refs = [world.ref(exposure=number, detector=number % 3) for number in (103, 100, 101)]
        refs.append(world.ref(exposure=None))
        batch_id = new_uuid()
        expansion = registry.expand_new_dataset_refs(refs, batch_id=batch_id)
        assert expansion.refs == refs
        assert expansion.generation == world.generation()
        assert expansion.journal_paths == {world.bridge.datastore_id: {RUN: f"journals/{RUN}"}}
        for ref, given in zip(expansion.refs, refs, strict=True):
            assert ref.is_expanded
            assert ref.data_id.is_full
            assert ref.uuid == given.uuid
            assert batch_id.hex in ref.datastore_records[world.bridge.table_name][0]
        first = expansion.refs[0].data_id
        assert first["physical_filter"] == "Cam-G"
        assert first["band"] == "g"
        assert first["day_obs"] == DAY
        assert first.records["exposure"] == world.record("exposure", world.exposure(103))
        assert first.records["band"] is None
        assert set(first.records) == set(world.summary.dimensions.elements)
        assert expansion.refs[1].data_id.records["instrument"] is first.records["instrument"]

    @pytest.mark.parametrize("count", [1, 2])
    def test_missing_records_are_named(self, registry: Any, world: RegistryWorld, count: int) -> None:
        refs = [world.ref(exposure=999), world.ref()][:count]
        with pytest.raises(DataIdError, match="exposure 999") as caught:
            registry.expand_new_dataset_refs(refs, batch_id=new_uuid())
        assert caught.value.details["dimension"] == "exposure"

    @pytest.mark.parametrize("count", [1, 2])
    def test_contradicting_implied_values_are_refused(
        self, registry: Any, world: RegistryWorld, count: int
    ) -> None:
        full = world.put(world.ref(detector=1))[0].data_id
        values = [("other" if name == "band" else full[name]) for name in full]
        wrong = DataCoordinate.from_full(full.dimensions, tuple(values))
        refs = [DatasetRef(new_uuid(), world.summary, wrong, RUN), world.ref()][:count]
        with pytest.raises(DataIdError, match="band='other'"):
            registry.expand_new_dataset_refs(refs, batch_id=new_uuid())

    @pytest.mark.parametrize("count", [1, 2])
    def test_elements_that_imply_different_values_are_refused(
        self, registry: Any, world: RegistryWorld, count: int
    ) -> None:
        visit = {"instrument": INSTRUMENT, "physical_filter": "Cam-R", "day_obs": DAY}
        world.insert("visit", {**visit, "id": 1}, {**visit, "id": 2, "physical_filter": None})
        dataset_type = DatasetType(
            "both", world.universe.conform(["visit", "exposure"]), "StructuredDataDict"
        )

        def ref(number: int) -> DatasetRef:
            data_id: dict[str, Any] = {"instrument": INSTRUMENT, "visit": number, "exposure": 101}
            made = DataCoordinate.standardize(data_id, universe=world.universe)
            return DatasetRef(new_uuid(), dataset_type, made, RUN)

        good = registry.expand_new_dataset_refs([ref(2)] * count, batch_id=new_uuid()).refs[0]
        assert good.data_id["physical_filter"] == "Cam-G"  # a visit without filter contradicts nothing
        assert good.data_id.records["visit_definition"] is None
        with pytest.raises(DataIdError, match="physical_filter"):
            registry.expand_new_dataset_refs([ref(2), ref(1)][-count:], batch_id=new_uuid())

    def test_join_tables_are_found(self, registry: Any, world: RegistryWorld) -> None:
        world.insert("visit", {"instrument": INSTRUMENT, "id": 1, "physical_filter": "Cam-G", "day_obs": DAY})
        region = {"instrument": INSTRUMENT, "visit": 1, "detector": 1, "region": b"r"}
        world.insert("visit_detector_region", region)
        dataset_type = DatasetType("vd", world.universe.conform(["visit", "detector"]), "StructuredDataDict")

        def ref(detector: int) -> DatasetRef:
            data_id: dict[str, Any] = {"instrument": INSTRUMENT, "visit": 1, "detector": detector}
            made = DataCoordinate.standardize(data_id, universe=world.universe)
            return DatasetRef(new_uuid(), dataset_type, made, RUN)

        for refs in ([ref(0), ref(1)], [ref(0)], [ref(1)]):
            for found in registry.expand_new_dataset_refs(refs, batch_id=new_uuid()).refs:
                assert found.data_id.region == (b"r" if found.data_id["detector"] == 1 else None)

    def test_a_data_id_without_dimensions(self, registry: Any, world: RegistryWorld) -> None:
        dataset_type = DatasetType("config", world.universe.empty, "StructuredDataDict")
        data_id = DataCoordinate.from_required(world.universe.empty, ())
        refs = [DatasetRef(new_uuid(), dataset_type, data_id, RUN) for _ in range(2)]
        for count in (1, 2):
            expansion = registry.expand_new_dataset_refs(refs[:count], batch_id=new_uuid())
            assert [dict(ref.data_id.records) for ref in expansion.refs] == [{}] * count

    def test_datasets_of_one_file_share_its_artifact(self, registry: Any, world: RegistryWorld) -> None:
        refs = [world.ref(exposure=number) for number in (100, 101, 102)]
        file = FileDataset("x.json", refs[:2])
        expansion = registry.expand_new_dataset_refs(refs, batch_id=new_uuid(), files=[file])
        names = [ref.datastore_records[world.bridge.table_name][0] for ref in expansion.refs]
        assert names[0] == names[1] != names[2]

    def test_predictions_may_be_left_out(self, registry: Any, world: RegistryWorld) -> None:
        refs = [world.ref(exposure=number) for number in (101, 100)]
        found = registry.expand_new_dataset_refs(refs, batch_id=new_uuid(), predict=False).refs
        assert [ref.uuid for ref in found] == [ref.uuid for ref in refs]
        assert all(ref.data_id.is_expanded and not ref.datastore_records for ref in found)

    def test_nothing_is_no_problem(self, registry: Any) -> None:
        assert list(registry.expand_new_dataset_refs([], batch_id=new_uuid()).refs) == []
        assert list(registry.expand_existing_dataset_refs([]).refs) == []

    def test_existing_refs(self, registry: Any, world: RegistryWorld) -> None:
        there = world.put(*(world.ref(exposure=number) for number in (102, 100)))
        absent = world.ref(exposure=101)
        asked = [bare(there[1]), absent, bare(there[0]), bare(there[1])]
        expansion = registry.expand_existing_dataset_refs(asked)
        assert [ref.uuid for ref in expansion.refs] == [there[1].uuid, there[0].uuid, there[1].uuid]
        assert all(ref.is_expanded for ref in expansion.refs)
        assert expansion.refs[0].datastore_records == there[1].datastore_records
        assert expansion.journal_paths == {world.bridge.datastore_id: {RUN: f"journals/{RUN}"}}

    def test_existing_refs_without_dimension_records(self, registry: Any, world: RegistryWorld) -> None:
        there = world.put(*(world.ref(exposure=number) for number in (102, 100)))
        asked = [bare(ref) for ref in there]
        found = registry.expand_existing_dataset_refs([*asked, world.ref()], dimension_records=False).refs
        assert [ref.uuid for ref in found] == [ref.uuid for ref in there]
        assert [ref.datastore_records for ref in found] == [ref.datastore_records for ref in there]
        assert not any(ref.data_id.is_expanded for ref in found)

    def test_a_ref_that_names_another_run_is_absent(self, registry: Any, world: RegistryWorld) -> None:
        (there,) = world.put(world.ref())
        world.register("other")
        for run in ("other", "nowhere"):
            asked = DatasetRef(
                there.uuid, there.dataset_type, there.data_id.subset(["exposure", "detector"]), run
            )
            assert list(registry.expand_existing_dataset_refs([asked]).refs) == []

    def test_what_is_expanded_is_trusted_except_for_unstore(
        self, registry: Any, world: RegistryWorld
    ) -> None:
        (there,) = world.put(world.ref())
        batch = RawBatch()
        batch.opaque_table_removals.insert(world.bridge.table_name, [there.uuid])
        registry.apply_batch(batch)
        (trusted,) = registry.expand_existing_dataset_refs([there]).refs
        assert trusted.datastore_records
        (read,) = registry.expand_existing_dataset_refs([there], sign_for_unstore=True).refs
        assert read.datastore_records == {}
        world.remove(there)
        assert list(registry.expand_existing_dataset_refs([there], sign_for_unstore=True).refs) == []
