"""Connections of one database, shared by threads and never by processes.

A pool of SQLAlchemy's keeps idle connections.  Around a fork it is emptied: the fork waits until no transaction is open,
so that neither process ever holds, or closes, a connection of the other.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

_IDLE_CONNECTIONS = 16
_FORK_PATIENCE_SECONDS = 10.0


class Connections:
    """Lends connections to transactions.

    Parameters
    ----------
    connect
        Opens a connection.
    dialect
        The pool's, which knows how to close one.
    """

    def __init__(self, connect: Callable[[], Any], dialect: Dialect) -> None:
        self._connect = connect
        self._dialect = dialect
        self._gate = threading.Lock()
        self._lent = 0
        self._pool = self._make_pool()
        _all.add(self)

    def _make_pool(self) -> QueuePool:
        # Transactions end before their connection comes back, so the pool has nothing to reset.
        return QueuePool(
            self._connect,
            pool_size=_IDLE_CONNECTIONS,
            max_overflow=-1,
            reset_on_return=None,
            use_lifo=True,
            dialect=self._dialect,
        )

    def acquire(self) -> PoolProxiedConnection:
        """Lend a connection, a new one if none is idle."""
        with self._gate:
            self._lent += 1
        try:
            return self._pool.connect()
        except BaseException:
            self._lend_no_more()
            raise

    def release(self, connection: PoolProxiedConnection, *, is_good: bool) -> None:
        """Take a connection back; one that is not good is closed."""
        try:
            if not is_good:
                connection.invalidate()
            connection.close()
        finally:
            self._lend_no_more()

    def _lend_no_more(self) -> None:
        with self._gate:
            self._lent -= 1

    def close(self) -> None:
        """Close idle connections; those that are lent are closed when they come back."""
        old, self._pool = self._pool, self._make_pool()
        old.dispose()

    # -- forks

    def before_fork(self) -> None:
        """Wait until no transaction is open, begin no other, and close what is idle."""
        deadline = time.monotonic() + _FORK_PATIENCE_SECONDS
        self._gate.acquire()
        while self._lent and time.monotonic() < deadline:
            self._gate.release()
            time.sleep(0.0005)
            self._gate.acquire()
        self._pool.dispose()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._gate.release()

    def after_fork_in_child(self) -> None:
        """Start afresh."""
        self._gate = threading.Lock()
        if self._lent:  # a transaction of another thread did not end in time: its connection must not even be closed here
            _abandoned.append(self._pool)
            self._lent = 0
        self._pool = self._make_pool()


_all: weakref.WeakSet[Connections] = weakref.WeakSet()
_forking: list[Connections] = []
_abandoned: list[QueuePool] = []


def _before_fork() -> None:
    _forking[:] = _all
    for connections in _forking:
        connections.before_fork()


def _after_fork_in_parent() -> None:
    for connections in _forking:
        connections.after_fork_in_parent()
    _forking.clear()


def _after_fork_in_child() -> None:
    for connections in _forking:
        connections.after_fork_in_child()
    _forking.clear()


os.register_at_fork(
    before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
)
