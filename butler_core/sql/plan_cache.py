"""Keeps what was made at some cost and may be needed again: the most recently used of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from butler_core.forks import guarded

_V = TypeVar("_V")


class LruCache(Generic[_V]):
    """A mapping that forgets what was not used for long.  Safe to share between threads.

    Parameters
    ----------
    size
        How many values it keeps.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Hashable, _V] = OrderedDict()
        self._lock = guarded(threading.Lock())

    def get(self, key: Hashable, make: Callable[[], _V]) -> _V:
        """Return the value of a key, made if it is not there; two threads may both make it, one of them in vain."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
                return value
        value = make()
        with self._lock:
            value = self._values.setdefault(key, value)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self._values)
