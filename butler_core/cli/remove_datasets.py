"""``butler remove-datasets``: datasets that a search finds."""

from __future__ import annotations

import click

from butler_core.cli.common import data_id_arguments, open_butler, root_argument, where_option
from butler_core.cli.progress import shown_progress
from butler_core.cli.removing import (
    associations_option,
    find_all_option,
    find_datasets,
    removal_options,
    searched_option,
    settle,
)
from butler_core.cli.results import explain_if_empty


@click.command("remove-datasets")
@root_argument
@click.argument("dataset_types", metavar="TYPE,TYPE")
@data_id_arguments
@searched_option
@where_option
@find_all_option
@associations_option
@removal_options
def command(
    root: str,
    dataset_types: str,
    data_id: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    find_all: bool,
    associations: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove datasets of the given types (names or globs, separated by commas), with their files, for good.

    What goes is what `butler query-datasets` finds with the same arguments.  Refused whole if one is in a TAGGED or CALIBRATION
    collection (--associations).

    Example: butler remove-datasets repo calexp -c u/me/first --where "visit = 903334 AND instrument = 'HSC'" --dry-run
    """
    with (
        shown_progress() as progress,
        open_butler(root, writeable=True, collections=collections, progress=progress) as butler,
    ):
        with butler.removal() as removal:
            found = find_datasets(butler, dataset_types, data_id, collections, where, find_all)
            removal.include_datasets(found, find_associations_in=... if associations else ())
            finish = settle(removal, unlink=False, dry_run=dry_run, yes=yes, as_json=as_json)
            explain_if_empty(len(removal.datasets), found, None)
        finish()
