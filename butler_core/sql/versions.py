"""What a registry says of itself: its universe, and the versions of the parts of its schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.errors import ConfigurationError, CorruptError, IncompatibleError, InternalError
from butler_core.models.universe import DimensionUniverse
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor, Database
from butler_core.sql.schema.tables import SCHEMA_VERSION
from butler_core.sql.statement import Statement

_UNIVERSE = "universe"
_VERSION = "version:"
_REGISTRY = "registry"


def current_versions(bridges: Iterable[DatastoreBridge]) -> dict[str, int]:
    """Return the versions that this code and the datastores' bridges make and understand."""
    tables = {f"table:{name}": table.version for bridge in bridges for name, table in bridge.tables.items()}
    return {_REGISTRY: SCHEMA_VERSION} | tables


def write_meta(context: SqlContext, cursor: Cursor) -> None:
    """Write the universe and the versions into a new database."""
    rows = [(_UNIVERSE, json.dumps(context.universe.to_dict()))]
    rows += [
        (f"{_VERSION}{part}", str(version)) for part, version in current_versions(context.bridges).items()
    ]
    Statement(context.database, sa.insert(context.schema.meta), ["key", "value"]).execute_many(cursor, rows)


def read_meta(database: Database) -> tuple[DimensionUniverse, dict[str, int]]:
    """Read the universe and the versions.

    Raises `CorruptError` if the database is no registry, `IncompatibleError` if a newer version of butler made it.
    """
    meta = sa.table("meta", sa.column("key"), sa.column("value"))
    statement = Statement(database, sa.select(meta.c.key, meta.c.value))
    try:
        with database.read() as cursor:
            rows: dict[str, Any] = dict(statement.all(cursor))
        versions = {
            key.removeprefix(_VERSION): int(value) for key, value in rows.items() if key.startswith(_VERSION)
        }
        check_version(database, _REGISTRY, versions[_REGISTRY], SCHEMA_VERSION)
        return DimensionUniverse.load(json.loads(rows[_UNIVERSE])), versions
    except (InternalError, KeyError, ValueError, ConfigurationError) as error:
        raise CorruptError(
            f"{database.location} holds no registry, or a damaged one: {error}.",
            remedy="Check the configuration, or restore it from a backup.",
        ) from error


def check_versions(database: Database, found: Mapping[str, int], wanted: Mapping[str, int]) -> None:
    """Raise `IncompatibleError` unless every part that is wanted is there, in a version that this code understands."""
    for part, version in wanted.items():
        if part not in found:
            raise IncompatibleError(
                f"{database.location} has no {part.replace(':', ' ')}, which the configuration asks for.",
                remedy="Configure the datastores that the repository was made with.",
                part=part,
            )
        check_version(database, part, found[part], version)


def check_version(database: Database, part: str, found: int, wanted: int) -> None:
    """Raise `IncompatibleError` unless a part is in the version that this code understands."""
    if found == wanted:
        return
    age, remedy = (
        ("newer", "Upgrade butler and its plugins.")
        if found > wanted
        else ("older", "Upgrade the repository.")
    )
    raise IncompatibleError(
        f"{database.location} has version {found} of {part.replace(':', ' ')}, {age} than {wanted}, which this code understands.",
        remedy=remedy,
        part=part,
        found=found,
        wanted=wanted,
    )
