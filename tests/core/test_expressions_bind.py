"""Bind values take the place of ``:name``, whatever Python has for them."""

import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from types import ModuleType
from uuid import UUID

import numpy as np
import pytest

from butler_core.errors import InvalidInputError, QueryError
from butler_core.expressions.literals import is_collection, to_list_items, to_literal
from butler_core.expressions.tree import (
    Comparison,
    EncodedRegionLiteral,
    In,
    IntRange,
    Not,
    TimespanLiteral,
    Within,
)
from butler_core.expressions.where import parse
from butler_core.models.timespan import Timespan
from butler_core.tai import datetime_to_tai

ID = UUID("27ba5f12-0000-0000-0000-aabbccddeeff")
MOMENT = datetime(2013, 6, 17, tzinfo=UTC)
MOMENT_NS = datetime_to_tai(MOMENT)
SPAN = Timespan(5, 9)


class Region:
    """As geometry libraries have them: it knows its own bytes."""

    def __init__(self, data: bytes = b"c\xa0") -> None:
        self._data = data

    def encode(self) -> bytes:
        return self._data


class Compound(Region):
    def __iter__(self):
        return iter([Region(), Region()])


def failure(text: str, **bind: object) -> QueryError:
    with pytest.raises(QueryError) as caught:
        parse(text, bind)
    return caught.value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "TRUE"),
        (5, "5"),
        (-(2**63), "-9223372036854775808"),
        (1.5, "1.5"),
        ("it's :b", "'it''s :b'"),
        (ID, f"UUID('{ID}')"),
        (MOMENT, "T'2013-06-17T00:00:00/utc'"),
        (datetime(2013, 6, 17), "T'2013-06-17T00:00:00/utc'"),
        (datetime(2013, 6, 17, 2, tzinfo=timezone(timedelta(hours=2))), "T'2013-06-17T00:00:00/utc'"),
        (SPAN, "(T'1970-01-01T00:00:00.000000005', T'1970-01-01T00:00:00.000000009')"),
        (Timespan(), "(NULL, NULL)"),
        (Timespan.empty(), "(T'1970-01-01', T'1970-01-01')"),
        (Region(), "REGION(X'63a0')"),
        (Compound(), "REGION(X'63a0')"),
        (np.int64(5), "5"),
        (np.uint8(5), "5"),
        (np.float64(1.5), "1.5"),
        (np.float32(1.5), "1.5"),
        (np.bool_(True), "TRUE"),
        (np.str_("x"), "'x'"),
        (np.array(5), "5"),
        (np.datetime64("2013-06-17T00:00:00"), "T'2013-06-17T00:00:00/utc'"),
        (np.datetime64("2013-06-17T00:00:00.000000001", "ns"), "T'2013-06-17T00:00:00.000000001/utc'"),
    ],
)
def test_a_bind_value_means_what_its_literal_means(value, text):
    assert parse("a = :b", {"b": value}) == parse(f"a = {text}")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "()"),
        ((), "()"),
        ([1, 2, 1], "(1, 2, 1)"),
        ((1, "a", None), "(1, 'a', NULL)"),
        ({3, 1, 2}, "(1, 2, 3)"),
        (frozenset({"b", "a"}), "('a', 'b')"),
        ({"b", 1, None, 2.5}, "(2.5, 1, NULL, 'b')"),
        ({5: "x", 6: "y"}.keys(), "(5, 6)"),
        (range(1, 10), "(1..9)"),
        (range(1, 10, 2), "(1..9:2)"),
        (range(10, 0, -3), "(1..10:3)"),
        (range(0), "()"),
        (range(0, 10**15, 7), "(0..999999999999994:7)"),
        (np.array([3, 1, 2]), "(3, 1, 2)"),
        (np.array([1.5]), "(1.5)"),
        (np.array(["x", "y"]), "('x', 'y')"),
        (np.array([True]), "(TRUE)"),
        (np.array([], dtype=int), "()"),
        (np.array(["2013-06-17"], dtype="datetime64[ns]"), "(T'2013-06-17/utc')"),
        ([np.int32(4), np.float32(0.5)], "(4, 0.5)"),
        ([ID], f"(UUID('{ID}'))"),
        ([MOMENT, MOMENT], "(T'2013-06-17/utc', T'2013-06-17/utc',)"),
        ((number for number in [1, 2]), "(1, 2)"),
    ],
)
def test_a_bound_collection_is_a_list(values, text):
    expected = parse(f"a IN {text}")
    assert isinstance(expected, In)
    assert parse("a IN :b", {"b": values}) == expected


