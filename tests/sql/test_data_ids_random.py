"""Data IDs by other keys, at random: compared with what plain Python makes of the same records."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from butler_core.data_ids import KeyLookups
from butler_core.errors import AmbiguousLookupError, DataIdError
from butler_core.testing.queries.world import ALT, CAM, RECORDS, QueryWorld

COLUMNS: dict[str, dict[str, str]] = {
    "detector": {"full_name": "full_name", "detector.purpose": "purpose", "is_science": "is_science"},
    "exposure": {
        "obs_id": "obs_id",
        "exposure.obs_id": "obs_id",
        "exposure.exposure_time": "exposure_time",
        "target_name": "target_name",
        "day_obs": "day_obs",
        "physical_filter": "physical_filter",
    },
}
"""For each element what a data ID may say of it, and the column of its records."""

DataId = dict[str, Any]


@st.composite
def _data_ids(draw: st.DrawFn) -> DataId:
    """Make a data ID: most of what it says is true of one record, and one thing perhaps of another."""
    data_id: DataId = {"instrument": draw(st.sampled_from([CAM, CAM, ALT]))}
    for element, columns in COLUMNS.items():
        rows = [row for row in RECORDS[element] if row["instrument"] == data_id["instrument"]]
        row = draw(st.sampled_from(rows))
        names = draw(st.lists(st.sampled_from([element, *columns]), min_size=1, max_size=4, unique=True))
        for name in names:
            other = draw(st.sampled_from(rows)) if draw(st.integers(0, 5)) == 0 else row
            value = other["id"] if name == element else other.get(columns[name])
            if value is not None:
                data_id[name] = value
        if draw(st.integers(0, 3)) == 0:
            data_id[element] = row["full_name" if element == "detector" else "obs_id"]
    return data_id


def _fitting(element: str, data_id: DataId) -> list[int]:
    """Return the primary keys of the records of which all is true that is said."""
    alternate = "full_name" if element == "detector" else "obs_id"
    names = {**COLUMNS[element], element: alternate if isinstance(data_id.get(element), str) else "id"}
    said = {name: value for name, value in data_id.items() if name in names}
    return [
        row["id"]
        for row in RECORDS[element]
        if row["instrument"] == data_id["instrument"]
        and all(row.get(names[name]) == value for name, value in said.items())
    ]


def _expected(data_id: DataId) -> DataId | None:
    """Return the plain data ID; None if there is none, or several fit."""
    result: DataId = {"instrument": data_id["instrument"]}
    for element in ("detector", "exposure"):
        if type(data_id.get(element)) is int and not any(
            name in data_id and name not in ("day_obs", "physical_filter") for name in COLUMNS[element]
        ):
            # No record is looked at, so whether what is implied is true is not for here to find out.
            names = (element, *COLUMNS[element])
            result.update((name, data_id[name]) for name in names if name in data_id)
            continue
        fitting = _fitting(element, data_id)
        if len(fitting) != 1:
            return None
        result[element] = fitting[0]
    return result


def _has_keys(data_id: DataId) -> bool:
    """Whether something names both records, other than implied values alone."""
    return all(
        element in data_id or any(n in data_id for n in names if n not in ("day_obs", "physical_filter"))
        for element, names in COLUMNS.items()
    )


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data_ids=st.lists(_data_ids().filter(_has_keys), min_size=1, max_size=4), random=st.randoms())
def test_data_ids_mean_what_the_records_say(world: QueryWorld, data_ids: list[DataId], random: Any) -> None:
    lookups = KeyLookups(world.registry, world.universe, {})
    group = world.universe.conform(["exposure", "detector"])
    good = []
    for data_id in data_ids:
        expected = _expected(data_id)
        if expected is not None:
            good.append((data_id, expected))
            continue
        for wrong in ([data_id], data_ids):
            with pytest.raises((AmbiguousLookupError, DataIdError)):
                lookups.make_plain(wrong, group)
    for data_id, expected in good:
        (plain,) = lookups.make_plain([data_id], group)
        assert plain == expected
        keys = list(data_id)
        random.shuffle(keys)
        assert lookups.make_plain([{key: data_id[key] for key in keys}], group) == [expected]
        assert lookups.make_plain([plain], group) == [plain]
    # A batch is as good as one after another, whatever else is in it.
    assert lookups.make_plain([data_id for data_id, _ in good], group) == [plain for _, plain in good]
