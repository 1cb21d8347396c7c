"""The conformance suites of the core, on a directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.contracts.datastore import Datastore
from butler_core.contracts.journal import JournalStore
from butler_core.files.bridge import FileBridge
from butler_core.testing.datastores.conformance import DatastoreConformance
from butler_core.testing.datastores.journals import JournalConformance
from butler_posix import plugin


def path_of(uri: str) -> Path:
    return Path(unquote(uri.removeprefix("file://")))


class TestDatastore(DatastoreConformance):
    @pytest.fixture(params=["process", "power-loss"])
    def datastore(self, open_posix: Callable[..., Datastore], request: pytest.FixtureRequest) -> Datastore:
        return open_posix(durability=request.param)

    def open_bridge(self, config: Any) -> DatastoreBridge:
        (backend,) = plugin.butler_datastores()
        return backend.open_bridge(config)

    def peek(self, uri: str) -> bytes | None:
        path = path_of(uri)
        return path.read_bytes() if path.exists() else None

    def poke(self, uri: str, content: bytes) -> None:
        path_of(uri).parent.mkdir(parents=True, exist_ok=True)
        path_of(uri).write_bytes(content)


class TestJournals(JournalConformance):
    root: Path

    @pytest.fixture(params=["process", "power-loss"])
    def journals(
        self, open_posix: Callable[..., Datastore], request: pytest.FixtureRequest, tmp_path: Path
    ) -> JournalStore:
        self.root = tmp_path / "repo" / "data" / ".butler" / "journals"
        return open_posix(durability=request.param).journals

    def location(self, run: str) -> str:
        return FileBridge("testing").journal_paths([run])[run]

    def _path(self, name: str) -> Path:
        file, _, directory = name.partition("@")
        return self.root / directory / file

    def peek(self, name: str) -> bytes | None:
        path = self._path(name)
        return path.read_bytes() if path.exists() else None

    def poke(self, name: str, content: bytes) -> None:
        self._path(name).write_bytes(content)
