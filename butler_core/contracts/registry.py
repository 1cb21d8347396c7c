"""What exists and how it is organised: what a Registry promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel

from butler_core.expressions.query import QueryDescription
from butler_core.models.batch import BatchResults, DatasetTypeRegistration, RawBatch
from butler_core.models.collection import CollectionInfo
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.journal import BatchOutcome
from butler_core.models.model_config import FROZEN
from butler_core.models.names import (
    ArtifactName,
    CollectionName,
    ColumnName,
    DataIdValue,
    DatasetTypeName,
    DatastoreId,
    DimensionElementName,
    DimensionName,
    JournalPathMap,
    OpaqueTableName,
)
from butler_core.models.opaque import StoredRecords


class QueryPage(NamedTuple):
    """One page of a query's rows."""

    columns: tuple[ColumnName, ...]
    rows: Sequence[tuple[Any, ...]]
    next_page: str | None
    """Key of the next page, not an offset; None on the last."""
    generation: int
    dimension_records: Mapping[DimensionElementName, Sequence[tuple[Any, ...]]] = {}
    """If asked for: the records behind the page's data IDs, each once, values in the order of `RecordShape.names`."""
    datastore_records: StoredRecords | None = None
    """If asked for: of the page's datasets."""
    types: tuple[str, ...] = ()
    """For ``rows``: the type of each column, as of a column of a universe; a timespan is a `Timespan`, a region its bytes."""


class Expansion(NamedTuple):
    """Refs made whole."""

    refs: Sequence[DatasetRef]
    """In input order; for existing ones, absent refs are left out."""
    journal_paths: JournalPathMap
    generation: int


class ArtifactRecords(NamedTuple):
    """One page of datastore records, in the order of their artifacts' names."""

    rows: Sequence[tuple[Any, ...]]
    """Each the artifact, the dataset's UUID, its RUN, and the columns asked for; an artifact has all of them on one page."""
    next_after: ArtifactName | None
    """What to go on behind; None if there is nothing more."""


class RegistrySnapshot(BaseModel):
    """What rarely changes, as of one generation: clients keep it until the generation number differs."""

    model_config = FROZEN

    generation: int
    collections: tuple[CollectionInfo, ...]
    dataset_types: tuple[DatasetTypeRegistration, ...]
    governors: Mapping[DimensionName, frozenset[DataIdValue]]
    summaries: Mapping[
        CollectionName, tuple[frozenset[DatasetTypeName], Mapping[DimensionName, frozenset[DataIdValue]]]
    ]
    """Dataset types and governor values that a collection may hold: may say too much, never too little."""


class RegistryInfo(BaseModel):
    """What a Registry is."""

    model_config = FROZEN

    universe: Mapping[str, Any]
    """As `DimensionUniverse.load` takes it."""
    versions: Mapping[str, int]
    """Of the parts of its schema."""
    is_writeable: bool
    abilities: frozenset[str]
    """Such as temporary_tables, transactional_ddl, concurrent_writers."""


