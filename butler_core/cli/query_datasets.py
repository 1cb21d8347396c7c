"""``butler query-datasets``: datasets of one or several types."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from butler_core.butler import Butler
from butler_core.cli.arrow_files import CellType, make_reader
from butler_core.cli.common import (
    collections_option,
    data_id_arguments,
    format_data_id,
    open_butler,
    parse_data_id,
    root_argument,
    split_names,
)
from butler_core.cli.querying import Wanted, query_options
from butler_core.client_cache import is_glob
from butler_core.models.dataset_ref import DatasetRef

_COLUMNS = ("type", "run", "data ID", "uuid")
"""Of datasets of several types."""
_CELL_TYPES: tuple[CellType, ...] = ("string", "string", "string", "uuid")


@click.command("query-datasets")
@root_argument
@click.argument("dataset_types", metavar="TYPE,TYPE")
@data_id_arguments
@collections_option
@click.option(
    "--find-all", is_flag=True, help="Also what earlier collections hide; always so without --collections."
)
@query_options
def command(
    root: str,
    dataset_types: str,
    data_id: tuple[str, ...],
    collections: tuple[str, ...],
    find_all: bool,
    wanted: Wanted,
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
            where=wanted.where,
            data_id=parse_data_id(butler.dimensions, data_id),
        )
        results = wanted.choose(results)
        columns, to_row = _table(butler, names)
        rows = map(to_row, results)
        if _is_one_type(names):
            wanted.show(results, columns, rows, map(_describe, results), arrow_columns=columns)
        else:
            arrow = partial(make_reader, list(zip(_COLUMNS, _CELL_TYPES, strict=True)), rows)
            wanted.show(results, columns, rows, map(_describe, results), arrow=arrow)


def _describe(ref: DatasetRef) -> dict[str, Any]:
    return {
        "uuid": str(ref.uuid),
        "dataset_type": ref.dataset_type.name,
        "run": ref.run,
        "data_id": dict(ref.data_id),
    }


def _is_one_type(names: list[str]) -> bool:
    return len(names) == 1 and not is_glob(names[0])


def _table(butler: Butler, names: list[str]) -> tuple[list[str], Callable[[DatasetRef], list[Any]]]:
    """Give each dimension a column if all refs are of one type, else write data IDs as one."""
    if _is_one_type(names):
        dimensions = butler.get_dataset_type(names[0]).dimensions.required
        return (
            ["run", *dimensions, "uuid"],
            lambda ref: [ref.run, *(ref.data_id[name] for name in dimensions), ref.uuid],
        )
    return (
        list(_COLUMNS),
        lambda ref: [ref.dataset_type.name, ref.run, format_data_id(ref.data_id), ref.uuid],
    )
