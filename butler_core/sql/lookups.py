"""The look-up of one dataset by its full data ID, the query that is asked most, with nothing in its way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.models.collection import CollectionType
from butler_core.models.names import DataIdValue
from butler_core.sql.catalog import Catalog, Collection, RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.statement import Statement

_FEW = 32
"""Up to so many collections are parameters of their own."""


class _Lookup(NamedTuple):
    """Statements for one dimension group and number of collections."""

    find: Statement
    """Takes type, required values, collections."""
    find_run: Statement
    """Takes the UUID."""


def _make(context: SqlContext, registered: RegisteredType, count: int) -> _Lookup:
    table = context.schema.membership(registered.group_id, registered.dataset_type.dimensions)
    columns, collection = table.c, table.c["_collection"]
    keys = registered.dataset_type.dimensions.required
    names = ["type", *(f"key{position}" for position in range(len(keys)))]
    wanted = [columns["_type"], *(columns[key] for key in keys)]
    conditions = [
        column == sa.bindparam(name, type_=column.type) for column, name in zip(wanted, names, strict=True)
    ]
    if count == 0:  # many
        chosen = context.database.inline_values("collections", "int").select
        parameters = ["collections"]
        conditions.append(collection.in_(chosen))
    else:
        parameters = [f"collection{position}" for position in range(count)]
        conditions.append(collection.in_([sa.bindparam(name, type_=collection.type) for name in parameters]))
    dataset = context.schema.dataset.c
    find = sa.select(collection, columns["_uuid"]).where(*conditions)
    find_run = sa.select(dataset.run).where(dataset.uuid == sa.bindparam("uuid", type_=dataset.uuid.type))
    return _Lookup(
        Statement(context.database, find, [*names, *parameters]),
        Statement(context.database, find_run, ["uuid"]),
    )


def find_one(
    context: SqlContext,
    cursor: Cursor,
    catalog: Catalog,
    registered: RegisteredType,
    members: Sequence[Collection],
    values: tuple[DataIdValue, ...],
) -> list[tuple[Any, ...]]:
    """Return the row of the first dataset with a data ID in RUN and TAGGED collections, or none.

    Parameters
    ----------
    context
        The registry's parts.
    cursor
        Of the transaction.
    catalog
        What holds in it.
    registered
        The dataset type.
    members
        The collections in search order.
    values
        The required values.
    """
    found = _find(context, cursor, registered, members, values)
    if found is None:
        return []
    id_, uuid = found
    collection = catalog.collections_by_id[id_]
    if collection.type is not CollectionType.RUN:
        lookup = _get(context, registered, 1)
        collection = catalog.collections_by_id[lookup.find_run.first(cursor, (uuid,))[0]]
    return [(uuid, collection.name, *values)]


def _get(context: SqlContext, registered: RegisteredType, count: int) -> _Lookup:
    lookup: _Lookup = context.plans.get(
        ("lookup", registered.group_id, count), lambda: _make(context, registered, count)
    )
    return lookup


def _find(
    context: SqlContext,
    cursor: Cursor,
    registered: RegisteredType,
    members: Sequence[Collection],
    values: tuple[DataIdValue, ...],
) -> tuple[int, Any] | None:
    """Return the first collection that has a dataset, and its UUID; None if none has."""
    ids = [collection.id for collection in members]
    count = len(ids) if len(ids) <= _FEW else 0
    parameters = tuple(ids) if count else (context.database.inline_values("x", "int").bind(ids),)
    rows = _get(context, registered, count).find.all(cursor, (registered.id, *values, *parameters))
    if len(rows) < 2:
        return rows[0] if rows else None
    found = dict(rows)
    id_ = next(id_ for id_ in ids if id_ in found)
    return id_, found[id_]
