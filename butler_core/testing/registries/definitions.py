"""The part of the registry's conformance suite about dimension records, dataset types and collections."""

from __future__ import annotations

import math
from typing import Any

import pytest

from butler_core.errors import (
    CollectionNotFoundError,
    ConflictError,
    DataIdError,
    DatasetTypeNotFoundError,
    DefinitionConflictError,
    InUseError,
    InvalidInputError,
)
from butler_core.models.batch import (
    ChainedCollectionEdit,
    CollectionRegistration,
    DatasetTypeRegistration,
    DimensionDataInsertion,
    DimensionDataSync,
    RawBatch,
    SetCollectionDocumentation,
)
from butler_core.models.collection import CollectionType, SequenceEditMode, SetInsertMode
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetRef, new_uuid
from butler_core.models.dataset_type import DatasetType
from butler_core.models.results import SyncStatus
from butler_core.models.timespan import Timespan
from butler_core.testing.registries.world import DAY, INSTRUMENT, RUN, SUMMARY, RegistryWorld

VISIT = {"instrument": INSTRUMENT, "id": 1, "name": "v1", "physical_filter": "Cam-G", "day_obs": DAY}


class DimensionTests:
    """What must hold of dimension records."""

    @pytest.mark.parametrize(
        "timespan",
        [Timespan(1, 2), Timespan(None, 5), Timespan(-7, None), Timespan(), Timespan.empty(), None],
        ids=repr,
    )
    @pytest.mark.parametrize("region", [b"", b"\x00\xff region", None], ids=repr)
    def test_every_value_comes_back(
        self, world: RegistryWorld, timespan: Timespan | None, region: bytes | None
    ) -> None:
        given = {**VISIT, "exposure_time": 1 / 3, "timespan": timespan, "region": region}
        world.insert("visit", given)
        dataset_type = DatasetType("v", world.universe.conform(["visit"]), "StructuredDataDict")
        world.register_type(dataset_type)
        (ref,) = world.put(_visit_ref(world, dataset_type))
        assert ref.data_id.records["visit"] == world.record("visit", given)

    def test_booleans_and_missing_values_come_back(self, world: RegistryWorld) -> None:
        record = world.put(world.ref(detector=2))[0].data_id.records
        assert record["detector"].is_science is False
        assert record["detector"].purpose is None
        assert record["exposure"].can_see_sky is True

    def test_an_existing_key_is_refused(self, world: RegistryWorld) -> None:
        with pytest.raises(ConflictError, match=r"exposure .*100.* is there already"):
            world.insert("exposure", world.exposure(99), world.exposure(100))
        with pytest.raises(DefinitionConflictError, match=r"100.*other contents"):
            world.insert("exposure", world.exposure(100, exposure_time=1.0))
        with pytest.raises(DataIdError, match="exposure 99"):  # nothing of the first batch was applied
            world.put(world.ref(exposure=99))

    def test_an_existing_key_is_skipped(self, world: RegistryWorld) -> None:
        rows = world.exposure(100, exposure_time=1.0), world.exposure(99)
        world.insert("exposure", *rows, mode=SetInsertMode.INSERT_OR_SKIP)
        assert world.put(world.ref(exposure=100))[0].data_id.records["exposure"].exposure_time == 30.0
        world.put(world.ref(exposure=99))

    def test_an_existing_key_is_replaced(self, world: RegistryWorld) -> None:
        (before,) = world.put(world.ref(exposure=100))
        row = world.exposure(100, exposure_time=1.0, physical_filter="Cam-G")
        world.insert("exposure", row, mode=SetInsertMode.INSERT_OR_REPLACE)
        again = world.ref(exposure=100, uuid=before.uuid)
        (after,) = world.registry.expand_existing_dataset_refs([again]).refs
        assert after.data_id.records["exposure"].exposure_time == 1.0
        assert after.data_id["physical_filter"] == "Cam-G"

    def test_a_record_that_another_needs_must_be_there(self, world: RegistryWorld) -> None:
        with pytest.raises(DataIdError, match=r"exposure names physical_filter .*Cam-Z"):
            world.insert("exposure", world.exposure(99, physical_filter="Cam-Z"))
        with pytest.raises(DataIdError, match=r"detector names instrument .*Other"):
            world.insert("detector", {"instrument": "Other", "id": 1})

    def test_the_order_of_elements_in_a_batch_does_not_matter(
        self, registry: Any, world: RegistryWorld
    ) -> None:
        batch = RawBatch()
        rows: dict[str, dict[str, Any]] = {
            "patch": {"skymap": "s", "tract": 1, "id": 2},
            "tract": {"skymap": "s", "id": 1},
            "skymap": {"name": "s"},
        }
        for element, row in rows.items():
            batch.dimension_insertions[element] = world.insertion(element, [row])
        registry.apply_batch(batch)

    @pytest.mark.parametrize(
        ("element", "raw", "message"),
        [
            ("nonsense", {"nonsense": 1}, "nonsense"),
            ("band", {"band": "r"}, "no table"),
            ("detector", {"instrument": INSTRUMENT, "detector": 9, "colour": "red"}, "colour"),
            ("detector", {"instrument": INSTRUMENT}, "no value for detector"),
            ("skymap", {"skymap": None}, "no value for skymap"),
            (
                "visit",
                {"instrument": INSTRUMENT, "visit": 9, "exposure_time": math.nan},
                "visit.exposure_time",
            ),
            ("detector", {"instrument": INSTRUMENT, "detector": 2**70}, "64 bits"),
            ("detector", {"instrument": INSTRUMENT, "detector": "seven"}, "wrong type|seven"),
            ("visit", {"instrument": INSTRUMENT, "visit": 9, "region": "no hex"}, "visit.region"),
            ("visit", {"instrument": INSTRUMENT, "visit": 9, "timespan": [1]}, "visit.timespan"),
        ],
    )
    def test_malformed_raw_records_are_refused(
        self, registry: Any, world: RegistryWorld, element: str, raw: dict[str, Any], message: str
    ) -> None:
        insertion = DimensionDataInsertion(element=element, records={(1,): raw})
        with pytest.raises(InvalidInputError, match=message):
            registry.apply_batch(RawBatch(dimension_insertions={element: insertion}))

    def test_a_sync_inserts_then_finds_it_identical(self, world: RegistryWorld) -> None:
        row = world.exposure(99)
        (first,) = world.sync("exposure", row).syncs
        (second,) = world.sync("exposure", row).syncs
        assert (first.status, second.status) == (SyncStatus.INSERTED, SyncStatus.IDENTICAL)
        assert first.element == "exposure"
        assert tuple(first.key) == (INSTRUMENT, 99)

    def test_a_sync_says_what_differs(self, world: RegistryWorld) -> None:
        changed = world.exposure(100, exposure_time=1.0, timespan=(0, 5))
        with pytest.raises(DefinitionConflictError, match=r"100.*exposure_time=30\.0, not 1\.0"):
            world.sync("exposure", changed)
        (result,) = world.sync("exposure", changed, update=True).syncs
        assert result.status is SyncStatus.UPDATED
        assert dict(result.old_values) == {"exposure_time": 30.0, "timespan": [100_000, 100_500]}

    def test_syncs_are_answered_in_their_order(self, world: RegistryWorld) -> None:
        rows = world.exposure(101), world.exposure(99), world.exposure(100, exposure_time=2.0)
        statuses = [result.status.name for result in world.sync("exposure", *rows, update=True).syncs]
        assert statuses == ["IDENTICAL", "INSERTED", "UPDATED"]

    @pytest.mark.parametrize(("number", "expected"), [(99, "inserted"), (100, "updated"), (101, "neither")])
    def test_what_hangs_on_a_sync(
        self, registry: Any, world: RegistryWorld, number: int, expected: str
    ) -> None:
        """Records that are to be inserted only if a sync inserts, or updates."""
        values = {"exposure_time": 5.0} if expected == "updated" else {}
        sync = DimensionDataSync(element="exposure", update=True)
        sync.records.append(world.record("exposure", world.exposure(number, **values)).to_raw())
        sync.on_insert.append(world.insertion("skymap", [{"name": "inserted"}]))
        sync.on_update.append(world.insertion("skymap", [{"name": "updated"}]))
        registry.apply_batch(RawBatch(dimension_syncs={"exposure": sync}))
        assert registry.snapshot().governors["skymap"] == {expected} - {"neither"}

    def test_governor_values_are_known(self, world: RegistryWorld) -> None:
        snapshot = world.registry.snapshot()
        assert snapshot is not None
        assert snapshot.governors == {"instrument": {INSTRUMENT}, "skymap": frozenset()}


