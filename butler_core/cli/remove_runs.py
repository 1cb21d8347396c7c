"""``butler remove-runs``: RUNs with all their datasets."""

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


@click.command("remove-runs")
@root_argument
@click.argument("runs", metavar="RUN|GLOB...", nargs=-1, required=True)
@unlink_option
@associations_option
@removal_options
def command(
    root: str,
    runs: tuple[str, ...],
    unlink: bool,
    associations: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove RUN collections, with all their datasets and files, for good.

    Refused whole if a chain holds one (--unlink), or if a dataset is in a TAGGED or CALIBRATION collection (--associations).
    Large removals go in steps, datasets first; interrupted, the same command goes on.

    Example: butler remove-runs repo 'u/me/test*' --unlink --dry-run
    """
    with shown_progress() as progress, open_butler(root, writeable=True, progress=progress) as butler:
        with butler.removal() as removal:
            names = choose_collections(
                butler,
                runs,
                [CollectionType.RUN],
                "Use `butler remove-collections`: it removes all but RUNs.",
            )
            removal.include_collections(names, find_associations_in=... if associations else ())
            finish = settle(removal, unlink=unlink, dry_run=dry_run, yes=yes, as_json=as_json)
        finish()
    say_if_no_match(len(names), "RUN")
