"""Journals as operators meet them: of several datastores, of writers alive and dead, old, damaged and forged."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from butler_core import Butler, FileDataset, tai
from butler_core.contracts.datastore import Datastore
from butler_core.errors import OutcomeUnknownError, UnavailableError
from butler_core.files.names import batch_token
from butler_core.models.batch import RawBatch
from butler_core.models.dataset_ref import new_uuid
from butler_core.models.journal import BatchOutcome, JournalEntry, WriterIdentity
from butler_core.recovery import OUTCOMES_KEPT, list_journals, recover
from butler_core.testing.context import make_context
from butler_core.testing.datastores.journals import new_journal
from butler_core.writer import _read_stat, identify_writer
from butler_posix import _io, plugin as posix
from butler_posix._config import PosixDatastoreConfig
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry
from tests.butler.conftest import RUN, data_ids
from tests.butler.test_consistency import plant
from tests.butler.test_datasets import ID, files_under, journals_under

GONE = identify_writer().model_copy(update={"process_start": 1})


def living() -> WriterIdentity:
    """Return the identity of another process that lives: this one's parent."""
    pid = os.getppid()
    stat = _read_stat(pid)
    assert stat is not None
    return identify_writer().model_copy(update={"pid": pid, "process_start": stat[1]})


# -- several datastores under one Registry


@pytest.fixture
def datastores(tmp_path: Path) -> list[Datastore]:
    """Two of them."""
    (backend,) = posix.butler_datastores()
    context = make_context(tmp_path)
    opened = []
    for name in ("one", "two"):
        config = PosixDatastoreConfig(datastore_id=name, root=name)
        backend.create(config, context)
        opened.append(backend.open(config, context))
    return opened


@pytest.fixture
def registry(tmp_path: Path, datastores: list[Datastore]) -> Iterator[Any]:
    """A Registry that keeps the records of both."""
    context, bridges = make_context(tmp_path), [datastore.bridge for datastore in datastores]
    create_registry(SqliteRegistryConfig(), context, bridges)
    registry = open_registry(SqliteRegistryConfig(), context, bridges)
    yield registry
    registry.close()


def leave(datastore: Datastore, batch_id: UUID, **fields: Any) -> str:
    """Leave an artifact with its journal; return the artifact's name."""
    artifact = f"run/x_{batch_token(batch_id)}.json"
    entry = JournalEntry(uuid=uuid4(), run="run", component=None, artifact=artifact, size_bytes=None)
    values = {"datastore_id": datastore.bridge.datastore_id, "writer": GONE, "entries": (entry,), **fields}
    datastore.journals.create(".butler/journals/run", new_journal(batch_id=batch_id, **values))
    path = Path(datastore._store.directories.root, artifact)  # type: ignore[attr-defined]
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    return artifact


def names(datastore: Datastore) -> list[str]:
    return [stat.artifact for stat in datastore.stat_artifacts(None)]


def test_a_batch_in_two_datastores(registry: Any, datastores: list[Datastore]) -> None:
    batch_id = new_uuid()
    for datastore in reversed(datastores):
        leave(datastore, batch_id)
    kept = leave(datastores[1], new_uuid(), writer=living())
    assert [info.datastore for info in list_journals(registry, datastores)] == ["two", "one", "two"]
    report = recover(registry, datastores, dry_run=True)
    assert (report.deleted, [info.datastore for info in report.finished]) == (2, ["one", "two"])
    assert registry.outcomes([batch_id]) == {batch_id: BatchOutcome.UNKNOWN}
    report = recover(registry, datastores)
    assert (report.deleted, [info.datastore for info in report.finished]) == (2, ["one", "two"])
    assert {info.outcome for info in report.finished} == {BatchOutcome.FENCED}
    assert [info.datastore for info in report.waiting] == ["two"]
    assert [names(datastore) for datastore in datastores] == [[], [kept]]


def test_a_datastore_leaves_the_journals_of_another_alone(registry: Any, datastores: list[Datastore]) -> None:
    artifact = leave(datastores[0], new_uuid(), datastore_id="two")
    (left,) = recover(registry, datastores).left_alone
    assert "datastore 'two'" in left.problem
    assert names(datastores[0]) == [artifact]


