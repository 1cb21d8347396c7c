"""The journal protocol: the one order in which journals, artifacts and Registry change.

A write journals the artifacts that it may make, makes them, commits datasets and records together, and drops the
journal.  A removal journals the artifacts that it may delete, commits, asks which of them any record still names, deletes
the others, and drops the journal.  So at every moment an artifact without a record is named by a journal, and a record
without an artifact cannot be.  What becomes of a journal whose writer died is decided in `butler_core.recovery`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, NamedTuple
from uuid import UUID

from butler_core.contracts.datastore import Datastore
from butler_core.contracts.registry import Registry
from butler_core.errors import (
    ButlerError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
)
from butler_core.models.batch import BatchResults, RawBatch
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.journal import JOURNAL_VERSION, BatchOutcome, Journal, JournalEntry
from butler_core.models.names import (
    ArtifactName,
    CollectionName,
    JournalPathMap,
    OpaqueTableName,
    OpaqueTableValues,
)
from butler_core.models.opaque import OpaqueTableBatch
from butler_core.writer import identify_writer

# A Registry that answers with one of these applied nothing.  After anything else, be it an interrupt, nobody knows.
_REFUSED = (ConflictError, ForbiddenError, InvalidInputError, NotFoundError)


def is_ours(artifact: ArtifactName) -> bool:
    """Whether a recorded artifact lies under the datastore's root: one at an absolute URI is never touched."""
    return "://" not in artifact


def journal_entries(datastore: Datastore, refs: Iterable[DatasetRef]) -> list[JournalEntry]:
    """List the artifacts under the datastore's root that the records on refs name."""
    refs = list(refs)
    return [entry for name in datastore.bridge.tables for entry in _named(datastore, name, refs)[1]]


def _named(
    datastore: Datastore, table_name: OpaqueTableName, refs: Sequence[DatasetRef]
) -> tuple[set[ArtifactName], list[JournalEntry]]:
    """Return what the records of refs in one table name: all of it, and what is to be journaled."""
    names: set[ArtifactName] = set()
    entries: list[JournalEntry] = []
    column = datastore.bridge.tables[table_name].artifact_column
    if column is None:
        return names, entries
    runs: dict[UUID, CollectionName] = {}
    values: dict[UUID, OpaqueTableValues] = {}
    for ref in refs:
        records = ref.datastore_records
        if records and table_name in records:
            uuid = ref.uuid
            runs[uuid], values[uuid] = ref.run, records[table_name]
    for row in datastore.bridge.opaque_values_to_raw(table_name, values):
        artifact, uuid = row[column], row["dataset_uuid"]
        names.add(artifact)
        if is_ours(artifact):
            entries.append(
                JournalEntry(
                    uuid=uuid,
                    run=runs[uuid],
                    component=row.get("component") or None,
                    artifact=artifact,
                    size_bytes=row.get("size_bytes"),
                )
            )
    return names, entries


_running_batches: set[UUID] = set()


class _Running:
    """Notes, within a context, that an operation of this process is at work on a batch."""

    __slots__ = ("_batch_id",)

    def __init__(self, batch: RawBatch) -> None:
        self._batch_id = batch.batch_id

    def __enter__(self) -> None:
        _running_batches.add(self._batch_id)

    def __exit__(self, *_: object) -> None:
        _running_batches.discard(self._batch_id)


def is_over(journal: Journal) -> bool:
    """Whether a journal, whose writer lives, is of an operation of this process that has ended without it, as after an outage."""
    return journal.batch_id not in _running_batches and journal.writer == identify_writer()


class _Committed(NamedTuple):
    """What a batch answered, and an interrupt that came meanwhile and has to wait until the journals are dropped."""

    results: BatchResults
    interrupt: BaseException | None = None

    def answer(self) -> BatchResults:
        if self.interrupt is not None:
            raise self.interrupt
        return self.results


