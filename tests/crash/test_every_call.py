"""Each write to SQLite and a directory is killed at every system call that it makes."""

from __future__ import annotations

from butler_core.testing.repositories.crash import KillAnywhere


class TestKillAnywhere(KillAnywhere):
    """On the embedded defaults."""
