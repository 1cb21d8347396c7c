"""The conformance suite of registries: subclass `RegistryConformance`, supply ``registry``, and inherit every test."""

from __future__ import annotations

from typing import Any

import pytest

from butler_core.contracts.registry import Registry
from butler_core.testing.registries.artifacts import ArtifactRecordTests
from butler_core.testing.registries.batches import BatchTests, ExpansionTests
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.registries.datasets import (
    AssociationTests,
    CertificationTests,
    DatasetTests,
    RecordTests,
)
from butler_core.testing.registries.definitions import CollectionTests, DatasetTypeTests, DimensionTests
from butler_core.testing.registries.finding import FindingTests
from butler_core.testing.registries.holdings import HoldingTests
from butler_core.testing.registries.world import RegistryWorld


class RegistryConformance(
    DimensionTests,
    DatasetTypeTests,
    CollectionTests,
    DatasetTests,
    RecordTests,
    ArtifactRecordTests,
    AssociationTests,
    CertificationTests,
    BatchTests,
    ExpansionTests,
    FindingTests,
    HoldingTests,
):
    """What every registry must do."""

    @pytest.fixture
    def bridge(self) -> PlainBridge:
        """The bridge that the registry is made with."""
        return PlainBridge()

    @pytest.fixture
    def registry(self, bridge: PlainBridge) -> Any:
        """Return an empty, writeable registry, made with `butler_core.testing.universe.testing_universe` and ``bridge``."""
        raise NotImplementedError("Supply a fixture 'registry'.")

    @pytest.fixture
    def world(self, registry: Registry, bridge: PlainBridge) -> RegistryWorld:
        """The registry, populated."""
        world = RegistryWorld(registry, bridge)
        world.populate()
        return world
