"""What the measurements ran on, and how much of it other work took meanwhile."""

from __future__ import annotations

import os
import platform
import resource
import time
from pathlib import Path

_STAT = Path("/proc/stat")


def describe() -> dict[str, str | int | None]:
    """Return the machine's properties that matter here."""
    return {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}


class OtherWork:
    """Watches the processors from when it is made."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._busy, self._own = _busy_seconds(), _own_seconds()

    def share(self) -> float | None:
        """Return what part of the processors' time others took since, in this system or beside it; None if that is unknown."""
        busy = _busy_seconds()
        if busy is None or self._busy is None:
            return None
        other = (busy - self._busy) - (_own_seconds() - self._own)
        return max(0.0, other / (time.monotonic() - self._begun) / (os.cpu_count() or 1))


def _own_seconds() -> float:
    """Return the processor time of this process and of those that it has waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _busy_seconds() -> float | None:
    """Return the time that all processors worked or were taken away by a hypervisor; None where the system does not say."""
    if not _STAT.exists():
        return None
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, _STAT.read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
