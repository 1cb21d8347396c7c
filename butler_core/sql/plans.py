"""One plan for each shape of query: what its names mean, and the statements that answer it, compiled when first needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from butler_core.errors import DataIdError, InvalidInputError, QueryError
from butler_core.expressions.printer import to_text
from butler_core.expressions.query import QueryDescription
from butler_core.expressions.tree import Expr, is_condition, is_value, names_in
from butler_core.models.names import DimensionName
from butler_core.models.universe import DimensionGroup
from butler_core.sql.catalog import Catalog, RegisteredType
from butler_core.sql.conditions import Conditions, Typed
from butler_core.sql.context import SqlContext
from butler_core.sql.element_tables import UNBOUNDED_BEGIN, UNBOUNDED_END, ElementTable
from butler_core.sql.governors import check_governors, fixed_slots
from butler_core.sql.group_tables import dimension_kind
from butler_core.sql.joins import Joins
from butler_core.sql.paging import OrderKey, rows_after
from butler_core.sql.query_names import DimensionTarget, FieldTarget, QueryNames, RecordTarget
from butler_core.sql.searches import GroupTables, data_id_not_in, data_ids_of, datasets_of, hidden
from butler_core.sql.selection import Selection
from butler_core.sql.shapes import read_shape
from butler_core.sql.statement import Statement


class Variant(NamedTuple):
    """Which of a plan's statements."""

    branch: tuple[str, str, bool, bool] | None
    """Shape of the branch of the search whose datasets are asked for; None if no datasets are."""
    constraints: tuple[str, ...]
    """For each other search, which kinds of collections it looks at: see `butler_core.sql.searches.data_ids_of`."""
    missing: tuple[bool, ...] | None = None
    """For pages after the first: which sort keys of the row before have no value."""
    answer: Literal["rows", "uuids", "count", "few"] = "rows"
    """Rows, their UUIDs alone, their count, or their count up to a limit."""


class Compiled(NamedTuple):
    """A statement of a plan."""

    statement: Statement
    width: int
    """How many columns belong to the answer; more are sort keys."""
    key_positions: tuple[int, ...] | None
    """Where the sort keys are in a row; None if they are not in it."""
    key_types: tuple[str, ...]
    descending: tuple[bool, ...]


