"""One world and one repository for all tests here: nothing writes to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from butler_core import Butler
from tests.differential.loading import load
from tests.differential.world import World


@pytest.fixture(scope="session")
def world() -> World:
    """The world."""
    return World()


@pytest.fixture(scope="session")
def butler(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Butler]:
    """A repository that holds it."""
    with load(world, tmp_path_factory.mktemp("differential") / "repo") as butler:
        yield butler
