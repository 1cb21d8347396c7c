"""Batches: many kinds of writes applied at once or not at all, contradictions, preconditions, and files among them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from butler_core import (
    BatchHelper,
    Butler,
    CollectionType,
    DataCoordinate,
    DatasetRef,
    DatasetType,
    FileDataset,
    RawBatch,
    SequenceEditMode,
    SetEditMode,
    SyncStatus,
    Timespan,
)
from butler_core.errors import (
    ButlerError,
    ConflictError,
    DataIdError,
    DatasetTypeNotFoundError,
    DefinitionConflictError,
    InUseError,
    InvalidInputError,
    NotFoundError,
    PreconditionError,
    UnavailableError,
)
from butler_core.models.batch import BatchResults
from butler_core.models.journal import Journal
from tests.butler.conftest import INSTRUMENT, RUN, data_ids
from tests.butler.test_datasets import files_under, journals_under

OTHER = "u/test/other"
FIRST, SECOND = data_ids()[:2]


def file_of(directory: Path, *refs: DatasetRef, name: str = "new.json") -> FileDataset:
    path = directory / name
    path.write_text('{"from": "file"}')
    return FileDataset(str(path), list(refs))


def spy_on_journals(butler: Butler, monkeypatch: pytest.MonkeyPatch) -> list[Journal]:
    """Collect the journals that are written."""
    journals: list[Journal] = []
    real = butler._datastore.journals.create

    def create(location: str, journal: Journal) -> str:
        journals.append(journal)
        return real(location, journal)

    monkeypatch.setattr(butler._datastore.journals, "create", create)
    return journals


# -- everything at once


def test_one_batch_of_every_kind(butler: Butler, root: Path, tmp_path: Path) -> None:
    old = butler.put({"old": True}, "summary", FIRST)
    butler.register_dataset_type("unused", ["instrument"], "StructuredDataDict")
    flat = DatasetType(
        "flat", butler.dimensions.conform(["detector"]), "StructuredDataDict", is_calibration=True
    )
    with butler.batched() as batch:
        # Backwards, to show that the order does not matter.
        batch.remove_dataset_type("unused")
        with batch.removal() as removal:
            removal.include_datasets([old])
        batch.certify("calib", made := butler.make_refs("summary", []), Timespan(0, 1))
        batch.edit_collection_chain("chain", [OTHER, RUN], SequenceEditMode.ASSIGN)
        new = DatasetRef(uuid4(), flat, _detector(butler, 1), OTHER)
        batch.edit_associations("tag", [new], SetEditMode.INSERT_OR_FAIL)
        batch.certify("calib", [new], Timespan(None, 10))
        batch.ingest(file_of(tmp_path, new))
        batch.insert_dimension_data("day_obs", [{"instrument": INSTRUMENT, "id": 20260102}])
        batch.insert_dimension_data(
            "detector",
            [{"instrument": INSTRUMENT, "id": 77, "full_name": "S77"}],
            on_insert_of="physical_filter",
        )
        batch.sync_dimension_data(
            {"instrument": INSTRUMENT, "name": "Cam-Z", "band": "z"}, element="physical_filter"
        )
        batch.register_collection(OTHER)
        batch.register_collection("chain", CollectionType.CHAINED)
        batch.register_collection("tag", CollectionType.TAGGED)
        batch.register_collection("calib", CollectionType.CALIBRATION)
        batch.set_collection_documentation("tag", "chosen")
        batch.register_dataset_type(flat)
        batch.require_dataset_present(old)
        batch.require_collection_absent("chain")
        with pytest.raises(InvalidInputError, match="not applied"):
            _ = batch.results
    assert made == []
    assert [sync.status for sync in batch.results.syncs] == [SyncStatus.INSERTED]
    assert batch.results.datasets == 1
    assert butler.get("flat", instrument=INSTRUMENT, detector=1, collections="chain") == {"from": "file"}
    assert list(butler.query_datasets("flat", "tag")) == [new]
    assert list(butler.query_datasets("flat", "calib", find_first=False)) == [new]
    assert butler.get_collection_documentation("tag") == "chosen"
    assert len(list(butler.query_dimension_records("detector", instrument=INSTRUMENT, detector=77))) == 1
    assert not butler.exists(old)
    with pytest.raises(DatasetTypeNotFoundError):
        butler.get_dataset_type("unused")
    assert len(files_under(root)) == 1
    assert journals_under(root) == []


def _detector(butler: Butler, detector: int) -> DataCoordinate:
    (data_id,) = butler.query_data_ids(["detector"], instrument=INSTRUMENT, detector=detector)
    return data_id


def test_a_batch_that_writes_and_removes_has_a_journal_of_each_kind(
    butler: Butler, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    butler.register_collection(OTHER)
    old = [butler.put({}, "summary", FIRST, run=run) for run in (RUN, OTHER)]
    journals = spy_on_journals(butler, monkeypatch)
    (new,) = butler.make_refs("summary", [SECOND])
    (more,) = butler.make_refs("summary", [SECOND], run=OTHER)
    with butler.batched() as batch:
        batch.ingest(file_of(tmp_path, new))
        batch.ingest(file_of(tmp_path, more, name="more.json"), transfer="move")
        with batch.removal() as removal:
            removal.include_datasets(old)
    assert {journal.batch_id for journal in journals} == {batch.batch_id}
    assert [journal.kind for journal in journals] == ["write", "write", "remove", "remove"]
    assert butler.get(new) == butler.get(more) == {"from": "file"}
    assert len(files_under(root)) == 2
    assert journals_under(root) == []
    assert (tmp_path / "new.json").exists()
    assert not (tmp_path / "more.json").exists()


@pytest.mark.parametrize("why", ["refused", "interrupted", "broken"])
def test_a_batch_that_fails_neither_writes_nor_removes(
    butler: Butler, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    old = butler.put({"old": True}, "summary", FIRST)
    (new,) = butler.make_refs("summary", [SECOND])
    before = files_under(root)

    def interrupt(*arguments: object, **keywords: object) -> None:
        raise KeyboardInterrupt

    if why == "interrupted":
        monkeypatch.setattr(butler._registry, "apply_batch", interrupt)
    expected: type[BaseException] = KeyboardInterrupt if why == "interrupted" else ButlerError
    with pytest.raises(expected), butler.batched() as batch:
        source = file_of(tmp_path, new)
        batch.ingest(source, transfer="move")
        with batch.removal() as removal:
            removal.include_datasets([old])
        if why == "refused":
            batch.require_collection_absent(RUN)
        if why == "broken":
            Path(source.path).unlink()
    assert files_under(root) == before
    assert journals_under(root) == []
    assert butler.get(old) == {"old": True}
    assert why == "broken" or (tmp_path / "new.json").exists()


def test_what_cannot_be_deleted_after_the_commit_waits_for_recovery(
    butler: Butler, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = butler.put({"old": True}, "summary", FIRST)
    (new,) = butler.make_refs("summary", [SECOND])

    def fail(*arguments: object, **keywords: object) -> None:
        raise UnavailableError("down")

    with monkeypatch.context() as patch:
        patch.setattr(butler._registry, "referenced", fail)
        with pytest.raises(UnavailableError, match="removal is done"), butler.batched() as batch:
            batch.ingest(file_of(tmp_path, new))
            with batch.removal() as removal:
                removal.include_datasets([old])
    assert butler.get(new) == {"from": "file"}
    assert [journal.kind for journal in butler.journals()] == ["remove"]
    assert butler.recover().deleted == 1
    assert len(files_under(root)) == 1
    assert journals_under(root) == []


def test_nothing_happens_after_an_error_in_the_context(butler: Butler) -> None:
    with pytest.raises(ZeroDivisionError), butler.batched() as batch:
        batch.register_collection(OTHER)
        _ = 1 / 0
    assert list(butler.query_collections()) == [RUN]


def test_a_removal_in_a_batch_is_refused_whole(butler: Butler, root: Path) -> None:
    old = butler.put({}, "summary", FIRST)
    butler.register_collection("tag", CollectionType.TAGGED)
    butler.edit_associations("tag", [old], SetEditMode.INSERT_OR_FAIL)
    with pytest.raises(InUseError, match="tag"), butler.batched() as batch:
        batch.register_collection(OTHER)
        with batch.removal() as removal:
            removal.include_collections(RUN)
    assert butler.exists(old, check_artifact=True)
    assert OTHER not in butler.query_collections()
    assert journals_under(root) == []
    with butler.batched() as batch:  # what frees it may stand anywhere in the batch
        with batch.removal() as removal:
            removal.include_collections(RUN)
        with batch.removal() as removal:
            removal.include_collections("tag")
    assert list(butler.query_collections()) == []


def test_a_dataset_of_another_run_is_not_the_one_that_was_meant(butler: Butler) -> None:
    old = butler.put({}, "summary", FIRST)
    butler.register_collection(OTHER)
    with butler.batched() as batch, batch.removal() as removal:
        removal.include_datasets([DatasetRef(old.uuid, old.dataset_type, old.data_id, OTHER)])
    assert butler.exists(old, check_artifact=True)


# -- files of what the batch itself defines


def test_files_of_an_exposure_that_comes_with_them(root: Path, butler: Butler, tmp_path: Path) -> None:
    """An instrument's first night in one transaction: records, RUN, dataset type and files."""
    raw = DatasetType("raw", butler.dimensions.conform(["exposure", "detector"]), "StructuredDataDict")
    exposure = {
        "instrument": INSTRUMENT,
        "id": 900,
        "obs_id": "E900",
        "physical_filter": "Cam-Z",
        "day_obs": 20260101,
    }
    data_ids = [
        DataCoordinate.standardize(
            {"instrument": INSTRUMENT, "exposure": 900, "detector": detector}, universe=butler.dimensions
        )
        for detector in (0, 50)
    ]
    refs = [DatasetRef(uuid4(), raw, data_id, OTHER) for data_id in data_ids]
    with butler.batched() as batch:
        batch.ingest(*(file_of(tmp_path, ref, name=f"{n}.json") for n, ref in enumerate(refs)))
        batch.register_collection(OTHER)
        batch.register_dataset_type(raw)
        batch.insert_dimension_data("exposure", [exposure])
        batch.insert_dimension_data(
            "detector",
            [{"instrument": INSTRUMENT, "id": 50, "full_name": "S50"}],
            on_insert_of="physical_filter",
        )
        batch.sync_dimension_data(
            {"instrument": INSTRUMENT, "name": "Cam-Z", "band": "z"}, element="physical_filter"
        )
    assert [butler.get(ref) for ref in refs] == [{"from": "file"}] * 2
    found = list(butler.query_datasets("raw", OTHER).expanded())
    assert {ref.data_id["band"] for ref in found} == {"z"}
    assert len(files_under(root)) == 2


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"exposure": 900, "detector": 51}, r"no detector \{instrument='Cam', detector=51\}, neither"),
        ({"exposure": 901, "detector": 0}, "no exposure .*901.*neither"),
    ],
)
def test_files_of_what_is_defined_nowhere(
    butler: Butler, root: Path, tmp_path: Path, values: dict[str, int | str], match: str
) -> None:
    data_id = DataCoordinate.standardize({"instrument": INSTRUMENT, **values}, universe=butler.dimensions)
    ref = DatasetRef(uuid4(), butler.get_dataset_type("summary"), data_id, RUN)
    with pytest.raises(DataIdError, match=match), butler.batched() as batch:
        batch.insert_dimension_data(
            "exposure",
            [{"instrument": INSTRUMENT, "id": 900, "physical_filter": "Cam-G", "day_obs": 20260101}],
        )
        batch.ingest(file_of(tmp_path, ref))
    assert list(butler.query_dimension_records("exposure", instrument=INSTRUMENT, exposure=900)) == []
    assert (files_under(root), journals_under(root)) == ([], [])


