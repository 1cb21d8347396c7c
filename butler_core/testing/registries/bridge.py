"""The simplest bridge there is, for tests of registries: one table, one artifact for each dataset or file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

from butler_core.contracts.bridge import DatastoreBridge, SignRequest
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import (
    CollectionName,
    ColumnName,
    OpaqueTableName,
    OpaqueTableValues,
    SignAction,
    Uri,
)
from butler_core.models.opaque import OpaqueColumn, OpaqueTable, OpaqueTableBatch


class PlainBridge(DatastoreBridge):
    """A bridge whose records are (artifact, size in bytes, a UUID, whether it is good).

    Parameters
    ----------
    datastore_id
        Of the datastore that there might be.
    """

    def __init__(self, datastore_id: str = "plain") -> None:
        self.datastore_id = datastore_id
        self.config: Mapping[str, Any] = {"datastore_id": datastore_id}
        self.table_name = f"plain_{datastore_id}"
        self.tables: Mapping[OpaqueTableName, OpaqueTable] = {
            self.table_name: OpaqueTable(
                name=self.table_name,
                version=1,
                columns=(
                    OpaqueColumn(name="artifact", type="string"),
                    OpaqueColumn(name="size_bytes", type="int", nullable=True, queryable=True),
                    OpaqueColumn(name="origin", type="uuid", nullable=True),
                    OpaqueColumn(name="is_good", type="bool"),
                ),
                key=(),
                artifact_column="artifact",
            )
        }

    def opaque_values_to_raw(
        self, table_name: OpaqueTableName, values: Mapping[UUID, OpaqueTableValues]
    ) -> Iterable[dict[ColumnName, Any]]:
        """Return one row for each dataset."""
        for uuid, (artifact, size_bytes, origin, is_good) in values.items():
            yield {
                "dataset_uuid": uuid,
                "artifact": artifact,
                "size_bytes": size_bytes,
                "origin": origin,
                "is_good": is_good,
            }

    def opaque_raw_to_values(
        self, table_name: OpaqueTableName, rows: Iterable[Mapping[ColumnName, Any]]
    ) -> dict[UUID, OpaqueTableValues]:
        """Return a tuple for each dataset."""
        return {
            row["dataset_uuid"]: (row["artifact"], row["size_bytes"], row["origin"], row["is_good"])
            for row in rows
        }

    def sign_opaque_values(
        self,
        table_name: OpaqueTableName,
        values: dict[UUID, OpaqueTableValues],
        callback: Callable[[SignRequest], Uri],
        action: SignAction,
    ) -> None:
        """Ask for a URL of each artifact, and keep none."""
        for artifact, *_ in values.values():
            callback(SignRequest(action=action, uri=artifact))

    def make_opaque_values(
        self, refs: Iterable[DatasetRef], *, batch_id: UUID, files: Iterable[FileDataset] = ()
    ) -> OpaqueTableBatch:
        """Name each artifact after its dataset and the batch; datasets of one file share one."""
        names = {ref.uuid: f"{file.refs[0].uuid}_{batch_id.hex}" for file in files for ref in file.refs}
        batch = OpaqueTableBatch()
        batch.insert(
            self.table_name,
            (
                (ref.uuid, (names.get(ref.uuid, f"{ref.uuid}_{batch_id.hex}"), None, None, True))
                for ref in refs
            ),
        )
        return batch

    def journal_paths(self, runs: Iterable[CollectionName]) -> Mapping[CollectionName, Uri]:
        """Name each RUN's journal after it."""
        return {run: f"journals/{run}" for run in runs}
