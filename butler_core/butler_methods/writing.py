"""Writing datasets, and defining what there may be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal, overload
from uuid import UUID

from butler_core import files_in, removing
from butler_core.aliases import DatasetTypeLike, DimensionData
from butler_core.arguments import implied_values, listed_refs, one_of, refuse_contradiction, refuse_more_than
from butler_core.batching.helper import BatchHelper
from butler_core.butler_methods.opening import Opening
from butler_core.errors import (
    InvalidInputError,
)
from butler_core.models.batch import RawBatch
from butler_core.models.bulk import unwatched
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode, SetInsertMode
from butler_core.models.data_id import DataCoordinate, DataId
from butler_core.models.dataset_ref import (
    DatasetIdMode,
    DatasetRef,
    deterministic_uuid,
    new_uuid,
    new_uuids,
)
from butler_core.models.dataset_type import DatasetType, StorageClassLike
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import (
    CollectionDocumentation,
    CollectionName,
    DataIdValue,
    DatasetTypeName,
    DimensionElementName,
    DimensionName,
    InMemoryDataset,
    TransferMode,
    UriExpression,
)
from butler_core.models.results import SyncResult
from butler_core.models.timespan import Timespan
from butler_core.removal import RemovalHelper


class Writing(Opening):
    """Methods that write."""

    @overload
    def put(self, obj: InMemoryDataset, ref: DatasetRef) -> DatasetRef: ...
    @overload
    def put(
        self,
        obj: InMemoryDataset,
        dataset_type: DatasetTypeLike,
        data_id: DataId | None = None,
        *,
        storage_class: StorageClassLike | None = None,
        run: CollectionName | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetRef: ...
    def put(  # type: ignore[misc] # mypy does not see that a ref may stand first or be named
        self,
        obj: InMemoryDataset,
        dataset_type: DatasetRef | DatasetTypeLike | None = None,
        data_id: DataId | None = None,
        *,
        ref: DatasetRef | None = None,
        storage_class: StorageClassLike | None = None,
        run: CollectionName | None = None,
        **kwargs: DataIdValue,
    ) -> DatasetRef:
        """Store a new dataset, named by a ref of its own or by dataset type and data ID; return its ref.

        Keys of the data ID other than dimensions (``obs_id``, ``detector="S1"``, ``day_obs`` with ``seq_num``) take a query
        more for each dimension that they name.

        Raises
        ------
        DatasetExistsError
            If its data ID is taken in the RUN.
        DataIdError
            If the data ID lacks a value, or names one of which there is no dimension record, or keys contradict each other.
        AmbiguousLookupError
            If a key may mean several columns, or fits several records; it lists them.
        """
        self._check_writeable()
        given = one_of(dataset_type, ref)
        if isinstance(given, DatasetRef):
            refuse_more_than(given, data_id, storage_class, run, kwargs or None)
            ref = given
        else:

            def understand() -> tuple[DatasetType, DataId | None, Mapping[str, DataIdValue], DataCoordinate]:
                made = self._resolver.make_ref_type(given, storage_class)
                named, plain = self._resolver.plain(made.dimensions, data_id, kwargs)
                return made, named, plain, self._resolver.data_id(made.dimensions, named, plain)

            made, data_id, plain, values = self._cache.up_to_date(understand)
            ref = DatasetRef(new_uuid(), made, values, self._resolver.run(run))
            if implied := implied_values(made.dimensions, data_id, plain):
                (expanded,) = self.predict_put_many([ref])
                refuse_contradiction(expanded.data_id, implied)
        (stored,) = self.put_many([(obj, ref)])
        return stored

    def put_many(self, arg: Iterable[tuple[InMemoryDataset, DatasetRef]], /) -> list[DatasetRef]:
        """Store all or none, as one batch: see `LimitedButler.put_many`."""
        self._check_writeable()
        pairs = list(arg)
        refs = [ref for _, ref in pairs]
        _refuse_twice(refs)
        batch = RawBatch()
        expansion = self._registry.expand_new_dataset_refs(refs, batch_id=batch.batch_id)
        self._follow(expansion.generation, refs)
        batch.dataset_insertions.include(expansion.refs)
        writes = [(obj, ref) for (obj, _), ref in zip(pairs, expansion.refs, strict=True)]
        records, _ = self._transactions.write(
            batch,
            expansion.refs,
            expansion.journal_paths,
            lambda: self._datastore.put_many(writes, batch_id=batch.batch_id),
        )
        with unwatched():
            return records.attach_to(expansion.refs)

    def predict_put_many(self, refs: Iterable[DatasetRef]) -> list[DatasetRef]:
        """Return the refs with the records that `put_many` would give them, but for the batch's token in the names."""
        return list(
            self._registry.expand_new_dataset_refs(listed_refs(refs), batch_id=RawBatch().batch_id).refs
        )

    def unstore(self, refs: Iterable[DatasetRef]) -> None:
        """Drop bytes and datastore records, keep the registration: see `LimitedButler.unstore`."""
        self._check_writeable()
        given, done = listed_refs(refs), 0
        for step in removing.steps(given):
            removing.unstore(self._registry, self._datastore, self._transactions, step)
            done += len(step)
            if self._progress is not None:
                self._progress("unstore", done, len(given))

    def make_refs(
        self,
        dataset_type: DatasetTypeLike,
        data_ids: Iterable[DataId],
        *,
        run: CollectionName | None = None,
        id_mode: DatasetIdMode | Literal["unique", "data_id", "data_id_run"] = "unique",
    ) -> list[DatasetRef]:
        """Make refs for new datasets, one per data ID and in its order; nothing is registered.

        No statement, if data IDs have values of dimensions only; else one query for each dimension that other keys name and
        each set of such keys, however many data IDs there are.

        Raises `DataIdError` for a data ID that is not for the dataset type's dimensions, or whose keys fit no record, and
        `AmbiguousLookupError` if they fit several.
        """
        name = self._resolver.run(run)
        try:
            mode = DatasetIdMode(id_mode)
        except ValueError as error:
            raise InvalidInputError(
                f"{id_mode!r} is no way to choose UUIDs.",
                remedy=f"Use one of {[m.value for m in DatasetIdMode]}.",
            ) from error
        with unwatched():
            made, values = self._resolver.data_ids_of(dataset_type, data_ids)
        if mode is DatasetIdMode.UNIQUE:
            uuids = new_uuids(len(values))
        else:
            hashed_run = name if mode is DatasetIdMode.DATA_ID_RUN else None
            uuids = [deterministic_uuid(made.name, value.required, hashed_run) for value in values]
        return [DatasetRef(uuid, made, value, name) for uuid, value in zip(uuids, values, strict=True)]

    def ingest(
        self,
        *datasets: FileDataset,
        directory: UriExpression | None = None,
        transfer: TransferMode | None = "auto",
        own_absolute: bool = False,
        record_validation_info: bool = True,
    ) -> list[DatasetRef]:
        """Take in files that exist, as one batch; return the refs with datastore records, in input order.

        Parameters
        ----------
        *datasets
            Files, each with the datasets in it.
        directory
            Where relative paths begin; None: the working directory.
        transfer
            "copy" (as "auto"), "move", "hardlink", "symlink", "relsymlink", "link" (hard, else symbolic), or "direct":
            the file stays where it is, is not ours and is never deleted.
        own_absolute
            Let the datastore own files at absolute URIs; no datastore here can.
        record_validation_info
            Note sizes.

        Raises
        ------
        InvalidInputError
            If a file is not there or lies in the repository, or a UUID is given twice; before anything is written.
        DatasetExistsError
            If a data ID is taken in its RUN.
        ConflictError
            If all is ingested, but a file to be moved in has changed meanwhile: it is left where it is.
        """
        self._check_writeable()
        return files_in.ingest(
            self._registry,
            self._datastore,
            self._transactions,
            files_in.check_files(
                datasets,
                directory=directory,
                transfer=transfer,
                own_absolute=own_absolute,
                record_validation_info=record_validation_info,
            ),
            check=self._follow,
        )

    # -- writes, each a batch of one; see BatchHelper

    @contextmanager
    def batched(self) -> Iterator[BatchHelper]:
        """Collect operations, and apply them in one transaction when the context ends without error; else apply none."""
        self._check_writeable()
        helper = BatchHelper(
            self, self.dimensions, self._registry, self._datastore, self._cache, self._resolver
        )
        yield helper
        helper.apply(self._transactions, self._follow)

    @contextmanager
    def removal(self) -> Iterator[RemovalHelper]:
        """Choose datasets and collections, and remove them for good when the context ends without error.

        It is refused whole (`InUseError`), before anything is touched, if it would break what is not included.  Large ones go in
        several transactions, datasets first and collections last, each of which leaves the repository in order; after an
        interruption the same removal, begun anew, goes on with the rest.
        """
        self._check_writeable()
        helper = RemovalHelper(
            self, self._registry, self._datastore, self._cache, self._resolver.collections(None)
        )
        yield helper
        helper.carry_out(self._transactions, self._progress)

    def register_collection(
        self,
        name: CollectionName,
        type: CollectionType = CollectionType.RUN,
        doc: CollectionDocumentation = "",
    ) -> None:
        """Register a collection: see `BatchHelper.register_collection`."""
        with self.batched() as batch:
            batch.register_collection(name, type, doc)

    def edit_collection_chain(
        self,
        chain_name: CollectionName,
        children: Sequence[CollectionName | int],
        mode: SequenceEditMode,
        *,
        flatten: bool = False,
    ) -> None:
        """Change a chain's children: see `BatchHelper.edit_collection_chain`."""
        with self.batched() as batch:
            batch.edit_collection_chain(chain_name, children, mode, flatten=flatten)

    def set_collection_documentation(self, name: CollectionName, doc: CollectionDocumentation) -> None:
        """Replace a collection's documentation."""
        with self.batched() as batch:
            batch.set_collection_documentation(name, doc)

    def edit_associations(
        self, collection: CollectionName, refs: Iterable[DatasetRef], mode: SetEditMode
    ) -> None:
        """Change the membership of a TAGGED collection: see `BatchHelper.edit_associations`."""
        with self.batched() as batch:
            batch.edit_associations(collection, refs, mode)

    def certify(self, collection: CollectionName, refs: Iterable[DatasetRef], timespan: Timespan) -> None:
        """Add validity to a CALIBRATION collection: see `BatchHelper.certify`."""
        with self.batched() as batch:
            batch.certify(collection, refs, timespan)

    def decertify(
        self,
        collection: CollectionName,
        dataset_type: DatasetTypeLike,
        timespan: Timespan | None = None,
        *,
        data_ids: Iterable[DataId] | None = None,
    ) -> None:
        """Take validity away from a CALIBRATION collection: see `BatchHelper.decertify`."""
        with self.batched() as batch:
            batch.decertify(collection, dataset_type, timespan, data_ids=data_ids)

    def merge_certifications(self, output: CollectionName, inputs: Sequence[CollectionName]) -> None:
        """Fill a CALIBRATION collection from others: see `BatchHelper.merge_certifications`."""
        with self.batched() as batch:
            batch.merge_certifications(output, inputs)

    def register_dataset_type(
        self,
        dataset_type_or_name: DatasetTypeLike,
        /,
        dimensions: Iterable[DimensionName] | None = None,
        storage_class: StorageClassLike | None = None,
        is_calibration: bool | None = None,
        update: bool = False,
    ) -> DatasetType:
        """Register a dataset type: see `BatchHelper.register_dataset_type`."""
        with self.batched() as batch:
            return batch.register_dataset_type(
                dataset_type_or_name, dimensions, storage_class, is_calibration, update
            )

    def remove_dataset_type(self, name: DatasetTypeName) -> None:
        """Remove a dataset type; `InUseError` while there are datasets of it."""
        with self.batched() as batch:
            batch.remove_dataset_type(name)

    def insert_dimension_data(
        self,
        element: DimensionElementName,
        data: Iterable[DimensionData],
        mode: SetInsertMode = SetInsertMode.INSERT_OR_FAIL,
    ) -> None:
        """Insert dimension records: see `BatchHelper.insert_dimension_data`."""
        with unwatched(), self.batched() as batch:
            batch.insert_dimension_data(element, data, mode)

    def sync_dimension_data(
        self, record: DimensionData, update: bool = False, *, element: DimensionElementName | None = None
    ) -> SyncResult:
        """Insert a dimension record, or compare it with what is there: see `BatchHelper.sync_dimension_data`."""
        with self.batched() as batch:
            batch.sync_dimension_data(record, update, element=element)
        return batch.results.syncs[0]


def _refuse_twice(refs: Sequence[DatasetRef]) -> None:
    if len(refs) > 1 and len({ref.uuid_bytes for ref in refs}) < len(refs):
        seen: set[UUID] = set()
        for ref in refs:
            if ref.uuid in seen:
                raise InvalidInputError(
                    f"{ref} is given twice.", remedy="Give each dataset once.", uuid=str(ref.uuid)
                )
            seen.add(ref.uuid)
