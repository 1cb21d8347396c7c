"""The part of the registry's conformance suite about datasets, their memberships and their datastore records."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from butler_core.errors import (
    CollectionNotFoundError,
    ConflictError,
    DataIdError,
    DatasetExistsError,
    DatasetNotFoundError,
    DatasetTypeNotFoundError,
    InUseError,
    InvalidInputError,
    NotFoundError,
)
from butler_core.models.batch import (
    Certification,
    CertificationMerge,
    Decertification,
    RawBatch,
    TaggedCollectionEdit,
)
from butler_core.models.collection import CollectionType, SetEditMode
from butler_core.models.dataset_ref import DatasetRef, new_uuid
from butler_core.models.dataset_type import DatasetType
from butler_core.testing.registries.world import FLAT, INSTRUMENT, RUN, SUMMARY, RegistryWorld


class DatasetTests:
    """What must hold of datasets."""

    def test_datasets_are_registered(self, world: RegistryWorld) -> None:
        refs = [world.ref(exposure=number) for number in (100, 101)]
        assert world.register_datasets(*refs).datasets == 2
        assert all(map(world.exists, refs))
        assert world.members(RUN) == {(0, 100): refs[0].uuid, (0, 101): refs[1].uuid}

    def test_a_taken_data_id_is_refused(self, world: RegistryWorld) -> None:
        world.put(world.ref(exposure=101, detector=2))
        new = [world.ref(exposure=100), world.ref(exposure=101, detector=2)]
        with pytest.raises(DatasetExistsError, match=rf"(?s){RUN}.*{SUMMARY}.*101") as caught:
            world.register_datasets(*new)
        assert caught.value.details["data_id"] == {"instrument": INSTRUMENT, "detector": 2, "exposure": 101}
        assert not world.exists(new[0])

    def test_a_taken_uuid_is_refused(self, world: RegistryWorld) -> None:
        (there,) = world.put(world.ref(exposure=100))
        with pytest.raises(DatasetExistsError, match=str(there.uuid)):
            world.register_datasets(world.ref(exposure=101, uuid=there.uuid))

    def test_the_same_data_id_twice_in_a_batch_is_refused(self, world: RegistryWorld) -> None:
        with pytest.raises(DatasetExistsError, match="100"):
            world.register_datasets(world.ref(), world.ref())

    def test_other_runs_and_types_have_places_of_their_own(self, world: RegistryWorld) -> None:
        world.register("other")
        refs = world.ref(), world.ref(run="other"), world.ref(exposure=None)
        world.put(*refs)
        assert all(map(world.exists, refs))

    def test_dimension_values_must_have_records(self, world: RegistryWorld) -> None:
        with pytest.raises(DataIdError, match="exposure 999"):
            world.register_datasets(world.ref(exposure=100), world.ref(exposure=999))

    def test_records_inserted_by_the_same_batch_will_do(self, registry: Any, world: RegistryWorld) -> None:
        batch = RawBatch()
        batch.dimension_insertions["exposure"] = world.insertion("exposure", [world.exposure(99)])
        batch.dataset_insertions.include([world.ref(exposure=99)])
        registry.apply_batch(batch)

    @pytest.mark.parametrize(
        ("name", "run", "values", "error", "message"),
        [
            ("nonsense", RUN, (INSTRUMENT, 0, 100), DatasetTypeNotFoundError, "nonsense"),
            ("summary.part", RUN, (INSTRUMENT, 0, 100), DatasetTypeNotFoundError, "component"),
            (SUMMARY, "nowhere", (INSTRUMENT, 0, 100), CollectionNotFoundError, "nowhere"),
            (SUMMARY, "tag", (INSTRUMENT, 0, 100), InvalidInputError, "TAGGED, not RUN"),
            (SUMMARY, RUN, (INSTRUMENT, 0), DataIdError, "exposure"),
            (SUMMARY, RUN, (INSTRUMENT, "zero", 100), InvalidInputError, "type|zero"),
        ],
    )
    def test_malformed_rows_are_refused(
        self,
        registry: Any,
        world: RegistryWorld,
        name: str,
        run: str,
        values: tuple[Any, ...],
        error: type[Exception],
        message: str,
    ) -> None:
        world.register("tag", type=CollectionType.TAGGED)
        batch = RawBatch()
        batch.dataset_insertions.datasets[name] = {run: {new_uuid(): values}}
        with pytest.raises(error, match=message):
            registry.apply_batch(batch)

    def test_a_type_without_dimensions_has_one_place(self, world: RegistryWorld) -> None:
        dataset_type = DatasetType("config", world.universe.empty, "StructuredDataDict")
        world.register_type(dataset_type)
        data_id = world.data_id(exposure=100).subset([])
        refs = [DatasetRef(new_uuid(), dataset_type, data_id, RUN) for _ in range(2)]
        world.put(refs[0])
        with pytest.raises(DatasetExistsError, match="config"):
            world.register_datasets(refs[1])

    def test_removal_frees_the_place(self, world: RegistryWorld) -> None:
        (ref,) = world.put(world.ref())
        world.remove(ref)
        assert not world.exists(ref)
        world.remove(ref)  # what is not there is passed over
        world.put(world.ref(uuid=ref.uuid))

    def test_removal_with_records_left_is_refused(self, world: RegistryWorld) -> None:
        (ref,) = world.put(world.ref())
        with pytest.raises(InUseError, match=f"{ref.uuid}.*records"):
            world.remove(ref, with_records=False)
        assert world.exists(ref)

    def test_what_is_added_and_removed_at_once_is_refused(self, registry: Any, world: RegistryWorld) -> None:
        ref = world.ref()
        batch = RawBatch()
        batch.dataset_insertions.include([ref])
        batch.dataset_removals.include([ref])
        with pytest.raises(ConflictError, match=str(ref.uuid)):
            registry.apply_batch(batch)


class RecordTests:
    """What must hold of datastore records."""

    def test_records_come_back(self, registry: Any, world: RegistryWorld) -> None:
        ref, origin = world.ref(), new_uuid()
        batch = RawBatch()
        batch.dataset_insertions.include([ref])
        values = ("path/to it", 2**40, origin, False)
        batch.opaque_table_insertions.insert(world.bridge.table_name, [(ref.uuid, values)])
        registry.apply_batch(batch)
        (found,) = registry.expand_existing_dataset_refs([ref]).refs
        assert found.datastore_records == {world.bridge.table_name: values}

    def test_a_dataset_without_records_is_registered_and_not_stored(
        self, registry: Any, world: RegistryWorld
    ) -> None:
        ref = world.ref()
        world.register_datasets(ref)
        (found,) = registry.expand_existing_dataset_refs([ref]).refs
        assert found.datastore_records == {}

    def test_removal_of_records_keeps_the_dataset(self, registry: Any, world: RegistryWorld) -> None:
        kept, dropped = world.put(world.ref(exposure=100), world.ref(exposure=101))
        batch = RawBatch()
        batch.opaque_table_removals.insert(world.bridge.table_name, [dropped.uuid, new_uuid()])
        registry.apply_batch(batch)
        asked = [ref.with_datastore_records(None) for ref in (kept, dropped)]
        found = registry.expand_existing_dataset_refs(asked).refs
        assert [bool(ref.datastore_records) for ref in found] == [True, False]

    def test_records_that_came_after_they_were_read_are_not_removed(
        self, registry: Any, world: RegistryWorld
    ) -> None:
        """Nobody would delete the artifact that they name."""
        (ref,) = world.put(world.ref())
        table = world.bridge.table_name
        batch = RawBatch()
        batch.opaque_table_removals.insert(table, [ref.uuid])
        batch.opaque_table_removals.expect(table, ["read before"])
        with pytest.raises(ConflictError, match=str(ref.uuid)):
            registry.apply_batch(batch)
        (found,) = registry.expand_existing_dataset_refs([ref.with_datastore_records(None)]).refs
        assert found.datastore_records
        (row,) = world.bridge.opaque_values_to_raw(table, {ref.uuid: found.datastore_records[table]})
        again = RawBatch()
        again.opaque_table_removals.insert(table, [ref.uuid, new_uuid()])
        column = world.bridge.tables[table].artifact_column
        assert column is not None
        again.opaque_table_removals.expect(table, ["read before", row[column]])
        registry.apply_batch(again)
        (found,) = registry.expand_existing_dataset_refs([ref.with_datastore_records(None)]).refs
        assert not found.datastore_records

    def test_artifacts_are_referenced_while_any_record_names_them(
        self, registry: Any, world: RegistryWorld
    ) -> None:
        refs = [world.ref(exposure=100), world.ref(exposure=101)]
        batch, table = RawBatch(), world.bridge.table_name
        batch.dataset_insertions.include(refs)
        rows = [(ref.uuid, ("shared", 1, None, True)) for ref in refs]
        batch.opaque_table_insertions.insert(table, rows)
        registry.apply_batch(batch)
        asked = ["shared", "shared", "another"]
        store = world.bridge.datastore_id
        for count, ref in enumerate(refs):
            assert registry.referenced(store, asked) == {"shared"}, f"with {count} gone"
            assert registry.referenced("nobody", asked) == set()
            left = {each.uuid for each in refs[count:]}
            assert registry.referenced(store, asked, excluding=left) == set()
            assert registry.referenced(store, asked, excluding=left - {ref.uuid}) == {"shared"}
            removal = RawBatch()
            removal.opaque_table_removals.insert(table, [ref.uuid])
            registry.apply_batch(removal)
        assert registry.referenced(store, asked) == set()
        assert registry.referenced(store, []) == set()

    def test_records_need_a_dataset(self, registry: Any, world: RegistryWorld) -> None:
        uuid = new_uuid()
        batch = RawBatch()
        batch.opaque_table_insertions.insert(world.bridge.table_name, [(uuid, ("a", 1, None, True))])
        with pytest.raises(DatasetNotFoundError, match=str(uuid)):
            registry.apply_batch(batch)

    def test_a_dataset_is_stored_once(self, registry: Any, world: RegistryWorld) -> None:
        (ref,) = world.put(world.ref())
        batch = RawBatch()
        batch.opaque_table_insertions.insert(world.bridge.table_name, [(ref.uuid, ("b", 1, None, True))])
        with pytest.raises(ConflictError, match=str(ref.uuid)):
            registry.apply_batch(batch)

    def test_unknown_tables_are_refused(self, registry: Any, world: RegistryWorld) -> None:
        batch = RawBatch()
        batch.opaque_table_insertions.insert("nonsense", [(new_uuid(), ())])
        with pytest.raises(NotFoundError, match="nonsense"):
            registry.apply_batch(batch)


class AssociationTests:
    """What must hold of TAGGED collections."""

    @pytest.fixture
    def tagged(self, world: RegistryWorld) -> dict[str, DatasetRef]:
        """Datasets: ``a`` and ``b`` of one data ID in two RUNs, ``c`` of another; ``a`` is tagged."""
        world.register("other")
        world.register("tag", type=CollectionType.TAGGED)
        refs = dict(
            zip("abc", world.put(world.ref(), world.ref(run="other"), world.ref(exposure=101)), strict=True)
        )
        world.edit(_tag(SetEditMode.INSERT_OR_FAIL, refs["a"]))
        return refs

    @pytest.mark.parametrize(
        ("mode", "given", "expected"),
        [
            (SetEditMode.INSERT_OR_FAIL, "c", "ac"),
            (SetEditMode.INSERT_OR_SKIP, "bc", "ac"),
            (SetEditMode.INSERT_OR_REPLACE, "bc", "bc"),
            (SetEditMode.ASSIGN, "c", "c"),
            (SetEditMode.ASSIGN, "b", "b"),
            (SetEditMode.ASSIGN, "", "a"),
            (SetEditMode.REMOVE, "a", ""),
            (SetEditMode.DISCARD, "abc", ""),
            (SetEditMode.DISCARD, "bc", "a"),
        ],
    )
    def test_edits_of_associations(
        self,
        world: RegistryWorld,
        tagged: dict[str, DatasetRef],
        mode: SetEditMode,
        given: str,
        expected: str,
    ) -> None:
        world.edit(_tag(mode, *(tagged[name] for name in given)))
        assert set(world.members("tag").values()) == {tagged[name].uuid for name in expected}
        assert set(world.members(RUN).values()) == {tagged["a"].uuid, tagged["c"].uuid}

    @pytest.mark.parametrize(
        ("mode", "given"),
        [
            (SetEditMode.INSERT_OR_FAIL, "b"),
            (SetEditMode.INSERT_OR_FAIL, "ab"),
            (SetEditMode.ASSIGN, "ab"),
        ],
    )
    def test_a_data_id_has_one_place(
        self, world: RegistryWorld, tagged: dict[str, DatasetRef], mode: SetEditMode, given: str
    ) -> None:
        with pytest.raises(ConflictError, match=r"tag.*summary.*100"):
            world.edit(_tag(mode, *(tagged[name] for name in given)))
        assert set(world.members("tag").values()) == {tagged["a"].uuid}

    def test_removing_what_is_not_a_member(self, world: RegistryWorld, tagged: dict[str, DatasetRef]) -> None:
        with pytest.raises(DatasetNotFoundError, match=str(tagged["c"].uuid)):
            world.edit(_tag(SetEditMode.REMOVE, tagged["a"], tagged["c"]))
        assert set(world.members("tag").values()) == {tagged["a"].uuid}

    def test_unknown_datasets_are_refused_or_discarded(
        self, world: RegistryWorld, tagged: dict[str, DatasetRef]
    ) -> None:
        unknown = world.ref(exposure=102)
        with pytest.raises(DatasetNotFoundError, match=str(unknown.uuid)):
            world.edit(_tag(SetEditMode.INSERT_OR_SKIP, unknown))
        world.edit(_tag(SetEditMode.DISCARD, unknown))

    def test_only_tagged_collections(self, world: RegistryWorld, tagged: dict[str, DatasetRef]) -> None:
        edit = TaggedCollectionEdit(collection=RUN, datasets=frozenset(), mode=SetEditMode.DISCARD)
        with pytest.raises(InvalidInputError, match="RUN, not TAGGED"):
            world.edit(edit)

    def test_a_member_cannot_be_removed_without_its_membership(
        self, registry: Any, world: RegistryWorld, tagged: dict[str, DatasetRef]
    ) -> None:
        with pytest.raises(InUseError, match=f"{tagged['a'].uuid}.*'tag'"):
            world.remove(tagged["a"])
        assert world.exists(tagged["a"])
        batch = RawBatch(collection_edits=[_tag(SetEditMode.REMOVE, tagged["a"])])
        batch.dataset_removals.include([tagged["a"]])
        batch.opaque_table_removals.insert(world.bridge.table_name, [tagged["a"].uuid])
        registry.apply_batch(batch)
        assert not world.exists(tagged["a"])

    def test_a_collection_takes_its_memberships_along(
        self, registry: Any, world: RegistryWorld, tagged: dict[str, DatasetRef]
    ) -> None:
        batch = RawBatch(collection_removals={"tag"})
        batch.dataset_removals.include([tagged["a"]])
        batch.opaque_table_removals.insert(world.bridge.table_name, [tagged["a"].uuid])
        registry.apply_batch(batch)
        assert not world.exists(tagged["a"])
        assert world.exists(tagged["b"])

    def test_summaries_of_a_tag_never_say_too_little(
        self, registry: Any, world: RegistryWorld, tagged: dict[str, DatasetRef]
    ) -> None:
        types, governors = registry.snapshot().summaries["tag"]
        assert SUMMARY in types
        assert INSTRUMENT in governors["instrument"]


class CertificationTests:
    """What must hold of CALIBRATION collections."""

    @pytest.fixture
    def flats(self, world: RegistryWorld) -> list[DatasetRef]:
        """Return two flats of one data ID in two of three RUNs, and one of another data ID."""
        world.register("other", "third")
        world.register("calib", "calib2", type=CollectionType.CALIBRATION)
        return world.put(
            world.ref(exposure=None),
            world.ref(exposure=None, run="other"),
            world.ref(exposure=None, detector=1),
        )

    def test_validities_that_touch_do_not_overlap(
        self, world: RegistryWorld, flats: list[DatasetRef]
    ) -> None:
        world.edit(_certify(flats[0], None, 10), _certify(flats[1], 10, 20), _certify(flats[0], 20, None))
        world.edit(_certify(flats[2], None, None))

    @pytest.mark.parametrize(
        ("begin", "end"), [(0, 11), (10, 20), (12, 13), (19, None), (None, None), (None, 11)]
    )
    def test_validities_that_overlap_are_refused(
        self, world: RegistryWorld, flats: list[DatasetRef], begin: int | None, end: int | None
    ) -> None:
        world.edit(_certify(flats[0], 10, 20))
        with pytest.raises(ConflictError, match=str(flats[0].uuid)):
            world.edit(_certify(flats[1], begin, end))

    def test_one_batch_cannot_certify_two_for_one_data_id(
        self, world: RegistryWorld, flats: list[DatasetRef]
    ) -> None:
        with pytest.raises(ConflictError, match="calib"):
            world.edit(_certify(flats[0], 0, 1, flats[1]))

    def test_the_same_again_changes_nothing(self, world: RegistryWorld, flats: list[DatasetRef]) -> None:
        world.edit(_certify(flats[0], 10, 20))
        world.edit(_certify(flats[0], 10, 20))

    def test_decertifying_trims_and_splits(self, world: RegistryWorld, flats: list[DatasetRef]) -> None:
        world.edit(_certify(flats[0], 0, 100), _certify(flats[2], 0, 100))
        data_ids = ((INSTRUMENT, 0),)
        world.edit(
            Decertification(collection="calib", dataset_type=FLAT, timespan=(40, 60), data_ids=data_ids)
        )
        world.edit(_certify(flats[1], 40, 60))
        for begin, end in ((39, 40), (60, 61)):
            with pytest.raises(ConflictError, match=str(flats[0].uuid)):
                world.edit(_certify(flats[1], begin, end))
        with pytest.raises(ConflictError, match=str(flats[2].uuid)):  # the other data ID was not asked for
            world.edit(_certify(world.put(world.ref(exposure=None, detector=1, run="third"))[0], 50, 51))

    def test_decertifying_only_some_datasets(self, world: RegistryWorld, flats: list[DatasetRef]) -> None:
        world.edit(_certify(flats[0], 0, 10), _certify(flats[1], 10, 20), _certify(flats[0], 20, 30))
        gone = frozenset({flats[0].uuid})
        world.edit(
            Decertification(collection="calib", dataset_type=FLAT, timespan=(None, None), datasets=gone)
        )
        world.remove(flats[0])
        third = world.put(world.ref(exposure=None, run="third"))[0]
        with pytest.raises(ConflictError, match=str(flats[1].uuid)):
            world.edit(_certify(third, 15, 16))
        world.edit(_certify(third, 0, 10), _certify(third, 20, 30))

    def test_a_merge_fills_the_gaps(self, world: RegistryWorld, flats: list[DatasetRef]) -> None:
        world.edit(_certify(flats[0], 10, 20), _certify(flats[1], 0, 100, collection="calib2"))
        world.edit(CertificationMerge(output="calib", inputs=("calib2",)))
        third = world.put(world.ref(exposure=None, run="third"))[0]
        for begin, there in ((0, flats[1]), (15, flats[0]), (99, flats[1])):
            with pytest.raises(ConflictError, match=str(there.uuid)):
                world.edit(_certify(third, begin, begin + 1))
        world.edit(_certify(third, 100, None))

    def test_several_calibration_types_of_one_group(self, world: RegistryWorld) -> None:
        world.register("calib", type=CollectionType.CALIBRATION)
        group = world.summary.dimensions  # which a type has that is no calibration
        for name in ("first", "second"):
            dataset_type = DatasetType(name, group, "StructuredDataDict", is_calibration=True)
            world.register_type(dataset_type)
            ref = DatasetRef(new_uuid(), dataset_type, world.data_id(exposure=100), RUN)
            world.put(ref)
            world.edit(_certify(ref, None, None))

    def test_wrong_certifications_are_refused(self, world: RegistryWorld, flats: list[DatasetRef]) -> None:
        (summary,) = world.put(world.ref())
        with pytest.raises(InvalidInputError, match=SUMMARY):
            world.edit(_certify(summary, 0, 1))
        with pytest.raises(InvalidInputError, match="empty"):
            world.edit(_certify(flats[0], 5, 5))
        with pytest.raises(InvalidInputError, match="RUN, not CALIBRATION"):
            world.edit(_certify(flats[0], 0, 1, collection=RUN))
        with pytest.raises(DatasetNotFoundError):
            world.edit(_certify(world.ref(exposure=None, detector=2), 0, 1))

    def test_what_is_certified_cannot_be_removed(
        self, registry: Any, world: RegistryWorld, flats: list[DatasetRef]
    ) -> None:
        world.edit(_certify(flats[0], 0, 1))
        with pytest.raises(InUseError, match=f"{flats[0].uuid}.*'calib'"):
            world.remove(flats[0])
        world.edit(Decertification(collection="calib", dataset_type=FLAT, timespan=(None, None)))
        world.remove(flats[0])
        world.edit(_certify(flats[1], 0, 1))
        registry.apply_batch(RawBatch(collection_removals={"calib", "calib2"}))
        world.remove(flats[1])


def _tag(mode: SetEditMode, *refs: DatasetRef) -> TaggedCollectionEdit:
    uuids: frozenset[UUID] = frozenset(ref.uuid for ref in refs)
    return TaggedCollectionEdit(collection="tag", datasets=uuids, mode=mode)


def _certify(
    ref: DatasetRef, begin: int | None, end: int | None, *more: DatasetRef, collection: str = "calib"
) -> Certification:
    uuids = frozenset(each.uuid for each in (ref, *more))
    return Certification(collection=collection, datasets=uuids, timespan=(begin, end))
