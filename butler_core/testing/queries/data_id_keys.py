"""Tests of data IDs by alternate keys and metadata, on every registry; part of `butler_core.testing.queries.conformance`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import pytest

from butler_core.data_ids import KeyLookups
from butler_core.errors import AmbiguousLookupError, DataIdError
from butler_core.models.data_id_keys import KEY_TYPES
from butler_core.testing.queries.world import ALT, CAM, RECORDS, QueryWorld


def _rows(world: QueryWorld, element: str) -> list[dict[str, Any]]:
    """Return an element's records by names of dimensions and columns, with all columns."""
    known = world.universe.elements[element]
    assert known.primary_key is not None
    names = [*known.required, *known.implied, *(column.name for column in known.columns)]
    rows = [{element: row[known.primary_key.name], **row} for row in RECORDS[element]]
    return [{name: row.get(name) for name in names} for row in rows]


def _keys(world: QueryWorld, element: str) -> list[str]:
    """Return the names that a data ID may use for an element's record, besides the primary key."""
    known = world.universe.elements[element]
    columns = [column.name for column in known.columns if column.type in KEY_TYPES]
    return [*known.implied, *(f"{element}.{name}" for name in columns)]


def _ways(world: QueryWorld, element: str) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """Iterate over all that can be said of each record, and the primary keys of the records for which that is true."""
    rows = _rows(world, element)
    for row in rows:
        said = {name: row[name.rpartition(".")[2]] for name in _keys(world, element)}
        there = {name: value for name, value in said.items() if value is not None}
        for size in range(1, len(there) + 1):
            for names in combinations(there, size):
                if not any("." in name for name in names):
                    continue  # implied values alone are no key
                data_id = {"instrument": row["instrument"], **{name: there[name] for name in names}}
                fitting = [other for other in rows if _fits(other, data_id)]
                yield data_id, [other[element] for other in fitting]


def _fits(row: Mapping[str, Any], data_id: Mapping[str, Any]) -> bool:
    return all(row[name.rpartition(".")[2]] == value for name, value in data_id.items())


class DataIdKeyTests:
    """What must hold of look-ups by other keys than primary ones: all ways to name each record are tried."""

    @pytest.fixture
    def lookups(self, world: QueryWorld) -> KeyLookups:
        """What looks keys up."""
        return KeyLookups(world.registry, world.universe, {})

    @pytest.mark.parametrize("element", ["detector", "exposure", "visit"])
    def test_a_record_is_named_by_whatever_is_true_of_it_alone(
        self, world: QueryWorld, lookups: KeyLookups, element: str
    ) -> None:
        clear = [(data_id, keys[0]) for data_id, keys in _ways(world, element) if len(keys) == 1]
        data_ids = [data_id for data_id, _ in clear]
        expected = [{"instrument": data_id["instrument"], element: key} for data_id, key in clear]
        assert len(clear) > 10
        # One batch of many shapes, and one by one.
        assert lookups.make_plain(data_ids, None) == expected
        for data_id, plain in list(zip(data_ids, expected, strict=True))[::7]:
            assert lookups.make_plain([data_id], world.universe.conform([element])) == [plain]
        assert lookups.make_plain(expected, None) == expected

    @pytest.mark.parametrize("element", ["detector", "exposure"])
    def test_what_is_true_of_several_lists_them(
        self, world: QueryWorld, lookups: KeyLookups, element: str
    ) -> None:
        unclear = [(data_id, keys) for data_id, keys in _ways(world, element) if len(keys) > 1]
        assert unclear
        for data_id, keys in unclear[::3]:
            with pytest.raises(AmbiguousLookupError) as caught:
                lookups.make_plain([data_id], None)
            scope = {"instrument": data_id["instrument"]}
            assert caught.value.details["candidates"] == [{**scope, element: key} for key in sorted(keys)]

    @pytest.mark.parametrize("element", ["detector", "exposure", "visit"])
    def test_what_is_said_of_a_known_record_must_be_true(
        self, world: QueryWorld, lookups: KeyLookups, element: str
    ) -> None:
        others = _rows(world, element)
        for data_id, keys in list(_ways(world, element))[::5]:
            known = {**data_id, element: keys[0]}
            assert lookups.make_plain([known], None) == [
                {"instrument": data_id["instrument"], element: keys[0]}
            ]
            for other in others:
                if other["instrument"] == data_id["instrument"] and other[element] not in keys:
                    with pytest.raises(DataIdError, match=f"{element}="):
                        lookups.make_plain([{**data_id, element: other[element]}], None)

    def test_values_are_compared_as_they_are(self, lookups: KeyLookups) -> None:
        """No case is ignored, no character is special."""
        for full_name, detector in (("S0", 0), ("s0", 2), ("é*", 3)):
            asked = {"instrument": CAM, "detector": full_name}
            assert lookups.make_plain([asked], None) == [{"instrument": CAM, "detector": detector}]
        asked = {"instrument": ALT, "detector": "A%_"}
        assert lookups.make_plain([asked], None) == [{"instrument": ALT, "detector": 1}]
        for wrong in ("S%", "S*", "", "' OR 1=1 --", "S0 "):
            with pytest.raises(DataIdError, match="no detector"):
                lookups.make_plain([{"instrument": CAM, "detector": wrong}], None)

    def test_each_instrument_has_its_own(self, lookups: KeyLookups) -> None:
        asked = [{"instrument": name, "obs_id": "E0"} for name in (CAM, ALT, CAM)]
        found = lookups.make_plain(asked, None)
        assert found == [{"instrument": name, "exposure": 100} for name in (CAM, ALT, CAM)]
        with pytest.raises(DataIdError, match=r"no exposure .*Alt.*E5"):
            lookups.make_plain([{"instrument": ALT, "obs_id": "E5"}], None)

    def test_governors_have_keys_too(self, lookups: KeyLookups) -> None:
        found = lookups.make_plain([{"instrument.detector_max": 4, "detector": "S1"}], None)
        assert found == [{"instrument": CAM, "detector": 1}]

    def test_many_values_of_every_type(self, lookups: KeyLookups) -> None:
        """More than a statement has parameters."""
        there = {"instrument": CAM, "exposure.exposure_time": 15.0, "exposure.can_see_sky": False}
        absent = [there | {"exposure.exposure_time": 1000.5 + n} for n in range(33_000)]
        assert lookups.make_plain([there] * 3, None) == [{"instrument": CAM, "exposure": 105}] * 3
        with pytest.raises(DataIdError, match=r"no exposure .*1000\.5"):
            lookups.make_plain([there, *absent], None)
        names = [{"instrument": CAM, "obs_id": f"E{n}"} for n in range(2_000)]
        with pytest.raises(DataIdError, match="'E6'"):
            lookups.make_plain(names, None)
