"""How queries are built: what is joined, what constrains it, and the order."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any, Self
from uuid import UUID

from butler_core.errors import InvalidInputError
from butler_core.expressions.query import Upload
from butler_core.expressions.where import OrderBy, Where
from butler_core.models.checking import (
    read_items,
    read_member,
    read_name,
    read_names,
    read_pairs,
    read_uuid,
)
from butler_core.models.data_id import DataId
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import (
    CollectionPattern,
    ColumnName,
    DataIdValue,
    DatasetTypeName,
    DimensionElementName,
    DimensionName,
)
from butler_core.models.overlap_policy import OverlapJoinPolicy
from butler_core.models.universe import DimensionGroup
from butler_core.queries.available import search_columns
from butler_core.queries.base import Executed
from butler_core.queries.matching import keep_pattern, match_type
from butler_core.queries.specification import Search, Specification
from butler_core.resolution import Resolver


class Building(Executed[Mapping[ColumnName, Any]]):
    """The steps that add to a query; each returns a new one."""

    @abstractmethod
    def _asked(self) -> Specification:
        """Return what to go on with: of a snapshot, just its rows."""

    @property
    def _joined(self) -> DimensionGroup:
        return self._specification.group(self._services.universe)

    def _joinable(self) -> Specification:
        asked = self._asked()
        if asked.limit or asked.offset:  # nothing stays nothing, whatever is joined
            raise InvalidInputError(
                "A slice cannot be joined with more: its rows would be others.",
                remedy="Join first and slice last, or go on with materialized().",
            )
        return asked

    # -- joining

    def join_datasets(
        self,
        dataset_type: DatasetType | DatasetTypeName,
        collections: CollectionPattern = None,
        *,
        find_first: bool = True,
        columns: Iterable[ColumnName] = ("uuid", "run"),
        temporal_join: OverlapJoinPolicy | DimensionElementName = OverlapJoinPolicy.FINE,
    ) -> Self:
        """Join a search for datasets.

        Statements: none, while the dataset type is known here; 3 to ask again for one that is not.

        Parameters
        ----------
        dataset_type
            A registered type.
        collections
            Names in search order; None: the butler's defaults.  Globs and ``...`` only with ``find_first=False``.
        find_first
            Keep, for each data ID, the dataset of the earliest collection that has one.
        columns
            Fields that rows get, by their bare names; none makes the search a mere constraint.
        temporal_join
            Whose timespan validity in CALIBRATION collections must overlap: an element, or which of the query's.

        Raises `InvalidInputError` if another search for the same type was joined before.
        """
        search = Search(
            match_type(self._services, dataset_type),
            keep_pattern(collections, find_first),
            find_first,
            read_names(columns, "fields of datasets"),
            self._element_or_policy(temporal_join),
        )
        self._check_fields(search)
        return self._but(self._joinable().with_search(search))

    def _check_fields(self, search: Search) -> None:
        name = search.dataset_type.name
        known = [
            info.name.removeprefix(f"{name}.")
            for info in search_columns(search, self._services.record_tables)
        ]
        for column in search.columns:
            if column not in known:
                raise InvalidInputError(
                    f"Datasets of type {name!r} have no field {column!r}.",
                    remedy=f"Their fields are: {', '.join(known)}.",
                )

    def _element_or_policy(
        self, given: OverlapJoinPolicy | DimensionElementName
    ) -> OverlapJoinPolicy | DimensionElementName:
        if isinstance(given, str):
            return self._services.universe.get_element(given).name
        return read_member(OverlapJoinPolicy, given, "temporal_join")

    def join_dimensions(
        self,
        dimensions: Iterable[DimensionName],
        spatial_joins: Iterable[tuple[DimensionElementName, DimensionElementName]] = (),
        temporal_joins: Iterable[tuple[DimensionElementName | DatasetTypeName, DimensionElementName]] = (),
        overlap_policy: OverlapJoinPolicy = OverlapJoinPolicy.FINE,
    ) -> Self:
        """Join the tables of dimensions.

        Statements: none.

        Parameters
        ----------
        dimensions
            Names.
        spatial_joins, temporal_joins
            Pairs of elements whose regions or timespans must overlap: the first is in the query already, the second comes
            with ``dimensions``.  A dataset type as the first of a temporal one means its validity in CALIBRATION collections.
        overlap_policy
            Which such joins are made besides, where the query needs them.
        """
        asked, universe = self._joinable(), self._services.universe
        group = universe.conform(dimensions)
        spatial, temporal = read_pairs(spatial_joins, "elements"), read_pairs(temporal_joins, "elements")
        validities = self._read_validities(temporal)
        temporal = tuple(pair for pair in temporal if pair[0] not in validities)
        for name in (*chain.from_iterable((*spatial, *temporal)), *validities.values()):
            universe.get_element(name)
        return self._but(
            replace(
                asked.with_dimensions(group.names),
                searches=tuple(
                    replace(
                        search, temporal_join=validities.get(search.dataset_type.name, search.temporal_join)
                    )
                    for search in asked.searches
                ),
                spatial_joins=(*asked.spatial_joins, *spatial),
                temporal_joins=(*asked.temporal_joins, *temporal),
                overlap_policy=read_member(OverlapJoinPolicy, overlap_policy, "overlap_policy"),
            )
        )

    def _read_validities(
        self, pairs: Iterable[tuple[str, str]]
    ) -> Mapping[DatasetTypeName, DimensionElementName]:
        """Return the elements that the validities of datasets are compared with, one for each dataset type."""
        found: dict[DatasetTypeName, DimensionElementName] = {}
        for first, second in pairs:
            search = self._joinable().search_of(first)
            if search is None:
                continue
            if not search.dataset_type.is_calibration:
                raise InvalidInputError(
                    f"Dataset type {first!r} is no calibration type, so its datasets have no validity to compare with {second}.",
                    remedy="Name an element with timespans, or a calibration type.",
                )
            if found.setdefault(first, second) != second:
                raise InvalidInputError(
                    f"The validity of {first!r} is compared with {found[first]} and with {second}.",
                    remedy="Give one pair for each dataset type.",
                )
        return found

    def join_external_data_ids(
        self, dimensions: DimensionGroup | Iterable[DimensionName], data_ids: Iterable[DataId]
    ) -> Self:
        """Keep only these data IDs; they go along with each question.  Makes no spatial or temporal join.

        Statements: none for plain data IDs.  Keys other than those of dimensions are looked up at once, with 4 for each
        dimension that they name and each set of them.
        """
        universe = self._services.universe
        group = dimensions if isinstance(dimensions, DimensionGroup) else universe.conform(dimensions)
        services = self._services
        resolver = Resolver(services.registry, services.cache, universe, services.defaults)
        values = dict.fromkeys(found.required_values for found in resolver.data_ids(group, data_ids))
        if not group:  # the empty data ID says nothing, unless it is missing
            return self if values else self.sliced(0, 0)
        upload = Upload(dimensions=group.required, data_ids=tuple(values))
        asked = self._joinable()
        return self._but(replace(asked, uploads=(*asked.uploads, upload)))

    def join_external_uuids(self, dataset_type: DatasetType | DatasetTypeName, uuids: Iterable[UUID]) -> Self:
        """Keep only these datasets of a type that was joined before; they go along with each question.  Statements: none."""
        name = self._name_of_joined(dataset_type)
        rows = tuple((uuid,) for uuid in dict.fromkeys(map(read_uuid, read_items(uuids, "UUIDs"))))
        asked = self._joinable()
        upload = Upload(dataset_types=(name,), uuids=rows)
        return self._but(replace(asked, uploads=(*asked.uploads, upload)))

    def _name_of_joined(self, dataset_type: DatasetType | DatasetTypeName) -> DatasetTypeName:
        name = dataset_type.name if isinstance(dataset_type, DatasetType) else dataset_type
        read_name(name, "a dataset type")
        if self._specification.search_of(name) is None:
            joined = [search.dataset_type.name for search in self._specification.searches]
            raise InvalidInputError(
                f"No search for {name!r} was joined{': only ' + ', '.join(joined) if joined else ''}.",
                remedy=f"Join it first: query.join_datasets({name!r}, collections).",
            )
        return name

    # -- constraining

    def where(
        self,
        expression: Where = "",
        data_id: DataId | None = None,
        uuid: tuple[DatasetType | DatasetTypeName, UUID] | None = None,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> Self:
        """Return the rows for which this holds too, besides earlier conditions.

        Statements: none.

        Parameters
        ----------
        expression
            A condition in the where language, or an expression of `butler_core.columns`.
        data_id, **kwargs
            Values that are fixed; keywords win.  Keys other than dimensions are conditions, so nothing is looked up.
        uuid
            A dataset type that was joined, and its only dataset.
        bind
            Values of ``:name`` in ``expression``.

        Raises `QueryError`, which shows the place in the text and the names that would do.
        """
        query = self
        if uuid is not None:
            pair = read_items(uuid, "a dataset type and its dataset's UUID")
            if len(pair) != 2:
                raise InvalidInputError(
                    f"{uuid!r} is no dataset type with the UUID of its dataset.",
                    remedy="Give uuid=('summary', ref.uuid).",
                )
            query = self.join_external_uuids(pair[0], [pair[1]])
        universe = self._services.universe
        return query._but(query._asked().with_condition(universe, expression, data_id, bind, kwargs))

    def sorted(self, order_by: OrderBy) -> Self:
        """Return the same rows in this order: see `QueryBase.sorted`."""
        return self._but(self._asked().sorted(order_by))
