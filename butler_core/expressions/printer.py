"""Trees written in the ``where`` language, with no more parentheses than it takes: parsing the text gives the tree back."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence

from butler_core.errors import InternalError
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
    IsNull,
    Like,
    ListItem,
    Name,
    Not,
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
from butler_core.tai import format_iso

KEYWORDS = frozenset({"AND", "BETWEEN", "FALSE", "IN", "IS", "LIKE", "NOT", "NULL", "OR", "OVERLAPS", "TRUE"})
"""Words that are no names unless quoted, in whatever case."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Level(enum.IntEnum):
    """How tightly a construct binds, loosest first."""

    OR = 1
    AND = 2
    NOT = 3
    COMPARISON = 4
    IN = 5
    SUM = 6
    PRODUCT = 7
    SIGN = 8
    ATOM = 9


def to_text(tree: Expr) -> str:
    """Write a tree as canonical text."""
    return _write(tree, _Level.OR)


def quote_name(name: str) -> str:
    """Write a name, with those parts in backticks that would be read as something else."""
    first, *others = name.split(".")
    head = first if _PLAIN.fullmatch(first) and first.upper() not in KEYWORDS else f"`{first}`"
    return ".".join([head, *(part if _PLAIN.fullmatch(part) else f"`{part}`" for part in others)])


def _write(node: Expr, least: _Level) -> str:
    """Write a node where only what binds at least as tightly as `least` may stand without parentheses."""
    level, text = _write_branch(node)
    return text if level >= least else f"({text})"


def _write_branch(node: Expr) -> tuple[_Level, str]:
    match node:
        case Or(operands=operands):
            return _Level.OR, " OR ".join(_write(operand, _Level.AND) for operand in operands)
        case And(operands=operands):
            return _Level.AND, " AND ".join(_write(operand, _Level.NOT) for operand in operands)
        case Not(operand=operand):
            return _write_test(operand, "NOT ") or (_Level.NOT, f"NOT {_write(operand, _Level.NOT)}")
        case Comparison(op=op, left=left, right=right):
            return _Level.COMPARISON, f"{_write(left, _Level.IN)} {op} {_write(right, _Level.IN)}"
        case Overlaps(left=left, right=right):
            return _Level.COMPARISON, f"{_write(left, _Level.IN)} OVERLAPS {_write(right, _Level.IN)}"
        case Arithmetic(op="+" | "-" as op, left=left, right=right):
            return _Level.SUM, f"{_write(left, _Level.SUM)} {op} {_write(right, _Level.PRODUCT)}"
        case Arithmetic(op=op, left=left, right=right):
            return _Level.PRODUCT, f"{_write(left, _Level.PRODUCT)} {op} {_write(right, _Level.SIGN)}"
        case Sign(op=op, operand=IntLiteral() | FloatLiteral() as operand):
            # Without parentheses, the sign would be the number's own.
            return _Level.SIGN, f"{op}({_write_atom(operand)})"
        case Sign(op=op, operand=operand):
            return _Level.SIGN, f"{op}{_write(operand, _Level.SIGN)}"
    return _write_test(node, "") or (_Level.ATOM, _write_atom(node))


def _write_test(node: Expr, negation: str) -> tuple[_Level, str] | None:
    """Write what has its own form of negation, with `negation` in the place for it; None for anything else."""
    match node:
        case In(operand=operand, values=values):
            return _Level.IN, f"{_write(operand, _Level.SUM)} {negation}IN {_write_list(values)}"
        case Within(operand=operand, timespan=timespan):
            return _Level.IN, f"{_write(operand, _Level.SUM)} {negation}IN {_write_atom(timespan)}"
        case IsNull(operand=operand):
            return _Level.COMPARISON, f"{_write(operand, _Level.IN)} IS {negation}NULL"
        case Between(operand=operand, low=low, high=high):
            ends = f"{_write(low, _Level.IN)} AND {_write(high, _Level.IN)}"
            return _Level.COMPARISON, f"{_write(operand, _Level.IN)} {negation}BETWEEN {ends}"
        case Like(operand=operand, pattern=pattern):
            return _Level.COMPARISON, f"{_write(operand, _Level.IN)} {negation}LIKE {_write_string(pattern)}"
    return None


def _write_atom(node: Expr | IntRange) -> str:
    match node:
        case Name(name=name):
            return quote_name(name)
        case NullLiteral():
            return "NULL"
        case BoolLiteral(value=value):
            return "TRUE" if value else "FALSE"
        case IntLiteral(value=value):
            return str(value)
        case FloatLiteral(value=number):
            return repr(number)
        case StringLiteral(value=text):
            return _write_string(text)
        case UuidLiteral(value=text):
            return f"UUID('{text}')"
        case TimeLiteral(value=time_ns):
            return _write_time(time_ns)
        case TimespanLiteral(begin=begin, end=end):
            return f"({_write_time(begin)}, {_write_time(end)})"
        case RegionLiteral(shape=shape, values=values):
            return f"{shape}({', '.join(map(repr, values))})"
        case EncodedRegionLiteral(data=data):
            return f"REGION(X'{data}')"
        case Glob(operand=operand, pattern=pattern):
            return f"GLOB({_write(operand, _Level.SUM)}, {_write_string(pattern)})"
        case IntRange(start=start, stop=stop, step=step):
            return f"{start}..{stop}" + (f":{step}" if step != 1 else "")
    raise InternalError(f"there is no text for {node!r}")


def _write_list(values: Sequence[ListItem]) -> str:
    # Two times in parentheses are a timespan; a comma more makes them a list.
    is_like_timespan = len(values) == 2 and all(
        isinstance(value, TimeLiteral | NullLiteral) for value in values
    )
    return f"({', '.join(map(_write_atom, values))}{',' if is_like_timespan else ''})"


def _write_string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _write_time(time_ns: int | None) -> str:
    return "NULL" if time_ns is None else f"T'{format_iso(time_ns)}/tai'"
