"""What type checkers see of `butler_core`: each public name, imported from its module."""

from butler_core.batching.helper import BatchHelper
from butler_core.butler import Butler
from butler_core.datastore_butler import DatastoreButler
from butler_core.expressions.columns import Expression, columns
from butler_core.expressions.query import QueryDescription
from butler_core.limited_butler import DeferredDatasetHandle, GetDeferredResult, LimitedButler
from butler_core.models.batch import (
    BatchResults,
    Certification,
    CertificationMerge,
    ChainedCollectionEdit,
    CollectionRegistration,
    DatasetInsertionBatch,
    DatasetRemovalBatch,
    DatasetTypeRegistration,
    Decertification,
    DimensionDataInsertion,
    DimensionDataSync,
    Precondition,
    RawBatch,
    SetCollectionDocumentation,
    TaggedCollectionEdit,
)
from butler_core.models.collection import (
    CollectionInfo,
    CollectionType,
    SequenceEditMode,
    SetEditMode,
    SetInsertMode,
)
from butler_core.models.columns import ColumnInfo
from butler_core.models.config import RepositoryConfig
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetIdMode, DatasetRef
from butler_core.models.dataset_type import DatasetType
from butler_core.models.export import RawBatchExport
from butler_core.models.file_dataset import FileDataset
from butler_core.models.journal import WriterIdentity
from butler_core.models.opaque import OpaqueTableBatch, OpaqueTableKeyBatch
from butler_core.models.overlap_policy import OverlapJoinPolicy
from butler_core.models.record import DimensionRecord
from butler_core.models.reports import (
    JournalInfo,
    RecoveryReport,
    RepositoryInfo,
    SetAside,
    TransferReport,
    VerificationFinding,
    VerificationReport,
)
from butler_core.models.results import DatasetExistence, GetResult, SyncResult, SyncStatus, UriResult
from butler_core.models.storage_class import StorageClass
from butler_core.models.timespan import Timespan
from butler_core.models.universe import DimensionElement, DimensionGroup, DimensionUniverse
from butler_core.queries.base import QueryAdapter, QueryBase
from butler_core.queries.chain import DatasetQueryChain
from butler_core.queries.collections import CollectionQuery, DatasetTypeQuery
from butler_core.queries.data_ids import DataCoordinateQueryAdapter
from butler_core.queries.datasets import DatasetQueryAdapter
from butler_core.queries.query import Query
from butler_core.queries.records import DimensionRecordQueryAdapter
from butler_core.removal import RemovalHelper
from butler_core.version import __version__

__all__ = [
    "BatchHelper",
    "BatchResults",
    "Butler",
    "Certification",
    "CertificationMerge",
    "ChainedCollectionEdit",
    "CollectionInfo",
    "CollectionQuery",
    "CollectionRegistration",
    "CollectionType",
    "ColumnInfo",
    "DataCoordinate",
    "DataCoordinateQueryAdapter",
    "DatasetExistence",
    "DatasetIdMode",
    "DatasetInsertionBatch",
    "DatasetQueryAdapter",
    "DatasetQueryChain",
    "DatasetRef",
    "DatasetRemovalBatch",
    "DatasetType",
    "DatasetTypeQuery",
    "DatasetTypeRegistration",
    "DatastoreButler",
    "Decertification",
    "DeferredDatasetHandle",
    "DimensionDataInsertion",
    "DimensionDataSync",
    "DimensionElement",
    "DimensionGroup",
    "DimensionRecord",
    "DimensionRecordQueryAdapter",
    "DimensionUniverse",
    "Expression",
    "FileDataset",
    "GetDeferredResult",
    "GetResult",
    "JournalInfo",
    "LimitedButler",
    "OpaqueTableBatch",
    "OpaqueTableKeyBatch",
    "OverlapJoinPolicy",
    "Precondition",
    "Query",
    "QueryAdapter",
    "QueryBase",
    "QueryDescription",
    "RawBatch",
    "RawBatchExport",
    "RecoveryReport",
    "RemovalHelper",
    "RepositoryConfig",
    "RepositoryInfo",
    "SequenceEditMode",
    "SetAside",
    "SetCollectionDocumentation",
    "SetEditMode",
    "SetInsertMode",
    "StorageClass",
    "SyncResult",
    "SyncStatus",
    "TaggedCollectionEdit",
    "Timespan",
    "TransferReport",
    "UriResult",
    "VerificationFinding",
    "VerificationReport",
    "WriterIdentity",
    "__version__",
    "columns",
]
