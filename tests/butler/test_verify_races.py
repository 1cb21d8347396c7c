"""Verification takes no live writer or removal for a fault, whatever sleeps when; killed while it mends, it is run again."""

from __future__ import annotations

import os
import shutil
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from butler_core import Butler, FileDataset
from butler_core.errors import DatasetExistsError
from butler_core.models.journal import JOURNAL_VERSION, Journal, JournalEntry
from butler_core.testing.universe import testing_universe
from butler_core.verification.confirming import confirm_unknown
from butler_core.writer import identify_writer
from butler_posix import _io
from tests.butler.conftest import RUN, data_ids, populate
from tests.butler.test_datasets import files_under
from tests.butler.test_verify import ORPHAN, add, artifact_of, found, lost_under

Operation = Callable[[Butler, Path], None]


def put(butler: Butler, work: Path) -> None:
    butler.put({"new": 1}, "summary", data_ids()[10])


def put_many(butler: Butler, work: Path) -> None:
    refs = butler.make_refs("summary", data_ids()[10:13])
    butler.put_many([({"new": n}, ref) for n, ref in enumerate(refs)])


def ingest(butler: Butler, work: Path) -> None:
    (work / "file.json").write_text("{}")
    refs = butler.make_refs("summary", data_ids()[10:12])
    butler.ingest(FileDataset(work / "file.json", refs), transfer="move")


def unstore(butler: Butler, work: Path) -> None:
    butler.unstore(list(butler.query_datasets("summary", RUN)))


def refused(butler: Butler, work: Path) -> None:
    """Write what is there already, so that all of it is taken back."""
    with pytest.raises(DatasetExistsError):
        butler.put({"new": 1}, "summary", data_ids()[0])


OPERATIONS: dict[str, Operation] = {
    "put": put,
    "put_many": put_many,
    "ingest": ingest,
    "unstore": unstore,
    "refused": refused,
}


@pytest.fixture
def prepared(butler: Butler, root: Path) -> Butler:
    """A repository with two datasets."""
    for n in (0, 1):
        butler.put({"old": n}, "summary", data_ids()[n])
    return butler


