"""The power goes at any moment of any write to SQLite and a directory; and the disk that forgets does remember."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from butler_core.testing.repositories.crash import RepositorySuite, stage
from butler_core.testing.repositories.disk import Disk
from butler_core.testing.repositories.operations import OPERATIONS, Operation
from butler_core.testing.repositories.power import TornPower
from butler_core.testing.repositories.system_calls import record


class TestTornPower(TornPower):
    """On the embedded defaults."""


pytestmark = pytest.mark.crash  # they need strace, which `make test` does without


def contents(root: Path) -> dict[str, bytes | str]:
    """All files but SQLite's shared memory, which is written without system calls."""
    return {
        str(path.relative_to(root)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in root.rglob("*")
        if (path.is_symlink() or path.is_file()) and not path.name.endswith("-shm")
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_what_is_played_is_what_was_done(operation: Operation, tmp_path: Path) -> None:
    with stage(RepositorySuite().make, operation) as made:
        made.reset()
        disk = Disk(made.work)
        recording = record(made.act, made.prepared())
        assert recording.exit_code == 0
        disk.play(recording.calls)
        (everything,) = [cut for cut in disk.cuts() if cut.is_end and cut.description.endswith(" none")]
        disk.write(everything, tmp_path / "played")
        assert contents(tmp_path / "played") == contents(made.work)


def write_and_sync(root: Path, *, file: bool = False, directory: bool = False) -> None:
    descriptor = os.open(root / "new", os.O_WRONLY | os.O_CREAT)
    os.write(descriptor, b"new")
    if file:
        os.fsync(descriptor)
    if directory:
        opened = os.open(root, os.O_RDONLY)
        os.fsync(opened)


@pytest.mark.parametrize(
    ("syncs", "possible"),
    [
        ({}, [None, b"", b"\0\0\0", b"new"]),
        ({"file": True}, [None, b"new"]),
        ({"directory": True}, [b"", b"\0\0\0", b"new"]),
        ({"file": True, "directory": True}, [b"new"]),
    ],
)
def test_what_is_synced_survives(
    syncs: dict[str, bool], possible: list[bytes | None], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    disk = Disk(root)
    disk.play(record(lambda path: write_and_sync(path, **syncs), lambda: root).calls)
    found = set()
    for number, cut in enumerate(disk.cuts()):
        if cut.is_end:
            place = tmp_path / str(number)
            disk.write(cut, place)
            found.add((place / "new").read_bytes() if (place / "new").exists() else None)
    assert found == set(possible)
