"""Results as Arrow: a stream to standard output, a file of Arrow's own format elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Literal

from butler_core.cli.destination import Destination, is_terminal
from butler_core.errors import InvalidInputError
from butler_core.models.names import ArrowReader
from butler_core.queries.arrow import import_pyarrow

CellType = Literal["string", "strings", "bool", "uuid"]

_ROWS_AT_ONCE = 10_000


def check_arrow(file: str | None) -> None:
    """Refuse what cannot be, before anything is asked."""
    import_pyarrow()
    if file in (None, "-") and is_terminal():
        raise InvalidInputError(
            "Arrow is for programs, and standard output is a terminal.",
            remedy="Say --output FILE, or pipe it into a program; --format table is for people.",
        )


def write_arrow(reader: ArrowReader, columns: Sequence[str] | None, to: Destination) -> int:
    """Write batches while they come, of these columns in this order (None: all as they are); return the number of rows."""
    pa = import_pyarrow()
    schema = reader.schema
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    make = pa.ipc.new_file if to.is_file else pa.ipc.new_stream
    count = 0
    stream = to.binary
    with make(stream, schema) as writer:
        for batch in reader:
            writer.write_batch(batch if columns is None else batch.select(columns))
            count += batch.num_rows
    stream.flush()
    return count


def make_reader(columns: Sequence[tuple[str, CellType]], rows: Iterable[Sequence[Any]]) -> ArrowReader:
    """Make batches of rows while they come."""
    pa = import_pyarrow()
    types = {
        "string": pa.string(),
        "strings": pa.list_(pa.string()),
        "bool": pa.bool_(),
        "uuid": pa.binary(16),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in columns])

    def batches() -> Iterator[Any]:
        iterator = iter(rows)
        while some := list(islice(iterator, _ROWS_AT_ONCE)):
            cells = zip(*some, strict=True)
            arrays = [
                pa.array([_bytes(value) for value in of_column] if kind == "uuid" else of_column, types[kind])
                for (_, kind), of_column in zip(columns, cells, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _bytes(value: Any) -> bytes | None:
    return None if value is None else value.bytes
