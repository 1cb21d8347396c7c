"""Registering datasets and forgetting them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from butler_core import tai
from butler_core.errors import (
    ConflictError,
    DataIdError,
    DatasetExistsError,
    DatasetTypeNotFoundError,
    InUseError,
)
from butler_core.models.batch import DatasetInsertionBatch
from butler_core.models.collection import CollectionType
from butler_core.models.data_id import DataCoordinate
from butler_core.models.names import DataIdValue
from butler_core.sql.catalog import Collection, RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.lookups.dataset_finder import DatasetFinder
from butler_core.sql.statement import Insertion, Statement
from butler_core.sql.writing.collections import get_collection
from butler_core.sql.writing.memberships import GroupMembership, MembershipTables
from butler_core.sql.writing.summaries import SummaryWriter
from butler_core.sql.writing.transaction import Transaction


class DatasetWriter:
    """Writes datasets and their membership in RUNs.

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
        self._finder = finder
        self._summaries = summaries
        self._memberships = memberships
        self._make_uuid = context.database.make_uuid
        database, table = context.database, context.schema.dataset
        uuids = database.inline_values("uuids", "uuid")
        self._bind = uuids.bind
        self._insert = Insertion(database, table)
        self._delete = Statement(database, sa.delete(table).where(table.c.uuid.in_(uuids.select)), ["uuids"])

    # -- insertion

    def insert_all(self, transaction: Transaction, batch: DatasetInsertionBatch) -> None:
        """Register datasets.

        Raises
        ------
        DatasetExistsError
            If a UUID is taken, or a data ID in its RUN.
        DataIdError
            If a data ID names a dimension value that has no record.
        ConflictError
            If a dataset type has other dimensions than the batch was made for.
        """
        now = tai.now()
        for type_name, runs in batch.datasets.items():
            registered = transaction.catalog.get_dataset_type(type_name)
            if registered.dataset_type.name != type_name:
                raise DatasetTypeNotFoundError(
                    f"{type_name!r} is a component of {registered.dataset_type.name!r}, not a dataset type of its own.",
                    remedy=f"Register datasets of {registered.dataset_type.name!r}.",
                    name=type_name,
                )
            required = registered.dataset_type.dimensions.required
            if batch.dimensions.get(type_name, required) != required:
                raise ConflictError(
                    f"Dataset type {type_name!r} was redefined meanwhile: its dimensions are {', '.join(required) or 'none'} "
                    f"now, and these data IDs give {', '.join(batch.dimensions[type_name]) or 'none'}.",
                    remedy="Look at the new definition, and make the data IDs for it.",
                    name=type_name,
                )
            for run_name, rows in runs.items():
                run = get_collection(transaction.catalog, run_name, CollectionType.RUN)
                self._insert_rows(transaction, registered, run, rows, now)

    def _insert_rows(
        self,
        transaction: Transaction,
        registered: RegisteredType,
        run: Collection,
        rows: Mapping[UUID, tuple[DataIdValue, ...]],
        now: int,
    ) -> None:
        if not rows:
            return
        tables = self._memberships.get(registered)
        self._check_widths(registered, rows.values(), tables.width)
        if transaction.is_careful:
            self._check(transaction, registered, run, rows)
        self._summaries.add(transaction, run.id, registered, rows.values())
        to_value, type_id, run_id = self._context.database.uuid_to_value, registered.id, run.id
        keys = [to_value(uuid.bytes) for uuid in rows]
        cursor = transaction.cursor
        self._insert.execute_many(cursor, [(key, type_id, run_id, now) for key in keys])
        tables.insert.execute_many(
            cursor,
            [(type_id, run_id, *data_id, key) for key, data_id in zip(keys, rows.values(), strict=True)],
        )

    def _check_widths(
        self, registered: RegisteredType, data_ids: Iterable[tuple[DataIdValue, ...]], width: int
    ) -> None:
        for data_id in data_ids:
            if len(data_id) != width:
                required = registered.dataset_type.dimensions.required
                raise DataIdError(
                    f"A data ID of {registered.dataset_type.name!r} has the values {data_id!r}.",
                    remedy=f"Give values for {', '.join(required) or 'no dimension'}, in this order.",
                )

    def _check(
        self,
        transaction: Transaction,
        registered: RegisteredType,
        run: Collection,
        rows: Mapping[UUID, tuple[DataIdValue, ...]],
    ) -> None:
        """Raise the error that says which dataset would break a constraint."""
        cursor = transaction.cursor
        for uuid, type_id, run_id in self._finder.find(cursor, [uuid.bytes for uuid in rows]):
            there = transaction.catalog.dataset_types_by_id[type_id].dataset_type.name
            where = transaction.catalog.collections_by_id[run_id].name
            raise DatasetExistsError(
                f"Dataset {self._make_uuid(uuid)} is registered already, as {there!r} in {where!r}.",
                remedy="A dataset is registered once; use the ref of the one that is there.",
                uuid=self._make_uuid(uuid),
                dataset_type=there,
                run=where,
            )
        data_ids = list(rows.values())
        seen: dict[tuple[DataIdValue, ...], UUID] = {}
        for uuid, data_id in rows.items():
            if data_id in seen:
                raise self._taken(registered, run, data_id, seen[data_id])
            seen[data_id] = uuid
        tables = self._memberships.get(registered)
        for position, uuid in tables.find_taken(cursor, registered.id, run.id, data_ids):
            raise self._taken(registered, run, data_ids[position], self._make_uuid(uuid))
        self._context.records.fetch_group(cursor, tables.group, data_ids)

    def _taken(
        self, registered: RegisteredType, run: Collection, data_id: tuple[DataIdValue, ...], uuid: UUID
    ) -> DatasetExistsError:
        dataset_type = registered.dataset_type
        shown = DataCoordinate.from_required(dataset_type.dimensions, data_id)
        return DatasetExistsError(
            f"RUN {run.name!r} has a dataset {dataset_type.name!r} with data ID {shown} already: {uuid}.",
            remedy="Use the dataset that is there, or another RUN.",
            dataset_type=dataset_type.name,
            data_id=dict(shown),
            run=run.name,
            uuid=uuid,
        )

    # -- removal

    def remove_all(self, transaction: Transaction, uuids: Iterable[UUID]) -> None:
        """Forget datasets; those that are not there are passed over.

        Raises `InUseError` if one is in a TAGGED or CALIBRATION collection, or has datastore records.
        """
        cursor = transaction.cursor
        groups: dict[tuple[int, int], list[Any]] = defaultdict(list)
        for key, type_id, run_id in self._finder.find(cursor, [uuid.bytes for uuid in uuids]):
            groups[type_id, run_id].append(key)
        for (type_id, run_id), keys in groups.items():
            registered = transaction.catalog.dataset_types_by_id[type_id]
            tables = self._memberships.get(registered)
            if transaction.is_careful:
                self._check_removal(transaction, registered, tables, keys)
            tables.remove.execute(cursor, (tables.uuids.bind(keys), run_id))
            self._delete.execute(cursor, (self._bind(keys),))

    def _check_removal(
        self,
        transaction: Transaction,
        registered: RegisteredType,
        tables: GroupMembership,
        keys: Sequence[Any],
    ) -> None:
        """Raise the error that says what still needs a dataset."""
        is_calibration = registered.dataset_type.is_calibration
        for collection_id, key in tables.find_associations(
            transaction.cursor, keys, is_calibration=is_calibration
        ):
            raise self._associated(registered, transaction.catalog.collections_by_id[collection_id], key)
        self._check_records(transaction.cursor, registered, keys)

    def _associated(self, registered: RegisteredType, collection: Collection, key: Any) -> InUseError:
        name, uuid = registered.dataset_type.name, self._make_uuid(key)
        return InUseError(
            f"Dataset {uuid} ({name}) is in {collection.type.value.upper()} collection {collection.name!r}.",
            remedy="Take it out of that collection too: butler.removal(), find_associations_in=...",
            uuid=uuid,
            collection=collection.name,
        )

    def _check_records(self, cursor: Cursor, registered: RegisteredType, keys: Sequence[Any]) -> None:
        opaque = self._context.opaque
        for table_name in opaque.table_names:
            for uuid in opaque.find_recorded(
                cursor, table_name, [self._make_uuid(key).bytes for key in keys]
            ):
                raise InUseError(
                    f"Dataset {uuid} ({registered.dataset_type.name}) still has records in {table_name!r}.",
                    remedy="Remove its records in the same batch.",
                    uuid=uuid,
                )
