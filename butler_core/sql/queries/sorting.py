"""What rows can be sorted by: what each has one value of, or a few of which the first counts."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

from butler_core.errors import QueryError
from butler_core.expressions.printer import to_text
from butler_core.expressions.query import QueryDescription
from butler_core.expressions.tree import Expr, is_value, names_in
from butler_core.models.universe import DimensionGroup
from butler_core.sql.lookups.validity import find_rule
from butler_core.sql.queries.conditions import Conditions
from butler_core.sql.queries.names import (
    DimensionTarget,
    FieldTarget,
    PixelTarget,
    QueryNames,
    RecordTarget,
    Target,
)
from butler_core.sql.queries.paging import OrderKey
from butler_core.sql.queries.typed_values import Typed


class Sorting(NamedTuple):
    """Makes the sort keys that a query asks for."""

    query: QueryDescription
    names: QueryNames
    """What its names stand for."""
    result: DimensionGroup
    """The dimensions of the rows."""
    dimensions: DimensionGroup
    """All dimensions that take part."""
    groups: Sequence[DimensionGroup]
    """Of the datasets of each search."""
    main: int | None
    """Position of the search whose datasets are asked for."""
    timed: Set[int]
    """Positions of the searches that look at CALIBRATION collections."""

    def keys(self, conditions: Conditions) -> list[OrderKey]:
        """Return the keys, but for what is the same for all rows.

        Raises `QueryError` for what a row may have many values of, and for what has no order.
        """
        keys = []
        for term in self.query.order_by:
            is_loose = self._check(term.expression)
            value = _value(conditions, term.expression)
            if not value.is_constant:
                keys.append(OrderKey(value.sql, value.type, term.descending, value.nullable, is_loose))
        return keys

    def _check(self, tree: Expr) -> bool:
        """Refuse to sort by what a row may have many values of; return whether it may have a few."""
        is_loose = False
        for name in names_in(tree):
            if name in self.query.columns:  # each row has just the one that it shows
                continue
            if not self._is_determined(self.names[name]):
                raise QueryError(
                    f"Rows cannot be sorted by {name!r}, of which each may have several values.",
                    remedy=f"Sort by what {{{', '.join(self.result.required)}}} fixes, or fix more with a data ID.",
                    text=to_text(tree),
                    position=0,
                    valid=[],
                )
            is_loose = is_loose or self._is_loose(self.names[name])
        return is_loose

    def _is_loose(self, target: Target) -> bool:
        """Whether it is something that one dataset may have several of: records, times at which it is valid, and where.

        A search for the first finds it in other collections at other times.
        """
        if isinstance(target, RecordTarget):
            return bool(target.table.key)
        return (
            isinstance(target, FieldTarget)
            and target.search in self.timed
            and target.name in ("timespan", "collection")
        )

    def _is_determined(self, target: Target) -> bool:
        universe = self.dimensions.universe
        known = {*self.result.names, *(name for name, _ in self.query.data_id)}
        if isinstance(target, DimensionTarget | PixelTarget):
            return target.name in universe.conform(known & set(self.dimensions.names)).names
        if isinstance(target, FieldTarget | RecordTarget):
            if target.search == self.main:
                return True
            search, needed = self.query.searches[target.search], set(self.groups[target.search].required)
            if target.search in self.timed:
                rule = find_rule(search, self.dimensions)
                if rule.kind == "element":
                    needed |= set(universe.elements[rule.element].required)
            return search.find_first and needed <= known
        return set(universe.elements[target.element].required) <= known


def _value(conditions: Conditions, tree: Expr) -> Typed:
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