# -- contradictions and mistakes, each of which leaves the batch as it was


def _old(butler: Butler) -> DatasetRef:
    return butler.resolve_dataset("summary", FIRST, collections=RUN)


def _remove_old(butler: Butler, batch: BatchHelper, directory: Path) -> None:
    with batch.removal() as removal:
        removal.include_datasets([_old(butler)])


def _tag_old(butler: Butler, batch: BatchHelper, directory: Path) -> None:
    batch.edit_associations("tag", [_old(butler)], SetEditMode.INSERT_OR_SKIP)


def _certify_old(butler: Butler, batch: BatchHelper, directory: Path) -> None:
    batch.certify("calib", [_old(butler)], Timespan(0, 1))


def _ingest_in_its_place(butler: Butler, batch: BatchHelper, directory: Path) -> None:
    batch.ingest(file_of(directory, *butler.make_refs("summary", [FIRST])))


def _ingest_again(butler: Butler, batch: BatchHelper, directory: Path) -> None:
    batch.ingest(file_of(directory, _old(butler)))


def _ingest_other(butler: Butler, batch: BatchHelper, directory: Path) -> None:
    batch.ingest(file_of(directory, *butler.make_refs("summary", [SECOND])))


def _removing(name: str) -> Callable[[Butler, BatchHelper, Path], None]:
    def remove(butler: Butler, batch: BatchHelper, directory: Path) -> None:
        with batch.removal() as removal:
            removal.include_collections(name)

    return remove


