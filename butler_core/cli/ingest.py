"""``butler ingest``: files as they are, one by its data ID or many from a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click

from butler_core.butler import Butler
from butler_core.cli.common import data_id_arguments, open_butler, parse_data_id, root_argument
from butler_core.cli.output import json_option, print_facts
from butler_core.cli.progress import shown_progress
from butler_core.errors import InvalidInputError
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import DataIdValue, TransferMode


@click.command("ingest")
@root_argument
@click.argument("dataset_type", metavar="TYPE")
@click.argument("file", required=False)
@data_id_arguments
@click.option("--run", required=True, metavar="NAME", help="RUN collection to write to; made if need be.")
@click.option(
    "--table",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take files from a CSV table.",
)
@click.option(
    "--formatter", default=None, metavar="NAME", help="What reads the files; else the storage class's own."
)
@click.option(
    "--transfer",
    type=click.Choice(get_args(TransferMode)),
    default="auto",
    show_default=True,
    help="How files get in.",
)
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
    """Take FILE into the repository as a dataset of TYPE, without reading it.

    Many files at once come from a CSV table: column "path", and one for each key of the data ID.  Relative paths count from
    the table's directory.  A path that comes twice holds several datasets.
    """
    if (file is None) == (table is None):
        raise click.UsageError("Give either FILE and its data ID, or --table.")
    with (
        shown_progress() as progress,
        open_butler(root, writeable=True, run=run, progress=progress) as butler,
    ):
        rows = (
            [(str(file), parse_data_id(butler.dimensions, data_id))]
            if table is None
            else _read_table(butler, table)
        )
        datasets = _make_datasets(butler, dataset_type, run, list(rows), formatter)
        refs = butler.ingest(*datasets, transfer=transfer)
    print_facts({"datasets": len(refs), "files": len(datasets), "run": run}, as_json=as_json)


def _read_table(butler: Butler, table: Path) -> Iterator[tuple[str, dict[str, DataIdValue]]]:
    with table.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream, strict=True)
        if "path" not in (reader.fieldnames or ()):
            raise InvalidInputError(
                f"{table} has no column 'path' (columns: {', '.join(reader.fieldnames or ()) or 'none'}).",
                remedy="Begin the table with a line such as: path,instrument,visit,detector",
            )
        for row in reader:
            if None in row or None in row.values():
                raise InvalidInputError(
                    f"{table}, line {reader.line_num}: not as many values as columns.",
                    remedy="Give one value for each of: " + ", ".join(reader.fieldnames or ()),
                )
            path = row.pop("path")
            items = [f"{key}={value}" for key, value in row.items() if value]
            yield (
                str(table.parent / path) if "://" not in path else path,
                parse_data_id(butler.dimensions, items),
            )


def _make_datasets(
    butler: Butler,
    dataset_type: str,
    run: str,
    rows: list[tuple[str, dict[str, DataIdValue]]],
    formatter: str | None,
) -> list[FileDataset]:
    """Make refs for all rows at once, and put those of one path together."""
    refs = butler.make_refs(dataset_type, [data_id for _, data_id in rows], run=run)
    by_path: dict[str, list[int]] = {}
    for index, (path, _) in enumerate(rows):
        by_path.setdefault(path, []).append(index)
    return [FileDataset(path, [refs[index] for index in held], formatter) for path, held in by_path.items()]
