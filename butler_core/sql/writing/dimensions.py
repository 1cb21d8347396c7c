"""Writing dimension records: insertions in three modes, and synchronisations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from butler_core.errors import ConflictError, DataIdError, DefinitionConflictError, InvalidInputError
from butler_core.models.batch import DimensionDataInsertion, DimensionDataSync, RawRecord
from butler_core.models.collection import SetInsertMode
from butler_core.models.columns import to_raw
from butler_core.models.names import DimensionElementName
from butler_core.models.record import DimensionRecord
from butler_core.models.results import SyncResult, SyncStatus
from butler_core.sql.context import SqlContext
from butler_core.sql.schema.element_tables import ElementTable
from butler_core.sql.statement import Insertion, Statement
from butler_core.sql.writing.overlaps import OverlapWriter
from butler_core.sql.writing.transaction import Transaction


class DimensionWriter:
    """Writes dimension records.

    Parameters
    ----------
    context
        The registry's parts.
    """

    def __init__(self, context: SqlContext) -> None:
        self._context = context
        self._insertions: dict[DimensionElementName, Mapping[SetInsertMode, Statement | Insertion]] = {}
        self._overlaps = OverlapWriter(context.database, context.records)

    def _get_table(self, element: DimensionElementName) -> ElementTable:
        table = self._context.schema.elements.get(element)
        if table is None:
            self._context.universe.get_element(element)  # raises if there is no such element
            raise InvalidInputError(
                f"Dimension {element!r} has no table of its own, so no records can be inserted.",
                remedy="Its values are those that other records name.",
            )
        return table

    def _get_statement(self, table: ElementTable, mode: SetInsertMode) -> Statement | Insertion:
        insertions = self._insertions.get(table.element.name)
        if insertions is None:
            insertions = self._insertions[table.element.name] = self._make_statements(table)
        return insertions[mode]

    def _make_statements(self, table: ElementTable) -> Mapping[SetInsertMode, Statement | Insertion]:
        database = self._context.database
        columns = list(table.table.columns)
        names = [column.name for column in columns]
        insert = database.insert(table.table)
        skip = insert.on_conflict_do_nothing(index_elements=list(table.key))
        rest = {column.name: insert.excluded[column.name] for column in columns if not column.primary_key}
        replace = insert.on_conflict_do_update(index_elements=list(table.key), set_=rest) if rest else skip
        return {
            SetInsertMode.INSERT_OR_FAIL: Insertion(database, table.table),
            SetInsertMode.INSERT_OR_SKIP: Statement(database, skip, names),
            SetInsertMode.INSERT_OR_REPLACE: Statement(database, replace, names),
        }

    # -- insertions

    def insert_all(self, transaction: Transaction, insertions: Iterable[DimensionDataInsertion]) -> None:
        """Insert records of several elements, in an order that satisfies what they need of one another."""
        order = {name: index for index, name in enumerate(self._context.universe.elements)}
        for insertion in sorted(insertions, key=lambda each: order.get(each.element, -1)):
            self.insert(transaction, insertion)

    def insert(self, transaction: Transaction, insertion: DimensionDataInsertion) -> None:
        """Insert records of one element.

        Raises
        ------
        ConflictError
            If a key is there and may not be; `DefinitionConflictError` if it is there with other contents.
        DataIdError
            If a record needs another that is not there.
        """
        table = self._get_table(insertion.element)
        if not insertion.records:
            return
        records: Iterable[RawRecord] = insertion.records.values()
        if transaction.is_careful:
            self._check(transaction, table, list(records), insertion.mode)
        self._write(transaction, table, records, insertion.mode)

    def _write(
        self, transaction: Transaction, table: ElementTable, records: Iterable[RawRecord], mode: SetInsertMode
    ) -> None:
        rows = table.rows(records)
        self._get_statement(table, mode).execute_many(transaction.cursor, rows)
        if table.element.is_governor and transaction.cursor.rowcount:
            transaction.mark_change()
        self._overlaps.write(transaction.cursor, table, rows, mode)

    def _check(
        self, transaction: Transaction, table: ElementTable, records: Sequence[RawRecord], mode: SetInsertMode
    ) -> None:
        """Raise the error that says which record would break a constraint."""
        for record in records:
            table.complete(record)
        self._check_needs(transaction, table, records)
        if mode is not SetInsertMode.INSERT_OR_FAIL:
            return
        by_key = {self._key(table, record): record for record in records}
        found = self._context.records.fetch(transaction.cursor, table.element.name, list(by_key))
        for key, there in found.items():
            shown = _show(table, key)
            if _difference(table, there, by_key[key]):
                raise DefinitionConflictError(
                    f"{table.element.name} {shown} is there already, with other contents: {there!r}.",
                    remedy="Use another key, mode=INSERT_OR_REPLACE, or sync_dimension_data(update=True).",
                    element=table.element.name,
                    key=key,
                )
            raise ConflictError(
                f"{table.element.name} {shown} is there already.",
                remedy="Use mode=INSERT_OR_SKIP to leave what is there.",
                element=table.element.name,
                key=key,
            )

    def _check_needs(
        self, transaction: Transaction, table: ElementTable, records: Sequence[RawRecord]
    ) -> None:
        element, schema = table.element, self._context.schema
        columns = {*element.required, *element.implied}
        for name in (*element.required, *element.implied):
            needed = schema.elements.get(name)
            if name == element.name or needed is None or not columns.issuperset(needed.element.required):
                continue
            keys = dict.fromkeys(self._key(needed, record) for record in records)
            wanted = [key for key in keys if None not in key]
            found = self._context.records.fetch(transaction.cursor, name, wanted)
            for key in wanted:
                if key not in found:
                    raise DataIdError(
                        f"A record of {element.name} names {name} {_show(needed, key)}, which is not there.",
                        remedy=f"Insert it first: butler.insert_dimension_data({name!r}, ...).",
                        dimension=name,
                        value=key[-1],
                    )

    def _key(self, table: ElementTable, record: RawRecord) -> tuple[Any, ...]:
        return tuple([record.get(name) for name in table.element.required])

    # -- all of a batch

    def write_all(
        self,
        transaction: Transaction,
        syncs: Mapping[DimensionElementName, DimensionDataSync],
        insertions: Mapping[DimensionElementName, DimensionDataInsertion],
    ) -> tuple[SyncResult, ...]:
        """Write a batch's records, and return what was found of those that are compared with what is there.

        Elements come in the order of the universe, so that each finds what it needs: of one element first its syncs, then its
        insertions, those included that depend on a sync's result.  The results are in the order given.

        Raises `DefinitionConflictError` if a record differs and may not be changed, and what `insert` raises.
        """
        order = {name: index for index, name in enumerate(self._context.universe.elements)}

        def place(name: DimensionElementName) -> int:
            return order.get(name, -1)

        waiting = list(insertions.values())
        results: dict[DimensionElementName, list[SyncResult]] = {}
        for name in sorted(syncs, key=place):
            waiting = self._insert_before(transaction, waiting, place(name), place)
            results[name] = self._sync(transaction, syncs[name])
            waiting += _find_followers(syncs[name], results[name])
        self.insert_all(transaction, waiting)
        return tuple(result for name in syncs for result in results[name])

    def _insert_before(
        self,
        transaction: Transaction,
        waiting: Iterable[DimensionDataInsertion],
        limit: int,
        place: Callable[[DimensionElementName], int],
    ) -> list[DimensionDataInsertion]:
        """Insert what comes before a place in the universe's order; return the rest."""
        due: list[DimensionDataInsertion] = []
        rest: list[DimensionDataInsertion] = []
        for insertion in waiting:
            (due if place(insertion.element) < limit else rest).append(insertion)
        self.insert_all(transaction, due)
        return rest

    # -- synchronisations

    def _sync(self, transaction: Transaction, sync: DimensionDataSync) -> list[SyncResult]:
        table = self._get_table(sync.element)
        if transaction.is_careful:
            self._check_needs(transaction, table, sync.records)
        return [self._sync_one(transaction, table, record, sync.update) for record in sync.records]

    def _sync_one(
        self, transaction: Transaction, table: ElementTable, record: RawRecord, update: bool
    ) -> SyncResult:
        name, key = table.element.name, self._key(table, record)
        there = self._context.records.fetch(transaction.cursor, name, [key]).get(key)
        if there is None:
            self._write(transaction, table, [record], SetInsertMode.INSERT_OR_FAIL)
            return SyncResult(name, key, SyncStatus.INSERTED, {})
        difference = _difference(table, there, record)
        if not difference:
            return SyncResult(name, key, SyncStatus.IDENTICAL, {})
        if not update:
            column = next(iter(difference))
            raise DefinitionConflictError(
                f"{name} {_show(table, key)} is there with {column}={difference[column]!r}, not {record.get(column)!r}.",
                remedy="Correct the record, or pass update=True to change what is there.",
                element=name,
                key=key,
                columns=list(difference),
            )
        self._write(transaction, table, [record], SetInsertMode.INSERT_OR_REPLACE)
        return SyncResult(name, key, SyncStatus.UPDATED, difference)


def _find_followers(sync: DimensionDataSync, results: Iterable[SyncResult]) -> list[DimensionDataInsertion]:
    """Return the insertions that depend on a sync and are due after what it did."""
    statuses = {result.status for result in results}
    due: list[DimensionDataInsertion] = []
    if SyncStatus.INSERTED in statuses:
        due += sync.on_insert
    if SyncStatus.UPDATED in statuses:
        due += [insertion for insertion in sync.on_update if insertion not in due]
    return due


def _difference(table: ElementTable, there: DimensionRecord, record: RawRecord) -> dict[str, Any]:
    """Return the raw values of those columns in which a record that is there differs from another."""
    return {
        name: raw
        for name, value in zip(table.shape.names, there.values, strict=True)
        if (raw := to_raw(value)) != record.get(name)
    }


def _show(table: ElementTable, key: Sequence[Any]) -> str:
    pairs = zip(table.element.required, key, strict=True)
    return f"{{{', '.join(f'{name}: {value!r}' for name, value in pairs)}}}"
