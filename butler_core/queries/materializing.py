"""What a query has found, made a query for just that: the data IDs and the UUIDs of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from operator import itemgetter
from typing import Any
from uuid import UUID

from butler_core.contracts.registry import QueryPage
from butler_core.expressions.query import Upload
from butler_core.models.names import ColumnName, DataIdValue, DatasetTypeName
from butler_core.models.overlap_policy import OverlapJoinPolicy
from butler_core.models.universe import DimensionGroup
from butler_core.queries.projection import Projection
from butler_core.queries.specification import Search, Specification
from butler_core.queries.values import as_uuid

Ask = Callable[[Specification, Projection], Iterator[QueryPage]]

_OF_PLACES = ("collection", "timespan", "timespan.begin", "timespan.end")
"""Fields of a dataset that depend on where it was found."""


def materialize(
    ask: Ask, asked: Specification, group: DimensionGroup, projection: Projection, names: Sequence[ColumnName]
) -> Specification:
    """Return what gives just the rows that are found now.

    Parameters
    ----------
    ask
        Asks for rows.
    asked
        For which rows.
    group
        All dimensions that are joined.
    projection
        What the rows have.
    names
        Of their columns.
    """
    searches = tuple(search for search in asked.searches if search.columns)
    types = tuple(search.dataset_type.name for search in searches)
    first, length = len(group.required) + len(group.implied), len(group.required)
    data_ids: list[tuple[DataIdValue, ...]] = []
    uuids: list[tuple[UUID, ...]] = []
    for row in _find(ask, asked, projection, names, tuple(f"{name}.uuid" for name in types)):
        data_ids.append(row[:length])
        uuids.append(tuple(map(as_uuid, row[first : first + len(types)])))
    return Specification(
        dimensions=group.names,
        searches=tuple(_settle(search, names) for search in searches),
        uploads=_uploads(group, types, data_ids, uuids),
        overlap_policy=OverlapJoinPolicy.CARTESIAN,
        order_by=asked.order_by,
        limit=None if data_ids else 0,
        exact=asked.exact,
        is_settled=True,
    )


def _find(
    ask: Ask,
    asked: Specification,
    projection: Projection,
    names: Sequence[ColumnName],
    uuids: tuple[ColumnName, ...],
) -> Iterable[tuple[Any, ...]]:
    """Return what is behind the rows: all dimensions, then the UUIDs."""
    is_cut = bool(asked.offset) or asked.limit is not None
    if not is_cut or not projection.unique:
        return chain.from_iterable(page.rows for page in ask(asked, Projection(columns=uuids)))
    # The slice is one of rows, each of which may come of many combinations.
    kept = {tuple(row) for page in ask(asked, projection) for row in page.rows}
    every = replace(asked, offset=0, limit=None)
    return _among(kept, names, ask(every, Projection(columns=(*uuids, *names)))) if kept else ()


def _among(
    kept: set[tuple[Any, ...]], names: Sequence[ColumnName], pages: Iterable[QueryPage]
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that are among those kept, by some of their columns."""
    for page in pages:
        places = [page.columns.index(name) for name in names]
        yield from (row for row in page.rows if tuple([row[place] for place in places]) in kept)


def _settle(search: Search, names: Sequence[ColumnName]) -> Search:
    """Return a search for datasets that are known by their UUIDs.

    It needs not look for the first of them, unless rows have what tells in which of several collections it was found.
    """
    name = search.dataset_type.name
    shown = {*search.columns, *(column.removeprefix(f"{name}.") for column in names)}
    return search if shown.intersection(_OF_PLACES) else replace(search, find_first=False)


def _uploads(
    group: DimensionGroup,
    types: tuple[DatasetTypeName, ...],
    data_ids: Sequence[tuple[DataIdValue, ...]],
    uuids: Sequence[tuple[UUID, ...]],
) -> tuple[Upload, ...]:
    if not group and not types:  # one row that says nothing, or none
        return ()
    rows = dict.fromkeys(zip(data_ids, uuids, strict=True))
    return (
        Upload(
            dimensions=group.required,
            dataset_types=types,
            data_ids=tuple(map(itemgetter(0), rows)) if group else (),
            uuids=tuple(map(itemgetter(1), rows)) if types else (),
        ),
    )
