"""What queries need of the butler that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from butler_core.client_cache import ClientCache
from butler_core.contracts.registry import Registry
from butler_core.models.opaque import OpaqueTable
from butler_core.models.universe import DimensionUniverse
from butler_core.resolution import Defaults


class Services(NamedTuple):
    """What queries need of their butler."""

    registry: Registry
    cache: ClientCache
    universe: DimensionUniverse
    defaults: Defaults
    record_tables: Sequence[OpaqueTable]
    """Of the datastore: what its records offer to queries."""
