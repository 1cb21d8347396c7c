"""A small repository, populated, on the embedded defaults."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from butler_core import Butler
from butler_core.testing.repositories.small_repository import (
    DETECTORS,
    EXPOSURES,
    INSTRUMENT,
    RUN,
    data_ids,
    populate,
)
from butler_core.testing.universe import testing_universe

__all__ = ["DETECTORS", "EXPOSURES", "INSTRUMENT", "RUN", "data_ids", "populate"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where the repository is."""
    path = tmp_path / "repo"
    Butler.make_repo(path, dimensions=testing_universe(), durability="process")
    return path


@pytest.fixture
def butler(root: Path) -> Iterator[Butler]:
    """Open the populated repository for writing."""
    with Butler(root, run=RUN) as butler:
        populate(butler)
        yield butler
