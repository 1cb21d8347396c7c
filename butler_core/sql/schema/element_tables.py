"""Tables of dimension elements, and the way of their rows to dimension records and of raw records to rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter, ne
from types import MappingProxyType
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from butler_core.errors import InvalidInputError
from butler_core.models.columns import ColumnInfo
from butler_core.models.names import ColumnName, DimensionName
from butler_core.models.record import DimensionRecord, RecordShape, record_shape
from butler_core.models.timespan import Timespan
from butler_core.models.universe import DimensionElement, DimensionUniverse
from butler_core.sql.database import ColumnKind, Database
from butler_core.sql.schema.overlap_tables import has_overlaps, overlap_table
from butler_core.tai import MAX_NS, MIN_NS

UNBOUNDED_BEGIN = MIN_NS
"""What the database has for the open begin of a timespan."""
UNBOUNDED_END = MAX_NS
"""What the database has for the open end of a timespan."""

_KINDS: dict[str, ColumnKind] = {"region": "bytes", "timespan": "time"}


def column_kind(column_type: str) -> ColumnKind:
    """Return what the database holds for a column of a universe; for a timespan, what each of its two columns holds."""
    return _KINDS.get(column_type, column_type)  # type: ignore[arg-type]


def timespan_names(name: ColumnName) -> tuple[str, str]:
    """Return the names of the two columns that hold a timespan."""
    return f"_{name}_begin", f"_{name}_end"


def timespan_from_row(begin: int | None, end: int | None) -> Timespan | None:
    """Make a timespan of what the database has: None is missing, the empty one is (0, 0)."""
    if begin is None or end is None:
        return None
    return Timespan(None if begin == UNBOUNDED_BEGIN else begin, None if end == UNBOUNDED_END else end)


def timespan_to_row(raw: Sequence[int | None] | None) -> tuple[int | None, int | None]:
    """Return the two values that the database has for a raw timespan, ``[begin, end]``."""
    if raw is None:
        return None, None
    begin, end = raw
    if begin is None:
        begin = UNBOUNDED_BEGIN
    if end is None:
        end = UNBOUNDED_END
    return (begin, end) if begin < end else (0, 0)


class ElementTable:
    """The table of one dimension element.

    Parameters
    ----------
    database
        Whose column types to use.
    metadata
        Where SQLAlchemy keeps the table.
    universe
        Of the element.
    element
        What the rows are of.
    """

    def __init__(
        self,
        database: Database,
        metadata: sa.MetaData,
        universe: DimensionUniverse,
        element: DimensionElement,
    ) -> None:
        self._database = database
        self.element = element
        self.shape: RecordShape = record_shape(universe, element.name)
        columns: dict[ColumnName, tuple[sa.Column[Any], ...]] = {}
        for position, info in enumerate(self.shape.columns):
            columns[info.name] = self._columns(info, is_key=position < self.shape.key_length)
        self.columns: Mapping[ColumnName, tuple[sa.Column[Any], ...]] = MappingProxyType(columns)
        """The database's columns by canonical name, in the order of the record's: two for a timespan (begin, end), else one."""
        self.table = sa.Table(
            quoted_name(f"dimension_{element.name}", True),
            metadata,
            *(column for pair in columns.values() for column in pair),
            *foreign_keys(universe, element.required + element.implied, besides=element.name),
            *self._indexes(),
            **database.table_options(is_small=True),
        )
        self.key: tuple[sa.Column[Any], ...] = tuple(columns[name][0] for name in element.required)
        """The columns of the required dimensions."""
        self.overlaps: sa.Table | None = None
        """With the pixels of the common skypix dimension that regions touch; None if there are no regions."""
        if has_overlaps(universe, element):
            self.overlaps = overlap_table(database, metadata, universe, element, self.key)
        self._readers = self._find_readers()
        self._writers = self._find_writers()
        widths = [len(pair) for pair in columns.values()]
        self._floats = [  # places in the table's rows, and positions in the record's values
            (sum(widths[:position]), position)
            for position, info in enumerate(self.shape.columns)
            if info.type == "float"
        ]
        self._pick: Callable[[Mapping[str, Any]], tuple[Any, ...]] = _picker(self.shape.names)

    def _columns(self, info: ColumnInfo, *, is_key: bool) -> tuple[sa.Column[Any], ...]:
        names = timespan_names(info.name) if info.type == "timespan" else (info.name,)
        kind = self._database.column_type(column_kind(info.type))
        nullable = info.nullable and not is_key
        return tuple(
            sa.Column(quoted_name(name, True), kind, nullable=nullable, primary_key=is_key) for name in names
        )

    def _indexes(self) -> Iterable[sa.Index]:
        """Yield indexes for look-ups by alternate keys."""
        element = self.element
        scope = [name for name in element.required if name != element.name]
        for column in element.alternate_keys:
            name = f"dimension_{element.name}_{column.name}"
            yield sa.Index(quoted_name(name, True), *scope, column.name)

    # -- rows to records

    def _find_readers(self) -> list[Callable[[list[Any]], None]]:
        """List what has to be done to a row, last column first, to make the values of a record of it."""
        readers: list[Callable[[list[Any]], None]] = []
        position = 0
        for info in self.shape.columns:
            if info.type == "timespan":
                readers.append(_read_timespan(position))
            elif info.type == "bool":
                readers.append(_read_with(bool, position))
            elif info.type == "uuid":
                readers.append(_read_with(self._database.make_uuid, position))
            position += len(self.columns[info.name])
        return readers[::-1]

    def values(self, rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Turn rows of all columns, in the order of the table, into values of records in the order of ``shape.names``."""
        readers = self._readers
        if not readers:
            return [tuple(row) for row in rows]
        result = []
        for row in rows:
            values = list(row)
            for read in readers:
                read(values)
            result.append(tuple(values))
        return result

    def record(self, row: Sequence[Any]) -> DimensionRecord:
        """Make a record of a row of all columns, in the order of the table."""
        values = list(row)
        for read in self._readers:
            read(values)
        return DimensionRecord(self.shape, tuple(values))

    def records(self, rows: Iterable[Sequence[Any]]) -> list[DimensionRecord]:
        """Make records of rows of all columns, in the order of the table."""
        shape = self.shape
        return [DimensionRecord(shape, values) for values in self.values(rows)]

    # -- raw records to rows

    def _find_writers(self) -> list[tuple[int, Callable[[Any], tuple[Any, ...]]]]:
        """List columns whose raw values are not what the database takes, last first, and how to make that of them."""
        converters: dict[str, Callable[[Any], tuple[Any, ...]]] = {
            "timespan": timespan_to_row,
            "region": _bytes_to_row,
            "bytes": _bytes_to_row,
            "uuid": self._uuid_to_row,
        }
        return [
            (position, converters[info.type])
            for position, info in enumerate(self.shape.columns)
            if info.type in converters
        ][::-1]

    def _uuid_to_row(self, text: str | None) -> tuple[Any]:
        return (None if text is None else self._database.uuid_to_value(UUID(text).bytes),)

    def rows(self, records: Iterable[Mapping[ColumnName, Any]]) -> list[tuple[Any, ...]]:
        """Turn raw records into rows for the table; columns that a record does not have are NULL.

        Raises `InvalidInputError` for unknown columns, missing keys and malformed values.
        """
        pick, width, writers = self._pick, len(self.shape.names), self._writers
        rows = []
        for record in records:
            try:
                row = pick(record)
                if len(record) != width:
                    row = self.complete(record)
            except KeyError:
                row = self.complete(record)
            for position, convert in writers:
                try:
                    row = (*row[:position], *convert(row[position]), *row[position + 1 :])
                except (TypeError, ValueError, AttributeError) as error:
                    raise self._malformed(position, row[position]) from error
            rows.append(row)
        for place, position in self._floats:
            values = list(map(itemgetter(place), rows))
            if any(map(ne, values, values)):
                raise self._malformed(position, float("nan"))
        return rows

    def complete(self, record: Mapping[ColumnName, Any]) -> tuple[Any, ...]:
        """Return a raw record's values for all columns; `InvalidInputError` if one has no place, or one is missing."""
        name, names = self.element.name, self.shape.names
        unknown = [column for column in record if column not in self.columns]
        if unknown:
            raise InvalidInputError(
                f"A record of {name} has a column {unknown[0]!r}, which {name} does not have.",
                remedy=f"Its columns are: {', '.join(names)}.",
            )
        for info in self.shape.columns:
            if not info.nullable and record.get(info.name) is None:
                raise InvalidInputError(
                    f"A record of {name} has no value for {info.name}: {dict(record)!r}.",
                    remedy=f"Give {info.name} a value.",
                )
        return tuple([record.get(column) for column in names])

    def _malformed(self, position: int, value: Any) -> InvalidInputError:
        info = self.shape.columns[position]
        return InvalidInputError(
            f"{self.element.name}.{info.name} is a {info.type}, which {value!r} is not in the raw form of records.",
            remedy="Give hexadecimal text for bytes and regions, [begin, end] for timespans, no NaN.",
        )