class Plan:
    """What all queries of one shape share.

    Parameters
    ----------
    context
        The registry's parts.
    catalog
        What is defined.
    query
        The first query of the shape.

    Raises
    ------
    InvalidInputError
        If the query makes no sense, whatever its values are.
    """

    def __init__(self, context: SqlContext, catalog: Catalog, query: QueryDescription) -> None:
        self._context = context
        # The plan outlives the query by far, so it does not keep what may be many values.
        self._query = query if query.uuids is None else query.model_copy(update={"uuids": frozenset()})
        self.universe = context.universe
        self.types: list[RegisteredType] = [catalog.get_dataset_type(s.dataset_type) for s in query.searches]
        """Of the searches."""
        self.tables = [GroupTables.of(context.schema, catalog, registered) for registered in self.types]
        self.main = _find_main(query)
        """Position of the search whose datasets are asked for; None if no datasets are."""
        self.element: ElementTable | None = _find_element(context, query)
        """Whose records are asked for."""
        self.result: DimensionGroup = self._find_result()
        """The dimensions of the rows."""
        self._slots: dict[int, int] = {}
        values: list[Any] = []
        if query.where is not None:
            read_shape(query.where, values, self._slots)
        for term in query.order_by:
            read_shape(term.expression, values, self._slots)
        self._names = self._read_names()
        self.dimensions: DimensionGroup = self._names.dimensions
        """All dimensions that take part."""
        self.converters: dict[str, Callable[[Any], Any]] = {}
        """How to make the database's values of the values in a condition, where they differ; by parameter."""
        self.governor_slots = self._check_governors()
        """Governors that the condition fixes, and the position of each one's value."""
        self.is_ordered = bool(query.order_by)
        self.is_plain = self._is_plain()
        """Whether a query of the shape is a find-first search that nothing but a data ID constrains."""
        self.is_lookup = self._is_lookup()
        """Whether a query of the shape is for one dataset by its full data ID."""
        self.lookup_order = self._find_lookup_order()
        """Positions of the required values among those of the data ID; None if they are in order."""
        self.columns = self._find_columns()
        """The names of the columns of rows."""
        self._probe: Statement | None = None
        self._statements: dict[Variant, Compiled] = {}

    # -- analysis

    def _find_result(self) -> DimensionGroup:
        query = self._query
        if self.main is not None:
            return self.types[self.main].dataset_type.dimensions
        if self.element is not None:
            return self.element.shape.dimensions
        return self.universe.conform(query.dimensions)

    def _read_names(self) -> QueryNames:
        query = self._query
        fixed = [name for name, _ in query.data_id]
        for name in fixed:
            if name not in self.universe.dimensions:
                raise DataIdError(
                    f"{name!r} is no dimension of universe {self.universe.namespace} {self.universe.version}.",
                    remedy=f"Dimensions are: {', '.join(n for n in self.universe.elements if n in self.universe.dimensions)}.",
                    name=name,
                )
        groups = [registered.dataset_type.dimensions for registered in self.types]
        names = QueryNames(
            self.universe,
            self.universe.conform({*self.result, *query.dimensions, *fixed}).union(*groups),
            [search.dataset_type for search in query.searches],
            [table for bridge in self._context.bridges for table in bridge.tables.values()],
            query.element or "",
            query.where_text,
        )
        names.read(self._mentioned())
        return names

    def _mentioned(self) -> list[str]:
        trees = [term.expression for term in self._query.order_by]
        if self._query.where is not None:
            trees.insert(0, self._query.where)
        return [name for tree in trees for name in names_in(tree)]

    def _check_governors(self) -> list[tuple[DimensionName, int]]:
        query = self._query
        if query.where is None:
            return []
        if not is_condition(query.where):
            text = query.where_text or to_text(query.where)
            raise QueryError(
                f"{text!r} is a value and no condition",
                remedy="Compare it with something.",
                text=text,
                position=0,
                valid=[],
            )
        given = [name for name, _ in query.data_id]
        check_governors(self.universe, query.where, query.where_text, self._names, given)
        return fixed_slots(query.where, self._names, self.universe, self._slots)

    def _is_plain(self) -> bool:
        query = self._query
        return (
            self.main is not None
            and len(query.searches) == 1
            and query.searches[0].find_first
            and query.where is None
            and query.uuids is None
            and not query.order_by
            and self.dimensions is self.result
            and set(self.result.required).issuperset(name for name, _ in query.data_id)
        )

    def _is_lookup(self) -> bool:
        return self.is_plain and {name for name, _ in self._query.data_id} == set(self.result.required)

    def _find_lookup_order(self) -> list[int] | None:
        names = [name for name, _ in self._query.data_id]
        if not self.is_lookup or names == list(self.result.required):
            return None
        return [names.index(name) for name in self.result.required]

    def _find_columns(self) -> tuple[str, ...]:
        if self.main is not None:
            return ("uuid", "run", *self.result.required)
        if self.element is not None:
            return self.element.shape.names
        return self.result.required + self.result.implied

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
        selection = self._select(variant)
        width = selection.width
        key_positions: tuple[int, ...] | None = selection.key_positions
        if variant.answer == "uuids" and not selection.is_distinct:
            construct, width, key_positions = selection.first_column(), 1, None
        elif variant.answer in ("rows", "uuids"):
            construct = selection.rows()
        else:
            construct = selection.count(variant.answer == "few")
        return Compiled(
            Statement(self._context.database, construct, None),
            width,
            key_positions,
            tuple(key.type for key in selection.keys),
            tuple(key.descending for key in selection.keys),
        )

    def _select(self, variant: Variant) -> Selection:
        joins = Joins(self._context.schema, self.dimensions)
        sources = self._join_searches(joins, variant)
        if self.element is not None:
            joins.add_element(self.element.element.name, is_main=True)
        joins.complete([registered.dataset_type.dimensions for registered in self.types])
        resolver = _Resolver(self, joins, sources, variant)
        conditions = Conditions(self._context.database, resolver.get, self._slots, self._query.where_text)
        columns = self._output(joins, sources, variant)
        if self._query.where is not None:
            joins.conditions.append(conditions.condition(self._query.where))  # type: ignore[arg-type]
        for position, (name, _) in enumerate(self._query.data_id):
            column = joins.column(name)
            joins.conditions.append(column == sa.bindparam(f"id{position}", type_=column.type))
        if self._query.uuids is not None and self.main is not None:
            uuids = self._context.database.inline_values("uuids", "uuid")
            joins.conditions.append(sources[self.main].c["_uuid"].in_(uuids.select))
        keys = self._order(joins, conditions, sources, variant)
        if variant.missing is not None:
            joins.conditions.append(rows_after(keys, variant.missing))
        self.converters.update(conditions.converters)
        distinct = resolver.multiplies or self._multiplies(variant)
        return Selection(joins.source, joins.conditions, columns, keys, distinct=distinct)

    def _join_searches(self, joins: Joins, variant: Variant) -> list[sa.FromClause]:
        sources = []
        for position, registered in enumerate(self.types):
            source = self._source(joins, variant, position)
            joins.add_datasets(source, registered.dataset_type.dimensions)
            sources.append(source)
        return sources

    def _source(self, joins: Joins, variant: Variant, position: int) -> sa.FromClause:
        database, tables = self._context.database, self.tables[position]
        if position == self.main and variant.branch is not None:
            return self._branch(joins, variant.branch, tables)
        if self.uses_fields(position):
            find_first = self._query.searches[position].find_first
            if variant.constraints[position] not in ("one", "several"):
                raise InvalidInputError(
                    f"Fields of {self._query.searches[position].dataset_type!r} in CALIBRATION collections cannot be used yet.",
                    remedy="Search RUN and TAGGED collections only, or do not use its fields.",
                )
            return datasets_of(database, tables, f"s{position}", find_first=find_first)
        return data_ids_of(database, tables, f"s{position}", variant.constraints[position])

    def _branch(
        self, joins: Joins, branch: tuple[str, str, bool, bool], tables: GroupTables
    ) -> sa.FromClause:
        kind, avoid, has_earlier, has_earlier_validity = branch
        database = self._context.database
        table = (
            tables.validity if kind == "calibration" and tables.validity is not None else tables.membership
        )
        for column, name in ((table.c["_type"], "type"), (table.c["_collection"], "collection")):
            joins.conditions.append(column == sa.bindparam(name, type_=column.type))
        if has_earlier:
            joins.conditions.append(
                ~hidden(database, table, tables.membership, tables.keys, "earlier", avoid)
            )
        if has_earlier_validity and tables.validity is not None:
            joins.conditions.append(
                ~hidden(database, table, tables.validity, tables.keys, "earlier_validity", avoid)
            )
        return table

    def uses_fields(self, position: int) -> bool:
        """Whether the query uses more of a search than that it found something."""
        targets = [self._names[name] for name in self._mentioned()]
        return any(isinstance(t, FieldTarget | RecordTarget) and t.search == position for t in targets)

    def _multiplies(self, variant: Variant) -> bool:
        """Whether one row of the answer may come of several combinations of what is joined."""
        fixed = {name for name, _ in self._query.data_id}
        if not set(self.dimensions.required) <= {*self.result.names, *fixed}:
            return True
        if variant.branch is not None and variant.branch[0] == "calibration":
            return True
        return any(
            not search.find_first and position != self.main and self.uses_fields(position)
            for position, search in enumerate(self._query.searches)
        )

    # -- what is selected

    def _output(
        self, joins: Joins, sources: Sequence[sa.FromClause], variant: Variant
    ) -> list[sa.ColumnElement[Any]]:
        if self.main is not None and variant.branch is not None:
            table = sources[self.main]
            text = self._context.database.column_type("string")
            if variant.branch[0] == "run":
                run: Any = sa.bindparam("run_name", type_=text)
            else:
                dataset = self._context.schema.dataset.alias("run_of")
                joins.add_table(dataset, dataset.c.uuid == table.c["_uuid"])
                run = dataset.c.run
            return [table.c["_uuid"], run, *(table.c[name] for name in self.result.required)]
        if self.element is not None:
            return list(self.element.table.columns)
        return [joins.column(name) for name in self.result.required + self.result.implied]

    def _order(
        self, joins: Joins, conditions: Conditions, sources: Sequence[sa.FromClause], variant: Variant
    ) -> list[OrderKey]:
        keys = []
        for term in self._query.order_by:
            self._check_determined(term.expression)
            value = _order_value(conditions, term.expression)
            if not value.is_constant:
                keys.append(OrderKey(value.sql, value.type, term.descending, value.nullable))
        is_calibration = variant.branch is not None and variant.branch[0] == "calibration"
        if self.main is None or not self.is_ordered:
            for name in self.result.required:
                keys.append(OrderKey(joins.column(name), dimension_kind(self.result, name)))
        if self.main is not None and (self.is_ordered or is_calibration):
            keys.append(OrderKey(sources[self.main].c["_uuid"], "uuid"))
        return keys

    def _check_determined(self, tree: Expr) -> None:
        """Refuse to sort by what a row may have several of."""
        fixed = {name for name, _ in self._query.data_id}
        known = {*self.result.names, *fixed}
        for name in names_in(tree):
            target = self._names[name]
            if isinstance(target, DimensionTarget):
                fits = target.name in self.universe.conform(known & set(self.dimensions.names)).names
            elif isinstance(target, FieldTarget):
                search = self._query.searches[target.search]
                group = self.types[target.search].dataset_type.dimensions
                fits = target.search == self.main or (search.find_first and set(group.required) <= known)
            elif isinstance(target, RecordTarget):
                fits = not target.table.key
            else:
                fits = set(self.universe.elements[target.element].required) <= known
            if not fits:
                raise QueryError(
                    f"Rows cannot be sorted by {name!r}, of which each may have several values.",
                    remedy=f"Sort by what {{{', '.join(self.result.required)}}} fixes, or fix more with a data ID.",
                    text=to_text(tree),
                    position=0,
                    valid=[],
                )


