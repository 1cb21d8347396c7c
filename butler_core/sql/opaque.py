"""Datastore records in a registry: rows that bridges make and read, and artifact names, the one thing understood of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.errors import InvalidInputError, NotFoundError
from butler_core.models.dataset_ref import RecordRows
from butler_core.models.names import ArtifactName, ColumnName, DatastoreId, OpaqueTableName, OpaqueTableValues
from butler_core.models.opaque import OpaqueTable, StoredRecords
from butler_core.sql.database import Cursor
from butler_core.sql.schema.tables import Schema
from butler_core.sql.statement import Insertion, Statement


class TableRows:
    """Statements for one table of records, and the conversion of its rows."""

    def __init__(self, schema: Schema, bridge: DatastoreBridge, table: OpaqueTable) -> None:
        database = self.database = schema.database
        self.bridge = bridge
        self.name = table.name
        self.table = schema.opaque[table.name]
        self.names = [column.name for column in self.table.columns]
        self._pick = _picker(self.names[1:])
        self._uuids = [
            position for position, column in enumerate(table.columns, start=1) if column.type == "uuid"
        ]
        self._bools = [
            position for position, column in enumerate(table.columns, start=1) if column.type == "bool"
        ]
        uuid = self.table.c.dataset_uuid
        datasets = database.inline_values("datasets", "uuid")
        self._bind = datasets.bind
        self.insert = Insertion(database, self.table)
        remove: Any = sa.delete(self.table).where(uuid.in_(datasets.select))
        if table.artifact_column is not None:
            remove = remove.returning(uuid, self.table.c[table.artifact_column])
        self.remove = Statement(database, remove, ["datasets"])
        self.select_one = Statement(
            database, sa.select(self.table).where(uuid == sa.bindparam("dataset")), ["dataset"]
        )
        given = datasets.select.subquery("given")
        asked = given.join(self.table, uuid == next(iter(given.c)))
        self.select_many = Statement(database, sa.select(self.table).select_from(asked), ["datasets"])
        self.referenced: Statement | None = None
        if table.artifact_column is not None:
            artifacts = database.inline_values("artifacts", "string")
            column = self.table.c[table.artifact_column]
            self._bind_artifacts = artifacts.bind
            named = sa.select(column).where(column.in_(artifacts.select)).distinct()
            self.referenced = Statement(database, named, ["artifacts"])
            self._referenced_by_others = Statement(
                database, named.where(uuid.not_in(datasets.select)), ["artifacts", "datasets"]
            )

    def to_rows(self, values: Mapping[UUID, OpaqueTableValues]) -> list[tuple[Any, ...]]:
        """Turn the bridge's values into rows for the table."""
        pick, to_value = self._pick, self.database.uuid_to_value
        try:
            rows = [
                (to_value(raw["dataset_uuid"].bytes), *pick(raw))
                for raw in self.bridge.opaque_values_to_raw(self.name, values)
            ]
        except KeyError as error:
            raise InvalidInputError(
                f"A record for table {self.name!r} of datastore {self.bridge.datastore_id!r} lacks column {error}.",
                remedy="Report a bug of the datastore's plugin.",
            ) from error
        return list(map(self._with_uuids, rows)) if self._uuids else rows

    def _with_uuids(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        cells = list(row)
        for position in self._uuids:
            if cells[position] is not None:
                cells[position] = self.database.uuid_to_value(UUID(str(cells[position])).bytes)
        return tuple(cells)

    def to_values(self, rows: Iterable[Any]) -> Mapping[UUID, OpaqueTableValues]:
        """Turn rows of the table into the bridge's values."""
        make_uuid = self.database.make_uuid
        return self.bridge.opaque_raw_to_values(
            self.name, [self._to_raw(make_uuid(row[0]), row) for row in rows]
        )

    def values_of(self, uuid: UUID, rows: Sequence[Any]) -> OpaqueTableValues:
        """Turn the rows of one dataset into the bridge's values."""
        return self.bridge.opaque_raw_to_values(self.name, [self._to_raw(uuid, row) for row in rows])[uuid]

    def _to_raw(self, uuid: UUID, row: Sequence[Any]) -> dict[str, Any]:
        raw = dict(zip(self.names, row, strict=True))
        raw["dataset_uuid"] = uuid
        if self._uuids or self._bools:
            for position in self._uuids:
                if row[position] is not None:
                    raw[self.names[position]] = self.database.make_uuid(row[position])
            for position in self._bools:
                if row[position] is not None:
                    raw[self.names[position]] = bool(row[position])
        return raw

    def fetch(self, cursor: Cursor, uuids: Sequence[bytes]) -> list[Any]:
        """Read the rows of datasets, each of which is given once."""
        if len(uuids) == 1:
            return self.select_one.all(cursor, (self.database.uuid_to_value(uuids[0]),))
        return self.select_many.all(cursor, (self.bind(uuids),))

    def bind(self, uuids: Iterable[bytes]) -> Any:
        """Return the parameter that stands for datasets."""
        return self._bind(map(self.database.uuid_to_value, uuids))

    def find_referenced(
        self, cursor: Cursor, artifacts: Iterable[ArtifactName], excluding: Sequence[bytes]
    ) -> set[ArtifactName]:
        """Return those artifacts that a record names, but for records of some datasets."""
        if self.referenced is None:
            return set()
        names = self._bind_artifacts(artifacts)
        if excluding:
            rows = self._referenced_by_others.all(cursor, (names, self.bind(excluding)))
        else:
            rows = self.referenced.all(cursor, (names,))
        return {name for (name,) in rows}


def _picker(names: Sequence[ColumnName]) -> Callable[[Mapping[ColumnName, Any]], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda row: tuple([row[name] for name in names])


class OpaqueRows:
    """Reads and writes the datastores' records.

    Parameters
    ----------
    schema
        Where they are.
    bridges
        Of the datastores.
    """

    def __init__(self, schema: Schema, bridges: Sequence[DatastoreBridge]) -> None:
        self._uuid_to_value = schema.database.uuid_to_value
        self._tables = {
            name: TableRows(schema, bridge, table)
            for bridge in bridges
            for name, table in bridge.tables.items()
        }
        self.only_table = next(iter(self._tables.values())) if len(self._tables) == 1 else None
        """The one table, which other statements may join; None if there is none, or several."""

    @property
    def table_names(self) -> tuple[OpaqueTableName, ...]:
        """The names of all tables."""
        return tuple(self._tables)

    def _get(self, name: OpaqueTableName) -> TableRows:
        table = self._tables.get(name)
        if table is None:
            raise NotFoundError(
                f"This repository has no datastore with a table {name!r} of records.",
                remedy=f"Its tables are: {', '.join(self._tables) or 'none'}.",
                name=name,
            )
        return table

    def prepare(
        self, table_name: OpaqueTableName, values: Mapping[UUID, OpaqueTableValues]
    ) -> list[tuple[Any, ...]]:
        """Turn records of datasets into rows for `insert`: a bridge's work, best done before the transaction begins."""
        return self._get(table_name).to_rows(values)

    def insert(self, cursor: Cursor, table_name: OpaqueTableName, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add prepared rows, of datasets that have none in this table."""
        self._get(table_name).insert.execute_many(cursor, rows)

    def remove(
        self, cursor: Cursor, table_name: OpaqueTableName, uuids: Iterable[UUID]
    ) -> Sequence[tuple[Any, ArtifactName]]:
        """Remove the records of datasets; those that have none are passed over.

        Return what is gone: the dataset, as the database has its UUID, and the artifact; nothing for tables without artifacts.
        """
        table = self._get(table_name)
        values = (table.bind([uuid.bytes for uuid in uuids]),)
        if table.referenced is None:
            table.remove.execute(cursor, values)
            return ()
        return table.remove.all(cursor, values)

    def fetch(self, cursor: Cursor, uuids: Sequence[bytes]) -> StoredRecords:
        """Read the records of datasets, given by the bytes of their UUIDs, in every table."""
        uuids = list(dict.fromkeys(uuids))
        found: dict[Any, RecordRows] = {}
        for table in self._tables.values() if uuids else ():
            rows = table.fetch(cursor, uuids)
            if not found:
                found = {row[0]: ((table, row),) for row in rows}
                if len(found) == len(rows):
                    continue
                found = {}
            for row in rows:
                found[row[0]] = (*found.get(row[0], ()), (table, row))
        return StoredRecords(found, self._uuid_to_value)

    def gather(self, rows: Iterable[Any]) -> StoredRecords:
        """Gather rows of `only_table`, all columns in its order."""
        found: dict[Any, RecordRows] = {}
        for row in rows:
            found[row[0]] = (*found.get(row[0], ()), (self.only_table, row))  # type: ignore[arg-type]
        return StoredRecords(found, self._uuid_to_value)

    def find_recorded(self, cursor: Cursor, table_name: OpaqueTableName, uuids: Sequence[bytes]) -> set[UUID]:
        """Return those datasets that have records in a table."""
        table = self._get(table_name)
        uuids = list(dict.fromkeys(uuids))
        if not uuids:
            return set()
        return {table.database.make_uuid(row[0]) for row in table.fetch(cursor, uuids)}

    def referenced(
        self,
        cursor: Cursor,
        datastore: DatastoreId,
        artifacts: Sequence[ArtifactName],
        excluding: Iterable[UUID] = (),
    ) -> set[ArtifactName]:
        """Return those artifacts of a datastore that any record names, but for records of some datasets."""
        result: set[ArtifactName] = set()
        others = [uuid.bytes for uuid in excluding]
        for table in self._tables.values():
            if table.bridge.datastore_id == datastore:
                result |= table.find_referenced(cursor, artifacts, others)
        return result
