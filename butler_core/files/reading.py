"""Reading datasets from artifacts: which record, which formatter, which parameters, which type in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from butler_core.contracts.formatter import ArtifactSource, Formatter
from butler_core.errors import CorruptError, DatasetNotStoredError, InvalidInputError
from butler_core.files.records import FileRecord, FileRecords, as_records
from butler_core.files.store import ArtifactStore
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import (
    FormatterName,
    InMemoryDataset,
    OpaqueTableName,
    Parameters,
    StorageClassName,
)
from butler_core.models.storage_class import StorageClass


def find_records(ref: DatasetRef, table: OpaqueTableName) -> FileRecords:
    """Return the records that a ref carries, none for a dataset that is not stored; `InvalidInputError` if not expanded."""
    tables = ref.datastore_records
    if tables is None:
        raise InvalidInputError(f"{ref} carries no datastore records.", remedy="Expand it first.")
    return as_records(tables.get(table, ()))


def records_of(ref: DatasetRef, table: OpaqueTableName) -> FileRecords:
    """Return the records that a ref carries.

    Raises
    ------
    InvalidInputError
        If it is not expanded.
    DatasetNotStoredError
        If it is, but has none.
    """
    records = find_records(ref, table)
    if not records:
        raise DatasetNotStoredError(
            f"{ref} is registered, but its bytes are not kept here.",
            remedy="It was dropped, or imported without its files: make it again, or import it with them.",
            uuid=str(ref.uuid),
        )
    return records


class DatasetReader:
    """Reads datasets.

    Parameters
    ----------
    store
        Where the artifacts are.
    table
        The table of their records.
    storage_classes
        All of them, by name.
    get_formatter
        Returns a formatter by its registered name: nothing else is ever imported because a record names it.
    check
        Whether to compare what is read with its recorded checksum.
    """

    def __init__(
        self,
        store: ArtifactStore,
        table: OpaqueTableName,
        storage_classes: Mapping[StorageClassName, StorageClass],
        get_formatter: Callable[[FormatterName], Formatter],
        *,
        check: bool = False,
    ) -> None:
        self._check = check
        self._store = store
        self._table = table
        self._storage_classes = storage_classes
        self._get_formatter = get_formatter

    def read(self, ref: DatasetRef, parameters: Parameters | None) -> InMemoryDataset:
        """Read one dataset, or one component of it, as the type that the ref asks for."""
        records = records_of(ref, self._table)
        component = ref.dataset_type.component or ""
        for record in records:
            if record.component == component:
                return self._read_directly(ref, record, parameters)
        if not component:
            return self._assemble(ref, records, parameters)
        for record in records:
            if not record.component:
                return self._read_part(ref, record, component, parameters)
        raise InvalidInputError(
            f"Component {component!r} of {ref} was not stored by itself, but only "
            f"{', '.join(record.component for record in records)}.",
            remedy="Read one of these, or the whole dataset, and compute it from that.",
        )

    def _source(self, record: FileRecord) -> ArtifactSource:
        if self._check and record.checksum is not None:
            return self._store.source(record.artifact, record.size_bytes, record.member, record.checksum)
        return self._store.source(record.artifact, record.size_bytes, record.member)

    def _stored_class(self, ref: DatasetRef, record: FileRecord) -> StorageClass:
        if record.storage_class == ref.dataset_type.storage_class_name:
            return ref.dataset_type.storage_class
        return self._storage_classes[record.storage_class]

    def _read_directly(
        self, ref: DatasetRef, record: FileRecord, parameters: Parameters | None
    ) -> InMemoryDataset:
        stored = self._stored_class(ref, record)
        obj = self._read_record(ref, record, stored, parameters)
        wanted = ref.dataset_type
        return obj if wanted.storage_class_name == record.storage_class else wanted.storage_class.coerce(obj)

    def _read_record(
        self, ref: DatasetRef, record: FileRecord, stored: StorageClass, parameters: Parameters | None
    ) -> InMemoryDataset:
        formatter = self._get_formatter(record.formatter)
        source = self._source(record)
        if parameters:
            check_parameters(stored, parameters)
            known = {
                name: value for name, value in parameters.items() if name in formatter.abilities.parameters
            }
            obj = formatter.read(source, ref, parameters=known or None)
            obj = _as_stored(obj, stored, record)
            return _apply(
                stored, obj, {name: value for name, value in parameters.items() if name not in known}
            )
        return _as_stored(formatter.read(source, ref), stored, record)

    def _read_part(
        self, ref: DatasetRef, record: FileRecord, component: str, parameters: Parameters | None
    ) -> InMemoryDataset:
        """Read a component from the artifact of the whole: alone, if the formatter can."""
        formatter = self._get_formatter(record.formatter)
        if component not in formatter.abilities.components:
            stored = self._storage_classes[record.storage_class]
            whole = self._read_record(ref, record, stored, None)
            return self._take_part(ref, stored, whole, component, parameters)
        wanted = ref.dataset_type.storage_class
        check_parameters(wanted, parameters or {})
        known = {
            name: value
            for name, value in (parameters or {}).items()
            if name in formatter.abilities.parameters
        }
        source = self._source(record)
        obj = wanted.coerce(formatter.read(source, ref, component=component, parameters=known or None))
        return _apply(
            wanted, obj, {name: value for name, value in (parameters or {}).items() if name not in known}
        )

    def _take_part(
        self, ref: DatasetRef, stored: StorageClass, whole: Any, component: str, parameters: Parameters | None
    ) -> InMemoryDataset:
        wanted = ref.dataset_type.storage_class
        check_parameters(wanted, parameters or {})
        if stored.delegate is None:
            raise InvalidInputError(
                f"Component {component!r} of {ref} cannot be had: storage class {stored.name!r} has no delegate.",
                remedy="Read the whole dataset.",
            )
        return _apply(
            wanted, wanted.coerce(stored.delegate.get_component(whole, component)), parameters or {}
        )

    def _assemble(
        self, ref: DatasetRef, records: FileRecords, parameters: Parameters | None
    ) -> InMemoryDataset:
        """Read all components of a dataset that was taken apart, and put it together."""
        stored = ref.dataset_type.storage_class
        check_parameters(stored, parameters or {})
        if stored.delegate is None:
            raise InvalidInputError(
                f"{ref} was stored in parts ({', '.join(record.component for record in records)}), "
                f"which storage class {stored.name!r} cannot put together.",
                remedy="Read its components, or ask for the storage class that was written.",
            )
        parts = {
            record.component: self._read_record(
                ref, record, self._storage_classes[record.storage_class], None
            )
            for record in records
        }
        return _apply(stored, stored.coerce(stored.delegate.assemble(parts)), parameters or {})


def check_parameters(storage_class: StorageClass, parameters: Parameters) -> None:
    """Raise `InvalidInputError` for parameters that a storage class does not know."""
    unknown = sorted(parameters.keys() - storage_class.parameters)
    if unknown:
        known = ", ".join(sorted(storage_class.parameters)) or "none"
        raise InvalidInputError(
            f"Storage class {storage_class.name!r} has no read parameter {', '.join(map(repr, unknown))}.",
            remedy=f"It has: {known}.",
            unknown=unknown,
        )


def _apply(storage_class: StorageClass, obj: InMemoryDataset, parameters: Parameters) -> InMemoryDataset:
    """Cut an object down as those parameters say that its formatter did not know."""
    if not parameters:
        return obj
    if storage_class.delegate is None:
        raise InvalidInputError(
            f"Nothing can apply {', '.join(parameters)} to storage class {storage_class.name!r}.",
            remedy="Read without these parameters; the plugin of the storage class lacks a delegate.",
        )
    return storage_class.delegate.apply_parameters(obj, parameters)


def _as_stored(obj: InMemoryDataset, stored: StorageClass, record: FileRecord) -> InMemoryDataset:
    """Return what a formatter read as the type that is recorded; a file that holds another one is not what it should be."""
    if isinstance(obj, stored.pytype):
        return obj
    try:
        return stored.coerce(obj)
    except InvalidInputError as error:
        raise CorruptError(
            f"Artifact {record.artifact!r} holds a {type(obj).__name__}; storage class {stored.name!r} is recorded.",
            remedy="Restore the file, or ingest it with the storage class that it holds.",
            artifact=record.artifact,
        ) from error
