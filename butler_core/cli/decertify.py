"""``butler decertify``: validity taken away from calibrations."""

from __future__ import annotations

import click

from butler_core.butler import Butler
from butler_core.cli.common import (
    data_id_arguments,
    format_timespan,
    open_butler,
    parse_data_id,
    root_argument,
    span_options,
    where_option,
)
from butler_core.cli.output import json_option, print_facts
from butler_core.cli.results import explain_if_empty
from butler_core.models.data_id import DataCoordinate
from butler_core.models.timespan import Timespan


@click.command("decertify")
@root_argument
@click.argument("calibration")
@click.argument("dataset_type", metavar="TYPE")
@data_id_arguments
@where_option
@span_options
@json_option
def command(
    root: str,
    calibration: str,
    dataset_type: str,
    data_id: tuple[str, ...],
    where: str,
    timespan: Timespan | None,
    as_json: bool,
) -> None:
    """Take validity of datasets of TYPE away from the CALIBRATION collection CALIBRATION; the datasets themselves stay.

    What reaches beyond --begin or --end is trimmed or split.  Without these it is all time; without KEY=VALUE and
    --where all data IDs.

    Example: butler decertify repo HSC/calib bias detector=3 --begin 2026-03-25
    """
    with open_butler(root, writeable=True, collections=[calibration]) as butler:
        chosen: list[DataCoordinate] | None = None
        if data_id or where:
            chosen = _choose(butler, calibration, dataset_type, data_id, where)
        if chosen is None or chosen:
            butler.decertify(calibration, dataset_type, timespan, data_ids=chosen)
    facts = {
        "collection": calibration,
        "dataset_type": dataset_type,
        "data_ids": "all" if chosen is None else len(chosen),
        "timespan [TAI]": format_timespan(timespan),
    }
    print_facts(facts, as_json=as_json)


def _choose(
    butler: Butler, calibration: str, dataset_type: str, data_id: tuple[str, ...], where: str
) -> list[DataCoordinate]:
    """Return the data IDs of those datasets in the collection that are meant; say why there are none."""
    found = butler.query_datasets(
        dataset_type,
        [calibration],
        find_first=False,
        where=where,
        data_id=parse_data_id(butler.dimensions, data_id),
    )
    chosen = list(dict.fromkeys(ref.data_id for ref in found))
    explain_if_empty(len(chosen), found, None)
    return chosen
