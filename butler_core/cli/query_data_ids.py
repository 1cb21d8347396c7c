"""``butler query-data-ids``: combinations of dimension values that the records allow."""

from __future__ import annotations

import click

from butler_core.cli.common import data_id_arguments, open_butler, parse_data_id, root_argument, split_names
from butler_core.cli.querying import Wanted, query_options


@click.command("query-data-ids")
@root_argument
@click.argument("dimensions", metavar="DIM,DIM")
@data_id_arguments
@query_options
def command(root: str, dimensions: str, data_id: tuple[str, ...], wanted: Wanted) -> None:
    """Find data IDs of the given dimensions, whether or not there are datasets.

    KEY=VALUE fixes values of dimensions.

    Example: butler query-data-ids repo visit,detector instrument=HSC --where "visit.exposure_time > 30" --limit 20
    """
    names = split_names(dimensions)
    if not names:
        raise click.UsageError("Name at least one dimension, such as visit,detector.")
    with open_butler(root) as butler:
        results = butler.query_data_ids(
            names, where=wanted.where, data_id=parse_data_id(butler.dimensions, data_id)
        )
        results = wanted.choose(results)
        columns = list(results.dimensions.required)
        columns += [name for name in names if name not in columns]  # implied ones that were asked for by name
        rows = ([found[name] for name in columns] for found in results)
        objects = ({name: found[name] for name in columns} for found in results)
        wanted.show(results, columns, rows, objects, arrow_columns=columns)
