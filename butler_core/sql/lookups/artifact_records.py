"""Datastore records in the order of their artifacts: how all of them are gone through, page by page."""

from __future__ import annotations

from collections.abc import Collection as Names, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.contracts.registry import ArtifactRecords
from butler_core.errors import NotFoundError
from butler_core.models.collection import CollectionType
from butler_core.models.names import (
    ArtifactName,
    CollectionName,
    ColumnName,
    DatasetTypeName,
    OpaqueTableName,
)
from butler_core.sql.catalog import Catalog
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.statement import Statement


class _Scope(NamedTuple):
    """Which datasets count, in the integers that stand for types and collections."""

    types: frozenset[int] | None
    runs: frozenset[int]
    others: frozenset[int]
    """TAGGED and CALIBRATION collections."""
    groups: tuple[tuple[int, Any, bool], ...]
    """Of the dataset types, if there are others than RUNs: integer, dimensions, and whether there is a validity table."""
    is_everywhere: bool
    """Whether collections do not matter."""

    @property
    def shape(self) -> tuple[Any, ...]:
        """What the statement depends on."""
        return (
            self.types is None,
            self.is_everywhere,
            tuple(id_ for id_, _, _ in self.groups),
            bool(self.others),
        )


def read_artifact_records(
    context: SqlContext,
    cursor: Cursor,
    table: OpaqueTableName,
    columns: Sequence[ColumnName],
    *,
    after: ArtifactName,
    limit: int,
    collections: Names[CollectionName] | None,
    dataset_types: Names[DatasetTypeName] | None,
) -> ArtifactRecords:
    """Read one page: see `butler_core.contracts.registry.Registry.records_by_artifact`."""
    catalog = context.catalogs.current(cursor)
    artifact_column = _find_artifact_column(context, table, columns)
    scope = _make_scope(catalog, collections, dataset_types)
    key = ("artifact records", table, tuple(columns), scope.shape)
    end, read = context.plans.get(key, lambda: _make(context, table, artifact_column, columns, scope))
    last, count = end.first(cursor, (after, limit))
    if count == 0:
        return ArtifactRecords((), None)
    parameters = [after, last]
    for values in _bound(scope):
        parameters.append(context.database.inline_values("x", "int").bind(values))
    make_uuid, names = context.database.make_uuid, catalog.collections_by_id
    rows = [
        (artifact, make_uuid(uuid), names[run].name, *others)
        for artifact, uuid, run, *others in read.all(cursor, tuple(parameters))
    ]
    return ArtifactRecords(rows, last if count == limit else None)


def _find_artifact_column(context: SqlContext, name: OpaqueTableName, columns: Sequence[ColumnName]) -> str:
    tables = {name: table for bridge in context.bridges for name, table in bridge.tables.items()}
    if name not in tables or tables[name].artifact_column is None:
        having = [name for name, table in tables.items() if table.artifact_column is not None]
        raise NotFoundError(
            f"This repository has no datastore with a table {name!r} that names artifacts.",
            remedy=f"Its tables are: {', '.join(having) or 'none'}.",
            name=name,
        )
    known = [column.name for column in tables[name].columns]
    for column in columns:
        if column not in known:
            raise NotFoundError(
                f"Table {name!r} of records has no column {column!r}.",
                remedy=f"Its columns are: {', '.join(known)}.",
                name=column,
            )
    return str(tables[name].artifact_column)


def _make_scope(
    catalog: Catalog,
    collections: Names[CollectionName] | None,
    dataset_types: Names[DatasetTypeName] | None,
) -> _Scope:
    types = None if dataset_types is None else [catalog.get_dataset_type(name) for name in dataset_types]
    type_ids = None if types is None else frozenset(registered.id for registered in types)
    if collections is None:
        return _Scope(type_ids, frozenset(), frozenset(), (), True)
    members = catalog.flatten(collections)
    runs = frozenset(member.id for member in members if member.type is CollectionType.RUN)
    others = frozenset(member.id for member in members) - runs
    groups = []
    if others:
        wanted = None if types is None else {registered.group_id for registered in types}
        groups = [
            (id_, group, has_validity)
            for group, (id_, has_validity) in catalog.groups.items()
            if wanted is None or id_ in wanted
        ]
    return _Scope(type_ids, runs, others, tuple(sorted(groups, key=lambda each: each[0])), False)


def _bound(scope: _Scope) -> list[list[int]]:
    """Return the values of the parameters that `_make` adds, in its order."""
    values = [] if scope.types is None else [scope.types]
    if not scope.is_everywhere:
        values.append(scope.runs)
    if scope.groups:
        values.append(scope.others)
    return [sorted(each) for each in values]


def _make(
    context: SqlContext,
    table_name: OpaqueTableName,
    artifact_column: ColumnName,
    columns: Sequence[ColumnName],
    scope: _Scope,
) -> tuple[Statement, Statement]:
    """Make two statements: where a page ends (a page has all records of its artifacts), and its rows."""
    database, schema = context.database, context.schema
    records, dataset = schema.opaque[table_name], schema.dataset
    artifact, text = records.c[artifact_column], records.c[artifact_column].type
    after, last = sa.bindparam("after", type_=text), sa.bindparam("last", type_=text)
    page = (
        sa.select(artifact.label("name"))
        .where(artifact > after)
        .distinct()
        .order_by(artifact)
        .limit(sa.bindparam("limit", type_=sa.Integer()))
        .subquery()
    )
    end = sa.select(sa.func.max(page.c.name), sa.func.count())
    conditions = [artifact > after, artifact <= last]
    parameters = ["after", "last"]
    if scope.types is not None:
        conditions.append(dataset.c.type.in_(database.inline_values("types", "int").select))
        parameters.append("types")
    if not scope.is_everywhere:
        conditions.append(sa.or_(*_memberships(context, scope)))
        parameters += ["runs", "others"] if scope.groups else ["runs"]
    rows = (
        sa.select(artifact, dataset.c.uuid, dataset.c.run, *(records.c[column] for column in columns))
        .select_from(records.join(dataset, dataset.c.uuid == records.c.dataset_uuid))
        .where(*conditions)
        .order_by(artifact, dataset.c.uuid)
    )
    return Statement(database, end, ["after", "limit"]), Statement(database, rows, parameters)


def _memberships(context: SqlContext, scope: _Scope) -> list[sa.ColumnElement[bool]]:
    """Return the ways in which a dataset can be in one of the collections."""
    database, schema = context.database, context.schema
    found: list[sa.ColumnElement[bool]] = [
        schema.dataset.c.run.in_(database.inline_values("runs", "int").select)
    ]
    others = database.inline_values("others", "int").select
    for id_, group, has_validity in scope.groups:
        tables = [schema.membership(id_, group)]
        if has_validity:
            tables.append(schema.validity(id_, group))
        for table in tables:
            is_member = (table.c["_uuid"] == schema.dataset.c.uuid, table.c["_collection"].in_(others))
            found.append(sa.exists().where(*is_member))
    return found
