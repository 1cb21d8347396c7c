"""Random tests of single columns, and sort keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from tests.differential.answers import Oracle, Row
from tests.differential.sky import centre
from tests.differential.trees import (
    Between,
    Binary,
    Column,
    Compare,
    IsIn,
    IsNull,
    Literal,
    Match,
    Negative,
    Not,
    Shape,
    Tree,
    Within,
)

T = TypeVar("T")
OPERATORS = ("=", "==", "!=", "<>", "<", "<=", ">", ">=")
_OPPOSITES = {"=": "!=", "==": "<>", "!=": "=", "<>": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
SECOND = 1_000_000_000


class Draws(Protocol):
    """Where randomness comes from."""

    def chance(self, percent: int) -> bool:
        """Whether something that happens so often happens."""

    def number(self, least: int, most: int) -> int:
        """Return an integer."""

    def pick(self, items: Sequence[T]) -> T:
        """Return one of some items."""


class Leaves:
    """Makes tests.

    Parameters
    ----------
    die
        Draws.
    oracle
        Knows which values there are.
    columns
        What tests may be about.
    witness
        A row whose values make good literals, or None.
    """

    def __init__(self, die: Draws, oracle: Oracle, columns: Sequence[Column], witness: Row | None) -> None:
        self._die = die
        self._oracle = oracle
        self._columns = columns
        self._witness = witness
        self._bound = 0

    # -- turning

    @staticmethod
    def turned(test: Tree, value: bool | None, *, inside: bool) -> Tree:
        """Return a test that holds where the given one has this value, if there is one."""
        if value is True:
            return test
        if value is None:
            return next(
                (IsNull(node) for node in test.walk() if isinstance(node, Column) and node.type != "bool"),
                test,
            )
        if inside and isinstance(test, Compare) and test.op in _OPPOSITES and not _has_timespan(test):
            return Compare(_OPPOSITES[test.op], test.left, test.right)
        return Not(test, inside)

    @staticmethod
    def negated(tree: Tree) -> Tree:
        """Return the opposite."""
        return Not(tree)

    # -- tests

    def draw(self) -> Tree:
        """Make a test of some column; most kinds know only some types."""
        die = self._die
        if not self._columns:
            return Compare("=", Literal(1, "int"), Literal(1, "int"))
        column = die.pick(self._columns)
        if die.chance(4) and column.type != "bool":
            return IsNull(column)
        makers: dict[str, Callable[[Column], Tree]] = {
            "int": self._of_number,
            "float": self._of_number,
            "string": self._of_string,
            "bool": self._of_bool,
            "time": self._of_time,
            "timespan": self._of_timespan,
            "uuid": self._of_uuid,
            "region": self._of_region,
        }
        return makers[column.type](column)

    def _of_number(self, column: Column) -> Tree:
        die = self._die
        value = self._number(column)
        match die.number(0, 7):
            case 0 | 1 | 2:
                return Compare(die.pick(OPERATORS), value, self._near(column))
            case 3:
                return Between(value, self._near(column, -2), self._near(column, 2))
            case 4 | 5:
                return self._listed(column)
            case 6:
                return Compare(die.pick(OPERATORS), value, self._number(self._like(column)))
        return Compare(die.pick(OPERATORS), self._near(column), value)

    def _of_string(self, column: Column) -> Tree:
        die = self._die
        match die.number(0, 7):
            case 0 | 1 | 2:
                return Compare(die.pick(OPERATORS), column, self._literal(column))
            case 3:
                return Between(column, self._literal(column), self._literal(column))
            case 4:
                return self._listed(column)
            case 5:
                return Compare(die.pick(OPERATORS), column, self._like(column))
        return self._matched(column)

    def _of_bool(self, column: Column) -> Tree:
        die = self._die
        match die.number(0, 3):
            case 0:
                return Compare(die.pick(("=", "!=")), column, Literal(die.chance(50), "bool"))
            case 1:
                return Compare(die.pick(("=", "!=")), column, self._like(column))
            case 2:
                return IsNull(column)
        return column

    def _of_uuid(self, column: Column) -> Tree:
        if self._die.chance(50):
            return Compare(self._die.pick(("=", "!=", "<", ">=")), column, self._literal(column))
        return self._listed(column)

    def _of_time(self, column: Column) -> Tree:
        die = self._die
        match die.number(0, 3):
            case 0:
                return Within(column, self._span())
            case 1:
                return Compare(die.pick(OPERATORS), column, self._like(column))
        return Compare(die.pick(OPERATORS), column, Literal(self._moment(), "time"))

    def _of_timespan(self, column: Column) -> Tree:
        die = self._die
        other = self._like(column) if die.chance(30) else self._span()
        match die.number(0, 5):
            case 0 | 1:
                return Compare("OVERLAPS", *((column, other) if die.chance(60) else (other, column)))
            case 2:
                return Compare(die.pick(("=", "!=", "<", ">")), column, other)
            case 3:
                return Within(column, other)
            case 4:
                return Compare(die.pick(("<", ">")), column, Literal(self._moment(), "time"))
        return Within(Literal(self._moment(), "time"), column)

    def _of_region(self, column: Column) -> Tree:
        die = self._die
        if die.chance(10):
            return IsNull(column)
        other: Tree = self._like(column)
        if other == column or die.chance(70):
            other = self._shape(column)
        return Compare("OVERLAPS", *((column, other) if die.chance(60) else (other, column)))

    # -- parts of tests

    def _listed(self, column: Column) -> Tree:
        die = self._die
        items: list[Any] = [self._literal(column, can_bind=False) for _ in range(die.number(0, 3))]
        if column.type in ("int", "float") and die.chance(40):
            start = int(self._value(column) or 0) - die.number(0, 3)
            items.append((start, start + die.number(0, 9), die.number(1, 3)))
        elif die.chance(8):
            items.append(Literal(None, "null"))
        elif die.chance(30):
            return IsIn(column, tuple(items), self._name())
        return IsIn(column, tuple(items))

    def _matched(self, column: Column) -> Tree:
        die = self._die
        op = die.pick(("GLOB", "LIKE"))
        many, one = "%_" if op == "LIKE" else "*?"
        text = str(self._value(column) or "")
        start = die.number(0, len(text))
        stop = die.number(start, len(text))
        pattern = "".join(f"\\{letter}" if letter in "\\%_*?" else letter for letter in text[start:stop])
        if (
            pattern
            and pattern[-1] != "\\"
            and die.chance(30)
            and len(pattern.replace("\\", "")) == len(pattern)
        ):
            pattern = pattern[:-1] + one
        if start or die.chance(20):
            pattern = many + pattern
        if stop < len(text) or die.chance(20):
            pattern += many
        return Match(op, column, pattern, self._name() if die.chance(15) else "")

    def _number(self, column: Tree) -> Tree:
        die = self._die
        if not die.chance(25):
            return Negative(column) if die.chance(5) else column
        op = die.pick("+-*/%")
        small = (
            Literal(die.number(-3, 7), "int")
            if die.chance(70)
            else Literal(die.pick((0.5, -1.25, 2.0)), "float")
        )
        if op in "+-" and die.chance(30) and isinstance(column, Column):
            return Binary(op, column, self._like(column))
        tree = Binary(op, *((column, small) if die.chance(80) else (small, column)))
        return Binary(die.pick("+-%"), tree, Literal(die.number(1, 9), "int")) if die.chance(30) else tree

    def _like(self, column: Column) -> Column:
        """Return a column that can be compared with this one."""
        kinds = ("int", "float") if column.type in ("int", "float") else (column.type,)
        return self._die.pick([other for other in self._columns if other.type in kinds])

    def _value(self, column: Column) -> Any:
        """Return a value that the column has somewhere, mostly that of the witness."""
        if self._witness is not None and self._die.chance(65):
            value = self._oracle.value(self._witness, column)
            if value is not None:
                return value
        values = self._oracle.values(column)
        return self._die.pick(values) if values else _DEFAULTS[column.type]

    def _literal(self, column: Column, *, can_bind: bool = True) -> Literal:
        value = self._value(column)
        if column.type == "string" and self._die.chance(10):
            value = self._die.pick((value.lower(), value[:-1], value + "'", "", "é"))
        bind = self._name() if can_bind and self._die.chance(15) else ""
        return Literal(value, column.type, bind)

    def _near(self, column: Column, shift: int = 0) -> Literal:
        value = self._value(column) + (shift or self._die.pick((0, 0, 0, 1, -1)))
        if self._die.chance(10):
            value = float(value) + self._die.pick((0.0, 0.5))
        bind = self._name() if self._die.chance(10) else ""
        return Literal(value, "float" if isinstance(value, float) else "int", bind)

    def _moment(self) -> int:
        spans = self._oracle.values(
            Column("", "timespan", self._die.pick(("visit", "exposure", "day_obs")), "timespan")
        )
        begin, end = self._die.pick(spans)
        moment = begin if begin is not None else end if end is not None else 0
        return int(moment + self._die.pick((0, 0, 1, -1, SECOND, 30 * SECOND)))

    def _span(self) -> Literal:
        die = self._die
        begin: int | None = self._moment()
        end: int | None = (begin or 0) + die.pick((1, SECOND, 40 * SECOND, 86_400 * SECOND))
        if die.chance(15):
            begin = None
        elif die.chance(15):
            end = None
        return Literal((begin, end), "timespan")

    def _shape(self, column: Column) -> Shape:
        """Return a region near the one that the column has somewhere."""
        die = self._die
        ra, dec, radius = centre(self._value(column))
        step = radius * die.pick((0.0, 0.5, 1.0, 1.5, 4.0))
        ra, dec = (
            round(value, die.pick((2, 9)))
            for value in (ra + step * die.pick((-1, 1)), dec + step * die.pick((-1, 1)))
        )
        bind = self._name() if die.chance(20) else ""
        match die.number(0, 2):
            case 0:
                return Shape("POINT", (ra, dec), bind)
            case 1:
                return Shape("CIRCLE", (ra, dec, round(radius * die.pick((0.1, 0.5, 1.0)), 9)), bind)
        size = round(radius * die.pick((0.2, 0.7)), 9)
        corners = (
            (ra - size, dec - size),
            (ra + size, dec - size),
            (ra + size / 2, dec + size),
            (ra - size, dec + size),
        )
        return Shape(
            "POLYGON", tuple(number for corner in corners[die.number(0, 1) :] for number in corner), bind
        )

    def _name(self) -> str:
        self._bound += 1
        return f"b{self._bound}"

    # -- sort keys

    def sort_key(self) -> Tree:
        """Make something to sort by."""
        column = self._die.pick(self._columns)
        if column.type in ("int", "float"):
            return self._number(column)
        return column


_DEFAULTS: dict[str, Any] = {"int": 1, "float": 1.5, "string": "x", "bool": True, "uuid": None}


def _has_timespan(test: Tree) -> bool:
    return any(getattr(node, "type", "") == "timespan" for node in test.walk())
