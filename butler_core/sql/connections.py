"""Connections of one database, shared by threads and never by processes.

Idle connections are kept; there are as many as transactions were ever open at once, up to a limit.  Around a fork none is
kept: the fork waits until no transaction is open, so that neither process ever uses, or closes, a connection of the other.
Should one stay open for longer than a fork waits, the child may use no database: drivers keep books for all of a process,
and those of its copy say that it holds locks which are its parent's.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from butler_core.errors import UnavailableError
from butler_core.forks import watch

_IDLE_CONNECTIONS = 16
_FORK_PATIENCE_SECONDS = 10.0


class Lent(NamedTuple):
    """A connection of the driver, lent to a transaction."""

    connection: Any
    era: int
    was_idle: bool
    """Whether it had been used before."""


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
        watch(self)
        weakref.finalize(self, _close_all, self._idle)

    def _make_gate(self) -> None:
        self._gate = threading.Lock()
        self._changed = threading.Condition(self._gate)
        self._is_forking = False

    def acquire(self) -> Lent:
        """Lend a connection, a new one if none is idle; give the whole answer back to `release`."""
        with self._gate:
            while self._is_forking:
                self._changed.wait()
            self._lent += 1
            era = self._era
            connection = self._idle.pop() if self._idle else None
        if connection is not None:
            return Lent(connection, era, True)
        try:
            _check_usable()
            return Lent(self._connect(), era, False)
        except BaseException:
            with self._gate:
                self._give_back()
            raise

    def release(self, lent: Lent, *, is_good: bool) -> None:
        """Take a connection back; one that is not good is closed."""
        connection, era, _ = lent
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
        """Start afresh; a connection that another thread had not given back in time is left as it is, and no other opened."""
        global _is_spoiled
        _is_spoiled = _is_spoiled or self._lent > 0
        self._make_gate()
        self._lent = 0


_is_spoiled = False  # for good: whether this process was forked while a connection was in use


def _check_usable() -> None:
    if _is_spoiled:
        raise UnavailableError(
            "This process was forked while another thread of its parent had a transaction open, so it cannot use databases.",
            remedy="Fork while no thread writes, or start processes by 'spawn' or 'forkserver'.",
        )


def _close_all(idle: deque[Any]) -> None:
    while idle:
        idle.pop().close()
