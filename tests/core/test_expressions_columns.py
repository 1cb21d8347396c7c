"""Python expressions make the same trees as text."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

from butler_core.errors import InvalidInputError, QueryError
from butler_core.expressions.columns import Expression, columns, tree_of
from butler_core.expressions.tree import IntLiteral, Name
from butler_core.expressions.where import OrderKey, WhereClause, parse, read_order_by, read_where
from butler_core.models.timespan import Timespan

c = columns
SPAN = Timespan(5, 9)
SPAN_TEXT = "(T'1970-01-01T00:00:00.000000005/tai', T'1970-01-01T00:00:00.000000009/tai')"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (c.detector, "detector"),
        (c.visit.exposure_time, "visit.exposure_time"),
        (c.visit.timespan.begin, "visit.timespan.begin"),
        (c["flat"].ingest_date, "flat.ingest_date"),
        (c["my type"]["2"], "`my type`.`2`"),
        (c["visit.exposure_time"], "visit.exposure_time"),
        (c["desc"], "desc"),
        (c["_x"], "_x"),
        (c.detector == 5, "detector = 5"),
        (c.detector != 5, "detector != 5"),
        (c.a < 5, "a < 5"),
        (c.a <= 5, "a <= 5"),
        (c.a > 5, "a > 5"),
        (c.a >= 5, "a >= 5"),
        (5 < c.a, "a > 5"),  # noqa: SIM300
        (c.a == c.b, "a = b"),
        (c.a == None, "a IS NULL"),  # noqa: E711
        (c.a != None, "a IS NOT NULL"),  # noqa: E711
        (c.a.is_null(), "a IS NULL"),
        (~c.a.is_null(), "a IS NOT NULL"),
        (c.a == "it's", "a = 'it''s'"),
        (c.a == np.int64(5), "a = 5"),
        (np.int64(5) + c.a, "5 + a"),
        (np.float64(0.5) < c.a, "a > 0.5"),
        (c.a + 1, "a + 1"),
        (c.a - 1, "a - 1"),
        (c.a * 2, "a * 2"),
        (c.a / 2, "a / 2"),
        (c.a % 2, "a % 2"),
        (1 + c.a, "1 + a"),
        (1 - c.a, "1 - a"),
        (2 * c.a, "2 * a"),
        (2 / c.a, "2 / a"),
        (7 % c.a, "7 % a"),
        ((c.a + 1) * 2 - c.b, "(a + 1) * 2 - b"),
        (-c.a, "-a"),
        (+c.a, "+a"),
        (-(c.a + 1), "-(a + 1)"),
        (c.a & c.b | c.d, "a AND b OR d"),
        (c.a & (c.b | c.d), "a AND (b OR d)"),
        (c.a & True, "a AND TRUE"),
        (True & c.a, "TRUE AND a"),
        (False | c.a, "FALSE OR a"),
        (~(c.a == 5), "NOT a = 5"),
        ((c.a == 1) & (c.b == 2) & (c.d == 3), "a = 1 AND b = 2 AND d = 3"),
        (c.a.is_in([1, 2]), "a IN (1, 2)"),
        (c.a.is_in([]), "a IN ()"),
        (c.a.is_in({2, 1}), "a IN (1, 2)"),
        (c.a.is_in(range(1, 10)), "a IN (1..9)"),
        (c.a.is_in(np.array([1, 2])), "a IN (1, 2)"),
        (c.a.is_in(x for x in "ab"), "a IN ('a', 'b')"),
        (~c.a.is_in([1]), "a NOT IN (1)"),
        (c.a.is_in(SPAN), f"a IN {SPAN_TEXT}"),
        (c.a.is_in(c.visit.timespan), "a IN visit.timespan"),
        (c.a.between(1, c.b), "a BETWEEN 1 AND b"),
        (c.a.overlaps(c.b), "a OVERLAPS b"),
        (c.a.overlaps(SPAN), f"a OVERLAPS {SPAN_TEXT}"),
        (c.a.glob("x*"), "GLOB(a, 'x*')"),
        (c.a.like("x%"), "a LIKE 'x%'"),
        (c.a.desc(), "-a"),
        (Expression(5) + c.a, "5 + a"),
        (Expression(c.a), "a"),
        (Expression(Name(name="a")), "a"),
    ],
)
def test_an_expression_is_its_text(expression, text):
    assert str(expression) == text
    assert tree_of(expression) == parse(text)
    assert repr(expression) == f"<Expression {text}>"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: bool(c.a == 1), "for each row only"),
        (lambda: 1 < c.a < 5, "for each row only"),
        (
            lambda: (c.a == 1) and c.b,
            "for each row only",
        ),
        (lambda: c.a in [c.b], "for each row only"),
        (lambda: (c.a & c.b) + 1, "'and' stands where a value is needed"),
        (lambda: (c.a + 1) & c.b, "'arithmetic' stands where a condition is needed"),
        (lambda: ~(c.a + 1), "'arithmetic' stands where a condition is needed"),
        (lambda: c.a & 5, "'int' stands where a condition is needed"),
        (lambda: c.a == [1], "stands for several values"),
        (lambda: np.array([1, 2]) + c.a, "stands for several values"),
        (lambda: c.a == object(), "no literal"),
        (lambda: c.a == float("nan"), "cannot be used"),
        (lambda: c.a.is_in("abc"), "not one value"),
        (
            lambda: c.a.is_in(5),  # type: ignore[arg-type]
            "not one value",
        ),
        (lambda: c.a.is_in([c.b]), "no literal"),
        (lambda: c.a.is_in([[1]]), r"values\[0\]"),
        (lambda: c.a.is_in(c.a + 1), "no expression can be made"),
        (lambda: c.a.like("x\\"), "escapes nothing"),
        (
            lambda: c.a.glob(5),  # type: ignore[arg-type]
            "valid string",
        ),
        (lambda: (c.a + 1)["x"], "since it is no name"),
        (lambda: c["a.b.c.d"], "has 4 parts"),
        (lambda: c[""], "empty part"),
        (lambda: c["a`b"], "backtick"),
        (
            lambda: c[0],  # type: ignore[index]
            "a column's name is a string",
        ),
        (
            lambda: c.a[0],  # type: ignore[index]
            "a column's name is a string",
        ),
        (lambda: columns == 5, "`columns` by itself is no expression"),
        (lambda: columns + 5, "`columns` by itself is no expression"),
        (lambda: c.a + columns, "`columns` by itself is no expression"),
        (lambda: columns.is_null(), "`columns` by itself is no expression"),
    ],
)
def test_wrong_expressions_are_refused(make, problem):
    with pytest.raises(InvalidInputError, match=problem):
        make()


def test_sums_that_are_too_deep_are_refused():
    with pytest.raises(InvalidInputError, match="64 levels deep"):
        sum([c.a] * 70)


def test_long_ands_are_not_deep():
    condition = c.a == 0
    for number in range(300):
        condition = condition | (c.a == number)
    assert tree_of(condition).depth == 3


@pytest.mark.parametrize("name", ["_x", "__len__", "_repr_html_", "__array__"])
def test_names_with_a_leading_underscore_are_no_columns(name):
    assert not hasattr(c, name)
    assert not hasattr(c.visit, name)


def test_attributes_stop_where_names_do():
    assert not hasattr(c.a.b.c, "d")
    assert not hasattr(c.a + 1, "begin")


def test_expressions_are_immutable():
    with pytest.raises(AttributeError, match="immutable"):
        c.a.b = 5
    with pytest.raises(TypeError, match="unhashable"):
        hash(c.a)
    with pytest.raises(TypeError, match="not iterable"):
        iter(c.a)  # type: ignore[call-overload]


def test_expressions_are_copied_and_pickled():
    expression = (c.visit.a == 5) & ~c.b
    for again in (copy.copy(expression), copy.deepcopy(expression), pickle.loads(pickle.dumps(expression))):
        assert tree_of(again) == tree_of(expression)
    assert pickle.loads(pickle.dumps(columns)) is columns
    assert copy.deepcopy(columns) is columns
    assert str(columns) == repr(columns) == "columns"


# ---- what arguments called `where` and `order_by` take


@pytest.mark.parametrize("where", ["", "  \n"])
def test_a_blank_where_demands_nothing(where):
    assert read_where(where) is None
    assert read_where(where, {}) is None


def test_where_takes_text_and_expressions():
    assert read_where("a  ==  :b", {"b": 5}) == WhereClause(parse("a = 5"), "a  ==  :b")  # type: ignore[arg-type]
    assert read_where(c.a == 5) == WhereClause(parse("a = 5"), "a = 5")  # type: ignore[arg-type]
    assert read_where("a") == WhereClause(Name(name="a"), "a")


@pytest.mark.parametrize(
    ("where", "bind", "problem"),
    [
        ("a + 1", {}, "'a \\+ 1' is a value and no condition"),
        (c.a + 1, {}, "'a \\+ 1' is a value and no condition"),
        ("5", {}, "is a value and no condition"),
        (c.a == 5, {"x": 1}, "bind values x were given with a condition that is no text"),
        ("", {"x": 1}, "ends too early"),
        (5, {}, "where 5 is of type int"),
        (None, {}, "where None is of type NoneType"),
        (columns, {}, "by itself is no expression"),
    ],
)
def test_what_is_no_where(where, bind, problem):
    with pytest.raises(InvalidInputError, match=problem):
        read_where(where, bind)


def test_order_by_takes_one_or_many():
    a, visit = Name(name="a"), Name(name="visit.name")
    assert read_order_by("a") == (OrderKey(a, False, "a"),)
    assert read_order_by("-visit.name") == (OrderKey(visit, True, "-visit.name"),)
    assert read_order_by(c.visit.name.desc()) == (OrderKey(visit, True, "-visit.name"),)
    assert read_order_by(["a", -c.visit.name]) == (
        OrderKey(a, False, "a"),
        OrderKey(visit, True, "-visit.name"),
    )
    assert read_order_by([]) == ()
    assert read_order_by("-a + 1") == (OrderKey(parse("-a + 1"), False, "-a + 1"),)
    assert read_order_by("-(a + 1)") == (OrderKey(parse("a + 1"), True, "-(a + 1)"),)
    assert read_order_by("-5")[0].tree == IntLiteral(value=-5)


@pytest.mark.parametrize(
    ("order_by", "error"), [("a b", QueryError), ([5], InvalidInputError), ([""], QueryError)]
)
def test_what_is_no_order(order_by, error):
    with pytest.raises(error):
        read_order_by(order_by)


def test_building_trees_in_python_never_loads_the_parser():
    code = """
import sys
from butler_core.expressions.columns import columns
from butler_core.expressions.names import unknown_name_error
from butler_core.expressions.normal import branches
from butler_core.expressions.where import read_order_by, read_where
clause = read_where((columns.visit.a == 5) & columns.b.is_in([1, 2]))
type(clause.tree).model_validate_json(clause.tree.model_dump_json())
read_order_by([-columns.a])
branches(clause.tree, lambda node, wanted: ())
heavy = {"lark", "numpy", "sqlalchemy", "astropy"} & set(sys.modules)
assert not heavy, heavy
read_where("a = 5")
assert "lark" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
