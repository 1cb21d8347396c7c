"""The error for a find-first search that has several calibrations to choose from, with all of them and when they are valid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.errors import AmbiguousLookupError
from butler_core.models.data_id import DataCoordinate
from butler_core.models.names import CollectionName, DimensionName
from butler_core.sql.catalog import RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.lookups.validity import Place, time_parameters, when_valid
from butler_core.sql.schema.element_tables import timespan_from_row
from butler_core.sql.statement import Statement

_MOST = 20
"""How many candidates an error lists."""


class Candidate(NamedTuple):
    """A dataset that is valid."""

    uuid: Any
    """As the database has it."""
    begin: int
    end: int


def ambiguous_error(
    context: SqlContext,
    registered: RegisteredType,
    collection: CollectionName,
    values: tuple[Any, ...],
    candidates: Sequence[Candidate],
    time: Mapping[DimensionName, Any],
    *,
    has_time: bool,
) -> AmbiguousLookupError:
    """Make the error.

    Parameters
    ----------
    context
        The registry's parts.
    registered
        The dataset type.
    collection
        The one that has them all.
    values
        Required values of their data ID.
    candidates
        The datasets.
    time
        The data ID whose time it is; empty if a timespan was given, or none.
    has_time
        Whether there is any time that they were looked up at.
    """
    shown = DataCoordinate.from_required(registered.dataset_type.dimensions, values)
    at = f" at the time of {dict(time)}" if time else " in the timespan given" if has_time else ""
    lines, details = [], []
    for each in candidates[:_MOST]:
        uuid = str(context.database.make_uuid(each.uuid))
        timespan = timespan_from_row(each.begin, each.end)
        lines.append(f"{uuid} {timespan}")
        details.append({"uuid": uuid, "timespan": None if timespan is None else timespan.to_raw()})
    more = f" and {len(candidates) - _MOST} more" if len(candidates) > _MOST else ""
    narrower = "a shorter timespan" if has_time else "a timespan, or an exposure or the like whose time it is"
    return AmbiguousLookupError(
        f"In CALIBRATION {collection!r} several datasets {registered.dataset_type.name}@{shown} are valid{at}: "
        f"{', '.join(lines)}{more}.",
        remedy=f"Give {narrower}; or find all of them: find_first=False.",
        candidates=details,
        collection=collection,
        dataset_type=registered.dataset_type.name,
        data_id=dict(shown),
        time=dict(time),
    )


def find_candidates(
    context: SqlContext,
    cursor: Cursor,
    registered: RegisteredType,
    collection_id: int,
    values: tuple[Any, ...],
    bounds: tuple[int | None, int | None],
) -> list[Candidate]:
    """Return the datasets of a data ID that one CALIBRATION collection has, at a time or (no bounds) at any."""
    has_time = bounds[0] is not None
    key = ("candidates", registered.group_id, has_time)
    statement = context.plans.get(key, lambda: _make(context, registered, has_time))
    rows = statement.all(cursor, (registered.id, collection_id, *values, *(bounds if has_time else ())))
    return [Candidate(*row) for row in rows]


def _make(context: SqlContext, registered: RegisteredType, has_time: bool) -> Statement:
    group = registered.dataset_type.dimensions
    table = context.schema.validity(registered.group_id, group)
    columns = table.c

    def parameter(name: str, column: str) -> Any:
        return sa.bindparam(name, type_=columns[column].type)

    keys = {name: parameter(f"key{position}", name) for position, name in enumerate(group.required)}
    place = Place(parameter("type", "_type"), parameter("collection", "_collection"), keys)
    when = time_parameters("time") if has_time else None
    select = (
        sa.select(columns["_uuid"], columns["_begin"], columns["_end"])
        .where(*when_valid(table, table, place, when))
        .order_by(columns["_begin"])
    )
    names = ["type", "collection", *(f"key{position}" for position in range(len(keys)))]
    return Statement(context.database, select, [*names, *(("time_begin", "time_end") if has_time else ())])
