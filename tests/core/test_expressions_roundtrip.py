"""Whatever tree there can be survives being printed and parsed, and being sent as JSON."""

from uuid import UUID

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import example, given, settings
from pydantic import TypeAdapter, ValidationError

from butler_core.expressions.printer import to_text
from butler_core.expressions.tree import (
    MAX_DEPTH,
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
    names_in,
    walk,
)
from butler_core.expressions.where import parse
from butler_core.models.timespan import Timespan

WIRE: TypeAdapter[Expr] = TypeAdapter(Expr)

INT64 = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
PARTS = st.one_of(
    st.sampled_from(
        ["visit", "a", "in", "NULL", "Not", "t", "x", "point", "e5", "UUID", "a-b", "é", "1", "T'"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0`."), min_size=1, max_size=5),
)
NAMES = st.lists(PARTS, min_size=1, max_size=3).map(lambda parts: Name(name=".".join(parts)))
PATTERNS = st.one_of(
    TEXT.map(lambda text: text.replace("\\", "\\\\")), st.sampled_from([r"a\%", r"\*?", "%_", "''"])
)

NULLS = st.builds(NullLiteral)
BOOLS = st.builds(BoolLiteral, value=st.booleans())
TIMES = st.builds(TimeLiteral, value=INT64)
SCALARS = st.one_of(
    NULLS,
    BOOLS,
    st.builds(IntLiteral, value=INT64),
    st.builds(FloatLiteral, value=FLOATS),
    st.builds(StringLiteral, value=TEXT),
    st.builds(UuidLiteral, value=st.uuids().map(str)),
    TIMES,
)
RANGES = st.tuples(INT64, INT64, st.integers(1, 2**63 - 1)).map(
    lambda numbers: IntRange(start=min(numbers[:2]), stop=max(numbers[:2]), step=numbers[2])
)
LISTS = st.one_of(
    st.lists(st.one_of(SCALARS, RANGES), max_size=4),
    st.lists(st.one_of(TIMES, NULLS), max_size=3),
).map(tuple)
TIMESPANS = st.tuples(st.none() | INT64, st.none() | INT64).map(
    lambda ends: TimespanLiteral.of(Timespan(*ends))
)
REGIONS = st.one_of(
    st.tuples(FLOATS, FLOATS).map(lambda values: RegionLiteral(shape="POINT", values=values)),
    st.lists(FLOATS, min_size=3, max_size=3).map(
        lambda values: RegionLiteral(shape="CIRCLE", values=tuple(values))
    ),
    st.lists(FLOATS, min_size=8, max_size=8).map(
        lambda values: RegionLiteral(shape="POLYGON", values=tuple(values))
    ),
    st.binary(min_size=1, max_size=6).map(lambda data: EncodedRegionLiteral(data=data.hex())),
)

VALUES: st.SearchStrategy[Expr] = st.recursive(
    st.one_of(SCALARS, NAMES, TIMESPANS, REGIONS),
    lambda inner: st.one_of(
        st.builds(Sign, op=st.sampled_from("+-"), operand=inner),
        st.builds(Arithmetic, op=st.sampled_from("+-*/%"), left=inner, right=inner),
    ),
    max_leaves=5,
)


def conditions_over(conditions: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    """Conditions made of other conditions and of values, wherever either may stand."""
    any_node = st.one_of(VALUES, conditions)
    many = st.lists(conditions, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(
            Comparison, op=st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), left=any_node, right=any_node
        ),
        st.builds(IsNull, operand=any_node),
        st.builds(In, operand=any_node, values=LISTS),
        st.builds(Not, operand=conditions),
        st.builds(And, operands=many),
        st.builds(Or, operands=many),
    )


CONDITIONS: st.SearchStrategy[Expr] = st.recursive(
    st.one_of(
        NULLS,
        BOOLS,
        NAMES,
        st.builds(Overlaps, left=VALUES, right=VALUES),
        st.builds(Between, operand=VALUES, low=VALUES, high=VALUES),
        st.builds(Within, operand=VALUES, timespan=st.one_of(NAMES, TIMESPANS)),
        st.builds(Like, operand=VALUES, pattern=PATTERNS),
        st.builds(Glob, operand=VALUES, pattern=PATTERNS),
    ),
    conditions_over,
    max_leaves=6,
)
TREES = st.one_of(VALUES, CONDITIONS)


@settings(max_examples=400, deadline=None)
@given(TREES)
@example(Name(name="LI\u212aE"))  # the sign for Kelvin is a K where case is ignored
@example(Name(name="i\u017f"))  # and this is an s
@example(Sign(op="-", operand=IntLiteral(value=5)))
@example(Sign(op="-", operand=Sign(op="-", operand=FloatLiteral(value=-0.5))))
@example(FloatLiteral(value=1e22))
@example(Arithmetic(op="-", left=Name(name="a"), right=IntLiteral(value=-5)))
def test_parsing_a_printed_tree_gives_the_tree(tree):
    assert parse(to_text(tree)) == tree


@settings(max_examples=150, deadline=None)
@given(TREES)
def test_printing_is_canonical(tree):
    text = to_text(tree)
    assert to_text(parse(text)) == text


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_json_gives_the_tree_back(tree):
    wire = WIRE.dump_json(tree)
    assert WIRE.validate_json(wire) == tree
    assert WIRE.validate_python(orjson.loads(wire)) == tree


@settings(max_examples=50, deadline=None)
@given(TREES)
def test_a_tree_dumps_to_builtins(tree):
    def check(value):
        assert type(value) in (dict, tuple, list, str, int, float, bool, type(None))
        for inner in (
            value.values() if isinstance(value, dict) else value if isinstance(value, tuple | list) else ()
        ):
            check(inner)

    check(tree.model_dump())


@settings(max_examples=50, deadline=None)
@given(TREES)
def test_walking_a_tree_meets_its_names(tree):
    nodes = list(walk(tree))
    assert nodes[0] is tree
    assert names_in(tree) == tuple(dict.fromkeys(node.name for node in nodes if isinstance(node, Name)))


def deep(levels: int) -> Condition:
    tree: Condition = Name(name="a")
    for level in range(levels - 1):
        tree = And(operands=(Name(name="b"), tree)) if level % 2 else Not(operand=tree)
    return tree


def test_the_deepest_tree_survives_text_and_wire():
    tree = deep(MAX_DEPTH)
    assert tree.depth == MAX_DEPTH
    assert parse(to_text(tree)) == tree
    assert WIRE.validate_json(WIRE.dump_json(tree)) == tree
    assert WIRE.validate_json(tree.model_dump_json()) == tree


def test_a_deeper_tree_cannot_be_made():
    with pytest.raises(ValidationError, match="nested more than 64 levels deep"):
        deep(MAX_DEPTH + 1)


@pytest.mark.parametrize("levels", [MAX_DEPTH, 300, 2_000, 20_000])
def test_a_deeper_tree_cannot_be_sent(levels):
    wire: object = {"kind": "name", "name": "a"}
    for _ in range(levels):
        wire = {"kind": "not", "operand": wire}
    with pytest.raises(ValidationError, match="nested more than 64 levels deep"):
        WIRE.validate_python(wire)


@pytest.mark.parametrize(
    ("wire", "problem"),
    [
        ({"kind": "int", "value": "5"}, "valid integer"),
        ({"kind": "int", "value": True}, "valid integer"),
        ({"kind": "int", "value": 2**63}, "less than or equal"),
        ({"kind": "float", "value": float("nan")}, "finite number"),
        ({"kind": "float", "value": float("inf")}, "finite number"),
        ({"kind": "bool", "value": 1}, "valid boolean"),
        ({"kind": "string", "value": "\0"}, "NUL"),
        ({"kind": "string", "value": "\ud800"}, "string"),
        ({"kind": "uuid", "value": "x"}, "UUID"),
        ({"kind": "name", "name": "a.b.c.d"}, "has 4 parts"),
        ({"kind": "name", "name": ""}, "empty part"),
        ({"kind": "name", "name": "a..b"}, "empty part"),
        ({"kind": "name", "name": "a`"}, "backtick"),
        ({"kind": "name", "name": "a", "more": 1}, "Extra inputs"),
        ({"kind": "timespan", "begin": 5, "end": 5}, "holds no time"),
        ({"kind": "region", "shape": "POINT", "values": [1.0]}, "POINT takes"),
        ({"kind": "encoded_region", "data": "ABC"}, "pattern"),
        ({"kind": "encoded_region", "data": "ab\n"}, "pattern"),
        ({"kind": "and", "operands": [{"kind": "name", "name": "a"}]}, "at least 2"),
        ({"kind": "not", "operand": {"kind": "int", "value": 5}}, "a condition is one of the kinds"),
        ({"kind": "sign", "op": "-", "operand": {"kind": "not"}}, "a value is one of the kinds"),
        ({"kind": "like", "operand": {"kind": "name", "name": "a"}, "pattern": "a\\"}, "escapes nothing"),
        ({"kind": "glob", "operand": {"kind": "name", "name": "a"}, "pattern": "a\\"}, "escapes nothing"),
        ({"kind": "range", "start": 1, "stop": 2}, "an expression is one of the kinds"),
        ({"kind": ["and"]}, "an expression is one of the kinds"),
        ({}, "an expression is one of the kinds"),
        ([], "an expression is one of the kinds"),
        ("a = 5", "an expression is one of the kinds"),
    ],
)
def test_a_wrong_tree_is_refused(wire, problem):
    with pytest.raises(ValidationError, match=problem):
        WIRE.validate_python(wire)


@pytest.mark.parametrize(
    "values",
    [
        [{"kind": "range", "start": 2, "stop": 1}],
        [{"kind": "range", "start": 1, "stop": 2, "step": 0}],
        [{"kind": "name", "name": "a"}],
        [{"kind": "timespan", "begin": None, "end": None}],
    ],
)
def test_a_wrong_list_is_refused(values):
    with pytest.raises(ValidationError):
        WIRE.validate_python({"kind": "in", "operand": {"kind": "name", "name": "a"}, "values": values})


def test_trees_are_frozen_and_hashable():
    tree = deep(3)
    assert len({tree, deep(3)}) == 1
    with pytest.raises(ValidationError, match="frozen"):
        tree.operands = ()  # type: ignore[union-attr]


def test_uuids_are_kept_in_canonical_form():
    node = UuidLiteral(value="{27BA5F12000000000000AABBCCDDEEFF}")
    assert node.value == "27ba5f12-0000-0000-0000-aabbccddeeff"
    assert node.uuid == UUID("27ba5f12-0000-0000-0000-aabbccddeeff")


def test_and_and_or_are_flat():
    a, b, c = (Name(name=name) for name in "abc")
    assert And(operands=(a, And(operands=(b, c)))) == And(operands=(a, b, c))
    assert Or(operands=(Or(operands=(a, b)), c)) == Or(operands=(a, b, c))
    assert to_text(Or(operands=(And(operands=(a, b)), c))) == "a AND b OR c"
