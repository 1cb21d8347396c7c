"""The look-up of one dataset by its full data ID, the query that is asked most: one statement, with nothing in its way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.models.collection import CollectionType
from butler_core.models.names import DataIdValue
from butler_core.models.opaque import StoredRecords
from butler_core.sql.catalog import Catalog, Collection, RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.statement import Statement

Ask = Callable[[Statement, tuple[Any, ...]], list[Any]]
"""Runs a statement, in a transaction or alone, and returns its rows."""

_FEW = 32
"""Up to so many collections are parameters of their own."""

_WIDTH = 4
"""How many columns stand before those of datastore records."""


class Found(NamedTuple):
    """What a look-up found."""

    rows: list[tuple[Any, ...]]
    """UUID, run and required values of the dataset, or nothing."""
    records: StoredRecords | None
    """None if they were not asked for."""


class _Shape(NamedTuple):
    """What look-ups have in common that one statement serves."""

    group_id: int
    collections: int
    """How many collections are searched; 0: many."""
    only_runs: bool
    """Whether all of them are RUNs, so that the collection says the run."""
    records: bool
    """Whether datastore records are wanted."""


def _make(context: SqlContext, registered: RegisteredType, shape: _Shape) -> Statement:
    """Make the statement; it takes type, required values and collections.

    Its rows are generation, collection, UUID and run, then a row of datastore records: the first three of them NULL where
    there is no dataset, the last where there are no records.
    """
    schema = context.schema
    table = schema.membership(registered.group_id, registered.dataset_type.dimensions)
    columns, collection = table.c, table.c["_collection"]
    keys = registered.dataset_type.dimensions.required
    names = ["type", *(f"key{position}" for position in range(len(keys)))]
    wanted = [columns["_type"], *(columns[key] for key in keys)]
    conditions = [
        column == sa.bindparam(name, type_=column.type) for column, name in zip(wanted, names, strict=True)
    ]
    if shape.collections:
        parameters = [f"collection{position}" for position in range(shape.collections)]
        conditions.append(collection.in_([sa.bindparam(name, type_=collection.type) for name in parameters]))
    else:
        parameters = ["collections"]
        conditions.append(collection.in_(context.database.inline_values("collections", "int").select))
    source: sa.FromClause = schema.generation.outerjoin(table, sa.and_(*conditions))
    run: sa.ColumnElement[Any] = collection
    if not shape.only_runs:
        source = source.outerjoin(schema.dataset, schema.dataset.c.uuid == columns["_uuid"])
        run = schema.dataset.c.run
    selected = [schema.generation.c.current, collection, columns["_uuid"], run]
    if shape.records:
        opaque = context.opaque.only_table
        assert opaque is not None  # look-ups with records are only made where there is one table of them
        source = source.outerjoin(opaque.table, opaque.table.c.dataset_uuid == columns["_uuid"])
        selected += opaque.table.columns
    labelled = [column.label(f"s{position}") for position, column in enumerate(selected)]
    return Statement(context.database, sa.select(*labelled).select_from(source), [*names, *parameters])


def look_up(
    context: SqlContext,
    ask: Ask,
    catalog: Catalog,
    registered: RegisteredType,
    members: Sequence[Collection],
    values: tuple[DataIdValue, ...],
    *,
    records: bool,
) -> Found | None:
    """Find the first dataset with a data ID in RUN and TAGGED collections; None if the catalog is out of date.

    Parameters
    ----------
    context
        The registry's parts.
    ask
        Runs a statement.
    catalog
        What is thought to hold.
    registered
        The dataset type.
    members
        The collections in search order, at least one.
    values
        The required values.
    records
        Whether datastore records are wanted, for which there must be `OpaqueRows.only_table`.
    """
    ids = [collection.id for collection in members]
    few = len(ids) if len(ids) <= _FEW else 0
    only_runs = all(collection.type is CollectionType.RUN for collection in members)
    shape = _Shape(registered.group_id, few, only_runs, records)
    statement = context.plans.get(("lookup", *shape), lambda: _make(context, registered, shape))
    parameters = tuple(ids) if few else (context.database.inline_values("x", "int").bind(ids),)
    answer = ask(statement, (registered.id, *values, *parameters))
    if not answer or answer[0][0] != catalog.generation:
        return None
    where = {row[1] for row in answer}
    first = next((id_ for id_ in ids if id_ in where), None)
    if first is None:
        return Found([], context.opaque.gather([]) if records else None)
    chosen = [row for row in answer if row[1] == first]
    _, _, uuid, run = chosen[0][:_WIDTH]
    rows = [(uuid, catalog.collections_by_id[run].name, *values)]
    if not records:
        return Found(rows, None)
    return Found(rows, context.opaque.gather([row[_WIDTH:] for row in chosen if row[_WIDTH] is not None]))


class FoundRef(NamedTuple):
    """What is known of a dataset by its UUID."""

    type_id: int | None
    """None if there is no such dataset."""
    run_id: int | None
    records: StoredRecords


def _make_by_uuid(context: SqlContext) -> Statement:
    """Make the statement that takes a UUID; its rows are generation, UUID, type and run, then a row of datastore records."""
    generation, dataset, opaque = context.schema.generation, context.schema.dataset, context.opaque.only_table
    assert opaque is not None  # it is made only where there is one table of records
    uuid = sa.bindparam("uuid", type_=dataset.c.uuid.type)
    source = generation.outerjoin(dataset, dataset.c.uuid == uuid).outerjoin(
        opaque.table, opaque.table.c.dataset_uuid == dataset.c.uuid
    )
    selected = [generation.c.current, dataset.c.uuid, dataset.c.type, dataset.c.run, *opaque.table.columns]
    labelled = [column.label(f"s{position}") for position, column in enumerate(selected)]
    return Statement(context.database, sa.select(*labelled).select_from(source), ["uuid"])


def look_up_ref(context: SqlContext, ask: Ask, catalog: Catalog, uuid: bytes) -> FoundRef | None:
    """Find type, run and datastore records of a dataset; None if the catalog is out of date.

    There must be `OpaqueRows.only_table`.
    """
    statement = context.plans.get("lookup by UUID", lambda: _make_by_uuid(context))
    answer = ask(statement, (context.database.uuid_to_value(uuid),))
    if not answer or answer[0][0] != catalog.generation:
        return None
    _, _, type_id, run_id = answer[0][:_WIDTH]
    records = context.opaque.gather([row[_WIDTH:] for row in answer if row[_WIDTH] is not None])
    return FoundRef(type_id, run_id, records)
