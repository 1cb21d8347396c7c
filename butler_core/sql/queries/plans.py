"""One plan for each shape of query: what there is to know of it, and the statements that answer it, compiled when needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from butler_core.expressions.query import QueryDescription
from butler_core.expressions.tree import names_in
from butler_core.models.names import DimensionName
from butler_core.sql.catalog import Catalog
from butler_core.sql.context import SqlContext
from butler_core.sql.queries.analysis import Analysis
from butler_core.sql.queries.conditions import Conditions
from butler_core.sql.queries.joins import Joins, SubqueryJoins
from butler_core.sql.queries.name_resolver import NameResolver
from butler_core.sql.queries.overlap_joins import OverlapJoiner
from butler_core.sql.queries.paging import OrderKey
from butler_core.sql.queries.row_values import cell_keys, cells_of
from butler_core.sql.queries.search_joins import AskedSearch, JoinedSearches, SearchJoiner
from butler_core.sql.queries.search_sources import CALIBRATION_KINDS, SearchSource
from butler_core.sql.queries.searches import data_id_not_in
from butler_core.sql.queries.selection import Selection
from butler_core.sql.queries.sorting import Sorting
from butler_core.sql.queries.uploads import join_uploads, match_uuids
from butler_core.sql.schema.group_tables import dimension_kind
from butler_core.sql.statement import Statement


class Variant(NamedTuple):
    """Which of a plan's statements."""

    branch: tuple[str, str, bool] | None
    """Shape of the branch of the search whose datasets are asked for; None if it is not taken apart, or there is none."""
    kinds: tuple[str, ...]
    """For each search that is not taken apart, which kinds of collections it looks at: see `kind_of`."""
    missing: tuple[bool, ...] | None = None
    """For pages after the first: which sort keys of the row before have no value."""
    answer: Literal["rows", "uuids", "count", "few", "ambiguous"] = "rows"
    """Rows, their UUIDs alone, their count, or their count up to a limit; or where the lookup `ambiguous` is so."""
    ambiguous: int = -1
    """Position of a search."""

    def is_timed(self, search: int) -> bool:
        """Whether a search looks at CALIBRATION collections."""
        return self.kinds[search] in CALIBRATION_KINDS


class Compiled(NamedTuple):
    """A statement of a plan."""

    statement: Statement
    width: int
    """How many columns belong to the answer; more are sort keys."""
    key_positions: tuple[int, ...] | None
    """Where the sort keys are in a row; None if they are not in it."""
    key_types: tuple[str, ...]
    descending: tuple[bool, ...]
    flags: tuple[tuple[int, int], ...]
    """For each search that may be ambiguous: its position, and where a row of the answer says whether it is."""
    tail: tuple[int, ...] = ()
    """Where the values that rows are sorted by are, if these are wanted too."""


