"""Making and opening the file of a registry."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.errors import ConflictError, ForbiddenError, InternalError, InvalidInputError
from butler_core.hookspecs import OpenContext
from butler_core.models.names import Durability
from butler_core.models.universe import DimensionUniverse
from butler_core.sql.registry import SqlRegistry
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.database import SqliteDatabase
from butler_sqlite.places import refuse_network


def find_path(config: SqliteRegistryConfig, root: str) -> Path:
    """Return the file's path; `InvalidInputError` if the root of a relative one is not on this machine."""
    path = Path(config.path)
    if path.is_absolute():
        return path
    if "://" in root:
        parts = urlsplit(root)
        if parts.scheme != "file":
            raise InvalidInputError(
                f"registry.path {config.path!r} is relative to the root {root}, which is not on this machine.",
                remedy="Give an absolute path, or use a database server.",
                key="registry.path",
            )
        root = unquote(parts.path)
    return Path(root).absolute() / path


def create_registry(
    config: SqliteRegistryConfig, context: OpenContext, bridges: Sequence[DatastoreBridge]
) -> None:
    """Make the file with all tables: whole, or not at all.

    Raises
    ------
    ConflictError
        If there is a file already.
    ForbiddenError
        If the place cannot be written.
    InvalidInputError
        If it is on a network file system.
    """
    if context.universe is None:
        raise InternalError("A registry was to be made without a universe.")
    path = find_path(config, context.root)
    refuse_network(path)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _create(aside, context.durability, context.universe, bridges)
        _link(aside, path)
    except (OSError, sqlite3.Error) as error:
        raise ForbiddenError(
            f"The registry {path} cannot be made: {error}.",
            remedy=f"Make sure that {path.parent} is a directory that this user may write to, with space left.",
            path=str(path),
        ) from error
    finally:
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):  # mostly there is nothing to remove
                aside.with_name(aside.name + suffix).unlink()


def _create(
    path: Path, durability: Durability, universe: DimensionUniverse, bridges: Sequence[DatastoreBridge]
) -> None:
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL").close()
    finally:
        connection.close()
    database = SqliteDatabase(path, durability, is_writeable=True)
    try:
        SqlRegistry.create(database, universe, bridges)
    finally:
        database.close()  # moves everything from the log into the file
    _sync(path)


def _link(aside: Path, path: Path) -> None:
    try:
        os.link(aside, path)
    except FileExistsError as error:
        raise ConflictError(
            f"There is a registry at {path} already.",
            remedy="Choose another place, or open it.",
            path=str(path),
        ) from error
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_registry(
    config: SqliteRegistryConfig, context: OpenContext, bridges: Sequence[DatastoreBridge]
) -> SqlRegistry:
    """Open the file.

    Raises
    ------
    NotFoundError
        If there is none.
    InvalidInputError
        If it is on a network file system.
    IncompatibleError
        If a newer version of this package made it.
    CorruptError
        If it is no registry.
    """
    path = find_path(config, context.root)
    refuse_network(path)
    return SqlRegistry.open(SqliteDatabase(path, context.durability, is_writeable=context.writeable), bridges)
