"""``butler merge-certifications``: one CALIBRATION collection out of several."""

from __future__ import annotations

import click

from butler_core.cli.common import open_butler, root_argument, split_names
from butler_core.cli.output import json_option, print_facts
from butler_core.models.collection import CollectionType


@click.command("merge-certifications")
@root_argument
@click.argument("output")
@click.argument("inputs", metavar="INPUT,INPUT", nargs=-1, required=True)
@json_option
def command(root: str, output: str, inputs: tuple[str, ...], as_json: bool) -> None:
    """Fill the CALIBRATION collection OUTPUT, which is made if need be, from others.

    Where validities overlap, what OUTPUT has already wins, and then the earlier INPUT.

    Example: butler merge-certifications repo HSC/calib/2026 u/me/new,HSC/calib/2025
    """
    names = split_names(inputs)
    with open_butler(root, writeable=True) as butler, butler.batched() as batch:
        batch.register_collection(output, CollectionType.CALIBRATION)
        batch.merge_certifications(output, names)
    print_facts({"collection": output, "inputs": names}, as_json=as_json)
