"""Forks wait for locks and for those at work; one that cannot be prepared makes a child that works all the same."""

from __future__ import annotations

import os
import threading

import pytest

from butler_core import forks
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


class NeverFree:
    """A lock that another thread holds until the one that waits for it is interrupted."""

    def __init__(self) -> None:
        self.released = 0

    def acquire(self) -> None:
        raise KeyboardInterrupt

    def release(self) -> None:
        self.released += 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_while_another_thread_forks_leaves_that_fork_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock, watcher = guarded(threading.Lock()), Watcher()
    watch(watcher)
    others = NeverFree()
    lock.acquire()  # as the other thread's preparations have left it
    monkeypatch.setattr(forks, "_one_fork", others)
    monkeypatch.setattr(forks, "_taken", [lock])
    monkeypatch.setattr(forks, "_resting", [watcher])
    assert run_in_child(lambda: lock.acquire(timeout=5) and watcher.told == ["child"]) == 0
    assert others.released == 0
    assert lock.locked()
    assert watcher.told == []
    assert forks._taken == [lock]
