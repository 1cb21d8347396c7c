"""Many processes on SQLite and a directory."""

from __future__ import annotations

from butler_core.testing.repositories.load import ManyProcesses


class TestManyProcesses(ManyProcesses):
    """On the embedded defaults."""
