"""Opening a repository, or another view of one that is open: parts, defaults, pickling, closing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from butler_core import discovery, repository
from butler_core.batching.collections import check_collection_name
from butler_core.client_cache import ClientCache
from butler_core.data_ids import KeyLookups
from butler_core.datastore_butler import DatastoreButler
from butler_core.errors import ForbiddenError, InvalidInputError
from butler_core.models.batch import CollectionRegistration, RawBatch
from butler_core.models.collection import CollectionType
from butler_core.models.config import RepositoryConfig
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.journal import JOURNAL_VERSION
from butler_core.models.names import (
    CollectionName,
    CollectionPattern,
    DataIdValue,
    Progress,
    StorageClassName,
    UriExpression,
)
from butler_core.models.reports import RepositoryInfo
from butler_core.models.storage_class import StorageClass
from butler_core.queries.services import Services
from butler_core.resolution import Defaults, Resolver
from butler_core.transactions import Transactions


class Opening(DatastoreButler):
    """What all methods of a butler stand on: its repository's parts and its defaults."""

    _opened: repository.Opened
    _cache: ClientCache

    def __init__(
        self,
        config: RepositoryConfig | Mapping[str, Any] | UriExpression | None = None,
        *,
        butler: Self | None = None,
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
                "A butler is opened from a configuration or from another butler.",
                remedy="Pass one of the two.",
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
            self._opened = repository.open_repository(
                repository.read_config(config, search_paths), self.is_writeable
            )
            self._cache, self._is_shared = ClientCache(self._opened.registry, self._opened.universe), False
        self._is_closed = False
        self._progress = progress
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
                registration = CollectionRegistration(name=run, type=CollectionType.RUN)
                self._transactions.apply(RawBatch(collection_registrations={run: registration}))
                self._cache.refresh()
        if pattern is None:
            names: tuple[CollectionName, ...] = () if run is None else (run,)
            if names and infer and self._is_shared:  # others may have written into it since
                self._cache.refresh()
        else:
            names = self._cache.refresh().match_collections(pattern)
        inferred = self._infer_governors(names) if infer else {}
        # As in any data ID, keys may be others than those of dimensions: then they are looked up here.
        (given,) = KeyLookups(self._registry, self.dimensions, inferred).make_plain([values], None)
        data_id = DataCoordinate.standardize({**inferred, **given}, universe=self.dimensions)
        self._defaults = Defaults(names, run, data_id)
        self._resolver = Resolver(self._registry, self._cache, self.dimensions, self._defaults)
        tables = tuple(self._datastore.bridge.tables.values())
        self._services = Services(self._registry, self._cache, self.dimensions, self._defaults, tables)

    def _infer_governors(self, names: Sequence[CollectionName]) -> dict[str, DataIdValue]:
        """Take those governors of which the collections hold just one value."""
        if not names:  # then nothing needs to be read yet
            return {}
        definitions = self._cache.current()
        found: dict[str, set[DataIdValue]] = {}
        for name in definitions.flatten(names):
            for governor, values in definitions.snapshot.summaries.get(name, ((), {}))[1].items():
                found.setdefault(governor, set()).update(values)
        return {governor: next(iter(values)) for governor, values in found.items() if len(values) == 1}

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

    def _follow(self, generation: int, refs: Iterable[DatasetRef]) -> None:
        """Look whether the dataset types of refs to write are what they are in the Registry, as of its last answer.

        Their values are stored without names, so those of other dimensions would get another meaning.
        """
        definitions = self._cache.current()
        if generation != definitions.generation:
            definitions = self._cache.refresh()
        for dataset_type in {ref.dataset_type for ref in refs}:
            registered = definitions.get_dataset_type(dataset_type.name)
            if dataset_type is not registered and dataset_type != registered:
                definitions.match_dataset_types(dataset_type)
                registered.with_storage_class(dataset_type.storage_class)

    def _check_writeable(self) -> None:
        self._parts()
        if not self.is_writeable:
            raise ForbiddenError(
                "This butler is read-only.",
                remedy="Open it with writeable=True, or with run=.",
                code="read-only",
            )

    def __reduce__(self) -> tuple[object, ...]:
        # Defaults as they were found, so that the copy has the same: what they were given by may say something else by now.
        defaults: dict[str, Any] = {
            "collections": self._defaults.collections,
            "run": self._defaults.run,
            "writeable": self.is_writeable,
            "infer_defaults": False,
            **self._defaults.data_id.required,
        }
        return _reopen, (type(self), self._parts().config, defaults)

    def __repr__(self) -> str:
        return f"Butler({self._opened.config.root!r}, collections={list(self.collections)}, run={self.run!r})"

    def _with_records(self, refs: Sequence[DatasetRef]) -> list[DatasetRef | None]:
        if all(ref.datastore_records is not None for ref in refs):
            self._parts()
            return list(refs)
        expansion = self._parts().registry.expand_existing_dataset_refs(refs, dimension_records=False)
        found = {ref.uuid: ref for ref in expansion.refs}
        return [found.get(ref.uuid) for ref in refs]


def _reopen(kind: type[Opening], config: RepositoryConfig, arguments: Mapping[str, Any]) -> Opening:
    return kind(config, **arguments)
