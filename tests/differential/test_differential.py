"""Random queries over real exports give the answers that nested loops in plain Python give."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, note, settings, strategies as st
from hypothesis.errors import UnsatisfiedAssumption

from butler_core import Butler
from butler_core.errors import AmbiguousLookupError, QueryError
from tests.differential.answers import AmbiguousError, Oracle
from tests.differential.asking import WAYS, Asking, key_of
from tests.differential.evaluation import TooLargeError
from tests.differential.generator import questions
from tests.differential.governors import lacks_governor
from tests.differential.questions import Question
from tests.differential.trees import IsIn, Literal, Match
from tests.differential.world import World

QUESTIONS = 1300 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 100
"""Of each kind, every one counted once."""
KINDS = ("datasets", "data_ids", "records", "rows")
REPEATED = 4
"""How often hypothesis may come with a question, on average: it varies what does not matter too."""
LEAST_SHARE = 0.3
"""Of questions, those that must have an answer that is not empty."""


@pytest.fixture(scope="session")
def oracle(world: World) -> Oracle:
    """Who knows the right answers."""
    return Oracle(world)


class Tally:
    """Counts questions, so that a test of thousands of empty answers, or of one question a thousand times, cannot pass."""

    def __init__(self) -> None:
        self.asked: set[Question] = set()
        self.answered = 0
        self.refused = 0
        self.ambiguous = 0
        self._has_failed = False

    @contextmanager
    def counting(self, question: Question) -> Iterator[None]:
        """Count a question once it was answered well."""
        try:
            yield
        except UnsatisfiedAssumption:
            raise
        except BaseException:
            self._has_failed = True
            raise
        self.asked.add(question)

    def is_done_with(self, question: Question) -> bool:
        """Whether nobody need ask it.  Once something has failed, everything is asked: it must fail again."""
        return not self._has_failed and (question in self.asked or len(self.asked) == QUESTIONS)

    def check(self) -> None:
        """Say how many questions there were; raise AssertionError if too few, or if too few had an answer."""
        asked = len(self.asked)
        print(
            f"{asked} questions, {self.answered} with an answer that is not empty, {self.refused} refused, "
            f"{self.ambiguous} ambiguous"
        )
        assert asked == QUESTIONS
        assert self.answered >= LEAST_SHARE * asked


@pytest.mark.parametrize("kind", KINDS)
def test_answers(butler: Butler, oracle: Oracle, kind: str) -> None:
    tally = Tally()

    @settings(max_examples=REPEATED * QUESTIONS, database=None)
    @given(
        question=questions(oracle, kind),
        page_size=st.integers(1, 7) | st.just(1000),
        way=st.sampled_from(WAYS),
    )
    def check(question: Question, page_size: int, way: str) -> None:
        if tally.is_done_with(question):
            return
        with pytest.MonkeyPatch.context() as patch, tally.counting(question):
            _make_pages(butler, patch, page_size)
            _check_one(butler, oracle, question, way, tally)

    check()
    tally.check()


@pytest.mark.parametrize("kind", KINDS)
def test_no_value_is_in_the_text_of_a_statement(butler: Butler, oracle: Oracle, kind: str) -> None:
    explained = []

    @settings(max_examples=QUESTIONS // 3, database=None)
    @given(question=questions(oracle, kind))
    def check(question: Question) -> None:
        assume(not lacks_governor(question))
        text = Asking(replace(question, order=()), "direct").ask(butler).explain()
        statements = re.sub(r"^-- .*\n?(?:.+\n?)*", "", text, flags=re.MULTILINE)
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


def _make_pages(butler: Butler, patch: pytest.MonkeyPatch, page_size: int) -> None:
    execute = butler._registry.execute

    def adapted(query: Any, *, page: str | None = None, **_: Any) -> Any:
        return execute(query, page=page, page_size=page_size)

    patch.setattr(butler._registry, "execute", adapted)


def _check_one(butler: Butler, oracle: Oracle, question: Question, way: str, tally: Tally) -> None:
    note(str(asking := Asking(question, way)))
    if lacks_governor(question):
        with pytest.raises(QueryError, match="means nothing without a value of"):
            asking.ask(butler).any()
        tally.refused += 1
        return
    try:
        expected = oracle.answer(question)
    except TooLargeError:
        assume(False)
    except AmbiguousError as error:
        tally.ambiguous += 1
        _check_ambiguous(butler, asking, is_there=error.is_there)
        return
    tally.answered += bool(expected.keys)
    results = asking.ask(butler)
    found = [key_of(question, row) for row in results]
    if question.order and expected.is_total:
        assert found == expected.keys
    assert set(found) <= expected.places.keys()
    assert [expected.places[key] for key in found] == [expected.places[key] for key in expected.keys]
    assert len(found) == len(set(found)) == len(expected.keys)
    if question.limit is None and not question.offset:
        assert set(found) == set(expected.keys)
    assert results.count() == len(found)
    assert results.any() == bool(found)


def _check_ambiguous(butler: Butler, asking: Asking, *, is_there: bool) -> None:
    if asking.way != "direct":
        with pytest.raises(AmbiguousLookupError):
            list(asking.unsliced().ask(butler))
        return
    results = asking.unsliced().ask(butler)
    assert results.any() == is_there
    with pytest.raises(AmbiguousLookupError):
        list(results)
    with pytest.raises(AmbiguousLookupError):
        results.count()
