"""Each write is killed at every system call that it makes; slow, so it runs in ``make test-crash``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.operations import OPERATIONS


@pytest.mark.crash
@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_every_call(name: str) -> None:
    # A process of its own, with one thread: a fork of the test runner's would carry its threads' locks along.
    project = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-m", "tests.crash.every_call", name],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    print(run.stdout)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-5000:]
