"""Making very many objects at once."""

from __future__ import annotations

import gc


class unwatched:  # reads as what it is in a with statement
    """Keep the garbage collector from walking the same objects again and again while thousands are made.

    What becomes garbage meanwhile without a cycle is freed as ever.
    """

    __slots__ = ("_was_on",)

    def __enter__(self) -> None:
        self._was_on = gc.isenabled()
        if self._was_on:
            gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._was_on:
            gc.enable()
