"""The query that users build step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Self

from butler_core.client_cache import Definitions
from butler_core.contracts.registry import QueryPage
from butler_core.errors import InvalidInputError
from butler_core.expressions.query import QueryDescription
from butler_core.models.checking import read_names
from butler_core.models.columns import ColumnInfo
from butler_core.models.names import (
    CollectionPattern,
    ColumnName,
    DatasetTypeName,
    DimensionElementName,
    DimensionName,
)
from butler_core.models.universe import DimensionGroup
from butler_core.queries.arrow import Column
from butler_core.queries.available import available_columns
from butler_core.queries.base import Held
from butler_core.queries.building import Building
from butler_core.queries.chain import DatasetQueryChain
from butler_core.queries.collections import (
    CollectionQuery,
    DatasetTypeQuery,
    query_collections,
    query_dataset_types,
)
from butler_core.queries.data_ids import DataCoordinateQueryAdapter
from butler_core.queries.datasets import DatasetQueryAdapter
from butler_core.queries.matching import DatasetTypePattern, keep_pattern, match_types
from butler_core.queries.materializing import materialize
from butler_core.queries.projection import Projection
from butler_core.queries.reading import specification_of
from butler_core.queries.records import DimensionRecordQueryAdapter
from butler_core.queries.row_columns import row_columns
from butler_core.queries.rows import Row, RowShape
from butler_core.queries.services import Services
from butler_core.queries.specification import Search, Specification


class Query(Building):
    """A re-usable description of a search; every method that changes it returns a new one.

    Iterating gives rows: mappings from column name to value.  A row has the values of the query's dimensions, and those fields
    of datasets that were asked for.
    """

    def __init__(
        self,
        services: Services,
        specification: Specification | None = None,
        projection: Projection | None = None,
        *,
        held: Held | None = None,
    ) -> None:
        super().__init__(services, specification or Specification(), held)
        self._projection = projection or Projection()

    @classmethod
    def _from_description(cls, services: Services, description: QueryDescription) -> Query:
        """Make the query of a description of one: see `description`."""
        kind = getattr(description, "kind", type(description).__name__)
        if kind != "rows" or not isinstance(description, QueryDescription):
            raise InvalidInputError(
                f"A query is described by a description of kind 'rows', not {kind!r}.",
                remedy="Give Query.description of another query.",
            )
        projection = Projection(description.dimensions, description.columns, description.unique)
        return cls(services, specification_of(services, description), projection)

    def _but(self, specification: Specification) -> Self:
        return type(self)(self._services, specification, self._projection)

    def _projected(self, projection: Projection) -> Query:
        return type(self)(self._services, self._asked(), projection)

    def _hold(self, held: Held) -> Self:
        return type(self)(self._services, self._specification, self._projection, held=held)

    def _asked(self) -> Specification:
        """Return what to go on with: of a snapshot, just its rows."""
        if self._held is None or not self._held.is_cut:
            return self._specification
        # Which data IDs and datasets are behind these rows is not held, for a row may come of many.
        return self.materialized()._specification

    def _sliced(self) -> Specification:
        """Return what gives the same rows, also of a slice of a snapshot."""
        held = self._held
        if held is None:
            return self._specification
        return self._specification.sliced(
            held.offset, None if held.limit is None else held.offset + held.limit
        )

    # -- what it is

    @property
    def description(self) -> QueryDescription:
        """The query as data, which can be serialised; the collections are those that patterns stand for now.

        Statements: none.
        """
        return self._describe(self._services.cache.current())

    @property
    def dimensions(self) -> DimensionGroup:
        """The dimensions of its rows."""
        if self._projection.dimensions is None:
            return self._joined
        return self._services.universe.conform(self._projection.dimensions)

    @property
    def has_dimension_record_columns(self) -> bool | DimensionElementName:
        """Whether rows have enough for expanded data IDs; the name of an element if only for its records."""
        elements = self._projection.elements
        needed = [
            name for name in self.dimensions.elements if self._services.universe.elements[name].has_table
        ]
        return bool(elements) and (set(needed) <= set(elements) or elements[-1])

    @property
    def has_datastore_record_columns(self) -> bool | DatasetTypeName:
        """Whether rows have datastore records of all joined datasets; the name of a dataset type if only of that."""
        records = self._projection.records
        joined = {search.dataset_type.name for search in self._specification.searches}
        return bool(records) and (joined <= set(records) or records[-1])

    def available_columns(self) -> Sequence[ColumnInfo]:
        """Return what `where`, `sorted` and `projected` may name here.  Statements: none."""
        return list(available_columns(self._specification, self._joined, self._services.record_tables))

    # -- what rows have

    def projected(
        self,
        dimensions: Iterable[DimensionName] | None = None,
        unique: bool = True,
        columns: Iterable[ColumnName] | None = None,
        drop_postprocessing: bool = False,
        keep_record_columns: bool = True,
    ) -> Query:
        """Return rows of fewer dimensions or columns.

        Statements: none.

        Parameters
        ----------
        dimensions
            Which to keep; None: all.
        unique
            Whether rows that are the same come only once.
        columns
            Which other columns rows have, as conditions name them (``visit.exposure_time``, ``flat.uuid``); None: the fields
            of those searches whose dimensions are kept.
        drop_postprocessing
            Skip the exact test of regions, so perhaps give too many rows.
        keep_record_columns
            Whether to keep what expanded data IDs and refs of the rest need, if rows have it.
        """
        universe = self._services.universe
        kept = self.dimensions if dimensions is None else universe.conform(dimensions)
        before = self._projection
        elements = tuple(e for e in before.elements if e in kept.elements) if keep_record_columns else ()
        records = before.records if keep_record_columns else ()
        projection = Projection(
            None if dimensions is None else kept.names,
            before.columns if columns is None else read_names(columns, "columns"),
            unique,
            elements,
            records,
        )
        asked = self._asked()
        changed = replace(asked, exact=False) if drop_postprocessing else asked
        return type(self)(self._services, changed, projection)

    def with_dimension_record_columns(self, element: DimensionElementName | None = None) -> Query:
        """Return rows with the columns of one element's records, or of all that expanded data IDs have.  Statements: none."""
        universe = self._services.universe
        if element is None:
            names = [name for name in self.dimensions.elements if universe.elements[name].has_table]
        else:
            names = [universe.get_element(element).name]
        elements = tuple(dict.fromkeys((*self._projection.elements, *names)))
        return self._projected(replace(self._projection, elements=elements))

    def with_datastore_record_columns(self, dataset_type_name: DatasetTypeName | None = None) -> Query:
        """Return rows with the columns of datastore records, of one joined dataset type or of all.  Statements: none."""
        if dataset_type_name is None:
            names = [search.dataset_type.name for search in self._specification.searches]
        else:
            names = [self._name_of_joined(dataset_type_name)]
        records = tuple(dict.fromkeys((*self._projection.records, *names)))
        return self._projected(replace(self._projection, records=records))

    def _names(self) -> list[ColumnName]:
        tables = self._services.record_tables
        return row_columns(self._specification, self._projection, self._joined, self.dimensions, tables)

    # -- asking

    def _describe(self, definitions: Definitions) -> QueryDescription:
        services = self._services
        return self._sliced().describe(
            "rows",
            definitions,
            services.defaults,
            services.universe,
            self.dimensions.names,
            columns=tuple(self._names()),
            unique=self._projection.unique,
        )

    def _convert(self, page: QueryPage) -> Sequence[Row]:
        shape = RowShape(self._columns(page), self._services.universe)
        return [Row(shape, values) for values in page.rows]

    def _columns(self, page: QueryPage) -> Sequence[Column]:
        return [Column(name, type_) for name, type_ in zip(page.columns, page.types, strict=True)]

    def materialized(self) -> Query:
        """Ask now, and return a query whose rows are just these, to go on from.

        Statements: 4 a page, as an iteration.

        The data IDs and the UUIDs of datasets are held here, and go along with each question; find-first and spatial joins
        are not redone.  Searches that merely constrain are done with.
        """
        found = materialize(self._ask, self._sliced(), self._joined, self._projection, self._names())
        return self._but(found)

    def _ask(self, specification: Specification, projection: Projection) -> Iterator[QueryPage]:
        return type(self)(self._services, specification, projection)._fetch(lambda page: page)

    def run(self) -> Self:
        """Ask now, and hold the rows here: see `QueryBase.run`.

        Statements: 8, 4 a page of what is found and 4 a page of its rows.
        """
        if self._held is not None:
            return self
        query = self.materialized()
        held = Held(tuple(query._fetch(lambda page: page)))
        return type(self)(self._services, query._specification, self._projection, held=held)

    # -- results of other kinds

    def datasets(
        self,
        dataset_type: DatasetTypePattern,
        collections: CollectionPattern = None,
        *,
        find_first: bool = True,
    ) -> DatasetQueryChain:
        """Return the datasets of one or several types that fit the query.

        Statements: none for names that are known here; 3 for patterns, which ask whether definitions changed.

        A joined search of a type is used; `InvalidInputError` if ``collections`` say something else than that.
        """
        asked, expanded = self._joinable(), self.has_dimension_record_columns is True
        adapters: dict[DatasetTypeName, DatasetQueryAdapter] = {}
        path = keep_pattern(collections, find_first)
        for found in match_types(self._services, dataset_type):
            is_known = path is None and asked.search_of(found.name) is not None
            whole = asked if is_known else asked.with_search(Search(found, path, find_first))
            adapters[found.name] = DatasetQueryAdapter(self._but(whole), found, is_expanded=expanded)
        return DatasetQueryChain(adapters)

    def data_ids(
        self, dimensions: Iterable[DimensionName] | DimensionName | None = None
    ) -> DataCoordinateQueryAdapter:
        """Return the data IDs that fit the query, of some dimensions or of all that rows have.  Statements: none."""
        group = self.dimensions if dimensions is None else self._services.universe.conform(dimensions)
        expanded = self.has_dimension_record_columns is True
        return DataCoordinateQueryAdapter(self._but(self._joinable()), group, is_expanded=expanded)

    def dimension_records(self, element: DimensionElementName) -> DimensionRecordQueryAdapter:
        """Return the records of an element that fit the query.  Statements: none."""
        return DimensionRecordQueryAdapter(self._but(self._joinable()), element)

    def collections(self, pattern: CollectionPattern = ...) -> CollectionQuery:
        """Return collections by name or glob; of those that the query searches if it searches any.

        Statements: 3 (begin, generation, end).
        """
        found = query_collections(self._services, pattern, None, False, None, (), True)
        return found._among(self._searched()) if self._specification.searches else found

    def dataset_types(self, pattern: DatasetTypePattern = ...) -> DatasetTypeQuery:
        """Return dataset types by name or glob that have all of the query's dimensions.

        Statements: 3 (begin, generation, end).
        """
        return query_dataset_types(self._services, pattern, self._joined.names, ..., True)

    def _searched(self) -> Iterator[str]:
        definitions, defaults = self._services.cache.current(), self._services.defaults
        for search in self._specification.searches:
            described = search.describe(definitions, defaults)
            yield from described.collections
            yield from definitions.flatten(described.collections)
