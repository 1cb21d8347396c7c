"""The conformance suite of calibrations: subclass `CalibrationConformance`, supply ``registry``, and inherit every test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from butler_core.contracts.registry import Registry
from butler_core.errors import AmbiguousLookupError, InvalidInputError, QueryError
from butler_core.models.batch import CertificationMerge, Decertification, RawBatch
from butler_core.models.overlap_policy import OverlapJoinPolicy
from butler_core.models.timespan import Timespan
from butler_core.testing.queries.calibration_world import (
    CAM,
    DETECTORS,
    EXPOSURES,
    SECOND,
    Calibration,
    CalibrationWorld,
    Span,
    Validity,
    timespan_of,
)
from butler_core.testing.registries.bridge import PlainBridge

TIMES: dict[str, Span | None] = {
    "before": (0, 5),
    "touching the begin": (5, 10),
    "first nanosecond": (10, 11),
    "inside": (12, 15),
    "all of it": (10, 20),
    "last second": (19, 20),
    "spanning two": (15, 25),
    "touching two": (20, 21),
    "gap": (32, 35),
    "from gap to end": (35, None),
    "open begin": (None, 12),
    "always": (None, None),
    "empty": (15, 15),
}
"""Times beside validities [10, 20), [20, 30) and [40, unbounded)."""
PATHS = ["c1", "r3 c1", "c1 r3", "tag c1", "c1 tag", "outer", "deep", "c2 c1", "calibs", "r3"]
"""Collections in search order."""
BIAS = {"instrument": CAM, "detector": 0}


class CalibrationConformance:
    """What calibrations mean on every registry.  All tests share one, and certify in it what they need."""

    @pytest.fixture(scope="class")
    @classmethod
    def bridge(cls) -> PlainBridge:
        """The bridge that the registry is made with."""
        return PlainBridge()

    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, bridge: PlainBridge) -> Any:
        """Return an empty, writeable registry, made with `butler_core.testing.universe.testing_universe` and ``bridge``."""
        raise NotImplementedError("Supply a fixture 'registry'.")

    @pytest.fixture(scope="class")
    @classmethod
    def populated(cls, registry: Registry, bridge: PlainBridge) -> CalibrationWorld:
        """The registry, populated, with nothing certified yet."""
        world = CalibrationWorld(registry, bridge)
        world.populate()
        return world

    @pytest.fixture
    def world(self, populated: CalibrationWorld) -> CalibrationWorld:
        """Certify biases for detectors 0 and 1: those of r1, r2 and r1 again, with a gap; for 0 one of r2 in c2."""
        populated.certify(
            *(
                Validity("c1", populated.bias(run, detector), span)
                for run, span in (("r1", (10, 20)), ("r2", (20, 30)), ("r1", (40, None)))
                for detector in (0, 1)
            ),
            Validity("c2", populated.bias("r2", 0), (18, 22)),
        )
        return populated

    # -- the lookup matrix

    @pytest.mark.parametrize("find_first", [True, False])
    @pytest.mark.parametrize("path", PATHS)
    @pytest.mark.parametrize("time", [*TIMES, None])
    def test_what_is_valid_is_found(
        self, world: CalibrationWorld, time: str | None, path: str, find_first: bool
    ) -> None:
        """By full data ID, and for all data IDs at once."""
        span = None if time is None else TIMES[time]
        search = {} if span is None else {"timespan": timespan_of(span)}
        for data_id, detectors in ((BIAS, (0,)), ({"instrument": CAM}, DETECTORS)):
            found = [
                world.matches(
                    "bias", path.split(), (CAM, n), span, find_first=find_first, has_time=time is not None
                )
                for n in detectors
            ]
            groups = [{match.dataset for match in matches} for matches in found]

            def ask(data_id: dict[str, Any] = data_id) -> list[Calibration]:
                return world.find(
                    "bias", path.split(), find_first=find_first, data_id=data_id, search=search, page_size=1
                )

            if find_first and any(len(group) > 1 for group in groups):
                with pytest.raises(AmbiguousLookupError):
                    ask()
            else:
                assert sorted(ask()) == sorted(set().union(*groups))

    @pytest.mark.parametrize("exposure", EXPOSURES)
    @pytest.mark.parametrize("path", ["c1", "r3 c1", "c1 r3", "outer"])
    def test_an_exposure_gives_the_time(self, world: CalibrationWorld, exposure: int, path: str) -> None:
        """By its data ID, by a condition, and for a look-up: always the same."""
        matches = world.matches("bias", path.split(), (CAM, 0), EXPOSURES[exposure], find_first=True)
        found = {match.dataset for match in matches}
        asks: list[Callable[[], list[Calibration]]] = [
            lambda: world.find("bias", path.split(), data_id={**BIAS, "exposure": exposure}),
            lambda: world.find("bias", path.split(), data_id=BIAS, where=f"exposure = {exposure}"),
            lambda: world.find(
                "bias",
                path.split(),
                data_id=BIAS,
                search={"time_of": (("instrument", CAM), ("exposure", exposure))},
            ),
        ]
        for ask in asks:
            if len(found) > 1:
                with pytest.raises(AmbiguousLookupError, match="exposure"):
                    ask()
            else:
                assert ask() == list(found)

    # -- what is ambiguous

    def test_an_ambiguous_search_lists_the_candidates(self, world: CalibrationWorld) -> None:
        for data_id, search in (
            (BIAS, {"time_of": (("instrument", CAM), ("exposure", 2))}),
            ({**BIAS, "exposure": 2}, {}),
        ):
            with pytest.raises(AmbiguousLookupError, match="'c1'") as caught:
                world.find("bias", "c1", data_id=data_id, search=search)
            details = caught.value.details
            assert details["candidates"] == [
                {"uuid": str(world.bias(run, 0).uuid), "timespan": timespan_of(span).to_raw()}
                for run, span in (("r1", (10, 20)), ("r2", (20, 30)))
            ]
            assert details["collection"] == "c1"
            assert details["data_id"] == BIAS
            assert details["time"] == {"instrument": CAM, "exposure": 2}
            assert caught.value.remedy

    def test_one_dataset_twice_is_not_ambiguous(self, world: CalibrationWorld) -> None:
        bias = world.bias("r1", 1)
        world.certify(Validity("c1", bias, (0, 12)), Validity("c1", bias, (12, 30)))
        for data_id in (
            {"instrument": CAM, "detector": 1},
            {"instrument": CAM, "detector": 1, "exposure": 2},
        ):
            for page_size in (1, 10):
                assert world.find("bias", "c1", data_id=data_id, page_size=page_size) == [bias]

    def test_pages_before_what_is_ambiguous_are_answered(self, world: CalibrationWorld) -> None:
        world.certify(
            Validity("c1", world.bias("r1", 0), (None, None)),
            Validity("c1", world.bias("r1", 1), (0, 10)),
            Validity("c1", world.bias("r2", 1), (10, 20)),
        )
        query = world.query("bias", "c1")
        page = world.registry.execute(query, page_size=1)
        assert len(page.rows) == 1
        with pytest.raises(AmbiguousLookupError):
            world.registry.execute(query, page=page.next_page, page_size=1)
        for answer in ("count", "uuids"):
            with pytest.raises(AmbiguousLookupError):
                world.rows(query.model_copy(update={"answer": answer}))
        assert world.rows(query.model_copy(update={"answer": "any"})) == [(True,)]

    @pytest.mark.parametrize("page_size", [1, 10])
    def test_a_row_of_which_one_detector_is_ambiguous_is_so_on_any_page(
        self, world: CalibrationWorld, page_size: int
    ) -> None:
        query = world.query(
            "bias", ["c2", "c1"], kind="data_ids", dimensions=("exposure",), where="bias.run != 'r9'"
        )
        world.certify(
            Validity("c1", world.bias("r1", 0), (None, None)),
            Validity("c1", world.bias("r1", 1), (10, 20)),
            Validity("c1", world.bias("r2", 1), (20, 30)),
        )
        with pytest.raises(AmbiguousLookupError, match="exposure"):
            world.rows(query, page_size)

    def test_no_row_without_columns_comes_of_nothing(self, world: CalibrationWorld) -> None:
        """Not of what could be ambiguous either."""
        query = world.query("bias", "c1", kind="rows", where="bias.run = 'r9'")
        assert world.rows(query.model_copy(update={"dimensions": ()})) == []

    def test_conditions_on_data_ids_leave_out_what_is_ambiguous(self, world: CalibrationWorld) -> None:
        found = world.find("bias", "c1", where="detector = 0 AND exposure IN (3, 9)")
        assert {dataset.run for dataset in found} == {"r1", "r2"}

    def test_conditions_on_datasets_tell_them_apart(self, world: CalibrationWorld) -> None:
        for where in ("bias.run = 'r2'", "bias.timespan.begin = T'1970-01-01T00:00:20/tai'"):
            found = world.find("bias", "c1", data_id=BIAS, where=where)
            assert found == [world.bias("r2", 0)]
        found = world.find("bias", "c1", data_id=BIAS, uuids=frozenset({world.bias("r1", 0).uuid}))
        assert found == [world.bias("r1", 0)]
        with pytest.raises(AmbiguousLookupError):
            world.find("bias", "c1", data_id=BIAS, where="bias.run != 'r3'")

    def test_a_mere_constraint_chooses_nothing(self, world: CalibrationWorld) -> None:
        query = world.query(
            "bias", "c1", kind="data_ids", dimensions=("exposure", "detector"), where="detector < 2"
        )
        exposures = {
            n
            for n, span in EXPOSURES.items()
            if world.matches("bias", ["c1"], (CAM, 0), span, find_first=True)
        }
        assert len(world.rows(query)) == 2 * len(exposures)
        with pytest.raises(AmbiguousLookupError, match="exposure"):
            world.rows(
                world.query(
                    "bias",
                    "c1",
                    kind="data_ids",
                    dimensions=("exposure", "detector"),
                    where="bias.run != 'r9'",
                )
            )

    # -- how the time is joined

    @pytest.mark.parametrize(
        "policy", [OverlapJoinPolicy.FINE, "exposure", OverlapJoinPolicy.COARSE, "day_obs"]
    )
    def test_the_finest_or_the_coarsest_element_gives_the_time(
        self, world: CalibrationWorld, policy: Any
    ) -> None:
        """Exposure 3, at 40 s, belongs to a day that begins at 0 s and ends at 30 s."""
        query = world.query(
            "bias", "c1", data_id={**BIAS, "exposure": 3}, search={"temporal_join": policy}, find_first=False
        )
        runs = [row[1] for row in world.rows(query)]
        assert sorted(runs) == (["r1"] if policy in (OverlapJoinPolicy.FINE, "exposure") else ["r1", "r2"])

    def test_no_join_finds_all_that_was_ever_valid(self, world: CalibrationWorld) -> None:
        search = {"temporal_join": OverlapJoinPolicy.CARTESIAN}
        fields: dict[str, Any] = {"data_id": {**BIAS, "exposure": 3}, "search": search}
        assert len(world.find("bias", "c1", find_first=False, **fields)) == 2
        with pytest.raises(AmbiguousLookupError):
            world.find("bias", "c1", **fields)

    def test_a_join_must_be_given_where_that_is_asked_for(self, world: CalibrationWorld) -> None:
        search = {"temporal_join": OverlapJoinPolicy.REQUIRE_MANUAL}
        with pytest.raises(InvalidInputError, match="exposure"):
            world.find("bias", "c1", data_id={**BIAS, "exposure": 3}, search=search)
        assert world.find("bias", "r1", data_id={**BIAS, "exposure": 3}, search=search) == [
            world.bias("r1", 0)
        ]
        assert len(world.find("bias", "c1", data_id=BIAS, search=search, find_first=False)) == 2

    def test_an_element_without_time_cannot_be_joined(self, world: CalibrationWorld) -> None:
        for name in ("detector", "visit"):
            with pytest.raises(InvalidInputError, match=f"{name}.*exposure"):
                world.find("bias", "c1", data_id={**BIAS, "exposure": 3}, search={"temporal_join": name})
        with pytest.raises(InvalidInputError, match="no time"):
            world.find("bias", "c1", data_id=BIAS, search={"time_of": (("instrument", CAM),)})

    def test_a_description_keeps_its_policy(self, world: CalibrationWorld) -> None:
        for policy in ("exposure", OverlapJoinPolicy.COARSE):
            query = world.query("bias", "c1", search={"temporal_join": policy, "timespan": Timespan(0, None)})
            assert type(query).model_validate_json(query.model_dump_json()) == query

    # -- what can be said of validity

    def test_validity_can_be_asked_about(self, world: CalibrationWorld) -> None:
        for where, runs in (
            ("T'1970-01-01T00:00:25/tai' IN bias.timespan", {"r2"}),
            ("bias.timespan OVERLAPS (T'1970-01-01T00:00:30/tai', NULL)", {"r1"}),
            ("bias.timespan.end IS NULL", {"r1"}),
            ("bias.timespan.begin < T'1970-01-01T00:00:15/tai' AND bias.collection = 'c1'", {"r1"}),
        ):
            found = world.find("bias", "c1", find_first=False, where=f"{where} AND detector = 0")
            assert {dataset.run for dataset in found} == runs, where

    def test_runs_and_tags_are_valid_at_all_times(self, world: CalibrationWorld) -> None:
        for collections in ("r3", "tag", ["tag", "c1"], ["r3", "c1"]):
            for where in (
                "bias.timespan.begin IS NULL AND bias.timespan.end IS NULL",
                "bias.timespan OVERLAPS (T'1970-01-01T00:00:33/tai', T'1970-01-01T00:00:34/tai')",
            ):
                assert world.find("bias", collections, data_id=BIAS, where=where) == [world.bias("r3", 0)]

    @pytest.mark.parametrize("page_size", [1, 2, 10])
    def test_rows_are_sorted_by_the_first_validity_of_each(
        self, world: CalibrationWorld, page_size: int
    ) -> None:
        first, second = world.bias("r1", 0), world.bias("r2", 0)
        fields: dict[str, Any] = {"data_id": BIAS, "find_first": False, "page_size": page_size}
        for order_by, expected in (
            ("bias.timespan.begin", [first, second]),
            ("-bias.timespan.begin", [first, second]),
            ("bias.timespan.end", [first, second]),
            ("-bias.run", [second, first]),
        ):
            assert world.find("bias", "c1", order_by=order_by, **fields) == expected, order_by

    def test_other_types_have_no_validity(self, world: CalibrationWorld) -> None:
        with pytest.raises(QueryError, match="timespam") as caught:
            world.find("bias", "c1", where="bias.timespam IS NULL", data_id=BIAS)
        assert "bias.timespan.begin" in caught.value.details["valid"]

    # -- edits

    def test_what_was_decertified_is_not_found(self, world: CalibrationWorld) -> None:
        def found(time: int) -> list[str]:
            search = {"timespan": Timespan.from_instant(time * SECOND)}
            return [dataset.run for dataset in world.find("bias", "c1", data_id=BIAS, search=search)]

        batch = RawBatch()
        batch.collection_edits.append(
            Decertification(collection="c1", dataset_type="bias", timespan=(12 * SECOND, 22 * SECOND))
        )
        world.registry.apply_batch(batch)
        assert [found(time) for time in (11, 12, 21, 22, 39, 40)] == [["r1"], [], [], ["r2"], [], ["r1"]]
        batch = RawBatch()
        batch.collection_edits.append(CertificationMerge(output="c1", inputs=("c2",)))
        world.registry.apply_batch(batch)
        assert [found(time) for time in (11, 17, 18, 21, 22)] == [["r1"], [], ["r2"], ["r2"], ["r2"]]

    def test_an_implied_dimension_is_joined(self, world: CalibrationWorld) -> None:
        """A flat is of one filter, which the exposure has."""
        flats = [world.flat(run, 0, name) for run in ("r1", "r2") for name in ("g", "r")]
        world.certify(*(Validity("c1", flat, (0, 10) if flat.run == "r1" else (10, None)) for flat in flats))
        data_id = {"instrument": CAM, "detector": 0, "exposure": 1}
        assert world.find("flat", "c1", data_id=data_id) == [world.flat("r2", 0, "r")]
        query = world.query(
            "flat",
            "c1",
            kind="data_ids",
            dimensions=("exposure",),
            where="flat.run = 'r1' AND exposure IN (0, 1, 9)",
        )
        assert [row[:2] for row in world.rows(query)] == [(CAM, 0)]

    def test_exposure_and_visit_agree_whichever_of_them_gives_the_time(self, world: CalibrationWorld) -> None:
        world.certify(Validity("c1", world.bias("r1", 0), (None, None)))
        for policy in ("exposure", OverlapJoinPolicy.CARTESIAN):
            query = world.query(
                "bias",
                "c1",
                kind="data_ids",
                dimensions=("exposure", "visit"),
                search={"temporal_join": policy},
            )
            assert [row[:3] for row in world.rows(query)] == [(CAM, 0, 0)]

    def test_records_of_exposures_agree_with_the_visit_that_is_fixed(self, world: CalibrationWorld) -> None:
        for visit, exposures in ((0, [0]), (1, [])):
            query = world.query(
                "bias",
                "c1",
                kind="records",
                dimensions=("exposure",),
                element="exposure",
                data_id={"instrument": CAM, "visit": visit},
            ).model_copy(update={"searches": ()})
            assert [row[1] for row in world.rows(query)] == exposures
