"""Parsed text made into an expression tree: literals read, bind values put in, and each part checked for its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeGuard, TypeVar

from lark import Token, Tree
from pydantic import ValidationError

from butler_core.errors import InvalidInputError, QueryError
from butler_core.expressions.literals import (
    ListItems,
    is_collection,
    to_list_items,
    to_literal,
    to_scalar,
    validation_problem,
)
from butler_core.expressions.parser import parse_syntax
from butler_core.expressions.places import error_at
from butler_core.expressions.tokens import read_int, read_name, read_scalar, read_string, read_uuid
from butler_core.expressions.tree import (
    And,
    Arithmetic,
    Between,
    Comparison,
    Condition,
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
    Value,
    Within,
    is_condition,
    is_value,
)
from butler_core.models.timespan import Timespan

_T = TypeVar("_T")
_Syntax: TypeAlias = Token | Tree[Token]


class _Values(NamedTuple):
    """What stood in parentheses after IN, or the bind value that stood for them."""

    items: ListItems
    timespan: TimespanLiteral | None = None
    """What the parentheses mean if they are no list."""


_Content: TypeAlias = Expr | IntRange | _Values


def build_tree(text: str, bind: Mapping[str, Any]) -> Expr:
    """Parse a text, with bind values for its ``:name``.

    Raises `QueryError` if the text is none of the language, lacks a bind value or leaves one unused.
    """
    builder = _Builder(text, bind)
    tree = builder.build(parse_syntax(text))
    unused = sorted(map(str, set(bind) - builder.used))
    if unused:
        names = ", ".join(f":{name}" for name in unused)
        raise QueryError(
            f"no place in the expression {text!r} for bind value{'s' if len(unused) > 1 else ''} {names}",
            remedy="Write :name where a bind value belongs, or leave it out.",
            text=text,
            position=None,
            valid=sorted(f":{name}" for name in builder.used),
        )
    return tree


def mark_positions(text: str) -> list[int]:
    """Return where each name and each region of numbers begins, in order; `QueryError` if the text is none of the language."""
    tokens = parse_syntax(text).scan_values(
        lambda value: isinstance(value, Token) and value.type in ("NAME", "SHAPE")
    )
    return sorted(map(_position, tokens))


def name_positions(text: str) -> dict[str, int]:
    """Return where each name of a text is first mentioned; raises `QueryError` if the text is none of the language."""
    tokens = parse_syntax(text).scan_values(lambda value: isinstance(value, Token) and value.type == "NAME")
    positions: dict[str, int] = {}
    for token in sorted(tokens, key=_position):
        positions.setdefault(read_name(token).name, _position(token))
    return positions


class _Builder:
    """Builds one tree; each public method but `build` makes one rule of the grammar, given what the rule has kept."""

    def __init__(self, text: str, bind: Mapping[str, Any]) -> None:
        self._text = text
        self._bind = bind
        self._made: dict[int, _Content] = {}
        self.used: set[str] = set()

    def build(self, syntax: Tree[Token]) -> Expr:
        # Children come before their parents, and nothing recurses: how deep this goes is the text's to say.
        for rule in syntax.iter_subtrees():
            make: Callable[..., _Content] = getattr(self, str(rule.data))
            try:
                self._made[id(rule)] = make(*rule.children)
            except ValidationError as exc:
                raise self._error(rule, validation_problem(exc)) from exc
        return self._expr(syntax)

    # ---- rules

    def start(self, child: _Syntax) -> Expr:
        return self._expr(child)

    def disjunction(self, *operands: _Syntax) -> Or:
        return Or(operands=tuple(map(self._condition, operands)))

    def conjunction(self, *operands: _Syntax) -> And:
        return And(operands=tuple(map(self._condition, operands)))

    def negation(self, operand: _Syntax) -> Not:
        return Not(operand=self._condition(operand))

    def comparison(self, left: _Syntax, op: Token, right: _Syntax) -> Comparison:
        canonical = {"==": "=", "<>": "!="}.get(op, str(op))
        fields = {"op": canonical, "left": self._expr(left), "right": self._expr(right)}
        return Comparison.model_validate(fields)

    def overlaps(self, left: _Syntax, right: _Syntax) -> Overlaps:
        return Overlaps(left=self._value(left), right=self._value(right))

    def is_null(self, operand: _Syntax, _null: Token) -> IsNull:
        return IsNull(operand=self._expr(operand))

    def is_not_null(self, operand: _Syntax, _null: Token) -> Not:
        return Not(operand=IsNull(operand=self._expr(operand)))

    def between(self, operand: _Syntax, low: _Syntax, high: _Syntax) -> Between:
        return Between(operand=self._value(operand), low=self._value(low), high=self._value(high))

    def not_between(self, operand: _Syntax, low: _Syntax, high: _Syntax) -> Not:
        return Not(operand=self.between(operand, low, high))

    def like(self, operand: _Syntax, pattern: _Syntax) -> Like:
        return self._match(Like, operand, pattern)

    def not_like(self, operand: _Syntax, pattern: _Syntax) -> Not:
        return Not(operand=self.like(operand, pattern))

    def glob(self, operand: _Syntax, pattern: _Syntax) -> Glob:
        return self._match(Glob, operand, pattern)

    def is_in(self, operand: _Syntax, container: _Syntax) -> In | Within:
        found = self._container(container)
        if isinstance(found, _Values) and found.timespan is None:
            return In(operand=self._expr(operand), values=found.items)
        timespan = found.timespan if isinstance(found, _Values) else found
        return Within.model_validate({"operand": self._value(operand), "timespan": timespan})

    def not_in(self, operand: _Syntax, container: _Syntax) -> Not:
        return Not(operand=self.is_in(operand, container))

    def arithmetic(self, left: _Syntax, op: Token, right: _Syntax) -> Arithmetic:
        fields = {"op": str(op), "left": self._value(left), "right": self._value(right)}
        return Arithmetic.model_validate(fields)

    def sign(self, op: Token, operand: _Syntax) -> Sign:
        return Sign.model_validate({"op": str(op), "operand": self._value(operand)})

    def region(self, shape: Token, *numbers: _Syntax) -> RegionLiteral:
        fields = {"shape": shape.upper(), "values": tuple(map(self._number, numbers))}
        return RegionLiteral.model_validate(fields)

    def encoded_region(self, data: Token) -> EncodedRegionLiteral:
        digits = data[2:-1].lower()
        if not digits or len(digits) % 2:
            raise self._error(data, "the bytes of a region are pairs of hexadecimal digits")
        return EncodedRegionLiteral(data=digits)

    def timespan(self, begin: _Syntax, end: _Syntax) -> TimespanLiteral:
        first, last = self._expr(begin), self._expr(end)
        timespan = _timespan_of(first, last)
        if timespan is None:
            wrong = end if isinstance(first, TimeLiteral | NullLiteral) else begin
            raise self._error(wrong, "the ends of a timespan are times, or NULL for an open end")
        return timespan

    def uuid(self, text: Token) -> UuidLiteral:
        return self._explained(text, lambda: read_uuid(read_string(text)))

    def int_range(self, start: Token, stop: Token, step: Token | None = None) -> IntRange:
        first, last = self._int(start), self._int(stop)
        stride = 1 if step is None else self._int(step)
        if step is not None and stride < 1:
            raise self._error(step, f"a range goes up, by steps of 1 or more and not of {stride}")
        return IntRange(start=first, stop=last, step=stride)

    def values(self, *children: _Syntax) -> _Values:
        elements = tuple(child for child in children if not _is_comma(child))
        is_closed = len(elements) < len(children)
        if len(elements) == 1 and _is_bind(elements[0]):
            return self._bound_values(elements[0], may_be_scalar=True)
        groups = [self._items(element) for element in elements]
        timespan = None
        if len(groups) == 2 and not is_closed and all(len(group) == 1 for group in groups):
            timespan = _timespan_of(groups[0][0], groups[1][0])
        return _Values(tuple(item for group in groups for item in group), timespan)

    # ---- parts of rules

    def _expr(self, syntax: _Syntax) -> Expr:
        if isinstance(syntax, Token):
            return self._token(syntax)
        made = self._made[id(syntax)]
        assert not isinstance(made, IntRange | _Values), "the grammar has these only after IN"
        return made

    def _token(self, token: Token) -> Expr:
        if token.type == "NAME":
            return self._explained(token, lambda: read_name(token))
        if not _is_bind(token):
            return self._explained(token, lambda: read_scalar(token))
        value = self._look_up(token)
        if is_collection(value):
            problem = f"{_shown_bind(token, value)}; only IN takes several values"
            raise self._error(token, problem, f"Give one value, or write IN ({token}).")
        return self._explained(token, lambda: to_literal(value, f"bind value {token}"))

    def _value(self, syntax: _Syntax) -> Value:
        node = self._expr(syntax)
        if not is_value(node):
            raise self._error(syntax, "a condition stands where a value is needed")
        return node

    def _condition(self, syntax: _Syntax) -> Condition:
        node = self._expr(syntax)
        if not is_condition(node):
            raise self._error(
                syntax, "a value stands where a condition is needed", "Compare the value with something."
            )
        return node

    def _match(self, cls: Callable[..., _T], operand: _Syntax, pattern: _Syntax) -> _T:
        value, text = self._value(operand), self._expr(pattern)
        if not isinstance(text, StringLiteral):
            raise self._error(pattern, f"a pattern is a string, not of kind {text.kind!r}")
        try:
            return cls(operand=value, pattern=text.value)
        except ValidationError as exc:
            raise self._error(pattern, validation_problem(exc)) from exc

    def _number(self, syntax: _Syntax) -> float:
        node = self._expr(syntax)
        if not isinstance(node, IntLiteral | FloatLiteral):
            raise self._error(syntax, f"a region is made of numbers, not of kind {node.kind!r}")
        return float(node.value)

    def _int(self, token: Token) -> int:
        return self._explained(token, lambda: read_int(token))

    def _container(self, syntax: _Syntax) -> _Values | Expr:
        """Read what stands after IN: values, or the name of a timespan."""
        if isinstance(syntax, Tree):
            made = self._made[id(syntax)]
            assert isinstance(made, _Values), "the grammar has no other rule there"
            return made
        return self._bound_values(syntax) if _is_bind(syntax) else self._expr(syntax)

    def _items(self, syntax: _Syntax) -> ListItems:
        """Read one element of a list, which is many if it is a bind value that is a list itself."""
        if isinstance(syntax, Tree):
            made = self._made[id(syntax)]
            assert isinstance(made, IntRange | UuidLiteral), "the grammar has no other rules there"
            return (made,)
        if _is_bind(syntax):
            return self._bound_items(syntax, self._look_up(syntax))
        return (self._explained(syntax, partial(read_scalar, syntax)),)

    # ---- bind values

    def _look_up(self, token: Token) -> Any:
        name = token[1:]
        if name not in self._bind:
            raise error_at(
                self._text,
                _position(token),
                f"there is no bind value {token}",
                remedy=f"Give it: bind={{{name!r}: ...}}.",
                valid=sorted(f":{known}" for known in self._bind),
            )
        self.used.add(name)
        return self._bind[name]

    def _bound_values(self, token: Token, *, may_be_scalar: bool = False) -> _Values:
        """Read a bind value that is all that stands after IN."""
        value = self._look_up(token)
        if isinstance(value, Timespan):
            return _Values((), TimespanLiteral.of(value))
        if may_be_scalar or is_collection(value):
            return _Values(self._bound_items(token, value))
        raise self._error(
            token,
            f"{_shown_bind(token, value)}; IN takes a list, a set, a range, an array or a timespan",
            f"Put a single value into parentheses: ({token}).",
        )

    def _bound_items(self, token: Token, value: Any) -> tuple[ListItem, ...]:
        what = f"bind value {token}"
        if is_collection(value):
            return self._explained(token, lambda: to_list_items(value, what))
        return (self._explained(token, lambda: to_scalar(value, what)),)

    # ---- errors

    def _explained(self, syntax: _Syntax, make: Callable[[], _T]) -> _T:
        """Call something that knows nothing of the text, and let its error show the place."""
        try:
            return make()
        except InvalidInputError as exc:
            raise error_at(
                self._text,
                _position(syntax),
                str(exc),
                remedy=exc.remedy,
                valid=exc.details.get("valid", ()),
            ) from exc

    def _error(self, syntax: _Syntax, problem: str, remedy: str = "") -> QueryError:
        return error_at(self._text, _position(syntax), problem, remedy=remedy)


def _position(syntax: _Syntax) -> int:
    start = syntax.start_pos if isinstance(syntax, Token) else getattr(syntax.meta, "start_pos", 0)
    return start or 0


def _is_bind(syntax: _Syntax) -> TypeGuard[Token]:
    return isinstance(syntax, Token) and syntax.type == "BIND"


def _is_comma(syntax: _Syntax) -> bool:
    return isinstance(syntax, Token) and syntax.type == "TRAILING_COMMA"


def _shown_bind(token: Token, value: Any) -> str:
    return f"the bind value {token} is of type {type(value).__name__}"


def _timespan_of(begin: Expr | IntRange, end: Expr | IntRange) -> TimespanLiteral | None:
    """Make a timespan of its two ends; None if they cannot be any."""
    ends: list[int | None] = []
    for node in (begin, end):
        if not isinstance(node, TimeLiteral | NullLiteral):
            return None
        ends.append(node.value if isinstance(node, TimeLiteral) else None)
    return TimespanLiteral.of(Timespan(*ends))
