"""Connections of one database, shared by threads and never by processes.

Idle connections are kept; there are as many as transactions were ever open at once, up to a limit.  Around a fork none is
kept: the fork waits until no transaction is open, so that neither process ever uses, or closes, a connection of the other.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

_IDLE_CONNECTIONS = 16
_FORK_PATIENCE_SECONDS = 10.0


class Connections:
    """Lends connections to transactions.

    SQLAlchemy's pool would do the same for the price of a query: transactions here last a tenth of a millisecond.

    Parameters
    ----------
    connect
        Opens a connection of the driver.
    """

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._idle: deque[Any] = deque()
        self._make_gate()
        self._lent = 0
        self._era = 0  # connections lent in an earlier one are closed when they come back
        with _one_fork:
            _all.add(self)
        weakref.finalize(self, _close_all, self._idle)

    def _make_gate(self) -> None:
        self._gate = threading.Lock()
        self._changed = threading.Condition(self._gate)
        self._is_forking = False

    def acquire(self) -> tuple[Any, int]:
        """Lend a connection, a new one if none is idle; give the whole answer back to `release`."""
        with self._gate:
            while self._is_forking:
                self._changed.wait()
            self._lent += 1
            era = self._era
            connection = self._idle.pop() if self._idle else None
        if connection is not None:
            return connection, era
        try:
            return self._connect(), era
        except BaseException:
            with self._gate:
                self._give_back()
            raise

    def release(self, lent: tuple[Any, int], *, is_good: bool) -> None:
        """Take a connection back; one that is not good is closed."""
        connection, era = lent
        with self._gate:
            self._give_back()
            if is_good and era == self._era and len(self._idle) < _IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()

    def _give_back(self) -> None:
        self._lent -= 1
        if self._is_forking and not self._lent:
            self._changed.notify_all()

    def close(self) -> None:
        """Close idle connections; those that are lent are closed when they come back."""
        with self._gate:
            self._era += 1
            _close_all(self._idle)

    # -- forks

    def before_fork(self) -> None:
        """Let no other transaction begin, wait until none is open, and close what is idle."""
        self._gate.acquire()
        try:
            self._is_forking = True
            self._changed.wait_for(lambda: not self._lent, _FORK_PATIENCE_SECONDS)
            _close_all(self._idle)
        except BaseException:
            self.after_fork_in_parent()
            raise

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._is_forking = False
        self._changed.notify_all()
        self._gate.release()

    def after_fork_in_child(self) -> None:
        """Start afresh; a connection that another thread had not given back in time is left as it is."""
        self._make_gate()
        self._lent = 0


def _close_all(idle: deque[Any]) -> None:
    while idle:
        idle.pop().close()


_all: weakref.WeakSet[Connections] = weakref.WeakSet()
_forking: list[Connections] = []
_one_fork = (
    threading.Lock()
)  # held around a fork: threads that fork at a time would undo each other's preparations


def _before_fork() -> None:
    _one_fork.acquire()
    for connections in list(_all):
        connections.before_fork()
        _forking.append(connections)


def _after_fork_in_parent() -> None:
    for connections in _forking:
        connections.after_fork_in_parent()
    _forking.clear()
    _one_fork.release()


def _after_fork_in_child() -> None:
    global _one_fork
    for connections in _forking:
        connections.after_fork_in_child()
    _forking.clear()
    _one_fork = threading.Lock()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
