"""Registry, artifacts and journals in step: lost answers, interrupts, hostile journals, foreign refs, forks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from butler_core import Butler, DatasetRef, FileDataset, recovery
from butler_core.errors import (
    BatchFencedError,
    DatasetNotStoredError,
    InvalidInputError,
    OutcomeUnknownError,
    UnavailableError,
)
from butler_core.models.batch import BatchResults, RawBatch
from butler_core.models.journal import Journal, JournalEntry
from butler_core.testing.universe import testing_universe
from butler_core.writer import WriterState, find_writer_state, identify_writer
from butler_posix import _io
from butler_posix._journal_file import encode_journal
from butler_posix._staging import _encode
from tests.butler.conftest import INSTRUMENT, RUN, data_ids, populate
from tests.butler.test_datasets import ID, files_under, journals_under

Apply = Callable[[RawBatch], BatchResults]


def lose_first_answer(
    butler: Butler, monkeypatch: pytest.MonkeyPatch, error: BaseException, later: BaseException | None = None
) -> None:
    """Let the Registry apply the next batch and answer with an error, and with another to whoever asks again."""
    real: Apply = butler._registry.apply_batch
    calls: list[UUID] = []

    def apply(batch: RawBatch) -> BatchResults:
        calls.append(batch.batch_id)
        if len(calls) > 1 and later is not None:
            raise later
        results = real(batch)
        if len(calls) == 1:
            raise error
        return results

    monkeypatch.setattr(butler._registry, "apply_batch", apply)


def check_stored(butler: Butler, root: Path) -> None:
    assert butler.get("summary", ID) == {"a": 1}
    assert len(files_under(root)) == 1
    assert journals_under(root) == []


# -- what becomes of a commit whose answer is lost


def test_a_lost_answer_costs_nothing_though_the_registry_is_down_right_after(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_first_answer(butler, monkeypatch, OutcomeUnknownError("lost"), UnavailableError("down"))
    butler.put({"a": 1}, "summary", ID)
    check_stored(butler, root)


def test_an_interrupt_after_the_commit_takes_nothing_back(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_first_answer(butler, monkeypatch, KeyboardInterrupt(), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        butler.put({"a": 1}, "summary", ID)
    check_stored(butler, root)


def interrupt(batch_ids: object) -> None:
    raise KeyboardInterrupt


def test_a_second_interrupt_takes_nothing_back(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        lose_first_answer(butler, patch, KeyboardInterrupt())
        patch.setattr(butler._registry, "fence", interrupt)
        with pytest.raises(KeyboardInterrupt):
            butler.put({"a": 1}, "summary", ID)
    assert butler.get("summary", ID) == {"a": 1}
    # Though its process lives, the operation is over: recovery need not wait for anything.
    report = butler.recover()
    assert (len(report.finished), report.kept, report.deleted) == (1, 1, 0)
    check_stored(butler, root)


def test_a_second_interrupt_of_a_removal(butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = butler.put({"a": 1}, "summary", ID)
    with monkeypatch.context() as patch:
        lose_first_answer(butler, patch, KeyboardInterrupt())
        patch.setattr(butler._registry, "fence", interrupt)
        with pytest.raises(KeyboardInterrupt):
            butler.unstore([stored])
    assert len(files_under(root)) == 1
    assert butler.recover().deleted == 1
    assert (files_under(root), journals_under(root)) == ([], [])


def test_a_batch_that_was_lost_on_its_way_is_taken_back(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(batch: RawBatch) -> BatchResults:
        raise OutcomeUnknownError("lost")

    with monkeypatch.context() as patch:
        patch.setattr(butler._registry, "apply_batch", lose)
        with pytest.raises(UnavailableError, match="never will be") as caught:
            butler.put({"a": 1}, "summary", ID)
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert (files_under(root), journals_under(root)) == ([], [])
    butler.put({"a": 1}, "summary", ID)


def test_an_outage_is_recovered_by_the_process_that_saw_it(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(argument: object) -> None:
        raise UnavailableError("down")

    with monkeypatch.context() as patch:
        patch.setattr(butler._registry, "apply_batch", fail)
        patch.setattr(butler._registry, "fence", fail)
        with pytest.raises(OutcomeUnknownError):
            butler.put({"a": 1}, "summary", ID)
    assert len(files_under(root)) == 1
    assert len(journals_under(root)) == 1
    assert butler.recover().deleted == 1
    assert (files_under(root), journals_under(root)) == ([], [])


def test_recovery_waits_for_operations_of_its_own_process(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = butler._datastore.put_many
    waiting = []

    def put_many(*args: object, **kwargs: object) -> object:
        waiting.append(len(butler.recover().waiting))
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(butler._datastore, "put_many", put_many)
    butler.put({"a": 1}, "summary", ID)
    assert waiting == [1]
    check_stored(butler, root)


def test_a_journal_that_cannot_be_dropped_does_not_fail_a_put(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop(name: str) -> None:
        raise UnavailableError("full")

    with monkeypatch.context() as patch:
        patch.setattr(butler._datastore.journals, "drop", drop)
        butler.put({"a": 1}, "summary", ID)
    assert butler.recover().kept == 1
    check_stored(butler, root)


def steps_of_a_put(butler: Butler, monkeypatch: pytest.MonkeyPatch) -> int:
    names: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(_io, "step", lambda name, path: names.append(name))
        butler.put({}, "summary", ID, exposure=105)
    return len(names)


def test_a_writer_that_sleeps_through_its_recovery(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from butler_core import recovery

    monkeypatch.setattr(recovery, "find_writer_state", lambda writer: WriterState.GONE)
    with Butler(root, writeable=True) as other:
        for wanted in range(1, steps_of_a_put(butler, monkeypatch) + 1):
            number = iter(range(1, 1000))

            def sleep(name: str, path: str, wanted: int = wanted, number: object = number) -> None:
                if next(number) == wanted:  # type: ignore[call-overload]
                    _io.step = None
                    other.recover()

            run = f"run{wanted}"
            butler.register_collection(run)
            with monkeypatch.context() as patch:
                patch.setattr(_io, "step", sleep)
                try:
                    butler.put({}, "summary", ID, run=run)
                except BatchFencedError:
                    kept = 0
                else:
                    kept = 1
            assert sum(name.startswith(f"{run}/") for name in files_under(root)) == kept
            assert journals_under(root) == []


# -- journals that nobody of us wrote


def plant(butler: Butler, root: Path, *artifacts: str, begun: datetime | None = None) -> Path:
    """Write a removal journal of a process that is gone."""
    batch_id = uuid4()
    journal = Journal.model_construct(
        version=1,
        batch_id=batch_id,
        datastore_id=butler._datastore.bridge.datastore_id,
        kind="remove",
        writer=identify_writer().model_copy(update={"process_start": 1}),
        begun=begun or datetime.now(UTC),
        requests_until=None,
        entries=tuple(
            JournalEntry(uuid=uuid4(), run=RUN, component=None, artifact=name, size_bytes=None)
            for name in artifacts
        ),
        uploads=(),
    )
    directory = root / "data/.butler/journals/u%2Ftest%2Ffirst"
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / f"20260101T000000000000Z-{batch_id.hex}-00000000.json"
    file.write_bytes(encode_journal(journal))
    return file


def test_a_time_without_a_zone_is_no_reason_to_stop(butler: Butler, root: Path) -> None:
    bad = plant(butler, root, "x", begun=datetime(2026, 1, 1))
    good = plant(butler, root, "y")
    report = butler.recover()
    assert [len(report.finished), len(report.left_alone)] == [1, 1]
    assert bad.exists()
    assert not good.exists()


def test_a_writer_of_whom_nothing_is_known_is_waited_for_an_hour_whatever_its_clock_says(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "find_writer_state", lambda writer: WriterState.UNKNOWN)
    now = datetime.now(UTC)
    waiting = [plant(butler, root, "x", begun=now + timedelta(minutes=m)) for m in (-50, 0, 50)]
    stopped = [plant(butler, root, "y", begun=now + timedelta(minutes=m)) for m in (-70, 70, 1_000_000)]
    report = butler.recover()
    assert [len(report.waiting), len(report.finished)] == [3, 3]
    assert all(file.exists() for file in waiting)
    assert not any(file.exists() for file in stopped)


def test_what_cannot_be_deleted_holds_up_nothing_else(butler: Butler, root: Path) -> None:
    (root / "data/a/directory").mkdir(parents=True)
    (root / "data/b").write_text("")
    bad = plant(butler, root, "a/directory", "b")
    good = plant(butler, root, "y")
    report = butler.recover()
    assert "directory" in report.left_alone[0].problem
    assert bad.exists()
    assert not good.exists()
    assert not (root / "data/b").exists()
    (root / "data/a/directory").rmdir()
    assert len(butler.recover().finished) == 1
    assert not bad.exists()


def test_a_pipe_in_place_of_a_journal(butler: Butler, root: Path) -> None:
    bad = plant(butler, root)
    bad.unlink()
    os.mkfifo(bad)
    (left,) = butler.recover().left_alone
    assert "no regular file" in left.problem


def test_journals_behind_a_link_out_of_the_root(butler: Butler, root: Path) -> None:
    journal = plant(butler, root, "x")
    outside = root / "outside"
    journal.parent.rename(outside)
    journal.parent.symlink_to(outside)
    (left,) = butler.recover().left_alone
    assert "symbolic link" in left.problem
    assert (outside / journal.name).exists()


def test_what_makes_the_repository_is_no_artifact(tmp_path: Path) -> None:
    root = tmp_path / "flat"
    config = {"datastore": {"type": "posix", "root": "."}}
    Butler.make_repo(root, config, testing_universe(), durability="process")
    with Butler(root, writeable=True) as butler:
        planted = plant(butler, root, "butler.yaml", "registry.sqlite3", "registry.sqlite3-wal")
        (root / ".butler/journals" / planted.parent.name).mkdir()
        planted.rename(root / ".butler/journals" / planted.parent.name / planted.name)
        report = butler.recover()
    assert (len(report.finished), report.deleted) == (1, 0)
    assert (root / "butler.yaml").exists()
    assert (root / "registry.sqlite3").exists()


@pytest.mark.parametrize("kind", ["directory", "file", "link"])
def test_strange_things_in_staging(butler: Butler, root: Path, kind: str) -> None:
    outside = root / "outside"
    outside.mkdir()
    (outside / "file").write_text("")
    writer = identify_writer().model_copy(update={"process_start": 1})
    staging = root / "data/.butler/staging" / f"{uuid4().hex}.{_encode(writer)}"
    if kind == "directory":
        (staging / "directory").mkdir(parents=True)
        (staging / "directory" / "file").write_text("")
        (staging / "link").symlink_to(outside)
    elif kind == "file":
        staging.write_text("")
    else:
        staging.symlink_to(outside)
    assert len(butler.recover().finished) == 1
    assert not os.path.lexists(staging)
    assert (outside / "file").exists()


def test_a_process_that_proc_does_not_show_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    from butler_core import writer

    me = identify_writer()
    monkeypatch.setattr(writer, "_read_stat", lambda pid: None)
    assert find_writer_state(me) is WriterState.UNKNOWN
    assert find_writer_state(me.model_copy(update={"pid": 2**40})) is WriterState.GONE


# -- refs that do not belong here


@pytest.fixture
def foreign(butler: Butler, tmp_path: Path) -> DatasetRef:
    """Make a ref of another repository, where the dataset type has other dimensions of the same number."""
    butler.register_dataset_type("thing", ["instrument", "exposure"], "StructuredDataDict")
    detector = {"instrument": INSTRUMENT, "id": 100, "full_name": "S100", "purpose": "X", "is_science": True}
    butler.insert_dimension_data("detector", [detector])
    path = tmp_path / "other"
    Butler.make_repo(path, dimensions=testing_universe(), durability="process")
    with Butler(path, run=RUN) as other:
        populate(other)
        other.insert_dimension_data("detector", [detector])
        other.register_dataset_type("thing", ["instrument", "detector"], "StructuredDataDict")
        (ref,) = other.make_refs("thing", [{"instrument": INSTRUMENT, "detector": 100}])
    return ref


def test_a_put_of_another_definition_is_refused(butler: Butler, root: Path, foreign: DatasetRef) -> None:
    with pytest.raises(InvalidInputError, match="has dimensions"):
        butler.put({}, foreign)
    assert (files_under(root), journals_under(root)) == ([], [])


def test_an_ingest_of_another_definition_is_refused(
    butler: Butler, root: Path, foreign: DatasetRef, tmp_path: Path
) -> None:
    file = tmp_path / "in.json"
    file.write_text("{}")
    with pytest.raises(InvalidInputError, match="has dimensions"):
        butler.ingest(FileDataset(file, [foreign]))
    assert (files_under(root), journals_under(root)) == ([], [])


def test_a_dataset_unstored_between_its_records_and_its_bytes(
    butler: Butler, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = butler.put({"a": 1}, "summary", ID)
    real = butler._datastore.get_many

    def get_many(arg: object) -> object:
        butler.unstore([stored])
        return real(arg)  # type: ignore[arg-type]

    monkeypatch.setattr(butler._datastore, "get_many", get_many)
    with pytest.raises(DatasetNotStoredError):
        butler.get(stored.with_datastore_records(None))


# -- forks


def test_threads_that_fork_beside_one_that_never_rests(butler: Butler, root: Path) -> None:
    stop = threading.Event()
    codes: list[int] = []

    def ask() -> None:
        while not stop.is_set():
            butler.exists("summary", ID)

    def fork(first: int) -> None:
        for data_id in data_ids()[first : first + 8]:
            pid = os.fork()
            if pid == 0:
                try:
                    butler.put({}, "summary", data_id)
                finally:
                    os._exit(0)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    asking = threading.Thread(target=ask, daemon=True)
    forking = [threading.Thread(target=fork, args=(first,), daemon=True) for first in (0, 8, 16)]
    for thread in (asking, *forking):
        thread.start()
    for thread in forking:
        thread.join(60)
    stop.set()
    asking.join(60)
    assert codes == [0] * 24
    assert len(files_under(root)) == 24
    assert journals_under(root) == []
