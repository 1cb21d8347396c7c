"""Rows made batches of Arrow, column by column."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from butler_core.errors import IncompatibleError
from butler_core.models.names import ArrowReader
from butler_core.models.timespan import Timespan


class Column(NamedTuple):
    """One column of the rows of a page."""

    name: str
    type: str
    """As of a column of a universe."""


def make_reader(columns: Sequence[Column], pages: Iterable[Sequence[tuple[Any, ...]]]) -> ArrowReader:
    """Make a `pyarrow.RecordBatchReader` of pages of rows, each taken when its batch is read.

    Its schema does not depend on whether there are any rows.  Raises `IncompatibleError` if pyarrow is not installed.
    """
    pa = import_pyarrow()
    fields = [_field(pa, column) for column in columns]
    schema = pa.schema(fields)

    def batches() -> Iterator[Any]:
        for rows in pages:
            if rows:
                arrays = [
                    _array(pa, column.type, field.type, list(map(itemgetter(place), rows)))
                    for place, (column, field) in enumerate(zip(columns, fields, strict=True))
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def import_pyarrow() -> Any:
    """Return the module; `IncompatibleError` if it is not installed."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise IncompatibleError(
            "Tables of Arrow need pyarrow, which is not installed.",
            remedy="pip install 'butler-core[arrow]'",
        ) from error
    return pa


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


def _array(pa: Any, type_: str, arrow_type: Any, values: list[Any]) -> Any:
    found = _array_at_once(pa, type_, arrow_type, values)
    return _array_of_each(pa, type_, arrow_type, values) if found is None else found


def _array_at_once(pa: Any, type_: str, arrow_type: Any, values: list[Any]) -> Any | None:
    """Make an array of values that need not be looked at one by one; None if they must, as where one is missing."""
    if type_ in ("int", "time"):
        try:
            buffer = array("q", values)
        except TypeError:
            return None
        return pa.Array.from_buffers(arrow_type, len(values), [None, pa.py_buffer(buffer)])
    if type_ == "uuid":
        try:
            joined = b"".join(values)
        except TypeError:
            return None
        if len(joined) != 16 * len(values):
            return None
        return pa.Array.from_buffers(arrow_type, len(values), [None, pa.py_buffer(joined)])
    if type_ == "string" and values[0] == values[-1] and values.count(values[0]) == len(values):
        return pa.repeat(pa.scalar(values[0], arrow_type), len(values))  # such as the instrument
    return None


def _array_of_each(pa: Any, type_: str, arrow_type: Any, values: list[Any]) -> Any:
    converted: Iterable[Any] = values
    if type_ == "timespan":
        converted = [None if span is None else _bounds(span) for span in values]
    elif type_ == "bool":  # some databases have only integers
        converted = [None if value is None else bool(value) for value in values]
    elif type_ == "uuid":
        converted = [value if value is None or isinstance(value, bytes) else value.bytes for value in values]
    return pa.array(converted, type=arrow_type)


def _bounds(span: Timespan) -> dict[str, int | None]:
    begin, end = span.to_raw()
    return {"begin": begin, "end": end}
