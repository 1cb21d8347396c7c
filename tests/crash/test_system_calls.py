"""Recording and killing at system calls, on children of which all calls are known."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from butler_core.testing.repositories.system_calls import parse, record, run_killed

ODD = 'a "name", with\n\\x41 <everything>)'


pytestmark = pytest.mark.crash  # they need strace, which `make test` does without


def write(root: Path) -> None:
    with open(root / ODD, "wb") as file:
        file.write(bytes(range(256)))
        file.flush()
        os.fsync(file.fileno())
    os.rename(root / ODD, root / "b")
    directory = os.open(root, os.O_RDONLY)
    os.link("b", "c", src_dir_fd=directory, dst_dir_fd=directory)
    thread = threading.Thread(target=os.mkdir, args=(root / "d",))
    thread.start()
    thread.join()
    os.close(directory)


def test_a_recording_has_names_paths_and_content(tmp_path: Path) -> None:
    recording = record(write, lambda: tmp_path)
    assert recording.exit_code == 0
    (written,) = [call for call in recording.calls if call.name == "write"]
    assert written.arguments[0].path == str(tmp_path / ODD)
    assert written.arguments[1].data == bytes(range(256))
    assert written.result == 256
    assert [call.opened for call in recording.calls if call.name == "openat"] == [
        str(tmp_path / ODD),
        str(tmp_path),
    ]
    (synced,) = [call for call in recording.calls if call.name == "fsync"]
    assert synced.path(0) == str(tmp_path / ODD)
    (renamed,) = [call for call in recording.calls if call.name == "rename"]
    assert (renamed.path(0), renamed.path(1)) == (str(tmp_path / ODD), str(tmp_path / "b"))
    (linked,) = [call for call in recording.calls if call.name == "linkat"]
    assert (linked.path(1), linked.path(3)) == (str(tmp_path / "b"), str(tmp_path / "c"))
    (made,) = [call for call in recording.calls if call.name == "mkdir"]
    assert made.thread != linked.thread


def test_what_is_prepared_is_not_recorded(tmp_path: Path) -> None:
    def prepare() -> Path:
        (tmp_path / "a").mkdir()
        return tmp_path / "b"

    recording = record(Path.mkdir, prepare)
    assert [call.path(0) for call in recording.calls if call.name == "mkdir"] == [str(tmp_path / "b")]


def test_a_call_that_fails(tmp_path: Path) -> None:
    recording = record(os.mkdir, lambda: tmp_path)
    assert recording.exit_code == 1
    assert [call.result for call in recording.calls if call.name == "mkdir"] == [-1]


def test_interrupted_calls_are_put_together() -> None:
    log = (
        '7  fsync(3<\\x2f\\x61> <unfinished ...>\n8  mkdir("\\x2f\\x62", 0777) = 0\n'
        "7  <... fsync resumed>)             = 0\n7  +++ exited with 0 +++\n"
    )
    calls = list(parse(log))
    assert [(call.name, call.thread, call.path(0)) for call in calls] == [
        ("mkdir", 8, "/b"),
        ("fsync", 7, "/a"),
    ]


def test_killed_before_a_call(tmp_path: Path) -> None:
    def make(root: Path) -> None:
        for name in "abc":
            (root / name).mkdir()

    assert run_killed(make, lambda: tmp_path, "mkdir", 3) == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    for path in tmp_path.iterdir():
        path.rmdir()
    assert run_killed(make, lambda: tmp_path, "mkdir", 4) == 0


def test_a_child_that_cannot_be_prepared(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="could not be prepared"):
        record(lambda _: None, lambda: 1 / 0)
    assert "ZeroDivisionError" in capfd.readouterr().err
