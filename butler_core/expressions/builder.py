"""Parsed text made into an expression tree: literals read, bind values put in, and each part checked for its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

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
from butler_core.expressions.tree import (
    And,
    Arithmetic,
    Between,
    BoolLiteral,
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
    Name,
    Node,
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
from butler_core.tai import TimeScale, parse_iso

_NodeT = TypeVar("_NodeT", bound=Node)
_SCALES: Mapping[str, TimeScale] = {"tai": "tai", "utc": "utc", "tt": "tt"}
_DIGITS_OF_INT64 = 19
_AROUND_DOT = re.compile(r"\s*\.\s*")


class _TextList(NamedTuple):
    """What stood in parentheses after IN."""

    items: ListItems
    timespan: TimespanLiteral | None
    """What the parentheses mean if they are no list."""


class _Part(NamedTuple):
    content: Expr | IntRange | _TextList
    position: int


_Syntax: TypeAlias = Token | Tree[Token]


def build_tree(text: str, bind: Mapping[str, Any]) -> Expr:
    """Parse a text, with bind values for its ``:name``.

    Raises `QueryError` if the text is none of the language, lacks a bind value or leaves one unused.
    """
    builder = _Builder(text, bind)
    tree = builder.build(parse_syntax(text))
    unused = sorted(set(bind) - builder.used)
    if unused:
        names = ", ".join(f":{name}" for name in unused)
        raise QueryError(
            f"bind value{'s' if len(unused) > 1 else ''} {names} not used by the expression {text!r}",
            remedy="Write :name where the value belongs, or leave the value out.",
            text=text,
            position=None,
            valid=sorted(builder.used),
        )
    return tree


def name_positions(text: str) -> dict[str, int]:
    """Return where each name of a text is first mentioned; raises `QueryError` if the text is none of the language."""
    tokens = parse_syntax(text).scan_values(lambda value: isinstance(value, Token) and value.type == "NAME")
    positions: dict[str, int] = {}
    for name, position in sorted((_read_name(token), _position(token)) for token in tokens):
        positions.setdefault(name, position)
    return positions


class _Builder:
    """Builds one tree; each method but `build` makes one rule of the grammar."""

    def __init__(self, text: str, bind: Mapping[str, Any]) -> None:
        self._text = text
        self._bind = bind
        self._parts: dict[int, _Part] = {}
        self.used: set[str] = set()

    def build(self, syntax: Tree[Token]) -> Expr:
        # Children come before their parents, and nothing recurses: the text decides how deep this goes.
        for rule in syntax.iter_subtrees():
            make: Callable[[list[_Syntax]], Expr | IntRange | _TextList] = getattr(self, str(rule.data))
            try:
                content = make(rule.children)
            except ValidationError as exc:
                raise error_at(self._text, _position(rule), validation_problem(exc)) from exc
            self._parts[id(rule)] = _Part(content, _position(rule))
        return self._expr(syntax)

    # -- rules

    def start(self, children: list[_Syntax]) -> Expr:
        return self._expr(children[0])

    def disjunction(self, children: list[_Syntax]) -> Expr:
        return Or(operands=tuple(map(self._condition, children)))

    def conjunction(self, children: list[_Syntax]) -> Expr:
        return And(operands=tuple(map(self._condition, children)))

    def negation(self, children: list[_Syntax]) -> Expr:
        return Not(operand=self._condition(children[0]))

    def comparison(self, children: list[_Syntax]) -> Expr:
        left, op, right = children
        canonical = {"==": "=", "<>": "!="}.get(str(op), str(op))
        return Comparison.model_validate(
            {"op": canonical, "left": self._expr(left), "right": self._expr(right)}
        )

    def overlaps(self, children: list[_Syntax]) -> Expr:
        left, right = map(self._value, children)
        return Overlaps(left=left, right=right)

    def is_null(self, children: list[_Syntax]) -> Expr:
        return IsNull(operand=self._expr(children[0]))

    def is_not_null(self, children: list[_Syntax]) -> Expr:
        return Not(operand=IsNull(operand=self._expr(children[0])))

    def between(self, children: list[_Syntax]) -> Between:
        operand, low, high = map(self._value, children)
        return Between(operand=operand, low=low, high=high)

    def not_between(self, children: list[_Syntax]) -> Expr:
        return Not(operand=self.between(children))

    def like(self, children: list[_Syntax]) -> Like:
        return self._match(Like, *children)

    def not_like(self, children: list[_Syntax]) -> Expr:
        return Not(operand=self.like(children))

    def glob(self, children: list[_Syntax]) -> Glob:
        return self._match(Glob, *children)

    def is_in(self, children: list[_Syntax]) -> In | Within:
        operand, container = children
        part = self._container(container)
        if isinstance(part, _TextList) and part.timespan is None:
            return In(operand=self._expr(operand), values=part.items)
        timespan = part.timespan if isinstance(part, _TextList) else part
        return Within.model_validate({"operand": self._value(operand), "timespan": timespan})

    def not_in(self, children: list[_Syntax]) -> Expr:
        return Not(operand=self.is_in(children))

    def arithmetic(self, children: list[_Syntax]) -> Expr:
        left, op, right = children
        return Arithmetic.model_validate(
            {"op": str(op), "left": self._value(left), "right": self._value(right)}
        )

    def sign(self, children: list[_Syntax]) -> Expr:
        op, operand = children
        return Sign.model_validate({"op": str(op), "operand": self._value(operand)})

    def region(self, children: list[_Syntax]) -> Expr:
        shape, *numbers = children
        values = tuple(map(self._number, numbers))
        return RegionLiteral.model_validate({"shape": str(shape).upper(), "values": values})

    def encoded_region(self, children: list[_Syntax]) -> Expr:
        digits = str(children[0])[2:-1].lower()
        if not digits or len(digits) % 2:
            raise self._error(children[0], "the bytes of a region are pairs of hexadecimal digits")
        return EncodedRegionLiteral(data=digits)

    def timespan(self, children: list[_Syntax]) -> Expr:
        begin, end = children
        timespan = self._timespan(begin, self._expr(begin), end, self._expr(end))
        if timespan is None:
            wrong = begin if not isinstance(self._expr(begin), TimeLiteral | NullLiteral) else end
            raise self._error(wrong, "the ends of a timespan are times, or NULL for an open end")
        return timespan

    def uuid(self, children: list[_Syntax]) -> Expr:
        return self._uuid(children[0], _unquote(str(children[0])))

    def range(self, children: list[_Syntax]) -> IntRange:
        start, stop, *step = [self._int(token).value for token in children]
        return IntRange(start=start, stop=stop, step=step[0] if step else 1)

    def list(self, children: list[_Syntax]) -> _TextList:
        is_closed = bool(children) and isinstance(children[-1], Token) and children[-1].type == "TRAILING_COMMA"
        elements = children[:-1] if is_closed else children
        if len(elements) == 1:
            alone = self._bound(elements[0])
            if isinstance(alone, Timespan):  # as `(visit.timespan)` is no list either
                return _TextList((), TimespanLiteral.of(alone))
        items = [self._items(element) for element in elements]
        timespan = None
        if len(items) == 2 and not is_closed and all(len(item) == 1 for item in items):
            timespan = self._timespan(elements[0], items[0][0], elements[1], items[1][0])
        return _TextList(tuple(item for group in items for item in group), timespan)

    # -- parts of rules

    def _expr(self, syntax: _Syntax) -> Expr:
        content = self._content(syntax)
        if isinstance(content, IntRange | _TextList):  # the grammar has these only where they are asked for
            raise self._error(syntax, "a list may stand only after IN")
        return content

    def _content(self, syntax: _Syntax) -> Expr | IntRange | _TextList:
        if isinstance(syntax, Tree):
            return self._parts[id(syntax)].content
        try:
            return self._token(syntax)
        except ValidationError as exc:
            raise self._error(syntax, validation_problem(exc)) from exc

    def _token(self, token: Token) -> Expr:
        match token.type:
            case "NAME":
                return Name(name=_read_name(token))
            case "BIND":
                return self._literal(token)
            case "INT":
                return self._int(token)
            case "FLOAT":
                return FloatLiteral(value=float("".join(token.split())))
            case "STRING":
                return StringLiteral(value=_unquote(str(token)))
            case "TIME":
                return self._time(token)
            case "UUID":
                return self._uuid(token, str(token))
            case "NULL":
                return NullLiteral()
        return BoolLiteral(value=token.type == "TRUE")

    def _value(self, syntax: _Syntax) -> Value:
        node = self._expr(syntax)
        if not is_value(node):
            raise self._error(syntax, "a condition stands where a value is needed")
        return node

    def _condition(self, syntax: _Syntax) -> Condition:
        node = self._expr(syntax)
        if not is_condition(node):
            raise self._error(syntax, "a value stands where a condition is needed", "Compare it with something.")
        return node

    def _match(self, cls: Callable[..., _NodeT], operand: _Syntax, pattern: _Syntax) -> _NodeT:
        text = self._expr(pattern)
        if not isinstance(text, StringLiteral):
            raise self._error(pattern, f"a pattern is a string, not of kind {text.kind!r}")
        value = self._value(operand)
        try:
            return cls(operand=value, pattern=text.value)
        except ValidationError as exc:
            raise self._error(pattern, validation_problem(exc)) from exc

    def _container(self, syntax: _Syntax) -> _TextList | Expr:
        """Read what stands after IN: a list, a timespan, or the name of one."""
        value = self._bound(syntax)
        if isinstance(value, Timespan):
            return TimespanLiteral.of(value)
        if isinstance(syntax, Tree):
            content = self._content(syntax)
            return content if isinstance(content, _TextList) else self._expr(syntax)
        if syntax.type == "NAME":
            return self._expr(syntax)
        if not is_collection(value):
            raise self._error(
                syntax,
                f"the bind value {syntax} is of type {type(value).__name__}; IN needs a list, a range or a timespan",
                f"For a single value, write ({syntax}) or use =.",
            )
        return _TextList(self._list_items(syntax, value), None)

    def _items(self, syntax: _Syntax) -> tuple[ListItem, ...]:
        """Read one element of a list, which is many if it is a bind value that is a list itself."""
        if isinstance(syntax, Tree):
            content = self._content(syntax)
            assert isinstance(content, IntRange | UuidLiteral), "the grammar has nothing else in lists"
            return (content,)
        if syntax.type != "BIND":
            return (to_item(self._token(syntax)),)
        value = self._bound(syntax)
        if is_collection(value):
            return self._list_items(syntax, value)
        return (self._explained(syntax, lambda: to_scalar(value, f"bind value {syntax}")),)

    def _list_items(self, token: _Syntax, value: Any) -> ListItems:
        return self._explained(token, lambda: to_list_items(value, f"bind value {token}"))

    def _literal(self, token: Token) -> Expr:
        value = self._bound(token)
        if is_collection(value):
            raise self._error(
                token, f"the bind value {token} is of type {type(value).__name__}; only IN takes several values"
            )
        return self._explained(token, lambda: to_literal(value, f"bind value {token}"))

    def _bound(self, syntax: _Syntax) -> Any:
        """Look a bind value up; None for what is none."""
        if not isinstance(syntax, Token) or syntax.type != "BIND":
            return None
        name = syntax[1:]
        if name not in self._bind:
            raise error_at(
                self._text,
                _position(syntax),
                f"there is no bind value {syntax}",
                remedy=f"Give one: bind={{{name!r}: ...}}.",
                valid=[f":{known}" for known in sorted(map(str, self._bind))],
            )
        self.used.add(name)
        return self._bind[name]

    def _timespan(
        self, begin: _Syntax, first: Expr | IntRange, end: _Syntax, last: Expr | IntRange
    ) -> TimespanLiteral | None:
        """Make a timespan of two ends; None if they are something else."""
        ends: list[int | None] = []
        for node in (first, last):
            if not isinstance(node, TimeLiteral | NullLiteral):
                return None
            ends.append(node.value if isinstance(node, TimeLiteral) else None)
        return TimespanLiteral.of(Timespan(*ends))

    def _number(self, syntax: _Syntax) -> float:
        node = self._expr(syntax)
        if not isinstance(node, IntLiteral | FloatLiteral):
            raise self._error(syntax, f"a region is made of numbers, not of kind {node.kind!r}")
        return float(node.value)

    def _int(self, token: _Syntax) -> IntLiteral:
        digits = "".join(str(token).split())
        # Python refuses to read very long integers, and they would not fit anyway.
        if len(digits.lstrip("+-0")) > _DIGITS_OF_INT64:
            raise self._error(token, "an integer must fit 64 bits")
        return IntLiteral(value=int(digits))

    def _uuid(self, token: _Syntax, text: str) -> UuidLiteral:
        try:
            return UuidLiteral(value=text)
        except ValidationError as exc:
            raise self._error(token, f"{text!r} is no UUID") from exc

    def _time(self, token: Token) -> TimeLiteral:
        text = _unquote(token[1:])
        iso, slash, given = text.rpartition("/") if "/" in text else (text, "", "")
        scale = _SCALES.get(given.lower()) if slash else ("utc" if iso.endswith("Z") else "tai")
        if scale is None:
            raise error_at(
                self._text,
                _position(token),
                f"there is no time scale {given!r}",
                remedy="Write /tai, /utc or /tt at the end, or nothing for TAI.",
                valid=list(_SCALES),
            )
        return TimeLiteral(value=self._explained(token, lambda: parse_iso(iso, scale)))

    def _explained(self, syntax: _Syntax, make: Callable[[], _T]) -> _T:
        """Call something that knows nothing of the text, and let its error show the place."""
        try:
            return make()
        except InvalidInputError as exc:
            raise self._error(syntax, str(exc), exc.remedy) from exc

    def _error(self, syntax: _Syntax, problem: str, remedy: str = "") -> QueryError:
        position = self._parts[id(syntax)].position if isinstance(syntax, Tree) else _position(syntax)
        return error_at(self._text, position, problem, remedy=remedy)
