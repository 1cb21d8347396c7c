"""A small repository, populated, on the embedded defaults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from butler_core import Butler
from butler_core.testing.universe import testing_universe

INSTRUMENT = "Cam"
DETECTORS = range(4)
EXPOSURES = range(100, 106)
RUN = "u/test/first"


def populate(butler: Butler) -> None:
    """Insert one instrument with detectors, filters and exposures, and register a dataset type."""
    butler.insert_dimension_data("instrument", [{"name": INSTRUMENT, "detector_max": 4}])
    butler.insert_dimension_data(
        "physical_filter",
        [{"instrument": INSTRUMENT, "name": f"Cam-{band.upper()}", "band": band} for band in "gr"],
    )
    butler.insert_dimension_data("day_obs", [{"instrument": INSTRUMENT, "id": 20260101}])
    butler.insert_dimension_data(
        "detector",
        [
            {
                "instrument": INSTRUMENT,
                "id": i,
                "full_name": f"S{i}",
                "purpose": "SCIENCE",
                "is_science": i != 3,
            }
            for i in DETECTORS
        ],
    )
    butler.insert_dimension_data(
        "exposure",
        [
            {
                "instrument": INSTRUMENT,
                "id": i,
                "obs_id": f"E{i}",
                "physical_filter": "Cam-G" if i % 2 else "Cam-R",
                "day_obs": 20260101,
                "exposure_time": float(i % 3 * 15),
                "target_name": None if i == 100 else f"field {i % 2}",
                "timespan": (i * 1000, i * 1000 + 500),
            }
            for i in EXPOSURES
        ],
    )
    butler.register_dataset_type("summary", ["instrument", "exposure", "detector"], "StructuredDataDict")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the repository is."""
    path = tmp_path / "repo"
    Butler.make_repo(path, dimensions=testing_universe(), durability="process")
    return path


@pytest.fixture
def butler(root: Path) -> Iterator[Butler]:
    """Open the populated repository for writing."""
    with Butler(root, run=RUN) as butler:
        populate(butler)
        yield butler


def data_ids() -> list[dict[str, int | str]]:
    """All data IDs of ``summary``."""
    return [{"instrument": INSTRUMENT, "exposure": e, "detector": d} for e in EXPOSURES for d in DETECTORS]
