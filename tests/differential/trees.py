"""Conditions as little trees of our own, and how they are written: not one line is shared with parser and printer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

from tests.differential.sky import make


@dataclass(frozen=True)
class Tree:
    """An expression.  `level` is how tightly it binds, as SYSTEM.md's list of precedences counts from the loosest."""

    level: ClassVar[int] = 9

    def parts(self) -> tuple[Tree, ...]:
        """Return what it is made of."""
        return ()

    def walk(self) -> Iterator[Tree]:
        """Iterate over it and everything within it."""
        yield self
        for part in self.parts():
            yield from part.walk()


@dataclass(frozen=True)
class Column(Tree):
    """A name.

    `source` and `key` say what for: ``("dimension", name)``, an element and a column, or a dataset type and a field.
    """

    text: str
    type: str
    source: str
    key: str
    bound: str = ""


@dataclass(frozen=True)
class Literal(Tree):
    """A value; of type ``timespan`` a pair, of ``time`` nanoseconds.  With a name it is bound to that."""

    value: Any
    type: str
    bind: str = ""


@dataclass(frozen=True)
class Shape(Tree):
    """A region, from degrees.  With a name it is bound to that."""

    shape: str
    numbers: tuple[float, ...]
    bind: str = ""
    type: ClassVar[str] = "region"


@dataclass(frozen=True)
class Binary(Tree):
    """Arithmetic."""

    op: str
    left: Tree
    right: Tree

    @property
    def type(self) -> str:
        """``float`` or ``int``."""
        both = {self.left.type, self.right.type}  # type: ignore[attr-defined]
        return "int" if both == {"int"} and self.op != "/" else "float"

    def parts(self) -> tuple[Tree, ...]:
        """Return the operands."""
        return self.left, self.right


@dataclass(frozen=True)
class Negative(Tree):
    """A minus sign."""

    operand: Tree
    level: ClassVar[int] = 8

    @property
    def type(self) -> str:
        """That of the operand."""
        type_: str = self.operand.type  # type: ignore[attr-defined]
        return type_

    def parts(self) -> tuple[Tree, ...]:
        """Return the operand."""
        return (self.operand,)


@dataclass(frozen=True)
class Compare(Tree):
    """``= != < <= > >=``, or ``OVERLAPS``."""

    op: str
    left: Tree
    right: Tree
    level: ClassVar[int] = 4

    def parts(self) -> tuple[Tree, ...]:
        """Return both sides."""
        return self.left, self.right


@dataclass(frozen=True)
class Between(Tree):
    """``x BETWEEN low AND high``."""

    operand: Tree
    low: Tree
    high: Tree
    level: ClassVar[int] = 4

    def parts(self) -> tuple[Tree, ...]:
        """Return all three."""
        return self.operand, self.low, self.high


@dataclass(frozen=True)
class IsNull(Tree):
    """``x IS NULL``."""

    operand: Tree
    level: ClassVar[int] = 4

    def parts(self) -> tuple[Tree, ...]:
        """Return the operand."""
        return (self.operand,)


@dataclass(frozen=True)
class Match(Tree):
    """``GLOB`` or ``LIKE``."""

    op: str
    operand: Tree
    pattern: str
    bind: str = ""

    @property
    def level(self) -> int:  # type: ignore[override]
        """LIKE is a comparison, GLOB a function."""
        return 4 if self.op == "LIKE" else 9

    def parts(self) -> tuple[Tree, ...]:
        """Return the operand."""
        return (self.operand,)


@dataclass(frozen=True)
class IsIn(Tree):
    """``x IN (...)``: items are literals, and ranges as (start, stop, step)."""

    operand: Tree
    items: tuple[Literal | tuple[int, int, int], ...]
    bind: str = ""
    level: ClassVar[int] = 5

    def parts(self) -> tuple[Tree, ...]:
        """Return the operand."""
        return (self.operand,)


@dataclass(frozen=True)
class Within(Tree):
    """``t IN timespan``."""

    operand: Tree
    timespan: Tree
    level: ClassVar[int] = 5

    def parts(self) -> tuple[Tree, ...]:
        """Return both sides."""
        return self.operand, self.timespan


@dataclass(frozen=True)
class Not(Tree):
    """``NOT``; of what can be negated in itself, that is written if `inside`."""

    operand: Tree
    inside: bool = False
    level: ClassVar[int] = 3

    def parts(self) -> tuple[Tree, ...]:
        """Return the operand."""
        return (self.operand,)


