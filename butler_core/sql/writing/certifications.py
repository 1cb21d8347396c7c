"""Editing the membership of CALIBRATION collections: datasets with validity timespans that do not overlap."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.errors import ConflictError, DatasetNotFoundError, InvalidInputError
from butler_core.models.batch import Certification, CertificationMerge, Decertification
from butler_core.models.collection import CollectionType
from butler_core.models.data_id import DataCoordinate
from butler_core.sql.catalog import Collection, RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.lookups.dataset_finder import DatasetFinder
from butler_core.sql.schema.element_tables import timespan_to_row
from butler_core.sql.statement import Insertion, Statement
from butler_core.sql.writing.collections import get_collection
from butler_core.sql.writing.memberships import GroupMembership, MembershipTables
from butler_core.sql.writing.summaries import SummaryWriter
from butler_core.sql.writing.transaction import Transaction

Key = tuple[Any, ...]


class _Interval(NamedTuple):
    """One dataset's validity, as the database has it."""

    begin: int
    end: int
    uuid: Any


class _ValidityStatements:
    """Statements for one table of validity."""

    def __init__(self, tables: GroupMembership) -> None:
        database, table = tables.database, tables.validity
        self.width = tables.width
        scope = sa.and_(
            table.c["_type"] == sa.bindparam("type"), table.c["_collection"] == sa.bindparam("collection")
        )
        overlapping = sa.and_(
            scope, table.c["_begin"] < sa.bindparam("end"), table.c["_end"] > sa.bindparam("begin")
        )
        names = ["type", "collection", "end", "begin"]
        keys = [table.c[name] for name in tables.group.required]
        self._select = Statement(
            database,
            sa.select(*keys, table.c["_begin"], table.c["_end"], table.c["_uuid"]).where(overlapping),
            names,
        )
        self._delete = Statement(
            database,
            sa.delete(table).where(
                scope,
                *(key == sa.bindparam(f"key{position}") for position, key in enumerate(keys)),
                table.c["_begin"] == sa.bindparam("begin"),
            ),
            ["type", "collection", *(f"key{position}" for position in range(len(keys))), "begin"],
        )
        self._insert = Insertion(database, table)

    def read(
        self, cursor: Cursor, type_id: int, collection_id: int, begin: int, end: int
    ) -> dict[Key, list[_Interval]]:
        """Return the validities that overlap a timespan, by data ID, each data ID's in order of time."""
        result: dict[Key, list[_Interval]] = defaultdict(list)
        for row in self._select.all(cursor, (type_id, collection_id, end, begin)):
            result[tuple(row[: self.width])].append(_Interval(*row[self.width :]))
        for intervals in result.values():
            intervals.sort(key=_begin)
        return result

    def insert(
        self, cursor: Cursor, type_id: int, collection_id: int, rows: Iterable[tuple[Key, _Interval]]
    ) -> None:
        """Add validities."""
        self._insert.execute_many(
            cursor, [(type_id, collection_id, *key, *interval) for key, interval in rows]
        )

    def delete(
        self, cursor: Cursor, type_id: int, collection_id: int, rows: Iterable[tuple[Key, _Interval]]
    ) -> None:
        """Take validities away."""
        self._delete.execute_many(
            cursor, [(type_id, collection_id, *key, interval.begin) for key, interval in rows]
        )


