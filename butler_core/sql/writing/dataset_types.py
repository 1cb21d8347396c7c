"""Registering and removing dataset types, with tables for their dimension groups."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from butler_core.errors import (
    DatasetTypeNotFoundError,
    DefinitionConflictError,
    InUseError,
    InvalidInputError,
)
from butler_core.models.batch import DatasetTypeRegistration
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import DatasetTypeName
from butler_core.models.universe import DimensionGroup
from butler_core.sql.catalog import RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.statement import Statement
from butler_core.sql.writing.summaries import SummaryWriter
from butler_core.sql.writing.transaction import Transaction


class DatasetTypeWriter:
    """Writes dataset types.

    Parameters
    ----------
    context
        The registry's parts.
    summaries
        Of collections.
    """

    def __init__(self, context: SqlContext, summaries: SummaryWriter) -> None:
        self._context = context
        self._summaries = summaries
        database = context.database
        table, group = context.schema.dataset_type, context.schema.dataset_group
        one = sa.bindparam("one", type_=table.c.id.type)
        columns = ["name", "dataset_group", "storage_class", "is_calibration", "changed"]
        self._insert = Statement(
            database, sa.insert(table).values({name: sa.bindparam(name) for name in columns}), columns
        )
        self._update = Statement(
            database,
            sa.update(table).where(table.c.id == one).values({name: sa.bindparam(name) for name in columns}),
            [*columns, "one"],
        )
        self._delete = Statement(database, sa.delete(table).where(table.c.id == one), ["one"])
        self._insert_group = Statement(
            database,
            sa.insert(group)
            .values(dimensions=sa.bindparam("dimensions"), has_validity=sa.bindparam("has_validity"))
            .returning(group.c.id),
            ["dimensions", "has_validity"],
        )
        self._find_group = Statement(
            database,
            sa.select(group.c.id, group.c.has_validity).where(
                group.c.dimensions == sa.bindparam("dimensions")
            ),
            ["dimensions"],
        )
        self._add_validity = Statement(
            database,
            sa.update(group).where(group.c.id == one).values(has_validity=sa.bindparam("yes")),
            ["yes", "one"],
        )

    # -- registering

    def register_all(
        self, transaction: Transaction, registrations: Iterable[DatasetTypeRegistration]
    ) -> None:
        """Register dataset types; what is registered alike already is passed over.

        Raises `DefinitionConflictError` if one is registered otherwise, `InUseError` if an update is not possible any more.
        """
        for registration in registrations:
            self._register(transaction, registration)
        transaction.refresh()

    def _register(self, transaction: Transaction, registration: DatasetTypeRegistration) -> None:
        dataset_type = DatasetType(
            registration.name,
            self._context.universe.conform(registration.dimensions),
            registration.storage_class_name,
            is_calibration=registration.is_calibration,
        )
        if dataset_type.component is not None:
            raise InvalidInputError(
                f"{dataset_type.name!r} is a component's type, which comes with its parent.",
                remedy=f"Register {dataset_type.name.partition('.')[0]!r}.",
            )
        known = transaction.catalog.dataset_types.get(dataset_type.name)
        if known is not None and known.dataset_type == dataset_type:
            return
        if known is not None:
            self._check_update(transaction, known, dataset_type, registration.update)
        changed = transaction.mark_change()
        group_id = self._ensure_group(transaction, dataset_type.dimensions, dataset_type.is_calibration)
        values = (
            dataset_type.name,
            group_id,
            dataset_type.storage_class_name,
            dataset_type.is_calibration,
            changed,
        )
        if known is None:
            self._insert.execute(transaction.cursor, values)
        else:
            self._update.execute(transaction.cursor, (*values, known.id))

    def _check_update(
        self, transaction: Transaction, known: RegisteredType, wanted: DatasetType, update: bool
    ) -> None:
        there = known.dataset_type
        if not update:
            raise DefinitionConflictError(
                f"Dataset type {there.name!r} is registered already as {there}, not {wanted}.",
                remedy="Use the definition that is there, another name, or update=True.",
                name=there.name,
            )
        same_rows = there.dimensions == wanted.dimensions and there.is_calibration == wanted.is_calibration
        if not same_rows and self.is_used(transaction, known):
            raise InUseError(
                f"Dataset type {there.name!r} has datasets, so only its storage class can change: it is {there}, not {wanted}.",
                remedy="Remove its datasets first, or register another name.",
                name=there.name,
            )

    def _ensure_group(self, transaction: Transaction, group: DimensionGroup, needs_validity: bool) -> int:
        """Return the integer of a dimension group, making its tables if it is new."""
        schema, cursor = self._context.schema, transaction.cursor
        dimensions = json.dumps(group.required)
        row = self._find_group.first(cursor, (dimensions,))
        if row is None:
            ((group_id,),) = self._insert_group.all(cursor, (dimensions, needs_validity))
            schema.create(cursor, schema.membership(group_id, group))
            has_validity = False
        else:
            group_id, has_validity = row
        if needs_validity and not has_validity:
            self._add_validity.execute(cursor, (True, group_id))
            schema.create(cursor, schema.validity(group_id, group))
        return int(group_id)

    # -- removing

    def remove_all(self, transaction: Transaction, names: Iterable[DatasetTypeName]) -> None:
        """Remove dataset types.

        Raises `DatasetTypeNotFoundError`, or `InUseError` while there are datasets of one.
        """
        for name in sorted(names):
            known = transaction.catalog.dataset_types.get(name)
            if known is None:
                raise DatasetTypeNotFoundError(f"There is no dataset type {name!r}.", name=name)
            if self.is_used(transaction, known):
                raise InUseError(
                    f"Dataset type {name!r} still has datasets.", remedy="Remove them first.", name=name
                )
            self._summaries.forget_type(transaction, known.id)
            self._delete.execute(transaction.cursor, (known.id,))
            transaction.mark_removal()

    def is_used(self, transaction: Transaction, registered: RegisteredType) -> bool:
        """Whether there is any dataset of a type."""
        schema = self._context.schema
        table = schema.membership(registered.group_id, registered.dataset_type.dimensions)
        construct: sa.Select[Any] = (
            sa.select(sa.literal_column("1")).where(table.c["_type"] == registered.id).limit(1)
        )
        return Statement(self._context.database, construct).first(transaction.cursor) is not None
