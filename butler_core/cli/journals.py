"""``butler journals``: what is being written or removed now, and what was interrupted."""

from __future__ import annotations

from typing import Any

import click

from butler_core.cli.common import open_butler, root_argument
from butler_core.cli.destination import opened
from butler_core.cli.output import json_option, print_json_array, print_rows
from butler_core.models.reports import JournalInfo
from butler_core.writer import find_writer_state

_COLUMNS = [
    "state",
    "kind",
    "run",
    "begun",
    "host",
    "pid",
    "artifacts",
    "bytes",
    "outcome",
    "journal",
    "problem",
]


@click.command("journals")
@root_argument
@json_option
def command(root: str, as_json: bool) -> None:
    """List the open journals of ROOT, oldest first.

    The state is that of the writer: alive, gone, or unknown where that cannot be told from here.  Those of writers that are
    gone wait for 'butler recover'.  Bytes are those known before anything was written; JSON has all there is.

    Example: butler journals repo
    """
    with open_butler(root) as butler:
        journals = butler.journals()
    if as_json:
        with opened(None) as to:
            print_json_array(
                ({**info.model_dump(mode="json"), "writer_state": _state(info)} for info in journals), to
            )
        return
    if journals:
        print_rows(_COLUMNS, map(_row, journals), as_json=False)
    else:
        click.echo("No journal is open.", err=True)


def _state(info: JournalInfo) -> str:
    return "unknown" if info.writer is None else find_writer_state(info.writer).value


def _row(info: JournalInfo) -> tuple[Any, ...]:
    host, pid = ("", None) if info.writer is None else (info.writer.host, info.writer.pid)
    begun = None if info.begun is None else f"{info.begun:%Y-%m-%dT%H:%M:%SZ}"
    size_bytes, outcome = info.size_bytes, info.outcome.value
    return (
        *(_state(info), info.kind, info.run, begun, host, pid, info.artifacts, size_bytes, outcome),
        *(info.name, info.problem),
    )
