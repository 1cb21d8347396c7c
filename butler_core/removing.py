"""Finding what a removal needs to know of datasets: their records, and where to journal; and taking records away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from butler_core.contracts.datastore import Datastore
from butler_core.contracts.registry import Registry
from butler_core.models.batch import RawBatch
from butler_core.models.bulk import unwatched
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import JournalPathMap
from butler_core.models.opaque import OpaqueTableKeyBatch
from butler_core.transactions import Transactions

STEP = 10_000
"""How many datasets one transaction removes or unstores, so that other writers need not wait long for it."""


class Found(NamedTuple):
    """Datasets that are there, with their records."""

    refs: Sequence[DatasetRef]
    journal_paths: JournalPathMap


def steps(refs: Sequence[DatasetRef]) -> Iterator[Sequence[DatasetRef]]:
    """Cut datasets into what one transaction takes."""
    return (refs[start : start + STEP] for start in range(0, len(refs), STEP))


def look_up(registry: Registry, refs: Iterable[DatasetRef]) -> Found:
    """Read the records of datasets from the primary; those that are not there any more are left out."""
    expansion = registry.expand_existing_dataset_refs(refs, dimension_records=False, sign_for_unstore=True)
    return Found(expansion.refs, expansion.journal_paths)


def forget_records(batch: RawBatch, datastore: Datastore, refs: Sequence[DatasetRef]) -> None:
    """Let a batch take away the records that refs carry."""
    keys = OpaqueTableKeyBatch()
    recorded = [(ref.uuid, ref.datastore_records or ()) for ref in refs]
    for table in datastore.bridge.tables:
        keys.insert(table, [uuid for uuid, tables in recorded if table in tables])
    batch.opaque_table_removals.update(keys)


def unstore(
    registry: Registry, datastore: Datastore, transactions: Transactions, refs: Iterable[DatasetRef]
) -> None:
    """Drop the bytes and records of datasets in one transaction; what is not stored is passed over."""
    with unwatched():
        found = look_up(registry, refs)
        stored = list({ref.uuid: ref for ref in found.refs if ref.datastore_records}.values())
        if stored:
            batch = RawBatch()
            forget_records(batch, datastore, stored)
            transactions.remove(batch, stored, found.journal_paths)


def remove(
    registry: Registry,
    datastore: Datastore,
    transactions: Transactions,
    refs: Iterable[DatasetRef],
    batch: RawBatch,
) -> None:
    """Remove datasets with their bytes and records, and apply all else in a batch, in one transaction."""
    with unwatched():
        found = look_up(registry, refs)
        batch.dataset_removals.include(found.refs)
        forget_records(batch, datastore, found.refs)
        transactions.remove(batch, found.refs, found.journal_paths)
