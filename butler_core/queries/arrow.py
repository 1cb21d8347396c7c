"""Rows made a table of Arrow, column by column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from butler_core.errors import IncompatibleError
from butler_core.models.names import ArrowTable
from butler_core.models.timespan import Timespan


class Column(NamedTuple):
    """One column of the rows of a page."""

    name: str
    type: str
    """As of a column of a universe."""


def make_table(columns: Sequence[Column], pages: Iterable[Sequence[tuple[Any, ...]]]) -> ArrowTable:
    """Make a `pyarrow.Table` of pages of rows; its schema does not depend on whether there are any.

    Raises `IncompatibleError` if pyarrow is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise IncompatibleError(
            "Tables of Arrow need pyarrow, which is not installed.",
            remedy="pip install 'butler-core[arrow]'",
        ) from error
    fields = [_field(pa, column) for column in columns]
    schema = pa.schema(fields)
    batches = []
    for rows in pages:
        if not rows:
            continue
        cells = zip(*rows, strict=True)
        arrays = [_array(pa, c.type, f.type, v) for c, f, v in zip(columns, fields, cells, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)


def _field(pa: Any, column: Column) -> Any:
    types = {
        "int": pa.int64(),
        "float": pa.float64(),
        "string": pa.string(),
        "bool": pa.bool_(),
        "bytes": pa.binary(),
        "region": pa.binary(),
        "uuid": pa.binary(16),
        "time": pa.int64(),
        "timespan": pa.struct([("begin", pa.int64()), ("end", pa.int64())]),
    }
    notes = {"time": {"unit": "ns", "scale": "TAI"}, "timespan": {"unit": "ns", "scale": "TAI"}}
    return pa.field(column.name, types[column.type], metadata=notes.get(column.type))


def _array(pa: Any, type_: str, arrow_type: Any, values: Sequence[Any]) -> Any:
    converted: Iterable[Any] = values
    if type_ == "timespan":
        converted = [None if span is None else _bounds(span) for span in values]
    elif type_ == "bool":  # some databases have only integers
        converted = [None if value is None else bool(value) for value in values]
    elif type_ == "uuid" and not isinstance(values[0], bytes):
        converted = [None if value is None else value.bytes for value in values]
    return pa.array(converted, type=arrow_type)


def _bounds(span: Timespan) -> dict[str, int | None]:
    begin, end = span.to_raw()
    return {"begin": begin, "end": end}
