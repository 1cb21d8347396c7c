"""A small world for tests of calibrations: what is valid when, as plain Python here and in a registry by batches.

Times are whole seconds here.  Every exposure has a timespan of its own kind, and calibrations of several RUNs wait to be
certified in whatever way a test wants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from butler_core.contracts.registry import Registry
from butler_core.expressions.query import DatasetSearch, OrderTerm, QueryDescription
from butler_core.expressions.where import read_order_by, read_where
from butler_core.models.batch import (
    Certification,
    ChainedCollectionEdit,
    CollectionEdit,
    CollectionRegistration,
    DatasetTypeRegistration,
    Decertification,
    DimensionDataInsertion,
    RawBatch,
    TaggedCollectionEdit,
)
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.record import record_shape
from butler_core.models.timespan import Timespan
from butler_core.models.universe import DimensionUniverse
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.universe import testing_universe

CAM = "Cam"
SECOND = 1_000_000_000
Span: TypeAlias = tuple[int | None, int | None]
"""Begin and end in seconds; None is unbounded."""

EXPOSURES: dict[int, Span | None] = {
    0: (0, 10),
    1: (10, 20),
    2: (5, 25),
    3: (40, 50),
    4: None,
    5: (7, 7),
    6: (None, 5),
    7: (45, None),
    8: (None, None),
    9: (20, 21),
}
"""Timespans by exposure: the one of 4 is missing, that of 5 is empty."""
FILTERS = ("g", "r")
VISITS = (0, 1)
"""Each of the exposure of that number; the filter of the second is another than that of its exposure."""
DETECTORS = (0, 1, 2)
DAYS: dict[int, Span | None] = {1: (0, 30), 2: (30, 60), 3: None}
RUNS = ("r1", "r2", "r3")
CALIBRATIONS = ("c1", "c2")
CHAINS: dict[str, tuple[str, ...]] = {
    "inner": ("c2", "r2"),
    "outer": ("tag", "inner", "c1"),
    "deep": ("outer", "r1"),
    "calibs": ("c1", "c2"),
}


class Calibration(NamedTuple):
    """One dataset."""

    uuid: UUID
    dataset_type: str
    run: str
    values: tuple[Any, ...]
    """Of the required dimensions: instrument, detector, and of a flat the filter."""


class Validity(NamedTuple):
    """One dataset's validity in one collection."""

    collection: str
    dataset: Calibration
    span: Span


class Match(NamedTuple):
    """What a search finds for one data ID at one time."""

    dataset: Calibration
    collection: str
    span: Span


def day_of(exposure: int) -> int:
    """Return the day of an exposure."""
    return 1 + exposure % 3


def filter_of(exposure: int) -> str:
    """Return the filter of an exposure."""
    return FILTERS[exposure % 2]


def overlap(one: Span, other: Span) -> bool:
    """Whether two timespans have some time in common."""
    return timespan_of(one).overlaps(timespan_of(other))


def timespan_of(span: Span) -> Timespan:
    """Return a timespan given in seconds."""
    begin, end = (None if bound is None else bound * SECOND for bound in span)
    return Timespan(begin, end)


