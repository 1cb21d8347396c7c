"""The conformance suite of joins by region and timespan: subclass both classes, supply ``registry``, and inherit every test."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from butler_core.contracts.registry import Registry
from butler_core.errors import InvalidInputError, QueryError
from butler_core.expressions.query import DatasetSearch
from butler_core.models.batch import DimensionDataSync, RawBatch
from butler_core.models.collection import SetInsertMode
from butler_core.models.overlap_policy import OverlapJoinPolicy
from butler_core.models.record import record_shape
from butler_core.testing.plane import Box, PlaneGeometry, installed_plane
from butler_core.testing.queries.overlap_world import (
    CAM,
    DATASET_TYPES,
    DETECTORS,
    PATCHES,
    SKY,
    TRACTS,
    VISITS,
    OverlapWorld,
)
from butler_core.testing.registries.bridge import PlainBridge

_FULL = ("visit", "detector", "patch")
_FIXED = {"instrument": CAM, "skymap": SKY}


class _Base:
    """The fixtures of both suites."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def geometry(cls) -> Iterator[None]:
        """The plane, known by its name."""
        with installed_plane():
            yield

    @pytest.fixture(scope="class")
    @classmethod
    def bridge(cls) -> PlainBridge:
        """The bridge that the registry is made with."""
        return PlainBridge()

    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, bridge: PlainBridge) -> Any:
        """Return an empty, writeable registry, made with ``bridge`` and the universe of `overlap_world.plane_universe`."""
        raise NotImplementedError("Supply a fixture 'registry'.")

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, registry: Registry, bridge: PlainBridge) -> OverlapWorld:
        """The registry, populated."""
        world = OverlapWorld(registry, bridge)
        world.populate()
        return world


