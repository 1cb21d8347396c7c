"""The conformance suites of queries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from butler_core.contracts.registry import Registry
from butler_core.testing.context import make_context
from butler_core.testing.queries.calibrations import CalibrationConformance
from butler_core.testing.queries.conformance import QueryConformance
from butler_core.testing.registries.bridge import PlainBridge
from butler_postgres.testing import registry_in_a_schema


class _InASchema:
    """A registry in a schema."""

    @pytest.fixture(scope="class")
    @classmethod
    def registry(
        cls, bridge: PlainBridge, tmp_path_factory: pytest.TempPathFactory, server_url: str
    ) -> Iterator[Registry]:
        context = make_context(tmp_path_factory.mktemp("r"), durability="process")
        with registry_in_a_schema(server_url, context, bridge) as registry:
            yield registry


class TestPostgres(_InASchema, QueryConformance):
    """Queries of a registry in a schema."""


class TestPostgresCalibrations(_InASchema, CalibrationConformance):
    """Calibrations in a registry in a schema."""
