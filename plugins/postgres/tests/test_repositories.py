"""Whole repositories with a registry in a schema: races, many processes, random operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from butler_core.testing.repositories.load import ManyProcesses
from butler_core.testing.repositories.races import Races
from butler_core.testing.repositories.state_machine import RandomOperations
from butler_postgres.testing import new_config


class _OnAServer:
    @pytest.fixture(autouse=True)
    def _server(self, server_url: str) -> None:
        self._url = server_url

    def config(self) -> Mapping[str, Any]:
        return {"registry": new_config(self._url).model_dump()}


class TestRaces(_OnAServer, Races):
    """Of many processes for one dataset."""


class TestManyProcesses(_OnAServer, ManyProcesses):
    """That write and read at once."""


class TestRandomOperations(_OnAServer, RandomOperations):
    """With random failures."""
