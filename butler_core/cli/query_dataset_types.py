"""``butler query-dataset-types``: names and definitions."""

from __future__ import annotations

from itertools import islice

import click

from butler_core.cli.common import collections_option, limit_option, open_butler, root_argument, split_names
from butler_core.cli.output import Format, format_options, print_results
from butler_core.cli.querying import offset_option
from butler_core.cli.results import say_if_no_match


@click.command("query-dataset-types")
@root_argument
@click.argument("pattern", nargs=-1, metavar="[NAME|GLOB]...")
@click.option("--dimensions", default="", metavar="DIM,DIM", help="Only those that have all of these.")
@collections_option
@limit_option
@offset_option
@format_options
def command(
    root: str,
    pattern: tuple[str, ...],
    dimensions: str,
    collections: tuple[str, ...],
    limit: int | None,
    offset: int,
    output_format: Format,
) -> None:
    """List dataset types by name or glob; without one, all.

    With --collections only those of which these have datasets.

    Example: butler query-dataset-types repo "*Image" --dimensions visit,detector -c u/me
    """
    with open_butler(root) as butler:
        found = butler.query_dataset_types(
            split_names(pattern) or ...,
            dimensions=split_names(dimensions),
            collections=split_names(collections) or ...,
        )
        rows = [
            (name, list(of_name.dimensions.names), of_name.storage_class_name, of_name.is_calibration)
            for name, of_name in islice(found.items(), offset, None if limit is None else offset + limit)
        ]
    print_results(["name", "dimensions", "storage_class", "is_calibration"], rows, output_format)
    say_if_no_match(len(found), "dataset type")
