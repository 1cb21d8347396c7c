"""Whether it matters how many datasets there are: the cost of a page, and the memory of whoever iterates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.benchmarks.environments import run
from tests.benchmarks.workload import Operation

SIZES = (10_000, 100_000, 1_000_000)
PAGE = 10_000
"""So many rows come at once, unless anything else is asked for."""

OPERATIONS = (
    *(Operation("first_page", n, f"the first {PAGE} of so many, in a page") for n in SIZES),
    *(Operation("last_page", n, f"the last {PAGE} of so many, in a page") for n in SIZES),
    Operation("memory", SIZES[-1], "peak memory, iterating over so many", unit="MB"),
)


def measure(python: Path, place: Path, n: int) -> dict[str, float]:
    """Make a repository with n datasets and iterate over them, each in a process of its own.

    Returns the seconds that the first and the last page took, and the megabytes that the process had at most, by operation's
    key.  Pages are those of the later iterations, when nothing has to be compiled; memory is that of the whole process.
    """
    request = {"place": str(place), "n": n}
    _ask(python, {"do": "fill", **request})
    answer = _ask(python, {"do": "stream", **request})
    return {f"{name}@{n}": float(answer[name]) for name in ("first_page", "last_page", "memory")}


def _ask(python: Path, request: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run([python, "-m", "tests.benchmarks.scale_side"], request))
    return answer
