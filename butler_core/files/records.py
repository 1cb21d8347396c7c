"""Datastore records of files: the table, and its rows in memory and in the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from butler_core.models.names import (
    ArtifactName,
    ColumnName,
    DatastoreId,
    FormatterName,
    OpaqueTableName,
    StorageClassName,
)
from butler_core.models.opaque import OpaqueColumn, OpaqueTable


class FileRecord(NamedTuple):
    """What must be known to read a dataset, or one component of it, from an artifact."""

    component: str
    """Empty for the whole dataset."""
    artifact: ArtifactName
    formatter: FormatterName
    size_bytes: int | None
    """None: not recorded, or not yet written."""
    checksum: str | None
    """``algorithm:hex``; None if not recorded."""
    member: str | None
    """The part of the artifact that holds it; None: all of it."""
    storage_class: StorageClassName
    """The one that was written."""


_pick = itemgetter(*FileRecord._fields)

FileRecords: TypeAlias = tuple[FileRecord, ...]
"""All of one dataset: one for the whole, or one for each component."""


def table_name(datastore_id: DatastoreId) -> OpaqueTableName:
    """Return the name of a datastore's table."""
    return f"file_{datastore_id}"


def file_table(datastore_id: DatastoreId) -> OpaqueTable:
    """Describe the table that a datastore of files needs."""
    return OpaqueTable(
        name=table_name(datastore_id),
        version=1,
        columns=(
            OpaqueColumn(name="component", type="string"),
            OpaqueColumn(name="artifact", type="string", queryable=True),
            OpaqueColumn(name="formatter", type="string", queryable=True),
            OpaqueColumn(name="size_bytes", type="int", nullable=True, queryable=True),
            OpaqueColumn(name="checksum", type="string", nullable=True, queryable=True),
            OpaqueColumn(name="member", type="string", nullable=True),
            OpaqueColumn(name="storage_class", type="string", queryable=True),
        ),
        key=("component",),
        artifact_column="artifact",
    )


def as_records(values: Any) -> FileRecords:
    """Return a dataset's records as such: over the wire they come as lists of lists."""
    if values.__class__ is tuple and (not values or values[0].__class__ is FileRecord):
        records: FileRecords = values
        return records
    return tuple([FileRecord._make(row) for row in values])


def records_to_rows(values: Mapping[UUID, Any]) -> Iterator[dict[ColumnName, Any]]:
    """Yield the database's rows of datasets' records."""
    for uuid, records in values.items():
        for component, artifact, formatter, size_bytes, checksum, member, storage_class in records:
            yield {
                "dataset_uuid": uuid,
                "component": component,
                "artifact": artifact,
                "formatter": formatter,
                "size_bytes": size_bytes,
                "checksum": checksum,
                "member": member,
                "storage_class": storage_class,
            }


def rows_to_records(rows: Iterable[Mapping[ColumnName, Any]]) -> dict[UUID, FileRecords]:
    """Gather the database's rows by dataset."""
    found: dict[UUID, FileRecords] = {}
    for row in rows:
        uuid, records = row["dataset_uuid"], (FileRecord._make(_pick(row)),)
        earlier = found.setdefault(uuid, records)
        if earlier is not records:
            found[uuid] = earlier + records
    return found
