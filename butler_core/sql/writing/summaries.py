"""Summaries of collections: which dataset types and governor values they may hold; they say too much, never too little.

A membership cannot be inserted before its type's row here: a foreign key sees to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

import orjson
import sqlalchemy as sa

from butler_core.models.names import DataIdValue
from butler_core.sql.catalog import RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.statement import Statement
from butler_core.sql.writing.transaction import Transaction


class SummaryWriter:
    """Keeps the summaries.

    Parameters
    ----------
    context
        The registry's parts.
    """

    def __init__(self, context: SqlContext) -> None:
        database, schema = context.database, context.schema
        types, governors = schema.collection_type, schema.collection_governor
        self._insert_type = Statement(
            database, database.insert(types).on_conflict_do_nothing(), ["type", "collection", "changed"]
        )
        self._insert_governor = Statement(
            database,
            database.insert(governors).on_conflict_do_nothing(),
            ["collection", "dimension", "value", "changed"],
        )
        one = sa.bindparam("id", type_=types.c.collection.type)
        self._forget_collection = [
            Statement(database, sa.delete(table).where(table.c.collection == one), ["id"])
            for table in (types, governors)
        ]
        self._forget_type = Statement(database, sa.delete(types).where(types.c.type == one), ["id"])

    def add(
        self,
        transaction: Transaction,
        collection_id: int,
        registered: RegisteredType,
        data_ids: Iterable[Sequence[DataIdValue]],
    ) -> None:
        """Say that a collection gets datasets of a type, with data IDs given by their required values."""
        catalog, cursor = transaction.catalog, transaction.cursor
        changed = False
        if registered.id not in catalog.types_in.get(collection_id, ()):
            self._insert_type.execute(cursor, (registered.id, collection_id, transaction.mark_change()))
            changed = True
        group = registered.dataset_type.dimensions
        known = catalog.governors_in.get(collection_id, {})
        for position, name in enumerate(group.required):
            if name in group.governors:
                new = set(map(itemgetter(position), data_ids)).difference(known.get(name, ()))
                for value in new:
                    self._add_governor(transaction, collection_id, name, value)
                    changed = True
        if changed:
            transaction.refresh()

    def add_from(
        self,
        transaction: Transaction,
        collection_id: int,
        registered: RegisteredType,
        source_ids: Iterable[int],
    ) -> None:
        """Say that a collection gets datasets of a type that other collections hold."""
        catalog = transaction.catalog
        changed = False
        if registered.id not in catalog.types_in.get(collection_id, ()):
            self._insert_type.execute(
                transaction.cursor, (registered.id, collection_id, transaction.mark_change())
            )
            changed = True
        known = catalog.governors_in.get(collection_id, {})
        for source in source_ids:
            for name, values in catalog.governors_in.get(source, {}).items():
                if name in registered.dataset_type.dimensions:
                    for value in values.difference(known.get(name, ())):
                        self._add_governor(transaction, collection_id, name, value)
                        changed = True
        if changed:
            transaction.refresh()

    def _add_governor(self, transaction: Transaction, collection_id: int, name: str, value: Any) -> None:
        row = (collection_id, name, orjson.dumps(value).decode(), transaction.mark_change())
        self._insert_governor.execute(transaction.cursor, row)

    def forget_collection(self, transaction: Transaction, collection_id: int) -> None:
        """Forget a collection that goes; a constraint fails if it still has members."""
        for statement in self._forget_collection:
            statement.execute(transaction.cursor, (collection_id,))

    def forget_type(self, transaction: Transaction, type_id: int) -> None:
        """Forget a dataset type that goes; a constraint fails if there still are datasets of it."""
        self._forget_type.execute(transaction.cursor, (type_id,))
