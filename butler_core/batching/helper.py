"""Collecting writes into one batch, checked as they come and applied together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from butler_core.batching.collections import Collections
from butler_core.batching.definitions import Definitions
from butler_core.batching.expanding import BatchExpander
from butler_core.client_cache import ClientCache
from butler_core.contracts.datastore import Datastore
from butler_core.contracts.registry import Registry
from butler_core.errors import ConflictError, InvalidInputError
from butler_core.files_in import Files, Incoming, check_files
from butler_core.models.batch import DatasetInsertionBatch, DatasetRemovalBatch, DatasetTypeRegistration
from butler_core.models.bulk import unwatched
from butler_core.models.dataset_ref import DatasetRef, uuid_from_bytes
from butler_core.models.dataset_rows import DatasetRows
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import (
    CollectionName,
    DatastoreId,
    JournalPathMap,
    TransferMode,
    Uri,
    UriExpression,
)
from butler_core.models.opaque import OpaqueTableBatch
from butler_core.models.universe import DimensionGroup, DimensionUniverse
from butler_core.removal import RemovalHelper
from butler_core.removing import forget_records, look_up
from butler_core.resolution import Resolver
from butler_core.transactions import Transactions

Check = Callable[[int, Iterable[DatasetRef]], None]


class BatchHelper(Collections, Definitions):
    """Collects writes.

    Nothing happens before the context ends; the order of calls does not matter; a method that raises leaves the batch as it
    was.  What a batch both adds and removes is refused at the second of the two calls (`ConflictError`).
    """

    def __init__(
        self,
        butler: Any,
        universe: DimensionUniverse,
        registry: Registry,
        datastore: Datastore,
        cache: ClientCache,
        resolver: Resolver,
    ) -> None:
        super().__init__(butler, universe, resolver)
        self._registry = registry
        self._datastore = datastore
        self._cache = cache
        self._files: list[Files] = []
        self._removed = DatasetRows()

    @contextmanager
    def removal(self) -> Iterator[RemovalHelper]:
        """Choose datasets and collections to remove for good; they are added to the batch when this inner context ends.

        However much it is, it goes in the one transaction of the batch, which refuses what would break (`InUseError`).
        """
        helper = RemovalHelper(
            self.butler, self._registry, self._datastore, self._cache, self._resolver.collections(None)
        )
        yield helper
        removed = helper.chosen
        addition = helper.make_batch(removed, with_collections=True)
        uuids = set(map(uuid_from_bytes, removed.keys()))
        self._check(
            collection_edits=addition.collection_edits,
            collection_removals=addition.collection_removals,
            dataset_removals=DatasetRemovalBatch.model_construct(uuids=uuids),
        )
        _refuse_replacing(self._raw.dataset_insertions, removed)
        self._removed.add_all(removed)
        self._raw.collection_edits += addition.collection_edits
        self._raw.collection_removals |= addition.collection_removals
        self._raw.dataset_removals.uuids |= uuids

    def ingest(
        self,
        *datasets: FileDataset,
        directory: UriExpression | None = None,
        transfer: TransferMode | None = "auto",
        own_absolute: bool = False,
        record_validation_info: bool = True,
    ) -> None:
        """Take in files that exist, when the batch is applied: see `butler_core.butler.Butler.ingest`."""
        files = check_files(
            datasets,
            directory=directory,
            transfer=transfer,
            own_absolute=own_absolute,
            record_validation_info=record_validation_info,
        )
        added = DatasetInsertionBatch()
        added.include(files.refs)
        twice = {uuid for uuid, *_ in added} & {uuid for uuid, *_ in self._raw.dataset_insertions}
        if twice:
            raise InvalidInputError(
                f"Dataset {min(twice)} is in this batch already.", remedy="Give each dataset once."
            )
        self._check(dataset_insertions=added)
        _refuse_replacing(added, self._removed)
        self._raw.dataset_insertions.include(files.refs)
        self._files.append(files)

    # -- used by whoever applies it

    def apply(self, transactions: Transactions, check: Check) -> None:
        """Apply all of it in one transaction; ``check`` looks at refs to write, given the Registry's generation."""
        self._refuse_child()
        self._refuse_waiting()
        if not self._files and not self._removed:
            self._keep(transactions.apply(self._raw))
            return
        incoming = [
            Incoming(self._registry, self._datastore, self._with_own_records(files), self._raw)
            for files in self._files
        ]
        for each in incoming:
            check(each.generation, self._of_registered_types(each.refs))
        with unwatched():
            found = look_up(self._registry, self._removed)
            self._raw.dataset_removals.uuids.intersection_update(ref.uuid for ref in found.refs)
            forget_records(self._raw, self._datastore, found.refs)

        def receive() -> OpaqueTableBatch:
            records = OpaqueTableBatch()
            for each in incoming:
                records.update(each.receive())
            return records

        _, results = transactions.write(
            self._raw,
            [ref for each in incoming for ref in each.journaled],
            _join([each.journal_paths for each in incoming] + [found.journal_paths]),
            receive,
            removed=found.refs,
        )
        self._keep(results)
        for each in incoming:
            each.finish()

    def _with_own_records(self, files: Files) -> Files:
        """Expand data IDs that may name dimension values whose records come in this batch."""
        by_group: dict[DimensionGroup, list[DatasetRef]] = {}
        for ref in files.refs:
            group = ref.dataset_type.dimensions
            if self._records.concerns(group) and not ref.data_id.is_expanded:
                by_group.setdefault(group, []).append(ref)
        whole: dict[UUID, DatasetRef] = {}
        for group, refs in by_group.items():
            data_ids = BatchExpander(self._registry, self._records, group).expand(ref.data_id for ref in refs)
            whole.update(
                (ref.uuid, ref.with_data_id(data_id)) for ref, data_id in zip(refs, data_ids, strict=True)
            )
        return files._replace(
            datasets=[
                file.with_refs([whole.get(ref.uuid, ref) for ref in file.refs]) for file in files.datasets
            ]
        )

    def _of_registered_types(self, refs: Sequence[DatasetRef]) -> list[DatasetRef]:
        """Return the refs whose types the Registry has to know already, having looked at the others."""
        registrations = self._raw.dataset_type_registrations
        for dataset_type in {ref.dataset_type for ref in refs}:
            registration = registrations.get(dataset_type.name)
            wanted = DatasetTypeRegistration.from_dataset_type(dataset_type)
            if registration is not None and registration.dimensions != wanted.dimensions:
                raise InvalidInputError(
                    f"Dataset type {dataset_type.name!r} is registered in this batch with other dimensions than a file's "
                    f"datasets have: {', '.join(registration.dimensions)}, not {', '.join(wanted.dimensions)}.",
                    remedy="Make the refs with the dataset type that register_dataset_type() returns.",
                )
        return [ref for ref in refs if ref.dataset_type.name not in registrations]


def _refuse_replacing(inserted: DatasetInsertionBatch, removed: DatasetRows) -> None:
    """Raise `ConflictError` if a dataset is to take the place of another that goes in the same batch."""
    if not inserted or not removed:
        return
    places: dict[tuple[Any, ...], UUID] = {(name, run, *values): uuid for uuid, name, values, run in inserted}
    for dataset_type, rows in removed.by_type.items():
        for row in rows.values():
            uuid = places.get((dataset_type.name, *row[1:]))
            if uuid is not None:
                raise ConflictError(
                    f"The batch both removes the {dataset_type.name} {row[2:]} of RUN {row[1]!r} and adds another, {uuid}.",
                    remedy="Use two batches, one after the other.",
                    uuid=uuid,
                )


def _join(maps: Iterable[JournalPathMap]) -> JournalPathMap:
    joined: dict[DatastoreId, dict[CollectionName, Uri]] = {}
    for paths in maps:
        for datastore, by_run in paths.items():
            joined.setdefault(datastore, {}).update(by_run)
    return joined
