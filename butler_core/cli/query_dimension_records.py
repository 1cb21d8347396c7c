"""``butler query-dimension-records``: rows of one dimension element."""

from __future__ import annotations

from typing import Any

import click

from butler_core import tai
from butler_core.cli.common import data_id_arguments, open_butler, parse_data_id, root_argument
from butler_core.cli.querying import Wanted, query_options
from butler_core.cli.record_files import to_text
from butler_core.models.columns import ColumnInfo
from butler_core.models.record import record_shape
from butler_core.models.timespan import Timespan


@click.command("query-dimension-records")
@root_argument
@click.argument("element")
@data_id_arguments
@query_options
def command(root: str, element: str, data_id: tuple[str, ...], wanted: Wanted) -> None:
    """Show the rows of ELEMENT: a dimension such as visit, or a table that joins dimensions.

    KEY=VALUE fixes values of dimensions.  Tables and CSV have times in TAI; JSON and Arrow have them in TAI nanoseconds since
    1970; JSON and CSV have regions in hexadecimal, and can be read by `butler insert-dimension-records`.

    Example: butler query-dimension-records repo visit instrument=HSC --order-by -visit --limit 3
    """
    with open_butler(root) as butler:
        results = butler.query_dimension_records(
            element, where=wanted.where, data_id=parse_data_id(butler.dimensions, data_id)
        )
        results = wanted.choose(results)
        columns = record_shape(butler.dimensions, element).columns
        is_csv = wanted.output.format == "csv"
        show = to_text if is_csv else _shown
        rows = (
            [show(column.type, value) for column, value in zip(columns, record.values, strict=True)]
            for record in results
        )
        names = [column.name if is_csv else _header(column) for column in columns]
        wanted.show(results, names, rows, (record.to_raw() for record in results))


def _header(column: ColumnInfo) -> str:
    """Name a column with its unit; of times, with their scale."""
    unit = "TAI" if column.type in ("time", "timespan") else column.unit
    return f"{column.name} [{unit}]" if unit else column.name


def _shown(column_type: str, value: Any) -> Any:
    """Make a value fit for a table."""
    if value is None:
        return None
    if column_type == "time":
        return tai.format_iso(value)
    if isinstance(value, Timespan):
        return "empty" if value.is_empty else " / ".join(end or "..." for end in value.to_iso())
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    return value
