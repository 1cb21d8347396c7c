"""The statements that SQLite is asked to run: recorded, to be counted."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest


def record_statements(monkeypatch: pytest.MonkeyPatch, texts: list[str]) -> None:
    """Let connections that are opened from now on add the text of each statement to a list."""

    class Cursor(sqlite3.Cursor):
        def execute(self, text: str, values: Any = ()) -> Any:
            texts.append(text)
            return super().execute(text, values)

    class Connection(sqlite3.Connection):
        def cursor(self, *args: Any) -> Any:
            return super().cursor(Cursor)

    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=Connection, **kwargs)
    )
