"""Whatever text comes, only the butler's own errors come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

import lark
import pytest
from hypothesis import example, given, settings, strategies as st

from butler_core.errors import QueryError
from butler_core.expressions.printer import to_text
from butler_core.expressions.tree import is_condition
from butler_core.expressions.where import parse, read_order_by, read_where

GRAMMAR = lark.Lark(
    files("butler_core.expressions").joinpath("grammar.lark").read_text(encoding="utf-8"), parser="lalr"
)
SAMPLES: dict[str, list[str]] = {
    "NAME": ["detector", "visit.exposure_time", "`x y`.z", "a . b", "é"],
    "BIND": [":x"],
    "INT": ["0", "-7", "+ 3", "00012", "9223372036854775807", "9223372036854775808"],
    "FLOAT": ["1.5", "-2.", ".5e-3", "1e400"],
    "STRING": ["''", "'it''s'", "'a*b?'", "'x\\'", "'\\%'"],
    "TIME": ["T'2013-06-17'", "t'2013-06-17T01:02:03.5/utc'", "T'noon'"],
    "UUID": ["27ba5f12-0000-0000-0000-aabbccddeeff"],
    "HEX": ["X''", "x'00ff'", "X'abc'"],
    "SHAPE": ["POINT", "circle", "BOX", "POLYGON"],
    "COMPARISON": ["=", "==", "!=", "<>", "<", "<=", ">", ">="],
    "SIGN": ["+", "-"],
    "FACTOR": ["*", "/", "%"],
    "NULL": ["NULL", "null"],
    "TRUE": ["TRUE"],
    "FALSE": ["false"],
    "TRAILING_COMMA": [","],
    "_NOT_IN": ["NOT IN", "not\nin"],
    "_RANGE": [".."],
    "COMMA": [","],
    "COLON": [":"],
    "LPAR": ["("],
    "RPAR": [")"],
    **{
        f"_{word}": [word, word.lower()]
        for word in ("OR", "AND", "NOT", "IN", "IS", "OVERLAPS", "BETWEEN", "LIKE")
    },
    **{f"_{word}": [word] for word in ("REGION", "GLOB", "UUID")},
}
"""Texts of each terminal of the grammar: some that are right, some that only look so."""


def _rules() -> dict[str, list[Sequence[lark.grammar.Symbol]]]:
    found: dict[str, list[Sequence[lark.grammar.Symbol]]] = {}
    for rule in GRAMMAR.rules:
        found.setdefault(rule.origin.name, []).append(rule.expansion)
    return found


RULES = _rules()


def _depths() -> dict[str, int]:
    """Return how deep the shallowest sentence of each rule is."""
    depths = dict.fromkeys(RULES, 10000)
    for _ in RULES:
        for name, expansions in RULES.items():
            depths[name] = 1 + min(_depth(expansion, depths) for expansion in expansions)
    return depths


def _depth(expansion: Sequence[lark.grammar.Symbol], depths: dict[str, int]) -> int:
    return max((0 if symbol.is_term else depths[symbol.name] for symbol in expansion), default=0)


DEPTHS = _depths()


@st.composite
def sentences(draw: Callable[[st.SearchStrategy[Any]], Any]) -> str:
    """Write a sentence of the grammar, whichever it is: rules are followed at random until they get too deep."""
    words: list[str] = []
    todo: list[tuple[str, bool, int]] = [("start", False, draw(st.integers(12, 24)))]
    while todo:
        name, is_term, budget = todo.pop()
        if is_term:
            words.append(draw(st.sampled_from(SAMPLES[name])))
            continue
        expansions = [e for e in RULES[name] if _depth(e, DEPTHS) < budget]
        shallow = min(RULES[name], key=lambda e: _depth(e, DEPTHS))
        is_free = expansions and len(words) < 20 and draw(st.integers(0, 2)) == 0
        expansion = draw(st.sampled_from(expansions)) if is_free else shallow
        todo += [(symbol.name, symbol.is_term, budget - 1) for symbol in reversed(expansion)]
    return " ".join(words)


SENTENCES = sentences()
WORDS = [
    "visit", "detector", "a.b", "`x y`", ":x", "5", "-3", "1.5e3", "1..9:2", "'text'", "''", "T'2013-06-17/utc'", "T'x'",
    "X'00ff'", "NULL", "TRUE", "(", ")", "()", ",", "..", "+", "-", "*", "/", "%", "=", "!=", "<", ">=", "AND", "OR", "NOT",
    "IN", "NOT IN", "IS", "BETWEEN", "LIKE", "GLOB(", "POINT(", "CIRCLE(", "POLYGON(", "REGION(", "UUID(", "OVERLAPS",
    "27ba5f12-0000-0000-0000-aabbccddeeff", "'", "`", '"', "\\", ";", "--", "\0", "é", "\u2028", "9" * 30,
]  # fmt: skip
JUMBLES = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
MUTANTS = st.tuples(SENTENCES, st.integers(0, 80), st.integers(0, 5), st.sampled_from(["", *WORDS])).map(
    lambda parts: parts[0][: parts[1]] + parts[3] + parts[0][parts[1] + parts[2] :]
)


def survives(text: str) -> None:
    """Parse a text; what is understood must be so again when it is printed, and any error must show its place."""
    error = None
    try:
        tree = parse(text, {"x": 5} if ":x" in text else {})
    except QueryError as raised:
        error = raised
    if error is None:
        assert parse(to_text(tree)) == tree
        return
    position = error.details["position"]
    assert position is None or 0 <= position <= len(text)
    assert isinstance(error.details["text"], str)
    assert isinstance(error.details["valid"], list)


@given(st.text(max_size=60))
@example("a" * 1000 + "(")
@example("\ud800")
def test_any_text(text: str) -> None:
    survives(text)


@given(JUMBLES)
def test_any_words(text: str) -> None:
    survives(text)


@settings(max_examples=300)
@given(SENTENCES)
def test_any_sentence_of_the_grammar(text: str) -> None:
    survives(text)


@given(MUTANTS)
def test_sentences_with_slips(text: str) -> None:
    survives(text)


@given(SENTENCES | JUMBLES | st.text(max_size=30))
def test_conditions_and_sort_keys(text: str) -> None:
    readers: tuple[Callable[[str], Any], ...] = (read_where, read_order_by)
    for read in readers:
        try:
            found = read(text)
        except QueryError:
            continue
        if read is read_where and found is not None:
            assert is_condition(found.tree)


@given(
    st.dictionaries(
        st.sampled_from(["x", "y", "not a name", ""]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.binary()
        | st.lists(st.integers())
        | st.just(object()),
    )
)
def test_any_bind_values(bind: dict[str, object]) -> None:
    for text in (
        "a = :x",
        "a IN (:x)",
        "a IN :x",
        "a LIKE :x",
        "a OVERLAPS (:x, NULL)",
        "a IN (1, :x) AND b = :y",
    ):
        try:
            read_where(text, bind)
        except QueryError:
            continue


def test_the_fuzzer_writes_what_is_understood() -> None:
    understood = []

    @settings(max_examples=100, database=None, derandomize=True)
    @given(SENTENCES)
    def count(text: str) -> None:
        try:
            parse(text, {"x": 5} if ":x" in text else {})
        except QueryError:
            return
        understood.append(text)

    count()
    assert len(understood) >= 10
    assert {terminal.name for terminal in GRAMMAR.terminals} - {"__IGNORE_0"} <= SAMPLES.keys()


@pytest.mark.parametrize("text", ["\ufeffa = 1", "a\u00a0= 1", "a = 1\u200b", "\x1f", "ﬁ = 1", "a = '\x00'"])
def test_odd_characters(text: str) -> None:
    survives(text)
