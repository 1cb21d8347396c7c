"""``butler ingest``: files as they are, one by its data ID or many from a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from butler_core import discovery
from butler_core.butler import Butler
from butler_core.cli.common import (
    data_id_arguments,
    opened_to_write,
    parse_data_id,
    root_argument,
    run_option,
    transfer_option,
)
from butler_core.cli.output import json_option, print_facts
from butler_core.cli.progress import shown_progress
from butler_core.errors import DataIdError, InvalidInputError
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import DataIdValue, TransferMode


@click.command("ingest")
@root_argument
@click.argument("dataset_type", metavar="TYPE")
@click.argument("file", required=False)
@data_id_arguments
@run_option
@click.option(
    "--table",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take files from a CSV table.",
)
@click.option(
    "--formatter", default=None, metavar="NAME", help="What reads the files; else the storage class's own."
)
@transfer_option
@json_option
def command(
    root: str,
    dataset_type: str,
    file: str | None,
    data_id: tuple[str, ...],
    run: str,
    table: Path | None,
    formatter: str | None,
    transfer: TransferMode,
    as_json: bool,
) -> None:
    """Take FILE into the repository ROOT as a dataset of TYPE, without reading it.

    Many files at once come from a CSV table: column "path", and one for each key of the data ID.  Relative paths count from
    the table's directory.  A path that comes twice holds several datasets.

    Example: butler ingest repo flat flat3.fits instrument=HSC detector=3 --run u/me/flats --transfer direct
    """
    if (file is None) == (table is None):
        raise click.UsageError("Give either FILE and its data ID, or --table.")
    if file is not None and "=" in file and not Path(file).exists():
        raise click.UsageError(f"FILE is missing: {file!r} is taken for it, and there is no such file.")
    with shown_progress() as progress, opened_to_write(root, run, progress) as butler:
        if table is None:
            rows = [Row(str(file), parse_data_id(butler.dimensions, data_id), "")]
        else:
            rows = list(_read_table(butler, table))
        datasets = _make_datasets(butler, dataset_type, run, rows, formatter)
        if formatter is not None:
            discovery.get_formatter(formatter)  # else nobody could read what is taken in
        # One batch: where files are refused, no empty RUN stays behind.
        with butler.batched() as batch:
            batch.register_collection(run)
            batch.ingest(*datasets, transfer=transfer)
    count = sum(len(each.refs) for each in datasets)
    print_facts({"datasets": count, "files": len(datasets), "run": run}, as_json=as_json)


class Row(NamedTuple):
    """One file and the data ID of a dataset in it."""

    path: str
    data_id: dict[str, DataIdValue]
    place: str
    """Table and line; empty for what stands on the command line."""


def _read_table(butler: Butler, table: Path) -> Iterator[Row]:
    with table.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream, strict=True)
        try:
            _check_header(table, list(reader.fieldnames or ()))
            for row in reader:
                yield _read_row(butler, table, reader.line_num, row)
        except (csv.Error, UnicodeDecodeError) as error:
            raise InvalidInputError(
                f"{table}, after line {reader.line_num}: this is no CSV table in UTF-8: {error}.",
                remedy="Separate values by commas, and close each quote on its line.",
            ) from error


def _check_header(table: Path, columns: list[str]) -> None:
    if "path" not in columns:
        raise InvalidInputError(
            f"{table} has no column 'path' (columns: {', '.join(columns) or 'none'}).",
            remedy="Begin the table with a line such as: path,instrument,visit,detector",
        )
    if len(set(columns)) < len(columns):
        raise InvalidInputError(
            f"{table} has two columns of one name (columns: {', '.join(columns)}).", remedy="Name each once."
        )


def _read_row(butler: Butler, table: Path, line: int, row: dict[str, str]) -> Row:
    place = f"{table}, line {line}"
    # What DictReader makes of too many values, and of too few.
    if None in row or None in row.values():
        raise InvalidInputError(
            f"{place}: not as many values as columns.",
            remedy="Give one value for each of: " + ", ".join(name for name in row if name),
        )
    path = row.pop("path")
    data_id = parse_data_id(butler.dimensions, [f"{key}={value}" for key, value in row.items() if value])
    return Row(str(table.parent / path) if "://" not in path else path, data_id, place)


def _make_datasets(
    butler: Butler, dataset_type: str, run: str, rows: list[Row], formatter: str | None
) -> list[FileDataset]:
    """Make refs for all rows at once, and put those of one path together."""
    try:
        refs = butler.make_refs(dataset_type, [row.data_id for row in rows], run=run)
    except DataIdError as error:
        if place := _find_mistake(butler, dataset_type, run, rows):
            error.add_note(f"The mistake is at {place}.")
        raise
    by_path: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        by_path.setdefault(row.path, []).append(index)
    return [FileDataset(path, [refs[index] for index in held], formatter) for path, held in by_path.items()]


def _find_mistake(butler: Butler, dataset_type: str, run: str, rows: list[Row]) -> str:
    """Return the place of the first row that is refused by itself."""
    for row in rows:
        try:
            butler.make_refs(dataset_type, [row.data_id], run=run)
        except DataIdError:
            return row.place
    return ""
