"""Statements for the tables that say which datasets are in which collections, made once for each dimension group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from butler_core.lazy import lazy_property
from butler_core.models.collection import CollectionType
from butler_core.models.names import DataIdValue, DatasetTypeName
from butler_core.models.universe import DimensionGroup
from butler_core.sql.catalog import Collection, RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.schema.group_tables import key_kinds
from butler_core.sql.statement import Insertion, Statement
from butler_core.sql.writing.transaction import Transaction


class GroupMembership:
    """The tables of one dimension group.

    Parameters
    ----------
    context
        The registry's parts.
    group_id
        The integer that stands for the group.
    group
        The dimensions.
    """

    def __init__(self, context: SqlContext, group_id: int, group: DimensionGroup) -> None:
        self.database = context.database
        self.group = group
        self.table = context.schema.membership(group_id, group)
        self._group_id = group_id
        self._schema = context.schema
        self.keys = [self.table.c[name] for name in group.required]
        self.width = len(self.keys)
        self.uuids = self.database.inline_values("uuids", "uuid")
        self.insert = Insertion(self.database, self.table)

    @lazy_property
    def validity(self) -> sa.Table:
        """The table of CALIBRATION membership, which exists if there is a calibration type of the group."""
        return self._schema.validity(self._group_id, self.group)

    @lazy_property
    def _taken(self) -> tuple[Statement, Any]:
        rows = self.database.inline_rows("wanted", [*key_kinds(self.group), "int"])
        columns = self.table.c
        matches = [key == rows.source.c[f"c{position}"] for position, key in enumerate(self.keys)]
        construct = (
            sa.select(rows.source.c[f"c{self.width}"], columns["_uuid"])
            .select_from(rows.source.join(self.table, sa.and_(sa.true(), *matches)))
            .where(
                columns["_type"] == sa.bindparam("type"), columns["_collection"] == sa.bindparam("collection")
            )
        )
        return Statement(self.database, construct, [*rows.parameters, "type", "collection"]), rows.bind

    def find_taken(
        self, cursor: Cursor, type_id: int, collection_id: int, data_ids: Sequence[tuple[DataIdValue, ...]]
    ) -> list[tuple[int, Any]]:
        """Return positions of those data IDs for which a collection has a dataset of a type, and its UUID."""
        statement, bind = self._taken
        numbered = [(*data_id, position) for position, data_id in enumerate(data_ids)]
        return statement.all(cursor, (*bind(numbered), type_id, collection_id))

    @lazy_property
    def _data_ids(self) -> Statement:
        columns = self.table.c
        construct = sa.select(columns["_uuid"], *self.keys).where(
            columns["_type"] == sa.bindparam("type"),
            columns["_collection"].in_(
                sa.select(self._schema.collection.c.id).where(
                    self._schema.collection.c.type == CollectionType.RUN.value
                )
            ),
            columns["_uuid"].in_(self.uuids.select),
        )
        return Statement(self.database, construct, ["type", "uuids"])

    def find_data_ids(
        self, cursor: Cursor, type_id: int, uuids: Iterable[Any]
    ) -> dict[Any, tuple[DataIdValue, ...]]:
        """Return the required values of datasets of one type, by UUID as the database has it."""
        rows = self._data_ids.all(cursor, (type_id, self.uuids.bind(uuids)))
        return {row[0]: tuple(row[1:]) for row in rows}

    @lazy_property
    def _others(self) -> Statement:
        dataset = self._schema.dataset.c
        construct = self._select_others(self.table).where(self.table.c["_collection"] != dataset.run)
        return Statement(self.database, construct.limit(5), ["uuids"])

    @lazy_property
    def _certified(self) -> Statement:
        return Statement(self.database, self._select_others(self.validity).limit(5), ["uuids"])

    def _select_others(self, table: sa.Table) -> sa.Select[Any]:
        dataset = self._schema.dataset
        return (
            sa.select(table.c["_collection"], table.c["_uuid"])
            .join_from(table, dataset, table.c["_uuid"] == dataset.c.uuid)
            .where(table.c["_uuid"].in_(self.uuids.select))
        )

    def find_associations(
        self, cursor: Cursor, uuids: Sequence[Any], *, is_calibration: bool
    ) -> list[tuple[int, Any]]:
        """Return some collections besides their RUNs that datasets are in, with the dataset's UUID."""
        values = (self.uuids.bind(uuids),)
        found = self._others.all(cursor, values)
        return found + self._certified.all(cursor, values) if is_calibration else found

    @lazy_property
    def remove(self) -> Statement:
        """Remove datasets from their RUN; takes the UUIDs and the RUN."""
        # The sum keeps databases from looking through all of the RUN for a few datasets.
        collection = self.table.c["_collection"] + sa.literal_column("0")
        construct = sa.delete(self.table).where(
            self.table.c["_uuid"].in_(self.uuids.select), collection == sa.bindparam("run")
        )
        return Statement(self.database, construct, ["uuids", "run"])

    def remove_all(self, cursor: Cursor, type_id: int, collection: Collection) -> None:
        """Remove all datasets of a type from a collection."""
        table = self._table_of(collection)
        construct = sa.delete(table).where(
            table.c["_type"] == sa.bindparam("type"), table.c["_collection"] == sa.bindparam("collection")
        )
        Statement(self.database, construct, ["type", "collection"]).execute(cursor, (type_id, collection.id))

    def has_any(self, cursor: Cursor, type_id: int, collection: Collection) -> bool:
        """Whether a collection has any dataset of a type."""
        table = self._table_of(collection)
        construct: sa.Select[Any] = (
            sa.select(sa.literal_column("1"))
            .where(
                table.c["_type"] == sa.bindparam("type"), table.c["_collection"] == sa.bindparam("collection")
            )
            .limit(1)
        )
        statement = Statement(self.database, construct, ["type", "collection"])
        return statement.first(cursor, (type_id, collection.id)) is not None

    def _table_of(self, collection: Collection) -> sa.Table:
        return self.validity if collection.type is CollectionType.CALIBRATION else self.table


class MembershipTables:
    """The tables of all dimension groups.

    Parameters
    ----------
    context
        The registry's parts.
    """

    def __init__(self, context: SqlContext) -> None:
        self._context = context
        self._groups: dict[tuple[int, DimensionGroup], GroupMembership] = {}

    def get(self, registered: RegisteredType) -> GroupMembership:
        """Return the tables that have the members of a dataset type."""
        key = registered.group_id, registered.dataset_type.dimensions
        found = self._groups.get(key)
        if found is None:
            found = GroupMembership(self._context, registered.group_id, registered.dataset_type.dimensions)
            self._groups[key] = found
        return found

    def remove_members(self, transaction: Transaction, collection: Collection) -> None:
        """Take all members out of a collection."""
        for registered in self._types_in(transaction, collection):
            self.get(registered).remove_all(transaction.cursor, registered.id, collection)

    def find_type_of_members(
        self, transaction: Transaction, collection: Collection
    ) -> DatasetTypeName | None:
        """Return the name of a dataset type that a collection has datasets of; None if it has none at all."""
        for registered in self._types_in(transaction, collection):
            if self.get(registered).has_any(transaction.cursor, registered.id, collection):
                return registered.dataset_type.name
        return None

    def _types_in(self, transaction: Transaction, collection: Collection) -> list[RegisteredType]:
        catalog = transaction.catalog
        types = [catalog.dataset_types_by_id[id_] for id_ in sorted(catalog.types_in.get(collection.id, ()))]
        if collection.type is CollectionType.CALIBRATION:
            types = [registered for registered in types if registered.dataset_type.is_calibration]
        return types
