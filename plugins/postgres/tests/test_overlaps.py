"""The conformance suite of joins by region and timespan."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from butler_core.contracts.registry import Registry
from butler_core.testing.context import make_context
from butler_core.testing.queries.overlap_world import plane_universe
from butler_core.testing.queries.overlaps import OverlapConformance, OverlapUpkeepConformance
from butler_core.testing.registries.bridge import PlainBridge
from butler_postgres.testing import registry_in_a_schema


class _InASchema:
    @pytest.fixture(scope="class")
    @classmethod
    def registry(
        cls, bridge: PlainBridge, tmp_path_factory: pytest.TempPathFactory, server_url: str
    ) -> Iterator[Registry]:
        context = make_context(tmp_path_factory.mktemp("r"), universe=plane_universe())
        with registry_in_a_schema(server_url, context, bridge) as registry:
            yield registry


class TestOverlaps(_InASchema, OverlapConformance):
    """Queries of a registry in a schema."""


class TestUpkeep(_InASchema, OverlapUpkeepConformance):
    """Changes of a registry in a schema."""