def _registering(name: str, type: CollectionType) -> Callable[[Butler, BatchHelper, Path], None]:
    return lambda butler, batch, directory: batch.register_collection(name, type)


def _chaining(name: str, *children: str) -> Callable[[Butler, BatchHelper, Path], None]:
    return lambda butler, batch, directory: batch.edit_collection_chain(
        name, children, SequenceEditMode.PREPEND
    )


def _remove_type(butler: Butler, batch: BatchHelper, directory: Path) -> None:
    batch.remove_dataset_type("summary")


def _register_type(butler: Butler, batch: BatchHelper, directory: Path) -> None:
    batch.register_dataset_type("summary", ["instrument", "exposure", "detector"], "StructuredDataDict")


def _untag_old(mode: SetEditMode) -> Callable[[Butler, BatchHelper, Path], None]:
    return lambda butler, batch, directory: batch.edit_associations("tag", [_old(butler)], mode)


CONTRADICTIONS = [
    (_tag_old, _untag_old(SetEditMode.DISCARD)),
    (_tag_old, _untag_old(SetEditMode.REMOVE)),
    (_untag_old(SetEditMode.ASSIGN), _untag_old(SetEditMode.DISCARD)),
    (_remove_old, _tag_old),
    (_remove_old, _certify_old),
    (_remove_old, _ingest_in_its_place),
    (_remove_old, _ingest_again),
    (_removing(RUN), _ingest_other),
    (_removing(RUN), _registering(RUN, CollectionType.RUN)),
    (_removing(RUN), _chaining("chain", RUN)),
    (_removing("chain"), _registering("chain", CollectionType.CHAINED)),
    (_removing("chain"), _chaining("chain")),
    (_removing("tag"), _tag_old),
    (_removing("tag"), lambda butler, batch, directory: batch.set_collection_documentation("tag", "?")),
    (_removing("calib"), _certify_old),
    (_removing("calib"), lambda butler, batch, directory: batch.merge_certifications("calib", ())),
    (_remove_type, _register_type),
    (_remove_type, _ingest_other),
]