class DatasetTypeTests:
    """What must hold of dataset types."""

    def test_registering_a_type_again_changes_nothing(self, world: RegistryWorld) -> None:
        generation = world.generation()
        world.register_type(world.summary)
        assert world.generation() == generation

    def test_a_type_is_described(self, world: RegistryWorld) -> None:
        snapshot = world.registry.snapshot()
        assert snapshot is not None
        found = {registration.name: registration for registration in snapshot.dataset_types}
        expected = DatasetTypeRegistration.from_dataset_type(world.summary)
        assert found[SUMMARY] == expected

    @pytest.mark.parametrize("change", ["dimensions", "storage_class", "is_calibration"])
    def test_another_definition_of_a_type_is_refused(self, world: RegistryWorld, change: str) -> None:
        with pytest.raises(DefinitionConflictError, match=SUMMARY):
            world.register_type(_changed(world, change))

    @pytest.mark.parametrize("change", ["dimensions", "storage_class", "is_calibration"])
    def test_an_update_of_an_unused_type(self, world: RegistryWorld, change: str) -> None:
        world.register_type(_changed(world, change), update=True)
        world.register_type(_changed(world, change))

    def test_a_used_type_can_change_its_storage_class_only(self, world: RegistryWorld) -> None:
        world.put(world.ref())
        world.register_type(_changed(world, "storage_class"), update=True)
        for change in ("dimensions", "is_calibration"):
            with pytest.raises(InUseError, match=SUMMARY):
                world.register_type(_changed(world, change), update=True)

    def test_a_component_is_no_type_of_its_own(self, world: RegistryWorld) -> None:
        with pytest.raises(InvalidInputError, match="component"):
            world.register_type(DatasetType("summary.part", world.summary.dimensions, "StructuredDataDict"))

    def test_unknown_dimensions_are_refused(self, registry: Any, world: RegistryWorld) -> None:
        registration = DatasetTypeRegistration(
            name="x", dimensions=("nonsense",), storage_class_name="X", is_calibration=False
        )
        with pytest.raises(InvalidInputError, match="nonsense"):
            registry.apply_batch(RawBatch(dataset_type_registrations={"x": registration}))

    def test_removal_of_a_type(self, registry: Any, world: RegistryWorld) -> None:
        registry.apply_batch(RawBatch(dataset_type_removals={SUMMARY}))
        assert SUMMARY not in {each.name for each in registry.snapshot().dataset_types}
        with pytest.raises(DatasetTypeNotFoundError, match=SUMMARY):
            registry.apply_batch(RawBatch(dataset_type_removals={SUMMARY}))
        world.register_type(_changed(world, "dimensions"))

    def test_removal_of_a_used_type_is_refused(self, registry: Any, world: RegistryWorld) -> None:
        (ref,) = world.put(world.ref())
        with pytest.raises(InUseError, match=SUMMARY):
            registry.apply_batch(RawBatch(dataset_type_removals={SUMMARY}))
        world.remove(ref)
        registry.apply_batch(RawBatch(dataset_type_removals={SUMMARY}))


