"""A registry in a file, and a world in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from butler_core.sql.registry import SqlRegistry
from butler_core.testing.context import make_context
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.registries.world import RegistryWorld
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry

Open = Callable[..., SqlRegistry]


@pytest.fixture
def open_again(tmp_path: Path) -> Iterator[Open]:
    """A function that opens the registry in `tmp_path`, made on the first call; keywords are fields of the context."""
    opened: list[SqlRegistry] = []

    def open_(**fields: object) -> SqlRegistry:
        context = make_context(tmp_path, **fields)  # type: ignore[arg-type]
        if not opened:
            create_registry(SqliteRegistryConfig(), make_context(tmp_path), [PlainBridge()])
        opened.append(open_registry(SqliteRegistryConfig(), context, [PlainBridge()]))
        return opened[-1]

    yield open_
    for registry in opened:
        registry.close()


@pytest.fixture
def world(open_again: Open) -> RegistryWorld:
    """A populated registry."""
    world = RegistryWorld(open_again(), PlainBridge())
    world.populate()
    return world
