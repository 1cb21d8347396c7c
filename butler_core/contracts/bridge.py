"""A datastore's records, without the datastore: the part of it that a Registry, or a server, may run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.model_config import FROZEN
from butler_core.models.names import (
    CollectionName,
    ColumnName,
    DatastoreId,
    OpaqueTableName,
    OpaqueTableValues,
    SignAction,
    Uri,
)
from butler_core.models.opaque import OpaqueTable, OpaqueTableBatch


class SignRequest(BaseModel):
    """A wish for a short-lived URL that allows one action on one artifact."""

    model_config = FROZEN

    action: SignAction
    uri: Uri
    size_bytes: int | None = None
    """For put: exactly this many."""
    checksum: str | None = None
    """For put: exactly this, as ``algorithm:hex``."""


class DatastoreBridge(ABC):
    """What a Registry needs of a datastore: its tables, its rows, and predictions of both.

    It goes to `config` and back, so that a server can run it without the datastore.
    """

    datastore_id: DatastoreId
    config: Mapping[str, Any]
    """Built-ins from which the plugin's ``open_bridge`` makes an equal bridge."""
    tables: Mapping[OpaqueTableName, OpaqueTable]

    @abstractmethod
    def opaque_values_to_raw(
        self, table_name: OpaqueTableName, values: Mapping[UUID, OpaqueTableValues]
    ) -> Iterable[dict[ColumnName, Any]]:
        """Return rows for the database: ``dataset_uuid`` and every column of the table; signed URLs left out.

        Values may have come over the wire, so lists are as good as tuples.
        """

    @abstractmethod
    def opaque_raw_to_values(
        self, table_name: OpaqueTableName, rows: Iterable[Mapping[ColumnName, Any]]
    ) -> dict[UUID, OpaqueTableValues]:
        """Turn rows of the database into the values that refs carry, by dataset."""

    @abstractmethod
    def sign_opaque_values(
        self,
        table_name: OpaqueTableName,
        values: dict[UUID, OpaqueTableValues],
        callback: Callable[[SignRequest], Uri],
        action: SignAction,
    ) -> None:
        """Add signed URLs in place; the callback checks rights."""

    @abstractmethod
    def make_opaque_values(
        self, refs: Iterable[DatasetRef], *, batch_id: UUID, files: Iterable[FileDataset] = ()
    ) -> OpaqueTableBatch:
        """Predict the records of datasets not yet written; what only writing tells stays blank.

        Artifact names contain the token of the batch.  Datasets that come in ``files`` take formatter and extension from
        those, and share an artifact where they share a file.

        Raises
        ------
        InvalidInputError
            If two datasets get one name, or a name would leave the datastore's root.
        """

    @abstractmethod
    def journal_paths(self, runs: Iterable[CollectionName]) -> Mapping[CollectionName, Uri]:
        """Say where each RUN's journals go; unsigned."""
