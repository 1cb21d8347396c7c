"""Batches: Registry writes as data, applied in one transaction.

A batch can be sent as JSON and comes back equal, so it is an HTTP body and a chunk of an export as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, PlainSerializer, PlainValidator

from butler_core.errors import ConflictError
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode, SetInsertMode
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetRef, new_uuid
from butler_core.models.dataset_type import DatasetType
from butler_core.models.model_config import FROZEN, OPEN
from butler_core.models.names import (
    CollectionDocumentation,
    CollectionName,
    ColumnName,
    DataIdValue,
    DatasetTypeName,
    DimensionElementName,
    DimensionName,
    StorageClassName,
)
from butler_core.models.opaque import OpaqueTableBatch, OpaqueTableKeyBatch
from butler_core.models.record import DimensionRecord
from butler_core.models.results import SyncResult

BATCH_VERSION: Literal[1] = 1
"""The version of batches that this code makes and understands."""


RawRecord = dict[ColumnName, Any]
"""A dimension record as JSON's own types: see `butler_core.models.columns`."""
RecordKey = tuple[DataIdValue, ...]


def _read_records(value: Any) -> dict[RecordKey, RawRecord]:
    if isinstance(value, dict):
        return value
    return {tuple(key): record for key, record in value}


# JSON has no tuples for keys: by key in memory, a list of pairs on the wire.
RawRecords = Annotated[
    dict[RecordKey, RawRecord],
    PlainValidator(_read_records),
    PlainSerializer(
        lambda records: [[list(key), record] for key, record in records.items()], when_used="json"
    ),
]


class DatasetTypeRegistration(BaseModel):
    """A dataset type to register."""

    model_config = FROZEN

    name: DatasetTypeName
    dimensions: tuple[DimensionName, ...]
    storage_class_name: StorageClassName
    is_calibration: bool
    update: bool = False
    """Whether an existing definition may be changed."""

    @classmethod
    def from_dataset_type(cls, dataset_type: DatasetType, update: bool = False) -> DatasetTypeRegistration:
        """Describe a dataset type."""
        return cls(
            name=dataset_type.name,
            dimensions=dataset_type.dimensions.names,
            storage_class_name=dataset_type.storage_class_name,
            is_calibration=dataset_type.is_calibration,
            update=update,
        )


class CollectionRegistration(BaseModel):
    """A collection to register."""

    model_config = FROZEN

    name: CollectionName
    type: CollectionType
    doc: CollectionDocumentation = ""


class SetCollectionDocumentation(BaseModel):
    """A collection's new documentation."""

    model_config = FROZEN

    kind: Literal["documentation"] = "documentation"
    name: CollectionName
    doc: CollectionDocumentation


class ChainedCollectionEdit(BaseModel):
    """A change of a chain's children."""

    model_config = FROZEN

    kind: Literal["chain"] = "chain"
    chain: CollectionName
    children: tuple[CollectionName | int, ...]
    mode: SequenceEditMode
    flatten: bool = False
    """Whether children of chains are put in their place."""


class TaggedCollectionEdit(BaseModel):
    """A change of a TAGGED collection's members."""

    model_config = FROZEN

    kind: Literal["tagged"] = "tagged"
    collection: CollectionName
    datasets: frozenset[UUID]
    mode: SetEditMode


class Certification(BaseModel):
    """Validity to add to a CALIBRATION collection."""

    model_config = FROZEN

    kind: Literal["certify"] = "certify"
    collection: CollectionName
    datasets: frozenset[UUID]
    timespan: tuple[int | None, int | None]
    """TAI nanoseconds; None is unbounded."""


class Decertification(BaseModel):
    """Validity to take away from a CALIBRATION collection, trimming and splitting."""

    model_config = FROZEN

    kind: Literal["decertify"] = "decertify"
    collection: CollectionName
    dataset_type: DatasetTypeName
    timespan: tuple[int | None, int | None]
    data_ids: tuple[tuple[DataIdValue, ...], ...] | None = None
    """Required values; None: all."""
    datasets: frozenset[UUID] | None = None
    """Only the validity of these; None: of whatever dataset is valid then."""


class CertificationMerge(BaseModel):
    """A CALIBRATION collection to be filled from others; where validities overlap, the earlier input wins."""

    model_config = FROZEN

    kind: Literal["merge"] = "merge"
    output: CollectionName
    inputs: tuple[CollectionName, ...]


class DimensionDataInsertion(BaseModel):
    """Records of one element to insert."""

    model_config = OPEN

    element: DimensionElementName
    records: RawRecords = Field(default_factory=dict)
    """By required values."""
    mode: SetInsertMode = SetInsertMode.INSERT_OR_SKIP

    def insert_records(self, records: Iterable[DimensionRecord]) -> None:
        """Add records; equal ones are merged, and `ConflictError` is raised if one key gets two contents."""
        added: dict[RecordKey, RawRecord] = {}
        for record in records:
            key = record.key
            raw = record.to_raw()
            there = added.setdefault(key, raw)
            if there is raw and self.records:
                there = self.records.get(key, raw)
            if there is not raw and there != raw:
                raise ConflictError(
                    f"{self.element} {record.data_id} is given twice with different contents.",
                    remedy="Give one record for each key.",
                )
        self.records.update(added)

    def update_from_data_ids(self, data_ids: Iterable[DataCoordinate]) -> None:
        """Add the element's records of expanded data IDs."""
        found = (data_id.records.get(self.element) for data_id in data_ids)
        self.insert_records(dict.fromkeys(record for record in found if record is not None))

    def update_from_dataset_refs(self, refs: Iterable[DatasetRef]) -> None:
        """Add the element's records of expanded refs."""
        self.update_from_data_ids(ref.data_id for ref in refs)


