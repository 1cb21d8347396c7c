# The public API as it is written: every name that `butler_core` hands out, and its errors.
#
# A change in this file is a decision: whoever makes it says why in the commit, and tells users.  test_signatures.py holds the
# code to it: parameters (names, order, kinds, defaults, types), results, bases, members of enumerations, fields of models.
# What is not here yet comes with the feature that it belongs to.
#
# Not listed: private names, `__repr__`, `__eq__`, `__hash__`, `_repr_html_` and pydantic's hooks.  A field's default that is
# made anew for each object is written as `Field(default_factory=...)`.

import enum
from abc import ABC
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Literal, NamedTuple, Self, TypeVar, overload
from uuid import UUID

from pydantic import BaseModel, Field

from butler_core.aliases import (
    ArrowReader,
    ArrowTable,
    ArtifactName,
    CollectionDocumentation,
    CollectionName,
    CollectionPattern,
    ColumnName,
    DataId,
    DataIdValue,
    DatasetTypeLike,
    DatasetTypeName,
    DatasetTypePattern,
    DatastoreId,
    DimensionData,
    DimensionElementName,
    DimensionName,
    Durability,
    FormatterName,
    GetParameter,
    GetRequest,
    InMemoryDataset,
    OpaqueTableName,
    OpaqueTableValues,
    OrderBy,
    Parameters,
    Progress,
    Region,
    StorageClassLike,
    StorageClassName,
    TimeScale,
    TransferMode,
    Uri,
    UriExpression,
    Where,
)
from butler_core.expressions.query import DatasetSearch, OrderTerm, Upload
from butler_core.expressions.tree import Expr
from butler_core.models.columns import ColumnType
from butler_core.models.dataset_ref import new_uuid
from butler_core.models.journal import BatchOutcome

_T_co = TypeVar("_T_co", covariant=True)

__version__: str

# ==== models ====

class CollectionType(enum.Enum):
    RUN = "run"
    TAGGED = "tagged"
    CHAINED = "chained"
    CALIBRATION = "calibration"

    @classmethod
    def all(cls) -> frozenset[CollectionType]: ...

class SequenceEditMode(enum.Enum):
    ASSIGN = "assign"
    REMOVE = "remove"
    EXTEND = "extend"
    PREPEND = "prepend"

class SetInsertMode(enum.Enum):
    INSERT_OR_FAIL = "insert-or-fail"
    INSERT_OR_SKIP = "insert-or-skip"
    INSERT_OR_REPLACE = "insert-or-replace"

class SetEditMode(enum.Enum):
    INSERT_OR_FAIL = "insert-or-fail"
    INSERT_OR_SKIP = "insert-or-skip"
    INSERT_OR_REPLACE = "insert-or-replace"
    ASSIGN = "assign"
    REMOVE = "remove"
    DISCARD = "discard"

class DatasetIdMode(enum.Enum):
    UNIQUE = "unique"
    DATA_ID = "data_id"
    DATA_ID_RUN = "data_id_run"

class Timespan:
    def __init__(self, begin: int | None = None, end: int | None = None) -> None: ...
    begin: int | None
    end: int | None
    is_empty: bool
    duration_ns: int | None

    @classmethod
    def empty(cls) -> Timespan: ...
    @classmethod
    def from_instant(cls, time_ns: int) -> Timespan: ...
    @classmethod
    def from_iso(cls, begin: str | None, end: str | None, scale: TimeScale = "tai") -> Timespan: ...
    @classmethod
    def from_datetime(cls, begin: datetime | None, end: datetime | None) -> Timespan: ...
    @classmethod
    def from_astropy(cls, begin: Any | None, end: Any | None) -> Timespan: ...
    def to_iso(self, scale: TimeScale = "tai") -> tuple[str | None, str | None]: ...
    def overlaps(self, other: Timespan | int) -> bool: ...
    def contains(self, other: Timespan | int) -> bool: ...
    def intersection(self, *others: Timespan) -> Timespan: ...
    def difference(self, other: Timespan) -> tuple[Timespan, ...]: ...

class DimensionElement(BaseModel):
    name: DimensionElementName
    doc: str = ""
    is_dimension: bool
    is_governor: bool = False
    is_skypix: bool = False
    has_table: bool = True
    joins: bool = False
    populated_by: DimensionName | None = None
    required: tuple[DimensionName, ...] = ()
    implied: tuple[DimensionName, ...] = ()
    primary_key: ColumnInfo | None = None
    alternate_keys: tuple[ColumnInfo, ...] = ()
    metadata: tuple[ColumnInfo, ...] = ()
    spatial_family: str | None = None
    temporal_family: str | None = None

class DimensionUniverse:
    namespace: str
    version: int

    @classmethod
    def load(
        cls, source: str | UriExpression | Mapping[str, Any], version: int | None = None
    ) -> DimensionUniverse: ...
    elements: Mapping[DimensionElementName, DimensionElement]
    dimensions: Mapping[DimensionName, DimensionElement]
    governor_dimensions: Set[DimensionName]
    common_skypix: DimensionName | None
    empty: DimensionGroup

    def conform(self, dimensions: Iterable[DimensionName] | DimensionName) -> DimensionGroup: ...
    def to_dict(self) -> dict[str, Any]: ...

