"""Reading datasets, and asking where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, overload

from butler_core.aliases import DatasetTypeLike
from butler_core.arguments import listed_refs, one_of, refuse_more_than
from butler_core.butler_methods.opening import Opening
from butler_core.contracts.datastore import GetRequest
from butler_core.errors import CorruptError
from butler_core.limited_butler import DeferredDatasetHandle
from butler_core.models.data_id import DataId
from butler_core.models.dataset_ref import (
    DatasetRef,
)
from butler_core.models.dataset_type import StorageClassLike
from butler_core.models.names import (
    CollectionPattern,
    DataIdValue,
    InMemoryDataset,
    Parameters,
    Uri,
)
from butler_core.models.results import DatasetExistence, GetResult
from butler_core.models.timespan import Timespan


class Reading(Opening):
    """Methods that read."""

    @overload
    def get(
        self,
        ref: DatasetRef,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> InMemoryDataset: ...
    @overload
    def get(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> InMemoryDataset: ...
    def get(  # type: ignore[misc] # mypy does not see that a ref may stand first or be named
        self,
        dataset_type: DatasetRef | DatasetTypeLike | None = None,
        data_id: DataId | None = None,
        *,
        ref: DatasetRef | None = None,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> InMemoryDataset:
        """Read a dataset, given its ref, or found by dataset type and data ID in the collections, find-first.

        A calibration is found at a time: that of ``timespan``, or else of what the data ID names besides, such as an
        exposure.  To find a dataset takes one statement, which reads its datastore records too.  Keys of the data ID other
        than dimensions (``obs_id``, ``detector="S1"``, ``day_obs`` with ``seq_num``) take a query more for each dimension
        that they name.

        Raises
        ------
        DatasetNotFoundError
            If there is none; the error says where it was looked for.
        AmbiguousLookupError
            If several calibrations are valid then, or several records fit a key; it lists them.
        DataIdError
            If the data ID lacks a value, or a key is unknown, fits no record or contradicts another.
        DatasetNotStoredError
            If its bytes were dropped on purpose.
        CorruptError
            If they are gone or damaged.
        """
        found = self._ref(one_of(dataset_type, ref), data_id, collections, kwargs, storage_class, timespan)
        (result,) = self.get_many([(found, parameters)])
        return result.dataset

    @overload
    def get_deferred(
        self,
        ref: DatasetRef,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
    ) -> DeferredDatasetHandle: ...
    @overload
    def get_deferred(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> DeferredDatasetHandle: ...
    def get_deferred(  # type: ignore[misc] # mypy does not see that a ref may stand first or be named
        self,
        dataset_type: DatasetRef | DatasetTypeLike | None = None,
        data_id: DataId | None = None,
        *,
        ref: DatasetRef | None = None,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> DeferredDatasetHandle:
        """Return a handle that reads later; the dataset is found now, as `get` finds it."""
        found = self._ref(one_of(dataset_type, ref), data_id, collections, kwargs, None, timespan)
        return DeferredDatasetHandle(self, found, parameters, storage_class)

    @overload
    def get_uri(self, ref: DatasetRef, *, signed: bool = False) -> Uri: ...
    @overload
    def get_uri(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        signed: bool = False,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> Uri: ...
    def get_uri(  # type: ignore[misc] # mypy does not see that a ref may stand first or be named
        self,
        dataset_type: DatasetRef | DatasetTypeLike | None = None,
        data_id: DataId | None = None,
        *,
        ref: DatasetRef | None = None,
        signed: bool = False,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> Uri:
        """Return the one URI of a stored dataset, found as `get` finds it.

        Raises `InvalidInputError` if it has none, or several (components).
        """
        found = self._ref(one_of(dataset_type, ref), data_id, collections, kwargs, None, timespan)
        return super().get_uri(found, signed=signed)

    @overload
    def exists(self, ref: DatasetRef, *, check_artifact: bool = False) -> DatasetExistence: ...
    @overload
    def exists(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        check_artifact: bool = False,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetExistence: ...
    def exists(  # type: ignore[misc] # mypy does not see that a ref may stand first or be named
        self,
        dataset_type: DatasetRef | DatasetTypeLike | None = None,
        data_id: DataId | None = None,
        *,
        ref: DatasetRef | None = None,
        check_artifact: bool = False,
        collections: CollectionPattern = None,
        timespan: Timespan | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetExistence:
        """Say where a dataset stands, found as `get` finds it; records are trusted unless ``check_artifact``."""
        given = one_of(dataset_type, ref)
        if isinstance(given, DatasetRef):
            refuse_more_than(given, data_id, collections, timespan, kwargs or None)
            found: DatasetRef | None = given
        else:
            self._parts()
            found = self._resolver.find_dataset(given, data_id, collections, kwargs, timespan=timespan)
        if found is None:
            return DatasetExistence.NONE
        (existence,) = self.exists_many([found], check_artifact=check_artifact)
        return existence

    def exists_many(
        self, refs: Iterable[DatasetRef], *, check_artifact: bool = False
    ) -> list[DatasetExistence]:
        """Say where each dataset stands now: the Registry's records count, not those that a ref may carry from earlier."""
        return super().exists_many(
            [ref.with_datastore_records(None) for ref in listed_refs(refs)], check_artifact=check_artifact
        )

    def get_many(self, arg: Iterable[GetRequest], /) -> Iterator[GetResult]:
        """Read many, in any order: see `LimitedButler.get_many`."""
        requests = list(arg)
        try:
            yield from super().get_many(requests)
        except CorruptError as error:
            # A dataset may have been unstored since its records were read, by us or when its ref was expanded: then
            # nothing is corrupt.
            now = self._with_records([ref.with_datastore_records(None) for ref, _ in requests])
            for (given, _), ref in zip(requests, now, strict=True):
                if given.datastore_records != {} and (ref is None or not ref.datastore_records):
                    raise self._not_stored(given, ref) from error
            raise

    def _ref(
        self,
        given: DatasetRef | DatasetTypeLike,
        data_id: DataId | None,
        collections: CollectionPattern,
        kwargs: dict[str, Any],
        storage_class: StorageClassLike | None,
        timespan: Timespan | None,
    ) -> DatasetRef:
        self._parts()
        if not isinstance(given, DatasetRef):
            return self._resolver.get_dataset(
                given, data_id, collections, kwargs, storage_class=storage_class, timespan=timespan
            )
        refuse_more_than(given, data_id, collections, timespan, kwargs or None)
        return given if storage_class is None else given.with_storage_class(storage_class)
