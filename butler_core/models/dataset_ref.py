"""Dataset refs: one dataset, always with its UUID; and the UUIDs themselves."""

from __future__ import annotations

import enum
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, TypeAlias
from uuid import UUID, SafeUUID, uuid5

from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_type import DatasetType, StorageClassLike
from butler_core.models.names import CollectionName, DataIdValue, OpaqueTableName, OpaqueTableValues

NAMESPACE = UUID("0f1c1b8e-5f0a-5d2e-9d54-2b6f0a4c7e11")
"""Namespace of the deterministic (version 5) UUIDs: see `deterministic_uuid` for the name hashed in it."""


class DatasetIdMode(enum.Enum):
    """How the UUID of a new dataset is chosen."""

    UNIQUE = "unique"
    """Version 7: random, and in order of time."""
    DATA_ID = "data_id"
    """Version 5 of dataset type and data ID: the same in every run and repository."""
    DATA_ID_RUN = "data_id_run"
    """Version 5 of dataset type, data ID and run."""


_new, _set = object.__new__, object.__setattr__
_UNKNOWN = SafeUUID.unknown  # to look it up in its enumeration each time costs a fifth of making a UUID


def uuid_from_bytes(data: bytes) -> UUID:
    """Return the UUID of 16 bytes, which are trusted.

    The constructor checks much and takes three times as long; where there are a million, that counts.
    """
    return _uuid_from_int(int.from_bytes(data, "big"))


def _uuid_from_int(number: int) -> UUID:
    uuid = _new(UUID)
    _set(uuid, "int", number)
    _set(uuid, "is_safe", _UNKNOWN)
    return uuid


def new_uuids(count: int) -> list[UUID]:
    """Make version-7 UUIDs (RFC 9562): a millisecond timestamp, then 74 random bits; later ones sort later."""
    base = _timestamp()
    noise = os.urandom(10 * count)
    numbers = [
        _version_7(base, int.from_bytes(noise[start : start + 10], "big"))
        for start in range(0, 10 * count, 10)
    ]
    numbers.sort()
    return list(map(_uuid_from_int, numbers))


def new_uuid() -> UUID:
    """Make one version-7 UUID."""
    return _uuid_from_int(_version_7(_timestamp(), int.from_bytes(os.urandom(10), "big")))


