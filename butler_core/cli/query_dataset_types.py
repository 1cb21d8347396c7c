"""``butler query-dataset-types``: names and definitions."""

from __future__ import annotations

import click

from butler_core.cli.arrow_files import CellType
from butler_core.cli.common import collections_option, open_butler, root_argument, split_names
from butler_core.cli.definition_rows import Listing, listing_options

_COLUMNS: list[tuple[str, CellType]] = [
    ("name", "string"),
    ("dimensions", "strings"),
    ("storage_class", "string"),
    ("is_calibration", "bool"),
]


@click.command("query-dataset-types")
@root_argument
@click.argument("pattern", nargs=-1, metavar="[NAME|GLOB]...")
@click.option("--dimensions", default="", metavar="DIM,DIM", help="Only those that have all of these.")
@collections_option
@listing_options
def command(
    root: str,
    pattern: tuple[str, ...],
    dimensions: str,
    collections: tuple[str, ...],
    listing: Listing,
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
        for name, of_name in found.items()
    ]
    listing.show(_COLUMNS, rows, "dataset type")
