"""``butler associate``: datasets into a TAGGED collection."""

from __future__ import annotations

import click

from butler_core.cli.common import data_id_arguments, open_butler, root_argument, where_option
from butler_core.cli.output import json_option, print_facts
from butler_core.cli.progress import shown_progress
from butler_core.cli.removing import find_all_option, find_datasets, searched_option
from butler_core.cli.results import explain_if_empty
from butler_core.models.collection import CollectionType, SetEditMode

_REMOVING = (SetEditMode.REMOVE, SetEditMode.DISCARD)


@click.command("associate")
@root_argument
@click.argument("tag")
@click.argument("dataset_types", metavar="TYPE,TYPE")
@data_id_arguments
@searched_option
@where_option
@find_all_option
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in SetEditMode if mode not in _REMOVING]),
    default=SetEditMode.INSERT_OR_FAIL.value,
    show_default=True,
    help="What becomes of another dataset of the same type and data ID; assign: of all others of these types.",
)
@json_option
def command(
    root: str,
    tag: str,
    dataset_types: str,
    data_id: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    find_all: bool,
    mode: str,
    as_json: bool,
) -> None:
    """Put datasets of the given types into the TAGGED collection TAG, which is made if need be.

    They are what `butler query-datasets` finds with the same arguments; if that is nothing, nothing is changed.

    Example: butler associate repo u/me/best summary -c u/me --where "visit.exposure_time > 30"
    """
    with (
        shown_progress() as progress,
        open_butler(root, writeable=True, collections=collections, progress=progress) as butler,
    ):
        found = find_datasets(butler, dataset_types, data_id, collections, where, find_all)
        refs = list(found)
        if refs:
            with butler.batched() as batch:
                batch.register_collection(tag, CollectionType.TAGGED)
                batch.edit_associations(tag, refs, SetEditMode(mode))
        else:
            explain_if_empty(0, found, None)
    print_facts({"collection": tag, "datasets": len(refs), "mode": mode}, as_json=as_json)