class OverlapConformance(_Base):
    """What joins by region and timespan find.  All tests share one registry, and leave it as it was."""

    # -- elements

    def _full(self, world: OverlapWorld, dimensions: tuple[str, ...], pairs: set[Any]) -> list[Any]:
        return sorted(world.full(dimensions, pair) for pair in pairs)

    def test_the_finest_elements_are_joined(self, world: OverlapWorld) -> None:
        pairs = world.pairs("visit_detector_region", "patch")
        assert len(pairs) > 20
        assert sorted(world.keys(_FULL)) == self._full(world, _FULL, pairs)

    def test_what_is_there_of_the_finest_decides(self, world: OverlapWorld) -> None:
        for dimensions in (("visit", "tract"), ("visit", "patch")):
            pairs = world.pairs(*dimensions)
            assert sorted(world.keys(dimensions)) == self._full(world, dimensions, pairs)

    def test_the_coarsest_elements_are_joined(self, world: OverlapWorld) -> None:
        found = world.keys(_FULL, overlap_policy=OverlapJoinPolicy.COARSE)
        pairs = world.pairs("visit", "tract")
        want = {(v, d, t, p) for (v, t), d, p in product(pairs, DETECTORS, PATCHES)}
        assert sorted(found) == self._full(world, _FULL, want)

    def test_a_join_may_have_to_be_spelt_out(self, world: OverlapWorld) -> None:
        policy = OverlapJoinPolicy.REQUIRE_MANUAL
        with pytest.raises(InvalidInputError, match=r"visit_detector_region and patch.*spatial"):
            world.keys(_FULL, overlap_policy=policy)
        found = world.keys(_FULL, overlap_policy=policy, spatial_joins=(("tract", "visit"),))
        pairs = world.pairs("visit", "tract")
        want = {(v, d, t, p) for (v, t), d, p in product(pairs, DETECTORS, PATCHES)}
        assert sorted(found) == self._full(world, _FULL, want)

    def test_the_policy_may_be_every_combination(self, world: OverlapWorld) -> None:
        found = world.keys(("visit", "tract"), overlap_policy=OverlapJoinPolicy.CARTESIAN)
        assert sorted(found) == self._full(world, ("visit", "tract"), set(product(VISITS, TRACTS)))

    def test_several_joins_hold_all(self, world: OverlapWorld) -> None:
        joins = (("visit", "tract"), ("visit_detector_region", "patch"))
        coarse = world.pairs("visit", "tract")
        fine = {
            pair for pair in world.pairs("visit_detector_region", "patch") if (pair[0], pair[2]) in coarse
        }
        assert sorted(world.keys(_FULL, spatial_joins=joins)) == self._full(world, _FULL, fine)

    @pytest.mark.parametrize(
        ("pair", "problem"),
        [
            (("visit", "detector"), "has no regions"),
            (("visit", "nothing"), "nothing"),
            (("visit", "visit_detector_region"), "one family"),
            (("visit", "quad5"), "has not all"),
        ],
    )
    def test_a_mistaken_join_is_refused(
        self, world: OverlapWorld, pair: tuple[str, str], problem: str
    ) -> None:
        with pytest.raises(InvalidInputError, match=problem):
            world.keys(_FULL, spatial_joins=(pair,))

    def test_pixels_alone_find_too_much(self, world: OverlapWorld) -> None:
        exact, rough = (set(world.keys(_FULL, exact=is_exact)) for is_exact in (True, False))
        assert exact < rough
        query = world.query(kind="data_ids", dimensions=world.universe.conform(_FULL).names, exact=False)
        assert world.count(query) == len(rough)

    # -- pages, counts, order

    @pytest.mark.parametrize("page_size", [1, 7])
    def test_pages_have_every_pair_once(self, world: OverlapWorld, page_size: int) -> None:
        whole = world.keys(_FULL)
        assert len(set(whole)) == len(whole)
        assert world.keys(_FULL, page_size) == whole

    def test_slices_and_counts_are_of_what_overlaps(self, world: OverlapWorld) -> None:
        whole = world.keys(_FULL)
        assert world.keys(_FULL, 2, offset=3, limit=5) == whole[3:8]
        query = world.query(kind="data_ids", dimensions=world.universe.conform(_FULL).names)
        assert world.count(query) == len(whole)
        assert world.count(query.model_copy(update={"offset": 3, "limit": 5})) == 5

    def test_rows_can_be_in_any_order(self, world: OverlapWorld) -> None:
        names = world.universe.conform(_FULL).required
        found = world.keys(_FULL, 4, order_by=("-visit.exposure_time", "patch"))
        assert sorted(found) == sorted(world.keys(_FULL))
        keys = [(-(row[names.index("visit")] % 3), row[names.index("patch")]) for row in found]
        assert keys == sorted(keys)

    def test_records_are_found_by_overlap(self, world: OverlapWorld) -> None:
        for visit, detector in world.regions["visit_detector_region"]:
            found = world.records("patch", data_id={**_FIXED, "visit": visit, "detector": detector})
            keys = [(row["tract"], row["patch"]) for row in found]
            pairs = world.pairs("visit_detector_region", "patch")
            assert keys == sorted(pair[2:] for pair in pairs if pair[:2] == (visit, detector))

    # -- datasets

    def test_datasets_are_found_by_a_region_that_is_fixed(self, world: OverlapWorld) -> None:
        pairs = world.pairs("visit_detector_region", "patch")
        some = 0
        for tract, patch in world.regions["patch"]:
            found = world.found("calexp", "r1", data_id={**_FIXED, "tract": tract, "patch": patch})
            want = [
                ("r1", world.full(("visit", "detector"), key))
                for key in world.contents["calexp", "r1"]
                if (*key, tract, patch) in pairs
            ]
            assert sorted(found) == sorted(want)
            some += len(want)
        assert some

    def test_datasets_come_once_however_much_overlaps_them(self, world: OverlapWorld) -> None:
        found = world.found("calexp", "r1", where=f"instrument = '{CAM}' AND skymap = '{SKY}' AND patch < 3")
        seen = {pair[:2] for pair in world.pairs("visit_detector_region", "patch") if pair[3] < 3}
        want = [
            world.full(("visit", "detector"), key) for key in world.contents["calexp", "r1"] if key in seen
        ]
        assert sorted(key for _, key in found) == sorted(want)

    def test_the_first_collection_wins_among_what_overlaps(self, world: OverlapWorld) -> None:
        seen = {pair[:2] for pair in world.pairs("visit_detector_region", "tract") if pair[2] == 0}
        first: dict[Any, str] = {}
        for run in ("r2", "r1"):
            for key in world.contents["calexp", run]:
                first.setdefault(key, run)
        want = sorted(
            (run, world.full(("visit", "detector"), key)) for key, run in first.items() if key in seen
        )
        assert {run for run, _ in want} == {"r1", "r2"}
        assert sorted(world.found("calexp", "r2", "r1", data_id={**_FIXED, "tract": 0})) == want

    def test_datasets_relate_their_dimensions_themselves(self, world: OverlapWorld) -> None:
        found = world.found("warp", "r1")
        assert sorted(key for _, key in found) == sorted(
            world.full(("visit", "patch"), key) for key in world.contents["warp", "r1"]
        )
        search = DatasetSearch(dataset_type="warp", collections=("r1",))
        assert sorted(world.keys(("visit", "patch"), searches=(search,))) == sorted(key for _, key in found)
        spelt = world.found("warp", "r1", spatial_joins=(("visit", "patch"),))
        pairs = world.pairs("visit", "patch")
        assert len(spelt) == sum(key in pairs for key in world.contents["warp", "r1"])

    def test_datasets_of_each_side_are_joined(self, world: OverlapWorld) -> None:
        searches = [DatasetSearch(dataset_type=name, collections=("r1",)) for name in ("calexp", "coadd")]
        found = world.keys(_FULL, searches=tuple(searches))
        pairs = world.pairs("visit_detector_region", "patch")
        want = {pair for pair in pairs if pair[:2] in world.contents["calexp", "r1"]}
        assert sorted(found) == self._full(world, _FULL, want)

    # -- pixels

    @pytest.mark.parametrize("skypix", ["quad5", "quad7", "quad2", "shifted4"])
    def test_data_ids_of_pixels_are_those_that_overlap(self, world: OverlapWorld, skypix: str) -> None:
        for element in ("visit", "patch"):
            dimensions = (element, skypix)
            found = world.keys(dimensions, 50)
            assert sorted(found) == self._full(world, dimensions, world.pairs(element, skypix))

    @pytest.mark.parametrize("name", ["refcat", "fine", "coarse", "other"])
    def test_datasets_of_pixels_are_found_by_region(self, world: OverlapWorld, name: str) -> None:
        geometry, some = PlaneGeometry(), 0
        (skypix,) = DATASET_TYPES[name]
        for (visit,), box in world.regions["visit"].items():
            found = [key[0] for _, key in world.found(name, data_id={"instrument": CAM, "visit": visit})]
            want = [
                pixel
                for (pixel,) in world.contents[name, "r1"]
                if box is not None and geometry.pixel(skypix, pixel).overlaps(box)
            ]
            assert found == want
            some += len(want)
        assert some

    def test_two_levels_and_two_systems_are_compared_by_their_pixels(self, world: OverlapWorld) -> None:
        searches = [DatasetSearch(dataset_type=name, collections=("r1",)) for name in ("refcat", "other")]
        found = world.keys(("quad5", "shifted4"), searches=tuple(searches))
        pairs = world.pairs("quad5", "shifted4")
        want = {pair for pair in pairs if (pair[0],) in world.contents["refcat", "r1"]}
        assert set(found) == want
        assert len(found) == len(want)

    def test_pixels_that_nobody_lists_are_no_answer(self, world: OverlapWorld) -> None:
        for dimensions in (("quad5",), ("quad5", "shifted4"), ("quad7", "detector")):
            with pytest.raises(InvalidInputError, match="which pixels"):
                world.keys(dimensions)

    def test_a_number_that_is_no_pixel_lies_nowhere(self, world: OverlapWorld) -> None:
        where = "NOT (quad5.region OVERLAPS POINT(1, 1))"
        found = {key for _, key in world.found("refcat", where=where)}
        geometry = PlaneGeometry()
        point = Box(1, 1, 1, 1)
        assert found == {
            key
            for key in world.contents["refcat", "r1"]
            if not geometry.pixel("quad5", key[0]).overlaps(point)
        }

    # -- times

    def test_timespans_join_what_nothing_else_relates(self, world: OverlapWorld) -> None:
        found = world.keys(("visit", "epoch"), overlap_policy=OverlapJoinPolicy.FINE)
        assert sorted(found) == self._full(world, ("visit", "epoch"), _temporal_pairs(world))
        with pytest.raises(InvalidInputError, match="temporal"):
            world.keys(("visit", "epoch"), overlap_policy=OverlapJoinPolicy.REQUIRE_MANUAL)
        spelt = world.keys(
            ("visit", "epoch"),
            overlap_policy=OverlapJoinPolicy.REQUIRE_MANUAL,
            temporal_joins=(("epoch", "visit"),),
        )
        assert sorted(spelt) == sorted(found)

    def test_a_condition_on_timespans_takes_the_place_of_a_join(self, world: OverlapWorld) -> None:
        found = world.keys(
            ("visit", "epoch"),
            where="visit.timespan OVERLAPS epoch.timespan",
            overlap_policy=OverlapJoinPolicy.REQUIRE_MANUAL,
            data_id=_FIXED,
        )
        assert sorted(found) == self._full(world, ("visit", "epoch"), _temporal_pairs(world))

    # -- conditions

    def test_a_condition_on_regions_takes_the_place_of_a_join(self, world: OverlapWorld) -> None:
        found = world.keys(
            _FULL,
            where="visit.region OVERLAPS patch.region",
            overlap_policy=OverlapJoinPolicy.REQUIRE_MANUAL,
        )
        want = {(v, d, t, p) for v, t, p in world.pairs("visit", "patch") for d in DETECTORS}
        assert sorted(found) == self._full(world, _FULL, want)

    @pytest.mark.parametrize("seed", range(40))
    def test_conditions_on_regions_are_exact_in_any_combination(self, world: OverlapWorld, seed: int) -> None:
        text, bind, truth = _random_condition(random.Random(seed), depth=3)
        group = world.universe.conform(("visit", "detector", "patch"))
        found = world.keys(
            _FULL, where=text, bind=bind, overlap_policy=OverlapJoinPolicy.CARTESIAN, data_id=_FIXED
        )
        rows = product(VISITS, DETECTORS, TRACTS, PATCHES)
        want = [
            world.full(group.names, (v, d, t, p))
            for v, d, t, p in rows
            if truth(world, {"visit": v, "detector": d, "tract": t, "patch": p}) is True
        ]
        assert sorted(found) == sorted(want), text

    @pytest.mark.parametrize(
        "where",
        [
            "visit.region OVERLAPS visit.timespan",
            "visit.region = patch.region",
            "visit.region < visit.region",
            "visit.region OVERLAPS 5",
            "visit.region",
            "visit.region IN (1)",
        ],
    )
    def test_what_makes_no_sense_is_refused(self, world: OverlapWorld, where: str) -> None:
        with pytest.raises(QueryError):
            world.keys(("visit", "patch"), where=where, data_id=_FIXED)

    def test_a_shape_that_is_none_is_refused(self, world: OverlapWorld) -> None:
        with pytest.raises(InvalidInputError, match="CIRCLE"):
            world.keys(("visit",), where="visit.region OVERLAPS CIRCLE(1, 2, 3)")