class Registry(ABC):
    """What exists and how it is organised.

    Raises only `butler_core.errors`; safe to call from several threads.  No transaction outlives a call.
    """

    @abstractmethod
    def info(self) -> RegistryInfo:
        """Describe the Registry."""

    @abstractmethod
    def execute(
        self, query: QueryDescription, *, page: str | None = None, page_size: int | None = None
    ) -> QueryPage:
        """Run one page of a query in its own short transaction; counts and plans come as one row."""

    @abstractmethod
    def apply_batch(self, batch: RawBatch) -> BatchResults:
        """Apply all of a batch or nothing, together with its outcome row.

        Raises
        ------
        BatchFencedError
            If a recovery fenced the batch.
        OutcomeUnknownError
            If the reply was lost: whether it is applied must be asked, fencing first.
        ConflictError, NotFoundError, InvalidInputError
            For what the batch says; nothing was applied.

        A batch ID that committed before answers as it did then, as far as that was kept, and changes nothing.
        """

    @abstractmethod
    def expand_new_dataset_refs(
        self,
        refs: Iterable[DatasetRef],
        *,
        batch_id: UUID,
        files: Iterable[FileDataset] = (),
        predict: bool = True,
        sign: bool = False,
    ) -> Expansion:
        """Add dimension records and predicted datastore records to refs of datasets not yet written.

        Every ref comes back; ``files`` says which of them come in files.  Without ``predict`` there are no datastore records:
        for datasets that make no artifact, since their files stay where they are.  Raises `DataIdError` if a data ID names a
        dimension value without a record, or implied values that contradict each other.
        """

    @abstractmethod
    def expand_existing_dataset_refs(
        self,
        refs: Iterable[DatasetRef],
        *,
        dimension_records: bool = True,
        sign_for_get: bool = False,
        sign_for_unstore: bool = False,
    ) -> Expansion:
        """Add dimension records, unless they are not wanted, and stored datastore records.

        What is expanded already is trusted, except for unstore, which reads the primary.
        """

    @abstractmethod
    def find_datasets(self, uuids: Iterable[UUID]) -> Sequence[DatasetRef]:
        """Return refs of those datasets that exist, in input order and unexpanded; absent ones are left out.

        Nothing but UUIDs is needed: of what type a dataset is, in which RUN, and its data ID are what is found.
        """

    @abstractmethod
    def find_holdings(
        self, pairs: Iterable[tuple[DatasetTypeName, CollectionName]]
    ) -> set[tuple[DatasetTypeName, CollectionName]]:
        """Return those pairs of a dataset type and a collection for which there is a dataset, at any time.

        Takes a number of requests that does not depend on the number of pairs.  A chain has none of its own, and what is not
        known here has none either.
        """

    @abstractmethod
    def snapshot(self, known_generation: int | None = None) -> RegistrySnapshot | None:
        """Return collections, dataset types and governor values; None if still at ``known_generation``."""

    @abstractmethod
    def fence(self, batch_ids: Iterable[UUID]) -> Mapping[UUID, BatchOutcome]:
        """Insert FENCED where there is no outcome, and return what holds now."""

    @abstractmethod
    def outcomes(self, batch_ids: Iterable[UUID]) -> Mapping[UUID, BatchOutcome]:
        """Return what is known of batches, on the primary."""

    @abstractmethod
    def forget_outcomes(self, before: datetime, *, keep: Iterable[UUID] = ()) -> int:
        """Forget that batches were committed, where that was before a time and none of ``keep``; return how many.

        That a batch was fenced is never forgotten.  Takes no lock for long.
        """

    @abstractmethod
    def referenced(
        self, datastore: DatastoreId, artifacts: Iterable[ArtifactName], *, excluding: Iterable[UUID] = ()
    ) -> set[ArtifactName]:
        """Return those artifacts that any record names, read from the primary; records of datasets ``excluding`` do not count."""

    @abstractmethod
    def records_by_artifact(
        self,
        table: OpaqueTableName,
        columns: Sequence[ColumnName] = (),
        *,
        after: ArtifactName = "",
        limit: int = 10_000,
        collections: Collection[CollectionName] | None = None,
        dataset_types: Collection[DatasetTypeName] | None = None,
    ) -> ArtifactRecords:
        """Read datastore records by artifact, page by page, from the primary.

        A page may have no rows although there are more to come.  Raises `NotFoundError` for an unknown table, column,
        collection or dataset type.

        Parameters
        ----------
        table
            Of the records; it names artifacts.
        columns
            Which of its columns to read besides.
        after
            The artifact behind which the page begins, by code points.
        limit
            How many artifacts to look at.
        collections
            Only datasets in one of these, chains with all that is in them; None: wherever they are.
        dataset_types
            Only datasets of these; None: of all.
        """

    @abstractmethod
    def close(self) -> None:
        """Release connections; may be called again."""
