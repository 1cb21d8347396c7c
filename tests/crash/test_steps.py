"""Each write ends at every one of its I/O steps; what is left is what was, or what was wanted, and nothing in between."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from butler_core import Butler
from butler_posix import _io
from tests.crash.operations import OPERATIONS, check, copy, prepare, recover

EXIT_KILLED, EXIT_DONE, EXIT_FAILED = 66, 0, 1


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template")
    prepare(path)
    return path


def run_until(step: int, work: Path, operation: Callable[[Butler, Path], None]) -> int:
    """Run an operation in a forked child that ends, as if killed, before its step of this number; return its exit code."""
    pid = os.fork()
    if pid == 0:
        code = EXIT_FAILED
        try:
            butler = Butler(work / "repo", run="u/test/first")
            left = step

            def count(*_: object) -> None:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(EXIT_KILLED)

            _io.step = count
            operation(butler, work)
            code = EXIT_DONE
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("name", OPERATIONS)
def test_killed_at_every_step(name: str, template: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    for step in range(1000):
        copy(template, work)
        code = run_until(step, work, OPERATIONS[name])
        assert code in (EXIT_KILLED, EXIT_DONE)
        assert check(work, name, finished=code == EXIT_DONE) == [], f"killed before step {step}"
        if code == EXIT_DONE:
            break
    assert step > 3 or name == "ingest-direct"
    assert code == EXIT_DONE


@pytest.mark.parametrize("name", ["put_many", "unstore"])
def test_recovery_killed_at_every_step(name: str, template: Path, tmp_path: Path) -> None:
    broken, work = tmp_path / "broken", tmp_path / "work"
    copy(template, broken)
    # The last steps before the end leave most to recover: find how many there are, and stop in the middle of them.
    steps = next(
        n for n in range(1000) if run_until(n, _fresh(template, work), OPERATIONS[name]) == EXIT_DONE
    )
    assert run_until(steps // 2, broken, OPERATIONS[name]) == EXIT_KILLED
    for step in range(1000):
        copy(broken, work)
        code = run_until(step, work, recover)
        assert code in (EXIT_KILLED, EXIT_DONE)
        assert check(work, name, finished=False) == [], f"recovery killed before step {step}"
        if code == EXIT_DONE:
            break


def _fresh(template: Path, work: Path) -> Path:
    copy(template, work)
    return work
