"""A query as data: what a Registry executes, whether it speaks SQL or HTTP."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from butler_core.expressions.tree import Expr
from butler_core.models.model_config import FROZEN
from butler_core.models.names import (
    CollectionName,
    DataIdValue,
    DatasetTypeName,
    DimensionElementName,
    DimensionName,
)
from butler_core.models.overlap_policy import OverlapJoinPolicy
from butler_core.models.timespan import Timespan

QUERY_VERSION: Literal[1] = 1


class DatasetSearch(BaseModel):
    """A search for datasets of one type in some collections."""

    model_config = FROZEN

    dataset_type: DatasetTypeName
    collections: tuple[CollectionName, ...]
    """In search order; chains are searched in their place.  Empty finds nothing."""
    find_first: bool = True
    """Keep, for each data ID, the dataset of the earliest collection that has one."""
    temporal_join: Annotated[OverlapJoinPolicy | DimensionElementName, Field(union_mode="left_to_right")] = (
        OverlapJoinPolicy.FINE
    )
    """Whose timespan the validity in CALIBRATION collections must overlap: an element, or which of the query's."""
    timespan: Timespan | None = None
    """The time that validity must overlap, instead of an element's."""
    time_of: tuple[tuple[DimensionName, DataIdValue], ...] = ()
    """The data ID whose time validity must overlap, instead of that of the query's own; not joined otherwise."""


class OrderTerm(BaseModel):
    """One key to sort by; missing values come last either way."""

    model_config = FROZEN

    expression: Expr
    descending: bool = False


class QueryDescription(BaseModel):
    """A query as data: what is joined, what constrains it, the order, the slice, and what to return."""

    model_config = FROZEN

    version: Literal[1] = QUERY_VERSION
    kind: Literal["datasets", "data_ids", "records"]
    """What a row is: a dataset, a data ID, or a dimension record."""
    answer: Literal["rows", "uuids", "count", "any", "plan"] = "rows"
    """What is wanted: rows; of ``datasets`` their UUIDs alone, as rows of one column; or one row that says something of all."""
    dimensions: tuple[DimensionName, ...]
    """The dimensions of the rows."""
    dataset_type: DatasetTypeName | None = None
    """For ``datasets``: the type of the rows, one of `searches`."""
    element: DimensionElementName | None = None
    """For ``records``: the element of the rows."""
    searches: tuple[DatasetSearch, ...] = ()
    """Datasets that are joined; all but `dataset_type`'s merely constrain."""
    data_id: tuple[tuple[DimensionName, DataIdValue], ...] = ()
    """Values that are fixed."""
    uuids: frozenset[UUID] | None = None
    """For ``datasets``: only these."""
    where: Expr | None = None
    where_text: str = ""
    """What `where` was parsed from, for errors that show the place."""
    order_by: tuple[OrderTerm, ...] = ()
    """Ties are broken by UUID or data ID; without any term the order is the backend's, but total and the same for every page."""
    offset: int = 0
    limit: int | None = None
    dimension_records: bool = False
    """Whether the records behind the rows' data IDs are wanted."""
    datastore_records: bool = False
    """Whether the datastore records of the rows' datasets are wanted."""
