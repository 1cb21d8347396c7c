"""The conformance suite of joins by region and timespan."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from butler_core.contracts.registry import Registry
from butler_core.testing.context import make_context
from butler_core.testing.queries.overlap_world import plane_universe
from butler_core.testing.queries.overlaps import OverlapConformance, OverlapUpkeepConformance
from butler_core.testing.registries.bridge import PlainBridge
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry


class _InAFile:
    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, bridge: PlainBridge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
        root = tmp_path_factory.mktemp("r")
        config, context = SqliteRegistryConfig(), make_context(root, universe=plane_universe())
        create_registry(config, context, [bridge])
        registry = open_registry(config, context._replace(universe=None), [bridge])
        yield registry
        registry.close()


class TestOverlaps(_InAFile, OverlapConformance):
    """Queries of a registry in a file."""


class TestUpkeep(_InAFile, OverlapUpkeepConformance):
    """Changes of a registry in a file."""
