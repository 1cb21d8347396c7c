"""Results of queries: lazy, immutable, fetched in pages when iterated, and again when iterated again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from types import EllipsisType, TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeAlias, TypeVar
from uuid import UUID

from butler_core.client_cache import ClientCache, Definitions, is_glob
from butler_core.contracts.registry import QueryPage, Registry
from butler_core.errors import InvalidInputError
from butler_core.expansion import make_expander
from butler_core.expressions.query import DatasetSearch, OrderTerm, QueryDescription
from butler_core.expressions.tree import conjunction, names_in
from butler_core.expressions.where import OrderBy, Where, WhereClause, read_order_by, read_where
from butler_core.models.bulk import unwatched
from butler_core.models.data_id import DataCoordinate, DataId, check_value
from butler_core.models.dataset_ref import DatasetRef, uuid_from_bytes
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import CollectionPattern, DataIdValue, DatasetTypeName, DimensionElementName
from butler_core.models.record import DimensionRecord, record_shape
from butler_core.models.universe import DimensionGroup, DimensionUniverse
from butler_core.resolution import Defaults, make_refs

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
DatasetTypePattern: TypeAlias = DatasetType | str | Iterable[DatasetType | str] | EllipsisType


class Services(NamedTuple):
    """What queries need of their butler."""

    registry: Registry
    cache: ClientCache
    universe: DimensionUniverse
    defaults: Defaults


@dataclass(frozen=True)
class Constraints:
    """What narrows a query down."""

    conditions: tuple[WhereClause, ...] = ()
    data_id: tuple[tuple[str, DataIdValue], ...] = ()
    order_by: tuple[OrderTerm, ...] = ()
    offset: int = 0
    limit: int | None = None
    uuids: frozenset[UUID] | None = None

    def with_condition(
        self,
        universe: DimensionUniverse,
        where: Where,
        data_id: DataId | None,
        bind: Mapping[str, Any] | None,
        kwargs: Mapping[str, DataIdValue],
    ) -> Constraints:
        """Add a condition, and-ed with earlier ones."""
        condition = read_where(where, bind)
        given = {**(data_id or {}), **kwargs}
        for name in given:
            if name not in universe.dimensions:
                raise InvalidInputError(
                    f"{name!r} is no dimension of universe {universe.namespace} {universe.version}.",
                    remedy=f"Dimensions are: {', '.join(n for n in universe.elements if n in universe.dimensions)}.",
                )
        fixed = tuple((name, check_value(universe, name, value)) for name, value in given.items())
        return replace(
            self,
            conditions=self.conditions if condition is None else (*self.conditions, condition),
            data_id=self.data_id + fixed,
        )

    def sliced(self, start: int, stop: int | None) -> Constraints:
        """Cut a slice out of what is left."""
        if start < 0 or (stop is not None and stop < 0):
            raise InvalidInputError(
                f"A slice cannot be [{start}:{stop}].", remedy="Count from the start: 0, 1, 2, ..."
            )
        limit = None if stop is None else max(stop - start, 0)
        if self.limit is not None:
            rest = max(self.limit - start, 0)
            limit = rest if limit is None else min(limit, rest)
        return replace(self, offset=self.offset + start, limit=limit)

    def apply(self, description: QueryDescription, defaults: DataCoordinate) -> QueryDescription:
        """Put the constraints into a description, and default values for what nothing else constrains."""
        named = {name for name, _ in self.data_id}
        named.update(name for condition in self.conditions for name in names_in(condition.tree))
        fixed = self.data_id + tuple(
            (name, value)
            for name, value in defaults.items()
            if name in description.dimensions and name not in named
        )
        return description.model_copy(
            update={
                "data_id": fixed,
                "where": conjunction(c.tree for c in self.conditions) if self.conditions else None,
                # Of several texts none has all the places: errors then show the condition in canonical form.
                "where_text": self.conditions[0].text if len(self.conditions) == 1 else "",
                "order_by": self.order_by,
                "offset": self.offset,
                "limit": self.limit,
                "uuids": self.uuids if description.kind == "datasets" else None,
            }
        )


def _order_terms(order_by: OrderBy) -> tuple[OrderTerm, ...]:
    return tuple(OrderTerm(expression=key.tree, descending=key.descending) for key in read_order_by(order_by))


class QueryBase(Iterable[_T_co], Generic[_T_co]):
    """Common to all results: lazy, immutable, can be iterated again, fetched in pages, without a length."""

    @abstractmethod
    def __iter__(self) -> Iterator[_T_co]: ...

    @abstractmethod
    def sorted(self, order_by: OrderBy) -> Self:
        """Return the same rows in this order, which replaces an earlier one; ``-name`` descends.

        Missing values come last either way; ties are broken by UUID or data ID.
        """

    @abstractmethod
    def sliced(self, start: int = 0, stop: int | None = None) -> Self:
        """Return the rows from ``start`` up to and without ``stop``; slices nest."""

    @abstractmethod
    def count(self) -> int:
        """Count the rows."""

    @abstractmethod
    def any(self) -> bool:
        """Whether there is any row."""

    @abstractmethod
    def explain_no_results(self) -> list[str]:
        """Say in words why there are no rows; empty only if there are some."""

    @abstractmethod
    def explain(self) -> str:
        """Return the statements and the database's plan."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        return None