class Paused:
    """An operation in a thread of its own, that stops before its step of a number until it is told to go on."""

    def __init__(self, root: Path, work: Path, operation: Operation, stop: int) -> None:
        self.is_paused, self._go_on = threading.Event(), threading.Event()
        self.error: BaseException | None = None
        self.steps = 0
        self._stop = stop
        self._arguments = (root, work, operation)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        root, work, operation = self._arguments
        try:
            with Butler(root, run=RUN) as butler:
                for name in ("apply_batch", "referenced", "fence"):
                    self._wrap(butler._registry, name)
                self._wrap(butler._datastore, "delete_artifacts")
                self._wrap(butler._datastore.journals, "drop")
                operation(butler, work)
        except BaseException as error:
            self.error = error
        finally:
            self.is_paused.set()

    def _wrap(self, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.step()
            result = real(*args, **kwargs)
            self.step()
            return result

        setattr(owner, name, call)

    def step(self, *_: object) -> None:
        if threading.current_thread() is not self._thread:
            return
        self.steps += 1
        if self.steps == self._stop:
            self.is_paused.set()
            assert self._go_on.wait(60)

    def start(self) -> bool:
        """Run up to the step; False if it has ended before."""
        self._thread.start()
        assert self.is_paused.wait(60)
        return self.steps >= self._stop

    def finish(self) -> None:
        self._go_on.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error


def restore(root: Path, backup: Path) -> None:
    shutil.rmtree(root)
    shutil.copytree(backup, root)


def verify_calling(butler: Butler, number: int, act: Callable[[], None]) -> tuple[list[Any], int]:
    """Verify with repair, and do something before its look or question of this number; return findings and number of calls."""
    count = 0

    def wrap(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == number:
                act()
            return real(*args, **kwargs)

        setattr(owner, name, call)

    datastore, registry = butler._datastore, butler._registry
    for owner, names in (
        (datastore, ("stat_artifacts", "set_aside")),
        (datastore.journals, ("list", "read")),
        (registry, ("records_by_artifact", "referenced", "outcomes")),
    ):
        for name in names:
            wrap(owner, name)
    return found(butler.verify(repair=True)), count


@pytest.mark.parametrize(
    ("name", "stride"),
    [
        ("put", 4),
        ("unstore", 4),
        *(pytest.param(name, 1, marks=pytest.mark.slow) for name in OPERATIONS),
    ],
)
def test_an_operation_that_sleeps_anywhere_and_ends_anywhere_within_a_verification(
    prepared: Butler, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stride: int
) -> None:
    """It sleeps before its step i, and ends by itself before the verification's look number k: for all i and k."""
    prepared.close()
    backup = tmp_path / "backup"
    shutil.copytree(root, backup)
    combinations = 0
    for i in range(2, 1000, stride):
        k, calls, is_paused = 1, 1, True
        while k <= calls + 1 and is_paused:
            restore(root, backup)
            (tmp_path / "file.json").unlink(missing_ok=True)
            operation = Paused(root, tmp_path, OPERATIONS[name], i)
            monkeypatch.setattr(_io, "step", operation.step)
            is_paused = operation.start()
            with Butler(root, writeable=True) as butler:
                findings, calls = verify_calling(butler, k, operation.finish)
            if k > calls:
                operation.finish()  # it slept through all of it
            elif not is_paused:
                operation.finish()
            assert findings == [], f"asleep before step {i} until look {k}"
            with Butler(root, writeable=True) as butler:
                assert found(butler.verify(repair=True)) == []
                assert lost_under(root) == []
                assert butler.journals() == []
                for ref in butler.query_datasets("summary", RUN).expanded():
                    if ref.datastore_records:
                        butler.get(ref)
            combinations += 1
            k += 1
        if not is_paused:
            break
    assert i > 5
    assert combinations > 20 / stride


def test_a_removal_that_begins_after_the_journals_were_read(
    prepared: Butler, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has dropped the records when they are read, and sleeps before it deletes the artifacts, which are looked at again."""
    seen = list(prepared._datastore.stat_artifacts(None))
    assert confirm_unknown(prepared._registry, prepared._datastore, seen).stats == []
    removal = Paused(
        root, tmp_path, unstore, 3
    )  # apply_batch has two steps, and then it asks what it may delete
    real = prepared._datastore.journals.list
    lists = []

    def list_first() -> Any:
        found = list(real())
        lists.append(found)
        if len(lists) == 1:
            monkeypatch.setattr(_io, "step", None)
            assert removal.start()
        return iter(found)

    monkeypatch.setattr(prepared._datastore.journals, "list", list_first)
    assert confirm_unknown(prepared._registry, prepared._datastore, seen).stats == []
    assert len(files_under(root)) == 2
    assert [len(names) for names in lists] == [0, 1]
    removal.finish()
    assert files_under(root) == []


def test_a_removal_between_records_and_artifacts(prepared: Butler, root: Path) -> None:
    real = prepared._datastore.stat_artifacts
    calls: list[Any] = []

    def stat_artifacts(artifacts: Any, **options: Any) -> Any:
        if not calls:
            with Butler(root, writeable=True) as other:
                unstore(other, root)
        calls.append(artifacts)
        return real(artifacts, **options)

    prepared._datastore.stat_artifacts = stat_artifacts  # type: ignore[method-assign]
    assert found(prepared.verify(RUN)) == []
    assert len(calls[0]) == 2
    assert files_under(root) == []


def test_stems_of_a_graph_are_known(prepared: Butler, root: Path) -> None:
    batch_id = uuid4()
    for name in ("graph/1_0123456789abcdef_try.json", "graph/2_0123456789abcdef.json"):
        add(root, name)
    entry = JournalEntry(uuid=uuid4(), run=RUN, component=None, artifact="graph/1_", size_bytes=None)
    journal = Journal(
        version=JOURNAL_VERSION,
        batch_id=batch_id,
        datastore_id=prepared._datastore.bridge.datastore_id,
        kind="graph",
        writer=identify_writer(),
        begun=datetime.now(UTC),
        entries=(entry,),
    )
    prepared._datastore.journals.create(prepared._datastore.bridge.journal_paths([RUN])[RUN], journal)
    unknown = [finding.artifact for finding in prepared.verify().findings if finding.kind == "unknown"]
    assert unknown == ["graph/2_0123456789abcdef.json"]


# -- killed while it mends

EXIT_KILLED, EXIT_DONE, EXIT_FAILED = 66, 0, 1


def verify_until(step: int, root: Path) -> int:
    """Verify with repair in a forked child that ends, as if killed, before its change of this number."""
    pid = os.fork()
    if pid == 0:
        code = EXIT_FAILED
        try:
            butler = Butler(root, writeable=True)
            left = step

            def count(*_: object) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(EXIT_KILLED)

            _io.step = count
            butler.verify(repair=True, workers=1)
            code = EXIT_DONE
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("durability", ["process", "power-loss"])
def test_killed_at_every_change(tmp_path: Path, durability: Any) -> None:
    template, root = tmp_path / "template", tmp_path / "repo"
    Butler.make_repo(template, dimensions=testing_universe(), durability=durability)
    with Butler(template, run=RUN) as butler:
        populate(butler)
        refs = [butler.put({"old": n}, "summary", data_ids()[n]) for n in range(4)]
        butler._datastore.set_aside([(artifact_of(butler, ref), None) for ref in refs[:2]])
    for n in range(2):
        add(template, f"{n}{ORPHAN}", "precious")
    for step in range(200):
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(template, root)
        code = verify_until(step, root)
        assert code in (EXIT_KILLED, EXIT_DONE)
        with Butler(root, writeable=True) as butler:
            butler.verify(repair=True)
            assert found(butler.verify(repair=True)) == [], f"killed before change {step}"
            assert [butler.get(ref)["old"] for ref in refs] == [0, 1, 2, 3]
            assert butler.journals() == []
        lost = [name for name in lost_under(root) if "orphan" in name]
        assert lost == [f"0{ORPHAN}", f"1{ORPHAN}"]
        assert all((root / "data/.butler/lost" / name).read_text() == "precious" for name in lost)
        assert len(files_under(root)) == 4
        if code == EXIT_DONE:
            break
    assert step > 8
