"""Records of old versions of Rubin's universe, brought up to date."""

import pytest

from butler_core.errors import IncompatibleError, InvalidInputError
from butler_core.models.timespan import Timespan
from butler_rubin.conversion import convert, old_dimensions
from butler_rubin.universe import RubinUniverse

BEGIN = Timespan.from_iso("2014-11-18T12:57:22.112", "2014-11-18T13:02:24.092")
VISIT = {"instrument": "HSC", "id": 11690, "physical_filter": "HSC-G", "name": "HSCA01169000"}
EXPOSURE = {"instrument": "HSC", "id": 903342, "obs_id": "HSCA90334200", "physical_filter": "HSC-R"}


@pytest.mark.parametrize("to_version", [6, 7, 8])
def test_a_visit_of_version_0(to_version):
    old = {**VISIT, "visit_system": 0, "seeing": 0.7, "timespan": BEGIN}
    record, implied = convert("visit", old, 0, to_version)
    assert record == {**VISIT, "day_obs": 20141118, "timespan": BEGIN}
    assert implied == [
        ("visit_system_membership", {"instrument": "HSC", "visit_system": 0, "visit": 11690}),
        ("day_obs", {"instrument": "HSC", "day_obs": 20141118}),
    ]


def test_a_visit_of_version_1_has_its_night_and_its_system():
    old = {"instrument": "HSC", "visit": 1, "visit_system": 2, "day_obs": 20200101, "timespan": BEGIN}
    record, implied = convert("visit", old, 1, 8)
    assert record["day_obs"] == 20200101
    assert "visit_system" not in record
    assert implied[0] == ("visit_system_membership", {"instrument": "HSC", "visit_system": 2, "visit": 1})


@pytest.mark.parametrize("version", [2, 3, 4, 5])
def test_a_visit_since_version_2_implies_its_night_only(version):
    record, implied = convert("visit", {**VISIT, "day_obs": 20200101}, version, 8)
    assert record == {**VISIT, "day_obs": 20200101}
    assert implied == [("day_obs", {"instrument": "HSC", "day_obs": 20200101})]


@pytest.mark.parametrize("version", [6, 7, 8])
@pytest.mark.parametrize("element", ["visit", "exposure", "visit_definition", "detector"])
def test_since_version_6_nothing_changes(element, version):
    record = {"instrument": "HSC", "id": 1, "anything": None}
    assert convert(element, record, version, 8) == (record, [])


@pytest.mark.parametrize(
    ("columns", "group"),
    [
        ({"group_name": "2013-06-17#3", "group_id": 3}, "2013-06-17#3"),
        ({"group_name": None, "group_id": 3}, "3"),
        ({}, "HSCA90334200"),
    ],
)
def test_an_exposure_gets_a_group(columns, group):
    record, implied = convert("exposure", {**EXPOSURE, **columns, "day_obs": 20130617}, 5, 8)
    assert record == {**EXPOSURE, "day_obs": 20130617, "group": group}
    assert implied == [
        ("group", {"instrument": "HSC", "group": group}),
        ("day_obs", {"instrument": "HSC", "day_obs": 20130617}),
    ]


@pytest.mark.parametrize("timespan", [None, Timespan(None, 5), Timespan.empty(), [None, 3], [0, 0]])
def test_a_night_that_nobody_can_tell_stays_unknown(timespan):
    record, implied = convert("visit", {**VISIT, "timespan": timespan}, 5, 8)
    assert record["day_obs"] is None
    assert implied == []


def test_the_night_of_a_raw_timespan():
    assert convert("visit", {**VISIT, "timespan": BEGIN.to_raw()}, 0, 8).record["day_obs"] == 20141118
    with pytest.raises(InvalidInputError, match="cannot be 'soon'"):
        convert("visit", {**VISIT, "timespan": "soon"}, 0, 8)


def test_a_visit_definition_of_version_1():
    old = {"instrument": "HSC", "exposure": 4, "visit_system": 0, "visit": 5}
    record, implied = convert("visit_definition", old, 1, 8)
    assert record == {"instrument": "HSC", "exposure": 4, "visit": 5}
    assert implied == [("visit_system_membership", {"instrument": "HSC", "visit_system": 0, "visit": 5})]


def test_the_input_is_left_alone():
    old = {**VISIT, "visit_system": 0}
    convert("visit", old, 0, 8)
    assert old == {**VISIT, "visit_system": 0}


def test_going_back_is_possible_as_long_as_nothing_is_lost():
    assert convert("exposure", {**EXPOSURE, "can_see_sky": None}, 8, 6).record == EXPOSURE
    with pytest.raises(IncompatibleError, match="903342 has can_see_sky, which version 6 cannot keep"):
        convert("exposure", {**EXPOSURE, "can_see_sky": False}, 7, 6)


@pytest.mark.parametrize(("from_version", "to_version"), [(9, 8), (-1, 8), (6, 5), (6, 9)])
def test_versions_nobody_knows(from_version, to_version):
    with pytest.raises(IncompatibleError, match="cannot be brought into"):
        convert("visit", VISIT, from_version, to_version)


def test_visit_systems_leave_old_dimensions_with_their_visits():
    assert old_dimensions(["instrument", "visit", "visit_system"], 1) == ["instrument", "visit"]
    assert old_dimensions(["instrument", "visit_system"], 1) == ["instrument", "visit_system"]
    assert old_dimensions(["visit", "visit_system"], 2) == ["visit", "visit_system"]


def test_the_provider_gives_the_record_alone():
    record = RubinUniverse().convert_record("visit", {**VISIT, "seeing": None, "visit_system": 0}, 0, 8)
    assert record == {**VISIT, "day_obs": None}
