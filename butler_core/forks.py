"""What a fork waits for, so that the child finds nothing half done by a thread that it does not have.

First those that must come to rest (connections to databases, while transactions are open), then locks, which these may need
for it: a lock that is held by another thread at a fork stays closed in the child for ever.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any, Protocol, TypeVar

_L = TypeVar("_L")


class ForkAware(Protocol):
    """What is told of forks."""

    def before_fork(self) -> None:
        """Come to rest; if this raises, undo what it did."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Go on, alone."""


# Dictionaries, whose values can be listed while other threads add some.
_watching: weakref.WeakValueDictionary[int, ForkAware] = weakref.WeakValueDictionary()
_guarded: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_resting: list[ForkAware] = []
_taken: list[Any] = []
_one_fork = threading.Lock()
"""Held around a fork: threads that fork at a time would undo each other's preparations."""
_forking = threading.local()
"""``is_prepared`` says whether all is ready for the fork that a thread begins."""


def watch(watcher: ForkAware) -> None:
    """Tell somebody of forks; while one is under way, wait until it is over."""
    with _one_fork:
        _watching[id(watcher)] = watcher


def guarded(lock: _L) -> _L:
    """Return a lock that every fork waits for.  Who holds it may wait for nothing but computation and files."""
    _guarded[id(lock)] = lock
    return lock


def _alive(values: weakref.WeakValueDictionary[int, Any]) -> list[Any]:
    return [value for reference in values.valuerefs() if (value := reference()) is not None]


def _before_fork() -> None:
    _forking.is_prepared = is_alone = False
    try:
        _one_fork.acquire()
        is_alone = True
        for watcher in _alive(_watching):
            watcher.before_fork()
            _resting.append(watcher)
        for lock in _alive(_guarded):
            lock.acquire()
            _taken.append(lock)
        _forking.is_prepared = True
    except BaseException:  # such as Ctrl-C while waiting; Python reports it, and forks all the same
        _forking.is_prepared = False
        if is_alone:
            _go_on()
        raise


def _go_on() -> None:
    while _taken:
        _taken.pop().release()
    while _resting:
        _resting.pop().after_fork_in_parent()
    _one_fork.release()


def _after_fork_in_parent() -> None:
    if _forking.is_prepared:
        _forking.is_prepared = False
        _go_on()


def _after_fork_in_child() -> None:
    global _one_fork
    _one_fork = threading.Lock()
    if not _forking.is_prepared:
        # Locks may be held, transactions open, and another fork half prepared, by threads that are not here.
        _taken.clear()
        for lock in _alive(_guarded):
            lock._at_fork_reinit()
        _resting[:] = _alive(_watching)
    while _taken:
        _taken.pop().release()
    while _resting:
        _resting.pop().after_fork_in_child()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
