"""Writers that sleep at one step while a recovery runs that takes them for dead, wake up, and may die at a later step.

Steps are calls of the contracts: what the writer asks of journals, datastore and registry, and what the recovery does.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from butler_core import recovery
from butler_core.butler import Butler
from butler_core.testing.repositories.crash import Mutation, RepositorySuite, Stage, stage
from butler_core.testing.repositories.operations import Operation, Put, PutMany, Unstore
from butler_core.testing.repositories.system_calls import fork
from butler_core.writer import WriterState

_EXIT_KILLED = 66
STEPS_OF_WRITERS = {
    "journals": ("create", "drop"),
    "datastore": ("put_many", "receive", "delete_artifacts"),
    "registry": ("apply_batch", "referenced"),
}
"""What a writer does that others can see, in the order in which it does that: for `before_each_step`."""
_STEPS_OF_RECOVERY = {
    "journals": ("read", "drop"),
    "datastore": ("delete_artifacts", "stat_artifacts"),
    "registry": ("fence", "referenced"),
}


def before_each_step(butler: Butler, steps: Mapping[str, Sequence[str]], call: Callable[[int], None]) -> None:
    """Have a function called before each step that a butler takes, with the step's number from 1 on."""
    parts: dict[str, Any] = {
        "journals": butler._datastore.journals,
        "datastore": butler._datastore,
        "registry": butler._registry,
    }
    number = 0

    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            nonlocal number
            number += 1
            call(number)
            return method(*args, **kwargs)

        return step

    for part, names in steps.items():
        for name in names:
            setattr(parts[part], name, wrap(getattr(parts[part], name)))


class _Writer:
    """A child that stops before one of its steps, and dies before another one, if it gets there."""

    def __init__(self, stage: Stage, mutation: Mutation | None, sleeps_at: int, dies_at: int | None) -> None:
        def step(number: int) -> None:
            if number == sleeps_at:
                os.kill(os.getpid(), signal.SIGSTOP)
            if number == dies_at:
                os._exit(_EXIT_KILLED)

        def act() -> None:
            butler = stage.prepared(mutation)()
            before_each_step(butler, STEPS_OF_WRITERS, step)
            stage.act(butler)

        self._pid = fork(act)
        _, status = os.waitpid(self._pid, os.WUNTRACED)
        self.is_over = not os.WIFSTOPPED(status)
        self.status = status

    def wake(self) -> None:
        if not self.is_over:
            os.kill(self._pid, signal.SIGCONT)
            _, self.status = os.waitpid(self._pid, 0)
            self.is_over = True


@contextmanager
def _everybody_taken_for_dead() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recovery, "find_writer_state", lambda writer: WriterState.GONE)
        yield


def _recover(stage: Stage, mutation: Mutation | None, writer: _Writer, wakes_at: int) -> bool:
    """Recover, and wake the writer before a step of that, or in the end; return whether the step was there."""
    reading, writing = os.pipe()

    def run() -> None:
        # The writer is this process's sister: only the parent can wait for it.
        def step(number: int) -> None:
            if number == wakes_at:
                os.write(writing, b"w")
                os.kill(os.getpid(), signal.SIGSTOP)

        butler = stage.prepared(mutation)()
        before_each_step(butler, _STEPS_OF_RECOVERY, step)
        with _everybody_taken_for_dead():
            butler.recover()

    pid = fork(run)
    os.close(writing)
    _, status = os.waitpid(pid, os.WUNTRACED)
    stopped = os.WIFSTOPPED(status)
    writer.wake()
    if stopped:
        os.kill(pid, signal.SIGCONT)
        _, status = os.waitpid(pid, 0)
    os.close(reading)
    if os.waitstatus_to_exitcode(status):
        raise AssertionError("the recovery failed")
    return stopped


def sleep_everywhere(
    stage: Stage, mutation: Mutation | None = None, *, stop_at: int | None = None
) -> tuple[int, list[str]]:
    """Let a writer sleep, wake and die at every step; return how many ways there are, and what was wrong."""
    problems = stage.run_undisturbed()
    ways = 0
    for sleeps_at in range(1, 100):
        for dies_after in (None, 1, 2):
            dies_at = None if dies_after is None else sleeps_at + dies_after
            for wakes_at in range(1, 100):
                if stop_at is not None and len(problems) >= stop_at:
                    return ways, problems
                stage.reset()
                writer = _Writer(stage, mutation, sleeps_at, dies_at)
                if writer.is_over:
                    return ways, problems
                ways += 1
                more = _recover(stage, mutation, writer, wakes_at)
                finished = os.waitstatus_to_exitcode(writer.status) == 0
                problems += [
                    f"asleep at step {sleeps_at}, awake at step {wakes_at} of the recovery, dead at {dies_at}: {problem}"
                    for problem in stage.check(finished=finished)
                ]
                if not more:
                    break
    return ways, problems


class Sleepers(RepositorySuite):
    """Inherit it to have writers sleep through recoveries with your backends."""

    @pytest.mark.parametrize("operation", [Put(), PutMany(), Unstore()], ids=lambda operation: operation.name)
    def test_sleepers(self, operation: Operation, capfd: pytest.CaptureFixture[str]) -> None:
        with stage(self.make, operation) as made:
            ways, problems = sleep_everywhere(made)
        capfd.readouterr()  # those that were fenced say so
        assert problems == []
        assert ways > 10
