"""The expression tree: what a ``where`` means, as frozen data that crosses wires as JSON and comes back equal.

`Expr` is any node.  A `Value` is something to compute or compare, a `Condition` is true, false or unknown; names,
booleans and NULL are both.  Negations have no nodes of their own: ``x NOT IN (1)`` is `Not` of `In`.  The tree holds
built-ins only, and no bind values: those become literals before there is a tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeGuard, get_args
from uuid import UUID

from pydantic import (
    BaseModel,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PrivateAttr,
    Strict,
    field_validator,
    model_validator,
)
from pydantic_core.core_schema import CoreSchema, no_info_plain_validator_function

from butler_core.expressions.patterns import Pattern
from butler_core.models.columns import to_string
from butler_core.models.model_config import FROZEN
from butler_core.models.names import ColumnName
from butler_core.models.timespan import Timespan

MAX_DEPTH = 64
"""The deepest that a tree can be, so that code may recurse on it and JSON parsers with a limit can read it."""
MAX_NAME_PARTS = 3
"""``visit.timespan.begin`` has as many parts as a name may have."""

Int64: TypeAlias = Annotated[int, Strict(), Field(ge=-(2**63), le=2**63 - 1)]
FiniteFloat: TypeAlias = Annotated[float, Strict(), Field(allow_inf_nan=False)]

ShapeName: TypeAlias = Literal["POINT", "CIRCLE", "BOX", "POLYGON"]
SignOperator: TypeAlias = Literal["-", "+"]
ArithmeticOperator: TypeAlias = Literal["+", "-", "*", "/", "%"]
ComparisonOperator: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]


class Node(BaseModel):
    """What all nodes share."""

    model_config = FROZEN

    kind: str
    """Tells the nodes apart on the wire."""

    @property
    def children(self) -> tuple[Expr, ...]:
        """The expressions right below this one, from left to right."""
        return ()

    @property
    def depth(self) -> int:
        """How many levels the tree from here on has: 1 for a leaf."""
        return 1


class _OneOf:
    """Annotates a union of nodes: the class is found by ``kind``.

    Pydantic's own tagged unions would build one schema of all kinds within each kind's, which takes 0.3 s at import.
    """

    def __init__(self, what: str) -> None:
        self.what = what

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        classes = {cls.model_fields["kind"].default: cls for cls in get_args(source)}
        return no_info_plain_validator_function(partial(_read_node, self.what, classes))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "object", "title": self.what}


def _read_node(what: str, classes: Mapping[str, type[Node]], value: Any) -> Node:
    if isinstance(value, Node):
        if type(value) not in classes.values():
            raise ValueError(f"{value.kind!r} stands where {what} is needed")
        return value
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind not in classes:
        raise ValueError(f"{what} is one of the kinds {', '.join(sorted(classes))}, not {kind!r}")
    try:
        return classes[kind].model_validate(value)
    except RecursionError as exc:
        raise ValueError(f"the expression is nested more than {MAX_DEPTH} levels deep") from exc


# ---- leaves


class NullLiteral(Node):
    """``NULL``: missing as a value, unknown as a condition."""

    kind: Literal["null"] = "null"


class BoolLiteral(Node):
    """``TRUE`` or ``FALSE``."""

    kind: Literal["bool"] = "bool"
    value: Annotated[bool, Strict()]


class IntLiteral(Node):
    """A whole number of signed 64 bits."""

    kind: Literal["int"] = "int"
    value: Int64


class FloatLiteral(Node):
    """A number that is neither infinite nor NaN."""

    kind: Literal["float"] = "float"
    value: FiniteFloat


class StringLiteral(Node):
    """``'text'``: without NUL characters, which no database keeps."""

    kind: Literal["string"] = "string"
    value: str

    @field_validator("value")
    @classmethod
    def _can_be_stored(cls, value: str) -> str:
        return to_string(value)


class UuidLiteral(Node):
    """``UUID('...')``."""

    kind: Literal["uuid"] = "uuid"
    value: str
    """The canonical text: 36 characters in lower case."""

    @field_validator("value")
    @classmethod
    def _is_canonical(cls, value: str) -> str:
        return str(UUID(value))

    @property
    def uuid(self) -> UUID:
        """The value as Python's own type."""
        return UUID(self.value)


class TimeLiteral(Node):
    """``T'2013-06-17T00:00:00/tai'``."""

    kind: Literal["time"] = "time"
    value: Int64
    """TAI nanoseconds since 1970-01-01T00:00:00 TAI."""


class TimespanLiteral(Node):
    """``(T'...', T'...')``: half-open, None an open end; the empty one is always ``[0, 0)``."""

    kind: Literal["timespan"] = "timespan"
    begin: Int64 | None
    """TAI nanoseconds since 1970, inclusive."""
    end: Int64 | None
    """Same scale, exclusive."""

    @model_validator(mode="after")
    def _has_one_empty_form(self) -> Self:
        if self.timespan.to_raw() != [self.begin, self.end]:
            raise ValueError(
                f"[{self.begin}, {self.end}) holds no time; the empty timespan is written [0, 0)"
            )
        return self

    @classmethod
    def of(cls, timespan: Timespan) -> TimespanLiteral:
        """Make the literal of a timespan."""
        begin, end = timespan.to_raw()
        return cls(begin=begin, end=end)

    @property
    def timespan(self) -> Timespan:
        """The value as the core's own type."""
        return Timespan(self.begin, self.end)


