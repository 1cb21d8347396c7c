"""``butler insert-dimension-records``: rows of a dimension element, from a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO, get_args

import click

from butler_core.butler import Butler
from butler_core.cli.common import open_butler, root_argument
from butler_core.cli.output import json_option, print_facts, print_rows
from butler_core.cli.record_files import RecordFormat, choose_format, from_data, from_text, read_rows, to_text
from butler_core.errors import InvalidInputError
from butler_core.models.collection import SetInsertMode
from butler_core.models.columns import to_raw
from butler_core.models.record import DimensionRecord, RecordShape, record_shape
from butler_core.models.results import SyncResult, SyncStatus

_SYNC = "sync"


@click.command("insert-dimension-records")
@root_argument
@click.argument("element")
@click.argument("file", type=click.File("r", encoding="utf-8"), metavar="FILE|-")
@click.option(
    "--mode",
    type=click.Choice([*(mode.value for mode in SetInsertMode), _SYNC]),
    default=SetInsertMode.INSERT_OR_FAIL.value,
    show_default=True,
    help="What becomes of a record whose key is there already; sync: it must be the same, and nothing is done.",
)
@click.option(
    "--update", is_flag=True, help="With --mode sync, change those that differ, and say how they were."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(RecordFormat)),
    default=None,
    help="What FILE is; else its ending says.  Standard input is JSON unless this says otherwise.",
)
@json_option
def command(
    root: str, element: str, file: TextIO, mode: str, update: bool, form: RecordFormat | None, as_json: bool
) -> None:
    """Insert the records in FILE (- is standard input) into ELEMENT, all or none.

    JSON and YAML are a list of mappings from column to value, CSV has a header.  Times are ISO text in TAI or, not in CSV,
    nanoseconds.  Timespans are [BEGIN, END], two times, with null for an open end; in CSV "BEGIN / END", with ... for an open
    end.  Regions are hexadecimal.  What `butler query-dimension-records --format` prints can be read.

    Example: butler insert-dimension-records repo detector detectors.csv --mode insert-or-skip
    """
    if update and mode != _SYNC:
        raise click.UsageError("--update goes with --mode sync; else see --mode insert-or-replace.")
    is_stdin = file.name in ("-", "<stdin>")
    name = "standard input" if is_stdin else file.name
    if form is None:
        form = "json" if is_stdin else choose_format(file.name)
    try:
        text = file.read()
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"{name} is no text in UTF-8: {error}.", remedy="Convert it first."
        ) from error
    rows = read_rows(text, name, form)
    facts: dict[str, Any] = {"element": element, "records": 0, "mode": mode}
    with open_butler(root, writeable=True) as butler:
        records = list(_make_records(butler, element, rows, name, is_text=form == "csv"))
        facts["records"] = len(records)
        if mode != _SYNC:
            butler.insert_dimension_data(element, records, SetInsertMode(mode))
            print_facts(facts, as_json=as_json)
            return
        with butler.batched() as batch:
            for record in records:
                batch.sync_dimension_data(record, update)
        shape = record_shape(butler.dimensions, element)
    _show_syncs(shape, batch.results.syncs, facts, as_json=as_json)


def _show_syncs(
    shape: RecordShape, syncs: Iterable[SyncResult], facts: dict[str, Any], *, as_json: bool
) -> None:
    """Print how many records were found how, and of those that changed what they were."""
    syncs = list(syncs)
    facts |= {status.value: sum(each.status is status for each in syncs) for status in SyncStatus}
    changed = [
        (dict(zip(shape.element.required, each.key, strict=True)), each.old_values)
        for each in syncs
        if each.status is SyncStatus.UPDATED
    ]
    if as_json:
        facts["changes"] = [
            {"key": key, "old_values": {name: to_raw(value) for name, value in old.items()}}
            for key, old in changed
        ]
    print_facts(facts, as_json=as_json)
    if changed and not as_json:
        types = {column.name: column.type for column in shape.columns}
        print_rows(
            ["updated", "was"],
            [
                (key, {name: to_text(types[name], value) for name, value in old.items()})
                for key, old in changed
            ],
            as_json=False,
        )


def _make_records(
    butler: Butler, element: str, rows: list[Mapping[str, Any]], name: str, *, is_text: bool
) -> Iterator[DimensionRecord]:
    shape = record_shape(butler.dimensions, element)
    read = from_text if is_text else from_data
    for number, row in enumerate(rows, 1):
        try:
            yield shape.make(
                {
                    key: read(shape.columns[shape.index[key]], value) if key in shape.index else value
                    for key, value in row.items()
                }
            )
        except InvalidInputError as error:
            error.add_note(f"The mistake is in record {number} of {name}.")
            raise
