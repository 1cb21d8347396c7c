"""Branches of conditions, and the patterns of LIKE and GLOB."""

import itertools
import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from butler_core.errors import QueryError
from butler_core.expressions.normal import branches
from butler_core.expressions.patterns import Pattern, Wildcard
from butler_core.expressions.tree import (
    And,
    BoolLiteral,
    Condition,
    Name,
    Not,
    Or,
    conjunction,
    disjunction,
    names_in,
)
from butler_core.expressions.where import parse

A, B = Name(name="a"), Name(name="b")


def branches_of(text: str, limit: int = 1024) -> set[str]:
    """Write each branch as its names, those that must be false in upper case."""
    tree = parse(text)

    def facts(node: Condition, wanted: bool) -> list[str]:
        return [name if wanted else name.upper() for name in names_in(node)]

    found = branches(tree, facts, limit=limit)  # type: ignore[arg-type]
    return {"".join(sorted(branch)) for branch in found}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", {"a"}),
        ("NOT a", {"A"}),
        ("a AND b", {"ab"}),
        ("a OR b", {"a", "b"}),
        ("NOT (a AND b)", {"A", "B"}),
        ("NOT (a OR b)", {"AB"}),
        ("NOT NOT a", {"a"}),
        ("a AND (b OR c)", {"ab", "ac"}),
        ("(a OR b) AND (c OR d)", {"ac", "ad", "bc", "bd"}),
        ("a OR b AND c", {"a", "bc"}),
        ("NOT (a AND (b OR NOT c))", {"A", "Bc"}),
        ("a = 1 AND b IN (2) OR c IS NULL", {"ab", "c"}),
        ("a = 1 OR a = 2", {"a"}),
        ("a = b", {"ab"}),
        ("TRUE", {""}),
        ("FALSE", set()),
        ("NULL", set()),
        ("NOT NULL", set()),
        ("NOT FALSE", {""}),
        ("a AND TRUE", {"a"}),
        ("a AND FALSE", set()),
        ("a OR FALSE", {"a"}),
        ("a OR TRUE", {"a", ""}),
        ("a AND NOT (b OR TRUE)", set()),
    ],
)
def test_branches(text, expected):
    assert branches_of(text) == expected


CONDITIONS = st.recursive(
    st.one_of(
        st.sampled_from("abcd").map(lambda name: Name(name=name)), st.builds(BoolLiteral, value=st.booleans())
    ),
    lambda inner: st.one_of(
        st.builds(Not, operand=inner),
        st.builds(And, operands=st.tuples(inner, inner)),
        st.builds(Or, operands=st.tuples(inner, inner)),
    ),
    max_leaves=8,
)


def is_true(node: Condition, values: dict[str, bool]) -> bool:
    match node:
        case Name(name=name):
            return values[name]
        case BoolLiteral(value=value):
            return value
        case Not(operand=operand):
            return not is_true(operand, values)
        case And(operands=operands):
            return all(is_true(operand, values) for operand in operands)
        case Or(operands=operands):
            return any(is_true(operand, values) for operand in operands)
    raise AssertionError(node)


@given(CONDITIONS)
def test_branches_say_the_same_as_the_condition(tree):
    found = branches(tree, lambda node, wanted: [(names_in(node)[0], wanted)])
    for row in itertools.product([False, True], repeat=4):
        values = dict(zip("abcd", row, strict=True))
        assert is_true(tree, values) == any(
            all(values[name] == wanted for name, wanted in branch) for branch in found
        )


def test_a_normal_form_of_a_million_branches_has_few_facts():
    text = " AND ".join(["(instrument = 'A' AND visit = 1 OR instrument = 'B' AND detector = 2)"] * 20)
    assert len(branches_of(text)) == 3


def test_too_many_different_branches_are_an_error():
    text = " AND ".join(f"(a{number} OR b{number})" for number in range(8))
    assert len(branches_of(text, limit=256)) == 256
    with pytest.raises(QueryError, match="more than 255 branches that differ"):
        branches_of(text, limit=255)
    with pytest.raises(QueryError, match="more than 2 branches that differ"):
        branches_of("a OR b OR c", limit=2)


def test_joining_conditions():
    assert conjunction([]) == BoolLiteral(value=True)
    assert disjunction([]) == BoolLiteral(value=False)
    assert conjunction([A]) == disjunction([A]) == A
    assert conjunction(iter([A, B])) == And(operands=(A, B))
    assert disjunction(iter([A, B])) == Or(operands=(A, B))


TEXT, CHARACTER = Wildcard.ANY_TEXT, Wildcard.ANY_CHARACTER


@pytest.mark.parametrize(
    ("glob", "like", "parts"),
    [
        ("", "", ()),
        ("abc", "abc", ("abc",)),
        ("a*b?c", "a%b_c", ("a", TEXT, "b", CHARACTER, "c")),
        ("**", "%%", (TEXT, TEXT)),
        (r"a\*\?\\b", r"a*?\\b", (r"a*?\b",)),
        ("50%_", r"50\%\_", ("50%_",)),
        ("[ab]", "[ab]", ("[ab]",)),
        (r"\a", "a", ("a",)),
        ("a\nb*", "a\nb%", ("a\nb", TEXT)),
    ],
)
def test_patterns(glob, like, parts):
    assert Pattern.from_glob(glob) == Pattern.from_like(like) == Pattern(parts)
    assert Pattern(parts).to_like() == like


@pytest.mark.parametrize(
    ("glob", "text", "matches"),
    [
        ("", "", True),
        ("", "a", False),
        ("a", "a", True),
        ("a", "A", False),
        ("a", "aa", False),
        ("a*", "a", True),
        ("a*", "a\nb", True),
        ("*.fits", "x.fits", True),
        ("*.fits", "xxfits", False),
        ("a?c", "abc", True),
        ("a?c", "a😀c", True),
        ("a?c", "ac", False),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
    ],
)
def test_what_matches(glob, text, matches):
    assert bool(Pattern.from_glob(glob).to_regex().fullmatch(text)) is matches


@given(st.text(alphabet="a*?%_\\.\n"))
def test_escaped_text_matches_itself_alone(text):
    escaped = re.sub(r"([\\*?])", r"\\\1", text)
    pattern = Pattern.from_glob(escaped)
    assert pattern.literal == pattern.prefix == text
    assert Pattern.from_like(pattern.to_like()) == pattern


def test_a_pattern_knows_its_prefix():
    assert Pattern.from_glob("ab*c").prefix == "ab"
    assert Pattern.from_glob("*c").prefix == ""
    assert Pattern.from_glob("ab*c").literal is None
    assert Pattern.from_glob("*").literal is None


@pytest.mark.parametrize("read", [Pattern.from_glob, Pattern.from_like])
def test_a_lone_backslash_is_refused(read):
    with pytest.raises(ValueError, match="escapes nothing"):
        read("a\\")