class RegionLiteral(Node):
    """``CIRCLE(ra, dec, radius)`` and its like: a region described by numbers, in degrees."""

    kind: Literal["region"] = "region"
    shape: ShapeName
    values: tuple[FiniteFloat, ...]
    """What the geometry plugin's ``construct`` takes for the shape."""

    @model_validator(mode="after")
    def _has_its_numbers(self) -> Self:
        problem = region_arity_problem(self.shape, len(self.values))
        if problem:
            raise ValueError(problem)
        return self


class EncodedRegionLiteral(Node):
    """``REGION(X'...')``: a region in the bytes of the repository's geometry plugin."""

    kind: Literal["encoded_region"] = "encoded_region"
    data: Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$")]
    """Lower-case hexadecimal."""

    @property
    def encoded(self) -> bytes:
        """The bytes that the geometry plugin's ``decode`` takes."""
        return bytes.fromhex(self.data)


class Name(Node):
    """A column, a dimension or a field: one to three parts with dots between."""

    kind: Literal["name"] = "name"
    name: ColumnName

    @field_validator("name")
    @classmethod
    def _can_be_written(cls, name: str) -> str:
        parts = name.split(".")
        if len(parts) > MAX_NAME_PARTS:
            raise ValueError(f"name {name!r} has {len(parts)} parts; {MAX_NAME_PARTS} are the most")
        if not all(parts) or "`" in name:
            raise ValueError(f"name {name!r} has an empty part or a backtick")
        return to_string(name)

    @property
    def parts(self) -> tuple[str, ...]:
        """The name, split at its dots."""
        return tuple(self.name.split("."))


# ---- what has parts


class _Branch(Node):
    """What has other nodes below it."""

    _depth: int = PrivateAttr(default=1)

    @model_validator(mode="after")
    def _measure(self) -> Self:
        depth = 1 + max((child.depth for child in self.children), default=0)
        if depth > MAX_DEPTH:
            raise ValueError(f"the expression is nested more than {MAX_DEPTH} levels deep")
        self._depth = depth
        return self

    @property
    def depth(self) -> int:
        return self._depth


class _OfOne(_Branch):
    operand: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.operand,)


class _OfTwo(_Branch):
    left: Expr
    right: Expr

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.left, self.right)


class _OfMany(_Branch):
    operands: Annotated[tuple[Condition, ...], Field(min_length=2)]

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.operands


class Sign(_OfOne):
    """``-x`` or ``+x``."""

    kind: Literal["sign"] = "sign"
    op: SignOperator
    operand: Value


class Arithmetic(_OfTwo):
    """``a + b`` and its like.

    ``/`` is true division even of integers, the result of ``%`` has the sign of `left`, and division by zero gives NULL.
    """

    kind: Literal["arithmetic"] = "arithmetic"
    op: ArithmeticOperator
    left: Value
    right: Value


class Comparison(_OfTwo):
    """``a < b`` and its like; unknown where either side is NULL."""

    kind: Literal["comparison"] = "comparison"
    op: ComparisonOperator


class Overlaps(_OfTwo):
    """``a OVERLAPS b``, of timespans or of regions."""

    kind: Literal["overlaps"] = "overlaps"
    left: Value
    right: Value


class IsNull(_OfOne):
    """``x IS NULL``: never unknown itself."""

    kind: Literal["is_null"] = "is_null"


class Between(_Branch):
    """``x BETWEEN low AND high``, both inclusive."""

    kind: Literal["between"] = "between"
    operand: Value
    low: Value
    high: Value

    @property
    def children(self) -> tuple[Expr, ...]:
        """What is tested, then the ends."""
        return (self.operand, self.low, self.high)


