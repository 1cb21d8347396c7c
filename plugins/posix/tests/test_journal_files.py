"""Journals as files: what a killed writer leaves of them, and what strangers put beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from butler_core.contracts.datastore import Datastore
from butler_core.errors import BatchFencedError, CorruptError, IncompatibleError, InvalidInputError
from butler_core.models.journal import WriterIdentity
from butler_core.testing.datastores.datasets import begin, make_refs
from butler_core.testing.datastores.journals import new_journal
from butler_posix import _io, _journals
from butler_posix._journal_file import encode_journal
from butler_posix._staging import _encode, parse_name

LOCATION = ".butler/journals/u%2Ftest%2Frun"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "repo" / "data"


def test_anybody_can_read_a_journal(datastore: Datastore, root: Path) -> None:
    journal = new_journal()
    name = datastore.journals.create(LOCATION, journal)
    (path,) = (root / LOCATION).iterdir()
    assert name == f"{path.name}@{path.parent.name}"
    content = json.loads(path.read_text())
    assert content["journal"]["batch_id"] == str(journal.batch_id)
    assert [entry["artifact"] for entry in content["journal"]["entries"]] == ["dir/0.json", "dir/1.json"]
    assert journal.batch_id.hex in name


def test_a_journal_that_nobody_could_read_is_not_written(
    datastore: Datastore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encode_journal(journal := new_journal())
    monkeypatch.setattr(_journals, "MAX_BYTES", len(content))
    name = datastore.journals.create(LOCATION, journal)
    assert datastore.journals.read(name) == journal
    datastore.journals.drop(name)
    monkeypatch.setattr(_journals, "MAX_BYTES", len(content) - 1)
    with pytest.raises(InvalidInputError, match="fewer"):
        datastore.journals.create(LOCATION, journal)
    assert list(datastore.journals.list()) == []
    assert list((root / ".butler" / "staging").iterdir()) == []


def killed(datastore: Datastore, step: int) -> int:
    """Write a journal in a child process that ends before a step of it; return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            left = step

            def count(*_: Any) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(66)

            _io.step = count
            begin(datastore, make_refs(1), uuid4())
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("durability", ["process", "power-loss"])
def test_what_a_killed_writer_began_is_listed_until_it_is_ended(
    open_posix: Callable[..., Datastore], root: Path, durability: str
) -> None:
    datastore = open_posix(durability=durability)
    for step in range(100):
        code = killed(datastore, step)
        assert code in (0, 66)
        left = list((root / ".butler" / "staging").iterdir())
        names = list(datastore.journals.list())
        assert len(names) == (1 if left else 0)
        for name in names:
            journal = datastore.journals.read(name)
            assert journal.batch_id.hex == left[0].name.partition(".")[0]
            assert journal.datastore_id == "testing"
            assert len(journal.entries) == (0 if "staging" in name else 1)
            datastore.delete_artifacts([], batch_id=journal.batch_id)
            datastore.journals.drop(name)
        assert list(datastore.journals.list()) == []
        assert list((root / ".butler" / "staging").iterdir()) == []
        if code == 0:
            break
    assert step > 4


def test_a_live_batch_is_listed_once(datastore: Datastore) -> None:
    batch_id = uuid4()
    names = [
        datastore.journals.create(f".butler/journals/{run}", new_journal(run, batch_id=batch_id))
        for run in "ab"
    ]
    assert list(datastore.journals.list()) == names


def test_what_was_begun_and_has_gone_is_not_found(datastore: Datastore, root: Path) -> None:
    writer = new_journal().writer
    directory = root / ".butler" / "staging" / f"{uuid4().hex}.{_encode(writer)}"
    directory.mkdir()
    (name,) = datastore.journals.list()
    assert datastore.journals.read(name).writer == writer
    datastore.journals.drop(name)
    assert not directory.exists()
    with pytest.raises(LookupError):
        datastore.journals.read(name)


def test_strange_entries_are_told_or_passed_over(datastore: Datastore, root: Path) -> None:
    (root / ".butler" / "staging" / f"{uuid4().hex}.nobody").mkdir()
    (root / ".butler" / "staging" / "strange").mkdir()
    (root / ".butler" / "journals" / "stray.txt").write_bytes(b"")
    (root / LOCATION / "directory").mkdir(parents=True)
    (root / LOCATION / "notes.txt").write_bytes(b"do not delete")
    good = datastore.journals.create(LOCATION, new_journal())
    problems = 0
    for name in datastore.journals.list():
        try:
            datastore.journals.read(name)
        except CorruptError:
            problems += 1
        except LookupError:
            continue
        else:
            assert name == good
    assert problems == 3


@pytest.mark.parametrize(
    "place", ["", ".butler/journals", ".butler/journals/..", ".butler/journals/a/b", "elsewhere/a"]
)
def test_journals_go_nowhere_else(datastore: Datastore, place: str) -> None:
    with pytest.raises(InvalidInputError, match="no place"):
        datastore.journals.create(place, new_journal())


def test_a_renewal_that_was_cut_short_does_not_count(datastore: Datastore, root: Path) -> None:
    journal = new_journal()
    name = datastore.journals.create(LOCATION, journal)
    (path,) = (root / LOCATION).iterdir()
    whole = path.read_bytes()
    datastore.journals.renew(name, uploads=["a"])
    renewed = path.read_bytes()
    for end in range(len(whole), len(renewed)):
        path.write_bytes(renewed[:end])
        assert datastore.journals.read(name) == journal
    path.write_bytes(renewed.replace(b'"a"', b'"b"'))
    with pytest.raises(CorruptError):
        datastore.journals.read(name)


def test_every_byte_of_a_journal_is_guarded(datastore: Datastore, root: Path) -> None:
    journal = new_journal(count=1)
    name = datastore.journals.create(LOCATION, journal)
    (path,) = (root / LOCATION).iterdir()
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with pytest.raises((CorruptError, IncompatibleError)):
            datastore.journals.read(name)
        path.write_bytes(whole[:position])
        with pytest.raises(CorruptError):
            datastore.journals.read(name)


def test_a_writer_whose_staging_was_swept_cannot_journal(open_posix: Callable[..., Datastore]) -> None:
    mine, other = open_posix(), open_posix()
    batch_id = uuid4()
    mine.journals.create(LOCATION, new_journal(batch_id=batch_id))
    other.delete_artifacts([], batch_id=batch_id)
    with pytest.raises(BatchFencedError):
        mine.journals.create(LOCATION, new_journal(batch_id=batch_id))


@pytest.mark.parametrize("host", ["vm", "a.b-c_d,é/..", "x" * 64])
def test_a_directory_tells_its_writer(host: str) -> None:
    writer = WriterIdentity(
        host=host, boot_id="1-2", pid_namespace="pid:[4026531836]", pid=7, process_start=99
    )
    batch_id = uuid4()
    name = f"{batch_id.hex}.{_encode(writer)}"
    assert "/" not in name
    assert parse_name(name) == (batch_id, writer)


def test_a_host_too_long_to_tell_is_nobody(datastore: Datastore) -> None:
    writer = WriterIdentity(host="é" * 255, boot_id="1", pid_namespace="p", pid=7, process_start=99)
    name = f"{uuid4().hex}.{_encode(writer)}"
    assert len(name) < 255
    assert parse_name(name).writer.host != writer.host
    datastore.journals.create(LOCATION, new_journal(writer=writer))
