"""Which process writes, and whether another one that wrote is gone."""

from __future__ import annotations

import enum
import os
import socket
from functools import lru_cache
from pathlib import Path

from butler_core.models.journal import WriterIdentity


class WriterState(enum.Enum):
    """What can be said of the process behind a journal."""

    ALIVE = "alive"
    GONE = "gone"
    """Proved: nothing of it runs any more."""
    UNKNOWN = "unknown"
    """It ran elsewhere, or nobody can tell from here."""


def identify_writer() -> WriterIdentity:
    """Return the identity of this process."""
    return _identify(os.getpid())


@lru_cache(maxsize=4)
def _identify(pid: int) -> WriterIdentity:
    stat = _read_stat(pid)
    return WriterIdentity(
        host=socket.gethostname(),
        boot_id=_boot_id(),
        pid_namespace=_pid_namespace(),
        pid=pid,
        process_start=stat[1] if stat else 0,
    )


# A child finds its own: in a PID namespace of its own it may even have its parent's number.
os.register_at_fork(after_in_child=_identify.cache_clear)


def find_writer_state(writer: WriterIdentity) -> WriterState:
    """Say whether a writer is gone.

    That is proved only where its process ID still means the same: on its host, in its boot and its PID namespace, and where
    /proc shows that namespace.
    """
    here = identify_writer()
    same_place = (writer.host, writer.boot_id, writer.pid_namespace) == (
        here.host,
        here.boot_id,
        here.pid_namespace,
    )
    if not same_place or not writer.boot_id or not writer.pid_namespace or writer.pid <= 0:
        return WriterState.UNKNOWN
    stat = _read_stat(writer.pid)
    if stat is None:
        return WriterState.UNKNOWN if _is_hidden(writer.pid) else WriterState.GONE
    state, start = stat
    if start != writer.process_start:
        return WriterState.GONE
    # A zombie is gone, unless only its first thread has ended.
    if state in "ZX" and _count_threads(writer.pid) <= 1:
        return WriterState.GONE
    return WriterState.ALIVE


def _read_stat(pid: int) -> tuple[str, int] | None:
    """Return a process's state letter and its start in ticks since boot; None if /proc does not show such a process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The command's name, in parentheses, may hold anything: fields are counted after it.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[19])


def _is_hidden(pid: int) -> bool:
    """Whether there is a process after all, which /proc does not show: mounted with hidepid, it keeps those of others secret."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _count_threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _pid_namespace() -> str:
    """Return its name; empty if /proc shows another one, where our process IDs are those of strangers."""
    try:
        is_ours = os.readlink("/proc/self") == str(os.getpid())
        return os.readlink("/proc/self/ns/pid") if is_ours else ""
    except OSError:
        return ""
