"""``butler query-datasets``: datasets of one or several types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from butler_core.butler import Butler
from butler_core.cli.common import (
    collections_option,
    data_id_arguments,
    format_data_id,
    limit_option,
    open_butler,
    order_option,
    parse_data_id,
    root_argument,
    split_names,
    where_option,
)
from butler_core.cli.output import json_option, print_json_array, print_rows
from butler_core.cli.results import explain_if_empty
from butler_core.models.dataset_ref import DatasetRef


@click.command("query-datasets")
@root_argument
@click.argument("dataset_types", metavar="TYPE,TYPE")
@data_id_arguments
@collections_option
@where_option
@order_option
@limit_option
@click.option(
    "--find-all", is_flag=True, help="Also what earlier collections hide; always so without --collections."
)
@json_option
def command(
    root: str,
    dataset_types: str,
    data_id: tuple[str, ...],
    collections: tuple[str, ...],
    where: str,
    order_by: str,
    limit: int | None,
    find_all: bool,
    as_json: bool,
) -> None:
    """Find datasets of the given types (names or globs, separated by commas).

    KEY=VALUE fixes values of dimensions.  Without --collections all collections are searched.

    Example: butler query-datasets repo calexp,summary -c u/me --where "visit > 903334 AND band = 'r'" --order-by visit,-detector
    """
    names, searched = split_names(dataset_types), split_names(collections)
    if not names:
        raise click.UsageError("Name at least one dataset type, or '*'.")
    # Opened with collections, the butler knows the instrument wherever they have but one.
    with open_butler(root, collections=searched or "*") as butler:
        results = butler.query_datasets(
            names,
            searched or ...,
            find_first=bool(searched) and not find_all,
            where=where,
            data_id=parse_data_id(butler.dimensions, data_id),
        )
        if order_by:
            results = results.sorted(split_names(order_by))
        results = results.sliced(0, limit)
        if as_json:
            print_json_array(map(_describe, results))
            return
        columns, rows = _table(butler, names, iter(results))
        explain_if_empty(print_rows(columns, rows, as_json=False), results, limit)


def _describe(ref: DatasetRef) -> dict[str, Any]:
    return {
        "uuid": str(ref.uuid),
        "dataset_type": ref.dataset_type.name,
        "run": ref.run,
        "data_id": dict(ref.data_id),
    }


def _table(
    butler: Butler, names: list[str], refs: Iterator[DatasetRef]
) -> tuple[list[str], Iterator[list[Any]]]:
    """Give each dimension a column if all refs are of one type, else write data IDs as one."""
    if len(names) == 1 and not any(character in names[0] for character in "*?["):
        dimensions = butler.get_dataset_type(names[0]).dimensions.required
        rows = ([ref.run, *(ref.data_id[name] for name in dimensions), ref.uuid] for ref in refs)
        return ["run", *dimensions, "uuid"], rows
    anything = ([ref.dataset_type.name, ref.run, format_data_id(ref.data_id), ref.uuid] for ref in refs)
    return ["type", "run", "data ID", "uuid"], anything
