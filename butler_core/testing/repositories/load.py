"""Many processes at once for some seconds: no error reaches a user, nobody waits long, an open query holds nobody up."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

import pytest

from butler_core.butler import Butler
from butler_core.testing.repositories.crash import RepositorySuite, fast_directory
from butler_core.testing.repositories.invariants import find_unaccounted
from butler_core.testing.repositories.small_repository import INSTRUMENT, RUN, data_ids, populate
from butler_core.testing.repositories.system_calls import fork, wait

WRITERS, READERS = 8, 2
_LONGEST_WAIT_SECONDS = 1.0
_MANY = 10_000
_SCHEDULING = Path("/proc/thread-self/schedstat")


class Load(NamedTuple):
    """What writing and reading processes did; the longest waits are for locks and files, not for a processor."""

    puts: int
    gets: int
    puts_per_second: float
    longest_put_seconds: float
    longest_get_seconds: float


def load(butler: Butler, seconds: float) -> Load:
    """Let processes put, each in a RUN of its own, beside others that get and query."""
    exposures = _insert_many_exposures(butler)
    for writer in range(WRITERS):
        butler.register_collection(f"load/{writer}")
    reading, writing = os.pipe()
    deadline = time.monotonic() + seconds

    def repeat(what: str, act: Callable[[int], object]) -> None:
        number, longest = 0, 0.0
        while time.monotonic() < deadline:
            begun = _waited()
            act(number)
            longest = max(longest, _waited() - begun)
            number += 1
        os.write(writing, json.dumps([what, number, longest]).encode() + b"\n")

    def put(writer: int, number: int) -> None:
        data_id: dict[str, int | str] = {
            "instrument": INSTRUMENT,
            "exposure": exposures[number],
            "detector": 0,
        }
        butler.put({"n": number}, "summary", data_id, run=f"load/{writer}")

    def get(number: int) -> None:
        butler.get("summary", data_ids()[0], collections=RUN)
        if number % 20 == 0:
            next(iter(butler.query_datasets("summary", "load/*", find_first=False)), None)

    pids = [fork(lambda w=w: repeat("put", lambda n: put(w, n))) for w in range(WRITERS)]  # type: ignore[misc]
    pids += [fork(lambda: repeat("get", get)) for _ in range(READERS)]
    os.close(writing)
    assert [wait(pid) for pid in pids] == [0] * len(pids), "an error reached a user"
    with os.fdopen(reading) as pipe:
        answers: list[tuple[str, int, float]] = [json.loads(line) for line in pipe]
    counts = {what: sum(n for name, n, _ in answers if name == what) for what in ("put", "get")}
    longest = {what: max(wait for name, _, wait in answers if name == what) for what in ("put", "get")}
    return Load(counts["put"], counts["get"], counts["put"] / seconds, longest["put"], longest["get"])


def _waited() -> float:
    """Return a clock, in seconds, that stands still while this thread computes or is ready to.

    Linux counts both (https://docs.kernel.org/scheduler/sched-stats.html). Elsewhere it never stands still,
    and what else the machine does counts as waiting too.
    """
    now = time.monotonic()
    if not _SCHEDULING.exists():
        return now
    computed, ready = _SCHEDULING.read_text().split()[:2]
    return now - (int(computed) + int(ready)) / 1e9


def _insert_many_exposures(butler: Butler) -> list[int]:
    exposures = list(range(1000, 1000 + _MANY))
    butler.insert_dimension_data(
        "exposure",
        [
            {
                "instrument": INSTRUMENT,
                "id": number,
                "obs_id": f"E{number}",
                "physical_filter": "Cam-G",
                "day_obs": 20260101,
            }
            for number in exposures
        ],
    )
    return exposures


class ManyProcesses(RepositorySuite):
    """Inherit it to have many processes use your backends at once."""

    fewest_puts_per_second: ClassVar[float] = 200.0
    """Of all writers together; a low bound, since nobody knows what else the machine does meanwhile."""

    @pytest.fixture
    def loaded(self) -> Iterator[Butler]:
        """Open a small repository with one dataset."""
        with fast_directory() as directory:
            root = Path(directory) / "repo"
            self.make(root, "process")
            with Butler(root, run=RUN) as butler:
                populate(butler)
                butler.put({}, "summary", data_ids()[0])
                yield butler

    def test_no_error_reaches_a_user(self, loaded: Butler) -> None:
        found = load(loaded, 2)
        assert found.puts
        assert found.gets
        assert find_unaccounted(loaded) == []
        assert loaded.journals() == []

    @pytest.mark.crash
    def test_nobody_waits_long(self, loaded: Butler, record_property: Callable[[str, object], None]) -> None:
        found = load(loaded, 20)
        for name, value in found._asdict().items():
            record_property(name, value)
        print(found)
        assert len(list(loaded.query_datasets("summary", "load/*", find_first=False))) == found.puts
        assert max(found.longest_put_seconds, found.longest_get_seconds) < _LONGEST_WAIT_SECONDS
        assert found.puts_per_second > self.fewest_puts_per_second

    def test_an_open_query_blocks_nobody(self, loaded: Butler) -> None:
        refs = loaded.make_refs("summary", data_ids()[1:11])
        loaded.put_many([({}, ref) for ref in refs])
        rows = iter(loaded.query_datasets("summary", RUN))
        next(rows)

        # Whoever had to wait for the query would wait in vain, and get an error in the end.
        assert wait(fork(lambda: loaded.put({}, "summary", data_ids()[11]))) == 0
        assert len(list(rows)) >= len(refs)