@pytest.mark.parametrize("is_reversed", [False, True])
@pytest.mark.parametrize("number", range(len(CONTRADICTIONS)))
def test_what_a_batch_adds_and_removes_is_refused_at_the_second_call(
    butler: Butler, tmp_path: Path, number: int, is_reversed: bool
) -> None:
    butler.put({}, "summary", FIRST)
    butler.register_collection("chain", CollectionType.CHAINED)
    butler.register_collection("tag", CollectionType.TAGGED)
    butler.register_collection("calib", CollectionType.CALIBRATION)
    first, second = CONTRADICTIONS[number][:: -1 if is_reversed else 1]
    with pytest.raises(ZeroDivisionError), butler.batched() as batch:
        first(butler, batch, tmp_path)
        before = batch.raw
        with pytest.raises(ConflictError, match=r"adds and removes|both removes"):
            second(butler, batch, tmp_path)
        assert batch.raw == before
        _ = 1 / 0


def test_mistakes_leave_the_batch_as_it_was(butler: Butler, tmp_path: Path) -> None:
    missing: dict[str, int | str] = {"instrument": INSTRUMENT, "detector": 1}
    twice = butler.make_refs("summary", [FIRST])
    z = {"instrument": INSTRUMENT, "name": "Cam-Z", "band": "z"}
    mistakes: list[Callable[[BatchHelper], object]] = [
        lambda batch: batch.decertify("calib", "nonsense"),
        lambda batch: batch.decertify("calib", "summary", data_ids=[missing]),
        lambda batch: batch.decertify("calib", "summary", Timespan.empty()),
        lambda batch: batch.certify("calib", [], Timespan.empty()),
        lambda batch: batch.merge_certifications("calib", "other"),
        lambda batch: batch.require_chain("chain", RUN),
        lambda batch: batch.ingest(file_of(tmp_path, *twice, *twice)),
        lambda batch: batch.ingest(file_of(tmp_path, *twice), transfer=None),
        lambda batch: batch.ingest(file_of(tmp_path, *twice), own_absolute=True),
        lambda batch: batch.insert_dimension_data("physical_filter", [z], on_insert_of="nonsense"),
        lambda batch: batch.insert_dimension_data(
            "physical_filter", [z, {**z, "band": "y"}], on_insert_of="detector"
        ),
        lambda batch: batch.sync_dimension_data({"name": 3}, element="physical_filter"),
        lambda batch: batch.register_collection("a b"),
    ]
    with butler.batched() as batch:
        for mistake in mistakes:
            with pytest.raises((InvalidInputError, NotFoundError, DataIdError, ConflictError, ButlerError)):
                mistake(batch)
            assert batch.raw == RawBatch(batch_id=batch.batch_id)


