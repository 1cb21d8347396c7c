"""Rows that a query brings along: joined as they are sent, in one or a few parameters whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from butler_core.errors import InvalidInputError
from butler_core.expressions.query import Upload
from butler_core.models.data_id import check_value
from butler_core.models.names import DatasetTypeName, DimensionName
from butler_core.models.universe import DimensionUniverse
from butler_core.sql.database import ColumnKind, Database
from butler_core.sql.queries.joins import Joins
from butler_core.sql.queries.search_sources import SearchSource


def join_uploads(
    database: Database, universe: DimensionUniverse, joins: Joins, uploads: Iterable[Upload]
) -> list[sa.FromClause]:
    """Join uploads, before anything that they constrain; their parameters' names begin with ``u0``, ``u1``, ..."""
    tables: list[sa.FromClause] = []
    for position, upload in enumerate(uploads):
        rows = database.inline_rows(f"u{position}", _kinds(universe, upload)).source
        names = [*upload.dimensions, *map(_uuid_column, range(len(upload.dataset_types)))]
        columns = [rows.c[f"c{n}"].label(name) for n, name in enumerate(names)]
        table = sa.select(*columns).select_from(rows).subquery(f"upload{position}")
        joins.add_rows(table, upload.dimensions)
        tables.append(table)
    return tables


def match_uuids(
    uploads: Sequence[Upload],
    tables: Sequence[sa.FromClause],
    searches: Sequence[DatasetTypeName],
    sources: Sequence[SearchSource | None],
) -> Iterator[sa.ColumnElement[bool]]:
    """Iterate over the conditions that what searches found are the datasets that uploads name."""
    for upload, table in zip(uploads, tables, strict=True):
        for n, name in enumerate(upload.dataset_types):
            if name not in searches:
                raise InvalidInputError(
                    f"UUIDs of type {name!r} come along, but the query searches for none of its datasets.",
                    remedy="Join a search for the type first.",
                )
            source = sources[searches.index(name)]
            assert source is not None  # a search whose datasets are uploaded is joined with its fields
            yield source.uuid == table.c[_uuid_column(n)]


def upload_values(
    database: Database, universe: DimensionUniverse, uploads: Iterable[Upload]
) -> Iterator[tuple[str, Any]]:
    """Iterate over the parameters of uploads and their values.

    Raises `DataIdError` if a value is not of its dimension's type.
    """
    for position, upload in enumerate(uploads):
        _check(universe, upload)
        rows = database.inline_rows(f"u{position}", _kinds(universe, upload))
        yield from zip(rows.parameters, rows.bind(_values(database, upload)), strict=True)


def _values(database: Database, upload: Upload) -> list[tuple[Any, ...]]:
    if not upload.dataset_types:
        return list(upload.data_ids)
    convert = database.uuid_to_value
    uuids = [tuple([convert(uuid.bytes) for uuid in row]) for row in upload.uuids]
    if not upload.dimensions:
        return list(uuids)
    return [(*data_id, *found) for data_id, found in zip(upload.data_ids, uuids, strict=True)]


def _check(universe: DimensionUniverse, upload: Upload) -> None:
    for position, name in enumerate(upload.dimensions):
        for value in {row[position] for row in upload.data_ids}:
            check_value(universe, name, value)


def _kinds(universe: DimensionUniverse, upload: Upload) -> list[ColumnKind]:
    return [*(_kind(universe, name) for name in upload.dimensions), *(["uuid"] * len(upload.dataset_types))]  # type: ignore[list-item]


def _kind(universe: DimensionUniverse, name: DimensionName) -> ColumnKind:
    key = universe.dimensions[name].primary_key
    assert key is not None  # every dimension has one
    return "int" if key.type == "int" else "string"


def _uuid_column(position: int) -> str:
    return f"_uuid{position}"
