"""``butler query-collections``: names, types and children."""

from __future__ import annotations

import click

from butler_core.cli.common import open_butler, root_argument
from butler_core.cli.output import json_option, print_rows
from butler_core.cli.results import say_if_no_match
from butler_core.models.collection import CollectionType


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
@json_option
def command(
    root: str, pattern: tuple[str, ...], types: tuple[str, ...], flatten: bool, as_json: bool
) -> None:
    """List collections by name or glob; without one, all."""
    with open_butler(root) as butler:
        results = butler.query_collections(
            pattern or ..., types=[CollectionType(name) for name in types] or None, flatten_chains=flatten
        )
        rows = [
            (info.name, info.type.value, None if info.children is None else list(info.children), info.doc)
            for info in results.details()
        ]
    count = print_rows(["name", "type", "children", "doc"], rows, as_json=as_json)
    say_if_no_match(count, "collection")