@dataclass(frozen=True)
class Junction(Tree):
    """``AND`` or ``OR``."""

    op: str
    operands: tuple[Tree, ...]

    @property
    def level(self) -> int:  # type: ignore[override]
        """AND binds tighter."""
        return 2 if self.op == "AND" else 1

    def parts(self) -> tuple[Tree, ...]:
        """Return the operands."""
        return self.operands


@dataclass
class Writer:
    """Writes trees with as few parentheses as their meaning needs."""

    bind: dict[str, Any] = field(default_factory=dict)
    """Bind values of what was written."""

    def write(self, tree: Tree, above: int = 0) -> str:
        """Return a tree's text, in parentheses if what is around it binds tighter."""
        text, level = self._write(tree)
        return text if level >= above else f"({text})"

    def _write(self, tree: Tree) -> tuple[str, int]:
        match tree:
            case Column(text=text):
                return text, 9
            case Literal():
                return self._literal(tree), 9
            case Shape():
                return self._shape(tree), 9
            case Negative(operand=operand):
                return f"- {self.write(operand, 8)}", 8
            case Binary(op=op, left=left, right=right):
                level = 6 if op in "+-" else 7
                return f"{self.write(left, level)} {op} {self.write(right, level + 1)}", level
            case Compare(op=op, left=left, right=right):
                return f"{self.write(left, 5)} {op} {self.write(right, 5)}", 4
            case Not(operand=operand, inside=True) if not isinstance(
                operand, Not | Junction | Compare | Column
            ):
                if not isinstance(operand, Match) or operand.op == "LIKE":
                    return self._test(operand, "NOT ")
                return f"NOT {self.write(operand, 3)}", 3
            case Not(operand=operand):
                return f"NOT {self.write(operand, 3)}", 3
            case Junction(op=op, operands=operands):
                level = tree.level
                return f" {op} ".join(self.write(operand, level + 1) for operand in operands), level
        return self._test(tree, "")

    def _test(self, tree: Tree, negation: str) -> tuple[str, int]:
        match tree:
            case Between(operand=operand, low=low, high=high):
                bounds = f"{self.write(low, 5)} AND {self.write(high, 5)}"
                return f"{self.write(operand, 5)} {negation}BETWEEN {bounds}", 4
            case IsNull(operand=operand):
                return f"{self.write(operand, 5)} IS {negation}NULL", 4
            case Match(op="LIKE", operand=operand):
                return f"{self.write(operand, 5)} {negation}LIKE {self._pattern(tree)}", 4
            case Match(operand=operand):
                return f"GLOB({self.write(operand, 6)}, {self._pattern(tree)})", 9
            case IsIn(operand=operand):
                return f"{self.write(operand, 6)} {negation}IN {self._items(tree)}", 5
            case Within(operand=operand, timespan=timespan):
                return f"{self.write(operand, 6)} {negation}IN {self.write(timespan, 6)}", 5
        raise TypeError(f"{tree} cannot be written")

    def _pattern(self, tree: Match) -> str:
        if tree.bind:
            self.bind[tree.bind] = tree.pattern
            return f":{tree.bind}"
        return quote(tree.pattern)

    def _literal(self, tree: Literal) -> str:
        if tree.bind:
            self.bind[tree.bind] = tree.value
            return f":{tree.bind}"
        return write_value(tree.value, tree.type)

    def _shape(self, tree: Shape) -> str:
        if tree.bind:
            self.bind[tree.bind] = make(tree.shape, tree.numbers)
            return f":{tree.bind}"
        return f"{tree.shape}({', '.join(map(repr, tree.numbers))})"

    def _items(self, tree: IsIn) -> str:
        if tree.bind:
            self.bind[tree.bind] = [item.value for item in tree.items if isinstance(item, Literal)]
            return f"(:{tree.bind})" if len(tree.items) == 1 else f":{tree.bind}"
        items = [
            self._literal(item) if isinstance(item, Literal) else f"{item[0]}..{item[1]}:{item[2]}"
            for item in tree.items
        ]
        return f"({', '.join(items)})"


def quote(text: str) -> str:
    """Write a string."""
    return "'" + text.replace("'", "''") + "'"


def write_value(value: Any, type_: str) -> str:
    """Write a literal."""
    if value is None:
        return "NULL"
    if type_ == "string":
        return quote(value)
    if type_ == "uuid":
        return f"UUID('{value}')"
    if type_ == "time":
        return f"T'{iso(value)}/tai'"
    if type_ == "timespan":
        return f"({', '.join(write_value(bound, 'time') for bound in value)})"
    return repr(value).upper() if type_ == "bool" else repr(value)


def iso(nanoseconds: int) -> str:
    """Write a time."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{datetime(1970, 1, 1) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09}"
