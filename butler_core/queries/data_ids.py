"""Data IDs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from butler_core.client_cache import Definitions
from butler_core.contracts.registry import QueryPage
from butler_core.expansion import make_expander
from butler_core.expressions.query import QueryDescription, Upload
from butler_core.models.data_id import DataCoordinate
from butler_core.models.universe import DimensionGroup
from butler_core.queries.adapter import DescribedAdapter, dimension_columns
from butler_core.queries.arrow import Column
from butler_core.queries.base import Built, Held
from butler_core.queries.specification import Specification


class DataCoordinateQueryAdapter(DescribedAdapter[DataCoordinate]):
    """Data IDs that the dimension records allow, full; with records if `expanded`."""

    def __init__(
        self,
        query: Built,
        dimensions: DimensionGroup,
        *,
        is_expanded: bool = False,
        held: Held | None = None,
    ) -> None:
        super().__init__(query, held)
        self.dimensions = dimensions
        """The dimensions of the data IDs."""
        self._is_expanded = is_expanded

    @property
    def query(self) -> Any:
        """The `Query` that these are results of, with their dimensions; it may be built on further."""
        return self._query._but(self._specification.with_dimensions(self.dimensions.names))

    def _but(self, specification: Specification) -> Self:
        return type(self)(self._query._but(specification), self.dimensions, is_expanded=self._is_expanded)

    def _hold(self, held: Held) -> Self:
        return type(self)(self._query, self.dimensions, is_expanded=self._is_expanded, held=held)

    def _restricted(self, held: Held) -> Specification:
        required = self.dimensions.required
        rows = tuple(row[: len(required)] for page in held.pages for row in page.rows)
        return Specification(
            uploads=(Upload(dimensions=required, data_ids=rows),),
            order_by=self._specification.order_by,
            is_settled=True,
        )

    def expanded(self) -> Self:
        """Return the same data IDs with dimension records.  Statements: none."""
        if self._is_expanded:
            return self
        return type(self)(self._query._but(self._asked()), self.dimensions, is_expanded=True)

    def _of_what(self) -> str:
        return f" of {', '.join(self.dimensions.required)}"

    def _describe(self, definitions: Definitions) -> QueryDescription:
        services = self._services
        return self._specification.describe(
            "data_ids",
            definitions,
            services.defaults,
            services.universe,
            self.dimensions.names,
            dimension_records=self._is_expanded,
        )

    def _convert(self, page: QueryPage) -> Sequence[DataCoordinate]:
        group = self.dimensions
        if self._is_expanded:
            expand, length = make_expander(group, page.dimension_records), len(group.required)
            return [expand(row[:length]) for row in page.rows]
        make = DataCoordinate.from_full
        return [make(group, row) for row in page.rows]

    def _columns(self, page: QueryPage) -> Sequence[Column]:
        return dimension_columns(self.dimensions, self.dimensions.required + self.dimensions.implied)
