"""A small universe for tests, with one of everything: governors, implied dimensions, join tables, regions and timespans."""

from __future__ import annotations

from typing import Any

from butler_core.models.universe import DimensionUniverse

TESTING_UNIVERSE: dict[str, Any] = {
    "namespace": "testing",
    "version": 1,
    "skypix": {"common": "htm7", "systems": {"htm": 10, "healpix": 10}},
    "elements": {
        "instrument": {
            "doc": "Something that makes observations.",
            "governor": True,
            "key": {"name": "name", "type": "string"},
            "metadata": [{"name": "detector_max", "type": "int"}, {"name": "class_name", "type": "string"}],
        },
        "skymap": {"governor": True, "key": {"name": "name", "type": "string"}},
        "band": {"key": {"name": "name", "type": "string"}, "table": False},
        "physical_filter": {
            "key": {"name": "name", "type": "string"},
            "requires": ["instrument"],
            "implies": ["band"],
        },
        "detector": {
            "key": {"name": "id", "type": "int"},
            "alternate_keys": [{"name": "full_name", "type": "string"}],
            "requires": ["instrument"],
            "metadata": [{"name": "purpose", "type": "string"}, {"name": "is_science", "type": "bool"}],
        },
        "day_obs": {"key": {"name": "id", "type": "int"}, "requires": ["instrument"]},
        "exposure": {
            "key": {"name": "id", "type": "int"},
            "alternate_keys": [{"name": "obs_id", "type": "string"}],
            "requires": ["instrument"],
            "implies": ["physical_filter", "day_obs"],
            "metadata": [
                {"name": "exposure_time", "type": "float", "unit": "s"},
                {"name": "target_name", "type": "string"},
                {"name": "can_see_sky", "type": "bool"},
            ],
        },
        "visit": {
            "key": {"name": "id", "type": "int"},
            "alternate_keys": [{"name": "name", "type": "string"}],
            "requires": ["instrument"],
            "implies": ["physical_filter", "day_obs"],
            "metadata": [{"name": "exposure_time", "type": "float", "unit": "s"}],
        },
        "visit_definition": {"requires": ["exposure", "visit"], "joins": True, "populated_by": "visit"},
        "visit_detector_region": {"requires": ["visit", "detector"], "populated_by": "visit"},
        "tract": {"key": {"name": "id", "type": "int"}, "requires": ["skymap"]},
        "patch": {"key": {"name": "id", "type": "int"}, "requires": ["skymap", "tract"]},
    },
    "topology": {
        "spatial": {
            "observation_regions": ["visit_detector_region", "visit"],
            "skymap_regions": ["patch", "tract"],
        },
        "temporal": {"observation_timespans": ["exposure", "visit", "day_obs"]},
    },
}
"""What `testing_universe` is made of; it names no geometry, so regions are plain bytes."""


def testing_universe() -> DimensionUniverse:
    """Return the universe."""
    return DimensionUniverse.load(TESTING_UNIVERSE)


testing_universe.__test__ = False  # type: ignore[attr-defined]  # its name begins as a test's would
