"""Applying batches: everything in one transaction, in the one order that satisfies what each kind of change needs.

The fast way looks nothing up that a constraint of the database checks anyway.  When a constraint fails, all is rolled back
and the batch is applied again with care: each writer then looks before it writes, and raises the error that names the
culprit.  Should the culprit be gone by then, the second attempt simply succeeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from butler_core.errors import InvalidInputError
from butler_core.models.batch import (
    BatchResults,
    Certification,
    CertificationMerge,
    ChainedCollectionEdit,
    Decertification,
    RawBatch,
    SetCollectionDocumentation,
    TaggedCollectionEdit,
)
from butler_core.models.batch_checks import check_batch
from butler_core.models.bulk import unwatched
from butler_core.models.results import SyncResult
from butler_core.sql.context import SqlContext
from butler_core.sql.database import ConstraintError, Cursor
from butler_core.sql.lookups.dataset_finder import DatasetFinder
from butler_core.sql.outcomes import Outcomes
from butler_core.sql.writing.associations import AssociationWriter
from butler_core.sql.writing.certifications import CertificationWriter
from butler_core.sql.writing.collections import CollectionWriter
from butler_core.sql.writing.dataset_types import DatasetTypeWriter
from butler_core.sql.writing.datasets import DatasetWriter
from butler_core.sql.writing.dimensions import DimensionWriter
from butler_core.sql.writing.memberships import MembershipTables
from butler_core.sql.writing.opaque_records import PreparedRecords, RecordsWriter
from butler_core.sql.writing.preconditions import PreconditionChecker
from butler_core.sql.writing.summaries import SummaryWriter
from butler_core.sql.writing.transaction import Generation, Transaction


class BatchWriter:
    """Applies batches.

    Parameters
    ----------
    context
        The registry's parts.
    outcomes
        Of batches.
    """

    def __init__(self, context: SqlContext, outcomes: Outcomes) -> None:
        self._context = context
        self._outcomes = outcomes
        self._generation = Generation(context)
        memberships = MembershipTables(context)
        summaries = SummaryWriter(context)
        finder = DatasetFinder(context.schema)
        self._dataset_types = DatasetTypeWriter(context, summaries)
        self._collections = CollectionWriter(context, summaries, memberships)
        self._dimensions = DimensionWriter(context)
        self._datasets = DatasetWriter(context, summaries, memberships, finder)
        self._associations = AssociationWriter(context, summaries, memberships, finder)
        self._certifications = CertificationWriter(context, summaries, memberships, finder)
        self._preconditions = PreconditionChecker(memberships, finder)
        self._records = RecordsWriter(context, finder)

    def apply(self, batch: RawBatch) -> BatchResults:
        """Apply all of a batch or nothing; raises as `butler_core.contracts.registry.Registry.apply_batch` says."""
        with unwatched():
            check_batch(batch)
            records = self._records.prepare(batch.opaque_table_insertions)
            with suppress(ConstraintError):
                return self._attempt(batch, records, is_careful=False)
            return self._attempt(batch, records, is_careful=True)

    def _attempt(
        self, batch: RawBatch, records: Sequence[PreparedRecords], *, is_careful: bool
    ) -> BatchResults:
        def attempt(cursor: Cursor) -> tuple[BatchResults, Transaction | None]:
            earlier = self._outcomes.claim(cursor, batch)
            if earlier is not None:
                return earlier, None
            transaction = Transaction(self._context, self._generation, cursor, is_careful=is_careful)
            return self._write(transaction, batch, records), transaction

        results, transaction = self._context.database.transact(attempt, str(batch.batch_id))
        if transaction is not None:
            transaction.publish()
        return results

    def _write(
        self, transaction: Transaction, batch: RawBatch, records: Sequence[PreparedRecords]
    ) -> BatchResults:
        for precondition in batch.preconditions:
            self._preconditions.check(transaction, precondition)
        if batch.dataset_type_registrations:
            self._dataset_types.register_all(transaction, batch.dataset_type_registrations.values())
        if batch.collection_registrations:
            self._collections.register_all(transaction, batch.collection_registrations.values())
        syncs: tuple[SyncResult, ...] = ()
        if batch.dimension_syncs or batch.dimension_insertions:
            syncs = self._dimensions.write_all(transaction, batch.dimension_syncs, batch.dimension_insertions)
        self._datasets.insert_all(transaction, batch.dataset_insertions)
        for edit in batch.collection_edits:
            self._edit(transaction, edit)
        self._records.insert_all(transaction, records)
        self._records.remove_all(transaction, batch.opaque_table_removals)
        self._remove(transaction, batch)
        results = BatchResults(batch_id=batch.batch_id, syncs=syncs, datasets=len(batch.dataset_insertions))
        if syncs:
            self._outcomes.keep_syncs(transaction.cursor, results)
        transaction.refresh()
        return results

    def _edit(self, transaction: Transaction, edit: object) -> None:
        match edit:
            case ChainedCollectionEdit():
                self._collections.edit_chain(transaction, edit)
            case TaggedCollectionEdit():
                self._associations.edit(transaction, edit)
            case Certification():
                self._certifications.certify(transaction, edit)
            case Decertification():
                self._certifications.decertify(transaction, edit)
            case CertificationMerge():
                self._certifications.merge(transaction, edit)
            case SetCollectionDocumentation():
                self._collections.set_documentation(transaction, edit)
            case _:
                raise InvalidInputError(f"{edit!r} is no edit of a collection.")

    def _remove(self, transaction: Transaction, batch: RawBatch) -> None:
        if batch.collection_removals:
            self._collections.remove_members(transaction, batch.collection_removals)
        if batch.dataset_removals.uuids:
            self._datasets.remove_all(transaction, batch.dataset_removals.uuids)
        if batch.collection_removals:
            self._collections.remove_all(transaction, batch.collection_removals)
        if batch.dataset_type_removals:
            self._dataset_types.remove_all(transaction, batch.dataset_type_removals)
