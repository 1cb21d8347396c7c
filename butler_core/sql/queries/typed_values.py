"""Values in SQL with their types, and how two of them are compared, timespans above all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.sql.queries.region_conditions import LiteralPixels, RegionRows


class Typed(NamedTuple):
    """A value in SQL and its type."""

    type: str
    """int, float, string, bool, bytes, uuid, time, timespan, region, or null."""
    sql: Any
    """The value; for a timespan, its begin."""
    end: Any = None
    """For a timespan, its end."""
    nullable: bool = True
    is_constant: bool = False
    pixels: RegionRows | LiteralPixels | None = None
    """For a region: where its pixels are, if they are known."""


def unknown() -> sa.ColumnElement[bool]:
    """Return the truth value that is neither."""
    return sa.cast(sa.null(), sa.Boolean())


def apply(op: str, left: Any, right: Any) -> Any:
    """Return a sum, a difference or a product."""
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
    return left * right


def compare(op: str, left: Any, right: Any) -> sa.ColumnElement[bool]:
    """Return whether two values of one type compare so."""
    comparisons: dict[str, Callable[[], Any]] = {
        "=": lambda: left == right,
        "!=": lambda: left != right,
        "<": lambda: left < right,
        "<=": lambda: left <= right,
        ">": lambda: left > right,
        ">=": lambda: left >= right,
    }
    result: sa.ColumnElement[bool] = comparisons[op]()
    return result


def precedes(left: Typed, right: Typed) -> sa.ColumnElement[bool]:
    """Return whether a time or timespan comes before another, and one of them is a timespan."""
    ends = left.sql < right.sql if left.type == "time" else left.end <= right.sql
    return _and_not_empty(ends, left, right)


def is_same_timespan(left: Typed, right: Typed) -> sa.ColumnElement[bool]:
    """Return whether two timespans are equal."""
    if left.is_constant:
        left, right = right, left
    return sa.and_(left.sql == _bound(right, "sql"), left.end == _bound(right, "end"))


def timespans_overlap(left: Typed, right: Typed) -> sa.ColumnElement[bool]:
    """Return whether two timespans have a moment in common."""
    return _and_not_empty(sa.and_(left.sql < right.end, right.sql < left.end), left, right)


def is_within(inner: Typed, outer: Typed) -> sa.ColumnElement[bool]:
    """Return whether a time or timespan is in a timespan."""
    if inner.type == "time":
        return sa.and_(outer.sql <= inner.sql, inner.sql < outer.end)
    inside = sa.and_(outer.sql <= inner.sql, inner.end <= outer.end)
    # Every timespan holds the empty one; unless it is missing itself.
    return sa.or_(inside, sa.and_(inner.sql >= inner.end, outer.sql == outer.sql))


def _bound(timespan: Typed, which: str) -> Any:
    """Return a bound to be tested for equality: an empty literal is (latest, earliest), but (0, 0) in tables."""
    bound = timespan.sql if which == "sql" else timespan.end
    if not timespan.is_constant:
        return bound
    return sa.case((timespan.sql > timespan.end, sa.literal_column("0")), else_=bound)


def _and_not_empty(condition: sa.ColumnElement[bool], *values: Typed) -> sa.ColumnElement[bool]:
    """Return a condition that holds for no empty timespan, and is unknown if one is missing."""
    spans = [value for value in values if value.type == "timespan" and not value.is_constant]
    condition = sa.and_(condition, *(span.sql < span.end for span in spans))
    missing = [value.sql.is_(None) for value in values if value.nullable]
    if (
        len(values) > 1 and spans and missing
    ):  # else an empty one would make a definite answer of an unknown one
        return sa.case((sa.or_(*missing), unknown()), else_=condition) == sa.true()
    return condition
