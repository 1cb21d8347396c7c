"""What every part of an SQL registry works with: put together once, when the registry opens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.contracts.geometry import Geometry
from butler_core.models import lookup
from butler_core.models.universe import DimensionUniverse
from butler_core.sql.catalog import CatalogCache
from butler_core.sql.database import Database
from butler_core.sql.opaque import OpaqueRows
from butler_core.sql.plan_cache import LruCache
from butler_core.sql.record_fetcher import RecordFetcher
from butler_core.sql.regions import Regions
from butler_core.sql.schema.tables import Schema


@dataclass(frozen=True, slots=True)
class SqlContext:
    """The parts of one open registry that reading and writing share.  Safe to use from several threads."""

    database: Database
    schema: Schema
    universe: DimensionUniverse
    bridges: Sequence[DatastoreBridge]
    catalogs: CatalogCache
    """Collections, dataset types and summaries of one generation: each transaction asks for that number."""
    records: RecordFetcher
    """Dimension records by key: one statement for each element, however many keys."""
    opaque: OpaqueRows
    """Datastore records by dataset."""
    plans: LruCache[Any] = field(default_factory=lambda: LruCache(500))
    """What `butler_core.sql.queries.planner` compiled, by the shape of a query."""


def make_context(
    database: Database, universe: DimensionUniverse, bridges: Sequence[DatastoreBridge]
) -> SqlContext:
    """Put the parts of a registry together; nothing is read from the database yet."""
    schema = Schema(database, universe, bridges)
    if universe.geometry is not None and universe.common_skypix is not None:
        database.regions = Regions(partial(_find_geometry, universe.geometry), universe.common_skypix)
    return SqlContext(
        database=database,
        schema=schema,
        universe=universe,
        bridges=tuple(bridges),
        catalogs=CatalogCache(schema),
        records=RecordFetcher(schema),
        opaque=OpaqueRows(schema, bridges),
    )


def _find_geometry(name: str) -> Geometry:
    return cast(Geometry, lookup.geometry(name))
