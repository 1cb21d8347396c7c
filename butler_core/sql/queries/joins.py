"""What a query joins: tables of dimension elements on the dimensions they share, and searches for datasets.

Tables are joined only where something needs them: a foreign key from a table that is joined already proves that a row
exists.  What regions and timespans relate is joined by `butler_core.sql.queries.overlap_joins`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from butler_core.errors import InternalError, InvalidInputError
from butler_core.models.names import DimensionElementName, DimensionName
from butler_core.models.universe import DimensionGroup
from butler_core.sql.schema.element_tables import ElementTable
from butler_core.sql.schema.tables import Schema


class Joins:
    """A FROM clause that grows.

    Parameters
    ----------
    schema
        The tables.
    dimensions
        All dimensions that take part.
    """

    def __init__(self, schema: Schema, dimensions: DimensionGroup) -> None:
        self._schema = schema
        self._elements = dimensions.universe.elements
        self.dimensions = dimensions
        self.source: sa.FromClause | None = None
        self.conditions: list[sa.ColumnElement[bool]] = []
        """What must hold besides the conditions of joins."""
        self._columns: dict[DimensionName, sa.ColumnElement[Any]] = {}
        self._joined: set[DimensionElementName] = set()
        self._outer: set[DimensionElementName] = set()
        self._keys: list[frozenset[DimensionName]] = []
        self._given: dict[DimensionName, None] = {}

    # -- growing

    def _add(
        self, table: sa.FromClause, on: Sequence[sa.ColumnElement[bool]], *, is_outer: bool = False
    ) -> None:
        if self.source is None:
            self.source = table
            self.conditions += on
        else:
            self.source = self.source.join(table, sa.and_(sa.true(), *on), isouter=is_outer)

    def _match(self, columns: Mapping[DimensionName, sa.ColumnElement[Any]]) -> list[sa.ColumnElement[bool]]:
        """Return the conditions on shared dimensions, and note the columns of new ones."""
        on = [self._columns[name] == column for name, column in columns.items() if name in self._columns]
        for name, column in columns.items():
            self._columns.setdefault(name, column)
        return on

    def add_datasets(self, table: sa.FromClause, group: DimensionGroup) -> None:
        """Join what has the required dimensions of a group as columns, and foreign keys (or as good) to their tables."""
        self._add(table, self._match({name: table.c[name] for name in group.required}))
        self._keys.append(frozenset(group.required))
        self._agree(group.required)

    def add_rows(self, table: sa.FromClause, names: Iterable[DimensionName]) -> None:
        """Join rows with the values of some dimensions as columns, of which nobody says whether they exist."""
        given = {name: table.c[name] for name in names}
        self._add(table, self._match(given))
        self._agree(given)

    def _agree(self, names: Iterable[DimensionName]) -> None:
        """Note what is given for itself, and what records of other dimensions here may imply: the two must agree."""
        self._given.update((name, None) for name in names if name in self.dimensions.implied)

    def add_table(self, table: sa.FromClause, on: sa.ColumnElement[bool], *, is_outer: bool = False) -> None:
        """Join any other table."""
        self._add(table, [on], is_outer=is_outer)

    def add_values(
        self,
        table: sa.FromClause,
        columns: Mapping[DimensionName, sa.ColumnElement[Any]],
        *on: sa.ColumnElement[bool],
    ) -> None:
        """Join what has values of dimensions."""
        self._add(table, [*on, *self._match(columns)])

    def get_table(self, name: DimensionElementName) -> ElementTable:
        """Return the table of an element, whether it is joined or not."""
        return self._schema.elements[name]

    def has(self, name: DimensionName) -> bool:
        """Whether what is joined says the values of a dimension already."""
        return name in self._columns

    def add_element(self, name: DimensionElementName, *, is_main: bool = False) -> ElementTable:
        """Join the table of an element unless it is there; it has one.

        Rows without an implied dimension, or without a row of a join table, are kept, with NULL in its columns; unless it
        is the main element, whose rows are asked for.
        """
        table = self._schema.elements[name]
        if name in self._joined:
            return table
        self._joined.add(name)
        element = table.element
        for dimension in element.required:
            if dimension in self.dimensions.implied:
                self.column(dimension)
        is_outer = (
            not is_main
            and (name in self.dimensions.implied or not (element.is_dimension or element.joins))
            and self._given.keys().isdisjoint(element.implied)
        )
        if is_outer:
            self._outer.add(name)
            for dimension in element.required:
                self.column(dimension)
        columns = {dimension: table.columns[dimension][0] for dimension in element.required + element.implied}
        self._add(table.table, self._match(columns), is_outer=is_outer)
        if not is_outer:
            self._keys.append(frozenset(columns))
        return table

    def column(self, name: DimensionName) -> sa.ColumnElement[Any]:
        """Return the column with a dimension's values, joining what is needed to have one.

        If several elements imply it all are joined, whatever was joined before: they must agree.
        """
        if name not in self._columns or name in self.dimensions.implied:
            self._provide(name)
        return self._columns[name]

    def is_nullable(self, name: DimensionName) -> bool:
        """Whether a dimension's value may be missing."""
        return name in self.dimensions.implied

    def is_outer(self, name: DimensionElementName) -> bool:
        """Whether an element that was joined may have no row."""
        return name in self._outer

    def _provide(self, name: DimensionName) -> None:
        if name in self.dimensions.implied:
            self._add_implying(name)
        elif self.dimensions.universe.dimensions[name].is_skypix:
            raise InvalidInputError(
                f"Nothing says which pixels of {name} are meant: they are not listed anywhere.",
                remedy="Add datasets that have them, or dimensions with regions which they are to overlap.",
            )
        elif name in self._schema.elements:
            self.add_element(name)
        else:
            self._add_values(name)
        if name not in self._columns:
            raise InternalError(f"Nothing has the values of dimension {name!r}.", remedy="Report a bug.")

    def _add_implying(self, name: DimensionName) -> None:
        """Join all elements here whose records imply a dimension's value."""
        for other in self.dimensions.elements:
            if name in self._elements[other].implied:
                self.add_element(other)

    def _add_values(self, name: DimensionName) -> None:
        """Join the values of a dimension without a table: those that other elements imply."""
        columns = [
            self._schema.elements[other.name].columns[name][0]
            for other in self._elements.values()
            if name in other.implied and other.name in self._schema.elements
        ]
        if not columns:
            raise InvalidInputError(
                f"Dimension {name!r} has no table, and no element implies its values.",
                remedy="Ask for data IDs without it.",
            )
        selects = [sa.select(column.label(name)).where(column.is_not(None)) for column in columns]
        values = (selects[0].distinct() if len(selects) == 1 else sa.union(*selects)).subquery(
            f"values_{name}"
        )
        self._add(values, self._match({name: values.c[name]}))

    # -- the whole

    def complete(self, given: Iterable[DimensionGroup]) -> None:
        """Join whatever says which values exist and belong together, but is not joined yet.

        Parameters
        ----------
        given
            Groups whose data IDs exist and belong together already.

        Raises
        ------
        InvalidInputError
            If nothing says what values a dimension has.
        """
        groups = list(given)
        for name in self.dimensions.elements:
            element = self._elements[name]
            if element.joins and not any(set(element.required) <= set(group.names) for group in groups):
                self.add_element(name)
        for name in self._given:
            self._add_implying(name)
        for name in reversed(self.dimensions.required):
            if not self._exists(name):
                self.column(name)
                if name in self._schema.elements:
                    self.add_element(name)

    def _exists(self, name: DimensionName) -> bool:
        """Whether a foreign key of what is joined proves that a required dimension has a row for each value."""
        required = set(self.dimensions.universe.dimensions[name].required)
        return any(required <= key for key in self._keys)


