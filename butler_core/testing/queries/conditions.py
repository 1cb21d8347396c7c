"""Tests of what conditions mean, on every registry the same; part of `butler_core.testing.queries.conformance`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from butler_core.errors import ButlerError, InvalidInputError, QueryError
from butler_core.expressions.query import DatasetSearch
from butler_core.models.timespan import Timespan
from butler_core.testing.queries.world import ALT, CAM, Dataset, QueryWorld


def _exposures(world: QueryWorld, where: str, bind: dict[str, Any] | None = None) -> list[int]:
    """Return which of the exposures 100 to 105 a condition selects, less 100."""
    found = world.records("exposure", where=where, bind=bind, data_id={"instrument": CAM})
    return [record["exposure"] - 100 for record in found]


_CASES: dict[str, list[int]] = {
    # comparisons, three-valued
    "exposure_time > 15": [0, 4],
    "exposure_time >= 15": [0, 4, 5],
    "NOT (exposure_time > 15)": [1, 3, 5],
    "exposure_time > 15 OR NOT (exposure_time > 15)": [0, 1, 3, 4, 5],
    "exposure_time != 30.0": [1, 3, 5],
    "exposure_time = NULL": [],
    "NOT (exposure_time = NULL)": [],
    "exposure_time IS NULL": [2],
    "exposure_time IS NOT NULL": [0, 1, 3, 4, 5],
    "(exposure_time > 15) IS NULL": [2],
    "exposure_time BETWEEN 0 AND 15": [1, 5],
    "exposure_time NOT BETWEEN 0 AND 15": [0, 3, 4],
    "exposure_time NOT BETWEEN 20 AND NULL": [1, 3, 5],
    "can_see_sky": [0, 3, 4],
    "NOT can_see_sky": [2, 5],
    "can_see_sky IS NULL": [1],
    "can_see_sky = TRUE": [0, 3, 4],
    "can_see_sky != TRUE": [2, 5],
    "can_see_sky = (exposure_time > 0)": [0, 4],
    "can_see_sky OR exposure_time = 0": [0, 1, 3, 4],
    "TRUE": [0, 1, 2, 3, 4, 5],
    "FALSE OR NULL": [],
    # lists
    "exposure IN (100, 102, 999)": [0, 2],
    "exposure NOT IN (100, 102)": [1, 3, 4, 5],
    "exposure IN ()": [],
    "exposure NOT IN ()": [0, 1, 2, 3, 4, 5],
    "exposure_time NOT IN ()": [0, 1, 2, 3, 4, 5],
    "exposure IN (100..105:2)": [0, 2, 4],
    "exposure IN (101..900000:3)": [1, 4],
    "exposure - 103 IN (-2..900000:2)": [1, 3, 5],
    "exposure NOT IN (1..900000)": [],
    "exposure IN (1..10, 900..900000, 103)": [3],
    "exposure_time IN (0.0, 30)": [0, 1, 4],
    "exposure_time NOT IN (0.0, NULL)": [],
    "exposure_time IN (0.0, NULL)": [1],
    "target_name IN ('ab', '😀')": [3, 5],
    "can_see_sky IN (TRUE)": [0, 3, 4],
    # arithmetic
    "exposure / 2 = 50.5": [1],
    "exposure % 3 = 1": [0, 3],
    "(102 - exposure) % 2 = -1": [3, 5],
    "exposure_time % 4 = 2.0": [0, 4],
    "exposure_time % 1 = -0.5": [3],
    "1 / exposure_time < 1": [0, 3, 4, 5],
    "exposure / 0 IS NULL": [0, 1, 2, 3, 4, 5],
    "exposure % 0 IS NULL AND 1.5 % 0 IS NULL": [0, 1, 2, 3, 4, 5],
    "-exposure_time > 1": [3],
    "exposure_time + NULL IS NULL": [0, 1, 2, 3, 4, 5],
    "(exposure - 100) * 2 + 1 = 7": [3],
    "100 - (exposure - 1) = 0": [1],
    "12 / (exposure - 97) * 2 = 8.0": [0],
    "12 / ((exposure - 97) * 2) = 2.0": [0],
    # text
    "target_name = 'ab'": [5],
    "target_name = 'AB'": [],
    "target_name > 'ab'": [3, 4],
    "GLOB(target_name, 'a*')": [1, 5],
    "GLOB(target_name, '?')": [3, 4],
    "GLOB(target_name, 'a[b]')": [1],
    "GLOB(target_name, 'z*')": [],
    "target_name LIKE 'a%'": [1, 5],
    "target_name LIKE 'Z_rr_'": [0],
    "target_name LIKE 'z%'": [],
    "target_name NOT LIKE 'a%'": [0, 3, 4],
    "obs_id LIKE 'E\\%'": [],
    # times: 0: [0, 10), 1: [10, 20), 2: none, 3: empty, 4: [15, oo), 5: (-oo, 5)
    "exposure.timespan IS NULL": [2],
    "exposure.timespan OVERLAPS (T'1970-01-01T00:00:00/tai', NULL)": [0, 1, 4, 5],
    "NOT (exposure.timespan OVERLAPS (T'1970-01-01T00:00:00/tai', NULL))": [3],
    "exposure.timespan.begin IS NULL": [2, 3, 5],
    "exposure.timespan.end IS NULL": [2, 3, 4],
    "exposure.timespan.begin = T'1970-01-01T00:00:00/tai'": [0],
    "T'1970-01-01T00:00:00/tai' IN exposure.timespan": [0, 5],
    "exposure.timespan < T'1980-01-01T00:00:00/tai'": [0, 1, 5],
    "day_obs.timespan OVERLAPS exposure.timespan": [0, 1],
    # relations
    "band = 'g'": [0, 3],
    "band IS NULL": [2, 5],
    "physical_filter = 'Cam-R'": [1, 4],
    "exposure.physical_filter = 'Cam-R'": [1, 4],
    "instrument.detector_max = 4": [0, 1, 2, 3, 4, 5],
    "visit = 3": [4],
    "visit.name = 'V1'": [0],
    "detector.full_name = 'S1'": [0, 1, 2, 3, 4, 5],
}


class ConditionTests:
    """What conditions mean."""

    @pytest.mark.parametrize("where", _CASES)
    def test_a_condition_selects(self, world: QueryWorld, where: str) -> None:
        assert _exposures(world, where) == _CASES[where]

    def test_bind_values(self, world: QueryWorld) -> None:
        assert _exposures(world, "exposure IN (:few)", {"few": [100, 105]}) == [0, 5]
        assert _exposures(world, "exposure_time < :x", {"x": 15}) == [1, 3]
        span = {"span": Timespan(12, 16)}
        assert _exposures(world, "exposure.timespan OVERLAPS :span", span) == [1, 4]
        assert _exposures(world, "exposure.timespan IN :span", {"span": Timespan(0, 20)}) == [0, 1, 3]
        assert _exposures(world, "exposure.timespan = :span", {"span": Timespan.empty()}) == [3]
        assert _exposures(world, "exposure.timespan != :span", {"span": Timespan.empty()}) == [0, 1, 4, 5]
        assert _exposures(world, "exposure.timespan OVERLAPS :span", {"span": Timespan.empty()}) == []

    def test_one_shape_serves_many_values(self, world: QueryWorld) -> None:
        for number in range(6):
            assert _exposures(world, "exposure = :n", {"n": 100 + number}) == [number]
            assert _exposures(world, "exposure IN (:n)", {"n": [100, 100 + number]}) == sorted({0, number})

    @pytest.mark.parametrize("count", [65, 3000])
    def test_thousands_of_conditions_may_be_joined(self, world: QueryWorld, count: int) -> None:
        others = [f"exposure = {number}" for number in range(1000, 1000 + count)]
        assert _exposures(world, " OR ".join([*others, "exposure = 102"])) == [2]
        assert _exposures(world, " AND ".join([f"NOT ({other})" for other in others])) == [0, 1, 2, 3, 4, 5]
        both = " OR ".join([f"({other} AND can_see_sky)" for other in [*others, "exposure = 103"]])
        assert _exposures(world, f"NOT ({both})") == [0, 1, 2, 4, 5]
        ranges = ", ".join(f"{start}..{start + 1}" for start in range(104, 104 + 3 * count, 3))
        assert _exposures(world, f"exposure IN ({ranges})") == [4, 5]

    def test_no_value_becomes_sql(self, world: QueryWorld) -> None:
        for text in ("' OR 1=1 --", '"; DROP TABLE dataset; --', "?", ":x", "%s"):
            assert _exposures(world, "target_name = :text", {"text": text}) == []
            assert _exposures(world, "target_name IN (:text)", {"text": [text, "ab"]}) == [5]

    def test_fields_of_datasets(self, world: QueryWorld) -> None:
        first = world.datasets[0]
        cases: dict[str, Callable[[Dataset], bool]] = {
            "run = 'r1'": lambda d: d.run == "r1",
            "calexp.run != 'r1'": lambda d: d.run != "r1",
            "collection = 'tag'": lambda d: d in world.tagged,
            "collection IN ('r2', 'tag')": lambda d: d in world.tagged or d.run == "r2",
            "uuid = :uuid": lambda d: d == first,
            "uuid IN (:uuids)": lambda d: d == first,
            "ingest_date > T'2020-01-01T00:00:00/tai'": lambda d: True,
            "calexp.ingest_date < T'2020-01-01T00:00:00/tai'": lambda d: False,
        }
        for where, expected in cases.items():
            bind = {"uuid": first.uuid, "uuids": [first.uuid, UUID(int=5)]}
            used = {name: value for name, value in bind.items() if where.rstrip(")").endswith(f":{name}")}
            found = world.find("calexp", ["tag", "r1", "r2"], find_first=False, where=where, bind=used)
            every = world.search("calexp", ["tag", "r1", "r2"], find_first=False)
            assert set(found) == {dataset for dataset in every if expected(dataset)}, where

    def test_columns_of_datastore_records(self, world: QueryWorld) -> None:
        r1 = [dataset for dataset in world.datasets if dataset.run == "r1"]
        calexps = [(d, 10 * n) for n, d in enumerate(r1) if d.dataset_type == "calexp"]
        found = world.find("calexp", ["r1", "r2"], find_first=False, where="size_bytes > 30")
        assert set(found) == {dataset for dataset, size in calexps if size > 30}
        found = world.find("calexp", "r1", order_by=("-calexp.size_bytes",))
        assert found == [dataset for dataset, size in reversed(calexps) if size] + [calexps[0][0]]

    def test_an_integer_that_overflows_is_an_error(self, world: QueryWorld) -> None:
        for where in (
            "exposure + 9223372036854775807 > 0",
            "exposure * 9223372036854775807 > 0",
            "-9223372036854775807 - exposure < 0",
        ):
            with pytest.raises(InvalidInputError):
                _exposures(world, where)

    @pytest.mark.parametrize(
        "where",
        [
            "exposure = 'x'",
            "target_name = 5",
            "exposure_time IN ('a')",
            "target_name IN (1)",
            "target_name + 1 = 2",
            "-target_name = 2",
            "exposure AND TRUE",
            "exposure.timespan > 5",
            "exposure.timespan <= exposure.timespan",
            "exposure.timespan OVERLAPS 5",
            "5 IN exposure.timespan",
            "can_see_sky > TRUE",
            "can_see_sky = 1",
            "GLOB(exposure, 'a')",
            "exposure.timespan IN (1, 2)",
            "target_name IN (1..5)",
            "exposure.timespan.begin = '2020-01-01'",
            "visit.region OVERLAPS CIRCLE(0, 0, 1)",
            "visit.region = 5",
        ],
    )
    def test_types_that_do_not_fit_are_errors(self, world: QueryWorld, where: str) -> None:
        with pytest.raises(QueryError):
            _exposures(world, where)


class NameTests:
    """What names stand for."""

    @pytest.mark.parametrize(
        "where",
        [
            "exposure = 101",
            "exposure.id = 101",
            "exposure.exposure = 101",
            "exposure.obs_id = 'E1'",
            "obs_id = 'E1'",
            "target_name = 'a[b]'",
            "exposure.day_obs = 20260101 AND exposure.physical_filter = 'Cam-R'",
            "exposure.instrument = 'Cam' AND instrument.name = 'Cam' AND obs_id = 'E1'",
            "timespan.begin > exposure.timespan.begin OR obs_id = 'E1'",
        ],
    )
    def test_columns_have_several_names(self, world: QueryWorld, where: str) -> None:
        assert _exposures(world, where) == [1]

    def test_an_unknown_name_shows_its_place_and_what_would_do(self, world: QueryWorld) -> None:
        text = "exposure = 101 AND\n  exposure.exposure_tim > 5"
        with pytest.raises(QueryError) as info:
            _exposures(world, text)
        assert info.value.details["position"] == text.index("exposure.exposure_tim")
        assert "exposure.exposure_time" in info.value.remedy
        assert "visit.exposure_time" in info.value.details["valid"]

    @pytest.mark.parametrize(
        "name", ["exposure.", "planet", "visit.timespan.middle", "band.name.x", "raw.run", "uuid"]
    )
    def test_unknown_names_are_errors(self, world: QueryWorld, name: str) -> None:
        with pytest.raises(ButlerError) as info:
            _exposures(world, f"{name} = 1")
        assert isinstance(info.value, InvalidInputError)

    @pytest.mark.parametrize(
        ("where", "place"),
        [
            ("exposure > 1 OR exposure = 'x'", "exposure = 'x'"),
            ("exposure IN (1, 2) AND exposure_time IN ('a', 1..3)", "exposure_time"),
            ("NOT (obs_id LIKE 'x%' OR obs_id > 5)", "obs_id > 5"),
            ("exposure BETWEEN 1 AND exposure AND visit.name BETWEEN visit AND 'x'", "visit.name"),
            ("exposure = :a OR\n\texposure = :b", "exposure = :b"),
        ],
    )
    def test_the_place_is_that_of_the_part_that_is_wrong(
        self, world: QueryWorld, where: str, place: str
    ) -> None:
        bind = {"a": 1, "b": "x"} if ":a" in where else {}
        with pytest.raises(QueryError) as caught:
            _exposures(world, where, bind)
        assert caught.value.details["text"] == where
        assert caught.value.details["position"] == where.index(place)

    def test_the_place_is_shown_of_what_has_no_text_of_its_own(self, world: QueryWorld) -> None:
        for term in ("exposure + obs_id", "obs_id_", "-(exposure * obs_id)"):
            with pytest.raises(QueryError) as caught:
                world.records("exposure", where="exposure > 1", data_id={"instrument": CAM}, order_by=(term,))
            assert caught.value.details["text"] == term.strip("-()")
            assert caught.value.details["position"] == 0

    def test_an_ambiguous_name_is_an_error(self, world: QueryWorld) -> None:
        with pytest.raises(QueryError) as info:
            world.data_ids(["exposure", "visit"], where="instrument = 'Cam' AND exposure_time > 1")
        assert sorted(info.value.details["valid"]) == ["exposure.exposure_time", "visit.exposure_time"]

    def test_the_element_that_is_asked_for_comes_first(self, world: QueryWorld) -> None:
        found = world.records(
            "visit", where="exposure_time > 1 AND exposure > 0", data_id={"instrument": CAM}
        )
        assert [record["visit"] for record in found] == [1, 2]


class GovernorTests:
    """A governor must be fixed where it matters."""

    @pytest.mark.parametrize(
        ("where", "count"),
        [
            ("instrument = 'Cam' AND detector = 0", 1),
            ("'Cam' = instrument AND detector = 0", 1),
            ("instrument IN ('Cam', 'Alt') AND detector = 0", 2),
            ("(instrument = 'Cam' AND detector = 0) OR (instrument = 'Alt' AND detector = 1)", 2),
            ("instrument = 'Cam' AND (detector = 0 OR is_science)", 2),
            ("NOT (instrument != 'Cam' OR detector > 0)", 1),
            ("instrument = 'Cam'", 4),
            ("instrument != 'Cam'", 2),
            ("instrument.detector_max = 4", 4),
        ],
    )
    def test_a_governor_that_is_fixed(self, world: QueryWorld, where: str, count: int) -> None:
        assert len(world.data_ids(["detector"], where=where)) == count

    @pytest.mark.parametrize(
        "where",
        [
            "detector = 0",
            "is_science",
            "instrument = 'Cam' OR detector = 0",
            "instrument != 'Cam' AND detector = 0",
            "(instrument = 'Cam' AND detector = 0) OR detector = 1",
            "instrument > 'A' AND detector = 0",
            "detector.full_name IS NULL",
        ],
    )
    def test_a_governor_that_is_not_fixed_is_an_error(self, world: QueryWorld, where: str) -> None:
        with pytest.raises(QueryError, match="instrument") as info:
            world.data_ids(["detector"], where=where)
        assert info.value.details["position"] is not None
        assert len(world.data_ids(["detector"], where=where, data_id={"instrument": ALT})) <= 2

    def test_the_place_is_that_of_the_branch_without_governor(self, world: QueryWorld) -> None:
        where = "(instrument = 'Cam' AND detector = 0) OR (detector = 1 AND detector = 2)"
        with pytest.raises(QueryError) as caught:
            world.data_ids(["detector"], where=where)
        assert caught.value.details["position"] == where.index("detector = 1")

    def test_what_no_governor_scopes_needs_none(self, world: QueryWorld) -> None:
        assert len(world.data_ids(["physical_filter"], where="band = 'g'")) == 2

    @pytest.mark.parametrize(
        ("where", "bands"),
        [
            ("exposure.target_name = 'Zorro'", ["g"]),
            ("exposure.target_name = 'a[b]'", []),
            ("exposure.target_name = 'Zorro' AND physical_filter IS NOT NULL", ["g"]),
            ("physical_filter = 'Cam-R'", []),
        ],
    )
    def test_what_records_imply_agrees_with_the_key_of_a_dataset(
        self, world: QueryWorld, where: str, bands: list[str]
    ) -> None:
        found = world.find("coadd", "r1", where=where, data_id={"instrument": CAM})
        band = world.required("coadd").index("band")
        assert [dataset.values[band] for dataset in found] == bands

    def test_what_records_imply_agrees_between_searches(self, world: QueryWorld) -> None:
        flats = DatasetSearch(dataset_type="flat", collections=("calib/run",), find_first=True)
        found = world.find("calexp", "r1", searches=(flats,), data_id={"instrument": CAM})
        visit = world.required("calexp").index("visit")
        assert {dataset.values[visit] for dataset in found} == {2}  # the others were not taken with Cam-G

    def test_data_ids_have_all_required_values(self, world: QueryWorld) -> None:
        where = "physical_filter IN ('Cam-G', 'Cam-Dark')"
        found = world.data_ids(("band", "detector"), where=where, data_id={"instrument": CAM, "detector": 0})
        assert [data_id["band"] for data_id in found] == ["g"]
