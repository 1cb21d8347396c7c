"""A query as data: what a Registry executes, whether it speaks SQL or HTTP."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from butler_core.expressions.tree import Expr
from butler_core.models.model_config import FROZEN
from butler_core.models.names import (
    CollectionName,
    ColumnName,
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


class Upload(BaseModel):
    """Rows that a query is joined with: data IDs, datasets, or data IDs with datasets that belong to them; each once."""

    model_config = FROZEN

    dimensions: tuple[DimensionName, ...] = ()
    """The required dimensions of a group; the values of a row are known to belong together."""
    dataset_types: tuple[DatasetTypeName, ...] = ()
    """Types that are searched for."""
    data_ids: tuple[tuple[DataIdValue, ...], ...] = ()
    """Of each row its values of `dimensions`; none at all without any dimension."""
    uuids: tuple[tuple[UUID, ...], ...] = ()
    """Of each row one dataset of each of `dataset_types`; none at all without any of these."""

    @property
    def length(self) -> int:
        """How many rows there are."""
        return len(self.uuids) if self.dataset_types else len(self.data_ids)

    @model_validator(mode="after")
    def _check(self) -> Upload:
        rows = {len(self.data_ids)} if self.dimensions else set()
        rows |= {len(self.uuids)} if self.dataset_types else set()
        fits = len(rows) < 2 and all(len(row) == len(self.dimensions) for row in self.data_ids)
        if not fits or any(len(row) != len(self.dataset_types) for row in self.uuids):
            raise ValueError("an upload's rows must have a value for each dimension and dataset type")
        return self


class OrderTerm(BaseModel):
    """One key to sort by; missing values come last either way."""

    model_config = FROZEN

    expression: Expr
    descending: bool = False


class QueryDescription(BaseModel):
    """A query as data: what is joined, what constrains it, the order, the slice, and what to return."""

    model_config = FROZEN

    version: Literal[1] = QUERY_VERSION
    kind: Literal["datasets", "data_ids", "records", "rows"]
    """What a row is: a dataset, a data ID, a dimension record, or the values of `columns`."""
    answer: Literal["rows", "uuids", "count", "any", "plan"] = "rows"
    """What is wanted: rows; of ``datasets`` their UUIDs alone, as rows of one column; or one row that says something of all."""
    dimensions: tuple[DimensionName, ...]
    """The dimensions of the rows."""
    joined_dimensions: tuple[DimensionName, ...] = ()
    """More dimensions that take part, and constrain the rows."""
    overlap_policy: OverlapJoinPolicy = OverlapJoinPolicy.FINE
    """Which spatial and temporal joins are made that nobody spelt out."""
    spatial_joins: tuple[tuple[DimensionElementName, DimensionElementName], ...] = ()
    """Pairs of elements whose regions overlap."""
    temporal_joins: tuple[tuple[DimensionElementName, DimensionElementName], ...] = ()
    """Pairs of elements whose timespans overlap."""
    columns: tuple[ColumnName, ...] = ()
    """For ``rows``: what each has, by names as conditions use them."""
    unique: bool = True
    """For ``rows``: whether each comes once, even if several combinations of what is joined give it."""
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
    uploads: tuple[Upload, ...] = ()
    """Rows that are joined."""
    where: Expr | None = None
    where_text: str = ""
    """What `where` was parsed from, for errors that show the place."""
    order_by: tuple[OrderTerm, ...] = ()
    """Ties are broken by UUID or data ID; without any term the order is the backend's, but total and the same for every page."""
    offset: int = 0
    limit: int | None = None
    exact: bool = True
    """Whether regions are tested exactly; else pairs may be found whose regions only come close."""
    sort_values: bool = False
    """Whether the values that a row is sorted by are wanted, at its end."""
    dimension_records: bool = False
    """Whether the records behind the rows' data IDs are wanted."""
    datastore_records: bool = False
    """Whether the datastore records of the rows' datasets are wanted."""
