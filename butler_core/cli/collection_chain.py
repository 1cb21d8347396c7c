"""``butler collection-chain``: the children of a chain."""

from __future__ import annotations

import click

from butler_core.cli.common import open_butler, root_argument, split_names
from butler_core.cli.output import json_option, print_facts
from butler_core.models.collection import CollectionType, SequenceEditMode

_MODES = {
    "redefine": SequenceEditMode.ASSIGN,
    "extend": SequenceEditMode.EXTEND,
    "prepend": SequenceEditMode.PREPEND,
    "remove": SequenceEditMode.REMOVE,
}


@click.command("collection-chain")
@root_argument
@click.argument("chain")
@click.argument("children", metavar="[CHILD,CHILD]...", nargs=-1)
@click.option(
    "--mode",
    type=click.Choice(list(_MODES)),
    default="redefine",
    show_default=True,
    help="Exactly these; or these at the end, at the front, or no longer.",
)
@click.option("--flatten", is_flag=True, help="Take the children of chains instead of the chains.")
@json_option
def command(
    root: str, chain: str, children: tuple[str, ...], mode: str, flatten: bool, as_json: bool
) -> None:
    """Change which collections CHAIN searches, first to last.

    To redefine makes the chain if there is none; without any CHILD it is empty then.  The other modes change a chain that is
    there, beside whatever others change at the same time: extend and prepend move what is in it already, remove passes over
    what is not.

    Example: butler collection-chain repo u/me u/me/third --mode prepend
    """
    names = split_names(children)
    if not names and mode != "redefine":
        raise click.UsageError(f"Name at least one collection to {mode}.")
    with open_butler(root, writeable=True) as butler:
        with butler.batched() as batch:
            if mode == "redefine":
                batch.register_collection(chain, CollectionType.CHAINED)
            batch.edit_collection_chain(chain, names, _MODES[mode], flatten=flatten)
        now = list(butler.get_collection_chain(chain))
    print_facts({"chain": chain, "children": now}, as_json=as_json)