class CertificationWriter:
    """Writes CALIBRATION membership.

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
        self._make_uuid = context.database.make_uuid
        self._to_value = context.database.uuid_to_value
        self._summaries = summaries
        self._memberships = memberships
        self._finder = finder
        self._statements: dict[GroupMembership, _ValidityStatements] = {}

    def _get_statements(self, registered: RegisteredType) -> _ValidityStatements:
        tables = self._memberships.get(registered)
        found = self._statements.get(tables)
        if found is None:
            found = self._statements[tables] = _ValidityStatements(tables)
        return found

    def certify(self, transaction: Transaction, edit: Certification) -> None:
        """Add validity; exactly the same again is passed over.

        Raises
        ------
        ConflictError
            If it overlaps another of the same dataset type and data ID.
        DatasetNotFoundError
            If a dataset does not exist.
        InvalidInputError
            If the timespan is empty, or a dataset's type is no calibration type.
        """
        collection = get_collection(transaction.catalog, edit.collection, CollectionType.CALIBRATION)
        begin, end = _bounds(edit.timespan)
        rows = self._finder.find(transaction.cursor, [uuid.bytes for uuid in edit.datasets])
        if len(rows) < len(edit.datasets):
            found = {self._make_uuid(key) for key, _, _ in rows}
            uuid = next(uuid for uuid in sorted(edit.datasets) if uuid not in found)
            raise DatasetNotFoundError(
                f"There is no dataset {uuid}.", remedy="Check the UUID, or register it first.", uuid=uuid
            )
        by_type: dict[int, list[tuple[Any, int]]] = defaultdict(list)
        for key, type_id, run_id in rows:
            by_type[type_id].append((key, run_id))
        for type_id, members in by_type.items():
            registered = transaction.catalog.dataset_types_by_id[type_id]
            _refuse_other_types(registered)
            self._summaries.add_from(transaction, collection.id, registered, {run for _, run in members})
            intervals = [_Interval(begin, end, key) for key, _ in members]
            self._certify(transaction, collection, registered, intervals)

    def _certify(
        self,
        transaction: Transaction,
        collection: Collection,
        registered: RegisteredType,
        intervals: Sequence[_Interval],
    ) -> None:
        statements, cursor = self._get_statements(registered), transaction.cursor
        begin, end, _ = intervals[0]
        data_ids = self._memberships.get(registered).find_data_ids(
            cursor, registered.id, [interval.uuid for interval in intervals]
        )
        there = statements.read(cursor, registered.id, collection.id, begin, end)
        new: dict[Key, _Interval] = {}
        for interval in intervals:
            key = data_ids[interval.uuid]
            others = there.get(key, [])
            if interval in others:
                continue
            if others or key in new:
                self._refuse_overlap(collection, registered, key, interval, others[0] if others else new[key])
            new[key] = interval
        statements.insert(cursor, registered.id, collection.id, new.items())

    def _refuse_overlap(
        self,
        collection: Collection,
        registered: RegisteredType,
        key: Key,
        interval: _Interval,
        other: _Interval,
    ) -> None:
        shown = DataCoordinate.from_required(registered.dataset_type.dimensions, key)
        raise ConflictError(
            f"In CALIBRATION {collection.name!r} dataset {self._make_uuid(other.uuid)} is valid for "
            f"{registered.dataset_type.name!r} {shown} within that time, so {self._make_uuid(interval.uuid)} cannot be.",
            remedy="Decertify that time first, or choose another timespan.",
            collection=collection.name,
            uuid=self._make_uuid(other.uuid),
        )

    def decertify(self, transaction: Transaction, edit: Decertification) -> None:
        """Take validity away within a timespan, trimming and splitting what reaches beyond it."""
        collection = get_collection(transaction.catalog, edit.collection, CollectionType.CALIBRATION)
        registered = transaction.catalog.get_dataset_type(edit.dataset_type)
        _refuse_other_types(registered)
        begin, end = _bounds(edit.timespan)
        statements = self._get_statements(registered)
        there = statements.read(transaction.cursor, registered.id, collection.id, begin, end)
        keys = None if edit.data_ids is None else set(edit.data_ids)
        uuids = None if edit.datasets is None else {self._to_value(uuid.bytes) for uuid in edit.datasets}
        old = [
            (key, each)
            for key, found in there.items()
            if keys is None or key in keys
            for each in found
            if uuids is None or each.uuid in uuids
        ]
        rest = [
            (key, each._replace(begin=first, end=last))
            for key, each in old
            for first, last in ((each.begin, min(each.end, begin)), (max(each.begin, end), each.end))
            if first < last
        ]
        statements.delete(transaction.cursor, registered.id, collection.id, old)
        statements.insert(transaction.cursor, registered.id, collection.id, rest)

    def merge(self, transaction: Transaction, edit: CertificationMerge) -> None:
        """Fill a CALIBRATION collection from others.

        Where validities overlap, what is there already wins, and then the earlier input.
        """
        catalog = transaction.catalog
        output = get_collection(catalog, edit.output, CollectionType.CALIBRATION)
        inputs = [get_collection(catalog, name, CollectionType.CALIBRATION) for name in edit.inputs]
        types = {type_id for each in inputs for type_id in catalog.types_in.get(each.id, ())}
        for type_id in sorted(types):
            registered = catalog.dataset_types_by_id[type_id]
            sources = [each.id for each in inputs if type_id in catalog.types_in.get(each.id, ())]
            self._summaries.add_from(transaction, output.id, registered, sources)
            self._merge_type(transaction, output, registered, sources)

    def _merge_type(
        self, transaction: Transaction, output: Collection, registered: RegisteredType, sources: Iterable[int]
    ) -> None:
        statements, cursor = self._get_statements(registered), transaction.cursor
        always = _bounds((None, None))
        there = statements.read(cursor, registered.id, output.id, *always)
        new: list[tuple[Key, _Interval]] = []
        for source in sources:
            for key, intervals in statements.read(cursor, registered.id, source, *always).items():
                taken = there.setdefault(key, [])
                for interval in intervals:
                    for gap in _gaps(interval, taken):
                        insort(taken, gap, key=_begin)
                        new.append((key, gap))
        statements.insert(cursor, registered.id, output.id, new)


def _begin(interval: _Interval) -> int:
    return interval.begin


def _gaps(interval: _Interval, taken: Sequence[_Interval]) -> list[_Interval]:
    """Return the pieces of an interval that no other, of those in order of time, overlaps."""
    gaps = []
    begin = interval.begin
    start = max(bisect_left(taken, begin, key=_begin) - 1, 0)
    for other in taken[start:]:
        if other.begin >= interval.end:
            break
        if other.end <= begin:
            continue
        if other.begin > begin:
            gaps.append(interval._replace(begin=begin, end=other.begin))
        begin = other.end
    if begin < interval.end:
        gaps.append(interval._replace(begin=begin))
    return gaps


def _bounds(timespan: Sequence[int | None]) -> tuple[int, int]:
    begin, end = timespan_to_row(timespan)
    if begin is None or end is None or begin >= end:
        raise InvalidInputError(
            f"The timespan {list(timespan)} is empty.", remedy="Give one that ends after it begins."
        )
    return begin, end


def _refuse_other_types(registered: RegisteredType) -> None:
    if not registered.dataset_type.is_calibration:
        raise InvalidInputError(
            f"Dataset type {registered.dataset_type.name!r} is no calibration type, so its datasets have no validity.",
            remedy="Register a dataset type with is_calibration=True.",
            name=registered.dataset_type.name,
        )
