"""Writing datastore records, and saying why one cannot be written."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from butler_core.errors import ConflictError, DatasetNotFoundError
from butler_core.models.names import OpaqueTableName, OpaqueTableValues
from butler_core.models.opaque import OpaqueTableBatch, OpaqueTableKeyBatch
from butler_core.sql.context import SqlContext
from butler_core.sql.dataset_finder import DatasetFinder
from butler_core.sql.transaction import Transaction


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

    def insert_all(self, transaction: Transaction, batch: OpaqueTableBatch) -> None:
        """Add records of datasets.

        Raises
        ------
        DatasetNotFoundError
            If a dataset is not registered.
        ConflictError
            If a dataset has records already.
        """
        for table_name, values in batch:
            if transaction.is_careful:
                self._check(transaction, table_name, values)
            self._opaque.insert(transaction.cursor, table_name, values)

    def remove_all(self, transaction: Transaction, batch: OpaqueTableKeyBatch) -> None:
        """Remove the records of datasets; those that have none are passed over."""
        for table_name, uuids in batch:
            self._opaque.remove(transaction.cursor, table_name, uuids)

    def _check(
        self, transaction: Transaction, table_name: OpaqueTableName, values: Mapping[UUID, OpaqueTableValues]
    ) -> None:
        """Raise the error that says which record would break a constraint."""
        keys = [uuid.bytes for uuid in values]
        found = {self._make_uuid(key) for key, _, _ in self._finder.find(transaction.cursor, keys)}
        for uuid in values:
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
