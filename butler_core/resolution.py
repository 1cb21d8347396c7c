"""Arguments made whole: data IDs with their defaults, collections, and the one dataset that a data ID means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import lru_cache
from types import EllipsisType
from typing import Any, NamedTuple

from butler_core.arguments import implied_values, refuse_contradiction
from butler_core.client_cache import ClientCache, is_glob
from butler_core.contracts.registry import QueryPage, Registry
from butler_core.data_ids import KeyLookups
from butler_core.errors import DataIdError, DatasetNotFoundError, InvalidInputError
from butler_core.expansion import make_expander
from butler_core.expressions.query import DatasetSearch, QueryDescription
from butler_core.lookup_times import LookupTime, refuse_unknown_time, split_data_id
from butler_core.models.checking import read_items, read_mapping, read_names
from butler_core.models.columns import check_text
from butler_core.models.data_id import DataCoordinate, DataId
from butler_core.models.data_id_keys import is_plain
from butler_core.models.dataset_ref import DatasetRef, new_uuid, refs_from_rows
from butler_core.models.dataset_type import DatasetType, StorageClassLike
from butler_core.models.names import (
    CollectionName,
    CollectionPattern,
    DataIdValue,
    DatasetTypeName,
    DimensionName,
)
from butler_core.models.timespan import Timespan
from butler_core.models.universe import DimensionGroup, DimensionUniverse


class Defaults(NamedTuple):
    """What a butler uses where a call says nothing."""

    collections: tuple[CollectionName, ...]
    run: CollectionName | None
    data_id: DataCoordinate


def ordered_names(pattern: CollectionPattern) -> tuple[CollectionName, ...]:
    """Return the names of collections for a search that takes the first of several datasets.

    Raises `InvalidInputError` for what has no order: globs, and sets of more than one.
    """
    given = ("*",) if isinstance(pattern, EllipsisType) else read_names(pattern, "collections")
    globs = [name for name in given if is_glob(name)]
    lacking = repr(globs[0]) if globs else f"a set of {', '.join(sorted(given))}"
    if globs or (isinstance(pattern, Set) and len(given) > 1):
        raise InvalidInputError(
            f"A search for the first dataset needs collections in order, and {lacking} has none.",
            remedy="Give a list of names, or search with find_first=False.",
        )
    return given


class Resolver:
    """Completes what users leave out, for one butler."""

    def __init__(
        self, registry: Registry, cache: ClientCache, universe: DimensionUniverse, defaults: Defaults
    ) -> None:
        self._registry = registry
        self._cache = cache
        self._universe = universe
        self._defaults = defaults
        self._keys = KeyLookups(registry, universe, defaults.data_id)

    def run(self, run: CollectionName | None) -> CollectionName:
        """Return the RUN to write to; `InvalidInputError` if neither the call nor the butler names one."""
        name = run if run is not None else self._defaults.run
        if name is None:
            raise InvalidInputError(
                "There is no RUN to write to.", remedy="Pass run=, or open the butler with run=."
            )
        return check_text(name, "A RUN's name")

    def collections(self, pattern: CollectionPattern) -> tuple[CollectionName, ...]:
        """Return ordered names for a search that takes the first of several; globs have no order and are refused."""
        if pattern is None:
            return self._defaults.collections
        return ordered_names(pattern)

    def plain(
        self,
        dimensions: DimensionGroup | None,
        data_id: DataId | None,
        kwargs: Mapping[str, DataIdValue],
        *,
        beyond: bool = False,
    ) -> tuple[DataId | None, Mapping[str, DataIdValue]]:
        """Return the same data ID and keywords with values of dimensions only: see `KeyLookups.make_plain`.

        What is plain already is returned as it is, and asks for nothing.
        """
        if self._is_plain(data_id) and self._is_plain(kwargs):
            return data_id, kwargs
        (values,) = self._keys.make_plain([{**(data_id or {}), **kwargs}], dimensions, beyond=beyond)
        if isinstance(data_id, DataCoordinate) and dimensions is not None and not beyond:
            # One that is made may have more, and is cut down to what is wanted.
            values = {n: v for n, v in values.items() if n in dimensions or n not in data_id}
        return values, {}

    def data_id(
        self, dimensions: DimensionGroup | None, data_id: DataId | None, kwargs: Mapping[str, DataIdValue]
    ) -> DataCoordinate:
        """Return a data ID: keywords win over ``data_id``, both over the butler's defaults.

        Parameters
        ----------
        dimensions
            Of the data ID; None: those that are given.
        data_id, kwargs
            What the user gave.
        """
        data_id, kwargs = self.plain(dimensions, data_id, kwargs)
        return self._standardize(dimensions, data_id, kwargs)

    def data_ids(self, dimensions: DimensionGroup, data_ids: Iterable[DataId]) -> list[DataCoordinate]:
        """Return many data IDs, in order; other keys than the primary ones are looked up for all of them together."""
        given = read_items(data_ids, "data IDs")
        try:
            return [self._standardize(dimensions, each, {}) for each in given]
        except DataIdError:
            # Keys that are not plain are never taken for good, so only then it is worth a look whether there are any.
            if all(map(self._is_plain, given)):
                raise
        plain = self._keys.make_plain(given, dimensions)
        return [self._standardize(dimensions, each, {}) for each in plain]

    def data_ids_of(
        self, given: DatasetType | str, data_ids: Iterable[DataId]
    ) -> tuple[DatasetType, list[DataCoordinate]]:
        """Return a dataset type, as its definition holds now, and data IDs of its dimensions, in order."""
        listed = list(data_ids)

        def read() -> tuple[DatasetType, list[DataCoordinate]]:
            dataset_type = self.dataset_type(given)
            return dataset_type, self.data_ids(dataset_type.dimensions, listed)

        return self._cache.up_to_date(read)

    def expand(
        self, dimensions: DimensionGroup | None, data_id: DataId | None, kwargs: Mapping[str, DataIdValue]
    ) -> DataCoordinate:
        """Return a data ID with its records, as a new dataset of its dimensions would have it."""
        data_id, kwargs = self.plain(dimensions, data_id, kwargs)
        made = self._standardize(dimensions, data_id, kwargs)
        if made.is_expanded:
            return made
        # A registry expands refs: of what type is all one to it, so this one is registered nowhere.
        dataset_type = DatasetType("anything", made.dimensions, "StructuredDataDict")
        ref = DatasetRef(new_uuid(), dataset_type, made, "anything")
        (found,) = self._registry.expand_new_dataset_refs([ref], batch_id=new_uuid(), predict=False).refs
        refuse_contradiction(found.data_id, implied_values(made.dimensions, data_id, kwargs))
        return found.data_id

    def _is_plain(self, data_id: Mapping[str, Any] | None) -> bool:
        # Of an abstract class's kind it is slow to ask, so the usual dictionaries are told by their type.
        if data_id is None or (type(data_id) is not dict and isinstance(data_id, DataCoordinate)):
            return True
        return is_plain(self._universe, read_mapping(data_id, "data_id"))

    def _standardize(
        self, dimensions: DimensionGroup | None, data_id: DataId | None, kwargs: Mapping[str, DataIdValue]
    ) -> DataCoordinate:
        defaults = self._defaults.data_id
        return DataCoordinate.standardize(
            data_id,
            dimensions=dimensions,
            universe=self._universe,
            defaults=defaults if len(defaults) else None,
            **kwargs,
        )

    def dataset_type(self, given: DatasetType | str) -> DatasetType:
        """Return a registered dataset type by name, or check an object against the registered one."""
        if isinstance(given, str):
            return self._cache.get_dataset_type(given)
        if not isinstance(given, DatasetType):
            raise InvalidInputError(
                f"{given!r} of type {type(given).__name__} is no dataset type.",
                remedy="Give its name, or a DatasetType.",
            )
        self._cache.get_dataset_type(given.name)
        return self._cache.current().match_dataset_types(given)[0]

    def make_ref_type(self, given: DatasetType | str, storage_class: StorageClassLike | None) -> DatasetType:
        """Return the dataset type to write or read, as another storage class if that is asked for."""
        dataset_type = self.dataset_type(given)
        return dataset_type if storage_class is None else dataset_type.with_storage_class(storage_class)

    def find_dataset(
        self,
        given: DatasetType | str,
        data_id: DataId | None,
        collections: CollectionPattern,
        kwargs: Mapping[str, Any],
        *,
        timespan: Timespan | None = None,
    ) -> DatasetRef | None:
        """Find one dataset, the earliest collection's, without its records; None if there is none.

        It is one statement of the Registry, for calibrations too, as long as the data ID has all of the dataset's dimensions.

        Parameters
        ----------
        given, data_id, collections, kwargs
            What the user said.
        timespan
            When a calibration must be valid; None: at the time of what the data ID names, if it has one.

        Raises
        ------
        AmbiguousLookupError
            If several calibrations are valid then, or several at any time and no time was given.
        """
        return self._cache.up_to_date(
            lambda: self._find(
                given,
                *self._plain_for(given, data_id, kwargs),
                self.collections(collections),
                expand=False,
                records=False,
                timespan=timespan,
            )
        )

    def _find(
        self,
        given: DatasetType | str,
        data_id: DataId | None,
        kwargs: Mapping[str, Any],
        names: tuple[CollectionName, ...],
        *,
        expand: bool,
        records: bool,
        timespan: Timespan | None,
    ) -> DatasetRef | None:
        """Find one dataset by its plain data ID, with dimension records and datastore records if they are wanted."""
        if timespan is not None and not isinstance(timespan, Timespan):
            raise InvalidInputError(
                f"timespan={timespan!r} is no Timespan.", remedy="Give Timespan(begin, end)."
            )
        for _ in range(10):
            definitions = self._cache.current()
            dataset_type = self.dataset_type(given)
            parent = self._parent_of(dataset_type)
            implied = implied_values(parent.dimensions, data_id, kwargs)
            is_expanded = expand or bool(implied)
            lookup = _describe_lookup(parent.name, parent.dimensions.names, names, is_expanded, records)
            if parent.is_calibration:
                lookup = self._at_its_time(lookup, parent, data_id, kwargs, timespan)
            else:
                values = self._standardize(parent.dimensions, data_id, kwargs)
                fixed = tuple(zip(parent.dimensions.required, values.required_values, strict=True))
                lookup = lookup.model_copy(update={"data_id": fixed})
            page = self._registry.execute(lookup)
            if page.generation == definitions.generation:
                break
            self._cache.refresh()
        ref = one_ref(parent, page, is_expanded=is_expanded)
        if ref is None:
            return None
        if implied:
            refuse_contradiction(ref.data_id, implied)
        return ref if dataset_type.component is None else ref.make_component(dataset_type.component)

    def _parent_of(self, dataset_type: DatasetType) -> DatasetType:
        if dataset_type.component is None:
            return dataset_type
        return self.dataset_type(dataset_type.name.partition(".")[0])

    def _plain_for(
        self, given: DatasetType | str, data_id: DataId | None, kwargs: Mapping[str, DataIdValue]
    ) -> tuple[DataId | None, Mapping[str, DataIdValue]]:
        """Return `plain` data ID and keywords of a dataset, which for a calibration may name more than its dimensions."""
        if self._is_plain(data_id) and self._is_plain(kwargs):
            return data_id, kwargs
        dataset_type = self.dataset_type(given)
        return self.plain(dataset_type.dimensions, data_id, kwargs, beyond=dataset_type.is_calibration)

    def _split(
        self, dimensions: DimensionGroup, data_id: DataId | None, kwargs: Mapping[str, DataIdValue]
    ) -> LookupTime:
        return split_data_id(dimensions, {**(data_id or {}), **kwargs}, self._defaults.data_id)

    def _at_its_time(
        self,
        lookup: QueryDescription,
        dataset_type: DatasetType,
        data_id: DataId | None,
        kwargs: Mapping[str, DataIdValue],
        timespan: Timespan | None,
    ) -> QueryDescription:
        """Describe the look-up of a calibration, by its data ID and its time."""
        time, dimensions = self._split(dataset_type.dimensions, data_id, kwargs), dataset_type.dimensions
        (search,) = lookup.searches
        if not time.implies:
            search = search.model_copy(update={"timespan": timespan, "time_of": time.time_of})
            values = self._standardize(dimensions, time.data_id, {})
            fixed = tuple(zip(dimensions.required, values.required_values, strict=True))
            return lookup.model_copy(update={"data_id": fixed, "searches": (search,)})
        # A record has values of the calibration's own dimensions: it is joined, and then says the time too.
        wanted = self._universe.conform({*dimensions, *dict(time.time_of)})
        given = {**self._defaults.data_id, **time.data_id, **dict(time.time_of)}
        fixed = tuple((name, given[name]) for name in wanted.required if given.get(name) is not None)
        search = search.model_copy(update={"timespan": timespan})
        return lookup.model_copy(update={"data_id": fixed, "searches": (search,)})

    def get_dataset(
        self,
        given: DatasetType | str,
        data_id: DataId | None,
        collections: CollectionPattern,
        kwargs: Mapping[str, Any],
        *,
        expand: bool = False,
        records: bool = True,
        storage_class: StorageClassLike | None = None,
        timespan: Timespan | None = None,
    ) -> DatasetRef:
        """Find one dataset as `find_dataset` does; `DatasetNotFoundError` says where it was looked for."""

        def find() -> DatasetRef:
            names, plain = self.collections(collections), self._plain_for(given, data_id, kwargs)
            ref = self._find(given, *plain, names, expand=expand, records=records, timespan=timespan)
            if ref is None:
                raise self._not_found(given, *plain, names, timespan)
            return ref if storage_class is None else ref.with_storage_class(storage_class)

        return self._cache.up_to_date(find)

    def _not_found(
        self,
        given: DatasetType | str,
        data_id: DataId | None,
        kwargs: Mapping[str, DataIdValue],
        names: tuple[CollectionName, ...],
        timespan: Timespan | None,
    ) -> DatasetNotFoundError:
        """Make the error for a dataset that is not there; or raise a better one, about the time of a calibration."""
        dataset_type = self.dataset_type(given)
        parent = self._parent_of(dataset_type)
        if parent.is_calibration:
            wanted, at = self._wanted_calibration(parent, data_id, kwargs, timespan)
        else:
            wanted, at = self.data_id(parent.dimensions, data_id, kwargs), ""
        return DatasetNotFoundError(
            f"There is no dataset {dataset_type.name}@{wanted}{at} in {' > '.join(names) or 'no collections at all'}.",
            remedy=self._where_else(parent, wanted)
            if names
            else "Pass collections=, or open the butler with collections= or run=.",
            dataset_type=dataset_type.name,
            data_id=dict(wanted),
            collections=list(names),
        )

    def _wanted_calibration(
        self,
        dataset_type: DatasetType,
        data_id: DataId | None,
        kwargs: Mapping[str, DataIdValue],
        timespan: Timespan | None,
    ) -> tuple[Mapping[DimensionName, DataIdValue], str]:
        """Return which calibration was looked for and when, for the error; or raise a better one, about its time."""
        time = self._split(dataset_type.dimensions, data_id, kwargs)
        if timespan is None:
            refuse_unknown_time(self._registry, time)
        at = f" at {timespan}" if timespan is not None else f" at the time of {dict(time.time_of)}"
        if time.implies:
            return {**self._defaults.data_id, **time.data_id}, at
        wanted = self.data_id(dataset_type.dimensions, time.data_id, {})
        return wanted, at if timespan is not None or time.element is not None else ""

    def _where_else(self, dataset_type: DatasetType, data_id: Mapping[DimensionName, DataIdValue]) -> str:
        """Say which other collections have it, for the error."""
        everywhere = tuple(
            name for name, info in self._cache.current().collections.items() if info.children is None
        )
        page = self._registry.execute(
            QueryDescription(
                kind="datasets",
                dimensions=dataset_type.dimensions.names,
                dataset_type=dataset_type.name,
                searches=(
                    DatasetSearch(dataset_type=dataset_type.name, collections=everywhere, find_first=False),
                ),
                data_id=tuple(
                    (name, data_id[name]) for name in dataset_type.dimensions.required if name in data_id
                ),
                limit=3,
            )
        )
        runs = sorted({row[1] for row in page.rows})
        if runs and dataset_type.is_calibration:
            return f"There is one in {', '.join(runs)}: certify it for that time, or add its RUN to collections=."
        if runs:
            return f"There is one in {', '.join(runs)}: add it to collections=."
        return "No collection has one; butler.query_datasets() shows what there is."


@lru_cache(maxsize=500)
def _describe_lookup(
    dataset_type: DatasetTypeName,
    dimensions: tuple[DimensionName, ...],
    collections: tuple[CollectionName, ...],
    dimension_records: bool,
    datastore_records: bool,
) -> QueryDescription:
    """Describe the look-up of one dataset but for its data ID: checked once for all look-ups that are alike."""
    return QueryDescription(
        kind="datasets",
        dimensions=dimensions,
        dataset_type=dataset_type,
        searches=(DatasetSearch(dataset_type=dataset_type, collections=collections),),
        limit=1,
        dimension_records=dimension_records,
        datastore_records=datastore_records,
    )


def one_ref(dataset_type: DatasetType, page: QueryPage, *, is_expanded: bool) -> DatasetRef | None:
    """Make the ref of a page of at most one row, with whatever records came along."""
    refs = make_refs(dataset_type, page, is_expanded=is_expanded)
    return refs[0] if refs else None


def make_refs(dataset_type: DatasetType, page: QueryPage, *, is_expanded: bool) -> list[DatasetRef]:
    """Make the refs of a page of datasets; expanded if it was asked for with dimension records."""
    expand = make_expander(dataset_type.dimensions, page.dimension_records) if is_expanded else None
    records = page.datastore_records
    return refs_from_rows(
        dataset_type, page.rows, expand=expand, records=None if records is None else records.rows
    )
