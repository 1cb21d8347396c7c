"""Results of one kind from one query."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

from butler_core.expressions.where import OrderBy, Where
from butler_core.models.data_id import DataId
from butler_core.models.names import DataIdValue, DimensionName
from butler_core.models.universe import DimensionGroup
from butler_core.queries.arrow import Column
from butler_core.queries.base import Built, Executed, Held, QueryAdapter
from butler_core.queries.specification import Specification

_T_co = TypeVar("_T_co", covariant=True)


class DescribedAdapter(Executed[_T_co], QueryAdapter[_T_co]):
    """Results of one kind from one query."""

    def __init__(self, query: Built, held: Held | None = None) -> None:
        super().__init__(query._services, query._specification, held)
        self._query = query

    @property
    def query(self) -> Any:
        """The `Query` that these are results of; it may be built on further."""
        return self._query

    @abstractmethod
    def _restricted(self, held: Held) -> Specification:
        """Return what asks for just the rows of a snapshot, in its order."""

    def _asked(self) -> Specification:
        return self._specification if self._held is None else self._restricted(self._held.whole())

    def where(
        self,
        expression: Where = "",
        data_id: DataId | None = None,
        *,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> Self:
        """Return the rows for which this holds too: see `QueryAdapter.where`."""
        universe = self._services.universe
        return self._but(self._asked().with_condition(universe, expression, data_id, bind, kwargs))

    def sorted(self, order_by: OrderBy) -> Self:
        """Return the same rows in this order: see `QueryBase.sorted`."""
        return self._but(self._asked().sorted(order_by))

    def run(self) -> Self:
        """Ask now, and hold the rows here: see `QueryBase.run`."""
        if self._held is not None:
            return self
        return self._hold(Held(tuple(self._fetch(lambda page: page))))


def dimension_columns(group: DimensionGroup, names: Iterable[DimensionName]) -> Sequence[Column]:
    """Return the columns with the values of dimensions."""
    columns = []
    for name in names:
        key = group.universe.dimensions[name].primary_key
        assert key is not None  # every dimension has one
        columns.append(Column(name, key.type))
    return columns
