"""Editing the membership of TAGGED collections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from butler_core.errors import ConflictError, DatasetNotFoundError
from butler_core.models.batch import TaggedCollectionEdit
from butler_core.models.collection import CollectionType, SetEditMode
from butler_core.models.data_id import DataCoordinate
from butler_core.sql.catalog import Collection, RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.lookups.dataset_finder import DatasetFinder
from butler_core.sql.statement import Statement
from butler_core.sql.writing.collections import get_collection
from butler_core.sql.writing.memberships import GroupMembership, MembershipTables
from butler_core.sql.writing.summaries import SummaryWriter
from butler_core.sql.writing.transaction import Transaction

_INSERTIONS = {
    SetEditMode.INSERT_OR_FAIL,
    SetEditMode.INSERT_OR_SKIP,
    SetEditMode.INSERT_OR_REPLACE,
    SetEditMode.ASSIGN,
}
_FORGIVING = {SetEditMode.INSERT_OR_SKIP, SetEditMode.INSERT_OR_REPLACE}
"""Modes in which no constraint fails, so that rivals have to be looked for."""


class AssociationWriter:
    """Writes TAGGED membership.

    Parameters
    ----------
    context
        The registry's parts.
    summaries
        Of collections.
    memberships
        Statements for the tables of members.
    finder
        Finds datasets.
    """

    def __init__(
        self,
        context: SqlContext,
        summaries: SummaryWriter,
        memberships: MembershipTables,
        finder: DatasetFinder,
    ) -> None:
        self._context = context
        self._make_uuid = context.database.make_uuid
        self._summaries = summaries
        self._memberships = memberships
        self._finder = finder
        self._statements: dict[tuple[GroupMembership, SetEditMode], Statement] = {}

    def edit(self, transaction: Transaction, edit: TaggedCollectionEdit) -> None:
        """Change the members of a TAGGED collection.

        Raises
        ------
        DatasetNotFoundError
            If a dataset does not exist, or is not a member and should be for REMOVE.
        ConflictError
            If the place of a dataset is taken, for INSERT_OR_FAIL and ASSIGN; if two of the given need one place.
        """
        tag = get_collection(transaction.catalog, edit.collection, CollectionType.TAGGED)
        by_type: dict[int, list[tuple[Any, int]]] = defaultdict(list)
        rows = self._finder.find(transaction.cursor, [uuid.bytes for uuid in edit.datasets])
        for key, type_id, run_id in rows:
            by_type[type_id].append((key, run_id))
        if len(rows) < len(edit.datasets) and edit.mode is not SetEditMode.DISCARD:
            raise self._not_found(edit.datasets, [key for key, _, _ in rows])
        for type_id, members in by_type.items():
            registered = transaction.catalog.dataset_types_by_id[type_id]
            keys = [key for key, _ in members]
            if edit.mode in _INSERTIONS:
                self._insert(transaction, tag, registered, keys, {run for _, run in members}, edit.mode)
            else:
                self._remove(
                    transaction, tag, registered, keys, must_be_there=edit.mode is SetEditMode.REMOVE
                )

    def _insert(
        self,
        transaction: Transaction,
        tag: Collection,
        registered: RegisteredType,
        keys: Sequence[Any],
        runs: Iterable[int],
        mode: SetEditMode,
    ) -> None:
        tables = self._memberships.get(registered)
        self._summaries.add_from(transaction, tag.id, registered, runs)
        if mode is SetEditMode.ASSIGN:
            tables.remove_all(transaction.cursor, registered.id, tag)
        if transaction.is_careful or (mode in _FORGIVING and len(keys) > 1):
            data_ids = tables.find_data_ids(transaction.cursor, registered.id, keys)
            self._refuse_rivals(tag, registered, data_ids)
            if mode not in _FORGIVING:
                self._refuse_taken(transaction, tag, registered, tables, data_ids)
        statement = self._get_insertion(registered, tables, mode)
        statement.execute(transaction.cursor, (tag.id, registered.id, tables.uuids.bind(keys)))

    def _get_insertion(
        self, registered: RegisteredType, tables: GroupMembership, mode: SetEditMode
    ) -> Statement:
        """Return the statement that copies rows of RUNs into a collection; it takes that, the type and the UUIDs."""
        if mode is SetEditMode.ASSIGN:
            mode = SetEditMode.INSERT_OR_FAIL
        statement = self._statements.get((tables, mode))
        if statement is None:
            statement = self._make_insertion(tables, mode)
            self._statements[tables, mode] = statement
        return statement

    def _make_insertion(self, tables: GroupMembership, mode: SetEditMode) -> Statement:
        database, table, dataset = tables.database, tables.table, self._context.schema.dataset
        integer = database.column_type("int")
        source = (
            sa.select(table.c["_type"], sa.bindparam("tag", type_=integer), *tables.keys, table.c["_uuid"])
            .join_from(
                dataset,
                table,
                sa.and_(table.c["_uuid"] == dataset.c.uuid, table.c["_collection"] == dataset.c.run),
            )
            .where(dataset.c.uuid.in_(tables.uuids.select), table.c["_type"] == sa.bindparam("type"))
        )
        insert = database.insert(table).from_select([column.name for column in table.columns], source)
        key = list(table.primary_key.columns)
        if mode is SetEditMode.INSERT_OR_SKIP:
            insert = insert.on_conflict_do_nothing(index_elements=key)
        elif mode is SetEditMode.INSERT_OR_REPLACE:
            insert = insert.on_conflict_do_update(
                index_elements=key, set_={"_uuid": insert.excluded["_uuid"]}
            )
        return Statement(database, insert, ["tag", "type", "uuids"])

    def _refuse_rivals(
        self, tag: Collection, registered: RegisteredType, data_ids: Mapping[Any, tuple[Any, ...]]
    ) -> None:
        """Raise the error that says which two of the given datasets need one place: no mode says which of them is meant."""
        seen: dict[tuple[Any, ...], Any] = {}
        for key, values in data_ids.items():
            if values in seen:
                raise self._taken(tag, registered, values, seen[values], key, "Leave one of the two out.")
            seen[values] = key

    def _refuse_taken(
        self,
        transaction: Transaction,
        tag: Collection,
        registered: RegisteredType,
        tables: GroupMembership,
        data_ids: Mapping[Any, tuple[Any, ...]],
    ) -> None:
        """Raise the error that says which place is taken by a member."""
        wanted = list(data_ids.items())
        found = tables.find_taken(transaction.cursor, registered.id, tag.id, [values for _, values in wanted])
        for position, there in found:
            key, values = wanted[position]
            remedy = "Leave it out, or use INSERT_OR_REPLACE or INSERT_OR_SKIP."
            raise self._taken(tag, registered, values, there, key, remedy)

    def _taken(
        self,
        tag: Collection,
        registered: RegisteredType,
        values: tuple[Any, ...],
        there: Any,
        key: Any,
        remedy: str,
    ) -> ConflictError:
        shown = DataCoordinate.from_required(registered.dataset_type.dimensions, values)
        return ConflictError(
            f"TAGGED {tag.name!r} can hold one dataset {registered.dataset_type.name!r} with data ID {shown}: "
            f"{self._make_uuid(there)} has that place, so {self._make_uuid(key)} cannot have it.",
            remedy=remedy,
            collection=tag.name,
            uuid=self._make_uuid(there),
        )

    def _remove(
        self,
        transaction: Transaction,
        tag: Collection,
        registered: RegisteredType,
        keys: Sequence[Any],
        *,
        must_be_there: bool,
    ) -> None:
        tables = self._memberships.get(registered)
        table = tables.table
        condition = sa.and_(
            table.c["_type"] == sa.bindparam("type"),
            table.c["_collection"] == sa.bindparam("tag"),
            table.c["_uuid"].in_(tables.uuids.select),
        )
        values = (registered.id, tag.id, tables.uuids.bind(keys))
        names = ["type", "tag", "uuids"]
        if must_be_there:
            present = Statement(tables.database, sa.select(table.c["_uuid"]).where(condition), names)
            there = {key for (key,) in present.all(transaction.cursor, values)}
            for key in keys:
                if key not in there:
                    raise DatasetNotFoundError(
                        f"Dataset {self._make_uuid(key)} is not in TAGGED {tag.name!r}.",
                        remedy="Use DISCARD to pass over what is not there.",
                        uuid=self._make_uuid(key),
                        collection=tag.name,
                    )
        Statement(tables.database, sa.delete(table).where(condition), names).execute(
            transaction.cursor, values
        )

    def _not_found(self, wanted: Iterable[UUID], keys: Iterable[Any]) -> DatasetNotFoundError:
        found = {self._make_uuid(key) for key in keys}
        uuid = next(uuid for uuid in sorted(wanted) if uuid not in found)
        return DatasetNotFoundError(
            f"There is no dataset {uuid}.", remedy="Check the UUID, or register it first.", uuid=uuid
        )