def test_a_bound_collection_may_stand_in_parentheses():
    assert parse("a IN (:b)", {"b": [1, 2]}) == parse("a IN (1, 2)")
    assert parse("a NOT IN (:b)", {"b": ()}) == parse("a NOT IN ()")
    assert parse("a IN (5, :b, 7..9, :c)", {"b": range(1, 3), "c": 8}) == parse("a IN (5, 1..2, 7..9, 8)")
    assert parse("a IN (:b)", {"b": 5}) == parse("a IN (5)")


def test_bound_timespans_contain():
    expected = Within(operand=parse("t"), timespan=TimespanLiteral.of(SPAN))  # type: ignore[arg-type]
    assert parse("t IN :b", {"b": SPAN}) == expected
    assert parse("t IN (:b)", {"b": SPAN}) == expected
    assert parse("t NOT IN :b", {"b": SPAN}) == Not(operand=expected)


@pytest.mark.parametrize("text", ["a OVERLAPS {}", "a IN {}"])
def test_the_ends_of_a_timespan_can_be_bound(text):
    expected = parse(text.format("(T'2013-06-17/utc', NULL)"))
    assert parse(text.format("(:b, :c)"), {"b": MOMENT, "c": None}) == expected
    assert parse(text.format("(:b, NULL)"), {"b": MOMENT}) == expected
    assert parse(text.format("(T'2013-06-17/utc', :c)"), {"c": None}) == expected


def test_two_bound_values_are_a_list_unless_they_are_times():
    assert parse("a IN (:b, :c)", {"b": 1, "c": 2}) == parse("a IN (1, 2)")
    assert parse("a IN (:b, :c,)", {"b": MOMENT, "c": MOMENT}) == parse("a IN :d", {"d": [MOMENT, MOMENT]})
    assert parse("a IN (:b, :c)", {"b": [MOMENT], "c": 5}) == parse("a IN (T'2013-06-17/utc', 5)")


def test_patterns_and_regions_take_bind_values():
    assert parse("GLOB(a, :b) OR a LIKE :b", {"b": "x*"}) == parse("GLOB(a, 'x*') OR a LIKE 'x*'")
    assert parse("a OVERLAPS CIRCLE(:b, -5, :c)", {"b": 10, "c": np.float64(0.5)}) == parse(
        "a OVERLAPS CIRCLE(10, -5, 0.5)"
    )


def test_a_bind_value_may_be_used_twice():
    assert parse("a = :b OR c = :b", {"b": 5}) == parse("a = 5 OR c = 5")


def test_a_bind_value_is_never_read_as_text():
    tree = parse("a = :b", {"b": "' OR TRUE OR a = '"})
    assert isinstance(tree, Comparison)
    assert tree.right == to_literal("' OR TRUE OR a = '")


def test_booleans_can_be_bound_as_conditions():
    assert parse("a AND :b", {"b": False}) == parse("a AND FALSE")


def test_the_same_text_takes_different_values():
    text = "a = :b"
    assert parse(text, {"b": 1}) != parse(text, {"b": 2})


