"""Runs queries: one page of rows, a count, whether there is any, or the database's plan, each in one short transaction.

A query's shape (everything but its values) has a plan with compiled statements, so that a second query of the same shape
costs the database's work and little more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from butler_core.contracts.registry import QueryPage
from butler_core.errors import AmbiguousLookupError, ButlerError, InvalidInputError
from butler_core.expressions.query import QueryDescription
from butler_core.models.data_id import check_value
from butler_core.models.names import DimensionElementName, DimensionName
from butler_core.models.opaque import StoredRecords
from butler_core.sql.catalog import Catalog, Collection
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.queries.binding import Binder
from butler_core.sql.queries.lookups import answer_lookup, first_ambiguous_error, may_be_lookup
from butler_core.sql.queries.pages import PageReader
from butler_core.sql.queries.paging import (
    DEFAULT_PAGE_SIZE,
    PageToken,
    digest,
    key_from_token,
    key_parameter,
    key_to_token,
)
from butler_core.sql.queries.plans import Compiled, Plan, Variant
from butler_core.sql.queries.query_shapes import query_shape
from butler_core.sql.queries.row_values import make_rows
from butler_core.sql.queries.search_sources import CALIBRATION_KINDS
from butler_core.sql.queries.searches import Branch, branches, find_members, kind_of, prune
from butler_core.sql.statement import Statement


def execute_query(
    context: SqlContext, query: QueryDescription, page: str | None = None, page_size: int | None = None
) -> QueryPage:
    """Run one page of a query in its own short transaction; counts and plans come as one row.

    Parameters
    ----------
    context
        The registry's parts.
    query
        What is asked.
    page
        `QueryPage.next_page` of the page before; None for the first.
    page_size
        The most rows that a page may have; None for 10 000.

    Raises
    ------
    NotFoundError
        If a collection or dataset type does not exist.
    QueryError
        If something in ``where`` or ``order_by`` cannot be understood.
    InvalidInputError
        If the query makes no sense, or ``page`` is not of this query.
    """
    size = DEFAULT_PAGE_SIZE if page_size is None else page_size
    if size < 1:
        raise InvalidInputError(f"A page cannot have {size} rows.", remedy="Give a page_size of at least 1.")
    if page is None and may_be_lookup(query) and not query.dimension_records:
        found = _look_up_alone(context, query)
        if found is not None:
            return found
    catalogs = context.catalogs
    with context.database.read(catalogs.question) as cursor:
        return _Execution(context, cursor, catalogs.answered(cursor), query).run(page, size)


def _look_up_alone(context: SqlContext, query: QueryDescription) -> QueryPage | None:
    """Answer a look-up with one statement, which says the generation too; None if it takes a transaction."""
    if query.datastore_records and context.opaque.only_table is None:
        return None
    known = context.catalogs.known
    try:
        execution = _Execution(context, None, known, query)
    except ButlerError:
        # It was judged by definitions that may be out of date: in a transaction that has the present ones, it is judged again.
        return None
    return execution.look_up()


class _Execution:
    """One run of one query."""

    def __init__(
        self, context: SqlContext, cursor: Cursor | None, catalog: Catalog, query: QueryDescription
    ) -> None:
        self._context = context
        self._open_cursor = cursor
        self._query = query
        self.catalog = catalog
        self._where_values: list[Any] = []
        key = query_shape(query, self.catalog, self._where_values)
        self.plan: Plan = context.plans.get(key, lambda: Plan(context, self.catalog, query))
        universe = context.universe
        self._data_id = [check_value(universe, name, value) for name, value in query.data_id]
        self._members = [self._find_members(position) for position in range(len(query.searches))]
        self._is_empty = False
        self._binder: Binder | None = None

    @property
    def _cursor(self) -> Cursor:
        assert self._open_cursor is not None  # all but `look_up` is done in a transaction
        return self._open_cursor

    # -- what there is to know before any row

    def _find_fixed(self) -> Mapping[DimensionName, Any]:
        fixed: dict[DimensionName, Any] = {
            name: value
            for (name, _), value in zip(self._query.data_id, self._data_id, strict=True)
            if name in self._context.universe.governor_dimensions
        }
        for name, slot in self.plan.governor_slots:
            fixed.setdefault(name, self._where_values[slot])
        return fixed

    def _find_members(self, position: int) -> Sequence[Collection]:
        search, catalog = self._query.searches[position], self.catalog
        key = ("members", catalog.generation, search.dataset_type, search.collections, search.find_first)
        members: Sequence[Collection] = self._context.plans.get(key, lambda: find_members(catalog, search))
        return members

    def _prune(self) -> None:
        """Leave out collections that cannot hold what is asked for."""
        fixed = self._find_fixed()
        if fixed:
            catalog, types = self.catalog, self.plan.types
            self._members = [
                prune(catalog, types[n], members, fixed) for n, members in enumerate(self._members)
            ]
        nothing = self._query.limit == 0 or not all(upload.length for upload in self._query.uploads)
        self._is_empty = nothing or not all(self._members)

    def _branches(self) -> Sequence[Branch | None]:
        """Return the parts of the search for the datasets that are asked for; of other queries, the one part.

        A search in a CALIBRATION collection is not taken apart either, nor one that finds everything if the condition says
        which collection: a dataset may be in several.
        """
        main = self.plan.main
        if main is None or not self._is_apart(main):
            return (None,)
        members = self._members[main]
        if len(members) == 1:
            return (Branch(members[0], "", ()),)
        return branches(members, find_first=self._query.searches[main].find_first)

    def _is_apart(self, main: int) -> bool:
        members = self._members[main]
        if self.plan.needs_places and len(members) > 1:
            return False
        return kind_of(members) not in CALIBRATION_KINDS

    def _variant(
        self,
        branch: Branch | None,
        missing: tuple[bool, ...] | None = None,
        answer: Literal["rows", "uuids", "count", "few"] = "rows",
    ) -> Variant:
        apart = None if branch is None else self.plan.main
        kinds = tuple(
            ["" if position == apart else kind_of(members) for position, members in enumerate(self._members)]
        )
        return Variant(None if branch is None else branch.shape, kinds, missing, answer)

    # -- running statements

    def _bind(self, compiled: Compiled, branch: Branch | None, more: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of a statement's parameters."""
        if self._binder is None:
            main = self.plan.main
            apart = main if main is not None and self._is_apart(main) else None
            self._binder = Binder(
                self._context, self._query, self.plan, self._data_id, self._where_values, self._members, apart
            )
        return self._binder.bind(compiled, branch, more)

    def fetch(
        self,
        branch: Branch | None,
        after: tuple[Any, ...] | None,
        limit: int,
        offset: int,
        *,
        uuids: bool = False,
    ) -> tuple[Compiled, list[tuple[Any, ...]]]:
        """Run the statement of one part for its rows after a key; with ``uuids`` for nothing but these, if it can."""
        missing = None if after is None else tuple([value is None for value in after])
        compiled = self.plan.get(self._variant(branch, missing, "uuids" if uuids else "rows"))
        more: dict[str, Any] = {"limit": limit, "offset": offset}
        if after is not None:
            values = key_from_token(self._context.database, compiled.key_types, after)
            more.update((key_parameter(position), value) for position, value in enumerate(values))
        return compiled, compiled.statement.all(self._cursor, self._bind(compiled, branch, more))

    def count(self, branch: Branch | None, limit: int | None = None) -> int:
        """Count the rows of one part, at most up to a limit."""
        if branch is not None and self.is_hidden(branch):
            return 0
        compiled = self.plan.get(self._variant(branch, None, "count" if limit is None else "few"))
        row = compiled.statement.first(self._cursor, self._bind(compiled, branch, {"limit": limit}))
        for (search, _), is_ambiguous in zip(compiled.flags, row[1:], strict=True):
            if is_ambiguous:
                raise self._ambiguous(search)
        number: int = row[0]
        return number

    def check(self, compiled: Compiled, rows: Sequence[tuple[Any, ...]]) -> None:
        """Raise `AmbiguousLookupError` if a search had several datasets to choose from for a row of the answer."""
        if self._query.answer == "any":  # there is something, whichever it is
            return
        for search, position in compiled.flags:
            if any(row[position] for row in rows):
                raise self._ambiguous(search)

    def _ambiguous(self, search: int) -> AmbiguousLookupError:
        """Return the error for a search that has several datasets to choose from somewhere."""
        variant = self._variant(None)._replace(answer="ambiguous", ambiguous=search)
        compiled = self.plan.get(variant)
        row = compiled.statement.first(self._cursor, self._bind(compiled, None, {"limit": 1, "offset": 0}))
        return first_ambiguous_error(
            self._context, self._cursor, self.catalog, self.plan, self._query.searches[search], search, row
        )

    def is_hidden(self, branch: Branch) -> bool:
        """Whether the first collection has all data IDs of another, which so need not be looked up one by one."""
        plan = self.plan
        if (
            branch.avoid != "key"
            or not plan.is_plain
            or self._data_id
            or not self._context.database.merges_sorted
        ):
            return False
        values = (plan.types[0].id, branch.collection.id, branch.earlier[0])
        return plan.probe.first(self._cursor, values) is None

    # -- answers

    def run(self, page: str | None, size: int) -> QueryPage:
        """Answer the query."""
        query = self._query
        if page is None and may_be_lookup(query):
            found = self.look_up()
            if found is not None:
                return found
        self._prune()
        self._check()
        match query.answer:
            case "count":
                return self._single(("count",), (self._total(),))
            case "any":
                return self._single(("any",), (bool(self._any()),))
            case "plan":
                return self._single(("sql", "plan"), self._explain())
        return self._rows(page, size)

    def _single(self, columns: tuple[str, ...], row: tuple[Any, ...]) -> QueryPage:
        return QueryPage(columns, [row], None, self.catalog.generation)

    def _check(self) -> None:
        """Find mistakes in a query, those too that need no statement: an empty search must not hide them."""
        if self._query.answer == "uuids" and self.plan.main is None:
            raise InvalidInputError(
                "UUIDs belong to datasets, and the query asks for none.",
                remedy="Ask for datasets, or for rows.",
            )
        if self._is_empty and (self._query.where is not None or self._query.order_by or self._query.columns):
            branch = None if self.plan.main is None else ("run", "", False)
            names = tuple("" if n == self.plan.main else "several" for n in range(len(self._members)))
            self.plan.get(Variant(branch, names))

    def _total(self) -> int:
        query = self._query
        if self._is_empty:
            return 0
        total = max(0, sum(self.count(branch) for branch in self._branches()) - query.offset)
        return total if query.limit is None else min(total, query.limit)

    def _any(self) -> bool:
        if self._is_empty:
            return False
        rows, _, _ = PageReader(self, self._branches()).read(None, 1, self._query.offset)
        return bool(rows)

    def _explain(self) -> tuple[str, str]:
        if self._is_empty:
            return "", "No collection can hold what is searched for: the database is not asked."
        texts, plans = [], []
        for branch in self._branches():
            compiled = self.plan.get(self._variant(branch))
            text = compiled.statement.text
            if text not in texts:
                texts.append(text)
                values = self._bind(compiled, branch, {"limit": DEFAULT_PAGE_SIZE, "offset": 0})
                plans += compiled.statement.explain(self._context.database, self._cursor, values)
        return "\n\n".join(texts), "\n".join(plans)

    def _rows(self, page: str | None, size: int) -> QueryPage:
        if not self._is_empty:
            return self._page_of(*self._read_page(page, size))
        return self._page_of([], None)

    def _page_of(
        self, rows: list[tuple[Any, ...]], next_page: str | None, records: StoredRecords | None = None
    ) -> QueryPage:
        query, plan = self._query, self.plan
        if plan.element is not None:
            rows = plan.element.values(rows)
        if query.kind == "rows":
            rows = make_rows(rows, plan.types_of_columns)
        if query.answer == "uuids":
            return QueryPage(("uuid",), [row[:1] for row in rows], next_page, self.catalog.generation)
        return QueryPage(
            plan.columns,
            rows,
            next_page,
            self.catalog.generation,
            self._dimension_records(rows) if query.dimension_records else {},
            self._datastore_records(rows) if query.datastore_records and records is None else records,
            plan.types_of_columns,
        )

    def look_up(self) -> QueryPage | None:
        """Answer a query for one dataset by its full data ID; None if it is none such, or the catalog out of date."""
        plan, members = self.plan, self._members[0]
        if not plan.is_lookup:
            return None
        if not members:  # which the present generation must say
            return None if self._open_cursor is None else self._page_of([], None)
        found = answer_lookup(
            self._context, self._ask, self.catalog, plan, self._query, members, self._data_id
        )
        return None if found is None else self._page_of(found.rows, None, found.records)

    def _ask(self, statement: Statement, values: tuple[Any, ...]) -> list[Any]:
        cursor = self._open_cursor
        if cursor is None:
            return statement.ask_all(self._context.database, values)
        return statement.all(cursor, values)

    # -- pages

    def _digest(self, parts: Sequence[Branch | None]) -> int:
        query, is_whole = self._query, parts[0] is None
        return digest(
            (query.kind, query.dataset_type, query.element, query.dimensions, len(query.order_by), is_whole)
        )

    def _key_types(self, part: Branch | None) -> tuple[str, ...]:
        """Return the types of what a token says of a row that one part of the search found."""
        types = self.plan.get(self._variant(part)).key_types
        return ("int", *types) if part is not None and not self.plan.is_ordered else types

    def _read_token(self, page: str, parts: Sequence[Branch | None]) -> PageToken:
        def types_of(key: Sequence[Any]) -> tuple[str, ...]:
            if parts[0] is None or self.plan.is_ordered:
                return self._key_types(parts[0])
            chosen = [part for part in parts if part is not None and part.collection.id == key[0]]
            # The collection may be gone; then all that counts is which collections come after it.
            return self._key_types(chosen[0]) if chosen else ("int",) + ("any",) * (len(key) - 1)

        return PageToken.read(page, self._digest(parts), types_of)

    def _read_page(self, page: str | None, size: int) -> tuple[list[tuple[Any, ...]], str | None]:
        query, parts = self._query, self._branches()
        token = None if page is None else self._read_token(page, parts)
        remaining = query.limit if token is None else token.remaining
        wanted = size if remaining is None else min(size, remaining)
        if wanted == 0:
            return [], None
        offset = query.offset if token is None else 0
        reader = PageReader(self, parts, uuids=query.answer == "uuids")
        rows, key, part = reader.read(None if token is None else token.key, wanted, offset)
        left = None if remaining is None else remaining - len(rows)
        if key is None or left == 0:
            return rows, None
        key = key_to_token(self._context.database, self._key_types(part), key)
        return rows, PageToken(left, key).write(self._digest(parts))

    # -- what comes with rows

    def _dimension_records(
        self, rows: Sequence[tuple[Any, ...]]
    ) -> Mapping[DimensionElementName, Sequence[tuple[Any, ...]]]:
        group = self.plan.result
        first = 2 if self.plan.main is not None else 0
        keys = [row[first : first + len(group.required)] for row in rows]
        return self._context.records.fetch_values(self._cursor, group, keys)

    def _datastore_records(self, rows: Sequence[tuple[Any, ...]]) -> StoredRecords:
        if self.plan.main is None:
            raise InvalidInputError(
                "Datastore records belong to datasets, and the query asks for none.",
                remedy="Ask for datasets, or leave datastore_records out.",
            )
        uuid_bytes = self._context.database.uuid_bytes
        return self._context.opaque.fetch(self._cursor, [uuid_bytes(row[0]) for row in rows])
