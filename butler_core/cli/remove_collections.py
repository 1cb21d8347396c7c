"""``butler remove-collections``: chains, tags and calibrations; what they hold stays."""

from __future__ import annotations

import click

from butler_core.cli.common import open_butler, root_argument
from butler_core.cli.progress import shown_progress
from butler_core.cli.removing import (
    associations_option,
    choose_collections,
    removal_options,
    settle,
    unlink_option,
)
from butler_core.cli.results import say_if_no_match
from butler_core.models.collection import CollectionType


@click.command("remove-collections")
@root_argument
@click.argument("names", metavar="NAME|GLOB...", nargs=-1, required=True)
@click.option(
    "--orphans",
    is_flag=True,
    help="Also remove what no chain holds then, and so on; RUNs with their datasets.",
)
@unlink_option
@associations_option
@removal_options
def command(
    root: str,
    names: tuple[str, ...],
    orphans: bool,
    unlink: bool,
    associations: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove CHAINED, TAGGED and CALIBRATION collections; the datasets in them stay.

    Refused whole if a chain that stays holds one (--unlink).

    Example: butler remove-collections repo u/me --orphans --dry-run
    """
    with shown_progress() as progress, open_butler(root, writeable=True, progress=progress) as butler:
        with butler.removal() as removal:
            found = choose_collections(
                butler,
                names,
                set(CollectionType) - {CollectionType.RUN},
                "Use `butler remove-runs`: it removes RUNs with their datasets.",
            )
            pattern = ... if associations else ()
            removal.include_collections(found, find_orphaned=True, find_associations_in=pattern)
            if orphans:
                removal.include_orphaned(recurse=True, find_associations_in=pattern)
            finish = settle(removal, unlink=unlink, dry_run=dry_run, yes=yes, as_json=as_json)
        finish()
    say_if_no_match(len(found), "collection")
