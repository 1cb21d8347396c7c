"""What a condition looks like apart from its values, so that one statement serves all conditions of one shape."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, NamedTuple

from butler_core.expressions.patterns import Pattern
from butler_core.expressions.tree import (
    And,
    Arithmetic,
    Between,
    BoolLiteral,
    Comparison,
    EncodedRegionLiteral,
    Expr,
    FloatLiteral,
    Glob,
    In,
    IntLiteral,
    IntRange,
    Like,
    Name,
    NullLiteral,
    Or,
    Overlaps,
    RegionLiteral,
    Sign,
    StringLiteral,
    TimeLiteral,
    TimespanLiteral,
    UuidLiteral,
    Within,
)
from butler_core.sql.schema.element_tables import UNBOUNDED_BEGIN, UNBOUNDED_END

_SMALL_RANGE = 1000
"""The longest range of a list that becomes its values; longer ones become conditions."""

_VALUED = frozenset({IntLiteral, FloatLiteral, StringLiteral, UuidLiteral, TimeLiteral})
_OPERATORS = frozenset({Sign, Arithmetic, Comparison})
_PLAIN = frozenset({And, Or, Overlaps, Between, Within})


class ListItems(NamedTuple):
    """The items of a list, sorted by how they are compared with."""

    kinds: tuple[str, ...]
    """Kinds of literals among the values, sorted."""
    values: list[Any]
    """Of literals, and of short ranges."""
    ranges: list[IntRange]
    """The long ones."""
    has_null: bool

    @property
    def is_spread(self) -> bool:
        """Whether each value is a parameter by itself: floats must not pass through text on their way, booleans are few."""
        return "float" in self.kinds or "bool" in self.kinds


def list_items(node: In) -> ListItems:
    """Sort the items of a list."""
    kinds: set[str] = set()
    values: list[Any] = []
    ranges: list[IntRange] = []
    has_null = False
    for item in node.values:
        if isinstance(item, NullLiteral):
            has_null = True
        elif isinstance(item, IntRange):
            # A range of a few huge steps has no remainder that fits 64 bits, but then it has few values.
            if len(item.values) > _SMALL_RANGE:
                ranges.append(item)
            else:
                kinds.add("int")
                values += item.values
        else:
            kinds.add(item.kind)
            values.append(item.value)
    return ListItems(tuple(sorted(kinds)), values, ranges, has_null)


def timespan_bounds(node: TimespanLiteral) -> tuple[int, int]:
    """Return a timespan's bounds such that plain comparisons hold for open ends, and fail for the empty one."""
    timespan = node.timespan
    if timespan.is_empty:
        return UNBOUNDED_END, UNBOUNDED_BEGIN
    begin, end = timespan.begin, timespan.end
    return (UNBOUNDED_BEGIN if begin is None else begin, UNBOUNDED_END if end is None else end)


def read_shape(node: Expr, values: list[Any], slots: dict[int, int] | None = None) -> Hashable:
    """Return what two trees of one shape have in common, and add the values in which they differ.

    Parameters
    ----------
    node
        The tree.
    values
        Where its values go, from left to right.
    slots
        If given: gets the position of the first value of each node, by the node's `id`.
    """
    if slots is not None:
        slots[id(node)] = len(values)
    cls = type(node)
    if isinstance(node, Name):
        return node.name
    if cls in _VALUED:
        values.append(node.value)  # type: ignore[union-attr]
        return (node.kind,)
    if isinstance(node, BoolLiteral):
        return ("bool", node.value)
    if isinstance(node, TimespanLiteral):
        values += timespan_bounds(node)
        return ("timespan",)
    if isinstance(node, RegionLiteral | EncodedRegionLiteral):
        values.append(node)  # the geometry makes bytes of it
        return ("region",)
    if isinstance(node, Like | Glob):
        values.append(
            Pattern.from_like(node.pattern) if isinstance(node, Like) else Pattern.from_glob(node.pattern)
        )
        return (node.kind, read_shape(node.operand, values, slots))
    if isinstance(node, In):
        return _read_list(node, values, slots)
    below = [read_shape(child, values, slots) for child in node.children]
    if cls in _OPERATORS:
        return (node.kind, node.op, *below)  # type: ignore[union-attr]
    return (node.kind, *below)


def _read_list(node: In, values: list[Any], slots: dict[int, int] | None) -> Hashable:
    items = list_items(node)
    if items.is_spread:
        values += items.values
    elif items.values:
        values.append(items.values)
    for item in items.ranges:
        values += (item.start, item.stop, item.step, item.start % item.step)
    count = len(items.values) if items.is_spread else min(len(items.values), 1)
    operand = read_shape(node.operand, values, slots)
    return ("in", items.kinds, count, len(items.ranges), items.has_null, operand)
