"""Registries in schemas of their own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from butler_core.contracts.registry import Registry
from butler_core.hookspecs import OpenContext
from butler_core.testing.registries.bridge import PlainBridge
from butler_postgres.config import PostgresRegistryConfig
from butler_postgres.opening import create_registry, open_registry


def new_config(server_url: str) -> PostgresRegistryConfig:
    """Return the configuration of a schema that is not there yet."""
    return PostgresRegistryConfig(url=server_url, namespace=f"test_{secrets.token_hex(6)}")


@contextmanager
def registry_in_a_schema(server_url: str, context: OpenContext, bridge: PlainBridge) -> Iterator[Registry]:
    """Make a registry and open it."""
    config = new_config(server_url)
    create_registry(config, context, [bridge])
    registry = open_registry(config, context._replace(universe=None), [bridge])
    try:
        yield registry
    finally:
        registry.close()
