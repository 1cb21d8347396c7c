"""Every mistake in a text is an error that shows its place."""

import pytest

from butler_core.errors import QueryError
from butler_core.expressions.names import ambiguous_name_error, find_name, name_error, unknown_name_error
from butler_core.expressions.parser import MAX_TEXT
from butler_core.expressions.places import error_at, show_place
from butler_core.expressions.where import parse

LONG = "1" * 5000


def failure(text: str, **bind: object) -> QueryError:
    with pytest.raises(QueryError) as caught:
        parse(text, bind)
    return caught.value


@pytest.mark.parametrize(
    ("text", "position", "problem", "valid"),
    [
        ("", 0, "ends too early", ["a name", "NOT", "("]),
        ("   ", 3, "ends too early", ["a name"]),
        ("a =", 3, "ends too early", ["a name", "a number", "a string '...'", "a bind value :name"]),
        ("a AND", 5, "ends too early", ["NOT", "a name"]),
        ("NOT", 3, "ends too early", ["NOT", "a name"]),
        ("(a", 2, "ends too early", [")", "AND", "="]),
        ("a IN (1, 2", 10, "ends too early", [",", ")", ".."]),
        ("a BETWEEN 1", 11, "ends too early", ["AND"]),
        ("a)", 1, "unexpected ')'", ["the end", "AND"]),
        ("a b", 2, "unexpected 'b'", ["the end", "IN", "IS NULL", "OVERLAPS"]),
        ("a = = 5", 4, "unexpected '='", ["a number"]),
        ("a IN 5", 5, "unexpected '5'", ["(", "a name", "a bind value :name"]),
        ("a IN (1 2)", 8, "unexpected '2'", [",", ")", ".."]),
        ("a IN (b)c", 8, "unexpected 'c'", ["the end"]),
        ("a IN (b, 1)", 7, "unexpected ','", [")"]),
        ("a IN (1.5..2)", 9, "unexpected '..'", [",", ")"]),
        ("a IN (1..b)", 9, "unexpected 'b'", ["a number"]),
        ("a IN (1..9:)", 11, "unexpected ')'", ["a number"]),
        ("a IS 5", 5, "unexpected '5'", ["NOT", "NULL"]),
        ("a NOT b", 6, "unexpected 'b'", ["BETWEEN", "LIKE"]),
        ("a ? b", 2, "unexpected '?'", ["the end"]),
        ("a = 5abc", 5, "unexpected 'abc'", ["the end"]),
        ("a..b", 1, "unexpected '..'", ["the end"]),
        ("GLOB(a, 5)", 8, "unexpected '5'", ["a string '...'", "a bind value :name"]),
        ("GLOB(a)", 6, "unexpected ')'", [",", "+"]),
        ("a LIKE b", 7, "unexpected 'b'", ["a string '...'"]),
        ("REGION('a')", 7, "unexpected \"'a'\"", ["bytes X'...'"]),
        ("POINT(b, 1)", 6, "unexpected 'b'", ["a number"]),
        ("UUID(5)", 5, "unexpected '5'", ["a string '...'"]),
        ("a = 'x' AND\n b c", 15, "unexpected 'c'", ["the end"]),
    ],
)
def test_syntax(text, position, problem, valid):
    error = failure(text)
    assert problem in str(error)
    assert error.details["position"] == position
    assert error.details["text"] == text
    assert set(valid) <= set(error.details["valid"])
    assert f"at character {position} " in str(error)


