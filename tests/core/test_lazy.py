"""Attributes that are computed when they are first asked for."""

from __future__ import annotations

import os
import threading

import pytest
from pydantic import BaseModel

from butler_core.lazy import lazy_property
from butler_core.models.model_config import FROZEN


class Sum:
    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers
        self.times = 0

    @lazy_property
    def total(self) -> list[int]:
        """The sum."""
        self.times += 1
        return [sum(self.numbers)]


def test_it_is_computed_once_for_each_instance():
    one, other = Sum(1, 2), Sum(3)
    assert one.times == 0
    assert one.total == [3]
    assert one.total is one.total
    assert other.total == [3]
    assert one.times == other.times == 1


def test_the_class_has_the_description():
    assert isinstance(Sum.total, lazy_property)
    assert Sum.total.__doc__ == "The sum."


def test_a_frozen_model_may_have_one():
    class Model(BaseModel):
        model_config = FROZEN
        number: int

        @lazy_property
        def double(self) -> list[int]:
            return [2 * self.number]

    model = Model(number=2)
    assert model.double == [4]
    assert model.double is model.double
    assert model == Model(number=2)
    assert model.model_dump() == {"number": 2}


class Slow:
    """Whose attribute takes as long as the test likes."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.answers = iter([["first"], ["second"]])

    @lazy_property
    def answer(self) -> list[str]:
        answer = next(self.answers)
        if answer == ["first"]:
            self.begun.set()
            assert self.go_on.wait(30)
        return answer


def test_threads_agree_on_the_first_result():
    slow = Slow()
    found: list[list[str]] = []
    thread = threading.Thread(target=lambda: found.append(slow.answer))
    thread.start()
    assert slow.begun.wait(30)
    mine = slow.answer  # while the other computes it
    slow.go_on.set()
    thread.join()
    assert mine == ["second"]
    assert found[0] is mine is slow.answer


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_child_waits_for_no_thread_that_computes():
    slow = Slow()
    thread = threading.Thread(target=lambda: slow.answer)
    thread.start()
    assert slow.begun.wait(30)
    pid = os.fork()
    if pid == 0:
        threading.Timer(20, lambda: os._exit(1)).start()  # in case it waits
        os._exit(0 if slow.answer == ["second"] else 2)
    slow.go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
