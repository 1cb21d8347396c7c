"""Conditions and values written as Python expressions, which make the same trees as text does."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, NoReturn, cast

from pydantic import ValidationError

from butler_core.errors import InvalidInputError
from butler_core.expressions.literals import is_collection, to_list_items, to_literal, validation_problem
from butler_core.expressions.printer import to_text
from butler_core.expressions.tree import (
    And,
    Arithmetic,
    Between,
    Comparison,
    Expr,
    Glob,
    In,
    IsNull,
    Like,
    Name,
    Node,
    Not,
    Or,
    Overlaps,
    Sign,
    TimespanLiteral,
    Within,
)
from butler_core.models.timespan import Timespan


class Expression:
    """A column, a literal or a condition; Python operators combine them.

    ``&``, ``|`` and ``~`` are AND, OR and NOT, and bind more tightly than comparisons: put those into parentheses.
    ``== None`` and ``!= None`` ask for NULL.  `str` gives the ``where`` language.

    Raises `InvalidInputError` if an operand cannot stand where it is.
    """

    __slots__ = ("_tree",)

    _tree: Expr

    __array_ufunc__: ClassVar[None] = None  # so that numpy's numbers leave operators to this class
    __hash__: ClassVar[None] = None  # type: ignore[assignment] # `==` makes conditions and tells nothing
    __iter__: ClassVar[None] = None  # `[]` takes names, and Python would try it with 0, 1, 2 ...

    def __init__(self, value: Any) -> None:
        """Wrap a literal, a tree or another expression."""
        object.__setattr__(self, "_tree", _operand(value))

    # ---- names

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("_"):  # Python and its tools ask for many of these
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r}; use [{name!r}] for a column"
            )
        try:
            return self[name]
        except InvalidInputError as exc:
            raise AttributeError(str(exc)) from exc

    def __getitem__(self, name: str) -> Expression:
        tree = self._tree
        if not isinstance(tree, Name):
            raise InvalidInputError(
                f"{self} has no part {name!r}, since it is no name", remedy="Only columns have parts."
            )
        return _name(f"{tree.name}.{_checked_name(name)}")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"expressions are immutable: {name!r} cannot be set")

    # ---- comparisons

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        if other is None:
            return self.is_null()
        return self._compare("=", other)

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        if other is None:
            return ~self.is_null()
        return self._compare("!=", other)

    def __lt__(self, other: Any) -> Expression:
        return self._compare("<", other)

    def __le__(self, other: Any) -> Expression:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Expression:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> Expression:
        return self._compare(">=", other)

    def is_null(self) -> Expression:
        """Whether there is no value."""
        return _make(IsNull, operand=self._tree)

    def is_in(self, values: Iterable[Any] | Timespan | Expression) -> Expression:
        """Whether the value is one of many, or a time within a timespan; false for an empty list."""
        if isinstance(values, Timespan):
            return _make(Within, operand=self._tree, timespan=TimespanLiteral.of(values))
        if isinstance(values, Expression):
            return _make(Within, operand=self._tree, timespan=values._tree)
        if not is_collection(values):
            raise InvalidInputError(
                f"is_in({values!r}) takes a list, a set, a range, an array or a timespan, not one value",
                remedy="Compare with == or put the value into a list.",
            )
        return _make(In, operand=self._tree, values=to_list_items(values, "values"))

    def between(self, low: Any, high: Any) -> Expression:
        """Whether the value is `low`, `high` or something between."""
        return _make(Between, operand=self._tree, low=_operand(low), high=_operand(high))

    def overlaps(self, other: Any) -> Expression:
        """Whether two timespans or two regions have something in common."""
        return _make(Overlaps, left=self._tree, right=_operand(other))

    def glob(self, pattern: str) -> Expression:
        r"""Whether all of a string fits: ``*`` is any text, ``?`` any character, ``\`` escapes; case matters."""
        return _make(Glob, operand=self._tree, pattern=pattern)

    def like(self, pattern: str) -> Expression:
        r"""Whether all of a string fits: ``%`` is any text, ``_`` any character, ``\`` escapes; case matters."""
        return _make(Like, operand=self._tree, pattern=pattern)

    # ---- arithmetic

    def __add__(self, other: Any) -> Expression:
        return _arithmetic("+", self, other)

    def __sub__(self, other: Any) -> Expression:
        return _arithmetic("-", self, other)

    def __mul__(self, other: Any) -> Expression:
        return _arithmetic("*", self, other)

    def __truediv__(self, other: Any) -> Expression:
        return _arithmetic("/", self, other)

    def __mod__(self, other: Any) -> Expression:
        return _arithmetic("%", self, other)

    def __radd__(self, other: Any) -> Expression:
        return _arithmetic("+", other, self)

    def __rsub__(self, other: Any) -> Expression:
        return _arithmetic("-", other, self)

    def __rmul__(self, other: Any) -> Expression:
        return _arithmetic("*", other, self)

    def __rtruediv__(self, other: Any) -> Expression:
        return _arithmetic("/", other, self)

    def __rmod__(self, other: Any) -> Expression:
        return _arithmetic("%", other, self)

    def __neg__(self) -> Expression:
        return _make(Sign, op="-", operand=self._tree)

    def __pos__(self) -> Expression:
        return _make(Sign, op="+", operand=self._tree)

    def desc(self) -> Expression:
        """Sort downwards by this: the same as ``-`` before it."""
        return -self

    # ---- logic

    def __and__(self, other: Any) -> Expression:
        return _make(And, operands=(self._tree, _operand(other)))

    def __or__(self, other: Any) -> Expression:
        return _make(Or, operands=(self._tree, _operand(other)))

    def __rand__(self, other: Any) -> Expression:
        return _make(And, operands=(_operand(other), self._tree))

    def __ror__(self, other: Any) -> Expression:
        return _make(Or, operands=(_operand(other), self._tree))

    def __invert__(self) -> Expression:
        return _make(Not, operand=self._tree)

    def __bool__(self) -> NoReturn:
        raise InvalidInputError(
            f"{self} is true or false for each row only, not by itself",
            remedy="Use &, | and ~ instead of and, or and not, is_in() instead of in, and two comparisons for a < b < c.",
        )

    # ---- texts and copies

    def __str__(self) -> str:
        return to_text(self._tree)

    def __repr__(self) -> str:
        return f"<Expression {self}>"

    def __copy__(self) -> Expression:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Expression:
        return self

    def __reduce__(self) -> tuple[Callable[..., Expression], tuple[Any, ...]]:
        return Expression, (self._tree,)

    def _compare(self, op: str, other: Any) -> Expression:
        return _make(Comparison, op=op, left=self._tree, right=_operand(other))


class _Columns(Expression):
    """The root of all names, itself no expression yet."""

    __slots__ = ()

    def __init__(self) -> None:
        """Make the root; there is one, `columns`."""

    def __getattr__(self, name: str) -> Expression:
        if name == "_tree":
            raise InvalidInputError(
                "`columns` by itself is no expression",
                remedy="Name a column: columns.detector, columns['x-y'].",
            )
        return super().__getattr__(name)

    def __getitem__(self, name: str) -> Expression:
        return _name(_checked_name(name))

    def __str__(self) -> str:
        return "columns"

    def __repr__(self) -> str:
        return "columns"

    def __reduce__(self) -> str:  # type: ignore[override] # pickled by its name
        return "columns"


columns: Expression = _Columns()
"""Root of all names: ``columns.detector``, ``columns.visit.exposure_time``, ``columns["flat"].ingest_date``."""


def tree_of(expression: Expression) -> Expr:
    """Return the tree that an expression stands for."""
    return expression._tree


def _operand(value: Any) -> Expr:
    if isinstance(value, Expression):
        return value._tree
    if isinstance(value, Node):
        return cast(Expr, value)  # a wrong kind is found where it is put
    if is_collection(value):
        raise InvalidInputError(
            f"{value!r} is of type {type(value).__name__}, which stands for several values",
            remedy="Use is_in() for several values.",
        )
    return to_literal(value)


def _make(cls: Callable[..., Expr], **fields: Any) -> Expression:
    try:
        return Expression(cls(**fields))
    except ValidationError as exc:
        raise InvalidInputError(f"no expression can be made: {validation_problem(exc)}") from exc


def _arithmetic(op: str, left: Any, right: Any) -> Expression:
    return _make(Arithmetic, op=op, left=_operand(left), right=_operand(right))


def _name(name: str) -> Expression:
    return _make(Name, name=name)


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise InvalidInputError(
            f"{name!r} is of type {type(name).__name__}; a column's name is a string",
            remedy="Write columns['name'].",
        )
    return name
