"""What a condition says about one row, by three-valued logic in plain Python: None is unknown, or a missing value."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any

from tests.differential import sky
from tests.differential.trees import (
    Between,
    Binary,
    Column,
    Compare,
    IsIn,
    IsNull,
    Junction,
    Literal,
    Match,
    Negative,
    Not,
    Shape,
    Tree,
    Within,
)

Lookup = Callable[[Column], Any]
"""Gives the value that a name stands for in a row."""


class TooLargeError(Exception):
    """An integer left 64 bits: an error, wherever it happens."""


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "==": operator.eq, "!=": operator.ne, "<>": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def evaluate(tree: Tree, lookup: Lookup) -> Any:
    """Return the value of an expression."""
    match tree:
        case Column():
            return lookup(tree)
        case Literal(value=value):
            return value
        case Shape(shape=shape, numbers=numbers):
            return sky.encode(shape, numbers)
        case Negative(operand=operand):
            value = evaluate(operand, lookup)
            return None if value is None else _fitting(-value)
        case Binary(op=op, left=left, right=right):
            return _arithmetic(op, evaluate(left, lookup), evaluate(right, lookup))
        case Compare(op=op, left=left, right=right):
            return _compare(op, evaluate(left, lookup), evaluate(right, lookup))
        case Between(operand=operand, low=low, high=high):
            value = evaluate(operand, lookup)
            return conjunction(
                [_compare(">=", value, evaluate(low, lookup)), _compare("<=", value, evaluate(high, lookup))]
            )
        case IsNull(operand=operand):
            return evaluate(operand, lookup) is None
        case Match(op=op, operand=operand, pattern=pattern):
            value = evaluate(operand, lookup)
            return None if value is None else matches(op, pattern, value)
        case IsIn(operand=operand):
            return _is_in(evaluate(operand, lookup), tree)
        case Within(operand=operand, timespan=timespan):
            return _within(evaluate(operand, lookup), evaluate(timespan, lookup))
        case Not(operand=operand):
            return negation(evaluate(operand, lookup))
        case Junction(op="AND", operands=operands):
            return conjunction([evaluate(part, lookup) for part in operands])
        case Junction(operands=operands):
            return negation(conjunction([negation(evaluate(part, lookup)) for part in operands]))
    raise TypeError(f"{tree} has no value")


def negation(value: bool | None) -> bool | None:
    """Return NOT."""
    return None if value is None else not value


def conjunction(values: list[bool | None]) -> bool | None:
    """Return AND."""
    if any(value is False for value in values):
        return False
    return None if any(value is None for value in values) else True


def _fitting(value: Any) -> Any:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise TooLargeError(value)
    return value


def _arithmetic(op: str, left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    if op in "/%" and right == 0:
        return None
    if op == "/":
        return left / right
    if op == "%":
        if isinstance(left, int) and isinstance(right, int):
            return abs(left) % abs(right) * (-1 if left < 0 else 1)
        return math.fmod(left, right)
    return _fitting({"+": operator.add, "-": operator.sub, "*": operator.mul}[op](left, right))


def _compare(op: str, left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    if op == "OVERLAPS":
        return sky.overlap(left, right) if isinstance(left, bytes) else overlaps(left, right)
    if isinstance(left, tuple) or isinstance(right, tuple):
        return _compare_timespans(op, left, right)
    return _COMPARISONS[op](left, right)


# -- timespans: (begin, end), None for an open end; those that end before they begin are empty


def is_empty(timespan: tuple[int | None, int | None]) -> bool:
    """Whether no time is in a timespan."""
    begin, end = timespan
    return begin is not None and end is not None and begin >= end


def _bounds(value: Any) -> tuple[float, float]:
    if not isinstance(value, tuple):
        return value, value + 1
    return -math.inf if value[0] is None else value[0], math.inf if value[1] is None else value[1]


def _is_nothing(value: Any) -> bool:
    return isinstance(value, tuple) and is_empty(value)


def _compare_timespans(op: str, left: Any, right: Any) -> bool:
    if op in ("<", ">"):
        if op == ">":
            left, right = right, left
        return not _is_nothing(left) and not _is_nothing(right) and _bounds(left)[1] <= _bounds(right)[0]
    same = bool((is_empty(left) and is_empty(right)) or left == right)
    return same if op in ("=", "==") else not same


def overlaps(left: Any, right: Any) -> bool:
    """Whether two timespans share a moment."""
    if _is_nothing(left) or _is_nothing(right):
        return False
    (begin, end), (other_begin, other_end) = _bounds(left), _bounds(right)
    return begin < other_end and other_begin < end


def _within(inner: Any, outer: Any) -> bool | None:
    if inner is None or outer is None:
        return None
    if _is_nothing(inner):
        return True
    (begin, end), (other_begin, other_end) = _bounds(inner), _bounds(outer)
    return not is_empty(outer) and other_begin <= begin and end <= other_end


# -- lists and patterns


def _is_in(value: Any, tree: IsIn) -> bool | None:
    if not tree.items:
        return False
    if value is None:
        return None
    unknown = False
    for item in tree.items:
        if isinstance(item, tuple):
            start, stop, step = item
            if start <= value <= stop and (value - start) % step == 0:
                return True
        elif item.value is None:
            unknown = True
        elif item.value == value:
            return True
    return None if unknown else False


def matches(op: str, pattern: str, value: str) -> bool:
    """Whether a text fits a pattern, character by character."""
    many, one = ("%", "_") if op == "LIKE" else ("*", "?")
    source, characters = "", iter(pattern)
    for character in characters:
        if character == "\\":
            source += re.escape(next(characters))
        elif character == many:
            source += "[\\s\\S]*"
        elif character == one:
            source += "[\\s\\S]"
        else:
            source += re.escape(character)
    return re.fullmatch(source, value) is not None