class QueryAdapter(QueryBase[_T_co]):
    """Results of one kind."""

    @abstractmethod
    def where(
        self,
        expression: Where = "",
        data_id: DataId | None = None,
        *,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> Self:
        """Return the rows for which this holds too.

        Raises `QueryError`, which shows the place in the text and the names that would do.
        """


class _DescribedQuery(QueryAdapter[_T_co]):
    """Results from one description."""

    def __init__(self, services: Services, constraints: Constraints, *, is_expanded: bool = False) -> None:
        self._services = services
        self._constraints = constraints
        self._is_expanded = is_expanded

    @abstractmethod
    def _describe(self, definitions: Definitions) -> QueryDescription:
        """Return the description without constraints."""

    @abstractmethod
    def _convert(self, page: QueryPage) -> Sequence[_T_co]:
        """Make the objects of a page."""

    @abstractmethod
    def _but(self, constraints: Constraints, is_expanded: bool) -> Self:
        """Return the same query with other constraints."""

    def where(
        self,
        expression: Where = "",
        data_id: DataId | None = None,
        *,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> Self:
        """Return the rows for which this holds too: see `QueryAdapter.where`."""
        constraints = self._constraints.with_condition(
            self._services.universe, expression, data_id, bind, kwargs
        )
        return self._but(constraints, self._is_expanded)

    def sorted(self, order_by: OrderBy) -> Self:
        """Return the same rows in this order: see `QueryBase.sorted`."""
        return self._but(replace(self._constraints, order_by=_order_terms(order_by)), self._is_expanded)

    def sliced(self, start: int = 0, stop: int | None = None) -> Self:
        """Return some of the rows: see `QueryBase.sliced`."""
        return self._but(self._constraints.sliced(start, stop), self._is_expanded)

    def _description(self) -> tuple[Definitions, QueryDescription]:
        definitions = self._services.cache.current()
        description = self._constraints.apply(self._describe(definitions), self._services.defaults.data_id)
        return definitions, description

    def _first_page(self, answer: str = "rows") -> tuple[QueryDescription, QueryPage]:
        """Ask, and ask again while the definitions that the question was made with are out of date."""
        for _ in range(10):
            definitions, description = self._description()
            if answer != "rows":
                description = description.model_copy(update={"answer": answer})
            page = self._services.registry.execute(description)
            if page.generation == definitions.generation:
                break
            self._services.cache.refresh()
        return description, page

    def __iter__(self) -> Iterator[_T_co]:
        return self._read(self._convert)

    def _read(self, convert: Callable[[QueryPage], Sequence[_T]], answer: str = "rows") -> Iterator[_T]:
        """Iterate over what a function makes of each page; nothing of ours runs from one item to the next."""
        return chain.from_iterable(self._pages(convert, answer))

    def _pages(self, convert: Callable[[QueryPage], Sequence[_T]], answer: str) -> Iterator[Sequence[_T]]:
        with unwatched():
            description, page = self._first_page(answer)
            found = convert(page)
        yield found
        while page.next_page is not None:
            with unwatched():
                page = self._services.registry.execute(description, page=page.next_page)
                found = convert(page)
            yield found

    def count(self) -> int:
        """Count the rows."""
        return int(self._first_page("count")[1].rows[0][0])

    def any(self) -> bool:
        """Whether there is any row."""
        return bool(self._first_page("any")[1].rows[0][0])

    def explain(self) -> str:
        """Return the statements and the database's plan."""
        return "\n".join(str(row[0]) for row in self._first_page("plan")[1].rows)

    def explain_no_results(self) -> list[str]:
        """Say in words why there are no rows; empty only if there are some."""
        if self.any():
            return []
        reasons = self._reasons()
        if not reasons and (self._constraints.conditions or self._constraints.data_id):
            free = self._but(replace(self._constraints, conditions=(), data_id=()), False)
            if free.any():
                given = [f"{name} = {value!r}" for name, value in self._constraints.data_id]
                given += [condition.text for condition in self._constraints.conditions]
                reasons = [f"There are rows, but none for which this holds: {' AND '.join(given)}."]
        return reasons or ["Nothing there is fits the query, whatever its conditions."]

    def _reasons(self) -> list[str]:
        return []

    def __repr__(self) -> str:
        shown = [repr(row) for row in islice(self, 4)]
        return f"<{type(self).__name__}: {', '.join(shown[:3])}{', ...' if len(shown) > 3 else ''}>"

    def _repr_html_(self) -> str:
        import html

        rows = list(islice(self, 21))
        items = "".join(f"<li><code>{html.escape(repr(row))}</code></li>" for row in rows[:20])
        return f"<ol>{items}</ol>{'<p>and more</p>' if len(rows) > 20 else ''}"


class DatasetQueryAdapter(_DescribedQuery[DatasetRef]):
    """Refs of one dataset type."""

    def __init__(
        self,
        services: Services,
        constraints: Constraints,
        dataset_type: DatasetType,
        collections: CollectionPattern,
        find_first: bool,
        *,
        is_expanded: bool = False,
    ) -> None:
        super().__init__(services, constraints, is_expanded=is_expanded)
        self.dataset_type = dataset_type
        """The dataset type of the refs."""
        self._collections = collections
        self._find_first = find_first

    def _but(self, constraints: Constraints, is_expanded: bool) -> Self:
        return type(self)(
            self._services,
            constraints,
            self.dataset_type,
            self._collections,
            self._find_first,
            is_expanded=is_expanded,
        )

    def _search(self, definitions: Definitions) -> DatasetSearch:
        names = match_search(definitions, self._services.defaults, self._collections, self._find_first)
        return DatasetSearch(
            dataset_type=self.dataset_type.name, collections=names, find_first=self._find_first
        )

    def _describe(self, definitions: Definitions) -> QueryDescription:
        return QueryDescription(
            kind="datasets",
            dimensions=self.dataset_type.dimensions.names,
            dataset_type=self.dataset_type.name,
            searches=(self._search(definitions),),
            dimension_records=self._is_expanded,
            datastore_records=self._is_expanded,
        )

    def _convert(self, page: QueryPage) -> Sequence[DatasetRef]:
        return make_refs(self.dataset_type, page, is_expanded=self._is_expanded)

    def expanded(self) -> Self:
        """Return the same refs with dimension records and datastore records."""
        return self._but(self._constraints, True)

    def uuids(self) -> Iterable[UUID]:
        """Return the UUIDs alone; lazy, and can be iterated again."""
        bare = self._but(self._constraints, False)
        return _Again(lambda: bare._read(_uuids_of, "uuids"))

    def _reasons(self) -> list[str]:
        definitions = self._services.cache.refresh()
        names = tuple(definitions.flatten(self._search(definitions).collections))
        if not names:
            return ["No collections were searched: the list is empty, or a glob matches none."]
        name = self.dataset_type.name
        empty = [n for n in names if name not in definitions.snapshot.summaries.get(n, ((), {}))[0]]
        if len(empty) == len(names):
            return [f"None of the collections searched ({', '.join(names)}) has a dataset of type {name!r}."]
        return []


class DatasetQueryChain(QueryAdapter[DatasetRef]):
    """Refs of one or several dataset types, one type after the other; slices run over all of them."""

    def __init__(
        self,
        by_dataset_type: Mapping[DatasetTypeName, DatasetQueryAdapter],
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        self.by_dataset_type = dict(by_dataset_type)
        """The results of each type."""
        self._start = start
        self._stop = stop

    def _but(self, change: Callable[[DatasetQueryAdapter], DatasetQueryAdapter]) -> Self:
        if self._start or self._stop is not None:
            raise InvalidInputError(
                "A slice over several dataset types cannot be changed any more.", remedy="Slice last."
            )
        return type(self)({name: change(adapter) for name, adapter in self.by_dataset_type.items()})

    def where(
        self,
        expression: Where = "",
        data_id: DataId | None = None,
        *,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> Self:
        """Return the refs for which this holds too."""
        return self._but(lambda adapter: adapter.where(expression, data_id, bind=bind, **kwargs))

    def expanded(self) -> Self:
        """Return the same refs with dimension records and datastore records."""
        changed = {name: adapter.expanded() for name, adapter in self.by_dataset_type.items()}
        return type(self)(changed, self._start, self._stop)

    def sorted(self, order_by: OrderBy) -> Self:
        """Return the refs in this order; of several dataset types each by itself is not an order, so that is refused."""
        if len(self.by_dataset_type) > 1:
            raise InvalidInputError(
                f"Datasets of {len(self.by_dataset_type)} types cannot be sorted together.",
                remedy="Sort the results in by_dataset_type one by one.",
            )
        return self._but(lambda adapter: adapter.sorted(order_by))

    def sliced(self, start: int = 0, stop: int | None = None) -> Self:
        """Return some of the refs, counted over all types."""
        if len(self.by_dataset_type) == 1:
            return self._but(lambda adapter: adapter.sliced(start, stop))
        cut = Constraints(offset=self._start, limit=None if self._stop is None else self._stop - self._start)
        cut = cut.sliced(start, stop)
        end = None if cut.limit is None else cut.offset + cut.limit
        return type(self)(self.by_dataset_type, cut.offset, end)

    def __iter__(self) -> Iterator[DatasetRef]:
        if len(self.by_dataset_type) == 1:
            return iter(*self.by_dataset_type.values())
        everything = (ref for adapter in self.by_dataset_type.values() for ref in adapter)
        return islice(everything, self._start, self._stop)

    def uuids(self) -> Iterable[UUID]:
        """Return the UUIDs alone; lazy, and can be iterated again."""
        return _Again(self._uuids)

    def _uuids(self) -> Iterator[UUID]:
        every = chain.from_iterable(adapter.uuids() for adapter in self.by_dataset_type.values())
        return islice(every, self._start, self._stop)

    def count(self) -> int:
        """Count the refs."""
        total = sum(adapter.count() for adapter in self.by_dataset_type.values())
        return max((total if self._stop is None else min(total, self._stop)) - self._start, 0)

    def any(self) -> bool:
        """Whether there is any ref."""
        if self._start or self._stop is not None:
            return self.count() > 0
        return any(adapter.any() for adapter in self.by_dataset_type.values())

    def explain(self) -> str:
        """Return the statements and the database's plans."""
        return "\n\n".join(adapter.explain() for adapter in self.by_dataset_type.values())

    def explain_no_results(self) -> list[str]:
        """Say in words why there are no refs; empty only if there are some."""
        if self.any():
            return []
        if not self.by_dataset_type:
            return ["No dataset type matches."]
        reasons = [
            reason for adapter in self.by_dataset_type.values() for reason in adapter.explain_no_results()
        ]
        return reasons or ["The slice lies behind the last dataset."]

    def __repr__(self) -> str:
        shown = [repr(ref) for ref in islice(self, 4)]
        return f"<{type(self).__name__}: {', '.join(shown[:3])}{', ...' if len(shown) > 3 else ''}>"


class DataCoordinateQueryAdapter(_DescribedQuery[DataCoordinate]):
    """Data IDs that the dimension records allow, full; with records if `expanded`."""

    def __init__(
        self,
        services: Services,
        constraints: Constraints,
        dimensions: DimensionGroup,
        *,
        is_expanded: bool = False,
    ) -> None:
        super().__init__(services, constraints, is_expanded=is_expanded)
        self.dimensions = dimensions
        """The dimensions of the data IDs."""

    def _but(self, constraints: Constraints, is_expanded: bool) -> Self:
        return type(self)(self._services, constraints, self.dimensions, is_expanded=is_expanded)

    def expanded(self) -> Self:
        """Return the same data IDs with dimension records."""
        return self._but(self._constraints, True)

    def _describe(self, definitions: Definitions) -> QueryDescription:
        return QueryDescription(
            kind="data_ids", dimensions=self.dimensions.names, dimension_records=self._is_expanded
        )

    def _convert(self, page: QueryPage) -> Sequence[DataCoordinate]:
        if self._is_expanded:
            expand, length = (
                make_expander(self.dimensions, page.dimension_records),
                len(self.dimensions.required),
            )
            return [expand(row[:length]) for row in page.rows]
        make, group = DataCoordinate.from_full, self.dimensions
        return [make(group, row) for row in page.rows]


class DimensionRecordQueryAdapter(_DescribedQuery[DimensionRecord]):
    """Records of one element."""

    def __init__(self, services: Services, constraints: Constraints, element: DimensionElementName) -> None:
        super().__init__(services, constraints)
        self._shape = record_shape(services.universe, element)
        self.element = element
        """Name of the element."""

    def _but(self, constraints: Constraints, is_expanded: bool) -> Self:
        return type(self)(self._services, constraints, self.element)

    def _describe(self, definitions: Definitions) -> QueryDescription:
        return QueryDescription(kind="records", dimensions=self._shape.dimensions.names, element=self.element)

    def _convert(self, page: QueryPage) -> Sequence[DimensionRecord]:
        shape = self._shape
        return [DimensionRecord(shape, row) for row in page.rows]


class _Again(Iterable[_T]):
    """What a function begins to yield each time that somebody iterates."""

    def __init__(self, begin: Callable[[], Iterator[_T]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[_T]:
        return self._begin()


def _uuids_of(page: QueryPage) -> list[UUID]:
    """Make the UUIDs of a page that has nothing else."""
    rows = page.rows
    if rows and isinstance(rows[0][0], bytes):
        return [uuid_from_bytes(uuid) for (uuid,) in rows]
    return [uuid for (uuid,) in rows]


def match_search(
    definitions: Definitions, defaults: Defaults, pattern: CollectionPattern, find_first: bool
) -> tuple[str, ...]:
    """Return the collections that a search goes through; find-first needs them in order, so no globs.

    Names pass as they are: whether they exist is the Registry's to say.
    """
    if pattern is None:
        return defaults.collections
    if isinstance(pattern, EllipsisType):
        items: tuple[str, ...] = ("*",)
    else:
        items = (pattern,) if isinstance(pattern, str) else tuple(pattern)
    globs = [item for item in items if is_glob(item)]
    if globs and find_first:
        raise InvalidInputError(
            f"A search for the first dataset needs collections in order, and {globs[0]!r} gives none.",
            remedy="Name the collections, or pass find_first=False.",
        )
    found: dict[str, None] = {}
    for item in items:
        found.update(dict.fromkeys(definitions.match_collections(item) if is_glob(item) else (item,)))
    return tuple(found)
