"""Forked children under ``strace``: what they ask of the kernel is recorded, or they are killed at one of their calls.

A child is forked from a process that has everything imported and warm, prepares itself, stops, and goes on once strace is
attached; so what is recorded, or counted, is the action and nothing else.  Its threads and children are traced too.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")

FILE_CALLS = "%file,%desc,%network"
"""Every call that has to do with a file, a descriptor or a socket, as strace calls these classes."""

_LONGEST_STRING = 1 << 26  # bytes: all that a call writes is in the log
_PATIENCE_SECONDS = 60.0
_SET_PTRACER = (
    0x59616D61  # prctl(2): where only children may be traced, this lets strace, a sister, do it too
)

_LINE = re.compile(r"^(\d+) +(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\) += (0x[0-9a-f]+|-?\d+|\?)(.*)$")
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
_UNFINISHED = " <unfinished ...>"
_STRING = re.compile(r'@?"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR = re.compile(r"^(\w+)(?:<((?:\\x[0-9a-f]{2})*)(?:\(deleted\))?>)?$")


class Argument(NamedTuple):
    """One argument of a call."""

    text: str
    """As strace writes it."""

    @property
    def data(self) -> bytes:
        """The bytes of a string, such as a path or what is written."""
        found = _STRING.search(self.text)
        return _unescape(found[1]) if found else b""

    @property
    def path(self) -> str:
        """The path that a descriptor stands for, or that a string says."""
        found = _DESCRIPTOR.match(self.text)
        if found:
            return os.fsdecode(_unescape(found[2] or ""))
        return os.fsdecode(self.data)


class Call(NamedTuple):
    """One system call."""

    thread: int
    name: str
    arguments: tuple[Argument, ...]
    result: int
    """-1 for a call that failed, or did not return."""
    opened: str
    """The path behind the descriptor that it returned, if it did."""

    def path(self, position: int) -> str:
        """Return the absolute path that an argument names; in calls as ``openat`` with the directory before it."""
        path = self.arguments[position].path
        if not path.startswith("/") and position and self.arguments[position].text.startswith('"'):
            path = os.path.join(self.arguments[position - 1].path, path)
        return os.path.abspath(path)


class Recording(NamedTuple):
    """What a child asked of the kernel, in order, and how it ended."""

    exit_code: int
    calls: Sequence[Call]

    def names(self) -> Counter[str]:
        """Count the calls by name, those that failed too."""
        return Counter(call.name for call in self.calls)


def record(act: Callable[[T], object], prepare: Callable[[], T], *, calls: str = FILE_CALLS) -> Recording:
    """Run an action in a child, and record its calls.

    Parameters
    ----------
    act
        Gets what ``prepare`` returned, in the child; if it raises, the exit code is 1 and stderr has the traceback.
    prepare
        Runs in the child before the recording begins.
    calls
        Which, as strace's ``-e trace=`` takes it.

    Raises `RuntimeError` if there is no strace, or it may not trace.
    """
    with tempfile.NamedTemporaryFile(prefix="strace-") as log:
        options = ("-y", "-xx", "-s", str(_LONGEST_STRING), "-o", log.name, "-e", f"trace={calls}")
        exit_code = _trace(_fork_stopped(act, prepare), *options)
        return Recording(exit_code, list(parse(Path(log.name).read_text("ascii", "replace"))))


def run_killed(act: Callable[[T], object], prepare: Callable[[], T], name: str, number: int) -> int:
    """Run an action in a child that is killed when it makes its ``number``-th call of this name; return its exit code.

    That is ``-signal.SIGKILL``, or 0 if it ended before.  The call itself is not made.  Each thread counts for itself.
    """
    inject = f"inject={name}:signal=SIGKILL:when={number}"
    return _trace(_fork_stopped(act, prepare), "-o", os.devnull, "-e", f"trace={name}", "-e", inject)


def fork(act: Callable[[], object]) -> int:
    """Run an action in a forked child; return its process ID.  It ends with 0, or 1 after a traceback on stderr."""
    with warnings.catch_warnings():
        # Threads of a test runner hold no lock that the child needs.
        warnings.filterwarnings("ignore", message="This process .* is multi-threaded")
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        act()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def wait(pid: int) -> int:
    """Wait for a child to end; return its exit code, or less than 0 for the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _fork_stopped(act: Callable[[T], object], prepare: Callable[[], T]) -> int:
    if shutil.which("strace") is None:
        raise RuntimeError("This test follows system calls, and strace is not installed: apt install strace.")

    def run() -> None:
        prepared = prepare()
        ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        act(prepared)

    pid = fork(run)
    _, status = os.waitpid(pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        raise RuntimeError(
            f"The child could not be prepared; it ended with {os.waitstatus_to_exitcode(status)}."
        )
    return pid


def _trace(pid: int, *options: str) -> int:
    """Let a stopped child go on under strace; return how it ended."""
    command = ["strace", "-f", "-p", str(pid), *options]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    with tracer.stderr:
        said = []
        for line in tracer.stderr:
            said.append(line)
            if "attached" in line:
                break
        else:
            os.kill(pid, signal.SIGKILL)
            wait(pid)
            tracer.wait()
            raise PermissionError(
                f"strace cannot trace a child of this process ({''.join(said).strip()}): a container needs --cap-add SYS_PTRACE."
            )
        os.kill(pid, signal.SIGCONT)
        try:
            return _wait_patiently(pid)
        finally:
            tracer.stderr.read()
            tracer.wait()


def _wait_patiently(pid: int) -> int:
    """Wait for a child; one that hangs is killed, and that is an error."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    nap = 0.001
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            wait(pid)
            raise TimeoutError(f"The child had not ended after {_PATIENCE_SECONDS:.0f} s.")
        time.sleep(nap)
        nap = min(nap * 1.5, 0.02)


# -- reading the log


def parse(log: str) -> Iterator[Call]:
    """Read what ``strace -f -y -xx`` wrote; a call that others interrupted counts where it ended."""
    begun: dict[int, str] = {}
    for line in log.splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        thread, text = int(found[1]), found[2]
        if text.endswith(_UNFINISHED):
            begun[thread] = text.removesuffix(_UNFINISHED)
            continue
        resumed = _RESUMED.match(text)
        if resumed:
            text = begun.pop(thread, "") + resumed[2]
        call = _parse_call(thread, text)
        if call is not None:
            yield call


def _parse_call(thread: int, text: str) -> Call | None:
    found = _CALL.match(text)
    if not found:
        return None  # a signal, or the end of a process
    name, arguments, result, rest = found.groups()
    opened = _DESCRIPTOR.match(result + rest.split(" ")[0])
    return Call(
        thread,
        name,
        tuple(Argument(argument) for argument in _split(arguments)),
        -1 if result == "?" else int(result, 0),
        os.fsdecode(_unescape(opened[2] or "")) if opened else "",
    )


def _split(arguments: str) -> Iterator[str]:
    """Split at commas that are in no brackets; strings have none, since all their characters are escaped."""
    depth = start = 0
    for found in re.finditer(r"[,\[\]{}()]", arguments):
        character = found[0]
        if character == ",":
            if not depth:
                yield arguments[start : found.start()].strip()
                start = found.end()
        else:
            depth += 1 if character in "[{(" else -1
    if arguments:
        yield arguments[start:].strip()


def _unescape(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))
