"""Making very many objects at once."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

_resting = 0
"""How many contexts keep the collector off: with several threads, the first of those that overlap."""


class unwatched:  # reads as what it is in a with statement
    """Keep the garbage collector from walking the same objects again and again while thousands are made.

    What becomes garbage meanwhile without a cycle is freed as ever.
    """

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        global _resting
        self._was_on = gc.isenabled()
        if self._was_on:
            _resting += 1
            gc.disable()

    def __exit__(self, *_: object) -> None:
        global _resting
        if self._was_on:
            _resting -= 1
            gc.enable()


def picker(positions: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Return what takes the values at some positions out of a row: as a tuple, however many these are."""
    if not positions:
        return lambda row: ()
    if len(positions) == 1:
        (position,) = positions
        return lambda row: (row[position],)
    return itemgetter(*positions)


def _wake() -> None:
    """In a forked child: the thread that would have turned the collector on again is not there."""
    global _resting
    if _resting:
        _resting = 0
        gc.enable()


os.register_at_fork(after_in_child=_wake)