class CalibrationWorld:
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
            Calibration(UUID(int=(0x7000 + (n * 37) % 101) << 64 | 0x8 << 60 | n), *each)
            for n, each in enumerate(_datasets())
        ]
        self.tagged = [d for d in self.datasets if d.run == "r3" and d.values[1] == 0]
        """Members of TAGGED collection ``tag``: those of detector 0 in ``r3``."""
        self.validities: list[Validity] = []
        """What is certified at present."""

    def bias(self, run: str, detector: int = 1) -> Calibration:
        """Return a bias."""
        return self._get("bias", run, (CAM, detector))

    def flat(self, run: str, detector: int, physical_filter: str) -> Calibration:
        """Return a flat."""
        return self._get("flat", run, (CAM, detector, physical_filter))

    def _get(self, dataset_type: str, run: str, values: tuple[Any, ...]) -> Calibration:
        (found,) = [
            d for d in self.datasets if d[1:3] == (dataset_type, run) and set(d.values) == set(values)
        ]
        return found

    # -- filling

    def populate(self) -> None:
        """Put everything but validities into the registry."""
        batch = RawBatch()
        for element, rows in _records().items():
            shape = record_shape(self.universe, element)
            insertion = batch.dimension_insertions[element] = DimensionDataInsertion(element=element)
            insertion.insert_records(shape.make({"instrument": CAM, **row}) for row in rows)
        for name, dimensions in (("bias", ("detector",)), ("flat", ("detector", "physical_filter"))):
            batch.dataset_type_registrations[name] = DatasetTypeRegistration(
                name=name,
                dimensions=self.universe.conform(dimensions).names,
                storage_class_name="StructuredDataDict",
                is_calibration=True,
            )
        types = dict.fromkeys(RUNS, CollectionType.RUN) | dict.fromkeys(CHAINS, CollectionType.CHAINED)
        types |= {"tag": CollectionType.TAGGED} | dict.fromkeys(CALIBRATIONS, CollectionType.CALIBRATION)
        for name, type_ in types.items():
            batch.collection_registrations[name] = CollectionRegistration(name=name, type=type_)
        self.registry.apply_batch(batch)
        batch = RawBatch()
        for dataset in self.datasets:
            runs = batch.dataset_insertions.datasets.setdefault(dataset.dataset_type, {})
            runs.setdefault(dataset.run, {})[dataset.uuid] = dataset.values
        tagged = frozenset(d.uuid for d in self.tagged)
        batch.collection_edits.append(
            TaggedCollectionEdit(collection="tag", datasets=tagged, mode=SetEditMode.INSERT_OR_FAIL)
        )
        for name, children in CHAINS.items():
            edit = ChainedCollectionEdit(chain=name, children=children, mode=SequenceEditMode.ASSIGN)
            batch.collection_edits.append(edit)
        batch.opaque_table_insertions.insert(
            self.bridge.table_name,
            [(d.uuid, (f"a/{d.uuid}", 10, None, True)) for d in self.datasets if d.run == "r2"],
        )
        self.registry.apply_batch(batch)

    def certify(self, *validities: Validity) -> None:
        """Make these all validities that there are."""
        self.validities = list(validities)
        edits: list[CollectionEdit] = [
            Decertification(collection=name, dataset_type=dataset_type, timespan=(None, None))
            for name in CALIBRATIONS
            for dataset_type in ("bias", "flat")
        ]
        for collection, dataset, span in validities:
            begin, end = timespan_of(span).to_raw()
            edits.append(
                Certification(
                    collection=collection, datasets=frozenset({dataset.uuid}), timespan=(begin, end)
                )
            )
        batch = RawBatch()
        batch.collection_edits += edits
        self.registry.apply_batch(batch)

    # -- asking

    def query(
        self,
        dataset_type: str,
        collections: Sequence[str] | str,
        *,
        find_first: bool = True,
        kind: str = "datasets",
        dimensions: Sequence[str] = (),
        search: dict[str, Any] | None = None,
        **fields: Any,
    ) -> QueryDescription:
        """Describe a query that searches for datasets of one type; ``where`` and ``order_by`` may be texts."""
        where = read_where(fields.pop("where", ""), fields.pop("bind", None))
        order_by = fields.pop("order_by", ())
        keys = read_order_by((order_by,) if isinstance(order_by, str) else order_by)
        names = (collections,) if isinstance(collections, str) else tuple(collections)
        own = {"bias": ("detector",), "flat": ("detector", "physical_filter")}[dataset_type]
        return QueryDescription(
            kind=kind,  # type: ignore[arg-type]
            dimensions=self.universe.conform(dimensions or own).names,
            dataset_type=dataset_type if kind == "datasets" else None,
            searches=(
                DatasetSearch(
                    dataset_type=dataset_type, collections=names, find_first=find_first, **(search or {})
                ),
            ),
            where=None if where is None else where.tree,
            where_text="" if where is None else where.text,
            order_by=tuple(OrderTerm(expression=key.tree, descending=key.descending) for key in keys),
            data_id=tuple(fields.pop("data_id", {"instrument": CAM}).items()),
            **fields,
        )

    def rows(self, query: QueryDescription, page_size: int | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of all pages."""
        rows: list[tuple[Any, ...]] = []
        token = None
        while True:
            page = self.registry.execute(query, page=token, page_size=page_size)
            rows += map(tuple, page.rows)
            token = page.next_page
            if token is None:
                return rows

    def find(self, *args: Any, page_size: int | None = None, **fields: Any) -> list[Calibration]:
        """Return the datasets that a query finds, in its order."""
        rows = self.rows(self.query(*args, **fields), page_size)
        by_uuid = {dataset.uuid: dataset for dataset in self.datasets}
        found = [by_uuid[row[0] if isinstance(row[0], UUID) else UUID(bytes=row[0])] for row in rows]
        assert [(row[1], row[2:]) for row in rows] == [(dataset.run, dataset.values) for dataset in found]
        return found

    # -- what is right, by brute force

    def flatten(self, collections: Iterable[str]) -> list[str]:
        """Put children in the place of chains, each collection once."""
        found: dict[str, None] = {}
        for name in collections:
            found.update(dict.fromkeys(self.flatten(CHAINS[name]) if name in CHAINS else [name]))
        return list(found)

    def members(self, collection: str) -> Iterator[Validity]:
        """Yield what a collection holds; all but CALIBRATION collections at all times."""
        if collection in CALIBRATIONS:
            yield from (each for each in self.validities if each.collection == collection)
        else:
            datasets = (
                self.tagged if collection == "tag" else [d for d in self.datasets if d.run == collection]
            )
            yield from (Validity(collection, dataset, (None, None)) for dataset in datasets)

    def matches(
        self,
        dataset_type: str,
        collections: Iterable[str],
        values: tuple[Any, ...],
        time: Span | None,
        *,
        find_first: bool,
        has_time: bool = True,
    ) -> list[Match]:
        """Return what a search finds for one data ID at one time, which may be missing, or without any.

        A find-first search is ambiguous if that is several datasets.
        """
        found: list[Match] = []
        for collection in self.flatten(collections):
            here = [
                Match(dataset, collection, span)
                for _, dataset, span in self.members(collection)
                if (dataset.dataset_type, dataset.values) == (dataset_type, values)
                and (
                    not has_time
                    or collection not in CALIBRATIONS
                    or (time is not None and overlap(span, time))
                )
            ]
            if here and find_first:
                return here
            found += here
        return found


def _datasets() -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    universe = testing_universe()
    required = universe.conform(("detector", "physical_filter")).required
    for run in RUNS:
        for detector in DETECTORS:
            if (run, detector) != ("r1", 2):
                yield "bias", run, (CAM, detector)
            for physical_filter in FILTERS:
                data_id = {"instrument": CAM, "detector": detector, "physical_filter": physical_filter}
                yield "flat", run, tuple(data_id[name] for name in required)


def _records() -> dict[str, list[dict[str, Any]]]:
    """Return records by element, in an order that foreign keys allow; none names its instrument."""

    def seconds(span: Span | None) -> Timespan | None:
        return None if span is None else timespan_of(span)

    return {
        "instrument": [{}],
        "physical_filter": [{"name": name, "band": name} for name in FILTERS],
        "detector": [{"id": detector, "full_name": f"S{detector}"} for detector in DETECTORS],
        "day_obs": [{"id": day, "timespan": seconds(span)} for day, span in DAYS.items()],
        "exposure": [
            {
                "id": exposure,
                "obs_id": f"E{exposure}",
                "physical_filter": filter_of(exposure),
                "day_obs": day_of(exposure),
                "timespan": seconds(span),
            }
            for exposure, span in EXPOSURES.items()
        ],
        "visit": [
            {"id": visit, "name": f"v{visit}", "physical_filter": "g", "day_obs": day_of(visit)}
            for visit in VISITS
        ],
        "visit_definition": [{"exposure": visit, "visit": visit} for visit in VISITS],
    }