class CollectionTests:
    """What must hold of collections and chains."""

    def test_registering_a_collection_again_changes_nothing(self, world: RegistryWorld) -> None:
        for collection_type in CollectionType:
            name = f"c/{collection_type.value}"
            world.register(name, type=collection_type, doc="first")
            generation = world.generation()
            world.register(name, type=collection_type, doc="second")
            assert world.generation() == generation
            assert world.collections()[name].type is collection_type
            assert world.collections()[name].doc == "first"

    def test_another_type_of_a_collection_is_refused(self, world: RegistryWorld) -> None:
        with pytest.raises(DefinitionConflictError, match=f"{RUN}.*run"):
            world.register(RUN, type=CollectionType.TAGGED)

    def test_documentation_of_collections(self, world: RegistryWorld) -> None:
        world.register(RUN, doc="given later")
        assert world.collections()[RUN].doc == "given later"
        world.edit(SetCollectionDocumentation(name=RUN, doc="replaced"))
        assert world.collections()[RUN].doc == "replaced"
        with pytest.raises(CollectionNotFoundError, match="nowhere"):
            world.edit(SetCollectionDocumentation(name="nowhere", doc="x"))

    @pytest.mark.parametrize(
        ("mode", "children", "expected"),
        [
            (SequenceEditMode.ASSIGN, ["c", "a"], "ca"),
            (SequenceEditMode.ASSIGN, [], ""),
            (SequenceEditMode.ASSIGN, ["c", "c"], "c"),
            (SequenceEditMode.EXTEND, ["c", "a"], "bca"),
            (SequenceEditMode.PREPEND, ["c", "b"], "cba"),
            (SequenceEditMode.REMOVE, ["a"], "b"),
            (SequenceEditMode.REMOVE, ["c"], "ab"),
            (SequenceEditMode.REMOVE, [0], "b"),
            (SequenceEditMode.REMOVE, [1, "a"], ""),
        ],
    )
    def test_chain_edits(
        self, world: RegistryWorld, mode: SequenceEditMode, children: list[Any], expected: str
    ) -> None:
        world.register("a", "b", "c")
        world.register("chain", type=CollectionType.CHAINED)
        world.edit(_chain("chain", "a", "b"))
        world.edit(_chain("chain", *children, mode=mode))
        assert world.children("chain") == tuple(expected)

    def test_edits_of_one_batch_follow_one_another(self, world: RegistryWorld) -> None:
        world.register("a", "b")
        world.register("chain", type=CollectionType.CHAINED)
        world.edit(_chain("chain", "a"), _chain("chain", "b", mode=SequenceEditMode.EXTEND))
        assert world.children("chain") == ("a", "b")

    def test_flattening(self, world: RegistryWorld) -> None:
        world.register("a", "b", "c")
        world.register("inner", "middle", "outer", type=CollectionType.CHAINED)
        world.edit(_chain("inner", "a", "b"), _chain("middle", "inner", "c"))
        world.edit(_chain("outer", "b", "middle", flatten=True))
        assert world.children("outer") == ("b", "a", "c")

    def test_cycles_are_refused(self, world: RegistryWorld) -> None:
        world.register("one", "two", "three", type=CollectionType.CHAINED)
        with pytest.raises(ConflictError, match=r"one.*hold itself"):
            world.edit(_chain("one", "one"))
        with pytest.raises(ConflictError, match="three > one > two > three"):
            world.edit(_chain("one", "two"), _chain("two", "three"), _chain("three", "one"))
        assert world.children("one") == ()

    @pytest.mark.parametrize(
        ("edit", "error", "message"),
        [
            (("chain", "nowhere"), CollectionNotFoundError, "nowhere"),
            (("nowhere", RUN), CollectionNotFoundError, "nowhere"),
            ((RUN, RUN), InvalidInputError, "RUN, not CHAINED"),
            (("chain", 0), InvalidInputError, "Positions"),
        ],
    )
    def test_wrong_edits_are_refused(
        self, world: RegistryWorld, edit: tuple[Any, ...], error: type[Exception], message: str
    ) -> None:
        world.register("chain", type=CollectionType.CHAINED)
        with pytest.raises(error, match=message):
            world.edit(_chain(*edit))

    def test_a_position_beyond_the_end_is_refused(self, world: RegistryWorld) -> None:
        world.register("chain", type=CollectionType.CHAINED)
        with pytest.raises(InvalidInputError, match="none at position 0"):
            world.edit(_chain("chain", 0, mode=SequenceEditMode.REMOVE))

    def test_removal_of_collections(self, registry: Any, world: RegistryWorld) -> None:
        world.register("a", "b")
        registry.apply_batch(RawBatch(collection_removals={"a", "b"}))
        assert set(world.collections()) == {RUN}
        with pytest.raises(CollectionNotFoundError, match="'a'"):
            registry.apply_batch(RawBatch(collection_removals={"a"}))
        world.register("a", type=CollectionType.TAGGED)

    def test_what_is_in_a_chain_cannot_go_without_it(self, registry: Any, world: RegistryWorld) -> None:
        world.register("a", "b")
        world.register("chain", type=CollectionType.CHAINED)
        world.edit(_chain("chain", "a", "b"))
        with pytest.raises(InUseError, match="'a' is in 'chain'"):
            registry.apply_batch(RawBatch(collection_removals={"a", "b"}))
        assert world.children("chain") == ("a", "b")
        batch = RawBatch(collection_removals={"b"})
        batch.collection_edits.append(_chain("chain", "b", mode=SequenceEditMode.REMOVE))
        registry.apply_batch(batch)
        registry.apply_batch(RawBatch(collection_removals={"a", "chain"}))
        assert set(world.collections()) == {RUN}

    def test_a_run_with_datasets_cannot_go_without_them(self, registry: Any, world: RegistryWorld) -> None:
        (ref,) = world.put(world.ref())
        with pytest.raises(InUseError, match=f"{RUN}.*{SUMMARY}"):
            registry.apply_batch(RawBatch(collection_removals={RUN}))
        batch = RawBatch(collection_removals={RUN})
        batch.dataset_removals.include([ref])
        batch.opaque_table_removals.insert(world.bridge.table_name, [ref.uuid])
        registry.apply_batch(batch)
        assert not world.collections()

    def test_a_generation_has_one_content(self, registry: Any, world: RegistryWorld) -> None:
        known = world.generation()
        assert registry.snapshot(known) is None
        world.register("another")
        assert registry.snapshot(known) is not None
        assert world.generation() > known

    def test_only_definitions_raise_the_generation(self, world: RegistryWorld) -> None:
        world.put(world.ref(exposure=100))  # the first of its type in the RUN, which the summaries tell
        generation = world.generation()
        world.put(world.ref(exposure=101))
        world.insert("exposure", world.exposure(99))
        world.sync("exposure", world.exposure(99))
        assert world.generation() == generation
        world.insert("instrument", {"name": "Other"})
        assert world.generation() > generation

    def test_summaries_never_say_too_little(self, registry: Any, world: RegistryWorld) -> None:
        world.put(world.ref())
        types, governors = registry.snapshot().summaries[RUN]
        assert SUMMARY in types
        assert INSTRUMENT in governors["instrument"]

    def test_collections_and_types_used_in_the_batch_that_registers_them(
        self, registry: Any, world: RegistryWorld
    ) -> None:
        batch = RawBatch()
        batch.collection_registrations["new"] = CollectionRegistration(name="new", type=CollectionType.RUN)
        batch.collection_registrations["top"] = CollectionRegistration(
            name="top", type=CollectionType.CHAINED
        )
        batch.collection_edits.append(_chain("top", "new", RUN))
        batch.dataset_insertions.include([world.ref(run="new")])
        assert registry.apply_batch(batch).datasets == 1
        assert world.children("top") == ("new", RUN)


def _chain(
    chain: str,
    *children: str | int,
    mode: SequenceEditMode = SequenceEditMode.ASSIGN,
    flatten: bool = False,
) -> ChainedCollectionEdit:
    return ChainedCollectionEdit(chain=chain, children=children, mode=mode, flatten=flatten)


def _changed(world: RegistryWorld, change: str) -> DatasetType:
    there = world.summary
    dimensions = world.universe.conform(["exposure"]) if change == "dimensions" else there.dimensions
    storage_class = "StructuredDataList" if change == "storage_class" else there.storage_class_name
    return DatasetType(SUMMARY, dimensions, storage_class, is_calibration=change == "is_calibration")


def _visit_ref(world: RegistryWorld, dataset_type: DatasetType) -> DatasetRef:
    data_id = DataCoordinate.standardize({"instrument": INSTRUMENT, "visit": 1}, universe=world.universe)
    return DatasetRef(new_uuid(), dataset_type, data_id, RUN)
