"""The garbage collector rests while many objects are made, and never for longer."""

from __future__ import annotations

import gc
import os
import threading

import pytest

from butler_core.models.bulk import unwatched


def collector_of_child() -> bool:
    """Fork, and say whether the child's collector is on."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if gc.isenabled() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_it_rests_within_and_not_behind() -> None:
    with unwatched():
        assert not gc.isenabled()
        with unwatched():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="x"), unwatched():
        raise ValueError("x")
    assert gc.isenabled()


def test_whoever_turned_it_off_finds_it_off() -> None:
    gc.disable()
    try:
        with unwatched():
            assert not gc.isenabled()
        assert not gc.isenabled()
        assert not collector_of_child()
    finally:
        gc.enable()


def test_a_child_that_is_forked_meanwhile_has_it_on() -> None:
    inside, forked = threading.Event(), threading.Event()

    def make_many() -> None:
        with unwatched():
            inside.set()
            forked.wait(30)

    thread = threading.Thread(target=make_many)
    thread.start()
    inside.wait(30)
    is_on = collector_of_child()
    forked.set()
    thread.join()
    assert is_on
    assert gc.isenabled()


def test_a_child_that_is_forked_within_has_it_on_and_may_leave_and_enter_again() -> None:
    with unwatched():
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                assert gc.isenabled()
                with unwatched():
                    assert not gc.isenabled()
                assert gc.isenabled()
                unwatched().__exit__()  # of the context that the parent entered
                assert gc.isenabled()
                with unwatched():
                    assert not gc.isenabled()
                assert gc.isenabled()
                status = 0
            finally:
                os._exit(status)
        assert not gc.isenabled()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert gc.isenabled()


def test_many_threads_leave_it_on() -> None:
    def enter_often() -> None:
        for _ in range(2000):
            with unwatched():
                assert not gc.isenabled()

    threads = [threading.Thread(target=enter_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gc.isenabled()


def test_a_finalizer_that_makes_many_objects_waits_for_nobody() -> None:
    left: list[bool] = []

    class Finalized:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            with unwatched():
                left.append(True)

    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(200):
            Finalized()
            with unwatched():
                Finalized()
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    assert len(left) == 400
    assert gc.isenabled()
