"""The conformance suite of joins by region and timespan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butler_core.contracts.registry import Registry
from butler_core.testing.context import make_context
from butler_core.testing.plane import installed_plane
from butler_core.testing.queries.overlap_world import OverlapWorld, plane_universe
from butler_core.testing.queries.overlaps import OverlapConformance, OverlapUpkeepConformance
from butler_core.testing.registries.bridge import PlainBridge
from butler_postgres import regions
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


class TestOverlapsInManyPasses(_InASchema, OverlapConformance):
    """Where statements may ask little at once, and sessions remember little."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def limits(cls) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(regions, "_FIRST_BUDGET", 1)
            patch.setattr(regions, "_MOST_ANSWERS", 10)
            yield


class TestUpkeep(_InASchema, OverlapUpkeepConformance):
    """Changes of a registry in a schema."""


def test_an_answer_is_found_once(server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[Any, ...]] = []
    find = regions.RegionAnswers._find

    def counted(self: regions.RegionAnswers, *question: Any) -> Any:
        found.append(question)
        return find(self, *question)

    monkeypatch.setattr(regions.RegionAnswers, "_find", counted)
    context, bridge = make_context(tmp_path, universe=plane_universe()), PlainBridge()
    with installed_plane(), registry_in_a_schema(server_url, context, bridge) as registry:
        world = OverlapWorld(registry, bridge)
        world.populate()
        first = world.keys(("visit", "patch"))
        asked = len(found)
        assert asked
        assert world.keys(("visit", "patch")) == first
        assert len(found) == asked
