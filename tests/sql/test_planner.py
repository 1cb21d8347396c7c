"""How queries are answered: how many statements they take, and what is compiled once and kept."""

from __future__ import annotations

from typing import Any

import pytest

from butler_core.errors import InternalError
from butler_core.expressions.query import QueryDescription
from butler_core.models.batch import ChainedCollectionEdit, RawBatch
from butler_core.models.collection import SequenceEditMode
from butler_core.sql.plan_cache import LruCache
from butler_core.sql.queries.plans import Plan
from butler_core.sql.registry import SqlRegistry
from butler_core.sql.statement import Statement
from butler_core.testing.queries.world import CAM, QueryWorld


def context_of(world: QueryWorld) -> Any:
    assert isinstance(world.registry, SqlRegistry)
    return world.registry._context


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the statements that run, but for the one that reads the generation and nothing else."""
    texts: list[str] = []
    for name in ("all", "first", "ask_all"):
        run = getattr(Statement, name)

        def spy(self: Statement, *args: Any, run: Any = run) -> Any:
            if not self.text.endswith("FROM generation"):
                texts.append(self.text)
            return run(self, *args)

        monkeypatch.setattr(Statement, name, spy)
    return texts


def test_a_second_query_of_one_shape_compiles_nothing(
    world: QueryWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ask(visit: int, collections: str) -> None:
        where = f"instrument = '{CAM}' AND visit = {visit} AND detector IN ({visit}, 5, 7)"
        world.find("calexp", collections, where=where, order_by=("visit",))
        world.find("calexp", collections, data_id={"instrument": CAM, "visit": visit, "detector": visit})

    ask(1, "r1")

    def refuse(*args: Any) -> Any:
        raise InternalError("A statement is compiled again.")

    monkeypatch.setattr(Plan, "_compile", refuse)
    ask(2, "r1")
    ask(3, "r2")


@pytest.mark.parametrize(
    ("collections", "fields", "count"),
    [
        (["r1"], {}, 1),
        (["outer"], {"data_id": {"instrument": CAM, "visit": 1, "detector": 0}}, 1),
        (["tag"], {"data_id": {"instrument": CAM, "visit": 3, "detector": 0}}, 1),
        (["nothing"], {"where": "instrument = 'Cam' AND visit = 1"}, 0),
        (["r1", "calib/run", "nothing"], {}, 1),  # only one can hold the type
        (["r1", "r2", "r3"], {"data_id": {"instrument": "Alt"}}, 1),  # only one can hold the instrument
        (["r1", "r2", "r3"], {"where": "instrument = 'Alt' AND visit = 1"}, 1),
        (["r1", "r2", "r3"], {"where": "instrument = 'Nowhere'"}, 0),
    ],
)
def test_summaries_spare_statements(
    world: QueryWorld, statements: list[str], collections: list[str], fields: dict[str, Any], count: int
) -> None:
    world.find("calexp", collections, **fields)
    assert len(statements) == count


def test_one_collection_needs_no_find_first(world: QueryWorld, statements: list[str]) -> None:
    world.find("calexp", "r1")
    assert "EXISTS" not in statements[0]
    assert " JOIN " not in statements[0]
    world.find("calexp", ["r1", "r2"], page_size=2)
    assert any("EXISTS" in text for text in statements)


def test_few_datasets_are_chosen_from_without_find_first_sql(
    world: QueryWorld, statements: list[str]
) -> None:
    assert set(world.find("calexp", ["r1", "r2"])) == set(world.search("calexp", ["r1", "r2"]))
    assert not any("EXISTS" in text for text in statements)


def test_a_collection_that_is_hidden_whole_costs_one_statement(
    world: QueryWorld, statements: list[str]
) -> None:
    query = world.datasets_query("calexp", ["r1", "r5"], answer="count")
    assert world.rows(query) == [(9,)]
    assert ["EXCEPT" in text for text in statements] == [False, True]


def test_tables_are_joined_only_where_needed(world: QueryWorld, statements: list[str]) -> None:
    world.data_ids(["visit", "detector"], where="instrument = 'Cam' AND detector = 1")
    assert "dimension_instrument" not in statements[0]
    assert "dimension_day_obs" not in statements[0]
    assert "DISTINCT" not in statements[0]


def test_a_page_costs_a_page(world: QueryWorld, statements: list[str]) -> None:
    query = world.datasets_query("calexp", "r1")
    page = world.registry.execute(query, page_size=2)
    world.registry.execute(query, page=page.next_page, page_size=2)
    assert len(statements) == 2
    ((_, plan),) = world.rows(query.model_copy(update={"answer": "plan"}))
    assert "TEMP B-TREE" not in plan


def test_an_edited_chain_is_seen_at_once(world: QueryWorld) -> None:
    query: QueryDescription = world.datasets_query("note", "nothing")
    assert world.rows(query) == []

    def assign(*children: str) -> None:
        edit = ChainedCollectionEdit(chain="nothing", children=children, mode=SequenceEditMode.ASSIGN)
        world.registry.apply_batch(RawBatch(collection_edits=[edit]))

    try:
        assign("r2")
        assert [row[1] for row in world.rows(query)] == ["r2"]
    finally:
        assign()
    assert world.rows(query) == []


def test_the_cache_keeps_what_was_used_last() -> None:
    cache: LruCache[str] = LruCache(2)
    made: list[str] = []

    def get(key: str) -> str:
        def make() -> str:
            made.append(key)
            return key

        return cache.get(key, make)

    for key in ("a", "b", "a", "c", "a", "b"):
        assert get(key) == key
    assert made == ["a", "b", "c", "b"]
    assert len(cache) == 2
