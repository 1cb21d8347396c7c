"""Rubin's universe: its versions, closures, and what a repository makes of it."""

from importlib import resources

import pytest
import yaml

from butler_core import DimensionUniverse
from butler_core.errors import NotFoundError
from butler_rubin.universe import RubinUniverse


@pytest.fixture(params=RubinUniverse.versions)
def universe(request):
    return DimensionUniverse.load("rubin", request.param)


def test_newest_version_is_the_default():
    assert DimensionUniverse.load("rubin") is DimensionUniverse.load("rubin", 8)


def test_every_version_is_rubins_own(universe):
    assert universe.namespace == "daf_butler"
    assert universe.geometry == "sphgeom"
    assert universe.common_skypix == "htm7"
    assert {"htm0", "htm24", "healpix17"} <= universe.dimensions.keys()
    assert "healpix18" not in universe.dimensions
    assert universe.governor_dimensions >= {"instrument", "skymap"}


def test_closures(universe):
    visit = universe.conform(["visit", "detector"])
    assert visit.required == ("instrument", "detector", "visit")
    assert visit.implied == ("band", "physical_filter", "day_obs")
    assert "visit_detector_region" in visit.elements
    exposure = universe.conform("exposure")
    assert exposure.required == ("instrument", "exposure")
    assert exposure.implied == ("band", "physical_filter", "group", "day_obs")
    assert universe.conform(["exposure", "visit"]).elements[-1] == "visit_definition"
    assert universe.conform("patch").required == ("skymap", "tract", "patch")


def test_topology(universe):
    assert universe.topology["spatial"] == {
        "observation_regions": ("visit_detector_region", "visit"),
        "skymap_regions": ("patch", "tract"),
    }
    assert universe.topology["temporal"] == {"observation_timespans": ("exposure", "visit", "day_obs")}


def test_join_tables(universe):
    elements = universe.elements
    assert {name for name, e in elements.items() if e.joins} == {
        "visit_definition",
        "visit_system_membership",
    }
    assert {name for name, e in elements.items() if e.populated_by == "visit"} == {
        "visit_definition",
        "visit_system_membership",
        "visit_detector_region",
    }
    assert not elements["band"].has_table


def test_what_each_version_adds():
    six, seven, eight = (DimensionUniverse.load("rubin", version) for version in (6, 7, 8))

    def columns(universe):
        return {(name, column.name) for name, e in universe.elements.items() for column in e.columns}

    assert columns(seven) - columns(six) == {("exposure", "can_see_sky")}
    assert columns(seven) == columns(eight)
    assert seven.elements.keys() == six.elements.keys()
    assert list(eight.elements)[-3:] == [
        "ssp_hypothesis_table",
        "ssp_hypothesis_bundle",
        "ssp_balanced_index",
    ]


def test_quantities_have_units(universe):
    units = {c.name: c.unit for e in universe.elements.values() for c in e.metadata if c.type == "float"}
    assert units["exposure_time"] == units["dark_time"] == "s"
    assert {unit for name, unit in units.items() if not name.endswith("time")} == {"deg"}


def test_everything_is_documented(universe):
    for name, element in universe.elements.items():
        assert element.doc, name
        assert all(column.doc for column in (*element.alternate_keys, *element.metadata)), name


def test_every_definition_is_listed():
    files = resources.files("butler_rubin").joinpath("universes").iterdir()
    assert {file.name for file in files} == {f"v{version}.yaml" for version in RubinUniverse.versions}


def test_unknown_version():
    with pytest.raises(NotFoundError, match="no version 5") as caught:
        DimensionUniverse.load("rubin", 5)
    assert "6, 7, 8" in caught.value.remedy


def test_overlay_on_it(tmp_path):
    overlay = tmp_path / "mine.yaml"
    content = {
        "extends": {"name": "rubin", "version": 7},
        "namespace": "mine",
        "version": 1,
        "elements": {
            "report": {"doc": "A report.", "key": {"name": "name", "type": "string"}, "requires": ["day_obs"]}
        },
        "drop": ["subfilter"],
    }
    overlay.write_text(yaml.safe_dump(content))
    universe = DimensionUniverse.load(overlay)
    assert universe.conform("report").required == ("instrument", "day_obs", "report")
    assert "subfilter" not in universe.elements
    assert universe.geometry == "sphgeom"
