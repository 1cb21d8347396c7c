"""Races on SQLite and a directory."""

from __future__ import annotations

from butler_core.testing.repositories.races import Races


class TestRaces(Races):
    """On the embedded defaults."""
