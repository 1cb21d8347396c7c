"""Making and opening the schema of a registry."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.conninfo import conninfo_to_dict

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.errors import ConfigurationError, InternalError
from butler_core.hookspecs import OpenContext
from butler_core.sql.registry import SqlRegistry
from butler_postgres.config import PostgresRegistryConfig
from butler_postgres.database import PostgresDatabase


def create_registry(
    config: PostgresRegistryConfig, context: OpenContext, bridges: Sequence[DatastoreBridge]
) -> None:
    """Make the schema with all tables: whole, or not at all.

    Raises `ConflictError` if there is such a schema.
    """
    if context.universe is None:
        raise InternalError("A registry was to be made without a universe.")
    database = _database(config, context, is_writeable=True)
    try:
        SqlRegistry.create(database, context.universe, bridges)
    finally:
        database.close()


def open_registry(
    config: PostgresRegistryConfig, context: OpenContext, bridges: Sequence[DatastoreBridge]
) -> SqlRegistry:
    """Open the schema; `NotFoundError` if it has no registry."""
    return SqlRegistry.open(_database(config, context, is_writeable=context.writeable), bridges)


def _database(
    config: PostgresRegistryConfig, context: OpenContext, *, is_writeable: bool
) -> PostgresDatabase:
    _check(config.url)
    return PostgresDatabase(config.url, config.namespace, context.durability, is_writeable=is_writeable)


def _check(url: str) -> None:
    """Raise `ConfigurationError`, which does not repeat the URL, if libpq cannot read it, or if it has a password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        problem, expected = (
            "cannot be read as the URL of a PostgreSQL database",
            "postgresql://[user@][host][:port]/database",
        )
    else:
        if "password" not in parts:
            return
        problem, expected = (
            "has a password, which others could read there",
            "none: put it into ~/.pgpass or PGPASSWORD",
        )
    raise ConfigurationError(
        f"The key registry.url {problem}.",
        remedy=f"Expected: {expected}.",
        file="",
        key="registry.url",
        expected=expected,
    ) from None
