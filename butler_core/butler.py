"""The butler: the users' door to one repository.  It composes the parts and decides nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from typing import Any, overload
from uuid import UUID

from butler_core import discovery, files_in, recovery, repository, transfers
from butler_core.aliases import DatasetTypeLike, DimensionData
from butler_core.batch_helper import BatchHelper, check_collection_name
from butler_core.client_cache import ClientCache, is_glob
from butler_core.collection_queries import (
    CollectionQuery,
    DatasetTypeQuery,
    query_collections,
    query_dataset_types,
)
from butler_core.datastore_butler import DatastoreButler
from butler_core.errors import (
    ForbiddenError,
    InvalidInputError,
)
from butler_core.limited_butler import DeferredDatasetHandle
from butler_core.models.batch import RawBatch
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode, SetInsertMode
from butler_core.models.config import RepositoryConfig
from butler_core.models.data_id import DataCoordinate, DataId
from butler_core.models.dataset_ref import (
    DatasetIdMode,
    DatasetRef,
    deterministic_uuid,
    new_uuids,
)
from butler_core.models.dataset_type import DatasetType, StorageClassLike
from butler_core.models.file_dataset import FileDataset
from butler_core.models.journal import JOURNAL_VERSION
from butler_core.models.names import (
    CollectionDocumentation,
    CollectionName,
    CollectionPattern,
    DataIdValue,
    DatasetTypeName,
    DimensionElementName,
    DimensionName,
    Durability,
    InMemoryDataset,
    Parameters,
    Progress,
    StorageClassName,
    TransferMode,
    Uri,
    UriExpression,
)
from butler_core.models.opaque import OpaqueTableKeyBatch
from butler_core.models.reports import JournalInfo, RecoveryReport, RepositoryInfo, TransferReport
from butler_core.models.results import DatasetExistence, SyncResult
from butler_core.models.storage_class import StorageClass
from butler_core.models.universe import DimensionUniverse
from butler_core.queries import (
    Constraints,
    DataCoordinateQueryAdapter,
    DatasetQueryAdapter,
    DatasetQueryChain,
    DatasetTypePattern,
    DimensionRecordQueryAdapter,
    Services,
    match_search,
)
from butler_core.resolution import Defaults, Resolver
from butler_core.transactions import Transactions
from butler_core.where import Where


class Butler(DatastoreButler):
    """One repository.  Accepts unexpanded refs wherever its base asks for expanded ones.

    May be shared between threads; batches may not.  Pickles to its configuration and defaults, opens its own connections
    after unpickling or a fork, and carries no credentials along.  Data ID keywords win over ``data_id``, both over the defaults.

    Parameters
    ----------
    config
        Path, URI, label or configuration of the repository.
    butler
        Share this one's connections and caches, under other defaults.
    collections
        Searched where a call names none.
    run
        Written to where a call names none; registered when a writeable butler opens with it, and searched if ``collections`` is
        None.
    search_paths
        Where configuration files are looked for by name.
    writeable
        None: as ``butler`` has it, else only if ``run`` is given.
    infer_defaults
        Take governor values from the default collections, where these hold just one.
    progress
        Told what long operations have done.
    **kwargs
        Default data ID values.

    Raises
    ------
    NotFoundError
        If there is no such repository or collection.
    ConfigurationError, PluginError
        If its configuration, or a plugin that it names, is not in order.
    """

    def __init__(
        self,
        config: RepositoryConfig | Mapping[str, Any] | UriExpression | None = None,
        *,
        butler: Butler | None = None,
        collections: CollectionPattern = None,
        run: CollectionName | None = None,
        search_paths: Sequence[UriExpression] = (),
        writeable: bool | None = None,
        infer_defaults: bool = True,
        progress: Progress | None = None,
        **kwargs: DataIdValue,
    ) -> None:
        if (config is None) == (butler is None):
            raise InvalidInputError(
                "A butler is opened from a configuration or from another butler.", remedy="Pass one of the two."
            )
        if butler is not None:
            self._opened, self._cache, self._is_shared = butler._parts(), butler._cache, True
            self.is_writeable = butler.is_writeable if writeable is None else writeable
            if self.is_writeable and not butler.is_writeable:
                raise ForbiddenError(
                    "A read-only butler's connections cannot be shared for writing.",
                    remedy="Open the repository again with writeable=True.",
                    code="read-only",
                )
        else:
            assert config is not None  # one of the two is given
            self.is_writeable = run is not None if writeable is None else writeable
            self._opened = repository.open_repository(repository.read_config(config, search_paths), self.is_writeable)
            self._cache, self._is_shared = ClientCache(self._opened.registry, self._opened.universe), False
        self._is_closed = False
        self._progress = progress
        self._arguments = {
            "collections": collections,
            "run": run,
            "writeable": self.is_writeable,
            "infer_defaults": infer_defaults,
            **kwargs,
        }
        self.dimensions = self._opened.universe
        self._datastore = self._opened.datastore
        self._registry = self._opened.registry
        self._transactions = Transactions(self._registry, self._datastore)
        try:
            self._set_defaults(collections, run, infer_defaults, kwargs)
        except BaseException:
            if not self._is_shared:
                self._close_parts()
            raise

    def _set_defaults(
        self,
        pattern: CollectionPattern,
        run: CollectionName | None,
        infer: bool,
        values: Mapping[str, DataIdValue],
    ) -> None:
        if run is not None:
            check_collection_name(run)
            if self.is_writeable and run not in self._cache.current().runs:
                with self.batched() as batch:
                    batch.register_collection(run)
                self._cache.refresh()
        if pattern is None:
            names: tuple[CollectionName, ...] = () if run is None else (run,)
        else:
            names = self._cache.refresh().match_collections(pattern)
        data_id = DataCoordinate.standardize(universe=self.dimensions, **values)
        if infer and names:
            data_id = self._infer_governors(names).union(data_id) if not values else self._infer_missing(names, data_id)
        self._defaults = Defaults(names, run, data_id)
        self._resolver = Resolver(self._registry, self._cache, self.dimensions, self._defaults)
        self._services = Services(self._registry, self._cache, self.dimensions, self._defaults)

    def _infer_missing(self, names: Sequence[CollectionName], given: DataCoordinate) -> DataCoordinate:
        inferred = {k: v for k, v in self._infer_governors(names).items() if k not in given}
        return DataCoordinate.standardize({**inferred, **given}, universe=self.dimensions)

    def _infer_governors(self, names: Sequence[CollectionName]) -> DataCoordinate:
        """Take those governors of which the collections hold just one value."""
        definitions = self._cache.current()
        found: dict[str, set[DataIdValue]] = {}
        for name in definitions.flatten(names):
            for governor, values in definitions.snapshot.summaries.get(name, ((), {}))[1].items():
                found.setdefault(governor, set()).update(values)
        only = {governor: next(iter(values)) for governor, values in found.items() if len(values) == 1}
        return DataCoordinate.standardize(only, universe=self.dimensions)

    # -- the repository

    @staticmethod
    def make_repo(
        root: UriExpression,
        config: RepositoryConfig | Mapping[str, Any] | UriExpression | None = None,
        dimensions: DimensionUniverse | str | UriExpression | None = None,
        *,
        search_paths: Sequence[UriExpression] = (),
        outfile: UriExpression | None = None,
        overwrite: bool = False,
        durability: Durability = "power-loss",
    ) -> RepositoryConfig:
        """Create a repository; all defaults are written out.

        Parameters
        ----------
        root
            Directory; made if it is not there.
        config
            None: SQLite and POSIX.
        dimensions
            A universe, its plugin's name or a YAML file; may be left out if just one universe is installed.
        search_paths
            Where configuration files are looked for by name.
        outfile
            Put the configuration there instead of in ``root``.
        overwrite
            Replace that file, and nothing else.
        durability
            What a finished write survives: a power cut, or a killed process.

        Raises
        ------
        ConflictError
            If there is a repository already.
        UnavailableError
            If nothing can be written there.  Whatever fails, what was made is taken away again.
        """
        return repository.make_repository(
            root, config, dimensions, search_paths=search_paths, outfile=outfile, overwrite=overwrite, durability=durability
        )

    @staticmethod
    def get_repo_uri(label: str) -> Uri:
        """Look a label up in the repository index; `NotFoundError` lists the labels there are."""
        index = repository.read_index()
        return repository.look_up_label(index, label)

    @staticmethod
    def get_known_repos() -> Set[str]:
        """Return all labels in the repository index."""
        return repository.read_index().keys()

    @property
    def collections(self) -> Sequence[CollectionName]:
        """The collections searched where a call names none."""
        return self._defaults.collections

    @property
    def run(self) -> CollectionName | None:
        """The RUN written to where a call names none."""
        return self._defaults.run

    @property
    def data_id_defaults(self) -> DataCoordinate:
        """Data ID values used where a call gives none."""
        return self._defaults.data_id

    @property
    def storage_classes(self) -> Mapping[StorageClassName, StorageClass]:
        """All storage classes that plugins offer, looked up on access."""
        return discovery.storage_classes()

    def info(self) -> RepositoryInfo:
        """Describe what the repository is made of."""
        parts = self._parts()
        info = parts.registry.info()
        return RepositoryInfo(
            repository_id=parts.config.repository_id,
            universe=(self.dimensions.namespace, self.dimensions.version),
            registry=str(parts.config.registry["type"]),
            datastores={parts.datastore.bridge.datastore_id: parts.datastore.config.type},
            durability=parts.config.durability,
            versions={**info.versions, "journal": JOURNAL_VERSION, "config": parts.config.version},
        )

    def clear_caches(self) -> None:
        """Forget cached definitions; never needed for correctness, since caches follow the Registry's generation number."""
        self._cache.clear()

    def close(self) -> None:
        """Release connections; may be called again.  A butler that shares another's leaves them open."""
        if not self._is_closed and not self._is_shared:
            self._close_parts()
        self._is_closed = True

    def _close_parts(self) -> None:
        try:
            self._opened.registry.close()
        finally:
            self._opened.datastore.close()

    def _parts(self) -> repository.Opened:
        if self._is_closed:
            raise InvalidInputError("This butler is closed.", remedy="Open it again.")
        return self._opened

    def _check_writeable(self) -> None:
        self._parts()
        if not self.is_writeable:
            raise ForbiddenError(
                "This butler is read-only.", remedy="Open it with writeable=True, or with run=.", code="read-only"
            )

    def __reduce__(self) -> tuple[object, ...]:
        return _reopen, (self._parts().config, self._arguments)

    def __repr__(self) -> str:
        return f"Butler({self._opened.config.root!r}, collections={list(self.collections)}, run={self.run!r})"

    # -- datasets

    @overload  # type: ignore[override]
    def put(self, obj: InMemoryDataset, ref: DatasetRef, /) -> DatasetRef: ...
    @overload
    def put(
        self,
        obj: InMemoryDataset,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        storage_class: StorageClassLike | None = None,
        run: CollectionName | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetRef: ...
    def put(
        self,
        obj: InMemoryDataset,
        dataset_type: DatasetRef | DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        storage_class: StorageClassLike | None = None,
        run: CollectionName | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetRef:
        """Store a new dataset, named by a ref of its own or by dataset type and data ID; return its ref.

        Raises
        ------
        DatasetExistsError
            If its data ID is taken in the RUN.
        DataIdError
            If the data ID lacks a value, or names one of which there is no dimension record.
        """
        self._check_writeable()
        if isinstance(dataset_type, DatasetRef):
            ref = dataset_type
        else:
            made = self._resolver.make_ref_type(dataset_type, storage_class)
            values = self._resolver.data_id(made.dimensions, data_id, kwargs)
            ref = DatasetRef(new_uuids(1)[0], made, values, self._resolver.run(run))
        (stored,) = self.put_many([(obj, ref)])
        return stored

    def put_many(self, arg: Iterable[tuple[InMemoryDataset, DatasetRef]], /) -> list[DatasetRef]:
        """Store all or none, as one batch: see `LimitedButler.put_many`."""
        self._check_writeable()
        pairs = list(arg)
        refs = [ref for _, ref in pairs]
        _refuse_twice(refs)
        batch = RawBatch()
        expansion = self._registry.expand_new_dataset_refs(refs, batch_id=batch.batch_id)
        batch.dataset_insertions.include(expansion.refs)
        writes = [(obj, ref) for (obj, _), ref in zip(pairs, expansion.refs, strict=True)]
        records, _ = self._transactions.write(
            batch,
            expansion.refs,
            expansion.journal_paths,
            lambda: self._datastore.put_many(writes, batch_id=batch.batch_id),
        )
        return records.attach_to(expansion.refs)

    def predict_put_many(self, refs: Iterable[DatasetRef]) -> list[DatasetRef]:
        """Return the refs with the records that `put_many` would give them, but for the batch's token in the names."""
        return list(self._registry.expand_new_dataset_refs(list(refs), batch_id=RawBatch().batch_id).refs)

    @overload  # type: ignore[override]
    def get(
        self,
        ref: DatasetRef,
        /,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> InMemoryDataset: ...
    @overload
    def get(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> InMemoryDataset: ...
    def get(
        self,
        dataset_type: DatasetRef | DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> InMemoryDataset:
        """Read a dataset, given its ref, or found by dataset type and data ID in the collections, find-first.

        Raises
        ------
        DatasetNotFoundError
            If there is none; the error says where it was looked for.
        DatasetNotStoredError
            If its bytes were dropped on purpose.
        CorruptError
            If they are gone or damaged.
        """
        ref = self._ref(dataset_type, data_id, collections, kwargs, storage_class)
        (result,) = self.get_many([(ref, parameters)])
        return result.dataset

    @overload  # type: ignore[override]
    def get_deferred(
        self,
        ref: DatasetRef,
        /,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> DeferredDatasetHandle: ...
    @overload
    def get_deferred(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> DeferredDatasetHandle: ...
    def get_deferred(
        self,
        dataset_type: DatasetRef | DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> DeferredDatasetHandle:
        """Return a handle that reads later; the dataset is found now."""
        ref = self._ref(dataset_type, data_id, collections, kwargs, None)
        return DeferredDatasetHandle(self, ref, parameters, storage_class)

    @overload  # type: ignore[override]
    def get_uri(self, ref: DatasetRef, /, *, signed: bool = False) -> Uri: ...
    @overload
    def get_uri(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        signed: bool = False,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> Uri: ...
    def get_uri(
        self,
        dataset_type: DatasetRef | DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        signed: bool = False,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> Uri:
        """Return the one URI of a stored dataset; `InvalidInputError` if it has none, or several (components)."""
        return super().get_uri(self._ref(dataset_type, data_id, collections, kwargs, None), signed=signed)

    @overload  # type: ignore[override]
    def exists(self, ref: DatasetRef, /, *, check_artifact: bool = False) -> DatasetExistence: ...
    @overload
    def exists(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        check_artifact: bool = False,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> DatasetExistence: ...
    def exists(
        self,
        dataset_type: DatasetRef | DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        check_artifact: bool = False,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> DatasetExistence:
        """Say where a dataset stands; records are trusted unless ``check_artifact``."""
        if isinstance(dataset_type, DatasetRef):
            ref: DatasetRef | None = dataset_type
        else:
            self._parts()
            ref = self._resolver.find_dataset(dataset_type, data_id, collections, kwargs)
        if ref is None:
            return DatasetExistence.NONE
        (existence,) = self.exists_many([ref], check_artifact=check_artifact)
        return existence

    def unstore(self, refs: Iterable[DatasetRef]) -> None:
        """Drop bytes and datastore records, keep the registration: see `LimitedButler.unstore`."""
        self._check_writeable()
        expansion = self._registry.expand_existing_dataset_refs(list(refs), sign_for_unstore=True)
        stored = list({ref.uuid: ref for ref in expansion.refs if ref.datastore_records}.values())
        if not stored:
            return
        batch = RawBatch()
        keys = OpaqueTableKeyBatch()
        for table in self._datastore.bridge.tables:
            keys.insert(table, [ref.uuid for ref in stored if ref.datastore_records and table in ref.datastore_records])
        batch.opaque_table_removals = keys
        self._transactions.remove(batch, stored, expansion.journal_paths)

    def make_refs(
        self,
        dataset_type: DatasetTypeLike,
        data_ids: Iterable[DataId],
        *,
        run: CollectionName | None = None,
        id_mode: DatasetIdMode | str = DatasetIdMode.UNIQUE,
    ) -> list[DatasetRef]:
        """Make refs for new datasets, one per data ID and in its order; nothing is registered.

        Raises `DataIdError` for a data ID that is not for the dataset type's dimensions.
        """
        made, name = self._resolver.dataset_type(dataset_type), self._resolver.run(run)
        try:
            mode = DatasetIdMode(id_mode)
        except ValueError as error:
            raise InvalidInputError(
                f"{id_mode!r} is no way to choose UUIDs.", remedy=f"Use one of {[m.value for m in DatasetIdMode]}."
            ) from error
        values = [self._resolver.data_id(made.dimensions, data_id, {}) for data_id in data_ids]
        if mode is DatasetIdMode.UNIQUE:
            uuids = new_uuids(len(values))
        else:
            hashed_run = name if mode is DatasetIdMode.DATA_ID_RUN else None
            uuids = [deterministic_uuid(made.name, value.required, hashed_run) for value in values]
        return [DatasetRef(uuid, made, value, name) for uuid, value in zip(uuids, values, strict=True)]

    def ingest(
        self,
        *datasets: FileDataset,
        directory: UriExpression | None = None,
        transfer: TransferMode | None = "auto",
        own_absolute: bool = False,
        record_validation_info: bool = True,
    ) -> list[DatasetRef]:
        """Take in files that exist, as one batch; return the refs with datastore records, in input order.

        Parameters
        ----------
        *datasets
            Files, each with the datasets in it.
        directory
            Where relative paths begin; None: the working directory.
        transfer
            "copy" (as "auto"), "move", "hardlink", "symlink", "relsymlink", "link" (hard, else symbolic), or "direct": the file stays
            where it is, is not ours and is never deleted.
        own_absolute
            Let the datastore own files at absolute URIs; no datastore here can.
        record_validation_info
            Note sizes.

        Raises
        ------
        InvalidInputError
            If a file is not there or lies in the repository, or a UUID is given twice; before anything is written.
        DatasetExistsError
            If a data ID is taken in its RUN.
        """
        self._check_writeable()
        return files_in.ingest(
            self._registry,
            self._datastore,
            self._transactions,
            datasets,
            directory=directory,
            transfer=transfer,
            own_absolute=own_absolute,
            record_validation_info=record_validation_info,
        )

    def _ref(
        self,
        given: DatasetRef | DatasetTypeLike,
        data_id: DataId | None,
        collections: CollectionPattern,
        kwargs: dict[str, Any],
        storage_class: StorageClassLike | None,
    ) -> DatasetRef:
        self._parts()
        if not isinstance(given, DatasetRef):
            return self._resolver.get_dataset(given, data_id, collections, kwargs, storage_class=storage_class)
        if data_id is not None or kwargs:
            raise InvalidInputError(f"{given} says which dataset it is.", remedy="Give a ref or a data ID, not both.")
        return given if storage_class is None else given.with_storage_class(storage_class)

    def _with_records(self, refs: Sequence[DatasetRef]) -> list[DatasetRef | None]:
        if all(ref.datastore_records is not None for ref in refs):
            self._parts()
            return list(refs)
        found = {ref.uuid: ref for ref in self._parts().registry.expand_existing_dataset_refs(refs).refs}
        return [found.get(ref.uuid) for ref in refs]

    # -- finding

    def query_datasets(
        self,
        dataset_type: DatasetTypePattern,
        collections: CollectionPattern = None,
        *,
        find_first: bool = True,
        where: Where = "",
        data_id: DataId | None = None,
        uuid: UUID | None = None,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetQueryChain:
        """Find datasets of one or several types.

        Parameters
        ----------
        dataset_type
            Names, globs or dataset types; ``...`` is all.
        collections
            Names in search order; None: the butler's defaults; ``()`` finds nothing.  Globs and ``...`` only with
            ``find_first=False``.
        find_first
            Keep, for each data ID, the dataset of the earliest collection that has one.
        where
            A condition in the where language, or an expression of `butler_core.columns`.
        data_id, **kwargs
            Values that are fixed.
        uuid
            Only this dataset.
        bind
            Values of ``:name`` in ``where``.

        Raises
        ------
        QueryError
            For a mistake in ``where``: it shows the place, and the names that would do.
        """
        services = self._query_services()
        constraints = Constraints(uuids=None if uuid is None else frozenset([uuid]))
        constraints = constraints.with_condition(self.dimensions, where, data_id, bind, kwargs)
        single = isinstance(dataset_type, (str, DatasetType)) and not (
            isinstance(dataset_type, str) and is_glob(dataset_type)
        )
        if single:
            types: tuple[DatasetType, ...] = (self._resolver.dataset_type(dataset_type),)  # type: ignore[arg-type]
        else:
            types = self._cache.refresh().match_dataset_types(dataset_type)
        if collections is not None:
            match_search(self._cache.current(), self._defaults, collections, find_first) if find_first else None
        return DatasetQueryChain(
            {t.name: DatasetQueryAdapter(services, constraints, t, collections, find_first) for t in types}
        )

    def query_data_ids(
        self,
        dimensions: Iterable[DimensionName] | DimensionName,
        *,
        where: Where = "",
        data_id: DataId | None = None,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> DataCoordinateQueryAdapter:
        """Find the data IDs that the dimension records allow, whether or not datasets exist."""
        services = self._query_services()
        group = self.dimensions.conform(dimensions)
        constraints = Constraints().with_condition(self.dimensions, where, data_id, bind, kwargs)
        return DataCoordinateQueryAdapter(services, constraints, group)

    def query_dimension_records(
        self,
        element: DimensionElementName,
        *,
        where: Where = "",
        data_id: DataId | None = None,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> DimensionRecordQueryAdapter:
        """Find the records of one element."""
        services = self._query_services()
        constraints = Constraints().with_condition(self.dimensions, where, data_id, bind, kwargs)
        return DimensionRecordQueryAdapter(services, constraints, element)

    def query_collections(
        self,
        pattern: CollectionPattern = ...,
        *,
        types: Iterable[CollectionType] | CollectionType | None = None,
        flatten_chains: bool = False,
        include_chains: bool | None = None,
        having_datasets: Iterable[DatasetTypeName] | DatasetTypeName = (),
        exact: bool = True,
    ) -> CollectionQuery:
        """Find collections by name or glob.

        Parameters
        ----------
        pattern
            Names and globs; ``...`` is all, None the butler's defaults.
        types
            Only these; None: all.
        flatten_chains
            Put children, in order, in a chain's place.
        include_chains
            Whether chains themselves are listed; None: only when not flattening.
        having_datasets
            Only collections with at least one dataset of each of these types.
        exact
            False trusts the summaries, which may list too many.
        """
        return query_collections(
            self._query_services(), pattern, types, flatten_chains, include_chains, having_datasets, exact
        )

    def query_dataset_types(
        self,
        pattern: DatasetTypePattern = ...,
        *,
        dimensions: Iterable[DimensionName] = (),
        collections: CollectionPattern = ...,
        exact: bool = True,
    ) -> DatasetTypeQuery:
        """Find dataset types by name or glob, that have all of ``dimensions``, and datasets in some of ``collections`` unless these are ``...``."""
        return query_dataset_types(self._query_services(), pattern, dimensions, collections, exact)

    def resolve_dataset(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        expand: bool = True,
        **kwargs: DataIdValue,
    ) -> DatasetRef:
        """Find one dataset, find-first; `DatasetNotFoundError` says where it was looked for."""
        self._parts()
        return self._resolver.get_dataset(
            dataset_type, data_id, collections, kwargs, expand=expand, storage_class=storage_class
        )

    def get_dataset_type(self, name: DatasetTypeName) -> DatasetType:
        """Return a dataset type, ``parent.component`` too; `DatasetTypeNotFoundError`."""
        self._parts()
        return self._cache.get_dataset_type(name)

    def get_collection_chain(self, chain_name: CollectionName) -> Sequence[CollectionName]:
        """Return a chain's direct children; `InvalidInputError` if it is not CHAINED."""
        self._query_services()
        info = self._cache.refresh().get_collection(chain_name)
        if info.children is None:
            raise InvalidInputError(f"Collection {chain_name!r} is a {info.type.value}, not a chain.", remedy="Name a chain.")
        return info.children

    def get_collection_documentation(self, name: CollectionName) -> CollectionDocumentation:
        """Return a collection's documentation."""
        self._query_services()
        return self._cache.refresh().get_collection(name).doc

    def _query_services(self) -> Services:
        self._parts()
        return self._services

    # -- writes, each a batch of one; see BatchHelper

    @contextmanager
    def batched(self) -> Iterator[BatchHelper]:
        """Collect operations, and apply them in one transaction when the context ends without error; else apply none."""
        self._check_writeable()
        helper = BatchHelper(self, self._cache)
        yield helper
        helper._results = self._transactions.apply(helper._raw)

    def register_collection(
        self,
        name: CollectionName,
        type: CollectionType = CollectionType.RUN,
        doc: CollectionDocumentation = "",
    ) -> None:
        """Register a collection: see `BatchHelper.register_collection`."""
        with self.batched() as batch:
            batch.register_collection(name, type, doc)

    def edit_collection_chain(
        self,
        chain_name: CollectionName,
        children: Sequence[CollectionName | int],
        mode: SequenceEditMode,
        *,
        flatten: bool = False,
    ) -> None:
        """Change a chain's children: see `BatchHelper.edit_collection_chain`."""
        with self.batched() as batch:
            batch.edit_collection_chain(chain_name, children, mode, flatten=flatten)

    def set_collection_documentation(self, name: CollectionName, doc: CollectionDocumentation) -> None:
        """Replace a collection's documentation."""
        with self.batched() as batch:
            batch.set_collection_documentation(name, doc)

    def edit_associations(self, collection: CollectionName, refs: Iterable[DatasetRef], mode: SetEditMode) -> None:
        """Change the membership of a TAGGED collection: see `BatchHelper.edit_associations`."""
        with self.batched() as batch:
            batch.edit_associations(collection, refs, mode)

    def register_dataset_type(
        self,
        dataset_type_or_name: DatasetTypeLike,
        /,
        dimensions: Iterable[DimensionName] | None = None,
        storage_class: StorageClassLike | None = None,
        is_calibration: bool | None = None,
        update: bool = False,
    ) -> DatasetType:
        """Register a dataset type: see `BatchHelper.register_dataset_type`."""
        with self.batched() as batch:
            return batch.register_dataset_type(
                dataset_type_or_name, dimensions, storage_class, is_calibration, update
            )

    def insert_dimension_data(
        self,
        element: DimensionElementName,
        data: Iterable[DimensionData],
        mode: SetInsertMode = SetInsertMode.INSERT_OR_FAIL,
    ) -> None:
        """Insert dimension records: see `BatchHelper.insert_dimension_data`."""
        with self.batched() as batch:
            batch.insert_dimension_data(element, data, mode)

    def sync_dimension_data(
        self, record: DimensionData, update: bool = False, *, element: DimensionElementName | None = None
    ) -> SyncResult:
        """Insert a dimension record, or compare it with what is there: see `BatchHelper.sync_dimension_data`."""
        with self.batched() as batch:
            batch.sync_dimension_data(record, update, element=element)
        return batch.results.syncs[0]

    # -- between repositories

    def import_(
        self,
        filename: UriExpression | None = None,
        *,
        transfer: TransferMode | None = None,
        directory: UriExpression | None = None,
        dimension_insert_mode: SetInsertMode | None = None,
        record_validation_info: bool = True,
        skip_files: bool = False,
        dry_run: bool = False,
    ) -> TransferReport:
        """Take in an export, chunk by chunk; run again after a failure, it goes on where it stopped.

        Parameters
        ----------
        filename
            The export; its format is seen from name and header.
        transfer
            How its files come in, as for `ingest`; None is "copy".
        directory
            Where its relative paths begin; None: beside the export.
        dimension_insert_mode
            What becomes of dimension records that are there already; None: skipped.
        record_validation_info
            Note sizes.
        skip_files
            Register datasets as not stored.
        dry_run
            Read and check all of it, and change nothing.

        Raises
        ------
        InvalidInputError, IncompatibleError, CorruptError
            If the export cannot be understood; the error names file and line.
        """
        if not dry_run:
            self._check_writeable()
        importer = transfers.Importer(
            self._registry, self._datastore, self._transactions, self._cache, self.dimensions, self._progress
        )
        return importer.run(
            filename,
            transfer=transfer,
            directory=directory,
            dimension_insert_mode=dimension_insert_mode,
            record_validation_info=record_validation_info,
            skip_files=skip_files,
            dry_run=dry_run,
        )

    # -- upkeep

    def journals(self) -> list[JournalInfo]:
        """Describe the open journals, oldest first; damaged and foreign ones too, marked so."""
        self._parts()
        return recovery.list_journals(self._registry, self._datastore)

    def recover(self, *, dry_run: bool = False) -> RecoveryReport:
        """Bring artifacts in step with the Registry, for every journal whose writer is gone.

        Safe beside live writers, and to interrupt and run again.
        """
        if not dry_run:
            self._check_writeable()
        return recovery.recover(self._registry, self._datastore, dry_run=dry_run)


def _refuse_twice(refs: Sequence[DatasetRef]) -> None:
    if len(refs) > 1 and len({ref.uuid_bytes for ref in refs}) < len(refs):
        seen: set[UUID] = set()
        for ref in refs:
            if ref.uuid in seen:
                raise InvalidInputError(f"{ref} is given twice.", remedy="Give each dataset once.", uuid=str(ref.uuid))
            seen.add(ref.uuid)


def _reopen(config: RepositoryConfig, arguments: Mapping[str, Any]) -> Butler:
    return Butler(config, **arguments)