class _Resolver:
    """Says what the names of a query are in SQL, and joins what they need."""

    def __init__(self, plan: Plan, joins: Joins, sources: Sequence[sa.FromClause], variant: Variant) -> None:
        self._plan = plan
        self._joins = joins
        self._sources = sources
        self._variant = variant
        self._schema = plan._context.schema
        self._aliases: dict[tuple[int, str], sa.FromClause] = {}
        self.multiplies = False
        """Whether a name was used of which one row has several values."""

    def get(self, name: str) -> Typed:
        """Return what a name is."""
        target, plan = self._plan._names[name], self._plan
        if isinstance(target, DimensionTarget):
            column = self._joins.column(target.name)
            key = plan.universe.dimensions[target.name].primary_key
            assert key is not None  # every dimension has one
            return Typed(key.type, column, nullable=self._joins.is_nullable(target.name))
        if isinstance(target, FieldTarget):
            return self._field(target)
        if isinstance(target, RecordTarget):
            return self._record(target)
        table = self._joins.add_element(target.element)
        columns, info = table.columns[target.info.name], target.info
        nullable = info.nullable or self._joins.is_outer(target.element)
        if info.type != "timespan":
            return Typed(info.type, columns[0], nullable=nullable)
        if not target.bound:
            return Typed("timespan", columns[0], columns[1], nullable=nullable)
        return Typed("time", _bound(columns, target.bound))

    def _field(self, target: FieldTarget) -> Typed:
        source = self._sources[target.search]
        is_main = target.search == self._plan.main
        text = self._plan._context.database.column_type("string")
        if target.name == "uuid":
            return Typed("uuid", source.c["_uuid"], nullable=False)
        if target.name == "ingest_date":
            return Typed("time", self._dataset(target.search).c.ingest_date, nullable=False)
        if target.name == "collection":
            if is_main:
                parameter = sa.bindparam("collection_name", type_=text)
                return Typed("string", parameter, nullable=False)
            return Typed(
                "string", self._name_of(target.search, "collection", source.c["_collection"]), nullable=False
            )
        if is_main and self._variant.branch is not None and self._variant.branch[0] == "run":
            return Typed("string", sa.bindparam("run_name", type_=text), nullable=False)
        run = self._dataset(target.search).c.run
        return Typed("string", self._name_of(target.search, "run", run), nullable=False)

    def _join_once(
        self,
        key: tuple[int, str],
        table: sa.Table,
        on: Callable[[sa.FromClause], Any],
        *,
        is_outer: bool = False,
    ) -> sa.FromClause:
        alias = self._aliases.get(key)
        if alias is None:
            alias = self._aliases[key] = table.alias(f"{key[1]}_{key[0]}")
            self._joins.add_table(alias, on(alias), is_outer=is_outer)
        return alias

    def _dataset(self, search: int) -> sa.FromClause:
        uuid = self._sources[search].c["_uuid"]
        return self._join_once((search, "dataset"), self._schema.dataset, lambda alias: alias.c.uuid == uuid)

    def _name_of(self, search: int, role: str, id_: Any) -> Any:
        return self._join_once(
            (search, role), self._schema.collection, lambda alias: alias.c.id == id_
        ).c.name

    def _record(self, target: RecordTarget) -> Typed:
        self.multiplies = self.multiplies or bool(target.table.key)
        uuid = self._sources[target.search].c["_uuid"]
        alias = self._join_once(
            (target.search, f"records_{target.table.name}"),
            self._schema.opaque[target.table.name],
            lambda alias: alias.c.dataset_uuid == uuid,
            is_outer=True,
        )
        type_ = next(column.type for column in target.table.columns if column.name == target.name)
        return Typed(type_, alias.c[target.name])


