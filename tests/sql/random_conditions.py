"""Random conditions, each as text and as a Python function of a row, which share no code with parser and planner."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

from butler_core import tai
from butler_core.models.timespan import Timespan

Row = Mapping[str, Any]
"""Values by name as conditions write it; a timespan is (begin, end), None for missing or, within, open."""


class Written(NamedTuple):
    """An expression."""

    text: str
    value: Callable[[Row], Any]


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _remainder(left: Any, right: Any) -> Any:
    if right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        return abs(left) % abs(right) * (-1 if left < 0 else 1)
    return math.fmod(left, right)


ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda left, right: left / right if right else None,
    "%": _remainder,
}


def name(text: str) -> Written:
    """Write a name."""
    return Written(text, lambda row: row[text])


def _literal(value: Any) -> Written:
    text = "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)
    return Written(text, lambda row: value)


def _both(function: Callable[[Any, Any], Any], left: Written, right: Written) -> Callable[[Row], Any]:
    def value(row: Row) -> Any:
        first, second = left.value(row), right.value(row)
        return None if first is None or second is None else function(first, second)

    return value


def numbers(names: list[str]) -> st.SearchStrategy[Written]:
    """Make numbers."""
    leaves = st.one_of(
        st.sampled_from(names).map(name),
        st.integers(-4, 6).map(_literal),
        st.sampled_from([0.0, 0.1, 1.5, -2.5, 15.0, 30.0]).map(_literal),
    )

    def extend(inner: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
        return st.tuples(inner, st.sampled_from(sorted(ARITHMETIC)), inner).map(
            lambda t: Written(f"({t[0].text} {t[1]} {t[2].text})", _both(ARITHMETIC[t[1]], t[0], t[2]))
        )

    return st.recursive(leaves, extend, max_leaves=4)


def _fits(pattern: str, text: str, any_text: str, any_character: str) -> bool:
    if not pattern:
        return not text
    head, rest = pattern[0], pattern[1:]
    if head == any_text:
        return any(_fits(rest, text[n:], any_text, any_character) for n in range(len(text) + 1))
    if head == "\\":
        head, rest = rest[0], rest[1:]
    elif head == any_character:
        return bool(text) and _fits(rest, text[1:], any_text, any_character)
    return text[:1] == head and _fits(rest, text[1:], any_text, any_character)


def _matching(operand: Written, pattern: str, is_glob: bool) -> Written:
    quoted = "'" + pattern + "'"
    text = f"GLOB({operand.text}, {quoted})" if is_glob else f"{operand.text} LIKE {quoted}"
    signs = ("*", "?") if is_glob else ("%", "_")

    def value(row: Row) -> bool | None:
        found = operand.value(row)
        return None if found is None else _fits(pattern, found, *signs)

    return Written(text, value)


def _listed(operand: Written, items: list[Any], has_null: bool) -> Written:
    texts = [
        _literal(item).text if not isinstance(item, range) else f"{item.start}..{item.stop - 1}:{item.step}"
        for item in items
    ]
    if has_null:
        texts.append("NULL")

    def value(row: Row) -> bool | None:
        found = operand.value(row)
        if not texts:
            return False
        if found is None:
            return None
        if any(found in item if isinstance(item, range) else found == item for item in items):
            return True
        return None if has_null else False

    return Written(f"{operand.text} IN ({', '.join(texts)})", value)


_TIMES = st.integers(-3, 25)


def _time(ns: int) -> Written:
    return Written(f"T'{tai.format_iso(ns)}/tai'", lambda row: ns)


def _timespan(bounds: tuple[int | None, int | None]) -> Written:
    texts = ["NULL" if bound is None else _time(bound).text for bound in bounds]
    return Written(f"({', '.join(texts)})", lambda row: bounds)


def _as_span(bounds: Any) -> Timespan:
    return Timespan(*bounds)


def _before(left: Any, right: Any) -> bool:
    """Whether all of one timespan, or a time, is before all of another."""
    first, second = _ends(left), _ends(right)
    return first is not None and second is not None and first[1] <= second[0]


def _ends(value: Any) -> tuple[float, float] | None:
    if isinstance(value, int):
        return value, value + 1
    span = _as_span(value)
    if span.is_empty:
        return None
    return (
        -math.inf if span.begin is None else span.begin,
        math.inf if span.end is None else span.end,
    )


def _timespan_tests(names: list[str]) -> st.SearchStrategy[Written]:
    columns = st.sampled_from(names).map(name)
    bounds = st.tuples(st.none() | _TIMES, st.none() | _TIMES).filter(
        lambda t: t[0] is None or t[1] is None or t[0] < t[1]
    )
    spans = columns | bounds.map(_timespan)
    times = _TIMES.map(_time) | st.sampled_from([f"{n}.{b}" for n in names for b in ("begin", "end")]).map(
        name
    )
    tests: list[tuple[str, Callable[[Any, Any], bool], Any, Any]] = [
        ("OVERLAPS", lambda a, b: _as_span(a).overlaps(_as_span(b)), columns, spans),
        ("<", _before, columns, spans),
        (">", lambda a, b: _before(b, a), spans, columns),
        ("=", lambda a, b: _as_span(a) == _as_span(b), columns, spans),
        ("!=", lambda a, b: _as_span(a) != _as_span(b), columns, spans),
        ("IN", lambda a, b: _as_span(b).contains(a), times, spans),
        ("IN", lambda a, b: _as_span(b).contains(_as_span(a)), columns, spans),
        ("<", _before, times, columns),
        ("<", operator.lt, times, times),
        (">=", operator.ge, times, times),
    ]
    return st.one_of(
        *(
            st.tuples(left, right).map(
                lambda t, op=op, fn=fn: Written(f"{t[0].text} {op} {t[1].text}", _both(fn, t[0], t[1]))  # type: ignore[misc]
            )
            for op, fn, left, right in tests
        )
    )


def conditions(
    *,
    ints: list[str],
    floats: list[str],
    strings: list[str],
    bools: list[str],
    timespans: list[str],
    samples: list[str],
) -> st.SearchStrategy[Written]:
    """Make conditions over names of these types; ``samples`` are texts to compare with."""
    ops = st.sampled_from(sorted(COMPARISONS))
    values = numbers(ints + floats)
    texts = st.sampled_from(strings).map(name) | st.sampled_from(samples).map(_literal)
    text_names = st.sampled_from(strings).map(name)
    patterns = st.text(alphabet="aAEvVS0_%*?é", max_size=3) | st.sampled_from(
        ["S%", "%0", "v_", "\\%", "v\\_2", "a[b]", "*[*"]
    )
    items: st.SearchStrategy[Any] = st.integers(-1, 5) | st.builds(
        lambda start, length, step: range(start, start + length * step + 1, step),
        st.integers(-2, 3),
        st.sampled_from([0, 1, 3, 2000]),
        st.integers(1, 3),
    )
    span_names = st.sampled_from(timespans).map(name)
    anything = st.one_of(values, texts, span_names, st.sampled_from(bools).map(name))
    leaves = st.one_of(
        st.tuples(values, ops, values).map(_compared),
        st.tuples(texts, ops, texts).map(_compared),
        st.sampled_from(bools).map(name),
        st.tuples(
            st.sampled_from(bools).map(name), st.sampled_from(["=", "!="]), st.sampled_from(bools).map(name)
        ).map(_compared),
        anything.map(lambda w: Written(f"{w.text} IS NULL", lambda row: w.value(row) is None)),
        st.builds(_listed, values, st.lists(items, max_size=3), st.booleans()),
        st.builds(_listed, text_names, st.lists(st.sampled_from(samples), max_size=3), st.booleans()),
        st.builds(_matching, text_names, patterns, st.booleans()),
        st.tuples(values, values, values).map(_between),
        st.sampled_from(
            [
                Written("TRUE", lambda row: True),
                Written("FALSE", lambda row: False),
                Written("NULL", lambda row: None),
            ]
        ),
        _timespan_tests(timespans),
    )
    return st.recursive(leaves, _combined, max_leaves=5)


def _compared(parts: tuple[Written, str, Written]) -> Written:
    left, op, right = parts
    return Written(f"{left.text} {op} {right.text}", _both(COMPARISONS[op], left, right))


def _between(parts: tuple[Written, Written, Written]) -> Written:
    operand, low, high = parts
    above, below = _both(operator.ge, operand, low), _both(operator.le, operand, high)
    return Written(
        f"{operand.text} BETWEEN {low.text} AND {high.text}", lambda row: _and(above(row), below(row))
    )


def _and(left: Any, right: Any) -> Any:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _not(value: Any) -> Any:
    return None if value is None else not value


def _combined(inner: st.SearchStrategy[Written]) -> st.SearchStrategy[Written]:
    return st.one_of(
        inner.map(lambda w: Written(f"NOT ({w.text})", lambda row: _not(w.value(row)))),
        st.tuples(inner, inner).map(
            lambda t: Written(
                f"({t[0].text}) AND ({t[1].text})", lambda row: _and(t[0].value(row), t[1].value(row))
            )
        ),
        st.tuples(inner, inner).map(
            lambda t: Written(
                f"({t[0].text}) OR ({t[1].text})",
                lambda row: _not(_and(_not(t[0].value(row)), _not(t[1].value(row)))),
            )
        ),
    )
