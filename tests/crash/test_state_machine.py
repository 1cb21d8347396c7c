"""Random operations, with failures, on SQLite and a directory."""

from __future__ import annotations

from butler_core.testing.repositories.state_machine import RandomOperations


class TestRandomOperations(RandomOperations):
    """On the embedded defaults."""
