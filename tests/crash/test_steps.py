"""Each write ends at every one of its I/O steps; what is left is what was, or what was wanted, and nothing in between."""

from __future__ import annotations

import os

import pytest

from butler_core.butler import Butler
from butler_core.testing.repositories.crash import RepositorySuite, Stage, stage
from butler_core.testing.repositories.operations import OPERATIONS, Operation
from butler_core.testing.repositories.system_calls import fork, wait
from butler_posix import _io

EXIT_KILLED = 66


def run_until(step: int, stage: Stage, butler: Butler) -> int:
    """Run an operation in a child that ends, as if killed, before its step of this number; return its exit code."""

    def act() -> None:
        left = step

        def count(*_: object) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(EXIT_KILLED)

        _io.step = count
        stage.act(butler)

    stage.reset()
    return wait(fork(act))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_killed_at_every_step(operation: Operation) -> None:
    with stage(RepositorySuite().make, operation) as made:
        assert made.run_undisturbed() == []
        for step in range(1000):
            code = run_until(step, made, made.prepared()())
            assert code in (EXIT_KILLED, 0)
            assert made.check(finished=code == 0) == [], f"killed before step {step}"
            if code == 0:
                break
        assert step > 3 or operation.name == "ingest-direct"
