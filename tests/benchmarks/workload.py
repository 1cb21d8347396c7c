"""The work that every side of the benchmarks does: its records, data IDs, datasets and operations; imports no side.

It runs in each side's own interpreter, so it needs the standard library alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

INSTRUMENT = "Bench"
FILTER = "Bench-r"
DAY = 20260101
GROUP = "survey"
EXPOSURES = 50
DETECTORS = 200
DATASET_TYPE = "summary"
DIMENSIONS = ("instrument", "exposure", "detector")
STORAGE_CLASS = "StructuredDataDict"
UNIVERSE = "rubin"
ALL = "bench/all"
"""RUN that queries search: a dataset for each data ID, ingested in place."""
STORED = "bench/stored"
"""RUN whose datasets are read, ingested by copy."""
CHAIN = "bench/chain"
CHAIN_RUNS = tuple(f"bench/link{k}" for k in range(10))

Record = dict[str, Any]
DataId = dict[str, str | int]


class Operation(NamedTuple):
    """Something that is timed."""

    name: str
    """The method of each side that prepares it."""
    n: int
    """How many things it concerns."""
    title: str
    writes: bool = False
    """Whether it changes the repository: then each process does it once, and durability matters."""
    repeats: int = 1
    """How many times a process does it; the median counts."""
    slow: bool = False
    """Whether the peer takes so long that it does it in the first round only."""
    alone: bool = False
    """Whether the peer has nothing like it."""
    unit: str = "s"
    """What is measured: seconds, or ``MB`` of memory."""

    @property
    def key(self) -> str:
        """What identifies it in results."""
        return f"{self.name}@{self.n}"


OPERATIONS = (
    Operation("insert_exposures", 10_000, "insert exposure records", writes=True),
    Operation("put", 1_000, "put one by one", writes=True),
    Operation("put_many", 1_000, "put many", writes=True),
    Operation("put_many", 10_000, "put many", writes=True, slow=True),
    Operation("ingest_direct", 10_000, "ingest direct", writes=True),
    Operation("ingest_copy", 1_000, "ingest copy", writes=True),
    Operation("remove_run", 10_000, "remove a RUN", writes=True, slow=True),
    Operation("get_expanded_ref", 1_000, "get by ref, expanded"),
    Operation("get_plain_ref", 1_000, "get by ref, plain"),
    Operation("get_data_id", 1_000, "get by data ID"),
    Operation("get_many", 1_000, "get many by ref, expanded"),
    Operation("find", 1_000, "find one dataset"),
    Operation("query", 10_000, "query, iterate", repeats=7),
    Operation("query_values", 10_000, "query, read uuid, run and data ID", repeats=7),
    Operation("query_expanded", 10_000, "query with dimension records", repeats=5),
    Operation("query_chain", 10_000, "find-first over a chain of 10 runs", repeats=5),
)

QUERIES = (
    Operation("query", 100_000, "query, iterate", repeats=3),
    Operation("query_values", 100_000, "query, read uuid, run and data ID", repeats=3),
    Operation("query_expanded", 100_000, "query with dimension records"),
    Operation("query_arrow", 100_000, "query, as an Arrow table", repeats=3, alone=True),
    Operation("query_where", 1_000, "where picks 1%", repeats=5),
    Operation("query_chain", 100_000, "find-first over a chain of 10 runs", repeats=3),
    Operation("query_first", 100, "first 100 by exposure and detector", repeats=5),
    Operation("query_count", 100_000, "count", repeats=5),
    Operation("query_calibrations", 100_000, "calibration join, 10 000 certifications"),
    Operation("query_overlaps", 60_000, "spatial join, 10 000 x 6 400 regions"),
)
"""Questions about more datasets than the other operations are about; none has a file."""
SUITES: dict[str, tuple[Operation, ...]] = {"basics": OPERATIONS, "queries": QUERIES}
MODULES = {"basics": "side", "queries": "queries"}
"""What the names of the sides' modules begin with, by suite."""
SIZES = {"basics": 10_000, "queries": 100_000}
"""How many data IDs queries find, by suite."""
WHERE = "detector IN (5, 7)"
"""Picks 1%."""

DATASET_WRITERS = frozenset({"put", "put_many", "ingest_direct", "ingest_copy"})
"""Operations that write datasets, to a RUN of their own."""
DATASET_REMOVERS = frozenset({"remove_run"})
"""Operations that leave no dataset of a RUN of their own."""


def run_of(operation: str) -> str:
    """Return the RUN that an operation, by its key, writes to."""
    return f"bench/{operation.replace('@', '/')}"


