"""``butler disassociate``: datasets out of a TAGGED collection."""

from __future__ import annotations

import click

from butler_core.cli.common import data_id_arguments, open_butler, root_argument, where_option
from butler_core.cli.output import json_option, print_facts
from butler_core.cli.removing import find_datasets
from butler_core.cli.results import explain_if_empty
from butler_core.client_cache import is_glob
from butler_core.errors import InvalidInputError
from butler_core.models.collection import CollectionType, SetEditMode


@click.command("disassociate")
@root_argument
@click.argument("tag")
@click.argument("dataset_types", metavar="TYPE,TYPE")
@data_id_arguments
@where_option
@json_option
def command(
    root: str, tag: str, dataset_types: str, data_id: tuple[str, ...], where: str, as_json: bool
) -> None:
    """Take datasets of the given types out of the TAGGED collection TAG; the datasets themselves stay.

    They are what `butler query-datasets --collections TAG` finds with the same arguments.

    Example: butler disassociate repo u/me/best summary --where "visit.exposure_time < 60"
    """
    with open_butler(root, writeable=True, collections=[tag]) as butler:
        if is_glob(tag) or butler.query_collections(tag).summarize_types() != {CollectionType.TAGGED}:
            raise InvalidInputError(
                f"{tag!r} is no TAGGED collection.",
                remedy="Name a TAGGED collection: butler query-collections --type tagged lists them.",
            )
        found = find_datasets(butler, dataset_types, data_id, [tag], where, find_all=False)
        refs = list(found)
        if refs:
            butler.edit_associations(tag, refs, SetEditMode.DISCARD)
        else:
            explain_if_empty(0, found, None)
    print_facts({"collection": tag, "datasets": len(refs)}, as_json=as_json)
