"""Writing datastore records, and saying why one cannot be written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence, Set
from typing import Any, NamedTuple
from uuid import UUID

from butler_core.errors import ConflictError, DatasetNotFoundError
from butler_core.models.names import ArtifactName, OpaqueTableName
from butler_core.models.opaque import OpaqueTableBatch, OpaqueTableKeyBatch
from butler_core.sql.context import SqlContext
from butler_core.sql.lookups.dataset_finder import DatasetFinder
from butler_core.sql.writing.transaction import Transaction


class PreparedRecords(NamedTuple):
    """Records of datasets in one table, as rows for the database."""

    table_name: OpaqueTableName
    uuids: Collection[UUID]
    rows: Sequence[tuple[Any, ...]]


class RecordsWriter:
    """Writes datastore records.

    Parameters
    ----------
    context
        The registry's parts.
    finder
        Finds datasets.
    """

    def __init__(self, context: SqlContext, finder: DatasetFinder) -> None:
        self._opaque = context.opaque
        self._make_uuid = context.database.make_uuid
        self._finder = finder

    def prepare(self, batch: OpaqueTableBatch) -> list[PreparedRecords]:
        """Make rows of a batch's records, before its transaction begins; `NotFoundError` for an unknown table."""
        return [
            PreparedRecords(table_name, values.keys(), self._opaque.prepare(table_name, values))
            for table_name, values in batch
        ]

    def insert_all(self, transaction: Transaction, prepared: Iterable[PreparedRecords]) -> None:
        """Add records of datasets.

        Raises
        ------
        DatasetNotFoundError
            If a dataset is not registered.
        ConflictError
            If a dataset has records already.
        """
        for table_name, uuids, rows in prepared:
            if transaction.is_careful:
                self._check(transaction, table_name, uuids)
            self._opaque.insert(transaction.cursor, table_name, rows)

    def remove_all(self, transaction: Transaction, batch: OpaqueTableKeyBatch) -> None:
        """Remove the records of datasets; those that have none are passed over.

        Raises `ConflictError` if a record names an artifact that the batch does not expect.
        """
        for table_name, uuids in batch:
            gone = self._opaque.remove(transaction.cursor, table_name, uuids)
            expected = batch.artifacts.get(table_name)
            if expected is not None:
                self._refuse_others(gone, expected)

    def _refuse_others(self, gone: Iterable[tuple[Any, ArtifactName]], expected: Set[ArtifactName]) -> None:
        for key, artifact in gone:
            if artifact not in expected:
                uuid = self._make_uuid(key)
                raise ConflictError(
                    f"Dataset {uuid} was stored again, as {artifact!r}, after its records were read to be removed.",
                    remedy="Nothing was removed: look again, and remove it if that is still right.",
                    uuid=uuid,
                )

    def _check(self, transaction: Transaction, table_name: OpaqueTableName, uuids: Collection[UUID]) -> None:
        """Raise the error that says which record would break a constraint."""
        keys = [uuid.bytes for uuid in uuids]
        found = {self._make_uuid(key) for key, _, _ in self._finder.find(transaction.cursor, keys)}
        for uuid in uuids:
            if uuid not in found:
                raise DatasetNotFoundError(
                    f"There is no dataset {uuid}, for which datastore records were to be kept.",
                    remedy="Register the dataset in the same batch.",
                    uuid=uuid,
                )
        for uuid in sorted(self._opaque.find_recorded(transaction.cursor, table_name, keys)):
            raise ConflictError(
                f"Dataset {uuid} has records in {table_name!r} already, so it is stored.",
                remedy="Unstore it first, or use what is stored.",
                uuid=uuid,
            )
