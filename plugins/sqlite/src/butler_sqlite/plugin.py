"""What this package offers: the registry ``sqlite``."""

from __future__ import annotations

from collections.abc import Sequence

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.contracts.registry import Registry
from butler_core.hookspecs import OpenContext, RegistryBackend, hookimpl
from butler_sqlite.config import SqliteRegistryConfig


def _create(config: SqliteRegistryConfig, context: OpenContext, bridges: Sequence[DatastoreBridge]) -> None:
    from butler_sqlite.files import create_registry  # SQLAlchemy takes a while to import

    create_registry(config, context, bridges)


def _open(config: SqliteRegistryConfig, context: OpenContext, bridges: Sequence[DatastoreBridge]) -> Registry:
    from butler_sqlite.files import open_registry

    return open_registry(config, context, bridges)


@hookimpl
def butler_registries() -> list[RegistryBackend]:
    """Offer the registry in an SQLite file."""
    return [
        RegistryBackend(
            name="sqlite",
            summary="One SQLite file on a local disk; no server.",
            config_model=SqliteRegistryConfig,
            create=_create,
            open=_open,
        )
    ]
