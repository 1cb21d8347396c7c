"""What a query looks like apart from its values, so that one plan serves all queries of one shape."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from butler_core.expressions.query import DatasetSearch, QueryDescription
from butler_core.sql.catalog import Catalog
from butler_core.sql.queries.shapes import read_shape


def query_shape(query: QueryDescription, catalog: Catalog, values: list[Any]) -> Hashable:
    """Return what all queries have in common that one plan serves, and add the values of conditions."""
    searches = tuple([_search_shape(search, catalog) for search in query.searches])
    where: Hashable = None
    if query.where is not None:
        where = read_shape(query.where, values)
    order: tuple[Hashable, ...] = ()
    if query.order_by:
        order = tuple([(read_shape(term.expression, values), term.descending) for term in query.order_by])
    names = tuple([name for name, _ in query.data_id])
    is_some = query.uuids is not None
    uploads = tuple([(upload.dimensions, upload.dataset_types) for upload in query.uploads])
    joined = (query.joined_dimensions, query.overlap_policy, query.spatial_joins, query.temporal_joins)
    rows = (query.columns, query.unique, query.exact, query.sort_values)
    return (
        "plan", query.kind, query.dimensions, query.dataset_type, query.element, searches, names, is_some, where, order,
        uploads, joined, rows
    )  # fmt: skip


def _search_shape(search: DatasetSearch, catalog: Catalog) -> Hashable:
    registered = catalog.get_dataset_type(search.dataset_type)
    shape = (search.dataset_type, registered.id, registered.group_id, search.find_first)
    if not registered.dataset_type.is_calibration:
        return shape
    times = tuple([name for name, _ in search.time_of])
    return (*shape, search.temporal_join, search.timespan is not None, times)
