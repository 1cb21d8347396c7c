"""``butler query-data-ids``: combinations of dimension values that the records allow."""

from __future__ import annotations

import click

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
from butler_core.cli.output import json_option, print_rows
from butler_core.cli.results import explain_if_empty


@click.command("query-data-ids")
@root_argument
@click.argument("dimensions", metavar="DIM,DIM")
@data_id_arguments
@where_option
@order_option
@limit_option
@json_option
def command(
    root: str,
    dimensions: str,
    data_id: tuple[str, ...],
    where: str,
    order_by: str,
    limit: int | None,
    as_json: bool,
) -> None:
    """Find data IDs of the given dimensions, whether or not there are datasets.

    KEY=VALUE fixes values of dimensions.
    """
    names = split_names(dimensions)
    if not names:
        raise click.UsageError("Name at least one dimension, such as visit,detector.")
    with open_butler(root) as butler:
        results = butler.query_data_ids(names, where=where, data_id=parse_data_id(butler.dimensions, data_id))
        if order_by:
            results = results.sorted(split_names(order_by))
        results = results.sliced(0, limit)
        columns = [*results.dimensions.required]
        implied = [name for name in names if name not in columns]
        if implied:  # asked for by name, so it is to be shown
            columns += implied
            results = results.expanded()
        rows = ([found[name] for name in columns] for found in results)
        explain_if_empty(print_rows(columns, rows, as_json=as_json), results, limit)