def test_a_batch_with_records_comes_back_from_json_equal(
    butler: Butler, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied: list[RawBatch] = []
    real = butler._registry.apply_batch

    def apply_batch(batch: RawBatch) -> BatchResults:
        applied.append(batch)
        return real(batch)

    monkeypatch.setattr(butler._registry, "apply_batch", apply_batch)
    butler.put({}, "summary", FIRST)
    (batch,) = applied
    assert batch.opaque_table_insertions
    back = RawBatch.model_validate_json(batch.model_dump_json())
    assert back == batch
    assert back.model_dump_json() == batch.model_dump_json()


def test_different_members_may_come_and_go(butler: Butler) -> None:
    old, new = (butler.put({}, "summary", data_id) for data_id in (FIRST, SECOND))
    butler.register_collection("tag", CollectionType.TAGGED)
    butler.edit_associations("tag", [old], SetEditMode.INSERT_OR_FAIL)
    with butler.batched() as batch:
        batch.edit_associations("tag", [new], SetEditMode.INSERT_OR_FAIL)
        batch.edit_associations("tag", [old], SetEditMode.REMOVE)
    assert [ref.uuid for ref in butler.query_datasets("summary", "tag")] == [new.uuid]


def test_a_dataset_comes_in_one_file_of_a_batch(butler: Butler, tmp_path: Path) -> None:
    refs = butler.make_refs("summary", [FIRST])
    with butler.batched() as batch:
        batch.ingest(file_of(tmp_path, *refs))
        with pytest.raises(InvalidInputError, match="in this batch already"):
            batch.ingest(file_of(tmp_path, *refs))
    assert butler.get("summary", FIRST) == {"from": "file"}


def test_what_follows_a_sync_needs_that_sync(butler: Butler) -> None:
    with pytest.raises(InvalidInputError, match="detector"), butler.batched() as batch:
        batch.insert_dimension_data("day_obs", [{"instrument": INSTRUMENT, "id": 1}], on_update_of="detector")


@pytest.mark.parametrize(("band", "inserted"), [("g", False), ("u", True)])
def test_what_follows_an_update_is_inserted_only_after_one(butler: Butler, band: str, inserted: bool) -> None:
    with butler.batched() as batch:
        batch.insert_dimension_data(
            "day_obs", [{"instrument": INSTRUMENT, "id": 1}], on_update_of="physical_filter"
        )
        batch.insert_dimension_data(
            "day_obs", [{"instrument": INSTRUMENT, "id": 2}], on_insert_of="physical_filter"
        )
        batch.sync_dimension_data(
            {"instrument": INSTRUMENT, "name": "Cam-G", "band": band}, update=True, element="physical_filter"
        )
    days = {
        record.data_id["day_obs"]
        for record in butler.query_dimension_records("day_obs", instrument=INSTRUMENT)
    }
    assert days - {20260101} == ({1} if inserted else set())


def test_a_type_of_the_batch_and_refs_of_another(butler: Butler, tmp_path: Path) -> None:
    group = butler.dimensions.conform(["detector"])
    ref = DatasetRef(uuid4(), DatasetType("new", group, "StructuredDataDict"), _detector(butler, 0), RUN)
    with pytest.raises(InvalidInputError, match="other dimensions"), butler.batched() as batch:
        batch.register_dataset_type("new", ["instrument"], "StructuredDataDict")
        batch.ingest(file_of(tmp_path, ref))


# -- dataset types and validity by themselves


def test_a_dataset_type_goes_when_nothing_is_of_it(butler: Butler) -> None:
    ref = butler.put({}, "summary", FIRST)
    with pytest.raises(InUseError, match="summary"):
        butler.remove_dataset_type("summary")
    with butler.batched() as batch:
        batch.remove_dataset_type("summary")
        with batch.removal() as removal:
            removal.include_datasets([ref])
    assert list(butler.query_dataset_types()) == []
    with pytest.raises(DatasetTypeNotFoundError):
        butler.remove_dataset_type("summary")


def test_validity(butler: Butler) -> None:
    butler.register_dataset_type("flat", ["instrument", "detector"], "StructuredDataDict", True)
    for name in ("calib", "more", "merged"):
        butler.register_collection(name, CollectionType.CALIBRATION)
    butler.register_collection(OTHER)
    ids = [{"instrument": INSTRUMENT, "detector": d} for d in (0, 1)]
    flats = [butler.put({}, "flat", data_id) for data_id in ids]
    rival = butler.put({}, "flat", ids[0], run=OTHER)
    butler.certify("calib", flats, Timespan(0, 10))
    with pytest.raises(ConflictError, match="calib"):
        butler.certify("calib", [rival], Timespan(9, None))
    butler.decertify("calib", "flat", Timespan(5, None), data_ids=[ids[0]])
    butler.certify("calib", [rival], Timespan(5, None))
    butler.certify("more", [flats[0]], Timespan(None, None))
    butler.merge_certifications("merged", ["calib", "more"])
    assert set(butler.query_datasets("flat", "merged", find_first=False)) == {*flats, rival}
    butler.decertify("merged", butler.get_dataset_type("flat"))
    assert list(butler.query_datasets("flat", "merged", find_first=False)) == []


# -- preconditions


def test_preconditions_that_do_not_hold_apply_nothing(butler: Butler) -> None:
    ref = butler.put({}, "summary", FIRST)
    (absent,) = butler.make_refs("summary", [SECOND])
    (rival,) = butler.make_refs("summary", [FIRST])
    butler.register_collection("chain", CollectionType.CHAINED)
    good: list[Callable[[BatchHelper], None]] = [
        lambda batch: batch.require_chain("chain", []),
        lambda batch: batch.require_collection_absent(OTHER),
        lambda batch: batch.require_collection_present(RUN, CollectionType.RUN),
        lambda batch: batch.require_dataset_absent(absent),
        lambda batch: batch.require_dataset_absent(uuid4()),
        lambda batch: batch.require_dataset_present(ref),
        lambda batch: batch.require_dataset_present(ref.uuid),
    ]
    bad: list[Callable[[BatchHelper], None]] = [
        lambda batch: batch.require_chain("chain", [RUN]),
        lambda batch: batch.require_collection_absent(RUN),
        lambda batch: batch.require_collection_present(RUN, CollectionType.TAGGED),
        lambda batch: batch.require_collection_present(OTHER),
        lambda batch: batch.require_dataset_absent(rival),
        lambda batch: batch.require_dataset_absent(ref.uuid),
        lambda batch: batch.require_dataset_present(absent),
    ]
    for demand in bad:
        with pytest.raises(PreconditionError), butler.batched() as batch:
            demand(batch)
            batch.register_collection("made")
        assert "made" not in butler.query_collections()
    with butler.batched() as batch:
        for demand in good:
            demand(batch)
        batch.register_collection("made")
    assert "made" in butler.query_collections()


def test_two_editors_of_one_chain_lose_nothing(butler: Butler, root: Path) -> None:
    """Each reads, decides and writes; whoever comes second hears of it, reads again and goes on."""
    butler.register_collection("chain", CollectionType.CHAINED)
    conflicts = 0

    def add(editor: Butler, name: str, meanwhile: Callable[[], None]) -> None:
        nonlocal conflicts
        while True:
            children = editor.get_collection_chain("chain")
            meanwhile()
            try:
                with editor.batched() as batch:
                    batch.register_collection(name)
                    batch.require_chain("chain", children)
                    batch.edit_collection_chain("chain", [*children, name], SequenceEditMode.ASSIGN)
                return
            except ConflictError:
                conflicts += 1

    with Butler(root, writeable=True) as other:
        names = iter(["b1", "b2"])

        def interfere() -> None:
            for name in names:
                add(other, name, lambda: None)
                break

        add(butler, "a", interfere)
    assert butler.get_collection_chain("chain") == ("b1", "b2", "a")
    assert conflicts == 2


def test_two_writers_of_one_collection_cannot_both_be_first(butler: Butler, root: Path) -> None:
    with Butler(root, writeable=True) as other:
        with pytest.raises(PreconditionError, match="'new' was to be absent"), butler.batched() as batch:
            batch.require_collection_absent("new")
            batch.register_collection("new")
            other.register_collection("new", CollectionType.TAGGED)
        with pytest.raises(DefinitionConflictError):
            butler.register_collection("new")
