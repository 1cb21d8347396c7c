"""What runs inside each side's process: reads a request from standard input, times operations, answers with JSON.

A side is a class whose methods, named as the operations of the workload, take ``n``, prepare the operation untimed, and
return a function without arguments.  Only that function's run is timed.  It returns how many things it dealt with; a side
that dealt with another number, or that wrote another number of datasets, is in error.  Every process does the operations
in the workload's order, so that its database holds the same when an operation begins.  The garbage collector is left as
the side's packages have it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from tests.benchmarks.workload import DATASET_REMOVERS, DATASET_WRITERS

Timed = Callable[[], int]


class Setting(NamedTuple):
    """Where and how a side works."""

    place: Path
    """A directory of its own, empty."""
    files: Path
    """The files to ingest."""
    durability: str
    """``process`` or ``power-loss``; the peer has no such setting."""
    n: int
    """How many data IDs queries find."""


class Side(Protocol):
    """What each side has besides its operations."""

    def versions(self) -> dict[str, str]:
        """Return what was measured."""

    def count(self, operation: str) -> int:
        """Return how many datasets an operation, by its key, left in its RUN."""


def serve(make_side: Callable[[Setting], Side]) -> None:
    """Do what the request says and print the seconds that each run of each operation took."""
    request = json.load(sys.stdin)
    place, files = Path(request["place"]), Path(request["files"])
    side = make_side(Setting(place, files, request["durability"], request["n"]))
    seconds: dict[str, list[float]] = {}
    for name, n, repeats in request["tasks"]:
        key = f"{name}@{n}"
        timed: Timed = getattr(side, name)(n)
        seconds[key] = [time_once(timed, key, n) for _ in range(repeats)]
        expected = n if name in DATASET_WRITERS else 0
        if name in DATASET_WRITERS | DATASET_REMOVERS and (left := side.count(key)) != expected:
            raise SystemExit(f"{key}: left {left} datasets")
    json.dump({"versions": side.versions(), "seconds": seconds}, sys.stdout)


def time_once(timed: Timed, key: str, n: int) -> float:
    """Return how many seconds one run took."""
    begun = time.perf_counter()
    done = timed()
    seconds = time.perf_counter() - begun
    if done != n:
        raise SystemExit(f"{key}: dealt with {done}")
    return seconds
