"""Torn power: after a power cut at any moment, what `put` and its like returned for is there, and the rest is as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from butler_core.testing.repositories.crash import Mutation, RepositorySuite, Stage, fast_directory, stage
from butler_core.testing.repositories.disk import Disk
from butler_core.testing.repositories.operations import OPERATIONS, Operation
from butler_core.testing.repositories.system_calls import record


def cut_power(
    stage: Stage, mutation: Mutation | None = None, *, stop_at: int | None = None
) -> tuple[int, list[str]]:
    """Record an operation and cut the power in every way that `Disk.cuts` knows; return how many, and what was wrong.

    Parameters
    ----------
    stage
        Where.
    mutation
        Of the code that is recorded.
    stop_at
        Look no further after so many problems.
    """
    problems = stage.run_undisturbed()
    stage.reset()
    disk = Disk(stage.work)
    recording = record(stage.act, stage.prepared(mutation))
    if recording.exit_code:
        problems.append(f"it ended with {recording.exit_code} although nothing disturbed it")
    disk.play(recording.calls)
    tried = 0
    for cut in disk.cuts():
        if stop_at is not None and len(problems) >= stop_at:
            break
        tried += 1
        with fast_directory() as directory:
            disk.write(cut, Path(directory) / "left")
            stage.put(Path(directory) / "left")
        problems += [f"{cut.description}: {problem}" for problem in stage.check(finished=cut.is_end)]
    return tried, problems


class TornPower(RepositorySuite):
    """Inherit it for backends that keep all they have in the repository's directory; needs ``strace``."""

    @pytest.mark.crash
    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
    def test_power_goes(self, operation: Operation, record_property: Callable[[str, object], None]) -> None:
        with stage(partial(self.make, durability="power-loss"), operation) as made:
            cuts, problems = cut_power(made)
        record_property("power_cuts", cuts)
        print(f"{operation.name}: the power went in {cuts} ways")
        assert problems == []