def _temporal_pairs(world: OverlapWorld) -> set[Any]:
    spans = world.times
    return {
        (v, e)
        for v, e in product(spans["visit"], spans["epoch"])
        if (a := spans["visit"][v]) is not None
        and (b := spans["epoch"][e]) is not None
        and max(a[0], b[0]) < min(a[1], b[1])
    }


_ELEMENTS = {
    "visit": ("visit",),
    "visit_detector_region": ("visit", "detector"),
    "tract": ("tract",),
    "patch": ("tract", "patch"),
}


def _random_condition(source: random.Random, depth: int) -> tuple[str, dict[str, Any], Any]:
    """Return a condition on regions, its bind values, and a function that says what it is: True, False or None."""
    kind = source.choice(["test", "and", "or", "not"]) if depth else "test"
    if kind == "test":
        return _random_test(source)
    parts = [_random_condition(source, depth - 1) for _ in range(1 if kind == "not" else 2)]
    bind = {name: value for _, values, _ in parts for name, value in values.items()}
    if kind == "not":
        text, _, truth = parts[0]
        return f"NOT ({text})", bind, lambda world, row: None if (t := truth(world, row)) is None else not t
    weakest = kind == "and"

    def combine(world: OverlapWorld, row: dict[str, int]) -> bool | None:
        found = [truth(world, row) for _, _, truth in parts]
        decisive = not weakest
        return decisive if decisive in found else None if None in found else not decisive

    return f" {kind.upper()} ".join(f"({text})" for text, _, _ in parts), bind, combine


