"""A repository whose exposures and visits have numbers within a night, and whose statements are recorded."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest

from butler_core import Butler
from butler_core.models.universe import DimensionUniverse
from butler_core.testing.universe import TESTING_UNIVERSE
from tests.butler.statements import record_statements

CAM = "Cam"
NIGHT = 20260101


def _universe() -> DimensionUniverse:
    """Return the testing universe with a sequence number for exposures and visits."""
    source = copy.deepcopy(TESTING_UNIVERSE) | {"namespace": "numbered"}
    for name in ("exposure", "visit"):
        source["elements"][name]["metadata"].append({"name": "seq_num", "type": "int"})
    return DimensionUniverse.load(source)


def _insert(butler: Butler, instrument: str) -> None:
    butler.insert_dimension_data("instrument", [{"name": instrument}])
    butler.insert_dimension_data(
        "physical_filter", [{"instrument": instrument, "name": f"{instrument}-{b}", "band": b} for b in "gr"]
    )
    butler.insert_dimension_data(
        "day_obs", [{"instrument": instrument, "id": NIGHT + night} for night in range(2)]
    )
    butler.insert_dimension_data(
        "detector",
        [
            {"instrument": instrument, "id": n, "full_name": f"S{n}", "purpose": "SCIENCE" if n else "GUIDE"}
            for n in range(4)
        ],
    )
    for element, first in (("exposure", 100), ("visit", 500)):
        butler.insert_dimension_data(
            element,
            [
                {
                    "instrument": instrument,
                    "id": first + n,
                    ("obs_id" if element == "exposure" else "name"): f"{element[0].upper()}{n}",
                    "physical_filter": f"{instrument}-{'gr'[n % 2]}",
                    "day_obs": NIGHT + n // 3,
                    "seq_num": n % 3 + 1,
                    "exposure_time": 15.0 + n % 2,
                    "timespan": (n * 100, n * 100 + 50),
                }
                for n in range(6)
            ],
        )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the repository is."""
    Butler.make_repo(tmp_path / "repo", dimensions=_universe(), durability="process")
    return tmp_path / "repo"


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record statements."""
    recorded: list[str] = []
    record_statements(monkeypatch, recorded)
    return recorded


@pytest.fixture
def butler(root: Path, texts: list[str]) -> Iterator[Butler]:
    """Open a repository with raws of two exposures."""
    with Butler(root, run="raw", instrument=CAM) as butler:
        butler.register_collection("again")
        for instrument in (CAM, "Alt"):
            _insert(butler, instrument)
        for name, dimensions in (("raw", ("exposure", "detector")), ("calexp", ("visit", "detector"))):
            butler.register_dataset_type(name, dimensions, "StructuredDataDict")
        butler.register_dataset_type(
            "flat", ["detector", "physical_filter"], "StructuredDataDict", is_calibration=True
        )
        refs = butler.make_refs("raw", [{"exposure": e, "detector": d} for e in (100, 104) for d in range(4)])
        butler.put_many([(dict(ref.data_id.required), ref) for ref in refs])
        yield butler