def _timestamp() -> int:
    """Return the part of a version-7 UUID that is not random."""
    milliseconds = time.time_ns() // 1_000_000
    return (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | 0b10 << 62


def _version_7(base: int, noise: int) -> int:
    return base | (noise >> 62 & 0xFFF) << 64 | noise & 0x3FFF_FFFF_FFFF_FFFF


def deterministic_uuid(
    dataset_type: str, required: Mapping[str, DataIdValue], run: CollectionName | None = None
) -> UUID:
    """Make the version-5 UUID of a dataset from what it means.

    The name hashed in `NAMESPACE` is compact JSON, ASCII only: ``[dataset type, [[dimension, value], ...]]`` with the required
    dimensions sorted by name, and the run as a third item if it counts.
    """
    parts: list[object] = [dataset_type, sorted([name, value] for name, value in required.items())]
    if run is not None:
        parts.append(run)
    return uuid5(NAMESPACE, json.dumps(parts, separators=(",", ":")))


class RecordTable(Protocol):
    """One table of datastore records, as far as the rows of one dataset go."""

    @property
    def name(self) -> OpaqueTableName:
        """Its name."""

    def to_values(self, rows: Iterable[Any]) -> Mapping[UUID, OpaqueTableValues]:
        """Return what refs carry for rows of theirs."""

    def values_of(self, uuid: UUID, rows: Sequence[Any]) -> OpaqueTableValues:
        """Return what the ref of one dataset carries for its rows."""


RecordRows: TypeAlias = tuple[tuple[RecordTable, Any], ...]
"""One dataset's datastore records as they were read: tables and rows, not looked into."""


class DatasetRef:
    """One dataset, always with its UUID; equal by UUID, dataset type and data ID.

    Parameters
    ----------
    uuid
        Its identity, the same in every repository.
    dataset_type
        What kind of thing it is.
    data_id
        Values for the dataset type's dimensions.
    run
        The RUN collection that owns it.
    datastore_records
        What a datastore must know to read it, by table; None: not fetched; empty: not stored.
    """

    # What was read from a registry stays as it came (bytes, tuples) until it is asked for: most of it never is.
    __slots__ = ("_data_id", "_dataset_type", "_datastore_records", "_expand", "_run", "_uuid")

    def __init__(
        self,
        uuid: UUID,
        dataset_type: DatasetType,
        data_id: DataCoordinate,
        run: CollectionName,
        datastore_records: Mapping[OpaqueTableName, OpaqueTableValues] | None = None,
    ) -> None:
        self._uuid: UUID | bytes = uuid
        self._dataset_type = dataset_type
        self._data_id: DataCoordinate | tuple[DataIdValue, ...] = data_id
        self._expand: Expand | None = None
        self._run = run
        self._datastore_records: Mapping[OpaqueTableName, OpaqueTableValues] | RecordRows | None = (
            datastore_records
        )

    @property
    def uuid(self) -> UUID:
        """Its identity, the same in every repository."""
        uuid = self._uuid
        if isinstance(uuid, bytes):
            self._uuid = uuid = uuid_from_bytes(uuid)
        return uuid

    @property
    def uuid_bytes(self) -> bytes:
        """The 16 bytes of `uuid`, without making the object."""
        uuid = self._uuid
        return uuid if isinstance(uuid, bytes) else uuid.bytes

    @property
    def dataset_type(self) -> DatasetType:
        """What kind of thing it is."""
        return self._dataset_type

    @property
    def data_id(self) -> DataCoordinate:
        """Values for the dataset type's dimensions."""
        data_id = self._data_id
        if data_id.__class__ is tuple:
            dimensions, expand = self._dataset_type.dimensions, self._expand
            data_id = DataCoordinate.from_required(dimensions, data_id) if expand is None else expand(data_id)
            self._data_id = data_id
        return data_id  # type: ignore[return-value]

    @property
    def required_values(self) -> tuple[DataIdValue, ...]:
        """The data ID's required values, without making the object."""
        data_id = self._data_id
        return data_id if data_id.__class__ is tuple else data_id.required_values  # type: ignore[union-attr]

    @property
    def run(self) -> CollectionName:
        """The RUN collection that owns it."""
        return self._run

    @property
    def datastore_records(self) -> Mapping[OpaqueTableName, OpaqueTableValues] | None:
        """Its rows by table; None: not fetched; empty: not stored."""
        records = self._known_records()
        return records if records is None else MappingProxyType(records)

    def _known_records(self) -> Mapping[OpaqueTableName, OpaqueTableValues] | None:
        records = self._datastore_records
        if records.__class__ is tuple:
            self._datastore_records = records = records_from_rows(self.uuid, records)
        return records  # type: ignore[return-value]

    @property
    def is_expanded(self) -> bool:
        """Whether it carries dimension records and datastore records."""
        if self._datastore_records is None:
            return False
        data_id = self._data_id
        return self._expand is not None if data_id.__class__ is tuple else data_id.is_expanded  # type: ignore[union-attr]

    def with_datastore_records(
        self, records: Mapping[OpaqueTableName, OpaqueTableValues] | None
    ) -> DatasetRef:
        """Return the same ref with these datastore records."""
        return self._but(self._dataset_type, self._data_id, records)

    def with_data_id(self, data_id: DataCoordinate) -> DatasetRef:
        """Return the same ref with an equal data ID that knows more."""
        return self._but(self._dataset_type, data_id, self._datastore_records)

    def make_component(self, component: str) -> DatasetRef:
        """Return the ref of a component: the same dataset, read in part.  `InvalidInputError` if there is none such."""
        return self._but(self._dataset_type.make_component(component), self._data_id, self._datastore_records)

    def with_storage_class(self, storage_class: StorageClassLike) -> DatasetRef:
        """Return the same ref, to be read as another type; `InvalidInputError` unless convertible."""
        return self._but(
            self._dataset_type.with_storage_class(storage_class), self._data_id, self._datastore_records
        )

    def _but(
        self,
        dataset_type: DatasetType,
        data_id: DataCoordinate | tuple[DataIdValue, ...],
        records: Mapping[OpaqueTableName, OpaqueTableValues] | RecordRows | None,
    ) -> DatasetRef:
        ref = _new(DatasetRef)
        ref._uuid = self._uuid
        ref._expand = self._expand
        ref._dataset_type = dataset_type
        ref._data_id = data_id
        ref._run = self._run
        ref._datastore_records = records
        return ref

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, DatasetRef):
            return NotImplemented
        return (
            self.uuid_bytes == other.uuid_bytes
            and self._dataset_type == other._dataset_type
            and self.required_values == other.required_values
        )

    def __hash__(self) -> int:
        return hash(self.uuid_bytes)

    def __repr__(self) -> str:
        return f"{self._dataset_type.name}@{self.data_id} [{self._run}] ({self.uuid})"

    def _repr_html_(self) -> str:
        import html

        return (
            f"<b>{html.escape(self._dataset_type.name)}</b> in {html.escape(self._run)}<br>"
            f"<code>{self.uuid}</code>{self.data_id._repr_html_()}"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return DatasetRef, (self.uuid, self._dataset_type, self.data_id, self._run, self._known_records())


Expand: TypeAlias = Callable[[tuple[DataIdValue, ...]], DataCoordinate]
"""Makes an expanded data ID of required values."""


def records_from_rows(uuid: UUID, rows: RecordRows) -> dict[OpaqueTableName, OpaqueTableValues]:
    """Make one dataset's datastore records of its rows."""
    if len(rows) == 1:  # nearly always
        ((table, row),) = rows
        return {table.name: table.values_of(uuid, (row,))}
    return {table.name: table.values_of(uuid, found) for table, found in _by_table(rows).items()}


def records_by_table(
    rows: Iterable[tuple[RecordTable, Any]],
) -> Iterator[tuple[OpaqueTableName, Mapping[UUID, OpaqueTableValues]]]:
    """Make datastore records of rows of any datasets, one table after the other."""
    for table, found in _by_table(rows).items():
        yield table.name, table.to_values(found)


def _by_table(rows: Iterable[tuple[RecordTable, Any]]) -> dict[RecordTable, list[Any]]:
    by_table: dict[RecordTable, list[Any]] = {}
    for table, row in rows:
        by_table.setdefault(table, []).append(row)
    return by_table


def with_record_rows(ref: DatasetRef, rows: RecordRows) -> DatasetRef:
    """Return the same ref with datastore records that are made of these rows when they are asked for."""
    return ref._but(ref._dataset_type, ref._data_id, rows)


def refs_from_rows(
    dataset_type: DatasetType,
    rows: Iterable[tuple[Any, ...]],
    *,
    expand: Expand | None = None,
    records: Mapping[UUID | bytes, RecordRows] | None = None,
) -> list[DatasetRef]:
    """Make refs of trusted rows: UUID or its bytes, run, then the required values one by one.

    The objects inside are made when asked for.

    Parameters
    ----------
    dataset_type
        Of all of them.
    rows
        One for each ref.
    expand
        What makes their data IDs; None for minimal ones.
    records
        Their datastore records, by the first value of ``rows``; None: not fetched.
    """
    new, cls = _new, DatasetRef
    refs: list[DatasetRef] = []
    append = refs.append
    for row in rows:
        ref = new(cls)
        ref._uuid = row[0]
        ref._dataset_type = dataset_type
        ref._data_id = row[2:]
        ref._expand = expand
        ref._run = row[1]
        ref._datastore_records = None
        append(ref)
    if records is not None:
        find = records.get
        for ref in refs:
            ref._datastore_records = find(ref._uuid, ())
    return refs
