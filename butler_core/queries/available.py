"""Which columns a query has to offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from butler_core.models.columns import ColumnInfo
from butler_core.models.names import DimensionElementName
from butler_core.models.opaque import OpaqueTable
from butler_core.models.universe import DimensionGroup
from butler_core.queries.specification import Search, Specification

_FIELDS = (
    ColumnInfo("uuid", "uuid", "", "The dataset's UUID.", False),
    ColumnInfo("run", "string", "", "The RUN that owns the dataset.", False),
    ColumnInfo("collection", "string", "", "The collection in which it was found.", False),
    ColumnInfo("ingest_date", "time", "", "When it was registered.", False),
)
_VALIDITY = ColumnInfo(
    "timespan", "timespan", "", "When it is valid, as a CALIBRATION collection says.", False
)
_BOUNDS = (("begin", "Where it begins"), ("end", "Where it ends"))


def available_columns(
    specification: Specification, group: DimensionGroup, tables: Iterable[OpaqueTable]
) -> Iterator[ColumnInfo]:
    """Iterate over what conditions, orders and rows may name.

    Parameters
    ----------
    specification
        What is joined.
    group
        All dimensions that are.
    tables
        Of datastore records.
    """
    universe = group.universe
    for name in (*group.required, *group.implied):
        element = universe.dimensions[name]
        key = element.primary_key
        assert key is not None  # every dimension has one
        yield ColumnInfo(name, key.type, key.unit, key.doc or element.doc, name in group.implied)
    for element_name in group.elements:
        yield from element_columns(group, element_name)
    for search in specification.searches:
        yield from search_columns(search, tables)


def element_columns(group: DimensionGroup, name: DimensionElementName) -> Iterator[ColumnInfo]:
    """Iterate over the columns of an element's records that are not the values of dimensions."""
    element = group.universe.elements[name]
    if element.has_table:
        yield from _bounded(column._replace(name=f"{name}.{column.name}") for column in element.columns)


def search_columns(search: Search, tables: Iterable[OpaqueTable]) -> Iterator[ColumnInfo]:
    """Iterate over what a search offers of each dataset."""
    dataset_type = search.dataset_type
    fields = (*_FIELDS, _VALIDITY) if dataset_type.is_calibration else _FIELDS
    yield from _bounded(field._replace(name=f"{dataset_type.name}.{field.name}") for field in fields)
    yield from record_columns(search, tables)


def record_columns(search: Search, tables: Iterable[OpaqueTable]) -> Iterator[ColumnInfo]:
    """Iterate over what the datastore's records offer of each dataset."""
    for table in tables:
        for column in table.columns:
            if column.queryable:
                name = f"{search.dataset_type.name}.{column.name}"
                yield ColumnInfo(name, column.type, "", "Of the datastore's record.", True)


def _bounded(columns: Iterable[ColumnInfo]) -> Iterator[ColumnInfo]:
    for column in columns:
        yield column
        if column.type == "timespan":
            for bound, doc in _BOUNDS:
                yield ColumnInfo(f"{column.name}.{bound}", "time", "ns", f"{doc}: none if it is open.", True)