class Plan(Analysis):
    """What all queries of one shape share: what there is to know of them, and their statements.

    The parameters are those of `Analysis`, and so are the errors.
    """

    def __init__(self, context: SqlContext, catalog: Catalog, query: QueryDescription) -> None:
        super().__init__(context, catalog, query)
        self.copies: dict[str, str] = {}
        """Parameters that have the value of another one, before it is converted."""
        self.converters: dict[str, Callable[[Any], Any]] = {}
        """How to make the database's values of the values in a condition, where they differ; by parameter."""
        self._probe: Statement | None = None
        self._statements: dict[Variant, Compiled] = {}

    # -- statements

    def get(self, variant: Variant) -> Compiled:
        """Return one of its statements."""
        compiled = self._statements.get(variant)
        if compiled is None:
            compiled = self._statements[variant] = self._compile(variant)
        return compiled

    @property
    def probe(self) -> Statement:
        """Find a data ID of one collection that an earlier one lacks; takes type, collection, earlier collection."""
        if self._probe is None:
            assert self.main is not None  # only searches for datasets are probed
            construct = data_id_not_in(self.tables[self.main])
            self._probe = Statement(self._context.database, construct, ["type", "collection", "first"])
        return self._probe

    def _compile(self, variant: Variant) -> Compiled:
        joins = Joins(self._context.schema, self.dimensions)
        fixed = {name: f"id{position}" for position, (name, _) in enumerate(self._query.data_id)}
        database, uploads = self._context.database, self._query.uploads
        uploaded = join_uploads(database, self.universe, joins, uploads)
        joiner = SearchJoiner(self._context.schema, joins, variant.branch, variant.kinds, fixed)
        parts = joiner.join(self._asked())
        names = [search.dataset_type for search in self._query.searches]
        joins.conditions += match_uuids(uploads, uploaded, names, parts.sources)
        selection = self._select(variant, joins, parts)
        width = selection.width
        key_positions: tuple[int, ...] | None = selection.key_positions
        if variant.answer == "uuids" and not selection.is_distinct and not selection.flag_positions:
            construct, width, key_positions = selection.first_column(), 1, None
        elif variant.answer in ("rows", "uuids", "ambiguous"):
            construct = selection.rows()
        else:
            construct = selection.count(variant.answer == "few")
        ambiguous = [position for position, source in enumerate(parts.sources) if source and source.rival]
        return Compiled(
            Statement(self._context.database, construct, None),
            width,
            key_positions,
            tuple(key.type for key in selection.keys),
            tuple(key.descending for key in selection.keys),
            tuple(zip(ambiguous, selection.flag_positions, strict=False)),
            selection.key_positions[: self._sorted_by] if self._query.sort_values else (),
        )

    def _asked(self) -> list[AskedSearch]:
        return [
            AskedSearch(
                search,
                registered.dataset_type.dimensions,
                self.tables[position],
                position == self.main or self.uses_fields(position),
                self._uses_timespan(position),
            )
            for position, (search, registered) in enumerate(
                zip(self._query.searches, self.types, strict=True)
            )
        ]

    def _select(self, variant: Variant, joins: Joins, parts: JoinedSearches) -> Selection:
        sources = parts.sources
        if self.element is not None:
            joins.add_element(self.element.element.name, is_main=True)
        OverlapJoiner(joins, self._context.database, is_exact=self._query.exact).add_all(self._overlaps)
        joins.complete(self._groups)
        schema = self._context.schema
        resolver = NameResolver(schema, self.universe, self._names, joins, sources)
        conditions = Conditions(
            self._context.database,
            resolver.get,
            self._slots,
            self._written,
            joined=self._joined,
            is_exact=self._query.exact,
        )
        if self.main is None and self.element is None:
            self._need_values(joins)
        values = [resolver.get(name) for name in self._query.columns]
        columns = self._output(joins, sources) if self._query.kind != "rows" else cells_of(values)
        if self._query.where is not None:
            joins.conditions.append(conditions.condition(self._query.where, filters=True))  # type: ignore[arg-type]
        for position, (name, _) in enumerate(self._query.data_id):
            column = joins.column(name)
            joins.conditions.append(column == sa.bindparam(f"id{position}", type_=column.type))
        if self._query.uuids is not None and self.main is not None:
            uuids = self._context.database.inline_values("uuids", "uuid")
            joins.conditions.append(self._main_source(sources).uuid.in_(uuids.select))
        self.converters.update(conditions.converters)
        self.copies.update(conditions.copies)
        if variant.answer == "ambiguous":
            return self._ambiguous(joins, parts, variant.ambiguous)
        keys = self._order(joins, conditions, sources, variant)
        distinct = resolver.multiplies or self._multiplies(variant)
        if self._query.kind == "rows":
            if distinct and (self._query.unique or resolver.multiplies):
                keys += cell_keys(values, columns)
            else:
                distinct = False
                keys += self._part_keys(joins, sources)
        flags = [
            self._has_rival(joins, sources, position)
            for position, source in enumerate(sources)
            if source and source.rival
        ]
        return Selection(
            joins.source,
            joins.conditions,
            columns,
            keys,
            flags=flags,
            distinct=distinct,
            missing=variant.missing,
        )

    def _has_rival(
        self, joins: Joins, sources: Sequence[SearchSource | None], position: int
    ) -> sa.ColumnElement[bool]:
        """Return whether a search could have chosen another dataset, for which the query's conditions hold too."""
        source = sources[position]
        assert source is not None  # it may be ambiguous, so it has fields
        assert source.rival is not None
        rival, query, database = source.rival, self._query, self._context.database
        within, conditions = SubqueryJoins(joins, rival.table), list(rival.conditions)
        if query.where is not None and self._uses(position, names_in(query.where)):
            instead = [*sources[:position], rival.source, *sources[position + 1 :]]
            resolver = NameResolver(self._context.schema, self.universe, self._names, within, instead)
            both = Conditions(database, resolver.get, self._slots, self._written)
            conditions.append(both.condition(query.where))  # type: ignore[arg-type]
        if query.uuids is not None and position == self.main:
            conditions.append(rival.source.uuid.in_(database.inline_values("uuids", "uuid").select))
        has_rival = within.exists(conditions)
        return has_rival if rival.possible is None else sa.case((rival.possible, has_rival), else_=sa.false())

    def _ambiguous(self, joins: Joins, parts: JoinedSearches, position: int) -> Selection:
        """Select where a search has several datasets to choose from: collection, time, data ID, that of the time."""
        source, time = parts.sources[position], parts.times[position]
        assert source is not None  # a search without fields chooses nothing
        joins.conditions.append(self._has_rival(joins, parts.sources, position))
        bounds = [sa.null(), sa.null()] if time.when is None else [time.when.begin, time.when.end]
        group = self.types[position].dataset_type.dimensions
        names = (*group.required, *time.names)
        columns = [source.collection, *bounds, *(joins.column(name) for name in names)]
        keys = [OrderKey(column, "any") for column in columns[3:]]
        return Selection(joins.source, joins.conditions, columns, keys, distinct=False)

    def _multiplies(self, variant: Variant) -> bool:
        """Whether one row of the answer may come of several combinations of what is joined."""
        fixed = {name for name, _ in self._query.data_id}
        if not set(self.dimensions.required) <= {*self.result.names, *fixed}:
            return True
        for position, search in enumerate(self._query.searches):
            used = self.uses_fields(position) or (position == self.main and variant.is_timed(position))
            if used and variant.is_timed(position) and self._uses_timespan(position):
                return True
            is_apart = position == self.main and variant.branch is not None
            if used and not search.find_first and not is_apart:
                return True
        return False

    # -- what is selected

    def _main_source(self, sources: Sequence[SearchSource | None]) -> SearchSource:
        source = None if self.main is None else sources[self.main]
        assert source is not None  # datasets are asked for, so are joined with all fields
        return source

    def _output(self, joins: Joins, sources: Sequence[SearchSource | None]) -> list[sa.ColumnElement[Any]]:
        if self.main is not None:
            found = self._main_source(sources)
            if found.run_name:
                text = self._context.database.column_type("string")
                run: Any = sa.bindparam(found.run_name, type_=text)
            else:
                dataset = self._context.schema.dataset.alias("run_of")
                joins.add_table(dataset, dataset.c.uuid == found.uuid)
                run = dataset.c.run
            return [found.uuid, run, *(joins.column(name) for name in self.result.required)]
        if self.element is not None:
            for name in self.element.element.implied:
                joins.column(name)  # whatever else implies it here agrees
            return list(self.element.table.columns)
        return [joins.column(name) for name in self.result.required + self.result.implied]

    def _need_values(self, joins: Joins) -> None:
        """Leave out what lacks a value of a dimension that is asked for, as it may where records of others imply that."""
        for name in self.result.required:
            if joins.is_nullable(name):
                joins.conditions.append(joins.column(name).is_not(None))

    def _order(
        self,
        joins: Joins,
        conditions: Conditions,
        sources: Sequence[SearchSource | None],
        variant: Variant,
    ) -> list[OrderKey]:
        groups = [registered.dataset_type.dimensions for registered in self.types]
        timed = {position for position in range(len(groups)) if variant.is_timed(position)}
        if self.main is not None and variant.branch is None:
            timed.add(self.main)
        sorting = Sorting(self._query, self._names, self.result, self.dimensions, groups, self.main, timed)
        keys = sorting.keys(conditions)
        if self._query.kind != "rows" and (self.main is None or not self.is_ordered):
            for name in self._key_order(self.result.required):
                keys.append(self._dimension_key(joins, name))
        if self.main is not None and (self.is_ordered or self.main in timed):
            keys.append(OrderKey(self._main_source(sources).uuid, "uuid"))
        return keys

    def _part_keys(self, joins: Joins, sources: Sequence[SearchSource | None]) -> list[OrderKey]:
        """Return keys for rows that each come of one combination of what is joined."""
        keys = [self._dimension_key(joins, name) for name in self._key_order(self.dimensions.required)]
        return keys + [OrderKey(source.uuid, "uuid") for source in sources if source is not None]

    def _dimension_key(self, joins: Joins, name: DimensionName) -> OrderKey:
        is_fixed = any(name == fixed for fixed, _ in (*self._query.data_id, *self.governor_slots))
        return OrderKey(joins.column(name), dimension_kind(self.dimensions, name), is_fixed=is_fixed)

    def _key_order(self, required: tuple[DimensionName, ...]) -> tuple[DimensionName, ...]:
        """Return the required dimensions in the order in which rows come; of what is joined by regions, one side after the other.

        A database can walk through that side by its key then, and need not sort all pairs for a page.
        """
        if self.main is not None or not self._overlaps:
            return required
        first = self.universe.get_element(self._overlaps[0].left).required
        return tuple(dict.fromkeys([name for name in (*first, *required) if name in required]))
