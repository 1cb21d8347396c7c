"""The datastore of files, written once for every store: it turns datasets into artifacts and back, and runs no protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from uuid import UUID

from butler_core.contracts.datastore import (
    ArtifactStat,
    Datastore,
    DatastoreAbilities,
    DatastoreConfig,
    GetRequest,
    Received,
)
from butler_core.contracts.formatter import ArtifactSink, Formatter
from butler_core.contracts.journal import JournalStore
from butler_core.errors import CorruptError, InvalidInputError
from butler_core.files.bridge import FileBridge
from butler_core.files.checksums import checksum_of, find_hash
from butler_core.files.config import FileDatastoreConfig
from butler_core.files.exporting import gather_files, part_of, transfer_files
from butler_core.files.local import path_to_uri
from butler_core.files.names import is_absolute
from butler_core.files.reading import DatasetReader, find_records, records_of
from butler_core.files.receiving import Incoming, find_files
from butler_core.files.records import FileRecord, FileRecords, as_records, table_name
from butler_core.files.store import AdoptMode, ArtifactBatch, ArtifactStore
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import (
    ArtifactName,
    ChecksumAlgorithm,
    FormatterName,
    InMemoryDataset,
    StorageClassName,
    TransferMode,
    Uri,
)
from butler_core.models.opaque import OpaqueTableBatch
from butler_core.models.results import GetResult, UriResult
from butler_core.models.storage_class import StorageClass

_Offered = Mapping[UUID, Mapping[str, FileRecord]]


class FileDatastore(Datastore):
    """A datastore whose artifacts are files or objects.

    Parameters
    ----------
    config
        Its configuration.
    bridge
        Its bridge.
    journals
        Where its journals are.
    store
        Where its artifacts are.
    abilities
        What it can do, as the store can.
    storage_classes
        All of them, by name.
    get_formatter
        Returns a formatter by its registered name.
    """

    def __init__(
        self,
        config: FileDatastoreConfig,
        bridge: FileBridge,
        journals: JournalStore,
        store: ArtifactStore,
        *,
        abilities: DatastoreAbilities,
        storage_classes: Mapping[StorageClassName, StorageClass],
        get_formatter: Callable[[FormatterName], Formatter],
    ) -> None:
        self.config: FileDatastoreConfig = config
        self.bridge: FileBridge = bridge
        self.journals = journals
        self.abilities = abilities
        self._store = store
        self._table = bridge.table_name
        self._storage_classes = storage_classes
        self._get_formatter = get_formatter
        self._reader = DatasetReader(
            store, self._table, storage_classes, get_formatter, check=config.check_on_read
        )
        if config.algorithm is not None:
            find_hash(config.algorithm)  # say now, not at the first write, that a library is missing

    # -- reading

    def get_many(self, arg: Iterable[GetRequest], /) -> Iterator[GetResult]:
        """Read datasets: see `Datastore.get_many`."""
        read = self._reader.read
        for index, (ref, parameters) in enumerate(arg):
            yield GetResult(index, ref, parameters, read(ref, parameters))

    def get_many_uris(self, refs: Iterable[DatasetRef], *, signed: bool = False) -> Iterator[UriResult]:
        """Return absolute URIs: see `Datastore.get_many_uris`."""
        if signed:
            raise InvalidInputError(
                f"Datastore {self.bridge.datastore_id!r} has no signed URLs.",
                remedy="Ask for unsigned ones: signed=False.",
            )
        for index, ref in enumerate(refs):
            records = find_records(ref, self._table)
            component = ref.dataset_type.component
            chosen = [record for record in records if record.component == component] or records
            for record in chosen:
                artifact = record.artifact
                uri = artifact if is_absolute(artifact) else self._store.uri(artifact)
                yield UriResult(index, part_of(ref, record), uri)

    def stat_artifacts(
        self,
        artifacts: Iterable[ArtifactName] | None,
        *,
        checksums: ChecksumAlgorithm | None = None,
        after: ArtifactName = "",
    ) -> Iterator[ArtifactStat]:
        """Describe artifacts: see `Datastore.stat_artifacts`."""
        if artifacts is None:
            return self._store.list(checksums=checksums, after=after)
        return self._store.stat(artifacts, checksums=checksums)

    # -- writing

    def put_many(
        self, arg: Iterable[tuple[InMemoryDataset, DatasetRef]], /, *, batch_id: UUID
    ) -> OpaqueTableBatch:
        """Write objects: see `Datastore.put_many`."""
        records: list[tuple[UUID, FileRecords]] = []
        written: set[ArtifactName] = set()
        batch: ArtifactBatch | None = None
        for obj, ref in arg:
            if batch is None:
                batch = self._store.begin(batch_id, checksums=self.config.algorithm)
            record = self._predicted(ref)
            if record.artifact in written:
                raise InvalidInputError(f"{ref} is given twice.", remedy="Give each dataset once.")
            written.add(record.artifact)
            records.append((ref.uuid, (self._write(batch, obj, ref, record),)))
        if batch is not None:
            batch.publish()
        return self._complete(records)

    def _predicted(self, ref: DatasetRef) -> FileRecord:
        """Return the one record of a dataset that is written as a whole."""
        records = records_of(ref, self._table)
        component = ref.dataset_type.component or ""
        for record in records:
            if record.component == component:
                return record
        raise InvalidInputError(
            f"No record predicts where {ref} goes.", remedy="Expand the ref for this batch."
        )

    def _write(
        self, batch: ArtifactBatch, obj: InMemoryDataset, ref: DatasetRef, record: FileRecord
    ) -> FileRecord:
        name = record.storage_class
        wanted = ref.dataset_type
        storage_class = (
            wanted.storage_class if name == wanted.storage_class_name else self._storage_classes[name]
        )
        obj = storage_class.coerce(obj)
        formatter = self._get_formatter(record.formatter)
        if not formatter.accepts(obj, storage_class):
            raise InvalidInputError(
                f"Formatter {record.formatter!r} cannot write the {type(obj).__name__} given for {ref}.",
                remedy="Choose another formatter for this storage class under 'datastore.formatters' in butler.yaml.",
            )
        write_parameters = self.config.write_parameters.get(record.formatter, {})

        def fill(sink: ArtifactSink) -> None:
            formatter.write(obj, sink, ref, write_parameters=write_parameters)

        size_bytes, checksum = batch.write(record.artifact, fill)
        return FileRecord(
            record.component, record.artifact, record.formatter, size_bytes, checksum, record.member, name
        )

    def _complete(self, records: Iterable[tuple[UUID, FileRecords]]) -> OpaqueTableBatch:
        batch = OpaqueTableBatch()
        batch.insert(self._table, records)
        return batch

    # -- taking in

    def receive(
        self,
        file_datasets: Mapping[Uri | None, Sequence[FileDataset]],
        *,
        batch_id: UUID,
        transfer: TransferMode | None = "auto",
        own_absolute: bool = False,
        record_validation_info: bool = True,
        opaque_data: tuple[DatastoreConfig, OpaqueTableBatch] | None = None,
    ) -> Received:
        """Take in files: see `Datastore.receive`."""
        if transfer is None or transfer == "none":
            raise InvalidInputError(
                "Files can stay where they are only if they are recorded by absolute URI.",
                remedy='Use transfer="direct" for that, or "copy" to take them in.',
            )
        if own_absolute:
            raise InvalidInputError(
                f"Datastore {self.bridge.datastore_id!r} never deletes files outside its root.",
                remedy="Leave out own_absolute.",
            )
        incoming = find_files(file_datasets, self._store.contains)
        offered = _offered_records(opaque_data)
        if offered:
            _check_sizes(incoming, offered)
        if transfer == "direct":
            return Received(self._record_in_place(incoming, offered, record_validation_info), _do_nothing)
        mode: AdoptMode = "copy" if transfer == "auto" else transfer
        records = self._adopt(incoming, offered, mode, batch_id, record_validation_info)
        if mode != "move":
            return Received(records, _do_nothing)
        return Received(
            records, partial(self._store.remove_sources, [(item.path, item.identity) for item in incoming])
        )

    def _record_in_place(
        self, incoming: Iterable[Incoming], offered: _Offered, record_validation_info: bool
    ) -> OpaqueTableBatch:
        records: dict[UUID, FileRecords] = {}
        algorithm = self.config.algorithm if record_validation_info else None
        for file, path, size, _ in incoming:
            size_bytes = size if record_validation_info else None
            checksum = checksum_of(path, algorithm) if algorithm else None
            self._record(records, file, path_to_uri(path), size_bytes, checksum, offered)
        return self._complete(records.items())

    def _adopt(
        self,
        incoming: Sequence[Incoming],
        offered: _Offered,
        mode: AdoptMode,
        batch_id: UUID,
        record_validation_info: bool,
    ) -> OpaqueTableBatch:
        records: dict[UUID, FileRecords] = {}
        if not incoming:
            return self._complete(())
        algorithm = self.config.algorithm if record_validation_info else None
        batch = self._store.begin(batch_id, checksums=algorithm)
        for file, path, _, _ in incoming:
            artifacts = {self._predicted(ref).artifact for ref in file.refs}
            if len(artifacts) > 1:
                raise InvalidInputError(
                    f"The datasets in {path} are expected in different artifacts: {', '.join(sorted(artifacts))}.",
                    remedy="Expand their refs together with the files that hold them.",
                )
            (artifact,) = artifacts
            size_bytes, checksum = batch.adopt(artifact, path, mode)
            self._record(
                records, file, artifact, size_bytes if record_validation_info else None, checksum, offered
            )
        batch.publish()
        return self._complete(records.items())

    def _record(
        self,
        records: dict[UUID, FileRecords],
        file: FileDataset,
        artifact: ArtifactName,
        size_bytes: int | None,
        checksum: str | None,
        offered: _Offered,
    ) -> None:
        """Add the records of the datasets in one file."""
        for ref in file.refs:
            uuid, dataset_type = ref.uuid, ref.dataset_type
            component, storage_class, member = (
                dataset_type.component or "",
                dataset_type.storage_class_name,
                None,
            )
            formatter = file.formatter
            known = offered.get(uuid, {}).get(component) if offered else None
            if known is not None:
                formatter, storage_class, member = (
                    formatter or known.formatter,
                    known.storage_class,
                    known.member,
                )
            if formatter is None:
                formatter = self.bridge.choose_formatter(dataset_type).formatter
            first = (FileRecord(component, artifact, formatter, size_bytes, checksum, member, storage_class),)
            earlier = records.setdefault(uuid, first)
            if earlier is not first:  # the components of a dataset come in files of their own
                records[uuid] = earlier + first

    # -- upkeep

    def delete_artifacts(
        self, artifacts: Iterable[tuple[ArtifactName, str | None]], *, batch_id: UUID
    ) -> None:
        """Bar the batch, then delete: see `Datastore.delete_artifacts`."""
        doomed = list(artifacts)
        for artifact, _ in doomed:
            if is_absolute(artifact):
                raise InvalidInputError(
                    f"{artifact} lies outside the datastore's root and is not ours to delete.",
                    remedy="Delete it by hand if that is what you want.",
                )
        self._store.bar(batch_id)
        self._store.delete(doomed)

    def set_aside(self, artifacts: Iterable[tuple[ArtifactName, str | None]]) -> set[ArtifactName]:
        """Move artifacts out of the way: see `Datastore.set_aside`."""
        return self._store.set_aside(artifacts)

    def bring_back(self, artifacts: Iterable[ArtifactName], *, batch_id: UUID) -> set[ArtifactName]:
        """Move what was set aside back: see `Datastore.bring_back`."""
        return self._store.bring_back(artifacts, batch_id=batch_id)

    def stat_set_aside(self) -> Iterator[ArtifactStat]:
        """Describe what was set aside: see `Datastore.stat_set_aside`."""
        return self._store.stat_set_aside()

    def export(
        self,
        refs: Iterable[DatasetRef],
        *,
        transfer: TransferMode | None = "auto",
        directory: Uri | None = None,
        return_records: bool = True,
    ) -> tuple[OpaqueTableBatch | None, dict[Uri | None, list[FileDataset]]]:
        """Return records and files: see `Datastore.export`."""
        refs = list(refs)
        files = gather_files(refs, self._table)
        records = self._complete(self._stored(refs)) if return_records else None
        by_root: dict[Uri | None, list[FileDataset]] = {}
        if transfer is None or transfer == "none":
            for artifact, file in files.items():
                by_root.setdefault(None if is_absolute(artifact) else self._store.root, []).append(file)
        elif transfer == "direct":
            for artifact, file in files.items():
                uri = artifact if is_absolute(artifact) else self._store.uri(artifact)
                by_root.setdefault(None, []).append(FileDataset(uri, file.refs, file.formatter))
        elif directory is None:
            raise InvalidInputError(
                f"To {transfer!r} files they need somewhere to go.", remedy="Give a directory."
            )
        elif files:
            by_root[directory] = transfer_files(self._store, files, directory, transfer)
        return records, by_root

    def _stored(self, refs: Iterable[DatasetRef]) -> Iterator[tuple[UUID, FileRecords]]:
        for ref in refs:
            if records := find_records(ref, self._table):
                yield ref.uuid, records

    def close(self) -> None:
        """Release what it holds."""
        self._store.close()


def _do_nothing() -> None:
    pass


def _offered_records(opaque_data: tuple[DatastoreConfig, OpaqueTableBatch] | None) -> _Offered:
    """Return the records that came along with files, if a datastore of files made them."""
    if opaque_data is None:
        return {}
    config, batch = opaque_data
    rows = batch[table_name(config.datastore_id)]
    return {
        uuid: {record.component: record for record in as_records(values)} for uuid, values in rows.items()
    }


def _check_sizes(incoming: Iterable[Incoming], offered: _Offered) -> None:
    """Raise `CorruptError` if a file is not as long as the records say that came with it."""
    for file, path, size_bytes, _ in incoming:
        for ref in file.refs:
            known = offered.get(ref.uuid, {}).get(ref.dataset_type.component or "")
            expected = None if known is None else known.size_bytes
            if expected is not None and expected != size_bytes:
                raise CorruptError(
                    f"{path} has {size_bytes} bytes, but {expected} are recorded for {ref}.",
                    remedy="Export it again.",
                    path=path,
                )