class SubqueryJoins(Joins):
    """The FROM clause of a subquery that sees what is joined around it: only other tables are joined within.

    Parameters
    ----------
    around
        What is joined around it, all elements that it needs included.
    table
        Where it begins.
    """

    def __init__(self, around: Joins, table: sa.FromClause) -> None:
        super().__init__(around._schema, around.dimensions)
        self._around = around
        self._tables = [table]
        self.source = table

    def add_table(self, table: sa.FromClause, on: sa.ColumnElement[bool], *, is_outer: bool = False) -> None:
        """Join a table within."""
        super().add_table(table, on, is_outer=is_outer)
        self._tables.append(table)

    def add_element(self, name: DimensionElementName, *, is_main: bool = False) -> ElementTable:
        """Return the table of an element around it."""
        return self._around.add_element(name, is_main=is_main)

    def column(self, name: DimensionName) -> sa.ColumnElement[Any]:
        """Return the column with a dimension's values around it."""
        return self._around.column(name)

    def is_outer(self, name: DimensionElementName) -> bool:
        """Whether an element around it may have no row."""
        return self._around.is_outer(name)

    def exists(self, conditions: Iterable[sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
        """Return whether there is any row for which some conditions hold."""
        assert self.source is not None  # it begins with a table
        select: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(self.source).where(*conditions)
        return sa.exists(select.correlate_except(*self._tables))
