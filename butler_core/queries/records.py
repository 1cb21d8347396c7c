"""Dimension records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from butler_core.client_cache import Definitions
from butler_core.contracts.registry import QueryPage
from butler_core.expressions.query import QueryDescription, Upload
from butler_core.models.names import DimensionElementName
from butler_core.models.record import DimensionRecord, record_shape
from butler_core.queries.adapter import DescribedAdapter
from butler_core.queries.arrow import Column
from butler_core.queries.base import Built, Held
from butler_core.queries.specification import Specification


class DimensionRecordQueryAdapter(DescribedAdapter[DimensionRecord]):
    """Records of one element."""

    def __init__(self, query: Built, element: DimensionElementName, *, held: Held | None = None) -> None:
        super().__init__(query, held)
        known = query._services.universe.get_element(element).name
        self._shape = record_shape(query._services.universe, known)
        self.element = known
        """Name of the element."""

    @property
    def query(self) -> Any:
        """The `Query` that these are results of, with their dimensions; it may be built on further."""
        return self._query._but(self._specification.with_dimensions(self._shape.dimensions.names))

    def _but(self, specification: Specification) -> Self:
        return type(self)(self._query._but(specification), self.element)

    def _hold(self, held: Held) -> Self:
        return type(self)(self._query, self.element, held=held)

    def _restricted(self, held: Held) -> Specification:
        required = self._shape.element.required
        rows = tuple(row[: len(required)] for page in held.pages for row in page.rows)
        return Specification(
            uploads=(Upload(dimensions=required, data_ids=rows),),
            order_by=self._specification.order_by,
            is_settled=True,
        )

    def _of_what(self) -> str:
        return f" of {self.element}"

    def _describe(self, definitions: Definitions) -> QueryDescription:
        services = self._services
        return self._specification.describe(
            "records",
            definitions,
            services.defaults,
            services.universe,
            self._shape.dimensions.names,
            element=self.element,
        )

    def _convert(self, page: QueryPage) -> Sequence[DimensionRecord]:
        shape = self._shape
        return [DimensionRecord(shape, row) for row in page.rows]

    def _columns(self, page: QueryPage) -> Sequence[Column]:
        return [Column(column.name, column.type) for column in self._shape.columns]
