"""A small, awkward world for tests of queries: its rows are plain Python here, and in a registry by batches.

Two instruments, missing and odd values everywhere, datasets in RUN, TAGGED, CALIBRATION and nested CHAINED collections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from butler_core.contracts.registry import QueryPage, Registry
from butler_core.expressions.query import DatasetSearch, OrderTerm, QueryDescription
from butler_core.expressions.where import read_order_by, read_where
from butler_core.models.batch import (
    Certification,
    ChainedCollectionEdit,
    CollectionRegistration,
    DatasetTypeRegistration,
    DimensionDataInsertion,
    RawBatch,
    TaggedCollectionEdit,
)
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.record import record_shape
from butler_core.models.universe import DimensionUniverse
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.universe import testing_universe

CAM, ALT = "Cam", "Alt"
SECOND = 1_000_000_000

RECORDS: dict[str, list[dict[str, Any]]] = {
    "instrument": [{"name": CAM, "detector_max": 4}, {"name": ALT, "detector_max": None}],
    "skymap": [{"name": "sky"}],
    "physical_filter": [
        {"instrument": CAM, "name": "Cam-G", "band": "g"},
        {"instrument": CAM, "name": "Cam-R", "band": "r"},
        {"instrument": CAM, "name": "Cam-Dark", "band": None},
        {"instrument": ALT, "name": "Alt-G", "band": "g"},
        {"instrument": ALT, "name": "Alt-Z", "band": "z"},
    ],
    "day_obs": [
        {"instrument": CAM, "id": 20260101, "timespan": (0, 100 * SECOND)},
        {"instrument": CAM, "id": 20260102},
        {"instrument": ALT, "id": 20260101},
    ],
    "detector": [
        {"instrument": CAM, "id": 0, "full_name": "S0", "purpose": "SCIENCE", "is_science": True},
        {"instrument": CAM, "id": 1, "full_name": "S1", "purpose": "GUIDE", "is_science": False},
        {"instrument": CAM, "id": 2, "full_name": "s0", "purpose": None, "is_science": None},
        {"instrument": CAM, "id": 3, "full_name": "é*", "purpose": "SCIENCE", "is_science": True},
        {"instrument": ALT, "id": 0, "full_name": "A0", "purpose": "science", "is_science": True},
        {"instrument": ALT, "id": 1, "full_name": "A%_", "purpose": "", "is_science": False},
    ],
    "exposure": [
        {
            "instrument": CAM,
            "id": 100 + n,
            "physical_filter": ("Cam-G", "Cam-R", "Cam-Dark")[n % 3],
            "day_obs": 20260101 + n // 3,
            "obs_id": f"E{n}",
            "exposure_time": (30.0, 0.0, None, -1.5, 30.0, 15.0)[n],
            "target_name": ("Zorro", "a[b]", None, "😀", "\uffee", "ab")[n],
            "can_see_sky": (True, None, False, True, True, False)[n],
            "timespan": ((0, 10), (10, 20), None, (0, 0), (15, None), (None, 5))[n],
        }
        for n in range(6)
    ]
    + [
        {
            "instrument": ALT,
            "id": 100,
            "physical_filter": "Alt-G",
            "day_obs": 20260101,
            "obs_id": "E0",
            "timespan": (5, 15),
        }
    ],
    "visit": [
        {
            "instrument": CAM,
            "id": n,
            "physical_filter": ("Cam-R", "Cam-G", "Cam-R", "Cam-G")[n - 1],
            "day_obs": (20260101, 20260101, 20260102, 20260102)[n - 1],
            "name": ("v1", "V1", "v_2", "v%2")[n - 1],
            "exposure_time": (30.0, 15.0, None, 0.1)[n - 1],
            "timespan": ((0, 20), (15, None), (0, 0), None)[n - 1],
        }
        for n in range(1, 5)
    ]
    + [
        {
            "instrument": ALT,
            "id": 1,
            "physical_filter": "Alt-G",
            "day_obs": 20260101,
            "name": "v1",
            "exposure_time": 5.0,
        }
    ],
    "visit_definition": [
        {"instrument": CAM, "exposure": exposure, "visit": visit}
        for exposure, visit in ((101, 1), (100, 2), (104, 3), (103, 4))
    ]
    + [{"instrument": ALT, "exposure": 100, "visit": 1}],
    "visit_detector_region": [{"instrument": CAM, "visit": 1, "detector": 0, "region": "00ff"}],
    "tract": [{"skymap": "sky", "id": 1}, {"skymap": "sky", "id": 2}],
    "patch": [{"skymap": "sky", "tract": tract, "id": patch} for tract in (1, 2) for patch in (0, 1)],
}
"""By element, in an order that foreign keys allow; exposures agree with their visits about filter and day."""

DATASET_TYPES: dict[str, tuple[tuple[str, ...], bool]] = {
    "raw": (("exposure", "detector"), False),
    "calexp": (("visit", "detector"), False),
    "flat": (("detector", "physical_filter"), True),
    "warp": (("visit", "patch"), False),
    "coadd": (("patch", "band"), False),
    "refcat": (("htm7",), False),
    "note": ((), False),
}
"""Dimensions, and whether it is a calibration, by name."""

RUNS = ("r1", "r2", "r3", "r5", "calib/run")
CHAINS: dict[str, tuple[str, ...]] = {"inner": ("r2", "r3"), "outer": ("tag", "inner", "r1"), "nothing": ()}


class Dataset(NamedTuple):
    """One dataset."""

    uuid: UUID
    dataset_type: str
    run: str
    values: tuple[Any, ...]
    """Of the required dimensions."""


def _datasets() -> list[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = []
    for run, visits, detectors in (
        ("r1", (1, 2, 3), (0, 1, 2)),
        ("r5", (1, 2), (0, 1)),
        ("r2", (2, 3), (1, 2, 3)),
        ("r3", (1, 4), (0, 3)),
    ):
        found += [
            ("calexp", run, {"instrument": CAM, "visit": visit, "detector": detector})
            for visit in visits
            for detector in detectors
        ]
    found += [("calexp", "r3", {"instrument": ALT, "visit": 1, "detector": detector}) for detector in (0, 1)]
    found += [("raw", "r1", {"instrument": CAM, "exposure": 100 + n, "detector": n % 4}) for n in range(6)]
    found += [
        ("flat", "calib/run", {"instrument": CAM, "detector": detector, "physical_filter": "Cam-G"})
        for detector in (0, 1)
    ]
    found.append(("warp", "r1", {"instrument": CAM, "visit": 1, "skymap": "sky", "tract": 1, "patch": 0}))
    found.append(("coadd", "r1", {"band": "g", "skymap": "sky", "tract": 1, "patch": 0}))
    found.append(("coadd", "r1", {"band": "y", "skymap": "sky", "tract": 2, "patch": 1}))
    found.append(("refcat", "r1", {"htm7": 131072}))
    found.append(("note", "r1", {}))
    found.append(("note", "r2", {}))
    return found


class QueryWorld:
    """A registry with the rows of this module.

    Parameters
    ----------
    registry
        Empty; made with `testing_universe` and ``bridge``.
    bridge
        Of datastore records.
    """

    def __init__(self, registry: Registry, bridge: PlainBridge) -> None:
        self.registry = registry
        self.bridge = bridge
        self.universe: DimensionUniverse = testing_universe()
        self.datasets = [
            Dataset(
                UUID(int=(0x7000 + (n * 37) % 101) << 64 | 0x8 << 60 | n),
                name,
                run,
                self.values_of(name, data_id),
            )
            for n, (name, run, data_id) in enumerate(_datasets())
        ]
        calexps = [dataset for dataset in self.datasets if dataset.dataset_type == "calexp"]
        self.tagged = [d for d in calexps if d.run == "r1" and d.values[2] == 3] + calexps[-1:]
        """Members of TAGGED collection ``tag``: visit 3 as `r1` has it, and one of the other instrument."""
        self.certified = [dataset for dataset in self.datasets if dataset.dataset_type == "flat"]
        """Members of CALIBRATION collection ``calib``, each with two validities."""

    def required(self, dataset_type: str) -> tuple[str, ...]:
        """Return the required dimensions of a dataset type."""
        return self.universe.conform(DATASET_TYPES[dataset_type][0]).required

    def values_of(self, dataset_type: str, data_id: dict[str, Any]) -> tuple[Any, ...]:
        """Return required values in order."""
        return tuple(data_id[name] for name in self.required(dataset_type))

    # -- filling

    def populate(self) -> None:
        """Put everything into the registry."""
        self.registry.apply_batch(self._definitions())
        batch = RawBatch()
        for dataset in self.datasets:
            runs = batch.dataset_insertions.datasets.setdefault(dataset.dataset_type, {})
            runs.setdefault(dataset.run, {})[dataset.uuid] = dataset.values
        sizes = enumerate(dataset for dataset in self.datasets if dataset.run == "r1")
        batch.opaque_table_insertions.insert(
            self.bridge.table_name,
            [(d.uuid, (f"a/{n}", 10 * n if n else None, None, True)) for n, d in sizes],
        )
        batch.collection_edits += [
            TaggedCollectionEdit(
                collection="tag",
                datasets=frozenset(d.uuid for d in self.tagged),
                mode=SetEditMode.INSERT_OR_FAIL,
            ),
            *(
                Certification(
                    collection="calib", datasets=frozenset(d.uuid for d in self.certified), timespan=timespan
                )
                for timespan in ((None, 10), (20, None))
            ),
        ]
        self.registry.apply_batch(batch)

    def _definitions(self) -> RawBatch:
        batch = RawBatch()
        for element, rows in RECORDS.items():
            shape = record_shape(self.universe, element)
            insertion = batch.dimension_insertions[element] = DimensionDataInsertion(element=element)
            insertion.insert_records(shape.make(row) for row in rows)
        for name, (dimensions, is_calibration) in DATASET_TYPES.items():
            batch.dataset_type_registrations[name] = DatasetTypeRegistration(
                name=name,
                dimensions=self.universe.conform(dimensions).names,
                storage_class_name="StructuredDataDict",
                is_calibration=is_calibration,
            )
        types = dict.fromkeys(RUNS, CollectionType.RUN) | dict.fromkeys(CHAINS, CollectionType.CHAINED)
        types |= {"tag": CollectionType.TAGGED, "calib": CollectionType.CALIBRATION}
        for name, type_ in types.items():
            batch.collection_registrations[name] = CollectionRegistration(name=name, type=type_)
        for name, children in CHAINS.items():
            batch.collection_edits.append(
                ChainedCollectionEdit(chain=name, children=children, mode=SequenceEditMode.ASSIGN)
            )
        return batch

    # -- asking

    def query(self, **fields: Any) -> QueryDescription:
        """Describe a query; ``where`` and ``order_by`` may be texts, the latter several."""
        where = read_where(fields.pop("where", ""), fields.pop("bind", None))
        order_by = fields.pop("order_by", ())
        keys = read_order_by((order_by,) if isinstance(order_by, str) else order_by)
        return QueryDescription(
            where=None if where is None else where.tree,
            where_text="" if where is None else where.text,
            order_by=tuple(OrderTerm(expression=key.tree, descending=key.descending) for key in keys),
            data_id=tuple(fields.pop("data_id", {}).items()),
            **fields,
        )

    def datasets_query(
        self, dataset_type: str, collections: Iterable[str] | str, *, find_first: bool = True, **fields: Any
    ) -> QueryDescription:
        """Describe a query for datasets of one type."""
        names = (collections,) if isinstance(collections, str) else tuple(collections)
        search = DatasetSearch(dataset_type=dataset_type, collections=names, find_first=find_first)
        return self.query(
            kind="datasets",
            dimensions=self.universe.conform(DATASET_TYPES[dataset_type][0]).names,
            dataset_type=dataset_type,
            searches=(search, *fields.pop("searches", ())),
            **fields,
        )

    def pages(self, query: QueryDescription, page_size: int | None = None) -> Iterator[QueryPage]:
        """Ask for all pages."""
        token = None
        while True:
            page = self.registry.execute(query, page=token, page_size=page_size)
            yield page
            token = page.next_page
            if token is None:
                return

    def rows(self, query: QueryDescription, page_size: int | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of all pages."""
        return [tuple(row) for page in self.pages(query, page_size) for row in page.rows]

    def find(
        self,
        dataset_type: str,
        collections: Iterable[str] | str,
        *,
        page_size: int | None = None,
        **fields: Any,
    ) -> list[Dataset]:
        """Return the datasets that a query finds."""
        query = self.datasets_query(dataset_type, collections, **fields)
        return [
            Dataset(row[0] if isinstance(row[0], UUID) else UUID(bytes=row[0]), dataset_type, row[1], row[2:])
            for row in self.rows(query, page_size)
        ]

    def data_ids(self, dimensions: Sequence[str], **fields: Any) -> list[dict[str, Any]]:
        """Return the data IDs that a query finds, as mappings."""
        query = self.query(kind="data_ids", dimensions=self.universe.conform(dimensions).names, **fields)
        names = self.universe.conform(dimensions)
        return [dict(zip(names.required + names.implied, row, strict=True)) for row in self.rows(query)]

    def records(self, element: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the records that a query finds, as mappings."""
        shape = record_shape(self.universe, element)
        query = self.query(kind="records", element=element, dimensions=shape.dimensions.names, **fields)
        return [dict(zip(shape.names, row, strict=True)) for row in self.rows(query)]

    # -- what is right, by brute force

    def members(self, collection: str) -> list[Dataset]:
        """Return a collection's datasets."""
        if collection == "tag":
            return self.tagged
        if collection == "calib":
            return self.certified
        return [dataset for dataset in self.datasets if dataset.run == collection]

    def flatten(self, collections: Iterable[str]) -> list[str]:
        """Put children in the place of chains, each collection once."""
        found: dict[str, None] = {}
        for name in collections:
            found.update(dict.fromkeys(self.flatten(CHAINS[name]) if name in CHAINS else [name]))
        return list(found)

    def search(
        self, dataset_type: str, collections: Iterable[str], *, find_first: bool = True
    ) -> list[Dataset]:
        """Return what a search finds."""
        found: dict[Any, Dataset] = {}
        for collection in self.flatten(collections):
            for dataset in self.members(collection):
                if dataset.dataset_type == dataset_type:
                    found.setdefault(dataset.values if find_first else dataset.uuid, dataset)
        return list(found.values())
