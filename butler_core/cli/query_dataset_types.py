"""``butler query-dataset-types``: names and definitions."""

from __future__ import annotations

import click

from butler_core.cli.common import collections_option, open_butler, root_argument, split_names
from butler_core.cli.output import json_option, print_rows
from butler_core.cli.results import say_if_no_match


@click.command("query-dataset-types")
@root_argument
@click.argument("pattern", nargs=-1, metavar="[NAME|GLOB]...")
@click.option("--dimensions", default="", metavar="DIM,DIM", help="Only those that have all of these.")
@collections_option
@json_option
def command(
    root: str, pattern: tuple[str, ...], dimensions: str, collections: tuple[str, ...], as_json: bool
) -> None:
    """List dataset types by name or glob; without one, all.

    With --collections only those of which these have datasets.
    """
    with open_butler(root) as butler:
        found = butler.query_dataset_types(
            pattern or ..., dimensions=split_names(dimensions), collections=split_names(collections) or ...
        )
        rows = [
            (name, list(of_name.dimensions.names), of_name.storage_class_name, of_name.is_calibration)
            for name, of_name in found.items()
        ]
    count = print_rows(["name", "dimensions", "storage_class", "is_calibration"], rows, as_json=as_json)
    say_if_no_match(count, "dataset type")
