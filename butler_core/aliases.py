"""Readable names for the types that the public interface takes: those of built-ins, and those made from models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from butler_core.contracts.datastore import GetRequest
from butler_core.expressions.where import OrderBy, Where
from butler_core.models.data_id import DataId
from butler_core.models.dataset_type import DatasetType, StorageClassLike
from butler_core.models.names import (
    ArrowReader,
    ArrowTable,
    ArtifactName,
    CollectionDocumentation,
    CollectionName,
    CollectionPattern,
    ColumnName,
    DataIdValue,
    DatasetTypeName,
    DatastoreId,
    DimensionElementName,
    DimensionName,
    Durability,
    FormatterName,
    GetParameter,
    InMemoryDataset,
    JournalPathMap,
    OpaqueTableName,
    OpaqueTableValues,
    Parameters,
    Progress,
    Region,
    SignAction,
    StorageClassName,
    TimeScale,
    TransferMode,
    Uri,
    UriExpression,
)
from butler_core.models.record import DimensionRecord
from butler_core.queries.matching import DatasetTypePattern

DatasetTypeLike: TypeAlias = DatasetType | DatasetTypeName
DimensionData: TypeAlias = DimensionRecord | Mapping[ColumnName, Any]

__all__ = [
    "ArrowReader",
    "ArrowTable",
    "ArtifactName",
    "CollectionDocumentation",
    "CollectionName",
    "CollectionPattern",
    "ColumnName",
    "DataId",
    "DataIdValue",
    "DatasetTypeLike",
    "DatasetTypeName",
    "DatasetTypePattern",
    "DatastoreId",
    "DimensionData",
    "DimensionElementName",
    "DimensionName",
    "Durability",
    "FormatterName",
    "GetParameter",
    "GetRequest",
    "InMemoryDataset",
    "JournalPathMap",
    "OpaqueTableName",
    "OpaqueTableValues",
    "OrderBy",
    "Parameters",
    "Progress",
    "Region",
    "SignAction",
    "StorageClassLike",
    "StorageClassName",
    "TimeScale",
    "TransferMode",
    "Uri",
    "UriExpression",
    "Where",
]
