"""How many SQL statements an operation takes, however many datasets it is about."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butler_core.models.dataset_ref import DatasetRef, new_uuid
from butler_core.testing.context import make_context
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.registries.world import RegistryWorld, bare
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry

_texts: list[str] = []


class _CountingCursor(sqlite3.Cursor):
    def execute(self, text: str, values: Any = ()) -> Any:
        _texts.append(text)
        return super().execute(text, values)

    def executemany(self, text: str, rows: Any) -> Any:
        _texts.append(text)
        return super().executemany(text, rows)


class _CountingConnection(sqlite3.Connection):
    def cursor(self, *args: Any) -> Any:
        return super().cursor(_CountingCursor)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistryWorld]:
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=_CountingConnection, **kwargs)
    )
    bridge = PlainBridge()
    create_registry(SqliteRegistryConfig(), make_context(tmp_path), [bridge])
    registry = open_registry(SqliteRegistryConfig(), make_context(tmp_path), [bridge])
    world = RegistryWorld(registry, bridge)
    world.populate()
    world.insert("exposure", *(world.exposure(number) for number in range(1000, 1100)))
    world.put(world.ref())  # opens a connection, and makes the RUN's summary
    yield world
    registry.close()


def _refs(world: RegistryWorld, count: int) -> list[DatasetRef]:
    return [world.ref(exposure=1000 + number) for number in range(count)]


@pytest.mark.parametrize(("count", "statements"), [(1, 1), (2, 8), (100, 8)])
def test_expansion_of_new_refs(world: RegistryWorld, count: int, statements: int) -> None:
    """For one: the records and the generation in one statement, alone.  Else begin, generation, 5 elements, end."""
    _texts.clear()
    world.registry.expand_new_dataset_refs(_refs(world, count), batch_id=new_uuid())
    assert len(_texts) == statements, _texts


@pytest.mark.parametrize("count", [1, 100])
def test_insertion(world: RegistryWorld, count: int) -> None:
    """Begin, outcome, generation, datasets, memberships, datastore records, commit: after an expansion."""
    refs = _refs(world, count)
    world.registry.expand_new_dataset_refs(refs, batch_id=new_uuid())
    _texts.clear()
    world.put(*refs)
    assert len(_texts) == 7 + (1 if count == 1 else 8), _texts


@pytest.mark.parametrize(("count", "elements"), [(1, 1), (100, 5)])
def test_expansion_of_existing_refs(world: RegistryWorld, count: int, elements: int) -> None:
    """Begin, generation, datasets, dimension records, datastore records, end."""
    refs = [bare(ref) for ref in world.put(*_refs(world, count))]
    _texts.clear()
    world.registry.expand_existing_dataset_refs(refs)
    assert len(_texts) == 5 + elements, _texts


@pytest.mark.parametrize("count", [1, 100])
def test_removal(world: RegistryWorld, count: int) -> None:
    """Begin, outcome, generation, records, datasets looked up, memberships, datasets, commit."""
    refs = world.put(*_refs(world, count))
    _texts.clear()
    world.remove(*refs)
    assert len(_texts) == 8, _texts


@pytest.mark.parametrize("count", [1, 100])
def test_questions_of_the_journal_protocol(world: RegistryWorld, count: int) -> None:
    """Fence: begin, insert, select, commit.  Outcomes and referenced: begin (2), select, end."""
    batch_ids = [new_uuid() for _ in range(count)]
    artifacts = [str(uuid) for uuid in batch_ids]
    for ask in (
        lambda: world.registry.fence(batch_ids),
        lambda: world.registry.outcomes(batch_ids),
        lambda: world.registry.referenced(world.bridge.datastore_id, artifacts),
    ):
        _texts.clear()
        ask()
        assert len(_texts) == 4, _texts


def test_what_did_not_change_costs_one_question(world: RegistryWorld) -> None:
    """Begin, generation, end."""
    known = world.generation()
    _texts.clear()
    assert world.registry.snapshot(known) is None
    assert len(_texts) == 3, _texts
