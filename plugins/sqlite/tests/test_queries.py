"""The conformance suites of queries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from butler_core.contracts.registry import Registry
from butler_core.testing.context import make_context
from butler_core.testing.queries.calibrations import CalibrationConformance
from butler_core.testing.queries.conformance import QueryConformance
from butler_core.testing.registries.bridge import PlainBridge
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry


class _InAFile:
    """A registry in a file."""

    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, bridge: PlainBridge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
        config, context = (
            SqliteRegistryConfig(),
            make_context(tmp_path_factory.mktemp("r"), durability="process"),
        )
        create_registry(config, context, [bridge])
        registry = open_registry(config, context._replace(universe=None), [bridge])
        yield registry
        registry.close()


class TestSqlite(_InAFile, QueryConformance):
    """Queries of a registry in a file."""


class TestSqliteCalibrations(_InAFile, CalibrationConformance):
    """Calibrations in a registry in a file."""
