"""Refs of one dataset type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Self, TypeVar
from uuid import UUID

from butler_core.client_cache import Definitions
from butler_core.contracts.registry import QueryPage
from butler_core.expressions.query import QueryDescription, Upload
from butler_core.models.dataset_ref import DatasetRef, uuid_from_bytes
from butler_core.models.dataset_type import DatasetType
from butler_core.queries.adapter import DescribedAdapter, dimension_columns
from butler_core.queries.arrow import Column
from butler_core.queries.base import Built, Held
from butler_core.queries.specification import Specification
from butler_core.queries.values import as_uuid
from butler_core.resolution import make_refs

_T = TypeVar("_T")


class DatasetQueryAdapter(DescribedAdapter[DatasetRef]):
    """Refs of one dataset type, with minimal data IDs; with records if `expanded`."""

    def __init__(
        self, query: Built, dataset_type: DatasetType, *, is_expanded: bool = False, held: Held | None = None
    ) -> None:
        super().__init__(query, held)
        self.dataset_type = dataset_type
        """The dataset type of the refs."""
        self._is_expanded = is_expanded

    def _but(self, specification: Specification) -> Self:
        return type(self)(self._query._but(specification), self.dataset_type, is_expanded=self._is_expanded)

    def _hold(self, held: Held) -> Self:
        return type(self)(self._query, self.dataset_type, is_expanded=self._is_expanded, held=held)

    def _of_what(self) -> str:
        return f" of {self.dataset_type.name}"

    def _describe(self, definitions: Definitions) -> QueryDescription:
        services = self._services
        return self._specification.describe(
            "datasets",
            definitions,
            services.defaults,
            services.universe,
            self.dataset_type.dimensions.names,
            dataset_type=self.dataset_type.name,
            dimension_records=self._is_expanded,
            datastore_records=self._is_expanded,
        )

    def _convert(self, page: QueryPage) -> Sequence[DatasetRef]:
        return make_refs(self.dataset_type, page, is_expanded=self._is_expanded)

    def _keyed(self) -> Iterator[tuple[tuple[Any, ...], DatasetRef]]:
        """Iterate over refs, each with the values that it is sorted by."""
        return chain.from_iterable(self._fetch(self._convert_keyed, sort_values=True))

    def _convert_keyed(self, page: QueryPage) -> list[tuple[tuple[Any, ...], DatasetRef]]:
        width = 2 + len(self.dataset_type.dimensions.required)
        refs = self._convert(page._replace(rows=[row[:width] for row in page.rows]))
        return [(row[width:], ref) for row, ref in zip(page.rows, refs, strict=True)]

    def _columns(self, page: QueryPage) -> Sequence[Column]:
        return [
            Column("uuid", "uuid"),
            Column("run", "string"),
            *dimension_columns(self.dataset_type.dimensions, self.dataset_type.dimensions.required),
        ]

    def _restricted(self, held: Held) -> Specification:
        name = self.dataset_type.name
        rows = tuple((as_uuid(row[0]),) for page in held.pages for row in page.rows)
        search = self._specification.search_of(name)
        assert search is not None  # datasets of the type were found by it
        services, asked = self._services, self._specification
        dimensions = self.dataset_type.dimensions.names
        fixed = asked.data_id + asked.defaults_used(services.universe, services.defaults, dimensions)
        return Specification(
            searches=(replace(search, find_first=False),),
            data_id=fixed,  # true of all rows, so conditions that are added may rely on it
            uploads=(Upload(dataset_types=(name,), uuids=rows),),
            order_by=self._specification.order_by,
            is_settled=True,
        )

    def expanded(self) -> Self:
        """Return the same refs with dimension records and datastore records.  Statements: none."""
        if self._is_expanded:
            return self
        return type(self)(self._query._but(self._asked()), self.dataset_type, is_expanded=True)

    def uuids(self) -> Iterable[UUID]:
        """Return the UUIDs alone; lazy, and can be iterated again.  Statements: none now; 4 a page when it is iterated."""
        bare = type(self)(self._query, self.dataset_type, held=self._held)
        return Again(lambda: bare._uuids())

    def _uuids(self) -> Iterator[UUID]:
        return chain.from_iterable(self._fetch(_uuids_of, answer="uuids"))


class Again(Iterable[_T]):
    """What a function begins to yield each time that somebody iterates."""

    def __init__(self, begin: Callable[[], Iterator[_T]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[_T]:
        return self._begin()


def _uuids_of(page: QueryPage) -> list[UUID]:
    """Make the UUIDs of a page, which are the first of each row."""
    rows = page.rows
    if rows and isinstance(rows[0][0], bytes):
        return [uuid_from_bytes(row[0]) for row in rows]
    return [row[0] for row in rows]
