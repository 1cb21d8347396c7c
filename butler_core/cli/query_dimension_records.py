"""``butler query-dimension-records``: rows of one dimension element."""

from __future__ import annotations

from typing import Any

import click

from butler_core import tai
from butler_core.cli.common import (
    data_id_arguments,
    limit_option,
    open_butler,
    order_option,
    parse_data_id,
    root_argument,
    split_names,
    where_option,
)
from butler_core.cli.output import json_option, print_json_array, print_rows
from butler_core.cli.results import explain_if_empty
from butler_core.models.columns import ColumnInfo
from butler_core.models.record import record_shape
from butler_core.models.timespan import Timespan


@click.command("query-dimension-records")
@root_argument
@click.argument("element")
@data_id_arguments
@where_option
@order_option
@limit_option
@json_option
def command(
    root: str,
    element: str,
    data_id: tuple[str, ...],
    where: str,
    order_by: str,
    limit: int | None,
    as_json: bool,
) -> None:
    """Show the rows of ELEMENT: a dimension such as visit, or a table that joins dimensions.

    KEY=VALUE fixes values of dimensions.  Tables have times in TAI; JSON has them in TAI nanoseconds since 1970, and regions in
    hexadecimal.
    """
    with open_butler(root) as butler:
        results = butler.query_dimension_records(
            element, where=where, data_id=parse_data_id(butler.dimensions, data_id)
        )
        if order_by:
            results = results.sorted(split_names(order_by))
        results = results.sliced(0, limit)
        if as_json:
            print_json_array(record.to_raw() for record in results)
            return
        columns = record_shape(butler.dimensions, element).columns
        rows = (
            [_shown(column.type, value) for column, value in zip(columns, record.values, strict=True)]
            for record in results
        )
        explain_if_empty(
            print_rows([_header(column) for column in columns], rows, as_json=False), results, limit
        )


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
