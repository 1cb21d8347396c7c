"""``butler certify``: calibrations, valid for a time."""

from __future__ import annotations

import click

from butler_core.cli.common import (
    data_id_arguments,
    format_timespan,
    open_butler,
    root_argument,
    span_options,
    where_option,
)
from butler_core.cli.output import json_option, print_facts
from butler_core.cli.progress import shown_progress
from butler_core.cli.removing import find_datasets, searched_option
from butler_core.cli.results import explain_if_empty
from butler_core.models.collection import CollectionType
from butler_core.models.timespan import Timespan


@click.command("certify")
@root_argument
@click.argument("calibration")
@click.argument("dataset_types", metavar="TYPE,TYPE")
@data_id_arguments
@searched_option
@where_option
@span_options
@json_option
def command(
    root: str,
    calibration: str,
    dataset_types: str,
    data_id: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    timespan: Timespan | None,
    as_json: bool,
) -> None:
    """Say in the CALIBRATION collection CALIBRATION, which is made if need be, that datasets are valid for a time.

    They are what `butler query-datasets` finds with the same arguments.  Refused whole if another dataset of the same type and
    data ID is valid within that time.  Without --begin and --end it is all time.

    Example: butler certify repo HSC/calib bias -c u/me/biases --begin 2026-03-21 --end 2026-04-01
    """
    with (
        shown_progress() as progress,
        open_butler(root, writeable=True, collections=collections, progress=progress) as butler,
    ):
        found = find_datasets(butler, dataset_types, data_id, collections, where, find_all=False)
        refs = list(found)
        if refs:
            with butler.batched() as batch:
                batch.register_collection(calibration, CollectionType.CALIBRATION)
                batch.certify(calibration, refs, timespan or Timespan())
        else:
            explain_if_empty(0, found, None)
    facts = {"collection": calibration, "datasets": len(refs), "timespan [TAI]": format_timespan(timespan)}
    print_facts(facts, as_json=as_json)
