"""Random queries over real exports give the answers that nested loops in plain Python give."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from hypothesis import assume, given, note, settings, strategies as st

from butler_core import Butler
from butler_core.errors import QueryError
from butler_core.expressions.query import DatasetSearch
from tests.differential.answers import Oracle, Question, group_of, lacks_governor, needs_sphere, split
from tests.differential.evaluation import TooLargeError
from tests.differential.generator import questions
from tests.differential.trees import IsIn, Literal, Match, Writer
from tests.differential.world import REQUIRED, World

QUESTIONS = 2000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 150
LEAST_SHARE = 0.3
"""Of questions, those that must have an answer that is not empty."""


@pytest.fixture(scope="session")
def oracle(world: World) -> Oracle:
    """Who knows the right answers."""
    return Oracle(world)


class Tally:
    """Counts questions, so that a test of thousands of empty answers cannot pass for one."""

    def __init__(self) -> None:
        self.asked = 0
        self.answered = 0
        self.refused = 0

    def check(self) -> None:
        """Raise AssertionError if too few questions had an answer."""
        assert self.answered >= LEAST_SHARE * self.asked, vars(self)


@pytest.mark.parametrize("kind", ["datasets", "data_ids", "records"])
def test_answers(butler: Butler, oracle: Oracle, kind: str) -> None:
    tally = Tally()

    @settings(max_examples=QUESTIONS, database=None)
    @given(question=questions(oracle, kind), page_size=st.integers(1, 7) | st.just(1000))
    def check(question: Question, page_size: int) -> None:
        assume(not needs_sphere(group_of(question), question.searches))
        with pytest.MonkeyPatch.context() as patch:
            _adapt(butler, patch, page_size, question)
            _check_one(butler, oracle, question, tally)

    check()
    tally.check()


@pytest.mark.parametrize("kind", ["datasets", "data_ids", "records"])
def test_no_value_is_in_the_text_of_a_statement(butler: Butler, oracle: Oracle, kind: str) -> None:
    explained = []

    @settings(max_examples=QUESTIONS // 3, database=None)
    @given(question=questions(oracle, kind))
    def check(question: Question) -> None:
        assume(not needs_sphere(group_of(question), question.searches) and not lacks_governor(question))
        writer = Writer()
        where = "" if question.where is None else writer.write(question.where)
        with pytest.MonkeyPatch.context() as patch:
            _adapt(butler, patch, 100, question)
            text = _ask(butler, question, where, writer.bind, []).explain()
        statements = text if "SELECT" in text else ""
        explained.append(statements)
        for value in _values_of(question):
            note(f"{value!r} in {statements}")
            if isinstance(value, str):
                assert f"'{value}'" not in statements
            else:
                assert not re.search(rf"(?<![\w.]){re.escape(str(abs(value)))}(?![\w.])", statements)

    check()
    assert sum(map(bool, explained)) > QUESTIONS // 6


def _values_of(question: Question) -> list[Any]:
    """Return those values of a question that a statement has no reason of its own to contain."""
    trees = list(question.where.walk()) if question.where is not None else []
    literals = [node.value for node in trees if isinstance(node, Literal)]
    literals += [node.pattern for node in trees if isinstance(node, Match)]
    literals += [
        item.value
        for node in trees
        if isinstance(node, IsIn)
        for item in node.items
        if isinstance(item, Literal)
    ]
    literals += [value for _, value in question.data_id]
    numbers = [v for v in literals if isinstance(v, int | float) and abs(v) >= 1000]
    return numbers + [value for value in literals if isinstance(value, str) and value]


def _adapt(butler: Butler, patch: pytest.MonkeyPatch, page_size: int, question: Question) -> None:
    """Make pages small, and join the searches that constrain data IDs and records."""
    execute = butler._registry.execute
    searches = tuple(
        DatasetSearch(dataset_type=s.dataset_type, collections=s.collections, find_first=s.find_first)
        for s in question.searches
    )

    def adapted(query: Any, *, page: str | None = None, **_: Any) -> Any:
        return execute(query.model_copy(update={"searches": searches}), page=page, page_size=page_size)

    patch.setattr(butler._registry, "execute", adapted)


def _check_one(butler: Butler, oracle: Oracle, question: Question, tally: Tally) -> None:
    writer = Writer()
    where = "" if question.where is None else writer.write(question.where)
    terms = [_order_term(writer, *term) for term in question.order]
    note(f"where {where!r} bind {writer.bind} order {terms}")
    tally.asked += 1
    results = _ask(butler, question, where, writer.bind, terms)
    if lacks_governor(question):
        tally.refused += 1
        with pytest.raises(QueryError, match="means nothing without a value of"):
            results.any()
        return
    try:
        expected = oracle.answer(question)
    except TooLargeError:
        assume(False)
    tally.answered += bool(expected)
    found = [_key_of(question, row) for row in results]
    if question.order:
        assert found == expected
    else:
        assert len(found) == len(set(found)) == len(expected)
        if question.limit is None and not question.offset:
            assert set(found) == set(expected)
    assert results.count() == len(expected)
    assert results.any() == bool(expected)


def _order_term(writer: Writer, tree: Any, descending: bool) -> str:
    text = writer.write(tree)
    return f"-({text})" if descending else f"+({text})" if text.startswith("-") else text


def _ask(butler: Butler, question: Question, where: str, bind: dict[str, Any], terms: list[str]) -> Any:
    given: dict[str, Any] = {"where": where, "bind": bind or None, "data_id": dict(question.data_id)}
    results: Any
    if question.kind == "datasets":
        (search,) = question.searches
        results = butler.query_datasets(
            search.dataset_type, list(search.collections), find_first=search.find_first, **given
        )
    elif question.kind == "records":
        results = butler.query_dimension_records(question.element, **given)
    else:
        results = butler.query_data_ids(question.dimensions, **given)
    if terms:
        results = results.sorted(terms)
    stop = None if question.limit is None else question.offset + question.limit
    return results.sliced(question.offset, stop)


def _key_of(question: Question, row: Any) -> Any:
    if question.kind == "datasets":
        return row.uuid
    if question.kind == "records":
        return tuple(row[name] for name in REQUIRED[question.element])
    required, implied = split(question.dimensions)
    return tuple(row[name] for name in required + implied)
