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


def _said_of(element: str) -> st.SearchStrategy[DataId]:
    """Make what a data ID says of one record: mostly what is true of some record, sometimes a mixture."""

    def say(rows: list[DataId], names: list[str]) -> DataId:
        said = {name: rows[n % len(rows)].get(COLUMNS[element][name]) for n, name in enumerate(names)}
        return {name: value for name, value in said.items() if value is not None}

    records = st.lists(st.sampled_from(RECORDS[element]), min_size=1, max_size=2)
    return st.builds(say, records, st.permutations(list(COLUMNS[element])).map(lambda names: names[:3]))


_data_ids = st.builds(
    lambda instrument, exposure, detector: {"instrument": instrument, **exposure, **detector},
    st.sampled_from([CAM, CAM, ALT]),
    _said_of("exposure") | st.sampled_from([{"exposure": 100}, {"exposure": "E1"}]),
    _said_of("detector") | st.sampled_from([{"detector": 1}, {"detector": "S0"}]),
)


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


def _expected(data_id: DataId) -> DataId | type[Exception]:
    result = {"instrument": data_id["instrument"]}
    for element in ("detector", "exposure"):
        if type(data_id.get(element)) is int and not any(
            name in data_id and name not in ("day_obs", "physical_filter") for name in COLUMNS[element]
        ):
            result[element] = data_id[element]
            continue
        fitting = _fitting(element, data_id)
        if len(fitting) != 1:
            return AmbiguousLookupError if fitting else DataIdError
        result[element] = fitting[0]
    return result


def _has_keys(data_id: DataId) -> bool:
    """Whether something names both records, other than implied values alone."""
    return all(
        element in data_id or any(n in data_id for n in names if n not in ("day_obs", "physical_filter"))
        for element, names in COLUMNS.items()
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data_ids=st.lists(_data_ids.filter(_has_keys), min_size=1, max_size=6), random=st.randoms())
def test_data_ids_mean_what_the_records_say(world: QueryWorld, data_ids: list[DataId], random: Any) -> None:
    lookups = KeyLookups(world.registry, world.universe, {})
    group = world.universe.conform(["exposure", "detector"])
    good = []
    for data_id in data_ids:
        expected = _expected(data_id)
        if isinstance(expected, dict):
            good.append((data_id, expected))
            continue
        with pytest.raises(expected):
            lookups.make_plain([data_id], group)
        with pytest.raises((AmbiguousLookupError, DataIdError)):  # of several the first that is looked at
            lookups.make_plain(data_ids, group)
    for data_id, expected in good:
        (plain,) = lookups.make_plain([data_id], group)
        assert plain == expected
        keys = list(data_id)
        random.shuffle(keys)
        assert lookups.make_plain([{key: data_id[key] for key in keys}], group) == [expected]
        assert lookups.make_plain([plain], group) == [plain]
    # A batch is as good as one after another, whatever else is in it.
    assert lookups.make_plain([data_id for data_id, _ in good], group) == [plain for _, plain in good]
