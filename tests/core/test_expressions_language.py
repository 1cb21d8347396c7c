"""What text means: literals, precedence, names."""

import pytest

from butler_core.expressions.printer import to_text
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
)
from butler_core.expressions.where import parse

A, B, C, D = (Name(name=name) for name in "abcd")
UUID_TEXT = "27ba5f12-0000-0000-0000-aabbccddeeff"
JUNE = 1_371_427_200_000_000_000  # 2013-06-17T00:00:00 TAI


def number(value: int) -> IntLiteral:
    return IntLiteral(value=value)


def numbers(*values: int) -> tuple[IntLiteral, ...]:
    return tuple(map(number, values))


def value_of(text: str) -> Expr:
    """Parse a text as one side of a comparison, where only values make sense."""
    tree = parse(f"x = {text}")
    assert isinstance(tree, Comparison)
    return tree.right


# Each text stands beside the same with all its parentheses.
PRECEDENCE = [
    ("a OR b AND c", "a OR (b AND c)"),
    ("a AND b OR c", "(a AND b) OR c"),
    ("a OR b OR c", "(a OR b) OR c"),
    ("NOT a AND b", "(NOT a) AND b"),
    ("NOT a OR b", "(NOT a) OR b"),
    ("NOT NOT a", "NOT (NOT a)"),
    ("NOT a = b", "NOT (a = b)"),
    ("NOT a OVERLAPS b", "NOT (a OVERLAPS b)"),
    ("a = b AND c = d", "(a = b) AND (c = d)"),
    ("a IN (1) = b", "(a IN (1)) = b"),
    ("a = b IN (1)", "a = (b IN (1))"),
    ("a NOT IN (1) = b", "(a NOT IN (1)) = b"),
    ("a IN (1) IS NULL", "(a IN (1)) IS NULL"),
    ("a + b IN (1)", "(a + b) IN (1)"),
    ("a % b NOT IN (1)", "(a % b) NOT IN (1)"),
    ("a + b = c - d", "(a + b) = (c - d)"),
    ("a + b OVERLAPS c", "(a + b) OVERLAPS c"),
    ("a - b - c = d", "((a - b) - c) = d"),
    ("a - b + c = d", "((a - b) + c) = d"),
    ("a / b / c = d", "((a / b) / c) = d"),
    ("a / b * c % d = d", "(((a / b) * c) % d) = d"),
    ("a + b * c = d", "(a + (b * c)) = d"),
    ("a * b + c = d", "((a * b) + c) = d"),
    ("a % b - c = d", "((a % b) - c) = d"),
    ("-a * b = c", "((-a) * b) = c"),
    ("a * -b = c", "(a * (-b)) = c"),
    ("-a + b = c", "((-a) + b) = c"),
    ("- -a = c", "(-(-a)) = c"),
    ("a BETWEEN b AND c AND d", "(a BETWEEN b AND c) AND d"),
    ("a BETWEEN b + 1 AND c * 2 OR d", "(a BETWEEN (b + 1) AND (c * 2)) OR d"),
    ("a AND b NOT BETWEEN c AND d", "a AND (b NOT BETWEEN c AND d)"),
    ("a + b LIKE 'c' AND d", "((a + b) LIKE 'c') AND d"),
]


