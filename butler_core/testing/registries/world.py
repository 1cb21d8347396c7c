"""A small world for tests of registries: shorthand for batches, and an instrument with a few detectors and exposures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from butler_core.contracts.registry import Registry
from butler_core.expressions.query import DatasetSearch, QueryDescription
from butler_core.models.batch import (
    BatchResults,
    CollectionRegistration,
    DatasetTypeRegistration,
    DimensionDataInsertion,
    DimensionDataSync,
    Precondition,
    RawBatch,
)
from butler_core.models.collection import CollectionInfo, CollectionType, SetInsertMode
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetRef, new_uuid
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import CollectionName, DatasetTypeName
from butler_core.models.record import DimensionRecord, record_shape
from butler_core.models.universe import DimensionUniverse
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.universe import testing_universe

INSTRUMENT = "Cam"
DETECTORS = range(3)
EXPOSURES = range(100, 104)
DAY = 20260101
RUN = "u/test/run"
SUMMARY = "summary"
FLAT = "flat"


class RegistryWorld:
    """Shorthand for one registry.

    Parameters
    ----------
    registry
        Made with `testing_universe` and one bridge.
    bridge
        That bridge.
    """

    def __init__(self, registry: Registry, bridge: PlainBridge) -> None:
        self.registry = registry
        self.bridge = bridge
        self.universe: DimensionUniverse = testing_universe()
        self.summary = DatasetType(
            SUMMARY, self.universe.conform(["exposure", "detector"]), "StructuredDataDict"
        )
        self.flat = DatasetType(
            FLAT, self.universe.conform(["detector"]), "StructuredDataDict", is_calibration=True
        )

    # -- definitions

    def populate(self) -> None:
        """Insert an instrument with detectors, filters and exposures, two dataset types and a RUN."""
        batch = RawBatch()
        for element, rows in self.records().items():
            batch.dimension_insertions[element] = self.insertion(element, rows)
        for dataset_type in (self.summary, self.flat):
            batch.dataset_type_registrations[dataset_type.name] = DatasetTypeRegistration.from_dataset_type(
                dataset_type
            )
        batch.collection_registrations[RUN] = CollectionRegistration(name=RUN, type=CollectionType.RUN)
        self.registry.apply_batch(batch)

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """Return the records that `populate` inserts, by element."""
        return {
            "instrument": [{"name": INSTRUMENT, "detector_max": 3}],
            "physical_filter": [
                {"instrument": INSTRUMENT, "name": f"Cam-{band.upper()}", "band": band} for band in "gr"
            ],
            "day_obs": [{"instrument": INSTRUMENT, "id": DAY}],
            "detector": [
                {
                    "instrument": INSTRUMENT,
                    "id": number,
                    "full_name": f"S{number}",
                    "is_science": number != 2,
                }
                for number in DETECTORS
            ],
            "exposure": [self.exposure(number) for number in EXPOSURES],
        }

    def exposure(self, number: int, **values: Any) -> dict[str, Any]:
        """Return an exposure's values."""
        return {
            "instrument": INSTRUMENT,
            "id": number,
            "physical_filter": "Cam-G" if number % 2 else "Cam-R",
            "day_obs": DAY,
            "obs_id": f"E{number}",
            "exposure_time": 30.0,
            "can_see_sky": True,
            "timespan": (number * 1000, number * 1000 + 500),
        } | values

    def record(self, element: str, values: Mapping[str, Any]) -> DimensionRecord:
        """Make a record."""
        return record_shape(self.universe, element).make(values)

    def insertion(
        self,
        element: str,
        rows: Iterable[Mapping[str, Any]],
        mode: SetInsertMode = SetInsertMode.INSERT_OR_FAIL,
    ) -> DimensionDataInsertion:
        """Describe an insertion of records."""
        insertion = DimensionDataInsertion(element=element, mode=mode)
        insertion.insert_records(self.record(element, row) for row in rows)
        return insertion

    def insert(
        self, element: str, *rows: Mapping[str, Any], mode: SetInsertMode = SetInsertMode.INSERT_OR_FAIL
    ) -> BatchResults:
        """Insert records of one element."""
        batch = RawBatch()
        batch.dimension_insertions[element] = self.insertion(element, rows, mode)
        return self.registry.apply_batch(batch)

    def sync(self, element: str, *rows: Mapping[str, Any], update: bool = False) -> BatchResults:
        """Synchronise records of one element."""
        sync = DimensionDataSync(element=element, update=update)
        sync.records += [self.record(element, row).to_raw() for row in rows]
        return self.registry.apply_batch(RawBatch(dimension_syncs={element: sync}))

    def register(
        self, *names: CollectionName, type: CollectionType = CollectionType.RUN, doc: str = ""
    ) -> BatchResults:
        """Register collections."""
        return self.registry.apply_batch(
            RawBatch(
                collection_registrations={
                    name: CollectionRegistration(name=name, type=type, doc=doc) for name in names
                }
            )
        )

    def register_type(self, dataset_type: DatasetType, *, update: bool = False) -> BatchResults:
        """Register a dataset type."""
        registration = DatasetTypeRegistration.from_dataset_type(dataset_type, update)
        return self.registry.apply_batch(
            RawBatch(dataset_type_registrations={dataset_type.name: registration})
        )

    def edit(self, *edits: Any) -> BatchResults:
        """Edit collections."""
        return self.registry.apply_batch(RawBatch(collection_edits=list(edits)))

    def demand(self, **values: Any) -> BatchResults:
        """Apply a batch with one precondition and nothing else."""
        return self.registry.apply_batch(RawBatch(preconditions=[Precondition(**values)]))

    # -- datasets

    def data_id(self, *, detector: int = 0, exposure: int | None = None) -> DataCoordinate:
        """Make a data ID of ``summary``, or of ``flat`` without an exposure."""
        values: dict[str, Any] = {"instrument": INSTRUMENT, "detector": detector}
        if exposure is not None:
            values["exposure"] = exposure
        return DataCoordinate.standardize(values, universe=self.universe)

    def ref(
        self,
        *,
        detector: int = 0,
        exposure: int | None = 100,
        run: CollectionName = RUN,
        uuid: UUID | None = None,
    ) -> DatasetRef:
        """Make a ref of a ``summary``, or of a ``flat`` with ``exposure=None``."""
        dataset_type = self.flat if exposure is None else self.summary
        data_id = self.data_id(detector=detector, exposure=exposure)
        return DatasetRef(uuid or new_uuid(), dataset_type, data_id, run)

    def put(self, *refs: DatasetRef, batch: RawBatch | None = None) -> list[DatasetRef]:
        """Register datasets together with predicted records, as a butler would; return them expanded."""
        batch = batch or RawBatch()
        expansion = self.registry.expand_new_dataset_refs(refs, batch_id=batch.batch_id)
        batch.dataset_insertions.include(expansion.refs)
        for ref in expansion.refs:
            for table_name, values in (ref.datastore_records or {}).items():
                batch.opaque_table_insertions.insert(table_name, [(ref.uuid, values)])
        self.registry.apply_batch(batch)
        return list(expansion.refs)

    def register_datasets(self, *refs: DatasetRef) -> BatchResults:
        """Register datasets without any records."""
        batch = RawBatch()
        batch.dataset_insertions.include(refs)
        return self.registry.apply_batch(batch)

    def remove(self, *refs: DatasetRef, with_records: bool = True) -> BatchResults:
        """Forget datasets."""
        batch = RawBatch()
        batch.dataset_removals.include(refs)
        if with_records:
            batch.opaque_table_removals.insert(self.bridge.table_name, [ref.uuid for ref in refs])
        return self.registry.apply_batch(batch)

    # -- looking

    def collections(self) -> dict[CollectionName, CollectionInfo]:
        """Return all collections by name."""
        snapshot = self.registry.snapshot()
        assert snapshot is not None  # nothing was said to be known
        return {collection.name: collection for collection in snapshot.collections}

    def children(self, chain: CollectionName) -> tuple[CollectionName, ...] | None:
        """Return a chain's children."""
        children = self.collections()[chain].children
        return None if children is None else tuple(children)

    def generation(self) -> int:
        """Return the generation."""
        snapshot = self.registry.snapshot()
        assert snapshot is not None  # nothing was said to be known
        return snapshot.generation

    def exists(self, ref: DatasetRef) -> bool:
        """Whether a dataset is registered."""
        return bool(self.registry.expand_existing_dataset_refs([bare(ref)]).refs)

    def members(
        self, collection: CollectionName, dataset_type: DatasetTypeName = SUMMARY
    ) -> dict[tuple[Any, ...], UUID]:
        """Return the UUIDs of a collection's datasets of one type, by detector and exposure (or detector alone)."""
        registered = self.summary if dataset_type == SUMMARY else self.flat
        query = QueryDescription(
            kind="datasets",
            dimensions=registered.dimensions.names,
            dataset_type=dataset_type,
            searches=(DatasetSearch(dataset_type=dataset_type, collections=(collection,), find_first=False),),
        )
        page = self.registry.execute(query)
        keys = [page.columns.index(name) for name in registered.dimensions.required if name != "instrument"]
        uuid = page.columns.index("uuid")
        return {tuple(row[key] for key in keys): _uuid(row[uuid]) for row in page.rows}


def bare(ref: DatasetRef) -> DatasetRef:
    """Return a ref of the same dataset that knows nothing more than it must."""
    data_id = DataCoordinate.from_required(ref.data_id.dimensions, ref.data_id.required_values)
    return DatasetRef(ref.uuid, ref.dataset_type, data_id, ref.run)


def _uuid(value: UUID | bytes) -> UUID:
    return value if isinstance(value, UUID) else UUID(bytes=value)
