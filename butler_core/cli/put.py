"""``butler put``: the content of a file as a new dataset."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, BinaryIO

import click

from butler_core import discovery
from butler_core.cli.common import (
    data_id_arguments,
    format_data_id,
    opened_to_write,
    parse_data_id,
    root_argument,
    run_option,
)
from butler_core.cli.local_files import BytesSource
from butler_core.cli.output import json_option, print_facts
from butler_core.errors import CorruptError, InvalidInputError, NotFoundError
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import FormatterName, StorageClassName


@click.command("put")
@root_argument
@click.argument("dataset_type", metavar="TYPE")
@click.argument("file", type=click.File("rb"), metavar="FILE|-")
@data_id_arguments
@run_option
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
    """Read FILE (- is standard input) and store what is in it as a dataset of TYPE in the repository ROOT.

    The file is read as an object and written again as the repository does it; `ingest` takes files as they are.

    Example: butler put repo summary summary.json instrument=HSC visit=903334 detector=16 --run u/me/first
    """
    with opened_to_write(root, run) as butler:
        values = parse_data_id(butler.dimensions, data_id)
        [ref] = butler.make_refs(dataset_type, [values], run=run)
        obj = _read(file, ref, formatter)
        # These refuse what cannot be stored, before there is a RUN of it.
        ref.dataset_type.storage_class.coerce(obj)
        butler.predict_put_many([ref])
        butler.register_collection(run)
        stored = butler.put(obj, ref)
    known = dict(stored.data_id.required)
    facts = {"uuid": stored.uuid, "dataset_type": dataset_type, "run": stored.run}
    print_facts(
        {**facts, "data_id": known if as_json else format_data_id(known)},
        as_json=as_json,
    )


def _read(file: BinaryIO, ref: DatasetRef, formatter: str | None) -> Any:
    path = getattr(file, "name", "<stdin>")
    is_stdin = path in ("-", "<stdin>")
    ending = "" if is_stdin else PurePath(path).suffix
    name = formatter or _choose_formatter(ref.dataset_type.storage_class_name, ending)
    try:
        return discovery.get_formatter(name).read(BytesSource(file.read()), ref)
    except CorruptError as error:
        # The formatter takes it for an artifact, but it is the user's own file that cannot be read.
        raise InvalidInputError(
            f"{'Standard input' if is_stdin else path} cannot be read by formatter {name!r}: {error.__cause__ or error}",
            remedy="Mend it, or choose another formatter with --formatter; 'butler plugins' lists them.",
        ) from error


def _choose_formatter(storage_class: StorageClassName, ending: str) -> FormatterName:
    """Choose by the file's ending or, if that says nothing to anyone, by the storage class."""
    try:
        return discovery.find_formatter(storage_class, ending)
    except NotFoundError:
        return discovery.find_formatter(storage_class)
