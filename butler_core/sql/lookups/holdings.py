"""Which collections really have datasets of which types, where summaries only say that they may have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, TypeAlias

import sqlalchemy as sa

from butler_core.models.names import CollectionName, DatasetTypeName
from butler_core.models.universe import DimensionGroup
from butler_core.sql.catalog import Catalog
from butler_core.sql.context import SqlContext
from butler_core.sql.statement import Statement

_GROUPS_AT_ONCE = 100
"""How many dimension groups one statement asks about: databases limit the parts of a union."""

_Pair: TypeAlias = tuple[int, int]
"""The integers of a dataset type and of a collection."""


def find_holdings(
    context: SqlContext, pairs: Iterable[tuple[DatasetTypeName, CollectionName]]
) -> set[tuple[DatasetTypeName, CollectionName]]:
    """Return those pairs that have a dataset: see `butler_core.contracts.registry.Registry.find_holdings`."""
    asked = set(pairs)
    if not asked:
        return set()
    with context.database.read(context.catalogs.question) as cursor:
        catalog = context.catalogs.answered(cursor)
        by_group = _sort_by_group(catalog, asked)
        groups = sorted(by_group, key=lambda group: catalog.groups[group])
        found: set[_Pair] = set()
        for start in range(0, len(groups), _GROUPS_AT_ONCE):
            some = groups[start : start + _GROUPS_AT_ONCE]
            shape = tuple(catalog.groups[group] for group in some)
            statement = context.plans.get(("holdings", shape), partial(_make, context, catalog, some))
            bind = context.database.inline_rows("x", ("int", "int")).bind
            values = tuple(value for group in some for value in bind(by_group[group]))
            found.update(map(tuple, statement.all(cursor, values)))
    types, collections = catalog.dataset_types_by_id, catalog.collections_by_id
    return {(types[type_].dataset_type.name, collections[collection].name) for type_, collection in found}


def _sort_by_group(
    catalog: Catalog, asked: Iterable[tuple[DatasetTypeName, CollectionName]]
) -> dict[DimensionGroup, list[_Pair]]:
    """Return what the summaries do not rule out, by the tables that it is in."""
    result: dict[DimensionGroup, list[_Pair]] = {}
    for type_name, name in asked:
        registered, collection = catalog.dataset_types.get(type_name), catalog.collections.get(name)
        if registered is None or collection is None:
            continue
        if registered.id in catalog.types_in.get(collection.id, ()):
            group = registered.dataset_type.dimensions
            result.setdefault(group, []).append((registered.id, collection.id))
    return result


def _make(context: SqlContext, catalog: Catalog, groups: Sequence[DimensionGroup]) -> Statement:
    """Look for each pair at the beginning of a primary key, which ends at the first row."""
    database, schema = context.database, context.schema
    selects: list[sa.Select[Any]] = []
    parameters: list[str] = []
    for group in groups:
        group_id, has_validity = catalog.groups[group]
        pairs = database.inline_rows(f"pairs{group_id}", ("int", "int"))
        parameters += pairs.parameters
        tables = [schema.membership(group_id, group)]
        if has_validity:
            tables.append(schema.validity(group_id, group))
        type_, collection = pairs.source.c.c0, pairs.source.c.c1
        is_there = [
            sa.exists().where(table.c["_type"] == type_, table.c["_collection"] == collection)
            for table in tables
        ]
        selects.append(sa.select(type_, collection).where(sa.or_(*is_there)))
    return Statement(database, selects[0] if len(selects) == 1 else sa.union_all(*selects), parameters)
