"""What it costs to begin: importing, opening a repository, asking the command line for help."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.environments import MODULES, run
from tests.benchmarks.workload import Operation

OPERATIONS = (
    Operation("import_package", 1, "import the package"),
    Operation("import_butler", 1, "import its Butler class"),
    Operation("open", 1, "open a repository, once imported"),
    Operation("begin", 1, "import and open a repository"),
    Operation("help", 1, "butler --help"),
)

_OPEN = {"peer": "Butler.from_config({root!r})", "ours": "Butler({root!r})"}
_TIMED = "import time\n{before}\nbegun = time.perf_counter()\n{timed}\nprint(time.perf_counter() - begun)"


def measure(side: str, python: Path, root: Path | None, names: set[str], repeats: int) -> dict[str, float]:
    """Return the median seconds of each named operation, each time in a fresh process.

    Parameters
    ----------
    side
        ``peer``, ``ours`` or ``limit``, which is a Python that does nothing.
    python
        Its interpreter.
    root
        A repository of its.
    names
        The operations.
    repeats
        How many times; once more before, so that files are cached and modules compiled.
    """
    todo: dict[str, Callable[[], float]] = {}
    if side == "limit":
        todo["help"] = lambda: _wall([python, "-c", "pass"])
    else:
        module = MODULES[side]
        import_butler, opening = f"from {module} import Butler", _OPEN[side].format(root=str(root))
        todo["import_package"] = lambda: _inside(python, "", f"import {module}")
        todo["import_butler"] = lambda: _inside(python, "", import_butler)
        todo["open"] = lambda: _inside(python, import_butler, opening)
        todo["begin"] = lambda: _inside(python, "", f"{import_butler}\n{opening}")
        todo["help"] = lambda: _wall([python.parent / "butler", "--help"])
    results = {}
    for name in names & set(todo):
        todo[name]()
        results[f"{name}@1"] = statistics.median(todo[name]() for _ in range(repeats))
    return results


def _inside(python: Path, before: str, timed: str) -> float:
    """Time a statement within a process of its own."""
    return float(run([python, "-c", _TIMED.format(before=before, timed=timed)]))


def _wall(command: list[str | Path]) -> float:
    """Time a whole process."""
    begun = time.perf_counter()
    run(command)
    return time.perf_counter() - begun
