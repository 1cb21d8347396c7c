"""Which columns the rows of a query have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from butler_core.models.names import ColumnName
from butler_core.models.opaque import OpaqueTable
from butler_core.models.universe import DimensionGroup
from butler_core.queries.available import element_columns, record_columns
from butler_core.queries.projection import Projection
from butler_core.queries.specification import Specification


def row_columns(
    specification: Specification,
    projection: Projection,
    joined: DimensionGroup,
    kept: DimensionGroup,
    tables: Iterable[OpaqueTable],
) -> list[ColumnName]:
    """Return the names of the columns, each once.

    Parameters
    ----------
    specification
        What is joined.
    projection
        What was asked for of it.
    joined, kept
        All dimensions that are joined, and those of the rows.
    tables
        Of datastore records.
    """
    names = [*kept.required, *kept.implied]
    names += _fields(specification, kept) if projection.columns is None else projection.columns
    for element in projection.elements:
        names += [info.name for info in element_columns(joined, element) if info.name.count(".") < 2]
    for name in projection.records:
        search = specification.search_of(name)
        if search is not None:
            names += [info.name for info in record_columns(search, tables)]
    return list(dict.fromkeys(names))


def _fields(specification: Specification, kept: DimensionGroup) -> Iterator[ColumnName]:
    """Iterate over those fields of searches that tell something of the rows."""
    for search in specification.searches:
        if search.dataset_type.dimensions <= kept:
            yield from (f"{search.dataset_type.name}.{column}" for column in search.columns)
