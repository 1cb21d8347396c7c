"""A populated SQLite registry, for tests that look at how queries are answered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from butler_core.sql.registry import SqlRegistry
from butler_core.testing.context import make_context
from butler_core.testing.queries.world import QueryWorld
from butler_core.testing.registries.bridge import PlainBridge
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryWorld]:
    """Make a registry with the rows of `butler_core.testing.queries.world`, which no test here changes."""
    bridge, config = PlainBridge(), SqliteRegistryConfig()
    context = make_context(tmp_path_factory.mktemp("registry"), durability="process")
    create_registry(config, context, [bridge])
    registry = open_registry(config, context._replace(universe=None), [bridge])
    assert isinstance(registry, SqlRegistry)
    world = QueryWorld(registry, bridge)
    world.populate()
    yield world
    registry.close()