# -- whose they are


def test_what_a_living_process_left_is_for_it_to_end(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(argument: object) -> None:
        raise UnavailableError("down")

    with monkeypatch.context() as patch:
        patch.setattr(butler._registry, "apply_batch", fail)
        patch.setattr(butler._registry, "fence", fail)
        with pytest.raises(OutcomeUnknownError):
            butler.put({"a": 1}, "summary", ID)
    pid = os.fork()
    if pid == 0:  # to another process, which is not told that the operation has ended, its writer lives
        report = butler.recover()
        os._exit(len(report.waiting) + 10 * len(report.finished))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert len(files_under(root)) == 1
    assert len(butler.recover().finished) == 1
    assert (files_under(root), journals_under(root)) == ([], [])


def kill_a_put(butler: Butler, step: str, number: int = 0) -> None:
    """Put in a child process that is killed before one of its steps."""
    pid = os.fork()
    if pid == 0:
        left = number

        def kill(name: str, path: str) -> None:
            nonlocal left
            if name == step:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        _io.step = kill
        butler.put({"killed": True}, "summary", ID)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize(("step", "left"), [("rename", 0), ("link", 0), ("unlink", 1), ("rmdir", 1)])
def test_a_leftover_blocks_nothing(butler: Butler, root: Path, step: str, left: int) -> None:
    """The names of artifacts and staging directories are those of their batch, so a new put never meets them."""
    for _ in range(3):
        kill_a_put(butler, step)
    with Butler(root, collections=RUN) as reader:
        taken = reader.exists("summary", ID)
    assert len(files_under(root)) == 3 * left
    if not taken:
        butler.put({"a": 1}, "summary", ID)
        assert butler.get("summary", ID) == {"a": 1}
        assert len(files_under(root)) == 3 * left + 1
    assert len(butler.recover().finished) == 3
    assert len(files_under(root)) == 1
    assert journals_under(root) == []


def test_recoveries_at_a_time_beside_writers(butler: Butler, root: Path) -> None:
    """Several processes recover the same journals, one of them is killed, and others put meanwhile."""
    datastore = butler._datastore
    leftovers = [new_uuid() for _ in range(40)]
    for batch_id in leftovers:
        leave(datastore, batch_id)

    def recover_all() -> None:
        with Butler(root, writeable=True) as mine:
            for _ in range(5):
                assert mine.recover().left_alone == ()

    waiting, begun = os.pipe()

    def recover_until_killed() -> None:
        left = 30

        def kill(name: str, path: str) -> None:
            nonlocal left
            left -= 1
            if left == 2:  # the others begin: before that they might leave nothing to do
                os.write(begun, bytes(len(works)))
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        _io.step = kill
        recover_all()

    def put_all(first: int) -> None:
        for data_id in data_ids()[first : first + 8]:
            butler.put({}, "summary", data_id)

    works = [recover_all, recover_all, recover_until_killed, lambda: put_all(0), lambda: put_all(8)]
    children = []
    for work in works:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                if work is not recover_until_killed:
                    os.read(waiting, 1)
                work()
                code = 0
            finally:
                os._exit(code)
        children.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert codes == [0, 0, -signal.SIGKILL, 0, 0]
    report = butler.recover()
    assert (report.waiting, report.left_alone) == ((), ())
    assert len(files_under(root)) == 16
    assert journals_under(root) == []
    assert len([butler.get(ref) for ref in butler.query_datasets("summary")]) == 16
    assert set(butler._registry.outcomes(leftovers).values()) == {BatchOutcome.FENCED}


def test_an_ingest_beside_a_leftover(butler: Butler, root: Path, tmp_path: Path) -> None:
    kill_a_put(butler, "unlink")
    (tmp_path / "file.json").write_text('{"a": 1}')
    (ref,) = butler.make_refs("summary", [ID])
    butler.ingest(FileDataset(tmp_path / "file.json", [ref]), transfer="copy")
    assert butler.recover().deleted == 1
    assert butler.get("summary", ID) == {"a": 1}


def test_a_full_disk_refuses_a_removal_and_says_what_it_needs(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = butler.put({"a": 1}, "summary", ID)

    def refuse(name: str, path: str) -> None:
        if name in ("create", "mkdir"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    with monkeypatch.context() as patch:
        patch.setattr(_io, "step", refuse)
        with pytest.raises(UnavailableError, match="No space left") as caught:
            butler.unstore([stored])
    assert any("room for its journal" in note for note in caught.value.__notes__)
    assert butler.get(stored) == {"a": 1}
    butler.unstore([stored])
    assert (files_under(root), journals_under(root)) == ([], [])


# -- for how long outcomes are kept


def age(monkeypatch: pytest.MonkeyPatch, age: timedelta) -> None:
    """Turn the clock back for what makes batches and commits them."""
    then = datetime.now(UTC) - age
    monkeypatch.setattr("time.time_ns", lambda: int(then.timestamp() * 1e9))
    monkeypatch.setattr(tai, "now", lambda: tai.datetime_to_tai(then))


@pytest.fixture
def old(butler: Butler, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """A batch that was committed longer ago than anybody remembers."""
    with monkeypatch.context() as patch:
        age(patch, OUTCOMES_KEPT + timedelta(hours=1))
        batch = RawBatch()
        butler._registry.apply_batch(batch)
    return batch.batch_id


def outcome(butler: Butler, batch_id: UUID) -> BatchOutcome:
    return butler._registry.outcomes([batch_id])[batch_id]


def test_old_outcomes_are_forgotten(butler: Butler, old: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        age(patch, OUTCOMES_KEPT - timedelta(hours=1))
        batch = RawBatch()
        butler._registry.apply_batch(batch)
    butler.recover(dry_run=True)
    assert outcome(butler, old) is BatchOutcome.COMMITTED
    butler.recover()
    assert outcome(butler, old) is BatchOutcome.UNKNOWN
    assert outcome(butler, batch.batch_id) is BatchOutcome.COMMITTED


def test_the_outcome_of_an_open_journal_is_kept(butler: Butler, old: UUID) -> None:
    fields: dict[str, Any] = {"datastore_id": butler._datastore.bridge.datastore_id, "entries": ()}
    store = butler._datastore.journals
    name = store.create(".butler/journals/x", new_journal(batch_id=old, writer=living(), **fields))
    butler.recover()
    assert outcome(butler, old) is BatchOutcome.COMMITTED
    store.drop(name)
    butler.recover()
    assert outcome(butler, old) is BatchOutcome.UNKNOWN


def test_nothing_is_forgotten_beside_a_journal_that_nobody_can_read(
    butler: Butler, root: Path, old: UUID
) -> None:
    bad = plant(butler, root)
    bad.write_text("damaged")
    assert len(butler.recover().left_alone) == 1
    assert outcome(butler, old) is BatchOutcome.COMMITTED
    bad.unlink()
    butler.recover()
    assert outcome(butler, old) is BatchOutcome.UNKNOWN


def test_a_writer_that_asks_after_its_outcome_was_forgotten_deletes_nothing(
    butler: Butler, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = butler._registry.apply_batch

    def apply(batch: RawBatch) -> None:
        with monkeypatch.context() as patch:
            age(patch, OUTCOMES_KEPT + timedelta(hours=1))
            real(batch)
        for path in journals_under(root):  # ended by a recovery that could not tell whether the writer lives
            path.unlink()
        assert butler._registry.forget_outcomes(datetime.now(UTC) - OUTCOMES_KEPT) > 0
        raise OutcomeUnknownError("lost")

    with monkeypatch.context() as patch:
        age(patch, OUTCOMES_KEPT + timedelta(hours=2))
        patch.setattr(butler._registry, "apply_batch", apply)
        with pytest.raises(UnavailableError):
            butler.put({"a": 1}, "summary", ID)
    assert butler.get("summary", ID) == {"a": 1}
