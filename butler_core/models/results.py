"""Small results that users get back: one item of many, where a dataset stands, what a synchronisation did."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, NamedTuple

from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import (
    ColumnName,
    DataIdValue,
    DimensionElementName,
    InMemoryDataset,
    Parameters,
    Uri,
)


class GetResult(NamedTuple):
    """One dataset of many that were read."""

    index: int  # type: ignore[assignment]
    """Position in the input."""
    ref: DatasetRef
    parameters: Parameters | None
    dataset: InMemoryDataset


class UriResult(NamedTuple):
    """One URI of many; the ref is a component's where the dataset was disassembled."""

    index: int  # type: ignore[assignment]
    """Position in the input."""
    ref: DatasetRef
    uri: Uri


class DatasetExistence(enum.Enum):
    """Where a dataset stands; true in a boolean context only if it can be read."""

    NONE = "none"
    """Not known."""
    REGISTERED = "registered"
    """Known; its bytes were dropped, or never came."""
    STORED = "stored"
    """Can be read."""
    MISSING_ARTIFACT = "missing-artifact"
    """Recorded as stored but not there; seen only if the artifact is checked."""

    def __bool__(self) -> bool:
        return self is DatasetExistence.STORED


class SyncStatus(enum.Enum):
    """What a synchronisation found."""

    INSERTED = "inserted"
    IDENTICAL = "identical"
    UPDATED = "updated"


class SyncResult(NamedTuple):
    """What the synchronisation of one dimension record did."""

    element: DimensionElementName
    key: tuple[DataIdValue, ...]
    """The required values."""
    status: SyncStatus
    old_values: Mapping[ColumnName, Any]
    """Of the columns that changed, as records show them (a Registry answers with raw ones); empty unless UPDATED."""
