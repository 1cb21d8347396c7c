"""Removal of datasets and collections: what goes along, what is refused, and what interrupts cannot break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from butler_core import (
    Butler,
    CollectionType,
    DatasetExistence,
    DatasetRef,
    FileDataset,
    RemovalHelper,
    SequenceEditMode,
    SetEditMode,
    Timespan,
)
from butler_core.errors import (
    CollectionNotFoundError,
    ConflictError,
    ForbiddenError,
    InUseError,
    InvalidInputError,
    OutcomeUnknownError,
    UnavailableError,
)
from butler_core.models.batch import BatchResults, RawBatch
from butler_core.transactions import Transactions
from tests.butler.conftest import INSTRUMENT, RUN, data_ids
from tests.butler.test_datasets import files_under, journals_under

OTHER = "u/test/other"


@pytest.fixture
def refs(butler: Butler) -> list[DatasetRef]:
    """Datasets of RUN: the first six data IDs."""
    made = butler.make_refs("summary", data_ids()[:6])
    return butler.put_many([({"n": n}, ref) for n, ref in enumerate(made)])


def put_flats(butler: Butler) -> list[DatasetRef]:
    """Put a calibration of one detector into each of two RUNs."""
    butler.register_dataset_type("flat", ["instrument", "detector"], "StructuredDataDict", True)
    butler.register_collection(OTHER)
    data_id: dict[str, int | str] = {"instrument": INSTRUMENT, "detector": 0}
    return [butler.put({}, "flat", data_id, run=run) for run in (RUN, OTHER)]


def tag(butler: Butler, *refs: DatasetRef, name: str = "tag") -> None:
    butler.register_collection(name, CollectionType.TAGGED)
    butler.edit_associations(name, refs, SetEditMode.INSERT_OR_FAIL)


def chain(butler: Butler, name: str, *children: str) -> None:
    butler.register_collection(name, CollectionType.CHAINED)
    butler.edit_collection_chain(name, children, SequenceEditMode.ASSIGN)


def stored(butler: Butler, refs: list[DatasetRef]) -> int:
    """Return how many of some datasets are stored, checking that the others are not known at all."""
    states = butler.exists_many(refs, check_artifact=True)
    assert set(states) <= {DatasetExistence.STORED, DatasetExistence.NONE}
    return states.count(DatasetExistence.STORED)


@contextmanager
def refused(butler: Butler, root: Path, refs: list[DatasetRef], match: str) -> Iterator[None]:
    """Expect an `InUseError`, and that nothing at all has changed."""
    before = sorted(butler.query_collections()), files_under(root)
    with pytest.raises(InUseError, match=match):
        yield
    assert (sorted(butler.query_collections()), files_under(root)) == before
    assert stored(butler, refs) == len(refs)
    assert journals_under(root) == []


def before_commit(
    butler: Butler, monkeypatch: pytest.MonkeyPatch, do: Callable[[RawBatch], object], *, number: int = 1
) -> None:
    """Let something happen right before the n-th batch that removes anything is applied."""
    real: Callable[[RawBatch], BatchResults] = butler._registry.apply_batch
    seen: list[RawBatch] = []

    def apply(batch: RawBatch) -> BatchResults:
        if batch.dataset_removals.uuids or batch.collection_removals or batch.opaque_table_removals:
            seen.append(batch)
            if len(seen) == number:
                do(batch)
        return real(batch)

    monkeypatch.setattr(butler._registry, "apply_batch", apply)


# -- what is shown, and goes


def test_a_run_goes_with_its_datasets_files_and_links(
    butler: Butler, root: Path, refs: list[DatasetRef]
) -> None:
    butler.register_collection(OTHER)
    chain(butler, "chain", OTHER, RUN)
    with butler.removal() as removal:
        assert not removal
        added = removal.include_collections(RUN)
        assert removal
        assert {name: set(datasets) for name, datasets in added.items()} == {RUN: set(refs)}
        assert removal.butler is butler
        assert removal.datasets == set(refs)
        assert refs[0] in removal.datasets
        assert removal.collections == {RUN}
        assert removal.chain_links == {"chain": {RUN}}
        assert removal.associations == {}
        assert removal.orphaned == set()
        assert removal.size_bytes == sum((root / "data" / name).stat().st_size for name in files_under(root))
        assert stored(butler, refs) == 6  # nothing has happened yet
    assert stored(butler, refs) == 0
    assert (files_under(root), journals_under(root)) == ([], [])
    assert butler.get_collection_chain("chain") == (OTHER,)
    with pytest.raises(CollectionNotFoundError):
        butler.get_collection_documentation(RUN)


def test_datasets_go_and_their_run_stays(butler: Butler, root: Path, refs: list[DatasetRef]) -> None:
    with butler.removal() as removal:
        removal.include_datasets(
            butler.query_datasets("summary", RUN, where="detector < 2", instrument=INSTRUMENT)
        )
        removal.include_datasets(refs[:1])
        assert len(removal.datasets) == 4
    assert stored(butler, refs) == 2
    assert len(files_under(root)) == 2
    again = butler.put({"again": True}, "summary", refs[0].data_id)
    assert butler.get(again) == {"again": True}


def test_defaults_for_data_ids_spare_nothing(root: Path, butler: Butler, refs: list[DatasetRef]) -> None:
    with Butler(root, writeable=True, collections=RUN, detector=0) as narrow, narrow.removal() as removal:
        removal.include_collections(None)
    assert stored(butler, refs) == 0


def test_what_is_not_there_is_passed_over(butler: Butler, root: Path, refs: list[DatasetRef]) -> None:
    butler.register_collection(OTHER)
    ref = refs[0]
    elsewhere = DatasetRef(ref.uuid, ref.dataset_type, ref.data_id, OTHER)
    with butler.removal() as removal:
        removal.include_datasets(butler.make_refs("summary", data_ids()[-1:]))
        removal.include_datasets([elsewhere])  # its UUID is taken, but by a dataset of another RUN
    assert stored(butler, refs) == 6
    assert journals_under(root) == []


def test_files_that_datasets_share_go_with_the_last(butler: Butler, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "both.json"
    file.write_text("{}")
    refs = butler.make_refs("summary", data_ids()[:2])
    butler.ingest(FileDataset(str(file), refs))
    for ref, size, left in ((refs[0], 0, 1), (refs[1], 2, 0)):
        with butler.removal() as removal:
            removal.include_datasets([ref])
            assert removal.size_bytes == size
        assert len(files_under(root)) == left


def test_files_elsewhere_are_not_ours(butler: Butler, tmp_path: Path) -> None:
    file = tmp_path / "theirs.json"
    file.write_text("{}")
    refs = butler.make_refs("summary", data_ids()[:1])
    butler.ingest(FileDataset(str(file), refs), transfer="direct")
    with butler.removal() as removal:
        removal.include_collections(RUN)
        assert removal.size_bytes == 0
    assert file.read_text() == "{}"
    assert stored(butler, refs) == 0


def test_a_size_that_nobody_noted_is_unknown(butler: Butler, tmp_path: Path, refs: list[DatasetRef]) -> None:
    file = tmp_path / "one.json"
    file.write_text("{}")
    more = butler.make_refs("summary", data_ids()[-1:])
    butler.ingest(FileDataset(str(file), more), record_validation_info=False)
    with butler.removal() as removal:
        removal.include_datasets(refs)
        assert removal.size_bytes
        removal.include_datasets(more)
        assert removal.size_bytes is None


def test_unstored_datasets_go_too(butler: Butler, refs: list[DatasetRef]) -> None:
    butler.unstore(refs[:3])
    with butler.removal() as removal:
        removal.include_collections(RUN)
    assert stored(butler, refs) == 0


def test_nothing_goes_after_a_change_of_mind(butler: Butler, refs: list[DatasetRef]) -> None:
    tag(butler, refs[0])
    with butler.removal() as removal:
        removal.include_collections([RUN, "tag"], find_associations_in=...)
        removal.cancel()
        assert not removal
        assert (removal.datasets, removal.collections, removal.associations) == (set(), set(), {})
    with pytest.raises(ZeroDivisionError), butler.removal() as removal:
        removal.include_collections(RUN)
        _ = 1 / 0
    assert stored(butler, refs) == 6


def test_a_reader_removes_nothing(root: Path, butler: Butler) -> None:
    with Butler(root) as reader, pytest.raises(ForbiddenError), reader.removal():
        raise AssertionError


# -- chains and orphans


def test_orphans_stay_unless_they_are_included(butler: Butler, refs: list[DatasetRef]) -> None:
    butler.register_collection(OTHER)
    chain(butler, "inner", RUN)
    chain(butler, "outer", "inner", OTHER)
    chain(butler, "elsewhere", OTHER)
    with butler.removal() as removal:
        removal.include_collections("outer")
        assert removal.orphaned == set()  # nobody asked
        removal.cancel()
        removal.include_collections("outer", find_orphaned=True)
        assert removal.orphaned == {"inner"}  # OTHER is held elsewhere
        removal.include_orphaned()
        assert (removal.collections, removal.orphaned) == ({"outer", "inner"}, {RUN})
    assert set(butler.query_collections()) == {RUN, OTHER, "elsewhere"}
    assert stored(butler, refs) == 6


def test_orphans_of_orphans(butler: Butler, refs: list[DatasetRef]) -> None:
    chain(butler, "inner", RUN)
    chain(butler, "outer", "inner")
    with butler.removal() as removal:
        removal.include_collections("outer", find_orphaned=True)
        removal.include_orphaned(recurse=True)
        assert removal.collections == {"outer", "inner", RUN}
        assert removal.chain_links == {}
    assert list(butler.query_collections()) == []
    assert stored(butler, refs) == 0


# -- associations


def test_a_removal_that_would_break_a_tag_is_refused_whole(
    butler: Butler, root: Path, refs: list[DatasetRef]
) -> None:
    tag(butler, *refs[:2])
    with (
        refused(butler, root, refs, "2 of the datasets are in TAGGED collection 'tag'"),
        butler.removal() as removal,
    ):
        removal.include_collections(RUN)
    with refused(butler, root, refs, "'tag'"), butler.removal() as removal:
        removal.include_datasets(refs[:1], find_associations_in="tag")
        removal.include_datasets(refs[1:])  # the second is in it too


def test_associations_that_are_included_go_along(butler: Butler, refs: list[DatasetRef]) -> None:
    tag(butler, *refs[:3])
    tag(butler, refs[0], name="more")
    chain(butler, "tags", "tag", "more")
    with butler.removal() as removal:
        removal.include_datasets(refs[:2], find_associations_in="tags")
        assert removal.associations == {"tag": set(refs[:2]), "more": {refs[0]}}
    assert list(butler.query_datasets("summary", "tag")) == [refs[2]]
    assert list(butler.query_datasets("summary", "more")) == []


def test_validity_that_is_included_goes_along_and_no_other(butler: Butler, root: Path) -> None:
    first, second = put_flats(butler)
    butler.register_collection("calib", CollectionType.CALIBRATION)
    butler.certify("calib", [first], Timespan(0, 10))
    butler.certify("calib", [second], Timespan(10, 20))
    with (
        refused(butler, root, [first, second], "CALIBRATION collection 'calib'"),
        butler.removal() as removal,
    ):
        removal.include_collections(RUN)
    with butler.removal() as removal:
        removal.include_collections(RUN, find_associations_in=...)
        assert removal.associations == {"calib": {first}}
    assert list(butler.query_datasets("flat", "calib", find_first=False)) == [second]


def test_tags_go_with_or_without_their_datasets(butler: Butler, refs: list[DatasetRef]) -> None:
    tag(butler, *refs)
    tag(butler, refs[0], name="more")
    with butler.removal() as removal:
        assert removal.include_collections("m*") == {"more": set()}
    assert stored(butler, refs) == 6
    with butler.removal() as removal:
        removal.include_collections(["tag", RUN])
    assert stored(butler, refs) == 0


# -- large ones


def test_a_ref_that_is_not_what_it_says_takes_no_association(butler: Butler, refs: list[DatasetRef]) -> None:
    tag(butler, refs[0])
    wrong = DatasetRef(refs[0].uuid, refs[0].dataset_type, refs[0].data_id, OTHER)
    with pytest.raises(InvalidInputError, match=OTHER), butler.removal() as removal:
        removal.include_datasets([wrong], find_associations_in=...)
    assert list(butler.query_datasets("summary", "tag")) == refs[:1]


@pytest.mark.parametrize("registration_goes", [False, True])
def test_a_dataset_that_is_stored_again_meanwhile_keeps_its_file(
    root: Path, butler: Butler, monkeypatch: pytest.MonkeyPatch, registration_goes: bool
) -> None:
    """Two remove it, and between them its UUID is put again: the second must not take records that it has not read."""
    (ref,) = butler.make_refs("summary", data_ids()[:1], id_mode="data_id_run")
    butler.put({"n": 1}, ref)

    def remove_and_put_again(_: RawBatch) -> None:
        with Butler(root, writeable=True) as other:
            with other.removal() as removal:
                removal.include_datasets([ref])
            other.put({"n": 2}, ref)

    before_commit(butler, monkeypatch, remove_and_put_again)
    with pytest.raises(ConflictError, match="stored again"):
        if registration_goes:
            with butler.removal() as removal:
                removal.include_datasets([ref])
        else:
            butler.unstore([ref])
    assert butler.get(ref) == {"n": 2}
    assert not journals_under(root)
    assert len(files_under(root)) == 1


@pytest.fixture
def steps_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("butler_core.removal.STEP", 2)
    monkeypatch.setattr("butler_core.removing.STEP", 2)


@pytest.mark.usefixtures("steps_of_two")
def test_large_removals_go_in_steps_and_tell_how_far_they_are(root: Path, butler: Butler) -> None:
    flats = put_flats(butler)
    refs = butler.put_many([({}, ref) for ref in butler.make_refs("summary", data_ids()[:4])])
    tag(butler, *refs[1:], flats[0])
    tag(butler, *refs, name="stays")
    told: list[tuple[str, int, int | None]] = []
    with (
        Butler(root, writeable=True, progress=lambda *facts: told.append(facts)) as other,
        other.removal() as removal,
    ):
        removal.include_collections([RUN, "tag"], find_associations_in="stays")
        assert removal.size_bytes
    assert told == [("remove", 2, 5), ("remove", 4, 5), ("remove", 5, 5)]
    assert set(butler.query_collections()) == {OTHER, "stays"}
    assert (stored(butler, refs), stored(butler, flats)) == (0, 1)
    assert journals_under(root) == []


@pytest.mark.usefixtures("steps_of_two")
@pytest.mark.parametrize(
    "failure", [KeyboardInterrupt(), UnavailableError("down")], ids=["interrupt", "outage"]
)
def test_an_interrupted_removal_goes_on_when_it_is_begun_anew(
    butler: Butler,
    root: Path,
    refs: list[DatasetRef],
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
) -> None:
    chain(butler, "chain", RUN)
    tag(butler, *refs)

    def fail(batch: RawBatch) -> None:
        raise failure

    def remove() -> None:
        with butler.removal() as removal:
            removal.include_collections(RUN, find_associations_in=...)

    with monkeypatch.context() as patch:
        before_commit(butler, patch, fail, number=2)
        with pytest.raises(type(failure)) as caught:
            remove()
    if not isinstance(failure, KeyboardInterrupt):
        assert "2 of 6 datasets were removed before this" in caught.value.__notes__[-1]
    assert stored(butler, refs) == len(files_under(root)) == 4
    assert butler.get_collection_chain("chain") == (RUN,)
    assert journals_under(root) == []
    remove()
    assert set(butler.query_collections()) == {"chain", "tag"}
    assert files_under(root) == []


@pytest.mark.usefixtures("steps_of_two")
def test_a_large_removal_is_refused_before_its_first_step(
    butler: Butler, root: Path, refs: list[DatasetRef]
) -> None:
    tag(butler, refs[-1])
    with refused(butler, root, refs, "'tag'"), butler.removal() as removal:
        removal.include_collections(RUN)
    chain(butler, "chain")
    with refused(butler, root, refs[:5], "Chain 'chain' holds .* since"), butler.removal() as removal:
        removal.include_collections([RUN, "tag"])
        butler.edit_collection_chain("chain", [RUN], SequenceEditMode.EXTEND)


@pytest.mark.usefixtures("steps_of_two")
def test_large_unstores_go_in_steps(root: Path, butler: Butler, refs: list[DatasetRef]) -> None:
    told: list[Any] = []
    with Butler(root, writeable=True, progress=lambda *facts: told.append(facts)) as other:
        other.unstore(refs[:5])
    assert told == [("unstore", 2, 5), ("unstore", 4, 5), ("unstore", 5, 5)]
    assert len(files_under(root)) == 1
    assert butler.exists_many(refs).count(DatasetExistence.REGISTERED) == 5


# -- beside other writers


def _link(other: Butler, refs: list[DatasetRef]) -> None:
    chain(other, "chain", RUN)


def _tag(other: Butler, refs: list[DatasetRef]) -> None:
    tag(other, refs[0])


def _put(other: Butler, refs: list[DatasetRef]) -> None:
    other.put({}, "summary", data_ids()[-1], run=RUN)


@pytest.mark.parametrize("do", [_link, _tag, _put])
def test_what_others_add_between_look_and_commit_is_not_lost(
    butler: Butler,
    root: Path,
    refs: list[DatasetRef],
    monkeypatch: pytest.MonkeyPatch,
    do: Callable[[Butler, list[DatasetRef]], None],
) -> None:
    with Butler(root, writeable=True) as other, monkeypatch.context() as patch:
        before_commit(butler, patch, lambda batch: do(other, refs))
        with pytest.raises(InUseError), butler.removal() as removal:
            removal.include_collections(RUN)
    assert stored(butler, refs) == 6
    assert journals_under(root) == []
    with butler.removal() as removal:  # whoever looks again sees it
        removal.include_collections(RUN, find_associations_in=...)
    assert files_under(root) == []


def test_two_removals_of_the_same(
    butler: Butler, root: Path, refs: list[DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(by: Butler) -> None:
        with by.removal() as removal:
            removal.include_datasets(refs)

    with Butler(root, writeable=True) as other:
        before_commit(butler, monkeypatch, lambda batch: remove(other))
        remove(butler)
    assert (files_under(root), journals_under(root)) == ([], [])


def test_a_removal_whose_writer_dies_after_the_commit_is_finished_by_recovery(
    butler: Butler, root: Path, refs: list[DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Transactions, "_delete_doomed", die)
        with pytest.raises(KeyboardInterrupt), butler.removal() as removal:
            removal.include_collections(RUN)
    assert len(files_under(root)) == 6
    assert butler.recover().deleted == 6
    assert (files_under(root), journals_under(root)) == ([], [])


def test_a_removal_that_never_reached_the_registry_is_taken_back_by_recovery(
    butler: Butler, root: Path, refs: list[DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(argument: object) -> None:
        raise UnavailableError("down")

    with monkeypatch.context() as patch:
        before_commit(butler, patch, fail)
        patch.setattr(butler._registry, "fence", fail)
        with pytest.raises(OutcomeUnknownError), butler.removal() as removal:
            removal.include_collections(RUN)
    report = butler.recover()
    assert (report.kept, report.deleted) == (6, 0)
    assert stored(butler, refs) == 6


def test_refs_are_made_only_when_they_are_looked_at(
    butler: Butler, refs: list[DatasetRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError

    with butler.removal() as removal:
        with monkeypatch.context() as patch:
            patch.setattr("butler_core.models.dataset_rows.refs_from_rows", refuse)
            added = removal.include_collections(RUN)
            assert len(removal.datasets) == len(added[RUN]) == 6
        assert isinstance(removal, RemovalHelper)
        assert removal.datasets & set(refs[:2]) == set(refs[:2])
        assert removal.datasets - set(refs) == set()
        removal.cancel()
