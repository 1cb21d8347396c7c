"""The conformance suite of registries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from butler_core.contracts.registry import Registry
from butler_core.testing.context import make_context
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.registries.conformance import RegistryConformance
from butler_postgres.testing import registry_in_a_schema


class TestPostgres(RegistryConformance):
    """A registry in a schema, opened anew."""

    @pytest.fixture
    def registry(self, bridge: PlainBridge, tmp_path: Path, server_url: str) -> Iterator[Registry]:
        with registry_in_a_schema(server_url, make_context(tmp_path), bridge) as registry:
            yield registry
