"""Reading datasets, and asking where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, overload

from butler_core.aliases import DatasetTypeLike
from butler_core.butler_methods.opening import Opening
from butler_core.contracts.datastore import GetRequest
from butler_core.errors import CorruptError, InvalidInputError
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


class Reading(Opening):
    """Methods that read."""

    @overload  # type: ignore[override]
    def get(
        self,
        ref: DatasetRef,
        /,
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
        **kwargs: DataIdValue,
    ) -> InMemoryDataset: ...
    def get(
        self,
        dataset_type: DatasetRef | DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> InMemoryDataset:
        """Read a dataset, given its ref, or found by dataset type and data ID in the collections, find-first.

        Raises
        ------
        DatasetNotFoundError
            If there is none; the error says where it was looked for.
        DatasetNotStoredError
            If its bytes were dropped on purpose.
        CorruptError
            If they are gone or damaged.
        """
        ref = self._ref(dataset_type, data_id, collections, kwargs, storage_class)
        (result,) = self.get_many([(ref, parameters)])
        return result.dataset

    @overload  # type: ignore[override]
    def get_deferred(
        self,
        ref: DatasetRef,
        /,
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
        **kwargs: DataIdValue,
    ) -> DeferredDatasetHandle: ...
    def get_deferred(
        self,
        dataset_type: DatasetRef | DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        parameters: Parameters | None = None,
        storage_class: StorageClassLike | None = None,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> DeferredDatasetHandle:
        """Return a handle that reads later; the dataset is found now."""
        ref = self._ref(dataset_type, data_id, collections, kwargs, None)
        return DeferredDatasetHandle(self, ref, parameters, storage_class)

    @overload  # type: ignore[override]
    def get_uri(self, ref: DatasetRef, /, *, signed: bool = False) -> Uri: ...
    @overload
    def get_uri(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        signed: bool = False,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> Uri: ...
    def get_uri(
        self,
        dataset_type: DatasetRef | DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        signed: bool = False,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> Uri:
        """Return the one URI of a stored dataset; `InvalidInputError` if it has none, or several (components)."""
        return super().get_uri(self._ref(dataset_type, data_id, collections, kwargs, None), signed=signed)

    @overload  # type: ignore[override]
    def exists(self, ref: DatasetRef, /, *, check_artifact: bool = False) -> DatasetExistence: ...
    @overload
    def exists(
        self,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        check_artifact: bool = False,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> DatasetExistence: ...
    def exists(
        self,
        dataset_type: DatasetRef | DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        check_artifact: bool = False,
        collections: CollectionPattern = None,
        **kwargs: DataIdValue,
    ) -> DatasetExistence:
        """Say where a dataset stands; records are trusted unless ``check_artifact``."""
        if isinstance(dataset_type, DatasetRef):
            ref: DatasetRef | None = dataset_type
        else:
            self._parts()
            ref = self._resolver.find_dataset(dataset_type, data_id, collections, kwargs)
        if ref is None:
            return DatasetExistence.NONE
        (existence,) = self.exists_many([ref], check_artifact=check_artifact)
        return existence

    def exists_many(
        self, refs: Iterable[DatasetRef], *, check_artifact: bool = False
    ) -> list[DatasetExistence]:
        """Say where each dataset stands now: the Registry's records count, not those that a ref may carry from earlier."""
        return super().exists_many(
            [ref.with_datastore_records(None) for ref in refs], check_artifact=check_artifact
        )

    def get_many(self, arg: Iterable[GetRequest], /) -> Iterator[GetResult]:
        """Read many, in any order: see `LimitedButler.get_many`."""
        requests = list(arg)
        try:
            yield from super().get_many(requests)
        except CorruptError as error:
            # A ref may carry records from before its dataset was unstored: then nothing is corrupt.
            now = self._with_records([ref.with_datastore_records(None) for ref, _ in requests])
            for (given, _), ref in zip(requests, now, strict=True):
                if given.datastore_records and (ref is None or not ref.datastore_records):
                    raise self._not_stored(given, ref) from error
            raise

    def _ref(
        self,
        given: DatasetRef | DatasetTypeLike,
        data_id: DataId | None,
        collections: CollectionPattern,
        kwargs: dict[str, Any],
        storage_class: StorageClassLike | None,
    ) -> DatasetRef:
        self._parts()
        if not isinstance(given, DatasetRef):
            return self._resolver.get_dataset(
                given, data_id, collections, kwargs, storage_class=storage_class
            )
        if data_id is not None or kwargs:
            raise InvalidInputError(
                f"{given} says which dataset it is.", remedy="Give a ref or a data ID, not both."
            )
        return given if storage_class is None else given.with_storage_class(storage_class)