@pytest.mark.parametrize(("text", "explicit"), PRECEDENCE)
def test_precedence(text, explicit):
    tree = parse(text)
    assert tree == parse(explicit)
    assert to_text(tree) == text.replace("- -", "--")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("NOT a IS NULL", "a IS NOT NULL"),
        ("NOT a IN (1)", "a NOT IN (1)"),
        ("NOT a IN b", "a NOT IN b"),
        ("NOT a LIKE 'b'", "a NOT LIKE 'b'"),
        ("NOT a BETWEEN b AND c", "a NOT BETWEEN b AND c"),
        ("NOT NOT a IN (1)", "NOT a NOT IN (1)"),
    ],
)
def test_not_before_a_test_is_the_same_as_not_within(text, canonical):
    assert parse(text) == parse(canonical)
    assert to_text(parse(text)) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "(a OR b) AND c",
        "NOT (a AND b)",
        "(NOT a) = b",
        "(a = b) = c",
        "(a + b) * c = d",
        "a - (b - c) = d",
        "a / (b * c) = d",
        "-(a + b) = c",
        "-(5) = a",
        "(a OR b) IS NULL",
        "(a = b) IN (TRUE)",
    ],
)
def test_parentheses_that_matter_are_kept(text):
    assert to_text(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a = b", Comparison(op="=", left=A, right=B)),
        ("a == b", Comparison(op="=", left=A, right=B)),
        ("a != b", Comparison(op="!=", left=A, right=B)),
        ("a <> b", Comparison(op="!=", left=A, right=B)),
        ("a<b", Comparison(op="<", left=A, right=B)),
        ("a <= b", Comparison(op="<=", left=A, right=B)),
        ("a > b", Comparison(op=">", left=A, right=B)),
        ("a >= b", Comparison(op=">=", left=A, right=B)),
        ("a overlaps b", Overlaps(left=A, right=B)),
        ("a Is Null", IsNull(operand=A)),
        ("a is\n not  null", Not(operand=IsNull(operand=A))),
        ("a between 1 and 2", Between(operand=A, low=number(1), high=number(2))),
        ("a not between 1 and 2", Not(operand=Between(operand=A, low=number(1), high=number(2)))),
        ("a like 'x%'", Like(operand=A, pattern="x%")),
        ("a NOT LIKE 'x%'", Not(operand=Like(operand=A, pattern="x%"))),
        (r"a LIKE '100\%'", Like(operand=A, pattern=r"100\%")),
        ("glob(a, '*.fits')", Glob(operand=A, pattern="*.fits")),
        ("not GLOB (a, '*')", Not(operand=Glob(operand=A, pattern="*"))),
        ("a and B", And(operands=(A, Name(name="B")))),
        ("a oR b", Or(operands=(A, B))),
        ("a", A),
        ("TRUE", BoolLiteral(value=True)),
        ("(((a)))", A),
        ("  a\t", A),
        ("a\nAND\nb", And(operands=(A, B))),
        ("a AND (b AND c)", And(operands=(A, B, C))),
        ("a = -b", Comparison(op="=", left=A, right=Sign(op="-", operand=B))),
        ("a = +b", Comparison(op="=", left=A, right=Sign(op="+", operand=B))),
        ("a -1 = b", Comparison(op="=", left=Arithmetic(op="-", left=A, right=number(1)), right=B)),
        ("a-1 = b", Comparison(op="=", left=Arithmetic(op="-", left=A, right=number(1)), right=B)),
        ("a - -1 = b", Comparison(op="=", left=Arithmetic(op="-", left=A, right=number(-1)), right=B)),
        ("1 -1 = b", Comparison(op="=", left=Arithmetic(op="-", left=number(1), right=number(1)), right=B)),
        ("(a) -1 = b", Comparison(op="=", left=Arithmetic(op="-", left=A, right=number(1)), right=B)),
    ],
)
def test_meaning(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("NULL", NullLiteral()),
        ("null", NullLiteral()),
        ("true", BoolLiteral(value=True)),
        ("False", BoolLiteral(value=False)),
        ("0", number(0)),
        ("-5", number(-5)),
        ("- 5", number(-5)),
        ("+5", number(5)),
        ("007", number(7)),
        ("9223372036854775807", number(2**63 - 1)),
        ("-9223372036854775808", number(-(2**63))),
        ("00000000000000000000000000001", number(1)),
        ("1.5", FloatLiteral(value=1.5)),
        ("1.", FloatLiteral(value=1.0)),
        (".5", FloatLiteral(value=0.5)),
        ("-.5", FloatLiteral(value=-0.5)),
        ("1e3", FloatLiteral(value=1000.0)),
        ("1.5E+3", FloatLiteral(value=1500.0)),
        ("2.5e-1", FloatLiteral(value=0.25)),
        ("9223372036854775808.0", FloatLiteral(value=2.0**63)),
        ("''", StringLiteral(value="")),
        ("'it''s'", StringLiteral(value="it's")),
        ("''''", StringLiteral(value="'")),
        ("' a\nb '", StringLiteral(value=" a\nb ")),
        (r"'a\b'", StringLiteral(value=r"a\b")),
        ("'AND :x'", StringLiteral(value="AND :x")),
        ("'日本'", StringLiteral(value="日本")),
        (f"UUID('{UUID_TEXT}')", UuidLiteral(value=UUID_TEXT)),
        (f"uuid ('{UUID_TEXT.replace('-', '').upper()}')", UuidLiteral(value=UUID_TEXT)),
        (UUID_TEXT, UuidLiteral(value=UUID_TEXT)),
        (f"a{UUID_TEXT[1:]}", UuidLiteral(value=f"a{UUID_TEXT[1:]}")),
        ("T'2013-06-17T00:00:00/tai'", TimeLiteral(value=JUNE)),
        ("t'2013-06-17'", TimeLiteral(value=JUNE)),
        ("T'2013-06-17 00:00'", TimeLiteral(value=JUNE)),
        ("T'2013-06-17T00:00:00.000000001'", TimeLiteral(value=JUNE + 1)),
        ("T'2013-06-17T00:00:00/utc'", TimeLiteral(value=JUNE + 35_000_000_000)),
        ("T'2013-06-17T00:00:00 / UTC'", TimeLiteral(value=JUNE + 35_000_000_000)),
        ("T'2013-06-17T00:00:00Z'", TimeLiteral(value=JUNE + 35_000_000_000)),
        ("T'2013-06-17T00:00:32.184/tt'", TimeLiteral(value=JUNE)),
        ("(T'2013-06-17', T'2013-06-17T00:00:01')", TimespanLiteral(begin=JUNE, end=JUNE + 1_000_000_000)),
        ("(T'2013-06-17', NULL)", TimespanLiteral(begin=JUNE, end=None)),
        ("(NULL, T'2013-06-17')", TimespanLiteral(begin=None, end=JUNE)),
        ("(NULL, NULL)", TimespanLiteral(begin=None, end=None)),
        ("(T'2013-06-17', T'2013-06-17')", TimespanLiteral(begin=0, end=0)),
        ("(T'2013-06-17', T'2012-06-17')", TimespanLiteral(begin=0, end=0)),
        ("POINT(10, -5.5)", RegionLiteral(shape="POINT", values=(10.0, -5.5))),
        ("circle (10,0,.5)", RegionLiteral(shape="CIRCLE", values=(10.0, 0.0, 0.5))),
        ("BOX(1, 2, 3, 4)", RegionLiteral(shape="BOX", values=(1.0, 2.0, 3.0, 4.0))),
        ("POLYGON(0, 0, 1, 0, 1, 1)", RegionLiteral(shape="POLYGON", values=(0.0, 0.0, 1.0, 0.0, 1.0, 1.0))),
        ("REGION(X'63A0')", EncodedRegionLiteral(data="63a0")),
    ],
)
def test_literals(text, literal):
    assert value_of(text) == literal
    assert value_of(to_text(literal)) == literal


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("()", ()),
        ("(1)", numbers(1)),
        ("(1, 2,3)", numbers(1, 2, 3)),
        ("(1, 2,)", numbers(1, 2)),
        ("( 1 , 2 , )", numbers(1, 2)),
        ("((1, 2))", numbers(1, 2)),
        ("(-1, +2)", numbers(-1, 2)),
        ("(1..10)", (IntRange(start=1, stop=10),)),
        ("(1 .. 10 : 2)", (IntRange(start=1, stop=10, step=2),)),
        ("(-5..-1)", (IntRange(start=-5, stop=-1),)),
        ("(1..1)", (IntRange(start=1, stop=1),)),
        ("(1..10:2, 50)", (IntRange(start=1, stop=10, step=2), number(50))),
        (
            "('a', 1.5, TRUE, NULL)",
            (StringLiteral(value="a"), FloatLiteral(value=1.5), BoolLiteral(value=True), NullLiteral()),
        ),
        (f"({UUID_TEXT}, UUID('{UUID_TEXT}'))", (UuidLiteral(value=UUID_TEXT),) * 2),
        ("(T'2013-06-17')", (TimeLiteral(value=JUNE),)),
        ("(T'2013-06-17', T'2013-06-17',)", (TimeLiteral(value=JUNE),) * 2),
        (
            "(T'2013-06-17', T'2013-06-17', NULL)",
            (TimeLiteral(value=JUNE), TimeLiteral(value=JUNE), NullLiteral()),
        ),
        ("(T'2013-06-17', 5)", (TimeLiteral(value=JUNE), number(5))),
    ],
)
def test_lists(text, values):
    assert parse(f"a IN {text}") == In(operand=A, values=values)
    assert parse(f"a not  in {text}") == Not(operand=In(operand=A, values=values))


