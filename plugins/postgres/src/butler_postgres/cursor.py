"""A cursor with numbered parameters and results in binary form, which answers what statements ask about regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.pq import Format

from butler_core.errors import InternalError
from butler_postgres.regions import RegionAnswers, asks_about_regions


class RegistryConnection(psycopg.Connection[Any]):
    """A connection that knows whether its session can be asked about regions."""

    answers: RegionAnswers | None = None


class RegistryCursor(psycopg.RawCursor[Any]):
    """Runs the toolkit's statements."""

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)
        self.format = Format.BINARY

    def execute(self, query: Any, params: Any = None, **options: Any) -> RegistryCursor:
        """Run one statement."""
        if not isinstance(query, str) or not asks_about_regions(query):
            super().execute(query, params or None, **options)
            return self
        connection: Any = self.connection
        answers: RegionAnswers | None = connection.answers
        if answers is None:
            raise InternalError("Regions were asked for in a universe without a geometry.")

        def execute() -> None:
            super(RegistryCursor, self).execute(query, params or None, **options)

        answers.until_all_is_known(execute)
        return self


def run_in(connection: Any, text: str, values: Sequence[Any]) -> list[Any]:
    """Run a statement in a session, and return its rows, none if it has none."""
    with psycopg.RawCursor(connection) as cursor:
        cursor.format = Format.BINARY
        cursor.execute(text, values or None)
        return cursor.fetchall() if cursor.description else []
