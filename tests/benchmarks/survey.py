"""What questions relate: visits and patches on the sky, exposures and biases that are valid for a while; imports no side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.benchmarks.workload import DAY, DETECTORS, FILTER, INSTRUMENT, DataId, Record, exposure_begin

SKYMAP = "grid"
BIAS = "bias"
CALIBRATIONS = "bench/calibrations"
EXPOSURES_PER_BIAS = 10
"""So many exposures in a row have the same one."""

Corners = tuple[tuple[float, float], ...]
"""Of a convex polygon: right ascension and declination, in degrees."""

_CELL = 0.2
"""Width of a patch, in degrees."""
_TRACT = 10
"""How many patches a tract has along an axis."""
_GRID = 80
"""How many patches the sky map has along an axis, near the equator, where cells are squares."""
_COLUMNS = 20
"""How many detectors stand side by side."""
PATCHES_PER_DETECTOR = 6
"""A detector is 1.4 patches wide, and shifted so that it covers 3 columns and 2 rows of patches, none of them narrowly."""
_WIDTH, _SHIFT = 1.4, (0.8, 0.3)


def sky_records(n: int) -> list[tuple[str, list[Record]]]:
    """Return what a join of detectors in visits with patches needs to find n pairs, by element, in the order of insertion.

    Values of ``region`` are corners, for each side to make a polygon of.
    """
    detectors = range(n // PATCHES_PER_DETECTOR)
    visits = sorted({_visit(k) for k in detectors})
    common = {"instrument": INSTRUMENT, "physical_filter": FILTER, "day_obs": DAY}
    cells = [(x, y) for x in range(_GRID) for y in range(_GRID)]
    tracts = [(x, y) for x in range(0, _GRID, _TRACT) for y in range(0, _GRID, _TRACT)]
    return [
        ("visit", [{**common, "id": visit, "name": f"v{visit}"} for visit in visits]),
        (
            "visit_detector_region",
            [
                {
                    "instrument": INSTRUMENT,
                    "visit": _visit(k),
                    "detector": k % DETECTORS,
                    "region": _footprint(k),
                }
                for k in detectors
            ],
        ),
        (
            "skymap",
            [
                {
                    "name": SKYMAP,
                    "hash": b"grid",
                    "tract_max": len(tracts),
                    "patch_nx_max": _TRACT,
                    "patch_ny_max": _TRACT,
                }
            ],
        ),
        (
            "tract",
            [{"skymap": SKYMAP, "id": _tract(x, y), "region": _square(x, y, _TRACT)} for x, y in tracts],
        ),
        (
            "patch",
            [
                {
                    "skymap": SKYMAP,
                    "tract": _tract(x, y),
                    "id": _patch(x, y),
                    "cell_x": x % _TRACT,
                    "cell_y": y % _TRACT,
                    "region": _square(x, y, 1),
                }
                for x, y in cells
            ],
        ),
    ]


def overlaps(n: int) -> Iterator[tuple[int, int, int, int]]:
    """Return the n pairs: visit, detector, tract, patch."""
    for k in range(n // PATCHES_PER_DETECTOR):
        x, y = _corner(k)
        for dx in range(3):
            for dy in range(2):
                yield _visit(k), k % DETECTORS, _tract(x + dx, y + dy), _patch(x + dx, y + dy)


def _visit(k: int) -> int:
    return 1 + k // DETECTORS


def _corner(k: int) -> tuple[int, int]:
    """Return the first patch that a detector covers."""
    visit, detector = _visit(k), k % DETECTORS
    return visit * 7 % 57 + detector % _COLUMNS, visit * 11 % 67 + detector // _COLUMNS


def _footprint(k: int) -> Corners:
    x, y = _corner(k)
    return _square(x + _SHIFT[0], y + _SHIFT[1], _WIDTH)


def _square(x: float, y: float, width: float) -> Corners:
    left, low = 10 + x * _CELL, (y - _GRID / 2) * _CELL
    right, high = left + width * _CELL, low + width * _CELL
    return ((left, low), (right, low), (right, high), (left, high))


def _tract(x: int, y: int) -> int:
    return x // _TRACT * (_GRID // _TRACT) + y // _TRACT


def _patch(x: int, y: int) -> int:
    return x % _TRACT * _TRACT + y % _TRACT


class Validity(NamedTuple):
    """A run of biases, one for each detector, and the exposures that they are for."""

    run: str
    first: int
    """ID of the first exposure; nobody needs the time between exposures."""
    last: int


def validities(n: int) -> list[Validity]:
    """Return the validities that the exposures of the first n data IDs are in."""
    starts = range(1, n // DETECTORS + 1, EXPOSURES_PER_BIAS)
    return [Validity(f"bench/bias{first}", first, first + EXPOSURES_PER_BIAS - 1) for first in starts]


def bias_data_ids() -> list[DataId]:
    """Return the data IDs of a run of biases."""
    return [{"instrument": INSTRUMENT, "detector": k} for k in range(DETECTORS)]


def exposures_where(n: int) -> str:
    """Return the condition for the exposures of the first n data IDs."""
    return f"exposure <= {n // DETECTORS}"


def times(first: int, last: int) -> tuple[int, int]:
    """Return begin and end of the time of some exposures, from the first up to and with the last: TAI nanoseconds."""
    return exposure_begin(first), exposure_begin(last + 1)


def polygon(sphgeom: Any, corners: Corners) -> Any:
    """Make a region, by the sphgeom of a side's interpreter."""
    vectors = [sphgeom.UnitVector3d(sphgeom.LonLat.fromDegrees(*corner)) for corner in corners]
    return sphgeom.ConvexPolygon(vectors)


def with_polygons(sphgeom: Any, records: list[Record]) -> list[Record]:
    """Make regions of the corners that records have."""
    return [
        {**record, "region": polygon(sphgeom, record["region"])} if "region" in record else record
        for record in records
    ]
