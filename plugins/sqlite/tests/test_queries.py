"""The conformance suites of queries, and what a file adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from butler_core.contracts.registry import Registry
from butler_core.errors import InvalidInputError
from butler_core.sql.registry import SqlRegistry
from butler_core.testing.context import make_context
from butler_core.testing.queries.calibrations import CalibrationConformance
from butler_core.testing.queries.conformance import QueryConformance
from butler_core.testing.registries.bridge import PlainBridge
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.files import create_registry, open_registry


class _InAFile:
    """A registry in a file."""

    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, bridge: PlainBridge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
        config, context = (
            SqliteRegistryConfig(),
            make_context(tmp_path_factory.mktemp("r"), durability="process"),
        )
        create_registry(config, context, [bridge])
        registry = open_registry(config, context._replace(universe=None), [bridge])
        yield registry
        registry.close()


class TestSqlite(_InAFile, QueryConformance):
    """Queries of a registry in a file."""


class TestSqliteCalibrations(_InAFile, CalibrationConformance):
    """Calibrations in a registry in a file."""


_TABLES = ", ".join(f"(SELECT 1) AS t{number}" for number in range(70))


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT * FROM {_TABLES}",
        f"SELECT {' OR '.join(['?'] * 2000)}",
        f"SELECT {', '.join('a' for _ in range(5000))} FROM (SELECT 1 AS a)",
        " UNION ".join(["SELECT 1"] * 1000),
    ],
    ids=["tables", "depth", "columns", "branches"],
)
def test_a_question_beyond_the_limits_of_sqlite_is_no_bug(
    open_again: Callable[..., SqlRegistry], statement: str
) -> None:
    database = open_again()._context.database
    with pytest.raises(InvalidInputError, match="too large for SQLite"), database.read() as cursor:
        cursor.execute(statement, [0] * statement.count("?"))
