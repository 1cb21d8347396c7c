"""Progress bars on standard error, for whatever takes longer than a second."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from butler_core.models.names import Progress


@contextmanager
def shown_progress(*, hidden: bool = False) -> Iterator[Progress]:
    """Show progress on standard error if that is a terminal, for whatever takes longer than a second."""
    if hidden or not sys.stderr.isatty():
        yield lambda operation, done, total: None
        return
    bars = _Bars()
    try:
        yield bars.update
    finally:
        bars.stop()


class _Bars:
    """Progress bars that appear after a second; rich is not even imported before."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._display: Any = None
        self._tasks: dict[str, Any] = {}
        self._lock = threading.Lock()

    def update(self, operation: str, done: int, total: int | None) -> None:
        """Say how far an operation is."""
        if time.monotonic() - self._begun < 1.0:
            return
        with self._lock:
            if self._display is None:
                self._display = self._start()
            if operation not in self._tasks:
                self._tasks[operation] = self._display.add_task(operation, total=total)
            self._display.update(self._tasks[operation], completed=done, total=total)

    @staticmethod
    def _start() -> Any:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        display = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        display.start()
        return display

    def stop(self) -> None:
        """Take the bars away."""
        if self._display is not None:
            self._display.stop()