def _random_test(source: random.Random) -> tuple[str, dict[str, Any], Any]:
    element = source.choice(list(_ELEMENTS))

    def region(world: OverlapWorld, row: dict[str, int], of: str = element) -> Box | None:
        return world.box_of(of, tuple(row[name] for name in _ELEMENTS[of]))

    x, y, size = source.randrange(50), source.randrange(50), source.randrange(1, 30)
    box = Box(x, y, x + size, y + size)
    shape = source.choice(["literal", "bind", "element", "null"])
    if shape == "null":
        return f"{element}.region IS NULL", {}, lambda world, row: region(world, row) is None
    if shape == "element":
        other = source.choice([name for name in _ELEMENTS if name != element])
        text = f"{element}.region OVERLAPS {other}.region"
        return text, {}, lambda world, row: _truth(region(world, row), region(world, row, other))
    name = f"b{source.randrange(10**9)}"
    text = f":{name}" if shape == "bind" else f"BOX({x + size / 2}, {y + size / 2}, {size}, {size})"
    bind = {name: box} if shape == "bind" else {}
    return f"{element}.region OVERLAPS {text}", bind, lambda world, row: _truth(region(world, row), box)


def _truth(first: Box | None, second: Box | None) -> bool | None:
    return None if first is None or second is None else first.overlaps(second)


