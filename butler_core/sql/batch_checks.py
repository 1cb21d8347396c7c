"""What is wrong with a batch by itself, whatever is in the database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from butler_core.errors import ConflictError, IncompatibleError
from butler_core.models.batch import (
    BATCH_VERSION,
    ChainedCollectionEdit,
    RawBatch,
    SetCollectionDocumentation,
)


def check_batch(batch: RawBatch) -> None:
    """Refuse a batch that adds and removes the same thing, or that a newer version made.

    Raises
    ------
    ConflictError
        If something is both added and removed.
    IncompatibleError
        If its version is unknown.
    """
    if batch.version != BATCH_VERSION:
        raise IncompatibleError(
            f"Batch {batch.batch_id} has version {batch.version}, and this code understands {BATCH_VERSION}.",
            remedy="Upgrade butler-core.",
        )
    if batch.dataset_removals.uuids:
        inserted = {
            uuid
            for runs in batch.dataset_insertions.datasets.values()
            for rows in runs.values()
            for uuid in rows
        }
        _refuse("dataset", inserted & batch.dataset_removals.uuids)
    if batch.collection_removals:
        changed = {*batch.collection_registrations, *_edited(batch)}
        _refuse("collection", changed & batch.collection_removals)
    if batch.dataset_type_removals:
        used = {*batch.dataset_type_registrations, *batch.dataset_insertions.datasets}
        _refuse("dataset type", used & batch.dataset_type_removals)
    for table, uuids in batch.opaque_table_removals:
        _refuse(f"record of table {table!r} for dataset", uuids & batch.opaque_table_insertions[table].keys())


def _edited(batch: RawBatch) -> Iterable[str]:
    for edit in batch.collection_edits:
        if isinstance(edit, ChainedCollectionEdit):
            yield edit.chain
        elif isinstance(edit, SetCollectionDocumentation):
            yield edit.name


def _refuse(what: str, both: set[Any]) -> None:
    if both:
        name = min(map(str, both))
        raise ConflictError(
            f"The batch both adds and removes {what} {name!r}.",
            remedy="Use two batches, one after the other.",
            name=name,
        )