class DimensionGroup(Set[DimensionName]):
    universe: DimensionUniverse

    def __contains__(self, name: object) -> bool: ...
    def __iter__(self) -> Iterator[DimensionName]: ...
    def __len__(self) -> int: ...
    names: tuple[DimensionName, ...]
    required: tuple[DimensionName, ...]
    implied: tuple[DimensionName, ...]
    elements: tuple[DimensionElementName, ...]
    governors: tuple[DimensionName, ...]
    skypix: tuple[DimensionName, ...]

    def union(self, *others: Iterable[DimensionName]) -> DimensionGroup: ...
    def intersection(self, *others: Iterable[DimensionName]) -> DimensionGroup: ...

class DataCoordinate(Mapping[DimensionName, DataIdValue]):
    @classmethod
    def standardize(
        cls,
        data_id: DataId | None = None,
        *,
        dimensions: Iterable[DimensionName] | None = None,
        universe: DimensionUniverse,
        defaults: DataCoordinate | None = None,
        **kwargs: DataIdValue,
    ) -> DataCoordinate: ...
    def __getitem__(self, name: DimensionName) -> DataIdValue: ...
    def __iter__(self) -> Iterator[DimensionName]: ...
    def __len__(self) -> int: ...
    dimensions: DimensionGroup
    required: Mapping[DimensionName, DataIdValue]
    is_full: bool
    is_expanded: bool
    records: Mapping[DimensionElementName, Any]  # DimensionRecord | None
    region: Region | None
    timespan: Timespan | None

    def subset(self, dimensions: Iterable[DimensionName]) -> DataCoordinate: ...
    def union(self, other: DataCoordinate) -> DataCoordinate: ...

class DimensionRecord:
    element: DimensionElement
    data_id: DataCoordinate
    region: Region | None
    timespan: Timespan | None

    def __getattr__(self, column: str) -> Any: ...
    def __getitem__(self, column: ColumnName) -> Any: ...
    def to_dict(self) -> dict[ColumnName, Any]: ...

class DatasetType:
    name: DatasetTypeName
    dimensions: DimensionGroup
    storage_class_name: StorageClassName
    is_calibration: bool

    def __init__(
        self,
        name: DatasetTypeName,
        dimensions: DimensionGroup,
        storage_class: StorageClassLike,
        *,
        is_calibration: bool = False,
    ) -> None: ...
    storage_class: StorageClass
    component: str | None

    def make_component(self, component: str) -> DatasetType: ...
    def with_storage_class(self, storage_class: StorageClassLike) -> DatasetType: ...

class DatasetRef:
    uuid: UUID
    dataset_type: DatasetType
    data_id: DataCoordinate
    run: CollectionName
    datastore_records: Mapping[OpaqueTableName, OpaqueTableValues] | None

    def __init__(
        self,
        uuid: UUID,
        dataset_type: DatasetType,
        data_id: DataCoordinate,
        run: CollectionName,
        datastore_records: Mapping[OpaqueTableName, OpaqueTableValues] | None = None,
    ) -> None: ...
    is_expanded: bool

    def make_component(self, component: str) -> DatasetRef: ...
    def with_storage_class(self, storage_class: StorageClassLike) -> DatasetRef: ...

class FileDataset:
    path: Uri
    refs: list[DatasetRef]
    formatter: FormatterName | None

    def __init__(
        self,
        path: UriExpression,
        refs: Sequence[DatasetRef] | DatasetRef,
        formatter: FormatterName | None = None,
    ) -> None: ...

class StorageClass:
    name: StorageClassName
    components: Mapping[str, StorageClassName]
    derived_components: Mapping[str, StorageClassName]
    parameters: Set[GetParameter]
    pytype: type
    delegate: Any | None

    def can_convert(self, other: StorageClass) -> bool: ...
    def coerce(self, obj: Any) -> Any: ...

class RepositoryConfig(BaseModel):
    version: Literal[1] = 1
    repository_id: UUID
    root: Uri
    registry: Mapping[str, Any]
    datastore: Mapping[str, Any]
    durability: Durability = "power-loss"
    allow_pickle: bool = False

class OverlapJoinPolicy(enum.Enum):
    FINE = "fine"
    COARSE = "coarse"
    REQUIRE_MANUAL = "require-manual"
    CARTESIAN = "cartesian"

class QueryDescription(BaseModel):
    version: Literal[1] = 1
    kind: Literal["datasets", "data_ids", "records", "rows"]
    answer: Literal["rows", "uuids", "count", "any", "plan"] = "rows"
    dimensions: tuple[DimensionName, ...]
    joined_dimensions: tuple[DimensionName, ...] = ()
    overlap_policy: OverlapJoinPolicy = OverlapJoinPolicy.FINE
    spatial_joins: tuple[tuple[DimensionElementName, DimensionElementName], ...] = ()
    temporal_joins: tuple[tuple[DimensionElementName, DimensionElementName], ...] = ()
    columns: tuple[ColumnName, ...] = ()
    unique: bool = True
    dataset_type: DatasetTypeName | None = None
    element: DimensionElementName | None = None
    searches: tuple[DatasetSearch, ...] = ()
    data_id: tuple[tuple[DimensionName, DataIdValue], ...] = ()
    uuids: frozenset[UUID] | None = None
    uploads: tuple[Upload, ...] = ()
    where: Expr | None = None
    where_text: str = ""
    order_by: tuple[OrderTerm, ...] = ()
    offset: int = 0
    limit: int | None = None
    exact: bool = True
    sort_values: bool = False
    dimension_records: bool = False
    datastore_records: bool = False

