"""Expanded data IDs of a page: what their records imply, and which records they share."""

from __future__ import annotations

from typing import Any

import pytest

from butler_core.expansion import make_expander
from butler_core.testing.universe import testing_universe

UNIVERSE = testing_universe()
ROWS: dict[str, list[tuple[Any, ...]]] = {
    "instrument": [("Cam", 2, "a.Cam")],
    "detector": [("Cam", n, f"d{n}", "SCIENCE", True) for n in (1, 2)],
    "physical_filter": [("Cam", "f-r", "r"), ("Cam", "f-i", "i")],
    "day_obs": [("Cam", 20260101, None), ("Cam", 20260102, None)],
    "exposure": [
        ("Cam", 7, "f-r", 20260101, "o7", 30.0, "", True, None),
        ("Cam", 8, "f-i", 20260102, "o8", 30.0, "", True, None),
    ],
}


@pytest.mark.parametrize("names", [("exposure",), ("exposure", "detector")])
def test_each_data_id_gets_what_its_own_records_imply(names: tuple[str, ...]) -> None:
    group = UNIVERSE.conform(names)
    expand = make_expander(group, ROWS)
    expected = {7: ("r", "f-r", 20260101), 8: ("i", "f-i", 20260102)}
    for exposure in (7, 8, 7):
        for detector in (1, 2) if "detector" in names else (None,):
            given: dict[str, Any] = {"instrument": "Cam", "exposure": exposure, "detector": detector}
            data_id = expand(tuple(given[name] for name in group.required))
            assert {name: data_id[name] for name in group.required} == {n: given[n] for n in group.required}
            found = data_id["band"], data_id["physical_filter"], data_id["day_obs"]
            assert found == expected[exposure]
            assert data_id.records["exposure"]["obs_id"] == f"o{exposure}"
            assert data_id.records["physical_filter"]["band"] == expected[exposure][0]
            assert data_id.records["band"] is None


def test_data_ids_share_records() -> None:
    group = UNIVERSE.conform(["exposure", "detector"])
    expand = make_expander(group, ROWS)
    given: dict[str, Any] = {"instrument": "Cam", "exposure": 7}
    one, two = (expand(tuple({**given, "detector": n}[name] for name in group.required)) for n in (1, 2))
    assert one.records["exposure"] is two.records["exposure"]
    assert one.records["detector"] is not two.records["detector"]


def test_what_no_record_tells_is_unknown() -> None:
    group = UNIVERSE.conform(["exposure"])
    data_id = make_expander(group, ROWS)(("Cam", 9))
    assert data_id["day_obs"] is None
    assert data_id.records["exposure"] is None
    assert data_id.records["physical_filter"] is None


def test_nothing_is_needed_for_no_dimensions() -> None:
    data_id = make_expander(UNIVERSE.conform(()), {})(())
    assert dict(data_id) == {}
    assert data_id.is_expanded
