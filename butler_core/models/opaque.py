"""Datastore records as data: the tables that a datastore asks for, and rows of them by dataset.

A Registry stores these rows and understands one column of them, the artifact's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from butler_core.models.dataset_ref import (
    DatasetRef,
    RecordRows,
    records_by_table,
    with_record_rows,
)
from butler_core.models.model_config import FROZEN, OPEN
from butler_core.models.names import ArtifactName, ColumnName, OpaqueTableName, OpaqueTableValues


def _as_in_memory(values: OpaqueTableValues) -> OpaqueTableValues:
    """Return what JSON's arrays stand for: the tuples that a datastore's bridge makes, or equal ones."""
    if isinstance(values, dict):
        return {key: _as_in_memory(value) for key, value in values.items()}
    return tuple(map(_as_in_memory, values)) if isinstance(values, list) else values


class OpaqueColumn(BaseModel):
    """One column of a datastore's table."""

    model_config = FROZEN

    name: ColumnName
    type: Literal["int", "float", "string", "bool", "uuid", "bytes", "time"]
    nullable: bool = False
    queryable: bool = False
    """Whether users may name it in ``where`` and ``sorted``."""


class OpaqueTable(BaseModel):
    """A table that a datastore needs, without the dataset's UUID, which every such table has first in its key."""

    model_config = FROZEN

    name: OpaqueTableName
    version: int
    columns: tuple[OpaqueColumn, ...]
    key: tuple[ColumnName, ...]
    """Columns beside the UUID that make a row unique, such as ``component``."""
    artifact_column: ColumnName | None
    """The one column that a Registry understands: indexed, it holds an artifact's name.  None without artifacts."""


class OpaqueTableBatch(BaseModel):
    """Rows to insert, by table and dataset."""

    model_config = OPEN

    tables: dict[OpaqueTableName, dict[UUID, Annotated[OpaqueTableValues, AfterValidator(_as_in_memory)]]] = (
        Field(default_factory=dict)
    )

    def __iter__(self) -> Iterator[tuple[OpaqueTableName, dict[UUID, OpaqueTableValues]]]:  # type: ignore[override]
        """Iterate over the tables that have rows."""
        return ((name, rows) for name, rows in self.tables.items() if rows)

    def __bool__(self) -> bool:
        """Whether there is any row."""
        return any(self.tables.values())

    def __getitem__(self, table_name: OpaqueTableName) -> dict[UUID, OpaqueTableValues]:
        """Return one table's rows, none if nothing was inserted."""
        return self.tables.get(table_name, {})

    def __delitem__(self, table_name: OpaqueTableName) -> None:
        """Forget one table's rows."""
        self.tables.pop(table_name, None)

    def insert(self, table_name: OpaqueTableName, data: Iterable[tuple[UUID, OpaqueTableValues]]) -> None:
        """Add rows; a dataset that has some already gets these instead."""
        self.tables.setdefault(table_name, {}).update(data)

    def update(self, other: OpaqueTableBatch) -> None:
        """Add another batch's rows; they win."""
        for name, rows in other:
            self.insert(name, rows.items())

    def attach_to(self, refs: Iterable[DatasetRef]) -> list[DatasetRef]:
        """Return new refs that carry their rows (none: an empty mapping), in the order given."""
        tables = list(self)
        if len(tables) == 1:
            ((name, rows),) = tables
            return [
                ref.with_datastore_records(
                    {name: values} if (values := rows.get(ref.uuid)) is not None else {}
                )
                for ref in refs
            ]
        return [
            ref.with_datastore_records({name: rows[ref.uuid] for name, rows in tables if ref.uuid in rows})
            for ref in refs
        ]


class StoredRecords:
    """Datastore records as a Registry read them, each dataset's made of its rows when they are asked for.

    Parameters
    ----------
    rows
        By dataset, which is named by its UUID or the bytes of it.
    key
        Turns the bytes of a UUID into what names the dataset in ``rows``.
    """

    __slots__ = ("_key", "rows")

    def __init__(self, rows: Mapping[UUID | bytes, RecordRows], key: Callable[[bytes], UUID | bytes]) -> None:
        self.rows = rows
        self._key = key

    def attach_to(self, refs: Iterable[DatasetRef]) -> list[DatasetRef]:
        """Return new refs that carry their records (none: an empty mapping), in the order given."""
        find, key = self.rows.get, self._key
        return [with_record_rows(ref, find(key(ref.uuid_bytes), ())) for ref in refs]

    def to_batch(self) -> OpaqueTableBatch:
        """Make all of them at once: for the wire, and where all are needed."""
        batch = OpaqueTableBatch()
        for name, values in records_by_table(chain.from_iterable(self.rows.values())):
            batch.insert(name, values.items())
        return batch


class OpaqueTableKeyBatch(BaseModel):
    """Datasets whose rows go, by table."""

    model_config = OPEN

    tables: dict[OpaqueTableName, set[UUID]] = Field(default_factory=dict)
    artifacts: dict[OpaqueTableName, set[ArtifactName]] = Field(default_factory=dict)
    """All that the rows that go may name.  A row that names something else was written after they were read, and nobody would
    delete its artifact: then the batch is refused.  Not checked for tables that are left out."""

    def __iter__(self) -> Iterator[tuple[OpaqueTableName, set[UUID]]]:  # type: ignore[override]
        """Iterate over the tables that lose rows."""
        return ((name, keys) for name, keys in self.tables.items() if keys)

    def __bool__(self) -> bool:
        """Whether any row goes."""
        return any(self.tables.values())

    def __getitem__(self, table_name: OpaqueTableName) -> set[UUID]:
        """Return the datasets that lose their rows in one table."""
        return self.tables.get(table_name, set())

    def __delitem__(self, table_name: OpaqueTableName) -> None:
        """Keep one table's rows after all."""
        self.tables.pop(table_name, None)
        self.artifacts.pop(table_name, None)

    def insert(self, table_name: OpaqueTableName, keys: Iterable[UUID]) -> None:
        """Add datasets."""
        self.tables.setdefault(table_name, set()).update(keys)

    def expect(self, table_name: OpaqueTableName, artifacts: Iterable[ArtifactName]) -> None:
        """Say what the rows that go name, as they were read."""
        self.artifacts.setdefault(table_name, set()).update(artifacts)

    def update(self, other: OpaqueTableKeyBatch) -> None:
        """Add another batch's datasets."""
        for name, keys in other:
            self.insert(name, keys)
        for name, artifacts in other.artifacts.items():
            self.expect(name, artifacts)
