"""Collecting writes into one batch, checked as they come and applied together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from butler_core.client_cache import ClientCache
from butler_core.errors import ConflictError, DefinitionConflictError, InvalidInputError
from butler_core.models.batch import (
    BatchResults,
    ChainedCollectionEdit,
    CollectionRegistration,
    DatasetTypeRegistration,
    DimensionDataInsertion,
    DimensionDataSync,
    RawBatch,
    SetCollectionDocumentation,
    TaggedCollectionEdit,
)
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode, SetInsertMode
from butler_core.models.columns import to_string
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.dataset_type import DatasetType, StorageClassLike
from butler_core.models.names import (
    CollectionDocumentation,
    CollectionName,
    ColumnName,
    DatasetTypeName,
    DimensionElementName,
    DimensionName,
)
from butler_core.models.record import DimensionRecord, record_shape
from butler_core.models.storage_class import StorageClass
from butler_core.models.universe import DimensionUniverse

DimensionData = DimensionRecord | Mapping[ColumnName, Any]


class _Owner(Protocol):
    """What a helper needs of its butler."""

    dimensions: DimensionUniverse


class BatchHelper:
    """Collects writes.

    Nothing happens before the context ends; the order of calls does not matter; a method that raises leaves the batch as it
    was.  What a batch both adds and removes is refused at the second of the two calls (`ConflictError`).
    """

    def __init__(self, butler: _Owner, cache: ClientCache) -> None:
        self.butler = butler
        """The butler that it belongs to."""
        self._cache = cache
        self._raw = RawBatch()
        self._results: BatchResults | None = None

    @property
    def batch_id(self) -> UUID:
        """The batch's ID."""
        return self._raw.batch_id

    @property
    def raw(self) -> RawBatch:
        """A copy of what was collected."""
        return self._raw.model_copy(deep=True)

    @property
    def results(self) -> BatchResults:
        """What the batch found and did; `InvalidInputError` before it was applied."""
        if self._results is None:
            raise InvalidInputError(
                "The batch is not applied yet.", remedy="Ask after its context has ended."
            )
        return self._results

    # -- collections

    def register_collection(
        self,
        name: CollectionName,
        type: CollectionType = CollectionType.RUN,
        doc: CollectionDocumentation = "",
    ) -> None:
        """Register a collection; again with the same type is fine, with another a `DefinitionConflictError`."""
        check_collection_name(name)
        earlier = self._raw.collection_registrations.get(name)
        if earlier is not None and earlier.type is not type:
            raise DefinitionConflictError(
                f"Collection {name!r} is registered as {earlier.type.value} in this batch already, not {type.value}.",
                remedy="Choose one type.",
            )
        if name in self._raw.collection_removals:
            raise ConflictError(f"Collection {name!r} is removed in this batch.", remedy="Use two batches.")
        self._raw.collection_registrations[name] = CollectionRegistration(name=name, type=type, doc=doc)

    def edit_collection_chain(
        self,
        chain_name: CollectionName,
        children: Sequence[CollectionName | int],
        mode: SequenceEditMode,
        *,
        flatten: bool = False,
    ) -> None:
        """Change a chain's children.

        Positions, counted from 0, only with REMOVE.  ``flatten`` puts children of chains in their place.  A cycle is refused.
        """
        if isinstance(children, str):
            raise InvalidInputError(
                f"Children are a sequence, not {children!r}.", remedy=f"Give [{children!r}]."
            )
        if mode is not SequenceEditMode.REMOVE and any(isinstance(child, int) for child in children):
            raise InvalidInputError("Positions can only be removed.", remedy="Give names of collections.")
        self._raw.collection_edits.append(
            ChainedCollectionEdit(chain=chain_name, children=tuple(children), mode=mode, flatten=flatten)
        )

    def set_collection_documentation(self, name: CollectionName, doc: CollectionDocumentation) -> None:
        """Replace a collection's documentation."""
        self._raw.collection_edits.append(SetCollectionDocumentation(name=name, doc=doc))

    def edit_associations(
        self, collection: CollectionName, refs: Iterable[DatasetRef], mode: SetEditMode
    ) -> None:
        """Change the membership of a TAGGED collection; it holds at most one dataset per type and data ID."""
        self._raw.collection_edits.append(
            TaggedCollectionEdit(
                collection=collection, datasets=frozenset(ref.uuid for ref in refs), mode=mode
            )
        )

    # -- dataset types

    def register_dataset_type(
        self,
        dataset_type_or_name: DatasetType | DatasetTypeName,
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
        if dataset_type.name in self._raw.dataset_type_removals:
            raise ConflictError(
                f"Dataset type {dataset_type.name!r} is removed in this batch.", remedy="Use two batches."
            )
        self._raw.dataset_type_registrations[dataset_type.name] = registration
        return dataset_type

    def _make_dataset_type(
        self,
        given: DatasetType | DatasetTypeName,
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
        group = self.butler.dimensions.conform(dimensions)
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
        records = record_shape(self.butler.dimensions, element).make_many(data)
        parents = [(on_insert_of, "on_insert"), (on_update_of, "on_update")]
        targets = [(name, attribute) for name, attribute in parents if name is not None]
        if targets:
            insertion = DimensionDataInsertion(element=element, mode=mode)
            insertion.insert_records(records)
            for name, attribute in targets:
                getattr(self._get_sync(name), attribute).append(insertion)
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

    def _get_sync(self, element: DimensionElementName) -> DimensionDataSync:
        try:
            return self._raw.dimension_syncs[element]
        except KeyError:
            raise InvalidInputError(
                f"This batch synchronises no record of {element!r}.",
                remedy="Call sync_dimension_data() before.",
            ) from None

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
        (made,) = record_shape(self.butler.dimensions, element).make_many([record])
        sync = self._raw.dimension_syncs.get(element)
        if sync is None:
            sync = DimensionDataSync(element=element, update=update)
        elif sync.update is not update:
            raise ConflictError(
                f"Records of {element} are synchronised with update={sync.update} in this batch.",
                remedy="Use two batches.",
            )
        sync.records.append(made.to_raw())
        self._raw.dimension_syncs[element] = sync


def check_collection_name(name: CollectionName) -> None:
    """Refuse names that would be taken for a pattern, or that no path and no command line can hold."""
    problem = ""
    if not name:
        problem = "is no name"
    elif len(name) > 255:
        problem = f"has {len(name)} characters, and 255 is the most"
    elif any(c in name for c in "*?[],") or any(c.isspace() or not c.isprintable() for c in name):
        problem = "has a character that patterns, lists or paths need for themselves"
    elif any(part in ("", ".", "..") for part in name.split("/")):
        problem = "has an empty part, '.' or '..' between slashes"
    if problem:
        raise InvalidInputError(
            f"Collection name {name!r} {problem}.",
            remedy="Use names such as 'u/me/first', without blanks and '*?[],'.",
        )
    to_string(name)
