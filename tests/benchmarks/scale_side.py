"""What runs inside the processes of `scale`: registers many datasets, or iterates over them and says what that took."""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from butler_core import Butler
from tests.benchmarks import scale, workload
from tests.benchmarks.harness import Setting
from tests.benchmarks.queries_ours import OurQueries

_AT_ONCE = 100_000
_STATUS = Path("/proc/self/status")


def fill(place: str, n: int) -> dict[str, float]:
    """Make a repository with n datasets."""
    side = OurQueries(Setting(Path(place), Path(place), "process", n))
    side.fill(n, _AT_ONCE)
    return {}


def stream(place: str, n: int) -> dict[str, float]:
    """Iterate over all datasets some times."""
    refs = Butler(Path(place, "repo")).query_datasets(workload.DATASET_TYPE, workload.ALL)
    rounds = [list(_page_seconds(iter(refs), n)) for _ in range(4)][1:]
    return {
        "first_page": statistics.median(seconds[0] for seconds in rounds),
        "last_page": statistics.median(seconds[-1] for seconds in rounds),
        "memory": peak_megabytes(),
    }


def _page_seconds(refs: Iterator[Any], n: int) -> Iterator[float]:
    done = 0
    while done < n:
        begun = time.perf_counter()
        counted = deque(enumerate(islice(refs, scale.PAGE), 1), maxlen=1)
        yield time.perf_counter() - begun
        done += counted[0][0] if counted else sys.exit(f"only {done} datasets came")


def peak_megabytes() -> float:
    """Return the most memory that this process has had, in megabytes of a million bytes."""
    if _STATUS.exists():  # what `resource` says includes the memory of the process that began this one
        lines = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def main() -> None:
    """Do what the request says and print what it took."""
    request = json.load(sys.stdin)
    todo: dict[str, Callable[..., dict[str, float]]] = {"fill": fill, "stream": stream}
    json.dump(todo[request.pop("do")](**request), sys.stdout)


if __name__ == "__main__":
    main()