def test_ranges_know_their_values():
    assert list(IntRange(start=1, stop=10, step=4).values) == [1, 5, 9]


@pytest.mark.parametrize(
    ("text", "timespan"),
    [
        ("visit.timespan", Name(name="visit.timespan")),
        ("(visit.timespan)", Name(name="visit.timespan")),
        ("(T'2013-06-17', NULL)", TimespanLiteral(begin=JUNE, end=None)),
        ("((T'2013-06-17', NULL))", TimespanLiteral(begin=JUNE, end=None)),
    ],
)
def test_being_within_a_timespan(text, timespan):
    assert parse(f"a IN {text}") == Within(operand=A, timespan=timespan)
    assert parse(f"a NOT IN {text}") == Not(operand=Within(operand=A, timespan=timespan))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("detector", "detector"),
        ("Detector", "Detector"),
        ("visit.exposure_time", "visit.exposure_time"),
        ("visit.timespan.begin", "visit.timespan.begin"),
        ("visit . timespan\n. begin", "visit.timespan.begin"),
        ("visit.in", "visit.in"),
        ("a.NULL", "a.NULL"),
        ("`in`", "in"),
        ("`my type`.`2`", "my type.2"),
        ("`visit.exposure_time`", "visit.exposure_time"),
        ("island", "island"),
        ("nullable", "nullable"),
        ("t", "t"),
        ("x", "x"),
        ("point", "point"),
        ("uuid", "uuid"),
        ("glob", "glob"),
        ("_private", "_private"),
        ("größe", "größe"),
    ],
)
def test_names(text, name):
    tree = parse(text)
    assert tree == Name(name=name)
    assert tree.parts == tuple(name.split("."))
    assert names_in(parse(f"({text}) > 0 AND ({text}) IN (1) OR {text} OVERLAPS {text}")) == (name,)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("visit.in", "visit.in"),
        ("in", "`in`"),
        ("Null.x", "`Null`.x"),
        ("a-b.c", "`a-b`.c"),
        ("größe", "`größe`"),
        ("1", "`1`"),
    ],
)
def test_names_are_quoted_where_needed(name, text):
    assert to_text(Name(name=name)) == text


def test_names_are_collected_in_order():
    tree = parse("b = 1 AND (a IN (1) OR GLOB(visit.name, 'x')) AND t IN visit.timespan AND b")
    assert names_in(tree) == ("b", "a", "visit.name", "t", "visit.timespan")


@pytest.mark.parametrize(
    "text",
    [
        "instrument = 'HSC' AND visit IN (903334, 903342..903990:8) AND detector NOT IN (9)",
        "visit.exposure_time / 2 >= 15.0 AND physical_filter LIKE 'HSC-%'",
        "visit.timespan OVERLAPS (T'2013-06-17T00:00:00/tai', NULL)",
        "patch.region OVERLAPS CIRCLE(320.0, -0.25, 1.5) OR skymap IS NULL",
        "exposure.obs_id NOT LIKE 'a\\_b' AND NOT exposure.can_see_sky",
        "visit.timespan.begin IN (T'2013-06-17T00:00:00/tai', T'2013-06-18T00:00:00/tai',)",
        "a BETWEEN 1 AND 2 AND b NOT BETWEEN 3 AND 4 AND c IS NOT NULL",
    ],
)
def test_canonical_text_is_what_people_write(text):
    assert to_text(parse(text)) == text
