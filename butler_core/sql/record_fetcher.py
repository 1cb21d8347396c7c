"""Dimension records by key: one statement for each element, however many keys are wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.errors import DataIdError
from butler_core.models.data_id import DataCoordinate
from butler_core.models.names import DataIdValue, DimensionElementName, DimensionName
from butler_core.models.record import DimensionRecord
from butler_core.models.universe import DimensionElement, DimensionGroup
from butler_core.sql.database import Cursor, InlineRows
from butler_core.sql.element_tables import ElementTable, column_kind
from butler_core.sql.schema import Schema
from butler_core.sql.statement import Statement

Key = tuple[DataIdValue, ...]


class _ElementStatements(NamedTuple):
    """How to read records of one element."""

    one: Statement
    """By one key."""
    many: Statement
    """By many keys."""
    rows: InlineRows
    """How `many` takes the keys."""


class GroupRecords(NamedTuple):
    """The dimension records behind the data IDs of one group, and what follows from them."""

    group: DimensionGroup
    values: Sequence[tuple[Any, ...]]
    """Full values, required and then implied ones, in the order of the rows asked for."""
    by_element: Mapping[DimensionElementName, Mapping[Key, DimensionRecord]]
    """Each record once; for elements that have a table."""
    rows: Sequence[tuple[DimensionRecord | None, ...]]
    """For each row asked for: its records in the order of ``group.elements``, None where there is none."""

    def data_ids(self) -> list[DataCoordinate]:
        """Make expanded data IDs, in the order of the rows asked for; those of equal elements share their records."""
        group, elements, make = self.group, self.group.elements, DataCoordinate.from_full
        return [
            make(group, values, dict(zip(elements, records, strict=True)))
            for values, records in zip(self.values, self.rows, strict=True)
        ]


class RecordFetcher:
    """Reads dimension records.

    Parameters
    ----------
    schema
        Where they are.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._statements: dict[DimensionElementName, _ElementStatements] = {}

    def _get_statements(self, table: ElementTable) -> _ElementStatements:
        statements = self._statements.get(table.element.name)
        if statements is None:
            database = self._schema.database
            kinds = [column_kind(info.type) for info in table.shape.columns[: table.shape.key_length]]
            rows = database.inline_rows("keys", kinds)
            names = [f"key{position}" for position in range(len(table.key))]
            one = sa.select(table.table).where(
                *(column == sa.bindparam(name) for column, name in zip(table.key, names, strict=True))
            )
            matches = [column == rows.source.c[f"c{i}"] for i, column in enumerate(table.key)]
            many = sa.select(table.table).select_from(rows.source.join(table.table, sa.and_(*matches)))
            statements = _ElementStatements(
                Statement(database, one, names), Statement(database, many, rows.parameters), rows
            )
            self._statements[table.element.name] = statements
        return statements

    def fetch(
        self, cursor: Cursor, element: DimensionElementName, keys: Collection[Key]
    ) -> dict[Key, DimensionRecord]:
        """Read the records of an element that has a table, by distinct keys; absent ones are left out."""
        if not keys:
            return {}
        table = self._schema.elements[element]
        statements = self._get_statements(table)
        if len(keys) == 1:
            (key,) = keys
            row = statements.one.first(cursor, key)
            return {} if row is None else {key: table.records((row,))[0]}
        found = statements.many.all(cursor, statements.rows.bind(list(keys)))
        length = table.shape.key_length
        return {record.values[:length]: record for record in table.records(found)}

    def fetch_group(
        self, cursor: Cursor, group: DimensionGroup, rows: Sequence[tuple[DataIdValue, ...]]
    ) -> GroupRecords:
        """Read everything behind data IDs of a group.

        Parameters
        ----------
        cursor
            Of the transaction to read in.
        group
            Of the data IDs.
        rows
            Their required values.

        Raises
        ------
        DataIdError
            If a dimension that has a table has no record for a value, or two records imply different values.
        """
        known: dict[DimensionName, Sequence[Any]] = dict(zip(group.required, zip(*rows, strict=True), strict=False))
        columns: dict[DimensionElementName, Sequence[DimensionRecord | None]] = {}
        by_element: dict[DimensionElementName, Mapping[Key, DimensionRecord]] = {}
        if not rows:
            return GroupRecords(group, (), {}, ())
        for name in group.lookup_order:
            table = self._schema.elements.get(name)
            if table is None:
                columns[name] = (None,) * len(rows)
                continue
            element = table.element
            keys = list(zip(*[known[dimension] for dimension in element.required], strict=True))
            distinct = [key for key in dict.fromkeys(keys) if None not in key]
            found = self.fetch(cursor, name, distinct)
            if len(found) < len(distinct) and element.is_dimension:
                raise _missing(element, next(key for key in distinct if key not in found))
            by_element[name] = found
            columns[name] = list(map(found.get, keys))
            for dimension in element.implied:
                _imply(known, dimension, table, found, keys)
        full = group.required + group.implied
        return GroupRecords(
            group,
            list(zip(*[known[name] for name in full], strict=True)) if full else [()] * len(rows),
            by_element,
            list(zip(*[columns[name] for name in group.elements], strict=True)) if columns else [()] * len(rows),
        )

    def expand(
        self, cursor: Cursor, group: DimensionGroup, data_ids: Sequence[DataCoordinate]
    ) -> list[DataCoordinate]:
        """Return data IDs of one group with records and implied values, in order.

        Raises `DataIdError` as `fetch_group` does, or if a data ID has other implied values than its records.
        """
        expanded = self.fetch_group(cursor, group, [data_id.required_values for data_id in data_ids]).data_ids()
        for given, found in zip(data_ids, expanded, strict=True):
            if given.is_full and given.values() != found.values():
                name = next(name for name in group.implied if given[name] != found[name])
                raise DataIdError(
                    f"Data ID {given} has {name}={given[name]!r}, but its records say {name}={found[name]!r}.",
                    remedy=f"Leave {name} out, or correct it.",
                    name=name,
                )
        return expanded


