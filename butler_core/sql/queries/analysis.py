"""What there is to know of a query whatever its values are: its dimensions, what its names mean, what it joins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from butler_core.errors import DataIdError, InvalidInputError, QueryError
from butler_core.expressions.printer import to_text
from butler_core.expressions.query import QueryDescription
from butler_core.expressions.tree import is_condition, names_in
from butler_core.expressions.written import Written
from butler_core.models.names import DimensionName
from butler_core.models.universe import DimensionGroup
from butler_core.sql.catalog import Catalog, RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.queries.governors import check_governors, fixed_slots
from butler_core.sql.queries.names import FieldTarget, QueryNames, RecordTarget
from butler_core.sql.queries.overlap_joins import find_overlap_joins
from butler_core.sql.queries.region_conditions import spoken_overlaps
from butler_core.sql.queries.searches import GroupTables
from butler_core.sql.queries.shapes import read_shape
from butler_core.sql.schema.element_tables import ElementTable


class Analysis:
    """What all queries of one shape have in common, and no SQL yet.

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
        self._query = _without_rows(query)
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
        self._written = Written(query.where_text, query.where)
        self._slots: dict[int, int] = {}
        values: list[Any] = []
        if query.where is not None:
            read_shape(query.where, values, self._slots)
        for term in query.order_by:
            read_shape(term.expression, values, self._slots)
        self._names = self._read_names()
        self.dimensions: DimensionGroup = self._names.dimensions
        """All dimensions that take part."""
        self._groups = [registered.dataset_type.dimensions for registered in self.types]
        """Dimensions of datasets and uploads, which relate them."""
        self._groups += [self.universe.conform(upload.dimensions) for upload in query.uploads]
        spoken = spoken_overlaps(query.where, self._names)
        self._overlaps = find_overlap_joins(query, self.dimensions, self._groups, spoken.values())
        self._joined = [node for node, join in spoken.items() if join in self._overlaps]
        self.governor_slots = self._check_governors()
        """Governors that the condition fixes, and the position of each one's value."""
        self.is_ordered = bool(query.order_by)
        self.needs_places = self._needs_places()
        """Whether all collections matter that a dataset was found in, since the query says something of them."""
        self.is_plain = self._is_plain()
        """Whether a query of the shape is a find-first search that nothing but a data ID constrains."""
        self.is_lookup = self._is_lookup()
        """Whether a query of the shape is for one dataset by its full data ID."""
        self.lookup_order = self._find_lookup_order()
        """Positions of the required values among those of the data ID; None if they are in order."""
        self.columns = self._find_columns()
        """The names of the columns of rows."""

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
            self.universe.conform(
                {*self.result, *query.dimensions, *query.joined_dimensions, *self._uploaded, *fixed}
            ).union(*groups),
            [search.dataset_type for search in query.searches],
            {position for position, each in enumerate(self.types) if each.dataset_type.is_calibration},
            [table for bridge in self._context.bridges for table in bridge.tables.values()],
            query.element or "",
            [self._written, *(Written("", term.expression) for term in query.order_by)],
        )
        names.read(self._mentioned())
        return names

    def _mentioned(self) -> list[str]:
        trees = [term.expression for term in self._query.order_by]
        if self._query.where is not None:
            trees.insert(0, self._query.where)
        return [*(name for tree in trees for name in names_in(tree)), *self._query.columns]

    @property
    def _uploaded(self) -> list[DimensionName]:
        return [name for upload in self._query.uploads for name in upload.dimensions]

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
        given = [*(name for name, _ in query.data_id), *self._uploaded]
        check_governors(self.universe, query.where, self._written, self._names, given)
        return fixed_slots(query.where, self._names, self.universe, self._slots)

    def _is_plain(self) -> bool:
        query = self._query
        return (
            self.main is not None
            and len(query.searches) == 1
            and query.searches[0].find_first
            and query.where is None
            and query.uuids is None
            and not query.uploads
            and not query.order_by
            and not self._overlaps
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
        if self._query.kind == "rows":
            return self._query.columns
        return self.result.required + self.result.implied

    @property
    def types_of_columns(self) -> tuple[str, ...]:
        """For ``rows``: the type of each column."""
        return tuple(self._names.type_of(name) for name in self._query.columns)

    @property
    def _sorted_by(self) -> int:
        return sum(1 for term in self._query.order_by if names_in(term.expression))

    # -- what it uses

    def uses_fields(self, position: int) -> bool:
        """Whether the query uses more of a search than that it found something."""
        name = self._query.searches[position].dataset_type
        is_uploaded = any(name in upload.dataset_types for upload in self._query.uploads)
        return is_uploaded or self._uses(position, self._mentioned())

    def _uses(self, position: int, names: Iterable[str]) -> bool:
        targets = [self._names[name] for name in names]
        return any(isinstance(t, FieldTarget | RecordTarget) and t.search == position for t in targets)

    def _uses_timespan(self, position: int) -> bool:
        targets = [self._names[name] for name in self._mentioned()]
        return any(isinstance(t, FieldTarget) and t[:2] == (position, "timespan") for t in targets)

    def _needs_places(self) -> bool:
        if self.main is None or self._query.searches[self.main].find_first:
            return False
        targets = [self._names[name] for name in self._mentioned()]
        return any(isinstance(t, FieldTarget) and t[:2] == (self.main, "collection") for t in targets)


def _without_rows(query: QueryDescription) -> QueryDescription:
    """Return a query without what may be many values."""
    if query.uuids is not None:
        query = query.model_copy(update={"uuids": frozenset()})
    if query.uploads:
        bare = [upload.model_copy(update={"data_ids": (), "uuids": ()}) for upload in query.uploads]
        query = query.model_copy(update={"uploads": tuple(bare)})
    return query


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
