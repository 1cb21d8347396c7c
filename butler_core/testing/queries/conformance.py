"""The conformance suite of queries: subclass `QueryConformance`, supply ``registry``, and inherit every test."""

from __future__ import annotations

from typing import Any

import pytest

from butler_core.contracts.registry import Registry
from butler_core.testing.queries.conditions import ConditionTests, GovernorTests, NameTests
from butler_core.testing.queries.data_id_keys import DataIdKeyTests
from butler_core.testing.queries.projections import ProjectionTests
from butler_core.testing.queries.rows import DataIdTests, DatasetTests, PageTests, RecordTests
from butler_core.testing.queries.uploads import UploadTests
from butler_core.testing.queries.world import QueryWorld
from butler_core.testing.registries.bridge import PlainBridge


class QueryConformance(
    DatasetTests,
    DataIdTests,
    RecordTests,
    PageTests,
    ProjectionTests,
    UploadTests,
    ConditionTests,
    NameTests,
    GovernorTests,
    DataIdKeyTests,
):
    """What queries mean on every registry.  All tests share one, and leave it as it was."""

    @pytest.fixture(scope="class")
    @classmethod
    def bridge(cls) -> PlainBridge:
        """The bridge that the registry is made with."""
        return PlainBridge()

    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, bridge: PlainBridge) -> Any:
        """Return an empty, writeable registry, made with `butler_core.testing.universe.testing_universe` and ``bridge``."""
        raise NotImplementedError("Supply a fixture 'registry'.")

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls, registry: Registry, bridge: PlainBridge) -> QueryWorld:
        """The registry, populated."""
        world = QueryWorld(registry, bridge)
        world.populate()
        return world