class IntRange(Node):
    """``start..stop:step`` in a list: the integers from `start` to `stop`, both inclusive."""

    kind: Literal["range"] = "range"
    start: Int64
    stop: Int64
    step: Annotated[Int64, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _is_not_backwards(self) -> Self:
        if self.stop < self.start:
            raise ValueError(f"range {self.start}..{self.stop} ends before it begins")
        return self

    @property
    def values(self) -> range:
        """The integers as a Python range."""
        return range(self.start, self.stop + 1, self.step)


class In(_OfOne):
    """``x IN (1, 2, 5..9)``: false, even for NULL, if there are no values."""

    kind: Literal["in"] = "in"
    values: tuple[ListItem, ...]
    """In the order written; may repeat."""


class Within(_OfOne):
    """``t IN timespan``: whether a time, or all of a timespan, belongs to a timespan."""

    kind: Literal["within"] = "within"
    operand: Value
    timespan: Annotated[TimespanLiteral | Name, Field(discriminator="kind")]

    @property
    def children(self) -> tuple[Expr, ...]:
        """What is tested, then the timespan."""
        return (self.operand, self.timespan)


class Like(_OfOne):
    r"""``x LIKE 'a%'``: all of a string, by code points; ``%`` is any text, ``_`` any character, ``\`` escapes."""

    kind: Literal["like"] = "like"
    operand: Value
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        Pattern.from_like(pattern)
        return to_string(pattern)


class Glob(_OfOne):
    r"""``GLOB(x, 'a*')``: all of a string, by code points; ``*`` is any text, ``?`` any character, ``\`` escapes."""

    kind: Literal["glob"] = "glob"
    operand: Value
    pattern: str

    @field_validator("pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        Pattern.from_glob(pattern)
        return to_string(pattern)


class Not(_OfOne):
    """``NOT c``: unknown if `operand` is."""

    kind: Literal["not"] = "not"
    operand: Condition


class And(_OfMany):
    """``a AND b AND c``; one in another is taken apart, so that no `And` holds an `And`."""

    kind: Literal["and"] = "and"

    @field_validator("operands")
    @classmethod
    def _flatten(cls, operands: tuple[Condition, ...]) -> tuple[Condition, ...]:
        return tuple(
            part for node in operands for part in (node.operands if isinstance(node, And) else (node,))
        )


class Or(_OfMany):
    """``a OR b OR c``; one in another is taken apart, so that no `Or` holds an `Or`."""

    kind: Literal["or"] = "or"

    @field_validator("operands")
    @classmethod
    def _flatten(cls, operands: tuple[Condition, ...]) -> tuple[Condition, ...]:
        return tuple(
            part for node in operands for part in (node.operands if isinstance(node, Or) else (node,))
        )


# ---- what may stand where

Scalar: TypeAlias = (
    NullLiteral | BoolLiteral | IntLiteral | FloatLiteral | StringLiteral | UuidLiteral | TimeLiteral
)
"""A constant that a list may hold."""
ListItem: TypeAlias = Annotated[Scalar | IntRange, Field(discriminator="kind")]
Constant: TypeAlias = Scalar | TimespanLiteral | RegionLiteral | EncodedRegionLiteral
"""Any literal."""
_Test: TypeAlias = Comparison | Overlaps | IsNull | Between | In | Within | Like | Glob | Not | And | Or

Value: TypeAlias = Annotated[Constant | Name | Sign | Arithmetic, _OneOf("a value")]
"""What can be computed with."""
Condition: TypeAlias = Annotated[NullLiteral | BoolLiteral | Name | _Test, _OneOf("a condition")]
"""What is true, false or unknown."""
Expr: TypeAlias = Annotated[Constant | Name | Sign | Arithmetic | _Test, _OneOf("an expression")]
"""Any node but `IntRange`, which only lists hold."""

for _model in (Sign, Arithmetic, Comparison, Overlaps, IsNull, Between, In, Within, Like, Glob, Not, And, Or):
    _model.model_rebuild()

_VALUES = get_args(get_args(Value)[0])
_CONDITIONS = get_args(get_args(Condition)[0])


def is_value(node: Expr) -> TypeGuard[Value]:
    """Whether the node can be computed with."""
    return isinstance(node, _VALUES)


def is_condition(node: Expr) -> TypeGuard[Condition]:
    """Whether the node can be true, false or unknown."""
    return isinstance(node, _CONDITIONS)


def conjunction(conditions: Iterable[Condition]) -> Condition:
    """Join conditions by AND; TRUE if there are none."""
    parts = tuple(conditions)
    if len(parts) > 1:
        return And(operands=parts)
    return parts[0] if parts else BoolLiteral(value=True)


def disjunction(conditions: Iterable[Condition]) -> Condition:
    """Join conditions by OR; FALSE if there are none."""
    parts = tuple(conditions)
    if len(parts) > 1:
        return Or(operands=parts)
    return parts[0] if parts else BoolLiteral(value=False)


def walk(tree: Expr) -> Iterator[Expr]:
    """Go through a tree, each node before its children, from left to right."""
    yield tree
    for child in tree.children:
        yield from walk(child)


def names_in(tree: Expr) -> tuple[ColumnName, ...]:
    """Return the names that a tree mentions, each once, in order of first mention."""
    return tuple(dict.fromkeys(node.name for node in walk(tree) if isinstance(node, Name)))


def region_arity_problem(shape: ShapeName, count: int) -> str:
    """Say what is wrong with the count of a shape's numbers; empty if nothing is."""
    if shape == "POLYGON":
        if count >= 6 and count % 2 == 0:
            return ""
        return f"POLYGON takes right ascension and declination of three corners or more, not {count} numbers"
    expected = {"POINT": 2, "CIRCLE": 3, "BOX": 4}[shape]
    if count == expected:
        return ""
    meaning = {
        "POINT": "right ascension and declination",
        "CIRCLE": "right ascension, declination and radius",
        "BOX": "right ascension and declination of its centre, width and height",
    }[shape]
    return f"{shape} takes {meaning}, not {count} number{'s' if count != 1 else ''}"
