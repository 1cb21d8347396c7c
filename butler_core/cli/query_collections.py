"""``butler query-collections``: names, types and children."""

from __future__ import annotations

import click

from butler_core.cli.arrow_files import CellType
from butler_core.cli.common import open_butler, root_argument, split_names
from butler_core.cli.definition_rows import Listing, listing_options
from butler_core.models.collection import CollectionType

_COLUMNS: list[tuple[str, CellType]] = [
    ("name", "string"),
    ("type", "string"),
    ("children", "strings"),
    ("doc", "string"),
]


@click.command("query-collections")
@root_argument
@click.argument("pattern", nargs=-1, metavar="[NAME|GLOB]...")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice([member.value for member in CollectionType], case_sensitive=False),
    help="Only of this type; may be repeated.",
)
@click.option("--flatten", is_flag=True, help="Put the children of chains, in search order, in their place.")
@click.option(
    "--having", multiple=True, metavar="TYPE,TYPE", help="Only those with datasets of each of these types."
)
@listing_options
def command(
    root: str,
    pattern: tuple[str, ...],
    types: tuple[str, ...],
    flatten: bool,
    having: tuple[str, ...],
    listing: Listing,
) -> None:
    """List collections by name or glob; without one, all.

    Example: butler query-collections repo "u/me/*" --type run --having summary
    """
    with open_butler(root) as butler:
        results = butler.query_collections(
            split_names(pattern) or ...,
            types=[CollectionType(name) for name in types] or None,
            flatten_chains=flatten,
            having_datasets=split_names(having),
        )
    rows = [
        (info.name, info.type.value, None if info.children is None else list(info.children), info.doc)
        for info in results.details()
    ]
    listing.show(_COLUMNS, rows, "collection")
