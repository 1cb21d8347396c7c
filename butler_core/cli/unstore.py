"""``butler unstore``: drop the files of datasets and keep what the registry knows of them."""

from __future__ import annotations

import click

from butler_core.cli.common import data_id_arguments, open_butler, root_argument, where_option
from butler_core.cli.output import print_facts
from butler_core.cli.progress import shown_progress
from butler_core.cli.removing import ask, find_all_option, find_datasets, removal_options, searched_option
from butler_core.cli.results import explain_if_empty


@click.command("unstore")
@root_argument
@click.argument("dataset_types", metavar="TYPE,TYPE")
@data_id_arguments
@searched_option
@where_option
@find_all_option
@removal_options
def command(
    root: str,
    dataset_types: str,
    data_id: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    find_all: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Drop the files of datasets of the given types, for good; the datasets stay registered, for provenance.

    What is dropped is what `butler query-datasets` finds with the same arguments, as far as it is stored.

    Example: butler unstore repo warp -c u/me/first --dry-run
    """
    with (
        shown_progress() as progress,
        open_butler(root, writeable=True, collections=collections, progress=progress) as butler,
    ):
        found = find_datasets(butler, dataset_types, data_id, collections, where, find_all)
        refs = list(found)
        stored = [ref for ref, state in zip(refs, butler.exists_many(refs), strict=True) if state]
        with butler.removal() as removal:  # it knows what shared files free
            removal.include_datasets(stored)
            size_bytes = removal.size_bytes
            removal.cancel()
        if stored and not dry_run:
            ask(f"Drop the files of {len(stored)} datasets ({size_bytes} bytes) for good?", yes=yes)
            butler.unstore(stored)
    explain_if_empty(len(refs), found, None)
    facts = {"datasets": len(refs), "stored": len(stored), "size_bytes": size_bytes}
    print_facts(facts | {"dry_run": dry_run} if as_json or dry_run else facts, as_json=as_json)
