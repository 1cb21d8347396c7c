"""A small repository for tests: one instrument with detectors, filters and exposures, and one dataset type."""

from __future__ import annotations

from butler_core.butler import Butler

INSTRUMENT = "Cam"
DETECTORS = range(4)
EXPOSURES = range(100, 106)
RUN = "u/test/first"


def populate(butler: Butler) -> None:
    """Insert one instrument with detectors, filters and exposures, and register the dataset type ``summary``."""
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


def data_ids() -> list[dict[str, int | str]]:
    """Return all data IDs of ``summary``."""
    return [{"instrument": INSTRUMENT, "exposure": e, "detector": d} for e in EXPOSURES for d in DETECTORS]