# ==== results ====

class GetResult(NamedTuple):
    index: int  # type: ignore[assignment]
    ref: DatasetRef
    parameters: Parameters | None
    dataset: InMemoryDataset

class GetDeferredResult(NamedTuple):
    index: int  # type: ignore[assignment]
    ref: DatasetRef
    parameters: Parameters | None
    handle: DeferredDatasetHandle

class UriResult(NamedTuple):
    index: int  # type: ignore[assignment]
    ref: DatasetRef
    uri: Uri

class DatasetExistence(enum.Enum):
    NONE = "none"
    REGISTERED = "registered"
    STORED = "stored"
    MISSING_ARTIFACT = "missing-artifact"

    def __bool__(self) -> bool: ...

class Expression:
    def __getattr__(self, name: str) -> Expression: ...
    def __getitem__(self, name: str) -> Expression: ...
    def __eq__(self, other: object) -> Expression: ...  # type: ignore[override]
    def __ne__(self, other: object) -> Expression: ...  # type: ignore[override]
    def __lt__(self, other: Any) -> Expression: ...
    __le__ = __gt__ = __ge__ = __add__ = __sub__ = __mul__ = __truediv__ = __mod__ = __and__ = __or__ = __lt__
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rmod__ = __lt__

    def __neg__(self) -> Expression: ...
    __pos__ = __invert__ = __neg__

    def is_null(self) -> Expression: ...
    def is_in(self, values: Iterable[Any] | Timespan | Expression) -> Expression: ...
    def between(self, low: Any, high: Any) -> Expression: ...
    def overlaps(self, other: Any) -> Expression: ...
    def glob(self, pattern: str) -> Expression: ...
    def like(self, pattern: str) -> Expression: ...
    def desc(self) -> Expression: ...

columns: Expression

class ColumnInfo(NamedTuple):
    name: ColumnName
    type: ColumnType
    unit: str = ""
    doc: str = ""
    nullable: bool = True

class QueryBase(Iterable[_T_co], Generic[_T_co]):
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None: ...
    def __iter__(self) -> Iterator[_T_co]: ...
    def sorted(self, order_by: OrderBy) -> Self: ...
    def sliced(self, start: int = 0, stop: int | None = None) -> Self: ...
    def run(self) -> Self: ...
    def count(self, *, exact: bool = True, discard: bool = False) -> int: ...
    def any(self, *, execute: bool = True, exact: bool = True) -> bool: ...
    def explain_no_results(self, *, execute: bool = True) -> list[str]: ...
    def explain(self) -> str: ...
    def to_arrow(self) -> ArrowTable: ...
    def to_arrow_reader(self) -> ArrowReader: ...

