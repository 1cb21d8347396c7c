"""Trees of the ``where`` language made into SQL that means the same in every database.

Values become bound parameters ``w0``, ``w1``, ... in the order of `butler_core.sql.queries.shapes.read_shape`;
names are looked up by whoever knows what is joined.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial
from typing import Any, NoReturn

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

from butler_core.expressions.printer import to_text
from butler_core.expressions.tree import (
    And,
    Arithmetic,
    Between,
    BoolLiteral,
    Comparison,
    Condition,
    EncodedRegionLiteral,
    Expr,
    Glob,
    In,
    IsNull,
    Like,
    Name,
    Not,
    NullLiteral,
    Or,
    Overlaps,
    RegionLiteral,
    Sign,
    TimespanLiteral,
    Value,
    Within,
    is_condition,
)
from butler_core.expressions.written import Written
from butler_core.sql.database import Database
from butler_core.sql.queries.balancing import join_balanced
from butler_core.sql.queries.region_conditions import LiteralPixels, RegionRows, region_bytes
from butler_core.sql.queries.shapes import list_items
from butler_core.sql.queries.typed_values import (
    Typed,
    apply,
    compare,
    is_same_timespan,
    is_within,
    precedes,
    timespans_overlap,
    unknown,
)

_NUMBERS = frozenset({"int", "float"})
_LITERAL_TYPES = {"int": "int", "float": "float", "string": "string", "uuid": "uuid", "time": "time"}
_REMEDIES = {
    "time": "Write times as T'2024-01-31T12:00:00/tai'.",
    "timespan": "Write timespans as (T'...', T'...').",
    "region": "Compare regions by OVERLAPS, with other regions.",
    "uuid": "Write UUIDs as UUID('...') or bind them.",
    "string": "Compare text with text, numbers with numbers: only text stands in single quotes.",
}


class Conditions:
    """Makes SQL of one tree.

    Parameters
    ----------
    database
        Whose SQL it is for.
    resolve
        Says what a name stands for; raises `QueryError` if for nothing.
    slots
        Where the values of each node are, from `read_shape`.
    written
        The condition and its text, for errors.
    prefix
        What the names of parameters begin with.
    joined
        The `id` of nodes that hold for whatever is joined.
    is_exact
        Whether regions are compared where they share pixels, or taken to overlap then.
    """

    def __init__(
        self,
        database: Database,
        resolve: Callable[[str], Typed],
        slots: dict[int, int],
        written: Written,
        prefix: str = "w",
        *,
        joined: Container[int] = (),
        is_exact: bool = True,
    ) -> None:
        self._database = database
        self._resolve = resolve
        self._slots = slots
        self._written = written
        self._prefix = prefix
        self._joined = joined
        self._is_exact = is_exact
        self.converters: dict[str, Callable[[Any], Any]] = {}
        """By parameter: how to make the database's value of the tree's, where it is not the same."""
        self.copies: dict[str, str] = {}
        """By parameter: another one that has the same value, before it is converted."""

    # -- errors

    def _refuse(self, node: Expr, problem: str, remedy: str = "") -> NoReturn:
        raise self._written.error(node, f"{to_text(node)}: {problem}", remedy=remedy)

    def _refuse_types(self, node: Expr, what: str, *sides: Typed) -> NoReturn:
        types = " and ".join(side.type for side in sides)
        remedy = next((_REMEDIES[side.type] for side in sides if side.type in _REMEDIES), "")
        self._refuse(node, f"{what} {types}", remedy)

    # -- parameters

    def _parameter(self, slot: int, type_: str | None = None) -> Any:
        kind = None if type_ is None else self._database.column_type(type_)  # type: ignore[arg-type]
        return sa.bindparam(f"{self._prefix}{slot}", type_=kind)

    def _convert(self, slot: int, converter: Callable[[Any], Any]) -> None:
        self.converters[f"{self._prefix}{slot}"] = converter

    def _uuid_to_value(self, text: str) -> Any:
        return self._database.uuid_to_value(bytes.fromhex(text.replace("-", "")))

    # -- values

    def value(self, node: Value) -> Typed:
        """Return what a value is in SQL."""
        match node:
            case Name(name=name):
                return self._resolve(name)
            case NullLiteral():
                return Typed("null", sa.null(), is_constant=True)
            case BoolLiteral(value=value):
                return Typed("bool", sa.true() if value else sa.false(), nullable=False, is_constant=True)
            case TimespanLiteral():
                slot = self._slots[id(node)]
                bounds = self._parameter(slot, "time"), self._parameter(slot + 1, "time")
                return Typed("timespan", *bounds, nullable=False, is_constant=True)
            case Sign(op=op, operand=operand):
                return self._sign(node, op, self.value(operand))
            case Arithmetic(op=op):
                return self._arithmetic(node, op, self.value(node.left), self.value(node.right))
            case RegionLiteral() | EncodedRegionLiteral():
                return self._region(node)
        return self._literal(node)

    def _region(self, node: RegionLiteral | EncodedRegionLiteral) -> Typed:
        regions, slot = self._database.regions, self._slots[id(node)]
        if regions is None:
            self._refuse(node, "the universe names no geometry, which would say what this is")
        pixels = LiteralPixels(self._database, regions, f"{self._prefix}{slot}_pixels")
        self._convert(slot, partial(region_bytes, regions))
        for name, converter in pixels.converters.items():
            self.converters[name] = converter
            self.copies[name] = f"{self._prefix}{slot}"
        return Typed(
            "region", self._parameter(slot, "bytes"), nullable=False, is_constant=True, pixels=pixels
        )

    def _literal(self, node: Any) -> Typed:
        slot, type_ = self._slots[id(node)], _LITERAL_TYPES[node.kind]
        if type_ == "uuid":
            self._convert(slot, self._uuid_to_value)
        return Typed(type_, self._parameter(slot, type_), nullable=False, is_constant=True)

    def _sign(self, node: Expr, op: str, operand: Typed) -> Typed:
        if operand.type == "null":
            return operand
        if operand.type not in _NUMBERS:
            self._refuse_types(node, "a sign belongs to numbers, not to", operand)
        if op == "+":
            return operand
        negative = -operand.sql
        if operand.type == "int":
            negative = self._database.checked_integer(negative)
        return Typed(operand.type, negative, nullable=operand.nullable)

    def _arithmetic(self, node: Expr, op: str, left: Typed, right: Typed) -> Typed:
        if "null" in (left.type, right.type):
            return Typed("null", sa.null())
        if not _NUMBERS.issuperset((left.type, right.type)):
            self._refuse_types(node, f"{op} takes numbers, not", left, right)
        nullable = left.nullable or right.nullable
        if op == "/":
            real = self._database.column_type("float")
            divisor = sa.func.nullif(sa.cast(right.sql, real), sa.literal_column("0.0"))
            return Typed("float", Grouping(sa.cast(left.sql, real).op("/", return_type=real)(divisor)))
        if left.type == right.type == "int":
            return Typed("int", self._integer(op, left.sql, right.sql), nullable=nullable or op == "%")
        if op == "%":
            return Typed("float", self._database.modulo(left.sql, right.sql))
        return Typed("float", apply(op, left.sql, right.sql), nullable=nullable)

    def _integer(self, op: str, left: Any, right: Any) -> Any:
        if op == "%":
            return left % sa.func.nullif(right, sa.literal_column("0"))
        return self._database.checked_integer(apply(op, left, right))

    # -- conditions

    def condition(self, node: Condition, *, filters: bool = False) -> sa.ColumnElement[bool]:
        """Return what a condition is in SQL: true, false or NULL; if it merely ``filters``, false may stand for NULL."""
        if id(node) in self._joined:
            return sa.true()
        match node:
            case And(operands=operands):
                return join_balanced(
                    sa.and_, [self.condition(operand, filters=filters) for operand in operands]
                )
            case Or(operands=operands):
                return join_balanced(
                    sa.or_, [self.condition(operand, filters=filters) for operand in operands]
                )
            case Not(operand=operand):
                return sa.not_(self.condition(operand))
            case Comparison(op=op):
                return self._comparison(node, op)
            case In():
                return self._in(node)
            case Between():
                return self._between(node)
            case IsNull(operand=operand):
                return self._is_null(operand)
            case Like() | Glob():
                return self._match(node)
            case Overlaps():
                return self._overlaps(node, self.value(node.left), self.value(node.right), filters)
            case Within():
                return self._within(node, self.value(node.operand), self.value(node.timespan))
        return self._truth(node)

    def _between(self, node: Between) -> sa.ColumnElement[bool]:
        operand, low, high = self.value(node.operand), self.value(node.low), self.value(node.high)
        return sa.and_(self._compare(node, ">=", operand, low), self._compare(node, "<=", operand, high))

    def _truth(self, node: Condition) -> sa.ColumnElement[bool]:
        """Return a boolean value as a condition."""
        value = self.value(node)  # type: ignore[arg-type]
        if value.type == "null":
            return unknown()
        if value.type != "bool":
            self._refuse(
                node, f"this is a value of type {value.type} and no condition", "Compare it with something."
            )
        condition: sa.ColumnElement[bool] = value.sql if value.is_constant else value.sql == sa.true()
        return condition

    def _comparison(self, node: Comparison, op: str) -> sa.ColumnElement[bool]:
        left, right = node.left, node.right
        if self._is_condition(left) and self._is_condition(right):
            return self._compare_truths(node, op, left, right)
        for side in (left, right):
            if _is_test(side):
                self._refuse(node, "a condition can be compared with conditions only")
        return self._compare(node, op, self.value(left), self.value(right))  # type: ignore[arg-type]

    def _is_condition(self, node: Expr) -> bool:
        if isinstance(node, Name):
            return self._resolve(node.name).type == "bool"
        return isinstance(node, BoolLiteral) or _is_test(node)

    def _compare_truths(self, node: Expr, op: str, left: Any, right: Any) -> sa.ColumnElement[bool]:
        if op not in ("=", "!="):
            self._refuse(node, f"conditions have no order, so {op} does not apply", "Use = or !=.")
        for literal, other in ((left, right), (right, left)):
            if isinstance(literal, BoolLiteral):
                condition = self.condition(other)
                return condition if literal.value == (op == "=") else sa.not_(condition)
        # Twice negated, they are truth values in every database.
        first, second = sa.not_(self.condition(left)), sa.not_(self.condition(right))
        return sa.or_(
            sa.and_(first, second if op == "=" else sa.not_(second)),
            sa.and_(sa.not_(first), sa.not_(second) if op == "=" else second),
        )

    def _compare(self, node: Expr, op: str, left: Typed, right: Typed) -> sa.ColumnElement[bool]:
        if "null" in (left.type, right.type):
            return unknown()
        types = {left.type, right.type}
        if "region" in types:
            self._refuse_types(node, f"{op} cannot compare", left, right)
        if "timespan" in types and types <= {"timespan", "time"}:
            return self._compare_timespans(node, op, left, right)
        if len(types) > 1 and not types <= _NUMBERS:
            self._refuse_types(node, f"{op} cannot compare", left, right)
        return compare(op, left.sql, right.sql)

    def _compare_timespans(self, node: Expr, op: str, left: Typed, right: Typed) -> sa.ColumnElement[bool]:
        """Compare timespans, and times, by ``before`` and ``after``; two timespans also by equality."""
        if op == ">":
            left, right, op = right, left, "<"
        if op == "<":
            return precedes(left, right)
        if left.type != right.type:
            self._refuse_types(node, f"{op} cannot compare", left, right)
        if op not in ("=", "!="):
            self._refuse(node, f"timespans can be compared by = != < >, not by {op}")
        same = is_same_timespan(left, right)
        return same if op == "=" else sa.not_(same)

    def _overlaps(self, node: Expr, left: Typed, right: Typed, filters: bool) -> sa.ColumnElement[bool]:
        if "null" in (left.type, right.type):
            return unknown()
        if left.type == right.type == "region":
            return self._regions_overlap(node, left, right, filters)
        if left.type == "time":
            return self._within(node, left, right)
        if right.type == "time":
            return self._within(node, right, left)
        if left.type != "timespan" or right.type != "timespan":
            self._refuse_types(node, "OVERLAPS takes two timespans or two regions, not", left, right)
        return timespans_overlap(left, right)

    def _regions_overlap(
        self, node: Expr, left: Typed, right: Typed, filters: bool
    ) -> sa.ColumnElement[bool]:
        """Compare two regions; where a row may as well be false as unknown, only those that share a pixel."""
        if self._database.regions is None:
            self._refuse(node, "the universe names no geometry, which would compare regions")
        overlap = self._database.regions_overlap(left.sql, right.sql)
        if not filters:
            return overlap
        for rows, literal in ((left.pixels, right.pixels), (right.pixels, left.pixels)):
            if isinstance(rows, RegionRows) and isinstance(literal, LiteralPixels):
                near = literal.hold(rows)
                return sa.and_(near, overlap) if self._is_exact else near
        return overlap

    def _within(self, node: Expr, inner: Typed, outer: Typed) -> sa.ColumnElement[bool]:
        if "null" in (inner.type, outer.type):
            return unknown()
        if outer.type != "timespan" or inner.type not in ("time", "timespan"):
            self._refuse_types(node, "a time or timespan can be in a timespan, not", inner, outer)
        return is_within(inner, outer)

    def _is_null(self, operand: Expr) -> sa.ColumnElement[bool]:
        if self._is_condition(operand) and not isinstance(operand, Name | BoolLiteral):
            return self.condition(operand).is_(sa.null())  # type: ignore[arg-type]
        is_name = isinstance(operand, Name)  # even of a region: whether there is one needs no geometry
        value = self._resolve(operand.name) if is_name else self.value(operand)  # type: ignore[union-attr, arg-type]
        if value.type == "null":
            return sa.true()
        if value.is_constant:
            return sa.false()
        is_null: sa.ColumnElement[bool] = value.sql.is_(sa.null())
        return is_null

    def _match(self, node: Like | Glob) -> sa.ColumnElement[bool]:
        operand = self.value(node.operand)
        if operand.type == "null":
            return unknown()
        if operand.type != "string":
            self._refuse(node, f"patterns match text, not {operand.type}")
        slot = self._slots[id(node)]
        self._convert(slot, self._database.pattern_value)
        return self._database.matches(operand.sql, f"{self._prefix}{slot}")

    # -- lists

    def _in(self, node: In) -> sa.ColumnElement[bool]:
        items = list_items(node)
        if not items.values and not items.ranges and not items.has_null:
            return sa.false()
        operand, slot = self.value(node.operand), self._slots[id(node)]  # type: ignore[arg-type]
        if operand.type == "null":
            return unknown()
        self._check_list(node, operand, items.kinds, bool(items.ranges))
        parts: list[sa.ColumnElement[bool]] = []
        if items.is_spread:
            for _ in items.values:
                parameter = self._parameter(slot, operand.type)
                parts.append(operand.sql == parameter)
                slot += 1
        elif items.values:
            parts.append(operand.sql.in_(self._list(operand, slot)))
            slot += 1
        for _ in items.ranges:
            start, stop, step, rest = (self._parameter(slot + i, "int") for i in range(4))
            remainder = self._remainder(operand, step)
            parts += [sa.and_(operand.sql >= start, operand.sql <= stop, remainder == rest)]
            slot += 4
        if items.has_null:
            parts.append(unknown())
        return join_balanced(sa.or_, parts)

    def _remainder(self, operand: Typed, step: Any) -> Any:
        """Return the remainder that is never negative."""
        if operand.type == "int":
            return (operand.sql % step + step) % step
        return self._database.modulo(self._database.modulo(operand.sql, step) + step, step)

    def _list(self, operand: Typed, slot: int) -> sa.Select[Any]:
        kind: Any = operand.type if operand.type != "float" else "int"
        values = self._database.inline_values(f"{self._prefix}{slot}", kind)
        if operand.type == "uuid":
            self._convert(slot, lambda texts: values.bind([self._uuid_to_value(text) for text in texts]))
        else:
            self._convert(slot, values.bind)
        return values.select

    def _check_list(self, node: In, operand: Typed, kinds: tuple[str, ...], has_ranges: bool) -> None:
        if operand.type == "timespan" or (has_ranges and operand.type not in _NUMBERS):
            self._refuse(
                node, f"no list of {' and '.join(kinds) or 'ranges'} has a value of type {operand.type}"
            )
        for kind in kinds:
            if kind != operand.type and not {kind, operand.type} <= _NUMBERS:
                self._refuse(
                    node,
                    f"no list of {kind} has a value of type {operand.type}",
                    _REMEDIES.get(operand.type, ""),
                )


def _is_test(node: Expr) -> bool:
    return is_condition(node) and not isinstance(node, Name | BoolLiteral | NullLiteral)
