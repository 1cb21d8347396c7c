"""Finding what there is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from butler_core.aliases import DatasetTypeLike
from butler_core.butler_methods.opening import Opening
from butler_core.errors import DatasetNotFoundError, InvalidInputError
from butler_core.expressions.query import QueryDescription
from butler_core.expressions.where import Where
from butler_core.models.checking import read_uuid
from butler_core.models.collection import CollectionType
from butler_core.models.data_id import DataCoordinate, DataId
from butler_core.models.dataset_ref import (
    DatasetRef,
)
from butler_core.models.dataset_type import DatasetType, StorageClassLike
from butler_core.models.names import (
    CollectionDocumentation,
    CollectionName,
    CollectionPattern,
    DataIdValue,
    DatasetTypeName,
    DimensionElementName,
    DimensionName,
)
from butler_core.models.timespan import Timespan
from butler_core.queries.chain import DatasetQueryChain
from butler_core.queries.collections import (
    CollectionQuery,
    DatasetTypeQuery,
    query_collections,
    query_dataset_types,
)
from butler_core.queries.data_ids import DataCoordinateQueryAdapter
from butler_core.queries.matching import DatasetTypePattern
from butler_core.queries.query import Query
from butler_core.queries.records import DimensionRecordQueryAdapter
from butler_core.queries.services import Services


class Finding(Opening):
    """Methods that find."""

    # -- finding

    def query(self, description: QueryDescription | None = None) -> Query:
        """Return an empty query to build on, or the one that a description (`Query.description`) stands for.

        Statements: none.
        """
        services = self._query_services()
        if description is None:
            return Query(services)
        return Query._from_description(services, description)

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

        Statements: none for names that are known here; 3 for patterns.  Results ask when they are used: see `QueryBase`.

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
            Values that are fixed; keys other than dimensions are conditions, so nothing is looked up.
        uuid
            Only this dataset.
        bind
            Values of ``:name`` in ``where``.

        Raises
        ------
        QueryError
            For a mistake in ``where``: it shows the place, and the names that would do.
        """
        query = self.query().where(where, data_id, None, bind, **kwargs)
        if uuid is not None:
            query = query._but(replace(query._specification, uuids=frozenset([read_uuid(uuid)])))
        return query.datasets(dataset_type, collections, find_first=find_first)

    def query_data_ids(
        self,
        dimensions: Iterable[DimensionName] | DimensionName,
        *,
        where: Where = "",
        data_id: DataId | None = None,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> DataCoordinateQueryAdapter:
        """Find the data IDs that the dimension records allow, whether or not datasets exist.

        Statements: none; results ask when they are used.
        """
        return self.query().where(where, data_id, None, bind, **kwargs).data_ids(dimensions)

    def query_dimension_records(
        self,
        element: DimensionElementName,
        *,
        where: Where = "",
        data_id: DataId | None = None,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> DimensionRecordQueryAdapter:
        """Find the records of one element.  Statements: none; results ask when they are used."""
        return self.query().where(where, data_id, None, bind, **kwargs).dimension_records(element)

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

        Statements: 3 (begin, generation, end) while the definitions are still known; ``having_datasets`` takes four
        more (with one that looks for datasets), however many collections and dataset types there are, and one more for every
        further 100 groups of dimensions.

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
            False trusts the summaries, which may list too many, and asks for no dataset.
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
        """Find dataset types by name or glob.

        Those are listed that have all of ``dimensions``, and datasets in some of ``collections`` unless these are ``...``;
        ``exact=False`` trusts the summaries, which may list too many.  Statements: 3 as `query_collections`, and four more for
        ``collections``.
        """
        return query_dataset_types(self._query_services(), pattern, dimensions, collections, exact)

    def resolve_dataset(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        expand: bool = True,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetRef:
        """Find one dataset, find-first.

        Statements: 1 without ``expand``; with it 4 (begin, generation, dataset and datastore records, end), and one for each
        dimension element.

        Parameters
        ----------
        dataset_type
            Its dataset type; of a component, the component's name.
        data_id, **kwargs
            Its data ID, by any keys: those other than dimensions take a query more for each dimension that they name.  For
            a calibration it may name more, such as an exposure, whose timespan then is the time at which the calibration
            must be valid.
        storage_class
            What to read it as.
        collections
            Names in search order; None: the butler's defaults.
        expand
            Also fetch dimension records and datastore records.
        timespan
            When a calibration must be valid, whatever the data ID says.  Datasets of RUN and TAGGED collections are valid
            at all times.

        Raises
        ------
        DatasetNotFoundError
            If there is none; the error says where it was looked for.
        AmbiguousLookupError
            If several calibrations are valid then, or at any time if there is none, or if several records fit a key: its
            ``details["candidates"]`` list them.
        DataIdError
            If the data ID lacks a value, or a key is unknown, fits no record or contradicts another.
        """
        self._parts()
        return self._resolver.get_dataset(
            dataset_type,
            data_id,
            collections,
            kwargs,
            expand=expand,
            records=expand,
            storage_class=storage_class,
            timespan=timespan,
        )

    def get_dataset(self, uuid: UUID) -> DatasetRef:
        """Return the ref of a UUID, unexpanded; `DatasetNotFoundError`.

        Statements: 5 (begin, generation, what it is, its data ID, end), whatever the number of dataset types.
        """
        self._parts()
        if found := self._registry.find_datasets([read_uuid(uuid)]):
            return found[0]
        raise DatasetNotFoundError(
            f"There is no dataset {uuid}.",
            remedy="Check the UUID: it may have been removed, or be of another repository.",
            uuid=str(uuid),
        )

    def expand_data_id(
        self,
        data_id: DataId | None = None,
        dimensions: Iterable[DimensionName] | None = None,
        **kwargs: DataIdValue,
    ) -> DataCoordinate:
        """Return a data ID with its records and implied values; whether there are datasets for it does not matter.

        Statements: 1; none if ``data_id`` is expanded already.  Keys other than those of dimensions take a query more, for
        each dimension that they name.

        Parameters
        ----------
        data_id, **kwargs
            Values; ``kwargs`` win, and the butler's defaults fill in what is missing.
        dimensions
            Of the data ID that is wanted; None: those that are given.

        Raises
        ------
        DataIdError
            If there is no such record, or if implied values that are given contradict it.
        AmbiguousLookupError
            If a key may mean several columns, or fits several records; it lists them.
        """
        self._parts()
        group = None if dimensions is None else self.dimensions.conform(dimensions)
        return self._resolver.expand(group, data_id, kwargs)

    def get_dataset_type(self, name: DatasetTypeName) -> DatasetType:
        """Return a dataset type, ``parent.component`` too; `DatasetTypeNotFoundError`.

        Statements: none, if it is known here; else 3 to ask again.
        """
        self._parts()
        return self._cache.get_dataset_type(name)

    def get_collection_chain(self, chain_name: CollectionName) -> Sequence[CollectionName]:
        """Return a chain's direct children; `InvalidInputError` if it is not CHAINED.

        Statements: 3 (begin, generation, end).
        """
        self._query_services()
        info = self._cache.refresh().get_collection(chain_name)
        if info.children is None:
            raise InvalidInputError(
                f"Collection {chain_name!r} is a {info.type.value}, not a chain.", remedy="Name a chain."
            )
        return info.children

    def get_collection_documentation(self, name: CollectionName) -> CollectionDocumentation:
        """Return a collection's documentation.  Statements: 3 (begin, generation, end)."""
        self._query_services()
        return self._cache.refresh().get_collection(name).doc

    def _query_services(self) -> Services:
        self._parts()
        return self._services