@pytest.mark.parametrize(
    ("text", "position", "problem", "remedy"),
    [
        ('a = "x"', 4, 'unexpected "', "single quotes"),
        ("a = 'x", 4, "a quote is never closed", "doubled"),
        ("a = T'2013", 5, "a quote is never closed", "doubled"),
        ("a = 'it's'", 8, "unexpected 's'", "doubled"),
        ("`a = 5", 0, "a backtick is never closed", "backticks"),
        ("foo(a)", 3, "unexpected '('", "no such function; those that exist are GLOB"),
        ("a < b < c", 6, "unexpected '<'", "do not chain"),
        ("a.b.c.d = 5", 0, "has 4 parts", ""),
        ("a AND 5", 6, "a value stands where a condition is needed", "Compare"),
        ("5 OR a", 0, "a value stands where a condition is needed", "Compare"),
        ("NOT (a + b)", 5, "a value stands where a condition is needed", "Compare"),
        ("(a AND b) + 1 = c", 1, "a condition stands where a value is needed", ""),
        ("-(a = b) = c", 2, "a condition stands where a value is needed", ""),
        ("a BETWEEN (b = c) AND d", 11, "a condition stands where a value is needed", ""),
        ("(a = b) OVERLAPS c", 1, "a condition stands where a value is needed", ""),
        ("GLOB((a), 'x\\')", 10, "ends in a backslash that escapes nothing", ""),
        ("a = b OR a LIKE 'x\\'", 16, "ends in a backslash that escapes nothing", ""),
        ("a = 9223372036854775808", 4, "does not fit 64 bits", "float"),
        ("a = -9223372036854775809", 4, "does not fit 64 bits", "float"),
        (f"a = {LONG}", 4, "does not fit 64 bits", "float"),
        ("a IN (1, 9223372036854775808)", 9, "does not fit 64 bits", "float"),
        ("a IN (1..9223372036854775808)", 9, "does not fit 64 bits", "float"),
        ("a = 1e999", 4, "finite number", ""),
        ("a = 'x\0'", 4, "NUL", ""),
        ("a = '\ud800'", 4, "cannot be used", ""),
        ("a IN (5, 10..1)", 9, "range 10..1 ends before it begins", ""),
        ("a IN (1..10:0)", 12, "goes up, by steps of 1 or more", ""),
        ("a = UUID('x')", 9, "'x' is no UUID", "32 hexadecimal digits"),
        ("a IN (1, UUID('x'))", 14, "'x' is no UUID", "32 hexadecimal digits"),
        ("a = T'yesterday'", 4, "is no time in TAI", "2013-06-17"),
        ("a = T'2013-02-30'", 4, "is no time in TAI", "2013-06-17"),
        ("a = T'2013-06-17/ut1'", 4, "no time scale 'ut1'", "/tai, /utc or /tt"),
        ("a = T'1960-06-17/utc'", 4, "before 1972", "TAI"),
        ("a = T'2500-01-01'", 4, "64 bits", ""),
        ("a OVERLAPS (T'2013-06-17', :x)", 27, "there is no bind value :x", "bind={'x': ...}"),
        ("a OVERLAPS POINT(1)", 11, "POINT takes right ascension and declination, not 1 number", ""),
        ("a OVERLAPS CIRCLE(1, 2)", 11, "CIRCLE takes right ascension, declination and radius", ""),
        ("a OVERLAPS BOX(1, 2, 3)", 11, "width and height, not 3 numbers", ""),
        ("a OVERLAPS POLYGON(1, 2, 3, 4)", 11, "three corners or more, not 4 numbers", ""),
        ("a OVERLAPS POLYGON(1, 2, 3, 4, 5, 6, 7)", 11, "three corners or more, not 7 numbers", ""),
        ("a OVERLAPS POINT(1, 1e999)", 20, "finite", ""),
        ("a OVERLAPS REGION(X'abc')", 18, "pairs of hexadecimal digits", ""),
        ("a OVERLAPS REGION(X'')", 18, "pairs of hexadecimal digits", ""),
    ],
)
def test_slips_are_explained(text, position, problem, remedy):
    error = failure(text)
    assert problem in str(error)
    assert remedy in error.remedy
    assert error.details["position"] == position
    assert "valid" in error.details


def test_the_caret_stands_below_the_place():
    assert str(failure("visit = 5 AND\n  detector = = 3")) == (
        "unexpected '=', at character 27 of the expression:\n      detector = = 3\n" + " " * 17 + "^"
    )


def test_time_scales_are_listed():
    assert failure("a = T'2013-06-17/ut1'").details["valid"] == ["tai", "utc", "tt"]


@pytest.mark.parametrize(
    "text", ["(" * 100_000 + "a", "NOT " * 65 + "a", "-" * 20_000 + "a = b", "a" + " + a" * 65 + " = b"]
)
def test_deep_text_is_refused(text):
    error = failure(text)
    assert "ends too early" in str(error) or "nested more than 64 levels deep" in str(error)
    assert len(str(error)) < 400


def test_parentheses_and_chains_of_and_are_not_deep():
    assert parse("(" * 5_000 + "a" + ")" * 5_000) == parse("a")
    assert parse(" AND ".join(["a"] * 2_000)).depth == 2


