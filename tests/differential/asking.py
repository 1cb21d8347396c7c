"""Puts questions to a butler, in each of the ways that it has."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from butler_core import Butler, OverlapJoinPolicy, Query
from tests.differential.questions import Question, columns_of, split
from tests.differential.trees import Tree, Writer
from tests.differential.world import REQUIRED, TEMPORAL

WAYS = ("direct", "built", "materialized", "run")
"""By a method of the butler where that can say it; by a query built step by step; by one that is asked beforehand; by results
that were fetched at once.
"""


@dataclass(frozen=True)
class Asking:
    """A question, and the way to ask it."""

    question: Question
    way: str

    def __str__(self) -> str:
        where, bind = self._condition()
        return f"{self.way}: where {where!r} bind {bind} order {self._order()}"

    def unsliced(self) -> Asking:
        """Ask for everything."""
        return Asking(replace(self.question, offset=0, limit=None), self.way)

    def ask(self, butler: Butler) -> Any:
        """Return the results, which nobody has looked at yet in the first two ways."""
        question = self.question
        results = self._simple(butler) if self.way == "direct" and _is_simple(question) else None
        if results is None:
            results = self._of_query(butler)
        order = self._order()
        if order:
            results = results.sorted(order)
        stop = None if question.limit is None else question.offset + question.limit
        results = results.sliced(question.offset, stop)
        if self.way == "run" and not (question.kind == "rows" and _needs_searches(question)):
            return results.run()
        return results

    def _simple(self, butler: Butler) -> Any:
        question = self.question
        where, bind = self._condition()
        given: dict[str, Any] = {"where": where, "bind": bind or None, "data_id": dict(question.data_id)}
        if question.kind == "datasets":
            (search,) = question.searches
            return butler.query_datasets(
                search.dataset_type, list(search.collections), find_first=search.find_first, **given
            )
        if question.kind == "records":
            return butler.query_dimension_records(question.element, **given)
        return butler.query_data_ids(question.dimensions, **given)

    def _of_query(self, butler: Butler) -> Any:
        question = self.question
        query = self._built(butler)
        if self.way == "materialized" and not _needs_searches(question):
            query = query.materialized()
        if question.kind == "datasets":
            return query.datasets(question.searches[0].dataset_type)
        if question.kind == "records":
            return query.dimension_records(question.element)
        if question.kind == "rows":
            return query.projected(question.dimensions, columns=[column.text for column in question.columns])
        return query.data_ids(question.dimensions)

    def _built(self, butler: Butler) -> Query:
        question = self.question
        query = butler.query()
        # Those that rows show are kept beyond materialized(), the others merely constrain.
        shown = {column.source for column in (*question.columns, *_columns_in(question.order))}
        if question.kind == "datasets":
            shown.add(question.searches[0].dataset_type)
        for search in question.searches:
            query = query.join_datasets(
                search.dataset_type,
                list(search.collections),
                find_first=search.find_first,
                columns=("uuid", "run") if search.dataset_type in shown else (),
                temporal_join=search.temporal_join
                if search.temporal_join in TEMPORAL
                else OverlapJoinPolicy(search.temporal_join),
            )
        query = query.join_dimensions(
            question.dimensions,
            spatial_joins=question.spatial_joins,
            overlap_policy=OverlapJoinPolicy(question.policy),
        )
        where, bind = self._condition()
        return query.where(where, dict(question.data_id), bind=bind or None)

    def _condition(self) -> tuple[str, dict[str, Any]]:
        writer = Writer()
        where = "" if self.question.where is None else writer.write(self.question.where)
        return where, writer.bind

    def _order(self) -> list[str]:
        writer = Writer()
        return [_order_term(writer, *term) for term in self.question.order]


def _columns_in(order: Any) -> list[Any]:
    return [node for tree, _ in order for node in tree.walk() if hasattr(node, "source")]


def _order_term(writer: Writer, tree: Tree, descending: bool) -> str:
    text = writer.write(tree)
    return f"-({text})" if descending else f"+({text})" if text.startswith("-") else text


def _needs_searches(question: Question) -> bool:
    """Whether rows say what is known of the search alone, or columns have names that only the element makes clear.

    What was found stays when a query is materialized, but in which collection and how long it is valid there is looked up.
    """
    shown = [*question.columns, *_columns_in(question.order)]
    return any(column.key in ("collection", "timespan") for column in shown) or (
        bool(question.element)
        and any(column.source != "dimension" and "." not in column.text for column in columns_of(question))
    )


def _is_simple(question: Question) -> bool:
    """Whether a method of the butler can ask it."""
    searches = question.searches if question.kind == "datasets" else ()
    return (
        question.kind != "rows"
        and question.policy == "fine"
        and not question.spatial_joins
        and searches == question.searches
        and all(search.temporal_join == "fine" for search in searches)
    )


def key_of(question: Question, row: Any) -> Any:
    """Return what a result is compared by."""
    if question.kind == "datasets":
        return row.uuid
    if question.kind == "records":
        return tuple(row[name] for name in REQUIRED[question.element])
    required, implied = split(question.dimensions)
    columns = [column.text for column in question.columns]
    return tuple(_plain(row[name]) for name in (*required, *implied, *columns))


def _plain(value: Any) -> Any:
    if hasattr(value, "is_empty"):
        return (0, 0) if value.is_empty else (value.begin, value.end)
    return value
