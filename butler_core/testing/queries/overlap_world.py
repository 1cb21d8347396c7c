"""A small plane full of boxes, for tests of joins by region and timespan, and what is right there by brute force."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any
from uuid import UUID

from butler_core.contracts.registry import Registry
from butler_core.expressions.query import DatasetSearch, QueryDescription
from butler_core.models.batch import (
    CollectionRegistration,
    DatasetTypeRegistration,
    DimensionDataInsertion,
    RawBatch,
)
from butler_core.models.collection import CollectionType, SetInsertMode
from butler_core.models.record import record_shape
from butler_core.models.universe import DimensionUniverse
from butler_core.testing.plane import PLANE_UNIVERSE, Box, PlaneGeometry
from butler_core.testing.queries.world import QueryWorld
from butler_core.testing.registries.bridge import PlainBridge

CAM, SKY = "Cam", "sky"
VISITS, DETECTORS, TRACTS, PATCHES = range(1, 9), range(3), range(2), range(4)

DATASET_TYPES: dict[str, tuple[str, ...]] = {
    "calexp": ("visit", "detector"),
    "coadd": ("patch",),
    "warp": ("visit", "patch"),
    "refcat": ("quad5",),
    "fine": ("quad7",),
    "coarse": ("quad2",),
    "other": ("shifted4",),
}
"""Dimensions by name; those of warps have been chosen by hand, so need not overlap."""


def plane_universe() -> DimensionUniverse:
    """Return the universe."""
    return DimensionUniverse.load(PLANE_UNIVERSE)


def _box(source: random.Random, largest: float) -> Box | None:
    if source.random() < 0.15:
        return None
    # Eighths, so that edges often touch one another and those of pixels.
    x, y = source.randrange(8 * 56) / 8, source.randrange(8 * 56) / 8
    width, height = (source.randrange(int(8 * largest)) / 8 for _ in "xy")
    return Box(x, y, x + width, y + height)


class OverlapWorld(QueryWorld):
    """A registry with random boxes.

    Parameters
    ----------
    registry
        Empty; made with `plane_universe`.
    bridge
        Of datastore records; not used.
    seed
        Of the boxes.
    """

    def __init__(self, registry: Registry, bridge: PlainBridge, seed: int = 1) -> None:
        self.registry = registry
        self.bridge = bridge
        self.universe = plane_universe()
        self.geometry = PlaneGeometry()
        source = random.Random(seed)
        self.regions: dict[str, dict[tuple[Any, ...], Box | None]] = {
            "visit": {(v,): _box(source, 30) for v in VISITS},
            "visit_detector_region": {(v, d): _box(source, 12) for v in VISITS for d in DETECTORS[:2]},
            "tract": {(t,): _box(source, 40) for t in TRACTS},
            "patch": {(t, p): _box(source, 20) for t in TRACTS for p in PATCHES},
        }
        """By element and key, governors left out."""
        self.times: dict[str, dict[int, tuple[int, int] | None]] = {
            "visit": {v: None if v == 3 else (10 * v, 10 * v + (0 if v == 4 else 10)) for v in VISITS},
            "epoch": {0: (0, 30), 1: (30, 60), 2: (50, 70), 3: None, 4: (0, 0)},
        }
        """Timespans by element and key, in nanoseconds; one visit and one epoch have none, one each has an empty one."""
        self.contents: dict[tuple[str, str], list[tuple[int, ...]]] = {
            ("calexp", "r1"): [(v, d) for v in VISITS for d in DETECTORS if (v + d) % 2],
            ("calexp", "r2"): [(v, d) for v in VISITS for d in DETECTORS if v % 2 and d < 2],
            ("coadd", "r1"): list(self.regions["patch"]),
            ("warp", "r1"): [(v, t, p) for v in VISITS[:3] for t in TRACTS for p in PATCHES[:2]],
            ("refcat", "r1"): [(p,) for p in range(0, 1024, 7)],
            ("fine", "r1"): [(p,) for p in range(0, 4**7, 97)],
            ("coarse", "r1"): [(p,) for p in range(16)],
            ("other", "r1"): [(p,) for p in range(256)],
        }
        """Datasets by type and RUN, governors left out."""

    def populate(self) -> None:
        """Put everything into the registry."""
        self.registry.apply_batch(self._definitions())
        batch, number = RawBatch(), 0
        for (name, run), keys in self.contents.items():
            runs = batch.dataset_insertions.datasets.setdefault(name, {}).setdefault(run, {})
            for key in keys:
                number += 1
                runs[UUID(int=0x7000 << 64 | 0x8 << 60 | number)] = self.full(DATASET_TYPES[name], key)
        self.registry.apply_batch(batch)

    def full(self, dimensions: Iterable[str], key: Sequence[Any]) -> tuple[Any, ...]:
        """Return required values in order: those of a key by numbers, and the governors."""
        group = self.universe.conform(dimensions)
        names = [n for n in ("visit", "detector", "tract", "patch", "epoch", *group.skypix) if n in group]
        values = {**dict(zip(names, key, strict=True)), "instrument": CAM, "skymap": SKY}
        return tuple(values[name] for name in group.required)

    def _rows(self) -> dict[str, list[dict[str, Any]]]:
        cam, sky = {"instrument": CAM}, {"skymap": SKY}

        def region(element: str, *key: Any) -> dict[str, Any]:
            box = self.regions[element][key]
            return {"region": None if box is None else box.encode()}

        return {
            "instrument": [{"name": CAM}],
            "skymap": [{"name": SKY}],
            "physical_filter": [cam | {"name": "R", "band": "r"}],
            "day_obs": [cam | {"id": 20260101}],
            "detector": [cam | {"id": d, "full_name": f"D{d}"} for d in DETECTORS],
            "visit": [
                cam
                | {
                    "id": v,
                    "physical_filter": "R",
                    "day_obs": 20260101,
                    "name": f"v{v}",
                    "exposure_time": v % 3,
                }
                | {"timespan": self.times["visit"][v]}
                | region("visit", v)
                for v in VISITS
            ],
            "visit_detector_region": [
                cam | {"visit": v, "detector": d} | region("visit_detector_region", v, d)
                for v, d in self.regions["visit_detector_region"]
            ],
            "tract": [sky | {"id": t} | region("tract", t) for t in TRACTS],
            "patch": [sky | {"tract": t, "id": p} | region("patch", t, p) for t, p in self.regions["patch"]],
            "epoch": [sky | {"id": e, "timespan": span} for e, span in self.times["epoch"].items()],
        }

    def _definitions(self) -> RawBatch:
        batch = RawBatch()
        for element, rows in self._rows().items():
            shape = record_shape(self.universe, element)
            insertion = batch.dimension_insertions[element] = DimensionDataInsertion(element=element)
            insertion.insert_records(shape.make(row) for row in rows)
        for name, dimensions in DATASET_TYPES.items():
            batch.dataset_type_registrations[name] = DatasetTypeRegistration(
                name=name,
                dimensions=self.universe.conform(dimensions).names,
                storage_class_name="StructuredDataDict",
                is_calibration=False,
            )
        for run in ("r1", "r2"):
            batch.collection_registrations[run] = CollectionRegistration(name=run, type=CollectionType.RUN)
        return batch

    def put_patch(self, key: tuple[int, int], box: Box | None, mode: SetInsertMode) -> None:
        """Insert the record of a patch."""
        shape, batch = record_shape(self.universe, "patch"), RawBatch()
        insertion = DimensionDataInsertion(element="patch", mode=mode)
        row = {"skymap": SKY, "tract": key[0], "id": key[1], "region": None if box is None else box.encode()}
        insertion.insert_records([shape.make(row)])
        batch.dimension_insertions["patch"] = insertion
        self.registry.apply_batch(batch)

    # -- asking

    def datasets_query(
        self, dataset_type: str, collections: Iterable[str] | str, *, find_first: bool = True, **fields: Any
    ) -> QueryDescription:
        """Describe a query for datasets of one type."""
        names = (collections,) if isinstance(collections, str) else tuple(collections)
        search = DatasetSearch(dataset_type=dataset_type, collections=names, find_first=find_first)
        return self.query(
            kind="datasets",
            dimensions=self.universe.conform(DATASET_TYPES[dataset_type]).names,
            dataset_type=dataset_type,
            searches=(search, *fields.pop("searches", ())),
            **fields,
        )

    def keys(self, dimensions: Sequence[str], page_size: int | None = None, **fields: Any) -> list[Any]:
        """Return the required values of the data IDs that a query finds."""
        group = self.universe.conform(dimensions)
        query = self.query(kind="data_ids", dimensions=group.names, **fields)
        return [row[: len(group.required)] for row in self.rows(query, page_size)]

    def found(self, dataset_type: str, *collections: str, **fields: Any) -> list[tuple[str, Any]]:
        """Return run and required values of the datasets that a query finds."""
        query = self.datasets_query(dataset_type, collections or ("r1",), **fields)
        return [(row[1], row[2:]) for row in self.rows(query)]

    def count(self, query: QueryDescription) -> int:
        """Return how many rows a query has, by its own count."""
        answer = self.registry.execute(query.model_copy(update={"answer": "count"}))
        return int(answer.rows[0][0])

    # -- what is right

    def box_of(self, element: str, key: tuple[Any, ...]) -> Box | None:
        """Return the region of an element or of a pixel; None if it has none, or there is no such record."""
        if element in self.regions:
            return self.regions[element].get(key)
        return self.geometry.pixel(element, key[0])

    def overlap(self, first: Box | None, second: Box | None) -> bool:
        """Whether both are there, and share a point."""
        return first is not None and second is not None and first.overlaps(second)

    def pairs(self, left: str, right: str) -> set[tuple[Any, ...]]:
        """Return the keys of all records of two elements that overlap, one after the other."""
        sides = [self._all(name) for name in (left, right)]
        return {
            one + other
            for one, other in product(*sides)
            if self.overlap(self.box_of(left, one), self.box_of(right, other))
        }

    def _all(self, name: str) -> Iterable[tuple[Any, ...]]:
        if name in self.regions:
            return self.regions[name]
        level = int(name[-1])
        return [(index,) for index in range(4**level)]
