"""The registry that any SQL database can be: `butler_core.contracts.registry.Registry`, composed of this package's parts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.contracts.registry import (
    ArtifactRecords,
    Expansion,
    QueryPage,
    Registry,
    RegistryInfo,
    RegistrySnapshot,
)
from butler_core.expressions.query import QueryDescription
from butler_core.models.batch import BatchResults, DatasetTypeRegistration, RawBatch
from butler_core.models.collection import CollectionInfo
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.journal import BatchOutcome
from butler_core.models.names import (
    ArtifactName,
    CollectionName,
    ColumnName,
    DatasetTypeName,
    DatastoreId,
    OpaqueTableName,
)
from butler_core.models.universe import DimensionUniverse
from butler_core.sql.catalog import Catalog
from butler_core.sql.context import SqlContext, make_context
from butler_core.sql.database import Cursor, Database
from butler_core.sql.forgetting import Forgetting
from butler_core.sql.lookups.artifact_records import read_artifact_records
from butler_core.sql.lookups.dataset_refs import RefFinder
from butler_core.sql.lookups.expansion import Expander
from butler_core.sql.lookups.holdings import find_holdings
from butler_core.sql.outcomes import Outcomes
from butler_core.sql.queries.planner import execute_query
from butler_core.sql.versions import check_versions, current_versions, read_meta, write_meta
from butler_core.sql.writing.transaction import Generation
from butler_core.sql.writing.writer import BatchWriter


class SqlRegistry(Registry):
    """A registry in an SQL database; made by `open`.

    Parameters
    ----------
    context
        The registry's parts.
    versions
        Of the parts of its schema, as the database has them.
    """

    def __init__(self, context: SqlContext, versions: Mapping[str, int]) -> None:
        self._context = context
        self._versions = versions
        self._outcomes = Outcomes(context.schema)
        self._writer = BatchWriter(context, self._outcomes)
        self._expander = Expander(context)
        self._refs = RefFinder(context)

    @classmethod
    def create(
        cls, database: Database, universe: DimensionUniverse, bridges: Sequence[DatastoreBridge]
    ) -> None:
        """Make all tables in an empty database, in one transaction."""
        context = make_context(database, universe, bridges)
        with database.write() as cursor:
            database.make_room(cursor)
            context.schema.create_all(cursor)
            write_meta(context, cursor)
            Generation(context).start.execute(cursor, (1, 1, 0))

    @classmethod
    def open(cls, database: Database, bridges: Sequence[DatastoreBridge]) -> SqlRegistry:
        """Open a registry that `create` made.

        Raises
        ------
        IncompatibleError
            If a newer version of butler made it, or a datastore's tables are missing.
        CorruptError
            If it is no registry.
        """
        universe, versions = read_meta(database)
        check_versions(database, versions, current_versions(bridges))
        return cls(make_context(database, universe, bridges), versions)

    def info(self) -> RegistryInfo:
        """Describe the Registry."""
        database = self._context.database
        return RegistryInfo(
            universe=self._context.universe.to_dict(),
            versions=dict(self._versions),
            is_writeable=database.is_writeable,
            abilities=database.abilities,
        )

    # -- reading

    def execute(
        self, query: QueryDescription, *, page: str | None = None, page_size: int | None = None
    ) -> QueryPage:
        """Run one page of a query in its own short transaction."""
        return execute_query(self._context, query, page, page_size)

    def snapshot(self, known_generation: int | None = None) -> RegistrySnapshot | None:
        """Return collections, dataset types and governor values; None if still at ``known_generation``."""
        catalogs = self._context.catalogs
        with self._context.database.read(catalogs.question) as cursor:
            catalog = catalogs.answered(cursor)
        return None if catalog.generation == known_generation else _make_snapshot(catalog)

    def expand_new_dataset_refs(
        self,
        refs: Iterable[DatasetRef],
        *,
        batch_id: UUID,
        files: Iterable[FileDataset] = (),
        predict: bool = True,
        sign: bool = False,
    ) -> Expansion:
        """Add dimension records and predicted datastore records; nothing is signed for who has the database's credentials."""
        return self._expander.expand_new(refs, batch_id=batch_id, files=files, predict=predict)

    def expand_existing_dataset_refs(
        self,
        refs: Iterable[DatasetRef],
        *,
        dimension_records: bool = True,
        sign_for_get: bool = False,
        sign_for_unstore: bool = False,
    ) -> Expansion:
        """Add dimension records and stored datastore records; nothing is signed, but for unstore nothing is trusted either."""
        return self._expander.expand_existing(
            refs, trust=not sign_for_unstore, dimension_records=dimension_records
        )

    def find_datasets(self, uuids: Iterable[UUID]) -> Sequence[DatasetRef]:
        """Return refs of those datasets that exist: two statements and one for each group of dimensions, in one transaction."""
        return self._refs.find(uuids)

    def find_holdings(
        self, pairs: Iterable[tuple[DatasetTypeName, CollectionName]]
    ) -> set[tuple[DatasetTypeName, CollectionName]]:
        """Return those pairs that have a dataset: two statements, and one more for every further 100 groups of dimensions."""
        return find_holdings(self._context, pairs)

    # -- writing

    def apply_batch(self, batch: RawBatch) -> BatchResults:
        """Apply all of a batch or nothing, together with its outcome row."""
        return self._writer.apply(batch)

    # -- the journal protocol

    def fence(self, batch_ids: Iterable[UUID]) -> Mapping[UUID, BatchOutcome]:
        """Insert FENCED where there is no outcome, and return what holds now."""
        batch_ids = list(batch_ids)

        def fence(cursor: Cursor) -> Mapping[UUID, BatchOutcome]:
            self._outcomes.fence(cursor, batch_ids)
            return self._outcomes.read(cursor, batch_ids)

        return self._context.database.transact(fence)

    def outcomes(self, batch_ids: Iterable[UUID]) -> Mapping[UUID, BatchOutcome]:
        """Return what is known of batches."""
        with self._context.database.read() as cursor:
            return self._outcomes.read(cursor, batch_ids)

    def forget_outcomes(self, before: datetime, *, keep: Iterable[UUID] = ()) -> int:
        """Forget that batches were committed, where that was before a time and none of ``keep``; return how many."""
        return Forgetting(self._context.schema).run(before, keep)

    def referenced(
        self, datastore: DatastoreId, artifacts: Iterable[ArtifactName], *, excluding: Iterable[UUID] = ()
    ) -> set[ArtifactName]:
        """Return those artifacts that any record names."""
        with self._context.database.read() as cursor:
            return self._context.opaque.referenced(cursor, datastore, list(artifacts), excluding)

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
        """Read datastore records by artifact: see `Registry.records_by_artifact`."""
        with self._context.database.read() as cursor:
            return read_artifact_records(
                self._context,
                cursor,
                table,
                columns,
                after=after,
                limit=limit,
                collections=collections,
                dataset_types=dataset_types,
            )

    def close(self) -> None:
        """Release connections; may be called again."""
        self._context.database.close()


def _make_snapshot(catalog: Catalog) -> RegistrySnapshot:
    """Describe a catalog.  Its values are trusted: to validate them would cost more than to read them."""
    names = {collection.id: collection.name for collection in catalog.collections.values()}
    type_names = {registered.id: name for name, registered in catalog.dataset_types.items()}
    return RegistrySnapshot.model_construct(
        generation=catalog.generation,
        collections=tuple(
            CollectionInfo(
                each.name,
                each.type,
                each.doc,
                None if each.children is None else tuple(names[child] for child in each.children),
            )
            for each in catalog.collections.values()
        ),
        dataset_types=tuple(
            DatasetTypeRegistration.from_dataset_type(registered.dataset_type)
            for registered in catalog.dataset_types.values()
        ),
        governors=dict(catalog.governor_values),
        summaries={
            names[id_]: (
                frozenset(type_names[type_id] for type_id in types),
                catalog.governors_in.get(id_, {}),
            )
            for id_, types in catalog.types_in.items()
        },
    )
