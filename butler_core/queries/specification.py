"""What a query says so far: immutable, shared by the builder and its results, and made a description when it is run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from butler_core.client_cache import Definitions
from butler_core.errors import InvalidInputError
from butler_core.expressions.query import DatasetSearch, OrderTerm, QueryDescription, Upload
from butler_core.expressions.tree import conjunction, names_in
from butler_core.expressions.where import OrderBy, Where, WhereClause, read_order_by, read_where
from butler_core.models.checking import read_mapping
from butler_core.models.data_id import DataId
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import (
    CollectionPattern,
    ColumnName,
    DataIdValue,
    DatasetTypeName,
    DimensionElementName,
    DimensionName,
)
from butler_core.models.overlap_policy import OverlapJoinPolicy
from butler_core.models.universe import DimensionGroup, DimensionUniverse
from butler_core.queries.data_id_keys import constrained, owners, read_data_id
from butler_core.queries.matching import match_search
from butler_core.resolution import Defaults

RowKind = Literal["datasets", "data_ids", "records", "rows"]


@dataclass(frozen=True)
class Search:
    """A search for datasets of one type; which collections a pattern stands for is found out when the query is run."""

    dataset_type: DatasetType
    collections: CollectionPattern = None
    find_first: bool = True
    columns: tuple[ColumnName, ...] = ()
    """Fields that rows have."""
    temporal_join: OverlapJoinPolicy | DimensionElementName = OverlapJoinPolicy.FINE

    def describe(self, definitions: Definitions, defaults: Defaults) -> DatasetSearch:
        """Return the search with its collections."""
        return DatasetSearch(
            dataset_type=self.dataset_type.name,
            collections=match_search(definitions, defaults, self.collections, self.find_first),
            find_first=self.find_first,
            temporal_join=self.temporal_join,
        )


@dataclass(frozen=True)
class Specification:
    """What is joined, what constrains it, and its order and slice."""

    dimensions: tuple[DimensionName, ...] = ()
    """Joined for themselves; those of searches and uploads take part anyhow."""
    searches: tuple[Search, ...] = ()
    conditions: tuple[WhereClause, ...] = ()
    data_id: tuple[tuple[DimensionName, DataIdValue], ...] = ()
    uuids: frozenset[UUID] | None = None
    uploads: tuple[Upload, ...] = ()
    overlap_policy: OverlapJoinPolicy = OverlapJoinPolicy.FINE
    spatial_joins: tuple[tuple[DimensionElementName, DimensionElementName], ...] = ()
    temporal_joins: tuple[tuple[DimensionElementName, DimensionElementName], ...] = ()
    order_by: tuple[OrderTerm, ...] = ()
    offset: int = 0
    limit: int | None = None
    exact: bool = True
    is_settled: bool = False
    """Whether default values of the data ID were applied long ago, or must not be."""

    def group(self, universe: DimensionUniverse) -> DimensionGroup:
        """Return all dimensions that were joined."""
        names = {*self.dimensions}
        for search in self.searches:
            names.update(search.dataset_type.dimensions.names)
        for upload in self.uploads:
            names.update(upload.dimensions)
        return universe.conform(names)

    def with_dimensions(self, names: Iterable[DimensionName]) -> Specification:
        """Join dimensions for themselves."""
        return replace(self, dimensions=tuple(dict.fromkeys((*self.dimensions, *names))))

    def search_of(self, name: DatasetTypeName) -> Search | None:
        """Return the search for a dataset type, if there is one."""
        return next((search for search in self.searches if search.dataset_type.name == name), None)

    def with_search(self, search: Search) -> Specification:
        """Add a search; the same one again changes nothing, another one of the same type is refused."""
        known = self.search_of(search.dataset_type.name)
        if known is None:
            return replace(self, searches=(*self.searches, search))
        if replace(known, columns=search.columns) == search:
            columns = tuple(dict.fromkeys((*known.columns, *search.columns)))
            merged = replace(known, columns=columns)
            return replace(self, searches=tuple(merged if s is known else s for s in self.searches))
        raise InvalidInputError(
            f"The query searches for {search.dataset_type.name!r} already, in other collections or in another way.",
            remedy="Search for each dataset type once; list all its collections in that search.",
        )

    def with_condition(
        self,
        universe: DimensionUniverse,
        where: Where,
        data_id: DataId | None,
        bind: Mapping[str, Any] | None,
        kwargs: Mapping[str, DataIdValue],
    ) -> Specification:
        """Add a condition, and-ed with earlier ones; keys of a data ID that are no dimensions become conditions too."""
        fixed, keys = read_data_id(universe, {**read_mapping(data_id, "data_id"), **kwargs})
        given = read_where(where, bind)
        conditions = keys if given is None else (given, *keys)
        return replace(
            self, conditions=(*self.conditions, *conditions), data_id=self.data_id + tuple(fixed.items())
        )

    def sorted(self, order_by: OrderBy) -> Specification:
        """Replace the order."""
        terms = tuple(
            OrderTerm(expression=key.tree, descending=key.descending) for key in read_order_by(order_by)
        )
        return replace(self, order_by=terms)

    def sliced(self, start: int, stop: int | None) -> Specification:
        """Cut a slice out of what is left."""
        offset, limit = cut(self.offset, self.limit, start, stop)
        return replace(self, offset=offset, limit=limit)

    def describe(
        self,
        kind: RowKind,
        definitions: Definitions,
        defaults: Defaults,
        universe: DimensionUniverse,
        dimensions: Iterable[DimensionName],
        **more: Any,
    ) -> QueryDescription:
        """Return the description of a query for rows of one kind, with default values for what nothing else constrains."""
        rows = universe.conform(dimensions)
        group = self.group(universe)
        joined = tuple(name for name in group.names if name not in rows.names)
        return QueryDescription(
            kind=kind,
            dimensions=rows.names,
            joined_dimensions=joined,
            searches=tuple(search.describe(definitions, defaults) for search in self.searches),
            data_id=self.data_id + self.defaults_used(universe, defaults, rows),
            where=conjunction(c.tree for c in self.conditions) if self.conditions else None,
            # Of several texts none has all the places: errors then show the condition in canonical form.
            where_text=self.conditions[0].text if len(self.conditions) == 1 else "",
            uuids=self.uuids if kind == "datasets" else None,
            uploads=self.uploads,
            overlap_policy=self.overlap_policy,
            spatial_joins=self.spatial_joins,
            temporal_joins=self.temporal_joins,
            order_by=self.order_by,
            offset=self.offset,
            limit=self.limit,
            exact=self.exact,
            **more,
        )

    def defaults_used(
        self, universe: DimensionUniverse, defaults: Defaults, rows: Iterable[DimensionName] = ()
    ) -> tuple[tuple[DimensionName, DataIdValue], ...]:
        """Return those default values of the data ID that apply, since nothing else constrains their dimensions.

        They apply to dimensions that are only constrained, too: a filter's name means nothing without an instrument.
        """
        if self.is_settled or not defaults.data_id:
            return ()
        mentioned = [name for condition in self.conditions for name in names_in(condition.tree)]
        named = {name for name, _ in self.data_id}
        named.update(constrained(universe, mentioned))
        named.update(name for upload in self.uploads for name in upload.dimensions)
        group = self.group(universe).union(rows, named, owners(universe, mentioned))
        return tuple(
            (name, value) for name, value in defaults.data_id.items() if name in group and name not in named
        )


def cut(offset: int, limit: int | None, start: int, stop: int | None) -> tuple[int, int | None]:
    """Return offset and limit of a slice of what another offset and limit have left."""
    ends: tuple[Any, ...] = (start, 0 if stop is None else stop)
    if any(not isinstance(end, int) or end < 0 for end in ends):
        raise InvalidInputError(
            f"A slice cannot be [{start}:{stop}].", remedy="Count from the start: 0, 1, 2, ..."
        )
    length = None if stop is None else max(stop - start, 0)
    if limit is not None:
        rest = max(limit - start, 0)
        length = rest if length is None else min(length, rest)
    return offset + start, length
