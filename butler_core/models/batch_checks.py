"""What is wrong with a batch by itself, whatever is in the Registry: an unknown version, or what it both adds and removes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

from butler_core.errors import ConflictError, IncompatibleError
from butler_core.models.batch import (
    BATCH_VERSION,
    Certification,
    CertificationMerge,
    ChainedCollectionEdit,
    RawBatch,
    SetCollectionDocumentation,
    TaggedCollectionEdit,
)
from butler_core.models.collection import SequenceEditMode, SetEditMode
from butler_core.models.names import CollectionName, DatasetTypeName

_TAKES_OUT = {SetEditMode.REMOVE, SetEditMode.DISCARD}


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
    _refuse_both(batch, batch)


def refuse_contradictions(batch: RawBatch, addition: RawBatch) -> None:
    """Raise `ConflictError` if a batch removes what is to be added to it, or the other way round."""
    _refuse_both(batch, addition)
    _refuse_both(addition, batch)


def _refuse_both(adding: RawBatch, removing: RawBatch) -> None:
    uuids = removing.dataset_removals.uuids
    if uuids:
        _refuse("dataset", uuids, _inserted(adding))
        _refuse("dataset", uuids, _associated(adding))
    if removing.collection_removals:
        _refuse("collection", removing.collection_removals, _changed_collections(adding))
    if removing.dataset_type_removals:
        _refuse("dataset type", removing.dataset_type_removals, _used_types(adding))
    taken_out = set(_members(removing, lambda mode: mode in _TAKES_OUT))
    if taken_out:
        _refuse("member", taken_out, _members(adding, lambda mode: mode not in _TAKES_OUT))
    for table, keys in removing.opaque_table_removals:
        what = f"record of table {table!r} for dataset"
        _refuse(what, keys, adding.opaque_table_insertions[table])


def _inserted(batch: RawBatch) -> Iterator[UUID]:
    for runs in batch.dataset_insertions.datasets.values():
        for rows in runs.values():
            yield from rows


def _associated(batch: RawBatch) -> Iterator[UUID]:
    for edit in batch.collection_edits:
        if isinstance(edit, Certification) or (
            isinstance(edit, TaggedCollectionEdit) and edit.mode not in _TAKES_OUT
        ):
            yield from edit.datasets


def _members(
    batch: RawBatch, is_wanted: Callable[[SetEditMode], bool]
) -> Iterator[tuple[CollectionName, str]]:
    """Yield what becomes, or is not to be, a member of TAGGED collections."""
    for edit in batch.collection_edits:
        if isinstance(edit, TaggedCollectionEdit) and is_wanted(edit.mode):
            yield from ((edit.collection, str(uuid)) for uuid in edit.datasets)


def _changed_collections(batch: RawBatch) -> Iterator[CollectionName]:
    """Yield the collections that are made, or get something that they did not have; chains however they are edited."""
    yield from batch.collection_registrations
    for runs in batch.dataset_insertions.datasets.values():
        yield from runs
    for edit in batch.collection_edits:
        match edit:
            case ChainedCollectionEdit():
                yield edit.chain
                if edit.mode is not SequenceEditMode.REMOVE:
                    yield from (child for child in edit.children if isinstance(child, str))
            case TaggedCollectionEdit() if edit.mode not in _TAKES_OUT:
                yield edit.collection
            case Certification():
                yield edit.collection
            case CertificationMerge():
                yield from (edit.output, *edit.inputs)
            case SetCollectionDocumentation():
                yield edit.name


def _used_types(batch: RawBatch) -> Iterator[DatasetTypeName]:
    yield from batch.dataset_type_registrations
    yield from batch.dataset_insertions.datasets


def _refuse(what: str, removed: set[Any], added: Iterable[Any]) -> None:
    both = removed.intersection(added)
    if both:
        name = min(": ".join(each) if isinstance(each, tuple) else str(each) for each in both)
        raise ConflictError(
            f"The batch both adds and removes {what} {name!r}.",
            remedy="Use two batches, one after the other.",
            name=name,
        )
