"""The conformance suite of registries, for both durabilities."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butler_core.contracts.registry import Registry
from butler_core.testing.context import make_context
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.registries.conformance import RegistryConformance
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry


class TestSqlite(RegistryConformance):
    """A registry in a file, opened anew."""

    @pytest.fixture(params=["process", "power-loss"])
    def durability(self, request: pytest.FixtureRequest) -> Any:
        return request.param

    @pytest.fixture
    def registry(self, bridge: PlainBridge, tmp_path: Path, durability: Any) -> Iterator[Registry]:
        config = SqliteRegistryConfig()
        context = make_context(tmp_path, durability=durability)
        create_registry(config, context, [bridge])
        registry = open_registry(config, context._replace(universe=None), [bridge])
        yield registry
        registry.close()