@pytest.mark.parametrize(
    ("text", "bind", "position", "problem", "remedy"),
    [
        ("a = :b", {}, 4, "there is no bind value :b", "Give it: bind={'b': ...}."),
        ("a = :b", {"B": 1}, 4, "there is no bind value :b", "Give it"),
        ("a IN (1, :b)", {}, 9, "there is no bind value :b", ""),
        ("GLOB(a, :b)", {}, 8, "there is no bind value :b", ""),
        ("a = :b", {"b": [1]}, 4, "is of type list; only IN takes several", ""),
        ("a = :b", {"b": range(3)}, 4, "is of type range; only IN takes several", ""),
        (
            "a = :b",
            {"b": Decimal(1)},
            4,
            "is of type Decimal, for which there is no literal",
            "Use None, a bool",
        ),
        ("a = :b", {"b": date(2013, 6, 17)}, 4, "is of type date, for which", ""),
        ("a = :b", {"b": {"x": 1}}, 4, "is of type dict, for which", ""),
        ("a = :b", {"b": b"x"}, 4, "is of type bytes, for which", ""),
        ("a = :b", {"b": float("nan")}, 4, "finite", "floats be finite"),
        ("a = :b", {"b": float("inf")}, 4, "finite", ""),
        ("a = :b", {"b": 2**63}, 4, "cannot be used", "fit 64 bits"),
        ("a = :b", {"b": "x\0"}, 4, "NUL", ""),
        ("a = :b", {"b": "\ud800"}, 4, "cannot be used", ""),
        ("a = :b", {"b": Region(b"")}, 4, "cannot be used", ""),
        ("a = :b", {"b": datetime(1950, 1, 1)}, 4, "before 1972", ""),
        ("a IN :b", {"b": 5}, 5, "is of type int; IN takes a list", "parentheses: (:b)"),
        ("a IN :b", {"b": "abc"}, 5, "is of type str; IN takes a list", "parentheses: (:b)"),
        ("a IN :b", {"b": {"x": 1}}, 5, "is of type dict; IN takes a list", ""),
        ("a IN :b", {"b": Compound()}, 5, "is of type Compound; IN takes a list", ""),
        ("a IN :b", {"b": [1, [2]]}, 5, "bind value :b[1] [2] is of type list", ""),
        ("a IN :b", {"b": np.zeros((2, 2))}, 5, "bind value :b[0] [0.0, 0.0] is of type list", ""),
        ("a IN :b", {"b": [1.0, float("nan")]}, 5, "bind value :b[1] nan cannot be used", ""),
        ("a IN :b", {"b": [SPAN]}, 5, "which a list may not hold", "OVERLAPS"),
        ("a IN (1, :b)", {"b": SPAN}, 9, "which a list may not hold", ""),
        ("a IN :b", {"b": range(2**63, 2**63 + 5)}, 5, "cannot be used", "64 bits"),
        ("a OVERLAPS (:b, NULL)", {"b": 5}, 12, "the ends of a timespan are times", ""),
        ("a OVERLAPS (NULL, :b)", {"b": 5}, 18, "the ends of a timespan are times", ""),
        ("GLOB(a, :b)", {"b": 5}, 8, "a pattern is a string, not of kind 'int'", ""),
        ("a LIKE :b", {"b": "x\\"}, 7, "escapes nothing", ""),
        ("a OVERLAPS POINT(1, :b)", {"b": "x"}, 20, "a region is made of numbers, not of kind 'string'", ""),
        ("a AND :b", {"b": 5}, 6, "a value stands where a condition is needed", ""),
    ],
)
def test_bad_bind_values_show_their_place(text, bind, position, problem, remedy):
    error = failure(text, **bind)
    assert problem in str(error)
    assert remedy in error.remedy
    assert error.details["position"] == position
    assert error.details["text"] == text


def test_known_bind_values_are_listed():
    assert failure("a = :b", c=1, d=2).details["valid"] == [":c", ":d"]


def test_unused_bind_values_are_refused():
    error = failure("a = :b", b=1, c=2, d=3)
    assert "no place in the expression 'a = :b' for bind values :c, :d" in str(error)
    assert error.details == {"text": "a = :b", "position": None, "valid": [":b"]}


def test_a_place_within_a_string_is_none():
    assert "no place" in str(failure("a = ':b'", b=1))


def test_astropy_times_are_taken_without_importing_astropy(monkeypatch):
    fake = ModuleType("astropy.time")

    class Time:
        __module__ = "astropy.time"

    monkeypatch.setitem(sys.modules, "astropy.time", fake)
    monkeypatch.setattr(
        Timespan, "from_astropy", classmethod(lambda cls, begin, end: Timespan(MOMENT_NS, end))
    )
    assert parse("a = :b", {"b": Time()}) == parse("a = T'2013-06-17/utc'")


def test_a_value_that_cannot_be_a_literal_is_named():
    with pytest.raises(InvalidInputError, match=r"limit .* is of type object"):
        to_literal(object(), "limit")


def test_long_values_are_cut_in_errors():
    with pytest.raises(InvalidInputError) as caught:
        to_literal(["x" * 10_000])
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [[], (), set(), range(3), np.array([1]), {}.keys(), iter([])])
def test_collections(value):
    assert is_collection(value)


@pytest.mark.parametrize(
    "value", [None, 5, "abc", b"abc", {}, np.array(5), np.int64(5), SPAN, Region(), Compound()]
)
def test_single_values(value):
    assert not is_collection(value)


def test_ranges_are_never_spelt_out():
    assert to_list_items(range(-(2**63), 2**63)) == (IntRange(start=-(2**63), stop=2**63 - 1),)


def test_regions_keep_their_bytes():
    literal = to_literal(Region(b"\x00\xff"))
    assert isinstance(literal, EncodedRegionLiteral)
    assert literal.encoded == b"\x00\xff"
