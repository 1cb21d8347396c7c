"""Definitions in a batch: dataset types and dimension records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from butler_core.aliases import DatasetTypeLike, DimensionData
from butler_core.batching.collecting import Collecting
from butler_core.batching.expanding import RecordsInBatch
from butler_core.errors import ConflictError, DefinitionConflictError, InvalidInputError
from butler_core.models.batch import (
    BatchResults,
    DatasetTypeRegistration,
    DimensionDataInsertion,
    DimensionDataSync,
)
from butler_core.models.collection import SetInsertMode
from butler_core.models.dataset_type import DatasetType, StorageClassLike
from butler_core.models.names import DatasetTypeName, DimensionElementName, DimensionName
from butler_core.models.record import DimensionRecord, record_shape
from butler_core.models.results import SyncResult
from butler_core.models.storage_class import StorageClass
from butler_core.models.universe import DimensionUniverse
from butler_core.resolution import Resolver


class Definitions(Collecting):
    """Methods that concern dataset types and dimension records."""

    def __init__(self, butler: Any, universe: DimensionUniverse, resolver: Resolver) -> None:
        super().__init__(butler, universe, resolver)
        self._waiting: dict[DimensionElementName, DimensionDataSync] = {}
        """What is to be inserted after syncs that did not come yet."""
        self._records = RecordsInBatch()
        self._synced: list[DimensionElementName] = []
        """Whose records were synchronised, call by call."""

    # -- dataset types

    def register_dataset_type(
        self,
        dataset_type_or_name: DatasetTypeLike,
        /,
        dimensions: Iterable[DimensionName] | None = None,
        storage_class: StorageClassLike | None = None,
        is_calibration: bool | None = None,
        update: bool = False,
    ) -> DatasetType:
        """Register a dataset type, by object or by name and parts.

        ``update`` may change the storage class of an existing one, the rest only while no dataset of it exists.

        Raises
        ------
        InvalidInputError
            If parts are missing or given twice, or the type is a component's.
        """
        dataset_type = self._make_dataset_type(
            dataset_type_or_name, dimensions, storage_class, is_calibration
        )
        if dataset_type.component is not None:
            raise InvalidInputError(
                f"{dataset_type.name!r} is a component's type, which comes with its parent.",
                remedy=f"Register {dataset_type.name.partition('.')[0]!r}.",
            )
        registration = DatasetTypeRegistration.from_dataset_type(dataset_type, update)
        earlier = self._raw.dataset_type_registrations.get(dataset_type.name)
        if earlier is not None and earlier != registration:
            raise DefinitionConflictError(
                f"Dataset type {dataset_type.name!r} is registered otherwise in this batch already.",
                remedy="Choose one definition.",
            )
        added = {dataset_type.name: registration}
        self._check(dataset_type_registrations=added)
        self._raw.dataset_type_registrations.update(added)
        return dataset_type

    def remove_dataset_type(self, name: DatasetTypeName) -> None:
        """Remove a dataset type; that is an `InUseError` while there are datasets of it that the batch does not remove."""
        self._check(dataset_type_removals={name})
        self._raw.dataset_type_removals.add(name)

    def _make_dataset_type(
        self,
        given: DatasetTypeLike,
        dimensions: Iterable[DimensionName] | None,
        storage_class: StorageClassLike | None,
        is_calibration: bool | None,
    ) -> DatasetType:
        if isinstance(given, DatasetType):
            if dimensions is not None or storage_class is not None or is_calibration is not None:
                raise InvalidInputError(
                    f"Dataset type {given.name!r} is given whole and in parts.",
                    remedy="Give one or the other.",
                )
            return given
        if dimensions is None or storage_class is None:
            raise InvalidInputError(
                f"Dataset type {given!r} lacks its {'dimensions' if dimensions is None else 'storage class'}.",
                remedy="Call register_dataset_type(name, dimensions, storage_class).",
            )
        name = storage_class.name if isinstance(storage_class, StorageClass) else storage_class
        group = self._universe.conform(dimensions)
        return DatasetType(given, group, name, is_calibration=bool(is_calibration))

    # -- dimension records

    def insert_dimension_data(
        self,
        element: DimensionElementName,
        data: Iterable[DimensionData],
        mode: SetInsertMode = SetInsertMode.INSERT_OR_FAIL,
        *,
        on_insert_of: DimensionElementName | None = None,
        on_update_of: DimensionElementName | None = None,
    ) -> None:
        """Insert records of one element.

        Parameters
        ----------
        element
            Name of the element.
        data
            Records, or mappings from column to value.
        mode
            What becomes of a record whose key is there already.
        on_insert_of, on_update_of
            Insert only if the sync of that element in this batch inserts, or updates.

        Raises
        ------
        InvalidInputError
            For unknown columns and values of another type.
        ConflictError
            If a key is given twice with different contents, or the batch inserts into the element in another mode.
        """
        if isinstance(data, (DimensionRecord, Mapping)):
            data = [data]
        records = record_shape(self._universe, element).make_many(data)
        if on_insert_of is not None or on_update_of is not None:
            insertion = DimensionDataInsertion(element=element, mode=mode)
            insertion.insert_records(records)
            if on_insert_of is not None:
                self._followers(on_insert_of).on_insert.append(insertion)
            if on_update_of is not None:
                self._followers(on_update_of).on_update.append(insertion)
            self._records.add(records)
            return
        earlier = self._raw.dimension_insertions.get(element)
        if earlier is None:
            earlier = DimensionDataInsertion(element=element, mode=mode)
        elif earlier.mode is not mode:
            raise ConflictError(
                f"Records of {element} are inserted in mode {earlier.mode.value} in this batch, not {mode.value}.",
                remedy="Use one mode, or two batches.",
            )
        earlier.insert_records(records)
        self._raw.dimension_insertions[element] = earlier
        self._records.add(records)

    def _followers(self, element: DimensionElementName) -> DimensionDataSync:
        """Return what insertions that depend on the sync of an element are kept in; the sync itself may come later."""
        self._universe.get_element(element)
        sync = self._raw.dimension_syncs.get(element)
        return sync or self._waiting.setdefault(element, DimensionDataSync(element=element))

    def _refuse_waiting(self) -> None:
        for element in self._waiting:
            raise InvalidInputError(
                f"This batch inserts records that depend on the sync of a record of {element!r}, and has no such sync.",
                remedy="Call sync_dimension_data() in the same batch.",
            )

    def sync_dimension_data(
        self, record: DimensionData, update: bool = False, *, element: DimensionElementName | None = None
    ) -> None:
        """Insert a record, or compare it with what is there: a difference is a `DefinitionConflictError` unless ``update``."""
        if isinstance(record, DimensionRecord):
            element = record.element.name
        elif element is None:
            raise InvalidInputError(
                "A mapping does not say which element it is a record of.", remedy="Pass element=."
            )
        (made,) = record_shape(self._universe, element).make_many([record])
        sync = self._raw.dimension_syncs.get(element)
        if sync is None:
            sync = self._waiting.pop(element, None) or DimensionDataSync(element=element)
            sync.update = update
        elif sync.update is not update:
            raise ConflictError(
                f"Records of {element} are synchronised with update={sync.update} in this batch.",
                remedy="Use two batches.",
            )
        sync.records.append(made.to_raw())
        self._synced.append(made.element.name)
        self._records.add([made])
        self._raw.dimension_syncs[element] = sync

    def _keep(self, results: BatchResults) -> None:
        """Keep what the batch did, with the results of syncs in the order of the calls: the Registry has them by element."""
        by_element: dict[DimensionElementName, list[SyncResult]] = {}
        for sync in results.syncs:
            old_values = record_shape(self._universe, sync.element).read_raw(sync.old_values)
            by_element.setdefault(sync.element, []).append(sync._replace(old_values=old_values))
        in_turn = {name: iter(syncs) for name, syncs in by_element.items()}
        syncs = tuple(next(in_turn[name]) for name in self._synced)
        self._results = results.model_copy(update={"syncs": syncs})