def _find_main(query: QueryDescription) -> int | None:
    if query.kind != "datasets":
        return None
    for position, search in enumerate(query.searches):
        if search.dataset_type == query.dataset_type:
            return position
    raise InvalidInputError(
        f"The query asks for datasets of type {query.dataset_type!r}, but searches for none of them.",
        remedy="Add a search for that dataset type.",
    )


def _find_element(context: SqlContext, query: QueryDescription) -> ElementTable | None:
    if query.kind != "records":
        return None
    element = context.universe.get_element(query.element or "")
    table = context.schema.elements.get(element.name)
    if table is None:
        raise InvalidInputError(
            f"Dimension {element.name!r} has no table, so no records.",
            remedy="Ask for its data IDs: its values are those that other records name.",
        )
    return table


def _order_value(conditions: Conditions, tree: Expr) -> Typed:
    value = conditions.value(tree) if is_value(tree) else Typed("bool", conditions.condition(tree))  # type: ignore[arg-type]
    if value.type in ("timespan", "region", "null"):
        text = to_text(tree)
        raise QueryError(
            f"Rows cannot be sorted by {text!r}, which is of type {value.type}.",
            remedy=f"Sort by {text}.begin." if value.type == "timespan" else "Sort by something else.",
            text=text,
            position=0,
            valid=[],
        )
    return value


def _bound(columns: Sequence[sa.ColumnElement[Any]], which: str) -> Any:
    """Return the begin or end of a timespan: NULL if it is open, or the timespan empty or missing."""
    begin, end = columns
    bound, unbounded = (begin, UNBOUNDED_BEGIN) if which == "begin" else (end, UNBOUNDED_END)
    return sa.case((sa.and_(begin < end, bound != unbounded), bound))