def test_long_text_is_refused():
    error = failure("a" * (MAX_TEXT + 1))
    assert "1000001 characters" in str(error)
    assert len(error.details["text"]) < 300


def test_an_error_is_the_same_when_met_again():
    assert str(failure("a = = 5")) == str(failure("a = = 5"))


@pytest.mark.parametrize(
    ("text", "position", "shown"),
    [
        ("abc", 0, "    abc\n    ^"),
        ("abc", 3, "    abc\n       ^"),
        ("ab\ncd\nef", 4, "    cd\n     ^"),
        ("ab\n", 3, "    \n    ^"),
        ("ab\n", 2, "    ab\n      ^"),
        ("a\tb", 2, "    a b\n      ^"),
        ("名='' b", 5, "    名='' b\n          ^"),
        ("x='🎉' b", 6, "    x='🎉' b\n           ^"),
        ("x='e\u0301' b", 7, "    x='e\u0301' b\n          ^"),
        ("x" * 300, 10, "    " + "x" * 100 + "...\n    " + " " * 10 + "^"),
        ("x" * 300, 150, "    ..." + "x" * 100 + "...\n    " + " " * 53 + "^"),
        ("x" * 300, 299, "    ..." + "x" * 100 + "\n    " + " " * 102 + "^"),
    ],
)
def test_places_are_shown(text, position, shown):
    assert show_place(text, position) == shown


def test_what_would_do_is_the_remedy_if_there_is_no_better():
    assert error_at("abc", 1, "wrong", valid=["x", "y"]).remedy == "Valid here: x, y."
    assert error_at("abc", 1, "wrong", valid=["x"], remedy="Mend it.").remedy == "Mend it."


TEXT = "detector = 5 AND visit.exposure_tim > :limit AND name = 'visit.exposure_tim'"
VALID = ["visit.exposure_time", "visit.name", "exposure.name", "detector", "instrument"]


def test_an_unknown_name_is_shown_in_its_place():
    error = unknown_name_error(TEXT, "visit.exposure_tim", VALID)
    assert error.details == {"text": TEXT, "position": 17, "valid": sorted(VALID)}
    assert str(error).startswith("unknown name 'visit.exposure_tim', at character 17 of the expression:")
    assert error.remedy == "Did you mean visit.exposure_time?"


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("Detector", "Did you mean detector?"),
        ("vist.name", "Did you mean visit.name or exposure.name?"),
        ("name", "Did you mean visit.name or exposure.name?"),
        ("instrumet", "Did you mean instrument?"),
        ("zzz", "Valid names are: detector, exposure.name, instrument, visit.exposure_time, visit.name."),
    ],
)
def test_what_was_meant_is_guessed(name, remedy):
    assert unknown_name_error(f"{name} = 5", name, VALID).remedy == remedy


def test_many_valid_names_are_counted():
    error = unknown_name_error("zzz", "zzz", [f"column_{number:03}" for number in range(100)])
    assert error.remedy.endswith("column_029 and 70 more.")
    assert len(error.details["valid"]) == 100


def test_no_valid_names_at_all():
    assert unknown_name_error("zzz", "zzz", []).remedy == "There are no names to choose from here."


@pytest.mark.parametrize("text", ["", "a = ", "other = 5"])
def test_a_name_without_a_place_still_gives_an_error(text):
    error = name_error(text, "a", "wrong name 'a'", valid=["b"])
    assert error.details == {"text": text, "position": None, "valid": ["b"]}
    assert str(error).startswith("wrong name 'a'")


def test_an_ambiguous_name_lists_its_candidates():
    error = ambiguous_name_error("name = 'x'", "name", ["visit.name", "exposure.name"])
    assert error.details["position"] == 0
    assert error.details["valid"] == ["exposure.name", "visit.name"]
    assert error.remedy == "Write one of: exposure.name, visit.name."


@pytest.mark.parametrize(
    ("text", "name", "position"),
    [
        ("b = 1 AND a", "a", 10),
        ("b = 'a' OR a = a", "a", 11),
        ("b IN ( a )", "a", 7),
        ("`x y`.z = 1", "x y.z", 0),
        ("a.b = b", "b", 6),
        ("POINT(1, 2) OVERLAPS a", "a", 21),
        ("b > :a", "a", None),
    ],
)
def test_names_are_found(text, name, position):
    assert find_name(text, name) == position