def _imply(
    known: dict[DimensionName, Sequence[Any]],
    dimension: DimensionName,
    table: ElementTable,
    found: Mapping[Key, DimensionRecord],
    keys: Sequence[Key],
) -> None:
    """Note the values of a dimension that an element's records imply; refuse them if they are not what others imply."""
    position = table.shape.index[dimension]
    values = {key: record.values[position] for key, record in found.items()}
    column = list(map(values.get, keys))
    before = known.setdefault(dimension, column)
    if before is column or before == column:
        return
    merged = []
    for old, new, key in zip(before, column, keys, strict=True):
        if old is not None and new is not None and old != new:
            raise _disagreement(table.element, key, dimension, old, new)
        merged.append(new if old is None else old)
    known[dimension] = merged


def _missing(element: DimensionElement, key: Key) -> DataIdError:
    scope = ", ".join(
        f"{name}={value!r}" for name, value in zip(element.required, key, strict=True) if name != element.name
    )
    return DataIdError(
        f"There is no {element.name} {key[-1]!r}{f' of {scope}' if scope else ''}.",
        remedy=f"Check the value, or insert its record first: butler.insert_dimension_data({element.name!r}, ...).",
        dimension=element.name,
        value=key[-1],
        key=dict(zip(element.required, key, strict=True)),
    )


def _disagreement(
    element: DimensionElement, key: Key, dimension: DimensionName, old: Any, new: Any
) -> DataIdError:
    shown = ", ".join(f"{name}={value!r}" for name, value in zip(element.required, key, strict=True))
    return DataIdError(
        f"{element.name} {{{shown}}} implies {dimension}={new!r}, but another part of the data ID says {old!r}.",
        remedy="Give values that belong together.",
        dimension=dimension,
    )