def operations(suite: str, divisor: int = 1) -> list[Operation]:
    """Return the operations of a suite, so many times smaller."""
    if divisor == 1:
        return list(SUITES[suite])
    return [op._replace(n=max(1, op.n // divisor), slow=False) for op in SUITES[suite]]


def exposures_for(n: int) -> int:
    """Return how many exposures the first n data IDs need, and at least those that there are always."""
    return max(EXPOSURES, -(-n // DETECTORS))


def data_ids(n: int, first: int = 0) -> list[DataId]:
    """Return the first n data IDs, or those from some place on: all detectors of the first exposure, then of the next."""
    return [
        {"instrument": INSTRUMENT, "exposure": 1 + k // DETECTORS, "detector": k % DETECTORS}
        for k in range(first, n)
    ]


def payload(data_id: DataId) -> dict[str, Any]:
    """Return the dataset of a data ID: about 200 bytes of JSON."""
    exposure, detector = int(data_id["exposure"]), int(data_id["detector"])
    return {
        "exposure": exposure,
        "detector": detector,
        "background": {"mean": 251.25 + detector, "sigma": 12.5 + exposure / 8, "iterations": 3},
        "psf_fwhm_arcsec": 0.75 + detector / 1024,
        "n_sources": 1000 + 7 * detector + exposure,
        "flags": ["astrometry", "photometry"],
        "note": "measured by the benchmark",
    }


def write_files(directory: Path, n: int) -> None:
    """Write the files that are ingested, one for each of the first n data IDs, unless they are there."""
    directory.mkdir(parents=True, exist_ok=True)
    for path, data_id in zip(file_paths(directory, n), data_ids(n), strict=True):
        path.write_text(json.dumps(payload(data_id)))


def file_paths(directory: Path, n: int) -> list[Path]:
    """Return the paths of the files that are ingested."""
    return [directory / f"{k:05}.json" for k in range(n)]


def chain_links(n: int) -> Iterator[tuple[str, range]]:
    """Return which of the first n data IDs each RUN of the chain holds.

    All but the last hold a tenth each, so that nine in ten of the last one's, which holds all, are shadowed.
    """
    *runs, last = CHAIN_RUNS
    step = n // len(CHAIN_RUNS)
    for k, run in enumerate(runs):
        yield run, range(k * step, (k + 1) * step)
    yield last, range(n)


def small_records() -> list[tuple[str, list[Record]]]:
    """Return the records that exposures and data IDs need, by element, in the order in which they can be inserted."""
    instrument = {"instrument": INSTRUMENT}
    detectors = [
        {"id": k, "full_name": f"R{k // 9:02}_S{k % 9}", "purpose": "SCIENCE"} for k in range(DETECTORS)
    ]
    return [
        (
            "instrument",
            [
                {
                    "name": INSTRUMENT,
                    "detector_max": DETECTORS,
                    "visit_max": 1_000_000,
                    "exposure_max": 1_000_000,
                    "class_name": "bench.Bench",
                }
            ],
        ),
        ("physical_filter", [{**instrument, "name": FILTER, "band": "r"}]),
        ("day_obs", [{**instrument, "id": DAY}]),
        ("group", [{**instrument, "name": GROUP}]),
        ("detector", [{**instrument, **detector} for detector in detectors]),
    ]


def exposure_records(first: int, n: int) -> list[Record]:
    """Return n exposures; ``begin`` and ``end`` are TAI nanoseconds since 1970, for each side to make a timespan of."""
    return [
        {
            "instrument": INSTRUMENT,
            "id": k,
            "physical_filter": FILTER,
            "day_obs": DAY,
            "group": GROUP,
            "obs_id": f"B_{DAY}_{k:06}",
            "exposure_time": 30.0,
            "dark_time": 30.5,
            "observation_type": "science",
            "observation_reason": "survey",
            "seq_num": k,
            "seq_start": k,
            "seq_end": k,
            "target_name": f"field{k % 97}",
            "science_program": "benchmark",
            "tracking_ra": (k * 7.5) % 360.0,
            "tracking_dec": (k * 0.25) % 90.0 - 60.0,
            "sky_angle": 12.5,
            "azimuth": (k * 3.5) % 360.0,
            "zenith_angle": 30.0,
            "has_simulated": False,
            "can_see_sky": True,
            "begin": exposure_begin(k),
            "end": exposure_begin(k) + 30_000_000_000,
        }
        for k in range(first, first + n)
    ]


def exposure_begin(k: int) -> int:
    """Return when an exposure begins: TAI nanoseconds since 1970; the next one begins 40 s later."""
    return 1_767_225_600_000_000_000 + k * 40_000_000_000


MORE_EXPOSURES = 1_000
"""ID of the first of the exposures whose insertion is timed; no dataset is of them."""
