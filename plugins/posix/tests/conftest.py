"""A datastore in a temporary directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from butler_core.contracts.datastore import Datastore
from butler_core.testing.context import make_context
from butler_posix import plugin
from butler_posix._config import PosixDatastoreConfig


@pytest.fixture
def open_posix(tmp_path: Path) -> Callable[..., Datastore]:
    """Open the datastore in ``tmp_path/repo/data``, making it first if it is not there."""

    def open_it(*, durability: Any = "process", context: Any = None, **config: Any) -> Datastore:
        root = tmp_path / "repo"
        checked = PosixDatastoreConfig(datastore_id="testing", **config)
        context = make_context(root, durability=durability, **(context or {}))
        (backend,) = plugin.butler_datastores()
        if not (root / "data").exists():
            backend.create(checked, context)
        return backend.open(checked, context)

    return open_it


@pytest.fixture
def datastore(open_posix: Callable[..., Datastore]) -> Datastore:
    return open_posix()
