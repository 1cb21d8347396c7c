"""``butler register-dataset-type``: a kind of dataset."""

from __future__ import annotations

import click

from butler_core.cli.common import open_butler, root_argument, split_names
from butler_core.cli.output import json_option, print_facts


@click.command("register-dataset-type")
@root_argument
@click.argument("name")
@click.argument("dimensions", metavar="DIM,DIM")
@click.argument("storage_class")
@click.option("--calibration", is_flag=True, help="Its datasets may have validity timespans.")
@json_option
def command(
    root: str, name: str, dimensions: str, storage_class: str, calibration: bool, as_json: bool
) -> None:
    """Define the dataset type NAME by its dimensions (separated by commas; "" for none) and storage class.

    Again with the same definition is fine.

    Example: butler register-dataset-type repo summary instrument,visit,detector StructuredDataDict
    """
    with open_butler(root, writeable=True) as butler:
        made = butler.register_dataset_type(name, split_names(dimensions), storage_class, calibration)
    facts = {
        "name": made.name,
        "dimensions": list(made.dimensions.names),
        "storage_class": made.storage_class_name,
        "is_calibration": made.is_calibration,
    }
    print_facts(facts, as_json=as_json)
    if storage_class not in butler.storage_classes:
        click.echo(
            f"note: no installed plugin offers the storage class {storage_class!r} "
            f"(known: {', '.join(sorted(butler.storage_classes))}); its datasets can be found, but not read here.",
            err=True,
        )