def _read_timespan(position: int) -> Callable[[list[Any]], None]:
    def read(values: list[Any]) -> None:
        values[position : position + 2] = [timespan_from_row(values[position], values[position + 1])]

    return read


def _read_with(convert: Callable[[Any], Any], position: int) -> Callable[[list[Any]], None]:
    def read(values: list[Any]) -> None:
        if values[position] is not None:
            values[position] = convert(values[position])

    return read


def _bytes_to_row(text: str | None) -> tuple[bytes | None]:
    return (None if text is None else bytes.fromhex(text),)


def _picker(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) == 1:
        (name,) = names
        return lambda record: (record[name],)
    return itemgetter(*names)


def foreign_keys(
    universe: DimensionUniverse, names: Sequence[DimensionName], *, besides: str = ""
) -> list[sa.ForeignKeyConstraint]:
    """Return the foreign keys of a table with columns for these dimensions to the tables of the dimensions.

    Left out are those that follow from others, those of dimensions without a table, of ``besides`` itself, and those whose
    key the table does not have in full.
    """
    have = set(names)
    tables = [
        dimension
        for name in names
        if name != besides
        and (dimension := universe.dimensions[name]).has_table
        and have.issuperset(dimension.required)
    ]
    implicit = {other for table in tables for other in table.required if other != table.name}
    return [
        sa.ForeignKeyConstraint(
            table.required, [f"dimension_{table.name}.{column}" for column in table.required]
        )
        for table in tables
        if table.name not in implicit
    ]
