"""``butler register-collection``: a collection, and the children of a chain."""

from __future__ import annotations

import click

from butler_core.cli.common import open_butler, root_argument, split_names
from butler_core.cli.output import json_option, print_facts
from butler_core.models.collection import CollectionType, SequenceEditMode


@click.command("register-collection")
@root_argument
@click.argument("name")
@click.option(
    "--type",
    "collection_type",
    type=click.Choice([member.value for member in CollectionType], case_sensitive=False),
    default=None,
    help="Kind of collection; run, or chained where children are given.",
)
@click.option("--doc", default="", help="What it is for.")
@click.option(
    "--children",
    default=None,
    metavar="NAME,NAME",
    help="Children of a chain, in search order; replaces others.",
)
@json_option
def command(
    root: str, name: str, collection_type: str | None, doc: str, children: str | None, as_json: bool
) -> None:
    """Make the collection NAME in the repository ROOT.

    Again with the same type is fine.

    Example: butler register-collection repo u/me --children u/me/second,u/me/first
    """
    if collection_type is None:
        collection_type = "run" if children is None else "chained"
    kind = CollectionType(collection_type)
    if children is not None and kind is not CollectionType.CHAINED:
        raise click.UsageError(f"Only a chain has children; {name} is to be of type {kind.value}.")
    with open_butler(root, writeable=True) as butler, butler.batched() as batch:
        batch.register_collection(name, kind, doc)
        if children is not None:
            batch.edit_collection_chain(name, split_names(children), SequenceEditMode.ASSIGN)
    facts = {"name": name, "type": kind.value}
    print_facts(facts if children is None else {**facts, "children": split_names(children)}, as_json=as_json)