class OverlapUpkeepConformance(_Base):
    """Pixels follow the regions that they are of.  Each test changes another patch of one registry."""

    def _sync(self, world: OverlapWorld, *rows: tuple[tuple[int, int], bytes | None]) -> None:
        shape = record_shape(world.universe, "patch")
        records = [
            shape.make({"skymap": SKY, "tract": tract, "id": patch, "region": data}).to_raw()
            for (tract, patch), data in rows
        ]
        batch = RawBatch()
        batch.dimension_syncs["patch"] = DimensionDataSync(element="patch", records=records, update=True)
        world.registry.apply_batch(batch)

    def _check(self, world: OverlapWorld, key: tuple[int, int], box: Box | None) -> None:
        """Compare what overlaps a patch with what is right, by both ways to ask."""
        world.regions["patch"][key] = box
        tract, patch = key
        data_id = {**_FIXED, "tract": tract, "patch": patch}
        want = sorted(pair[0] for pair in world.pairs("visit", "patch") if pair[1:] == key)
        names = world.universe.conform(("visit", "patch")).required
        found = world.keys(("visit", "patch"), data_id=data_id)
        assert sorted(row[names.index("visit")] for row in found) == want
        geometry = PlaneGeometry()
        pixels = world.keys(
            ("patch", "quad5"), data_id={k: v for k, v in data_id.items() if k != "instrument"}
        )
        pixel = world.universe.conform(("patch", "quad5")).required.index("quad5")
        covered = [p for p in range(1024) if box is not None and geometry.pixel("quad5", p).overlaps(box)]
        assert sorted(row[pixel] for row in pixels) == covered
        # Nothing is left of an earlier region either, which the exact comparison would hide.
        sky = {name: value for name, value in data_id.items() if name != "instrument"}
        rough = world.keys(("patch", "quad5"), data_id=sky, exact=False)
        ranges = [] if box is None else geometry.envelope(box, "quad5")
        assert sorted(row[pixel] for row in rough) == [p for begin, end in ranges for p in range(begin, end)]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (Box(10, 10, 12, 12), Box(0, 0, 60, 60)),
            (Box(0, 0, 60, 60), Box(30, 30, 31, 31)),
            (Box(0, 0, 60, 60), None),
            (None, Box(5, 5, 50, 50)),
            (Box(5, 5, 50, 50), Box(5, 5, 50, 50)),
        ],
        ids=["grows", "shrinks", "goes", "comes", "stays"],
    )
    @pytest.mark.parametrize("way", ["sync", "replace"])
    def test_a_region_that_changes(
        self, world: OverlapWorld, before: Box | None, after: Box | None, way: str
    ) -> None:
        key = (0, 1)
        world.put_patch(key, before, SetInsertMode.INSERT_OR_REPLACE)
        self._check(world, key, before)
        if way == "sync":
            self._sync(world, (key, None if after is None else after.encode()))
        else:
            world.put_patch(key, after, SetInsertMode.INSERT_OR_REPLACE)
        self._check(world, key, after)

    def test_a_record_that_is_skipped_keeps_its_region(self, world: OverlapWorld) -> None:
        key = (0, 2)
        box = Box(20, 20, 30, 30)
        world.put_patch(key, box, SetInsertMode.INSERT_OR_REPLACE)
        world.put_patch(key, Box(0, 0, 60, 60), SetInsertMode.INSERT_OR_SKIP)
        self._check(world, key, box)
        world.put_patch(key, box, SetInsertMode.INSERT_OR_SKIP)
        self._check(world, key, box)

    @pytest.mark.parametrize("mode", [SetInsertMode.INSERT_OR_SKIP, SetInsertMode.INSERT_OR_FAIL])
    def test_a_new_record_has_its_region(self, world: OverlapWorld, mode: SetInsertMode) -> None:
        key = (1, 50 + list(SetInsertMode).index(mode))
        world.put_patch(key, Box(0, 0, 60, 60), mode)
        self._check(world, key, Box(0, 0, 60, 60))

    def test_a_record_that_sync_inserts_has_its_region(self, world: OverlapWorld) -> None:
        self._sync(world, ((1, 60), Box(0, 0, 30, 30).encode()))
        self._check(world, (1, 60), Box(0, 0, 30, 30))

    def test_a_batch_that_fails_changes_no_pixels(self, world: OverlapWorld) -> None:
        key = (0, 3)
        box = Box(20, 20, 30, 30)
        world.put_patch(key, box, SetInsertMode.INSERT_OR_REPLACE)
        with pytest.raises(InvalidInputError, match="box"):
            self._sync(world, (key, Box(0, 0, 60, 60).encode()), ((0, 0), b"nonsense"))
        self._check(world, key, box)
