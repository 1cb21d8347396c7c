"""``butler import``: an export of another repository, taken in chunk by chunk."""

from __future__ import annotations

import click

from butler_core.cli.common import open_butler, root_argument, transfer_option
from butler_core.cli.output import json_option, print_facts
from butler_core.cli.progress import shown_progress
from butler_core.errors import ButlerError
from butler_core.models.collection import SetInsertMode
from butler_core.models.names import TransferMode


@click.command("import")
@root_argument
@click.argument("export")
@transfer_option
@click.option("--directory", default=None, metavar="DIR", help="Where the files lie, if not beside EXPORT.")
@click.option("--skip-files", is_flag=True, help="Register the datasets as not stored; take in no file.")
@click.option(
    "--records",
    type=click.Choice([mode.value for mode in SetInsertMode]),
    default=None,
    help="What becomes of dimension records that are there already.  [default: insert-or-skip]",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@json_option
def command(
    root: str,
    export: str,
    transfer: TransferMode,
    directory: str | None,
    skip_files: bool,
    records: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Take the file EXPORT, and the files that it lists, into the repository ROOT.

    The readers that plugins offer decide which formats are understood: see `butler plugins`.  After a failure, run it again: it
    goes on where it stopped.

    Example: butler import repo export.yaml --transfer copy
    """
    with shown_progress() as progress, open_butler(root, writeable=True, progress=progress) as butler:
        try:
            report = butler.import_(
                export,
                transfer=transfer,
                directory=directory,
                dimension_insert_mode=None if records is None else SetInsertMode(records),
                skip_files=skip_files,
                dry_run=dry_run,
            )
        except ButlerError as error:
            if export not in str(error):
                error.add_note(f"This was met while importing {export}.")
            raise
    print_facts(report.model_dump(mode="json"), as_json=as_json)