class Query(QueryBase[Mapping[ColumnName, Any]]):
    description: QueryDescription
    dimensions: DimensionGroup
    has_dimension_record_columns: bool | DimensionElementName
    has_datastore_record_columns: bool | DatasetTypeName
    def available_columns(self) -> Sequence[ColumnInfo]: ...
    def join_datasets(
        self,
        dataset_type: DatasetTypeLike,
        collections: CollectionPattern = None,
        *,
        find_first: bool = True,
        columns: Iterable[ColumnName] = ("uuid", "run"),
        temporal_join: OverlapJoinPolicy | DimensionElementName = OverlapJoinPolicy.FINE,
    ) -> Query: ...
    def join_dimensions(
        self,
        dimensions: Iterable[DimensionName],
        spatial_joins: Iterable[tuple[DimensionElementName, DimensionElementName]] = (),
        temporal_joins: Iterable[tuple[DimensionElementName | DatasetTypeName, DimensionElementName]] = (),
        overlap_policy: OverlapJoinPolicy = OverlapJoinPolicy.FINE,
    ) -> Query: ...
    def join_external_data_ids(
        self, dimensions: DimensionGroup | Iterable[DimensionName], data_ids: Iterable[DataId]
    ) -> Query: ...
    def join_external_uuids(self, dataset_type: DatasetTypeLike, uuids: Iterable[UUID]) -> Query: ...
    def where(
        self,
        expression: Where = "",
        data_id: DataId | None = None,
        uuid: tuple[DatasetTypeLike, UUID] | None = None,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> Query: ...
    def projected(
        self,
        dimensions: Iterable[DimensionName] | None = None,
        unique: bool = True,
        columns: Iterable[ColumnName] | None = None,
        drop_postprocessing: bool = False,
        keep_record_columns: bool = True,
    ) -> Query: ...
    def with_dimension_record_columns(self, element: DimensionElementName | None = None) -> Query: ...
    def with_datastore_record_columns(self, dataset_type_name: DatasetTypeName | None = None) -> Query: ...
    def materialized(self) -> Query: ...
    def datasets(
        self,
        dataset_type: DatasetTypePattern,
        collections: CollectionPattern = None,
        *,
        find_first: bool = True,
    ) -> DatasetQueryChain: ...
    def data_ids(
        self, dimensions: Iterable[DimensionName] | DimensionName | None = None
    ) -> DataCoordinateQueryAdapter: ...
    def dimension_records(self, element: DimensionElementName) -> DimensionRecordQueryAdapter: ...
    def collections(self, pattern: CollectionPattern = ...) -> CollectionQuery: ...
    def dataset_types(self, pattern: DatasetTypePattern = ...) -> DatasetTypeQuery: ...

class QueryAdapter(QueryBase[_T_co]):
    def where(
        self,
        expression: Where = "",
        data_id: DataId | None = None,
        *,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> Self: ...

class DatasetQueryAdapter(QueryAdapter[DatasetRef]):
    query: Any
    dataset_type: DatasetType

    def expanded(self) -> Self: ...
    def uuids(self) -> Iterable[UUID]: ...

class DatasetQueryChain(QueryAdapter[DatasetRef]):
    by_dataset_type: Mapping[DatasetTypeName, DatasetQueryAdapter]

    query: Any
    def expanded(self) -> Self: ...
    def uuids(self) -> Iterable[UUID]: ...

class DataCoordinateQueryAdapter(QueryAdapter[DataCoordinate]):
    query: Any
    dimensions: DimensionGroup

    def expanded(self) -> Self: ...

class DimensionRecordQueryAdapter(QueryAdapter[DimensionRecord]):
    query: Any
    element: DimensionElementName

class CollectionInfo(NamedTuple):
    name: CollectionName
    type: CollectionType
    doc: CollectionDocumentation = ""
    children: Sequence[CollectionName] | None = None

class CollectionQuery(Sequence[CollectionName]):
    def details(self) -> Iterator[CollectionInfo]: ...
    def summarize_types(self) -> Set[CollectionType]: ...
    @overload
    def __getitem__(self, index: int) -> CollectionName: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[CollectionName]: ...
    def __len__(self) -> int: ...

class DatasetTypeQuery(Mapping[DatasetTypeName, DatasetType]):
    def summarize_storage_classes(self) -> Set[StorageClassName]: ...
    def __getitem__(self, name: DatasetTypeName) -> DatasetType: ...
    def __iter__(self) -> Iterator[DatasetTypeName]: ...
    def __len__(self) -> int: ...

class SyncStatus(enum.Enum):
    INSERTED = "inserted"
    IDENTICAL = "identical"
    UPDATED = "updated"

class SyncResult(NamedTuple):
    element: DimensionElementName
    key: tuple[DataIdValue, ...]
    status: SyncStatus
    old_values: Mapping[ColumnName, Any]

class TransferReport(BaseModel):
    datasets: int = 0
    skipped: int = 0
    files: int = 0
    size_bytes: int | None = 0
    chunks: int = 0
    missing: tuple[UUID, ...] = ()

class WriterIdentity(BaseModel):
    host: str
    boot_id: str
    pid_namespace: str
    pid: int
    process_start: int

class JournalInfo(BaseModel):
    datastore: DatastoreId
    name: str
    batch_id: UUID | None
    kind: Literal["write", "remove", "graph"] | None
    run: CollectionName | None
    begun: datetime | None
    writer: WriterIdentity | None
    artifacts: int
    size_bytes: int | None
    outcome: BatchOutcome
    problem: str = ""

class RecoveryReport(BaseModel):
    finished: tuple[JournalInfo, ...] = ()
    waiting: tuple[JournalInfo, ...] = ()
    left_alone: tuple[JournalInfo, ...] = ()
    kept: int = 0
    deleted: int = 0
    freed_bytes: int | None = 0

class VerificationFinding(BaseModel):
    kind: Literal["missing", "unknown", "size", "checksum", "journal", "unreadable"]
    datastore: DatastoreId
    artifact: ArtifactName
    uuids: tuple[UUID, ...]
    detail: str
    repaired: bool

class SetAside(BaseModel):
    datastore: DatastoreId
    artifacts: int
    size_bytes: int
    oldest: datetime | None

class VerificationReport(BaseModel):
    findings: tuple[VerificationFinding, ...]
    checked: int
    checked_bytes: int
    resume: str | None
    set_aside: tuple[SetAside, ...] = ()

class RepositoryInfo(BaseModel):
    repository_id: UUID
    universe: tuple[str, int]
    registry: str
    datastores: Mapping[DatastoreId, str]
    durability: Durability
    versions: Mapping[str, int]

# ==== batches ====

class BatchHelper:
    butler: Butler
    batch_id: UUID
    raw: RawBatch
    results: BatchResults

    def register_collection(
        self,
        name: CollectionName,
        type: CollectionType = CollectionType.RUN,
        doc: CollectionDocumentation = "",
    ) -> None: ...
    def edit_collection_chain(
        self,
        chain_name: CollectionName,
        children: Sequence[CollectionName | int],
        mode: SequenceEditMode,
        *,
        flatten: bool = False,
    ) -> None: ...
    def set_collection_documentation(self, name: CollectionName, doc: CollectionDocumentation) -> None: ...
    def edit_associations(
        self, collection: CollectionName, refs: Iterable[DatasetRef], mode: SetEditMode
    ) -> None: ...
    def register_dataset_type(
        self,
        dataset_type_or_name: DatasetTypeLike,
        /,
        dimensions: Iterable[DimensionName] | None = None,
        storage_class: StorageClassLike | None = None,
        is_calibration: bool | None = None,
        update: bool = False,
    ) -> DatasetType: ...
    def insert_dimension_data(
        self,
        element: DimensionElementName,
        data: Iterable[DimensionData],
        mode: SetInsertMode = SetInsertMode.INSERT_OR_FAIL,
        *,
        on_insert_of: DimensionElementName | None = None,
        on_update_of: DimensionElementName | None = None,
    ) -> None: ...
    def sync_dimension_data(
        self, record: DimensionData, update: bool = False, *, element: DimensionElementName | None = None
    ) -> None: ...
    def certify(self, collection: CollectionName, refs: Iterable[DatasetRef], timespan: Timespan) -> None: ...
    def decertify(
        self,
        collection: CollectionName,
        dataset_type: DatasetTypeLike,
        timespan: Timespan | None = None,
        *,
        data_ids: Iterable[DataId] | None = None,
    ) -> None: ...
    def merge_certifications(self, output: CollectionName, inputs: Sequence[CollectionName]) -> None: ...
    def removal(self) -> AbstractContextManager[RemovalHelper]: ...
    def remove_dataset_type(self, name: DatasetTypeName) -> None: ...
    def ingest(
        self,
        *datasets: FileDataset,
        directory: UriExpression | None = None,
        transfer: TransferMode | None = "auto",
        own_absolute: bool = False,
        record_validation_info: bool = True,
    ) -> None: ...
    def require_chain(self, chain_name: CollectionName, children: Sequence[CollectionName]) -> None: ...
    def require_collection_absent(self, name: CollectionName) -> None: ...
    def require_collection_present(
        self, name: CollectionName, type: CollectionType | None = None
    ) -> None: ...
    def require_dataset_absent(self, dataset: DatasetRef | UUID) -> None: ...
    def require_dataset_present(self, dataset: DatasetRef | UUID) -> None: ...

class RemovalHelper:
    butler: Butler
    datasets: Set[DatasetRef]
    collections: Set[CollectionName]
    chain_links: Mapping[CollectionName, Set[CollectionName]]
    associations: Mapping[CollectionName, Set[DatasetRef]]
    orphaned: Set[CollectionName]
    size_bytes: int | None

    def include_datasets(
        self, refs: Iterable[DatasetRef], find_associations_in: CollectionPattern = ()
    ) -> None: ...
    def include_collections(
        self,
        wildcard: CollectionPattern,
        find_orphaned: bool = False,
        find_associations_in: CollectionPattern = (),
    ) -> dict[CollectionName, Set[DatasetRef]]: ...
    def include_orphaned(
        self,
        find_orphaned: bool = True,
        recurse: bool = False,
        find_associations_in: CollectionPattern = (),
    ) -> None: ...
    def cancel(self) -> None: ...
    def __bool__(self) -> bool: ...

class BatchResults(BaseModel):
    batch_id: UUID
    syncs: tuple[SyncResult, ...] = ()
    datasets: int = 0

class DatasetTypeRegistration(BaseModel):
    name: DatasetTypeName
    dimensions: tuple[DimensionName, ...]
    storage_class_name: StorageClassName
    is_calibration: bool
    update: bool = False

    @classmethod
    def from_dataset_type(
        cls, dataset_type: DatasetType, update: bool = False
    ) -> DatasetTypeRegistration: ...

class CollectionRegistration(BaseModel):
    name: CollectionName
    type: CollectionType
    doc: CollectionDocumentation = ""

class SetCollectionDocumentation(BaseModel):
    kind: Literal["documentation"] = "documentation"
    name: CollectionName
    doc: CollectionDocumentation

class ChainedCollectionEdit(BaseModel):
    kind: Literal["chain"] = "chain"
    chain: CollectionName
    children: tuple[CollectionName | int, ...]
    mode: SequenceEditMode
    flatten: bool = False

class TaggedCollectionEdit(BaseModel):
    kind: Literal["tagged"] = "tagged"
    collection: CollectionName
    datasets: frozenset[UUID]
    mode: SetEditMode

class Certification(BaseModel):
    kind: Literal["certify"] = "certify"
    collection: CollectionName
    datasets: frozenset[UUID]
    timespan: tuple[int | None, int | None]

class Decertification(BaseModel):
    kind: Literal["decertify"] = "decertify"
    collection: CollectionName
    dataset_type: DatasetTypeName
    timespan: tuple[int | None, int | None]
    data_ids: tuple[tuple[DataIdValue, ...], ...] | None = None
    datasets: frozenset[UUID] | None = None

class CertificationMerge(BaseModel):
    kind: Literal["merge"] = "merge"
    output: CollectionName
    inputs: tuple[CollectionName, ...]

class DimensionDataInsertion(BaseModel):
    element: DimensionElementName
    records: dict[tuple[DataIdValue, ...], dict[ColumnName, Any]] = Field(default_factory=dict)
    mode: SetInsertMode = SetInsertMode.INSERT_OR_SKIP

    def insert_records(self, records: Iterable[DimensionRecord]) -> None: ...
    def update_from_data_ids(self, data_ids: Iterable[DataCoordinate]) -> None: ...
    def update_from_dataset_refs(self, refs: Iterable[DatasetRef]) -> None: ...

class DimensionDataSync(BaseModel):
    element: DimensionElementName
    records: list[dict[ColumnName, Any]] = Field(default_factory=list)
    update: bool = False
    on_insert: list[DimensionDataInsertion] = Field(default_factory=list)
    on_update: list[DimensionDataInsertion] = Field(default_factory=list)

class DatasetInsertionBatch(BaseModel):
    datasets: dict[DatasetTypeName, dict[CollectionName, dict[UUID, tuple[DataIdValue, ...]]]] = Field(
        default_factory=dict
    )
    dimensions: dict[DatasetTypeName, tuple[DimensionName, ...]] = Field(default_factory=dict)
    def include(self, refs: Iterable[DatasetRef]) -> None: ...
    def __iter__(self) -> Iterator[tuple[UUID, DatasetTypeName, tuple[DataIdValue, ...], CollectionName]]: ...  # type: ignore[override]
    def __len__(self) -> int: ...

class DatasetRemovalBatch(BaseModel):
    uuids: set[UUID] = Field(default_factory=set)
    def include(self, refs: Iterable[DatasetRef]) -> None: ...
    def __iter__(self) -> Iterator[UUID]: ...  # type: ignore[override]
    def __len__(self) -> int: ...

class OpaqueTableBatch(BaseModel):
    tables: dict[OpaqueTableName, dict[UUID, OpaqueTableValues]] = Field(default_factory=dict)
    def __iter__(self) -> Iterator[tuple[OpaqueTableName, dict[UUID, OpaqueTableValues]]]: ...  # type: ignore[override]
    def __getitem__(self, table_name: OpaqueTableName) -> dict[UUID, OpaqueTableValues]: ...
    def __delitem__(self, table_name: OpaqueTableName) -> None: ...
    def insert(self, table_name: OpaqueTableName, data: Iterable[tuple[UUID, OpaqueTableValues]]) -> None: ...
    def update(self, other: OpaqueTableBatch) -> None: ...
    def attach_to(self, refs: Iterable[DatasetRef]) -> list[DatasetRef]: ...

class OpaqueTableKeyBatch(BaseModel):
    tables: dict[OpaqueTableName, set[UUID]] = Field(default_factory=dict)
    artifacts: dict[OpaqueTableName, set[ArtifactName]] = Field(default_factory=dict)
    def __iter__(self) -> Iterator[tuple[OpaqueTableName, set[UUID]]]: ...  # type: ignore[override]
    def __getitem__(self, table_name: OpaqueTableName) -> set[UUID]: ...
    def __delitem__(self, table_name: OpaqueTableName) -> None: ...
    def insert(self, table_name: OpaqueTableName, keys: Iterable[UUID]) -> None: ...
    def expect(self, table_name: OpaqueTableName, artifacts: Iterable[ArtifactName]) -> None: ...
    def update(self, other: OpaqueTableKeyBatch) -> None: ...

class Precondition(BaseModel):
    kind: Literal["chain", "collection-absent", "collection-present", "dataset-absent", "dataset-present"]
    name: CollectionName | None = None
    children: tuple[CollectionName, ...] | None = None
    type: CollectionType | None = None
    uuid: UUID | None = None
    dataset: tuple[DatasetTypeName, tuple[DataIdValue, ...], CollectionName] | None = None

class RawBatch(BaseModel):
    version: Literal[1] = 1
    batch_id: UUID = Field(default_factory=new_uuid)
    preconditions: list[Precondition] = Field(default_factory=list)
    dataset_type_registrations: dict[DatasetTypeName, DatasetTypeRegistration] = Field(default_factory=dict)
    collection_registrations: dict[CollectionName, CollectionRegistration] = Field(default_factory=dict)
    dimension_syncs: dict[DimensionElementName, DimensionDataSync] = Field(default_factory=dict)
    dimension_insertions: dict[DimensionElementName, DimensionDataInsertion] = Field(default_factory=dict)
    dataset_insertions: DatasetInsertionBatch = Field(default_factory=DatasetInsertionBatch)
    collection_edits: list[
        ChainedCollectionEdit
        | TaggedCollectionEdit
        | Certification
        | Decertification
        | CertificationMerge
        | SetCollectionDocumentation
    ] = Field(default_factory=list)
    opaque_table_insertions: OpaqueTableBatch = Field(default_factory=OpaqueTableBatch)
    opaque_table_removals: OpaqueTableKeyBatch = Field(default_factory=OpaqueTableKeyBatch)
    dataset_removals: DatasetRemovalBatch = Field(default_factory=DatasetRemovalBatch)
    collection_removals: set[CollectionName] = Field(default_factory=set)
    dataset_type_removals: set[DatasetTypeName] = Field(default_factory=set)

    def clear(self) -> None: ...

class RawBatchExport(BaseModel):
    datastore_config: dict[str, Any] | None = None
    batch: RawBatch = Field(default_factory=RawBatch)
    files: dict[str, tuple[FormatterName | None, frozenset[UUID]]] = Field(default_factory=dict)

# ==== butlers ====

class LimitedButler(ABC):
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None: ...
    def put(self, obj: InMemoryDataset, ref: DatasetRef) -> DatasetRef: ...
    def put_many(self, arg: Iterable[tuple[InMemoryDataset, DatasetRef]], /) -> list[DatasetRef]: ...
    def predict_put_many(self, refs: Iterable[DatasetRef]) -> list[DatasetRef]: ...
    def get(
        self,
        ref: DatasetRef,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> InMemoryDataset: ...
    def get_many(self, arg: Iterable[GetRequest], /) -> Iterator[GetResult]: ...
    def get_deferred(
        self,
        ref: DatasetRef,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> DeferredDatasetHandle: ...
    def get_many_deferred(self, arg: Iterable[GetRequest], /) -> Iterator[GetDeferredResult]: ...
    def get_uri(self, ref: DatasetRef, *, signed: bool = False) -> Uri: ...
    def get_many_uris(self, refs: Iterable[DatasetRef], *, signed: bool = False) -> Iterator[UriResult]: ...
    def exists(self, ref: DatasetRef, *, check_artifact: bool = False) -> DatasetExistence: ...
    def exists_many(
        self, refs: Iterable[DatasetRef], *, check_artifact: bool = False
    ) -> list[DatasetExistence]: ...
    def unstore(self, refs: Iterable[DatasetRef]) -> None: ...
    dimensions: DimensionUniverse
    is_writeable: bool

    def close(self) -> None: ...

class DatastoreButler(LimitedButler): ...

class Butler(DatastoreButler):
    @staticmethod
    def make_repo(
        root: UriExpression,
        config: RepositoryConfig | Mapping[str, Any] | UriExpression | None = None,
        dimensions: DimensionUniverse | str | UriExpression | None = None,
        *,
        search_paths: Sequence[UriExpression] = (),
        outfile: UriExpression | None = None,
        overwrite: bool = False,
        durability: Durability = "power-loss",
    ) -> RepositoryConfig: ...
    @staticmethod
    def get_repo_uri(label: str) -> Uri: ...
    @staticmethod
    def get_known_repos() -> Set[str]: ...
    def __init__(
        self,
        config: RepositoryConfig | Mapping[str, Any] | UriExpression | None = None,
        *,
        butler: Butler | None = None,
        collections: CollectionPattern = None,
        run: CollectionName | None = None,
        search_paths: Sequence[UriExpression] = (),
        writeable: bool | None = None,
        infer_defaults: bool = True,
        progress: Progress | None = None,
        **kwargs: DataIdValue,
    ) -> None: ...
    collections: Sequence[CollectionName]
    run: CollectionName | None
    data_id_defaults: DataCoordinate
    dimensions: DimensionUniverse
    is_writeable: bool
    storage_classes: Mapping[StorageClassName, StorageClass]

    def info(self) -> RepositoryInfo: ...
    def clear_caches(self) -> None: ...
    @overload
    def put(self, obj: InMemoryDataset, ref: DatasetRef) -> DatasetRef: ...
    @overload
    def put(
        self,
        obj: InMemoryDataset,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        storage_class: StorageClassLike | None = None,
        run: CollectionName | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetRef: ...
    @overload
    def get(
        self,
        ref: DatasetRef,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> InMemoryDataset: ...
    @overload
    def get(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> InMemoryDataset: ...
    @overload
    def get_deferred(
        self,
        ref: DatasetRef,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> DeferredDatasetHandle: ...
    @overload
    def get_deferred(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> DeferredDatasetHandle: ...
    @overload
    def get_uri(self, ref: DatasetRef, *, signed: bool = False) -> Uri: ...
    @overload
    def get_uri(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        signed: bool = False,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> Uri: ...
    @overload
    def exists(self, ref: DatasetRef, *, check_artifact: bool = False) -> DatasetExistence: ...
    @overload
    def exists(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        check_artifact: bool = False,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetExistence: ...
    def make_refs(
        self,
        dataset_type: DatasetTypeLike,
        data_ids: Iterable[DataId],
        *,
        run: CollectionName | None = None,
        id_mode: DatasetIdMode | Literal["unique", "data_id", "data_id_run"] = "unique",
    ) -> list[DatasetRef]: ...
    def query(self, description: QueryDescription | None = None) -> Query: ...
    def query_datasets(
        self,
        dataset_type: DatasetTypePattern,
        collections: CollectionPattern = None,
        *,
        find_first: bool = True,
        where: Where = "",
        data_id: DataId | None = None,
        uuid: UUID | None = None,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetQueryChain: ...
    def query_data_ids(
        self,
        dimensions: Iterable[DimensionName] | DimensionName,
        *,
        where: Where = "",
        data_id: DataId | None = None,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> DataCoordinateQueryAdapter: ...
    def query_dimension_records(
        self,
        element: DimensionElementName,
        *,
        where: Where = "",
        data_id: DataId | None = None,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> DimensionRecordQueryAdapter: ...
    def query_collections(
        self,
        pattern: CollectionPattern = ...,
        *,
        types: Iterable[CollectionType] | CollectionType | None = None,
        flatten_chains: bool = False,
        include_chains: bool | None = None,
        having_datasets: Iterable[DatasetTypeName] | DatasetTypeName = (),
        exact: bool = True,
    ) -> CollectionQuery: ...
    def query_dataset_types(
        self,
        pattern: DatasetTypePattern = ...,
        *,
        dimensions: Iterable[DimensionName] = (),
        collections: CollectionPattern = ...,
        exact: bool = True,
    ) -> DatasetTypeQuery: ...
    def resolve_dataset(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        expand: bool = True,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetRef: ...
    def get_dataset(self, uuid: UUID) -> DatasetRef: ...
    def expand_data_id(
        self,
        data_id: DataId | None = None,
        dimensions: Iterable[DimensionName] | None = None,
        **kwargs: DataIdValue,
    ) -> DataCoordinate: ...
    def get_dataset_type(self, name: DatasetTypeName) -> DatasetType: ...
    def get_collection_chain(self, chain_name: CollectionName) -> Sequence[CollectionName]: ...
    def get_collection_documentation(self, name: CollectionName) -> CollectionDocumentation: ...
    def batched(self) -> AbstractContextManager[BatchHelper]: ...
    def register_collection(
        self,
        name: CollectionName,
        type: CollectionType = CollectionType.RUN,
        doc: CollectionDocumentation = "",
    ) -> None: ...
    def edit_collection_chain(
        self,
        chain_name: CollectionName,
        children: Sequence[CollectionName | int],
        mode: SequenceEditMode,
        *,
        flatten: bool = False,
    ) -> None: ...
    def set_collection_documentation(self, name: CollectionName, doc: CollectionDocumentation) -> None: ...
    def edit_associations(
        self, collection: CollectionName, refs: Iterable[DatasetRef], mode: SetEditMode
    ) -> None: ...
    def certify(self, collection: CollectionName, refs: Iterable[DatasetRef], timespan: Timespan) -> None: ...
    def decertify(
        self,
        collection: CollectionName,
        dataset_type: DatasetTypeLike,
        timespan: Timespan | None = None,
        *,
        data_ids: Iterable[DataId] | None = None,
    ) -> None: ...
    def merge_certifications(self, output: CollectionName, inputs: Sequence[CollectionName]) -> None: ...
    def removal(self) -> AbstractContextManager[RemovalHelper]: ...
    def register_dataset_type(
        self,
        dataset_type_or_name: DatasetTypeLike,
        /,
        dimensions: Iterable[DimensionName] | None = None,
        storage_class: StorageClassLike | None = None,
        is_calibration: bool | None = None,
        update: bool = False,
    ) -> DatasetType: ...
    def remove_dataset_type(self, name: DatasetTypeName) -> None: ...
    def insert_dimension_data(
        self,
        element: DimensionElementName,
        data: Iterable[DimensionData],
        mode: SetInsertMode = SetInsertMode.INSERT_OR_FAIL,
    ) -> None: ...
    def sync_dimension_data(
        self, record: DimensionData, update: bool = False, *, element: DimensionElementName | None = None
    ) -> SyncResult: ...
    def ingest(
        self,
        *datasets: FileDataset,
        directory: UriExpression | None = None,
        transfer: TransferMode | None = "auto",
        own_absolute: bool = False,
        record_validation_info: bool = True,
    ) -> list[DatasetRef]: ...
    def import_(
        self,
        filename: UriExpression | None = None,
        *,
        transfer: TransferMode | None = None,
        directory: UriExpression | None = None,
        dimension_insert_mode: SetInsertMode | None = None,
        record_validation_info: bool = True,
        skip_files: bool = False,
        dry_run: bool = False,
    ) -> TransferReport: ...
    def journals(self) -> list[JournalInfo]: ...
    def recover(self, *, dry_run: bool = False) -> RecoveryReport: ...
    def verify(
        self,
        collections: CollectionPattern = ...,
        dataset_types: DatasetTypePattern = ...,
        *,
        sample: float = 1.0,
        checksums: bool = False,
        repair: bool = False,
        workers: int | None = None,
        resume: str | None = None,
    ) -> VerificationReport: ...

class DeferredDatasetHandle:
    ref: DatasetRef

    def get(
        self,
        *,
        component: str | None = None,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> InMemoryDataset: ...

# ==== errors, imported from butler_core.errors ====

class ButlerError(Exception):
    code: str
    remedy: str
    details: Mapping[str, Any]

    def __init__(self, problem: str, *, remedy: str = "", **details: Any) -> None: ...

class NotFoundError(ButlerError, LookupError): ...
class DatasetNotFoundError(NotFoundError): ...
class DatasetNotStoredError(NotFoundError): ...
class DatasetTypeNotFoundError(NotFoundError): ...
class CollectionNotFoundError(NotFoundError): ...
class ConflictError(ButlerError): ...
class DatasetExistsError(ConflictError): ...
class DefinitionConflictError(ConflictError): ...
class InUseError(ConflictError): ...
class PreconditionError(ConflictError): ...
class BatchFencedError(ConflictError): ...
class InvalidInputError(ButlerError, ValueError): ...
class DataIdError(InvalidInputError): ...
class AmbiguousLookupError(InvalidInputError): ...
class QueryError(InvalidInputError): ...
class ConfigurationError(InvalidInputError): ...
class UnavailableError(ButlerError): ...
class OutcomeUnknownError(UnavailableError): ...
class ForbiddenError(ButlerError): ...
class CorruptError(ButlerError): ...
class IncompatibleError(ButlerError): ...
class PluginError(IncompatibleError): ...
class InternalError(ButlerError): ...
