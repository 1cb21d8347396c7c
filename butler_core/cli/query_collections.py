"""``butler query-collections``: names, types and children."""

from __future__ import annotations

from itertools import islice

import click

from butler_core.cli.common import limit_option, open_butler, root_argument, split_names
from butler_core.cli.output import Format, format_options, print_results
from butler_core.cli.querying import offset_option
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
@click.option(
    "--having", multiple=True, metavar="TYPE,TYPE", help="Only those with datasets of each of these types."
)
@limit_option
@offset_option
@format_options
def command(
    root: str,
    pattern: tuple[str, ...],
    types: tuple[str, ...],
    flatten: bool,
    having: tuple[str, ...],
    limit: int | None,
    offset: int,
    output_format: Format,
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
            for info in islice(results.details(), offset, None if limit is None else offset + limit)
        ]
    print_results(["name", "type", "children", "doc"], rows, output_format)
    say_if_no_match(len(results), "collection")
