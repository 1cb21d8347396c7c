"""``butler recover``: finish or take back what interrupted writers left."""

from __future__ import annotations

from typing import Any

import click

from butler_core.cli.common import open_butler, root_argument
from butler_core.cli.output import json_option, print_facts, print_rows
from butler_core.cli.progress import shown_progress
from butler_core.models.reports import JournalInfo


@click.command("recover")
@root_argument
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@json_option
@click.pass_context
def command(ctx: click.Context, root: str, dry_run: bool, as_json: bool) -> None:
    """Bring the artifacts of ROOT in step with its registry, for every journal whose writer is gone.

    Safe beside live writers, and to interrupt.  Ends with 7 if journals are damaged or foreign, so that they were left
    alone.

    Example: butler recover repo --dry-run
    """
    with shown_progress() as progress, open_butler(root, writeable=not dry_run, progress=progress) as butler:
        report = butler.recover(dry_run=dry_run)
    if as_json:
        print_facts(report.model_dump(mode="json"), as_json=True)
    else:
        states = {"finished": report.finished, "waiting": report.waiting, "left alone": report.left_alone}
        rows = [_row(state, journal) for state, journals in states.items() for journal in journals]
        if rows:
            print_rows(
                ["state", "kind", "run", "begun", "artifacts", "journal", "problem"], rows, as_json=False
            )
            click.echo()
        counts: dict[str, Any] = {state: len(journals) for state, journals in states.items()}
        counts |= {"kept": report.kept, "deleted": report.deleted, "freed bytes": report.freed_bytes}
        print_facts(counts, as_json=False)
    if report.left_alone:
        click.echo(
            "remedy: See the problem of each journal that was left alone; docs/journals.md says what to do about it.",
            err=True,
        )
        ctx.exit(7)


def _row(state: str, journal: JournalInfo) -> list[Any]:
    return [state, journal.kind, journal.run, journal.begun, journal.artifacts, journal.name, journal.problem]
