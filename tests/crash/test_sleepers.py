"""Writers to SQLite and a directory that sleep through their own recovery."""

from __future__ import annotations

from butler_core.testing.repositories.sleepers import Sleepers


class TestSleepers(Sleepers):
    """On the embedded defaults."""
