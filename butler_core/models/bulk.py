"""Making very many objects at once."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

_open = 0
"""How many contexts there are, those of several threads together."""
# A finalizer or signal handler of the same thread may come while it is held.
_lock = threading.RLock()
_turned_off = False
"""Whether the first of them found the collector on, so that the last turns it on again."""


class unwatched:  # reads as what it is in a with statement
    """Keep the garbage collector from walking the same objects again and again while thousands are made.

    What becomes garbage meanwhile without a cycle is freed as ever.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        global _open, _turned_off
        with _lock:
            if not _open:
                _turned_off = gc.isenabled()
            _open += 1
            if _turned_off:
                gc.disable()

    def __exit__(self, *_: object) -> None:
        global _open
        with _lock:
            if _open:  # in a child that was forked within the context, it has ended
                _open -= 1
            if not _open:
                _wake()


def _wake() -> None:
    global _turned_off
    if _turned_off:
        _turned_off = False
        gc.enable()


def _end_all() -> None:
    """In a forked child: the threads that would have ended their contexts are not there."""
    global _open, _lock
    _lock = threading.RLock()
    _open = 0
    _wake()


os.register_at_fork(after_in_child=_end_all)


def picker(positions: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Return what takes the values at some positions out of a row: as a tuple, however many these are."""
    if not positions:
        return lambda row: ()
    if len(positions) == 1:
        (position,) = positions
        return lambda row: (row[position],)
    return itemgetter(*positions)
