"""``butler get``: one dataset, to the terminal or a file."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import click

from butler_core import discovery
from butler_core.cli.common import (
    data_id_arguments,
    open_butler,
    parse_data_id,
    root_argument,
)
from butler_core.cli.destination import opened
from butler_core.cli.local_files import BytesSink
from butler_core.models.dataset_ref import DatasetRef


@click.command("get")
@root_argument
@click.argument("dataset_type", metavar="TYPE")
@data_id_arguments
@click.option(
    "--collections",
    "-c",
    required=True,
    multiple=True,
    metavar="NAME,NAME",
    help="Collections, searched in this order; the first that has the dataset wins.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False),
    default="-",
    metavar="FILE",
    help="Where to write it; FILE appears when all of it is there.",
)
@click.option(
    "--formatter",
    default=None,
    metavar="NAME",
    help="How to write it; else FILE's ending says, or the storage class.",
)
@click.option("--storage-class", default=None, metavar="NAME", help="Read it as another type.")
def command(
    root: str,
    dataset_type: str,
    data_id: tuple[str, ...],
    collections: tuple[str, ...],
    output: str,
    formatter: str | None,
    storage_class: str | None,
) -> None:
    """Find a dataset of TYPE in the repository ROOT and write it to FILE, or to standard output.

    Example: butler get repo summary instrument=HSC visit=903334 detector=16 -c u/me/first -o summary.yaml
    """
    with open_butler(root, collections=collections) as butler:
        values = parse_data_id(butler.dimensions, data_id)
        ref = butler.resolve_dataset(dataset_type, values)
        obj = butler.get(ref, storage_class=storage_class)
        if storage_class is not None:
            ref = ref.with_storage_class(storage_class)
        data = _encode(obj, ref, formatter, "" if output == "-" else PurePath(output).suffix)
    with opened(output) as to:
        if to.is_terminal and not data.endswith(b"\n"):
            data += b"\n"  # so that the prompt begins a line; in a pipe or file the data stay as they are
        to.binary.write(data)


def _encode(obj: Any, ref: DatasetRef, formatter: str | None, ending: str) -> bytes:
    name = formatter or discovery.find_formatter(ref.dataset_type.storage_class_name, ending)
    sink = BytesSink()
    discovery.get_formatter(name).write(obj, sink, ref, write_parameters={})
    return sink.data