class Transactions:
    """Runs every operation of one butler in the protocol's order.

    Parameters
    ----------
    registry
        What commits.
    datastore
        What holds artifacts and journals.
    """

    def __init__(self, registry: Registry, datastore: Datastore) -> None:
        self._registry = registry
        self._datastore = datastore

    def apply(self, batch: RawBatch) -> BatchResults:
        """Apply a batch that concerns no artifact.

        Raises `OutcomeUnknownError` if the Registry can no longer be asked whether it did.
        """
        return self._commit(batch).answer()

    def write(
        self,
        batch: RawBatch,
        refs: Sequence[DatasetRef],
        journal_paths: JournalPathMap,
        make: Callable[[], OpaqueTableBatch],
        *,
        removed: Sequence[DatasetRef] = (),
    ) -> tuple[OpaqueTableBatch, BatchResults]:
        """Make artifacts, then apply a batch with their records; then delete artifacts that no record names any more.

        Parameters
        ----------
        batch
            What else to apply; the records are added to it.
        refs
            Refs with predicted records: what may be made.
        journal_paths
            Where to journal.
        make
            Makes the artifacts and returns their complete records; may raise half-way.
        removed
            Refs with their stored records, if the batch removes those.

        Raises
        ------
        UnavailableError
            If all is committed but artifacts could not be deleted; their journals stay and recovery ends it.
        """
        entries = journal_entries(self._datastore, refs)
        doomed = self._expect_removal(batch, removed) if removed else []
        with _Running(batch):
            journals = self._open_journals(batch, "write", entries, journal_paths)
            removals = self._open_journals(batch, "remove", doomed, journal_paths, journals) if doomed else []
            try:
                records = make()
            except BaseException as error:
                # Where nothing bars a writer, a request that it gave up may yet make an artifact: recovery drops the journals.
                droppable = journals if self._datastore.abilities.bars_writers else []
                self._undo(batch, entries, droppable + removals, error)
                raise
            batch.opaque_table_insertions.update(records)
            committed = self._commit(batch, entries, journals + removals)
            with suppress(ButlerError, OSError):
                # All is done; a journal that cannot be dropped now only makes a recovery look at it again.
                self._drop(journals)
            if removals:
                self._delete_doomed(batch, doomed, removals)
        return records, committed.answer()

    def remove(
        self, batch: RawBatch, refs: Sequence[DatasetRef], journal_paths: JournalPathMap
    ) -> BatchResults:
        """Apply a batch that removes records, then delete the artifacts that no record names any more.

        Parameters
        ----------
        batch
            What to apply; it removes the records of ``refs``.
        refs
            Refs with their stored records.
        journal_paths
            Where to journal.

        Raises `UnavailableError` if the removal is committed but artifacts could not be deleted; the journal stays and
        recovery ends it.
        """
        _, results = self.write(batch, (), journal_paths, OpaqueTableBatch, removed=refs)
        return results

    def bring_back(self, entries: Sequence[JournalEntry]) -> set[ArtifactName]:
        """Bring back artifacts that were set aside although records name them; return those that came back.

        Nothing is committed; but a removal may go on beside this, and whichever of the two is last, by then no record names the
        artifact: then it is deleted.
        """
        batch = RawBatch()
        names = list(dict.fromkeys(entry.artifact for entry in entries))
        bridge = self._datastore.bridge
        paths = {bridge.datastore_id: bridge.journal_paths(dict.fromkeys(entry.run for entry in entries))}
        with _Running(batch):
            journals = self._open_journals(batch, "remove", entries, paths)
            self._registry.fence([batch.batch_id])
            found = self._datastore.bring_back(names, batch_id=batch.batch_id)
            delete_unreferenced(self._registry, self._datastore, batch, entries)
            self._drop(journals)
        return found

    # -- steps

    def _expect_removal(self, batch: RawBatch, removed: Sequence[DatasetRef]) -> list[JournalEntry]:
        """Return what to journal of a removal, and let the batch remove no other records than these.

        Whoever stored a dataset again after its records were read has made an artifact that this journal does not name.
        """
        doomed: list[JournalEntry] = []
        for name in self._datastore.bridge.tables:
            names, entries = _named(self._datastore, name, removed)
            batch.opaque_table_removals.expect(name, names)
            doomed += entries
        return doomed

    def _open_journals(
        self,
        batch: RawBatch,
        kind: Literal["write", "remove"],
        entries: Sequence[JournalEntry],
        journal_paths: JournalPathMap,
        earlier: Sequence[str] = (),
    ) -> list[str]:
        """Write one journal for each RUN, all of them with the batch's ID; if one cannot be, drop the ``earlier`` too."""
        by_run: dict[str, list[JournalEntry]] = defaultdict(list)
        for entry in entries:
            by_run[entry.run].append(entry)
        datastore_id = self._datastore.bridge.datastore_id
        locations: Mapping[str, str] = journal_paths.get(datastore_id, {})
        names: list[str] = []
        try:
            for run, group in by_run.items():
                journal = Journal(
                    version=JOURNAL_VERSION,
                    batch_id=batch.batch_id,
                    datastore_id=datastore_id,
                    kind=kind,
                    writer=identify_writer(),
                    begun=datetime.now(UTC),
                    entries=tuple(group),
                )
                names.append(self._datastore.journals.create(locations[run], journal))
        except BaseException as error:
            if kind == "remove" and isinstance(error, UnavailableError):
                error.add_note(
                    "Nothing was removed.  Should the store be full: a removal needs room for its journal, about 250 bytes "
                    "for each artifact, so free that much beside it first."
                )
            self._undo(batch, (), [*earlier, *names], error)
            raise
        return names

    def _delete_doomed(
        self, batch: RawBatch, doomed: Sequence[JournalEntry], journals: Sequence[str]
    ) -> None:
        """After the commit of a removal: delete the artifacts that no record names any more, then drop its journals."""
        try:
            delete_unreferenced(self._registry, self._datastore, batch, doomed)
            self._drop(journals)
        except (ButlerError, OSError) as error:
            raise UnavailableError(
                f"The removal is done in the Registry, but not all of {len(doomed)} artifacts could be deleted: {error}",
                remedy="Nothing is lost: run 'butler recover' when the store is back.",
                batch_id=str(batch.batch_id),
            ) from error

    def _commit(
        self, batch: RawBatch, made: Sequence[JournalEntry] = (), journals: Sequence[str] = ()
    ) -> _Committed:
        """Apply a batch; when the answer is lost, fence it before asking what became of it.

        What it made is taken back only when it is certain that it is not applied and never will be.  Whatever else
        raises, be it a second interrupt, leaves artifacts and journals to a recovery.
        """
        try:
            return _Committed(self._registry.apply_batch(batch))
        except _REFUSED as error:
            self._undo(batch, made, journals, error)
            raise
        except BaseException as error:
            if self._find_outcome(batch, error) is BatchOutcome.COMMITTED:
                return self._repeat(batch, error)
            self._undo(batch, made, journals, error, ask=True)
            if not isinstance(error, OutcomeUnknownError):
                raise
            raise UnavailableError(
                f"The Registry lost batch {batch.batch_id}, which is not applied and never will be: {error}",
                remedy="Run the operation again; nothing of this attempt is kept.",
                batch_id=str(batch.batch_id),
            ) from error

    def _repeat(self, batch: RawBatch, error: BaseException) -> _Committed:
        """Return the answer to a batch that is applied, though ``error`` came instead of it."""
        interrupt = None if isinstance(error, Exception) else error
        results = BatchResults(batch_id=batch.batch_id, datasets=len(batch.dataset_insertions))
        if batch.dimension_syncs:
            try:
                # What they found is in the Registry: asking again only repeats the answer.
                results = self._registry.apply_batch(batch)
            except BaseException as second:
                second.add_note(f"Batch {batch.batch_id} is applied; only what it answered could not be had.")
                interrupt = second
        return _Committed(results, interrupt)

    def _find_outcome(self, batch: RawBatch, error: BaseException) -> BatchOutcome:
        try:
            return self._registry.fence([batch.batch_id])[batch.batch_id]
        except Exception as second:
            raise OutcomeUnknownError(
                f"The Registry did not say whether batch {batch.batch_id} was applied ({error}), "
                f"and cannot be asked now ({second}).",
                remedy="Run 'butler recover' when it is back; until then journal and artifacts stay.",
                batch_id=str(batch.batch_id),
            ) from error

    def _undo(
        self,
        batch: RawBatch,
        entries: Sequence[JournalEntry],
        journals: Sequence[str],
        error: BaseException,
        *,
        ask: bool = False,
    ) -> None:
        """After a batch that is not applied and never will be: delete what it made, then drop its journals.

        With ``ask`` nothing is deleted that a record names: of a batch that was committed very long ago, and whose journal
        somebody else has dropped since, the Registry may have forgotten the outcome (`butler_core.recovery.OUTCOMES_KEPT`).
        """
        try:
            if ask:
                delete_unreferenced(self._registry, self._datastore, batch, entries)
            else:
                self._datastore.delete_artifacts(
                    [(entry.artifact, None) for entry in entries], batch_id=batch.batch_id
                )
            self._drop(journals)
        except (ButlerError, OSError) as second:
            error.add_note(
                f"Its artifacts could not be deleted now ({second}); 'butler recover' will do that."
            )

    def _drop(self, journals: Iterable[str]) -> None:
        for name in journals:
            self._datastore.journals.drop(name)


def delete_unreferenced(
    registry: Registry, datastore: Datastore, batch: RawBatch, entries: Iterable[JournalEntry]
) -> None:
    """Delete the artifacts that no record names: decided after the commit, since the last dataset of a file takes it along."""
    names = list(dict.fromkeys(entry.artifact for entry in entries))
    kept = registry.referenced(datastore.bridge.datastore_id, names) if names else set()
    datastore.delete_artifacts([(name, None) for name in names if name not in kept], batch_id=batch.batch_id)
