"""``butler put``: the content of a file as a new dataset."""

from __future__ import annotations

from pathlib import PurePath
from typing import BinaryIO

import click

from butler_core import discovery
from butler_core.cli.common import data_id_arguments, open_butler, parse_data_id, root_argument
from butler_core.cli.local_files import BytesSource
from butler_core.cli.output import json_option, print_facts


@click.command("put")
@root_argument
@click.argument("dataset_type", metavar="TYPE")
@click.argument("file", type=click.File("rb"), metavar="FILE|-")
@data_id_arguments
@click.option("--run", required=True, metavar="NAME", help="RUN collection to write to; made if need be.")
@click.option(
    "--formatter",
    default=None,
    metavar="NAME",
    help="How to read FILE; else its ending says, or the storage class.",
)
@json_option
def command(
    root: str,
    dataset_type: str,
    file: BinaryIO,
    data_id: tuple[str, ...],
    run: str,
    formatter: str | None,
    as_json: bool,
) -> None:
    """Read FILE (- is standard input) and store what is in it as a dataset of TYPE.

    The file is read as an object and written again as the repository does it; `ingest` takes files as they are.
    """
    with open_butler(root, writeable=True, run=run) as butler:
        values = parse_data_id(butler.dimensions, data_id)
        [ref] = butler.make_refs(dataset_type, [values], run=run)
        ending = "" if file.name in ("-", "<stdin>") else PurePath(file.name).suffix
        name = formatter or discovery.find_formatter(ref.dataset_type.storage_class_name, ending)
        obj = discovery.get_formatter(name).read(BytesSource(file.read()), ref)
        stored = butler.put(obj, ref)
    facts = {
        "uuid": stored.uuid,
        "dataset_type": dataset_type,
        "run": stored.run,
        "data_id": dict(stored.data_id),
    }
    print_facts(facts, as_json=as_json)
