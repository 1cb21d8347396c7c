"""Forks wait for locks and for those at work; one that cannot be prepared makes a child that works all the same."""

from __future__ import annotations

import os
import threading

import pytest

from butler_core.forks import guarded, watch


class Watcher:
    """Notes what it is told, and may fail."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.told: list[str] = []
        self.error = error

    def before_fork(self) -> None:
        if self.error is not None:
            raise self.error
        self.told.append("before")

    def after_fork_in_parent(self) -> None:
        self.told.append("parent")

    def after_fork_in_child(self) -> None:
        self.told.append("child")


def run_in_child(check) -> int:
    """Fork, and return 0 if a function returns something true in the child within some seconds."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            found: list[bool] = []
            thread = threading.Thread(target=lambda: found.append(bool(check())), daemon=True)
            thread.start()
            thread.join(10)
            status = 0 if found == [True] else 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_both_sides_are_told() -> None:
    watcher = Watcher()
    watch(watcher)
    assert run_in_child(lambda: watcher.told == ["before", "child"]) == 0
    assert watcher.told == ["before", "parent"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_while_it_waits_leaves_a_child_that_works() -> None:
    ready, interrupted = Watcher(), Watcher(KeyboardInterrupt())
    lock = guarded(threading.Lock())
    watch(ready)
    watch(interrupted)
    holding, forked = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            holding.set()
            forked.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(30)

    def works() -> bool:
        return lock.acquire(timeout=5) and ready.told[-1] == "child" and interrupted.told == ["child"]

    status = run_in_child(works)
    forked.set()
    thread.join()
    assert status == 0
    assert ready.told == ["before", "parent"]
    interrupted.error = None
    assert run_in_child(lambda: interrupted.told == ["before", "child"]) == 0
