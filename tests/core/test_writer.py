"""Whether the process behind a journal is gone: proved only where its process ID still means the same."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from butler_core import writer
from butler_core.models.journal import WriterIdentity
from butler_core.writer import WriterState, find_writer_state, identify_writer

# Writes who it is, and ends when its standard input does.
WRITE = """
import sys
from butler_core.writer import find_writer_state, identify_writer
me = identify_writer()
print(me.model_dump_json(), find_writer_state(me).value, flush=True)
for line in sys.stdin:
    print(find_writer_state(type(me).model_validate_json(line)).value, flush=True)
"""


class Writer:
    """Another process, perhaps in a PID namespace of its own."""

    def __init__(self, *prefix: str) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", WRITE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        text, self.state = self._read().rsplit(" ", 1)
        self.identity = WriterIdentity.model_validate_json(text)

    def _read(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise RuntimeError("the other process has ended")
        return line

    def judge(self, identity: WriterIdentity) -> str:
        """Ask what it takes a writer for."""
        assert self.process.stdin is not None
        self.process.stdin.write(identity.model_dump_json() + "\n")
        self.process.stdin.flush()
        return self._read()

    def end(self) -> None:
        self.process.communicate()


def unshared(*options: str) -> Writer:
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    try:
        return Writer("unshare", "--pid", "--fork", *options)
    except RuntimeError:
        pytest.skip("this kernel lets nobody make a PID namespace here")


def test_a_writer_lives_until_it_ends() -> None:
    other = Writer()
    assert other.state == "alive"
    assert find_writer_state(other.identity) is WriterState.ALIVE
    assert other.judge(identify_writer()) == "alive"
    other.end()
    assert find_writer_state(other.identity) is WriterState.GONE


def test_a_zombie_is_gone() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    stat = None
    for _ in range(1000):
        stat = writer._read_stat(pid)
        if stat is not None and stat[0] == "Z":
            break
        time.sleep(0.01)
    assert stat is not None
    identity = identify_writer().model_copy(update={"pid": pid, "process_start": stat[1]})
    assert find_writer_state(identity) is WriterState.GONE
    os.waitpid(pid, 0)
    assert find_writer_state(identity) is WriterState.GONE


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, WriterState.ALIVE),
        ({"process_start": 1}, WriterState.GONE),
        ({"pid": 2**22 + 1}, WriterState.GONE),
        ({"pid": 0}, WriterState.UNKNOWN),
        ({"pid": -1}, WriterState.UNKNOWN),
        ({"host": "elsewhere", "process_start": 1}, WriterState.UNKNOWN),
        ({"boot_id": "another", "process_start": 1}, WriterState.UNKNOWN),
        ({"boot_id": "", "process_start": 1}, WriterState.UNKNOWN),
        ({"pid_namespace": "pid:[1]", "process_start": 1}, WriterState.UNKNOWN),
        ({"pid_namespace": "", "process_start": 1}, WriterState.UNKNOWN),
    ],
)
def test_all_five_must_match(change: dict[str, object], state: WriterState) -> None:
    assert find_writer_state(identify_writer().model_copy(update=change)) is state


def test_a_writer_in_another_pid_namespace_is_not_judged() -> None:
    other = unshared("--mount-proc")
    me = identify_writer()
    assert other.state == "alive"
    assert other.identity.pid_namespace not in ("", me.pid_namespace)
    assert (other.identity.host, other.identity.boot_id) == (me.host, me.boot_id)
    # Its number is somebody else's here, and mine is nobody's there.
    assert find_writer_state(other.identity) is WriterState.UNKNOWN
    assert other.judge(me) == "unknown"
    assert other.judge(other.identity.model_copy(update={"process_start": 1})) == "gone"
    other.end()
    assert find_writer_state(other.identity) is WriterState.UNKNOWN


def test_where_proc_shows_another_namespace_nobody_is_judged() -> None:
    other = unshared()
    assert other.state == "unknown"
    assert other.identity.pid_namespace == ""
    assert other.judge(other.identity.model_copy(update={"process_start": 1})) == "unknown"
    assert other.judge(identify_writer()) == "unknown"
    assert find_writer_state(other.identity) is WriterState.UNKNOWN
    other.end()


def test_a_forked_child_is_another_writer() -> None:
    me = identify_writer()
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(send, identify_writer().model_dump_json().encode())
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as stream:
        child = WriterIdentity.model_validate_json(stream.read())
    os.waitpid(pid, 0)
    assert (child.pid, child.host) == (pid, me.host)
    assert child != me


def test_what_was_found_out_is_not_carried_into_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child may have its parent's number, in a PID namespace of its own."""
    parent = identify_writer()
    monkeypatch.setattr(os, "getpid", lambda: parent.pid)
    pid = os.fork()
    if pid == 0:
        # Here /proc says otherwise: had the parent's answer been kept, nobody would have looked.
        os._exit(0 if identify_writer().pid_namespace == "" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_process_that_proc_shows_but_does_not_let_us_look_at_is_not_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So it is with processes of others where /proc is mounted with hidepid=1."""
    me, real = identify_writer(), Path.read_text

    def read_text(path: Path, *args: Any, **kwargs: Any) -> str:
        if path.name == "stat":
            raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert find_writer_state(me.model_copy(update={"pid": os.getppid()})) is WriterState.UNKNOWN
