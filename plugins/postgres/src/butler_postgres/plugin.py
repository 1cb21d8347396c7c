"""What this package offers: the registry ``postgres``."""

from __future__ import annotations

from collections.abc import Sequence

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.contracts.registry import Registry
from butler_core.hookspecs import OpenContext, RegistryBackend, hookimpl
from butler_postgres.config import PostgresRegistryConfig


def _create(config: PostgresRegistryConfig, context: OpenContext, bridges: Sequence[DatastoreBridge]) -> None:
    from butler_postgres.opening import create_registry  # the driver and SQLAlchemy take a while to import

    create_registry(config, context, bridges)


def _open(
    config: PostgresRegistryConfig, context: OpenContext, bridges: Sequence[DatastoreBridge]
) -> Registry:
    from butler_postgres.opening import open_registry

    return open_registry(config, context, bridges)


@hookimpl
def butler_registries() -> list[RegistryBackend]:
    """Offer the registry in a PostgreSQL database."""
    return [
        RegistryBackend(
            name="postgres",
            summary="A PostgreSQL database, for many writers on many machines.",
            config_model=PostgresRegistryConfig,
            create=_create,
            open=_open,
        )
    ]