class DimensionDataSync(BaseModel):
    """Records of one element to insert, or to compare with what is there."""

    model_config = OPEN

    element: DimensionElementName
    records: list[RawRecord] = Field(default_factory=list)
    update: bool = False
    """Whether what is there may be changed."""
    on_insert: list[DimensionDataInsertion] = Field(default_factory=list)
    """What to insert only if a record was inserted."""
    on_update: list[DimensionDataInsertion] = Field(default_factory=list)
    """What to insert only if a record was updated."""


class DatasetInsertionBatch(BaseModel):
    """Datasets to register: required values by dataset type, RUN and UUID."""

    model_config = OPEN

    datasets: dict[DatasetTypeName, dict[CollectionName, dict[UUID, tuple[DataIdValue, ...]]]] = Field(
        default_factory=dict
    )
    dimensions: dict[DatasetTypeName, tuple[DimensionName, ...]] = Field(default_factory=dict)
    """The dimensions that the values are for.  A batch for a type that has others by then is refused: its values would be taken
    for something else.  Not checked for types that are left out."""

    def include(self, refs: Iterable[DatasetRef]) -> None:
        """Add datasets; datastore records on them are ignored.

        Raises `ConflictError` if a dataset type has other dimensions than in what is there already.
        """
        dataset_type = run = None
        rows: dict[UUID, tuple[DataIdValue, ...]] = {}
        for ref in refs:
            # Most come in groups: what one has in common with the one before is not looked up again.
            if ref.dataset_type is not dataset_type or ref.run != run:
                dataset_type, run = ref.dataset_type, ref.run
                rows = self.datasets.setdefault(dataset_type.name, {}).setdefault(run, {})
                required = dataset_type.dimensions.required
                if self.dimensions.setdefault(dataset_type.name, required) != required:
                    raise ConflictError(
                        f"Refs of two definitions of dataset type {dataset_type.name!r} cannot be in one batch.",
                        remedy="Make the refs again: butler.make_refs().",
                        name=dataset_type.name,
                    )
            rows[ref.uuid] = ref.required_values

    def __iter__(self) -> Iterator[tuple[UUID, DatasetTypeName, tuple[DataIdValue, ...], CollectionName]]:  # type: ignore[override]
        """Iterate over UUID, dataset type, required values and run."""
        for dataset_type, runs in self.datasets.items():
            for run, rows in runs.items():
                for uuid, values in rows.items():
                    yield uuid, dataset_type, values, run

    def __len__(self) -> int:
        return sum(len(rows) for runs in self.datasets.values() for rows in runs.values())


class DatasetRemovalBatch(BaseModel):
    """Datasets to forget."""

    model_config = OPEN

    uuids: set[UUID] = Field(default_factory=set)

    def include(self, refs: Iterable[DatasetRef]) -> None:
        """Add datasets."""
        self.uuids.update(ref.uuid for ref in refs)

    def __iter__(self) -> Iterator[UUID]:  # type: ignore[override]
        return iter(self.uuids)

    def __len__(self) -> int:
        return len(self.uuids)


class Precondition(BaseModel):
    """Something that must hold inside the transaction."""

    model_config = FROZEN

    kind: Literal["chain", "collection-absent", "collection-present", "dataset-absent", "dataset-present"]
    name: CollectionName | None = None
    children: tuple[CollectionName, ...] | None = None
    type: CollectionType | None = None
    uuid: UUID | None = None
    dataset: tuple[DatasetTypeName, tuple[DataIdValue, ...], CollectionName] | None = None
    """Dataset type, required values, run."""


CollectionEdit = Annotated[
    ChainedCollectionEdit
    | TaggedCollectionEdit
    | Certification
    | Decertification
    | CertificationMerge
    | SetCollectionDocumentation,
    Field(discriminator="kind"),
]


class RawBatch(BaseModel):
    """Registry writes as data, applied in one transaction in the order of the fields; preconditions are checked first."""

    model_config = OPEN

    version: Literal[1] = BATCH_VERSION
    batch_id: UUID = Field(default_factory=new_uuid)
    preconditions: list[Precondition] = Field(default_factory=list)
    dataset_type_registrations: dict[DatasetTypeName, DatasetTypeRegistration] = Field(default_factory=dict)
    collection_registrations: dict[CollectionName, CollectionRegistration] = Field(default_factory=dict)
    dimension_syncs: dict[DimensionElementName, DimensionDataSync] = Field(default_factory=dict)
    dimension_insertions: dict[DimensionElementName, DimensionDataInsertion] = Field(default_factory=dict)
    dataset_insertions: DatasetInsertionBatch = Field(default_factory=DatasetInsertionBatch)
    collection_edits: list[CollectionEdit] = Field(default_factory=list)
    opaque_table_insertions: OpaqueTableBatch = Field(default_factory=OpaqueTableBatch)
    opaque_table_removals: OpaqueTableKeyBatch = Field(default_factory=OpaqueTableKeyBatch)
    dataset_removals: DatasetRemovalBatch = Field(default_factory=DatasetRemovalBatch)
    collection_removals: set[CollectionName] = Field(default_factory=set)
    dataset_type_removals: set[DatasetTypeName] = Field(default_factory=set)

    def clear(self) -> None:
        """Forget everything, and take a new batch ID."""
        fresh = RawBatch()
        for name in type(self).model_fields:
            setattr(self, name, getattr(fresh, name))


class BatchResults(BaseModel):
    """What applying a batch found and did."""

    model_config = FROZEN

    batch_id: UUID
    syncs: tuple[SyncResult, ...] = ()
    """In the order of the calls."""
    datasets: int = 0
    """How many were inserted."""
