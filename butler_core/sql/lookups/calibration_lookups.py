"""The look-up of one calibration by its full data ID at some time: one statement, as for a plain dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.models.collection import CollectionType
from butler_core.models.names import DataIdValue, DimensionElementName, DimensionName
from butler_core.sql.catalog import Catalog, Collection, RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.lookups.ambiguity import Candidate, ambiguous_error
from butler_core.sql.lookups.dataset_lookups import Ask, Found
from butler_core.sql.lookups.validity import When, overlaps, record_time, time_parameters
from butler_core.sql.statement import Statement

_WIDTH = 6
"""How many columns stand before those of datastore records."""


class AskedTime(NamedTuple):
    """When the calibration must be valid."""

    element: DimensionElementName = ""
    """The element with the record whose timespan it is; empty for none."""
    names: tuple[DimensionName, ...] = ()
    """What the values are of, if there is an element."""
    values: tuple[Any, ...] = ()
    """The key of that record, or the bounds of the timespan; nothing for any time."""


class _Shape(NamedTuple):
    """What look-ups have in common that one statement serves."""

    group_id: int
    element: DimensionElementName
    has_time: bool
    records: bool


def _make(context: SqlContext, registered: RegisteredType, shape: _Shape) -> Statement:
    """Make the statement; it takes type, required values, RUN and TAGGED collections, CALIBRATION collections, and time.

    Its rows are generation, collection, UUID, begin, end and run, then a row of datastore records: all but the first are
    NULL where there is no dataset, begin and end where it is valid at all times, the last where there are no records.
    """
    schema, database = context.schema, context.database
    group = registered.dataset_type.dimensions
    membership, validity = schema.membership(shape.group_id, group), schema.validity(shape.group_id, group)
    time, names = _time(context, shape)
    members = _select(context, membership, group.required, "members").add_columns(
        sa.null().label("_begin"), sa.null().label("_end")
    )
    calibrations = _select(context, validity, group.required, "calibrations").add_columns(
        validity.c["_begin"], validity.c["_end"]
    )
    if time is not None:
        calibrations = calibrations.where(*overlaps(validity, time))
    rows = sa.union_all(members, calibrations).subquery("found")
    found, dataset = rows.c, schema.dataset
    source: sa.FromClause = schema.generation.outerjoin(rows, sa.true())
    source = source.outerjoin(dataset, dataset.c.uuid == found["_uuid"])
    selected = [
        schema.generation.c.current,
        *(found[name] for name in ("_collection", "_uuid", "_begin", "_end")),
        dataset.c.run,
    ]
    if shape.records:
        opaque = context.opaque.only_table
        assert opaque is not None  # look-ups with records are only made where there is one table of them
        source = source.outerjoin(opaque.table, opaque.table.c.dataset_uuid == found["_uuid"])
        selected += opaque.table.columns
    labelled = [column.label(f"s{position}") for position, column in enumerate(selected)]
    keys = [f"key{position}" for position in range(len(group.required))]
    parameters = ["type", *keys, "members", "calibrations", *names]
    return Statement(database, sa.select(*labelled).select_from(source), parameters)


def _time(context: SqlContext, shape: _Shape) -> tuple[When | None, list[str]]:
    """Return the time in SQL, and the names of its parameters."""
    if shape.element:
        key = context.schema.elements[shape.element].key
        return record_time(context.schema, shape.element, "at"), [f"at_time{n}" for n in range(len(key))]
    if shape.has_time:
        return time_parameters("at"), ["at_begin", "at_end"]
    return None, []


def _select(
    context: SqlContext, table: sa.Table, keys: Sequence[DimensionName], parameter: str
) -> sa.Select[Any]:
    columns = table.c
    wanted = {"_type": "type", **{name: f"key{position}" for position, name in enumerate(keys)}}
    return sa.select(columns["_collection"], columns["_uuid"]).where(
        *(columns[name] == sa.bindparam(value, type_=columns[name].type) for name, value in wanted.items()),
        columns["_collection"].in_(context.database.inline_values(parameter, "int").select),
    )


def look_up_calibration(
    context: SqlContext,
    ask: Ask,
    catalog: Catalog,
    registered: RegisteredType,
    members: Sequence[Collection],
    values: tuple[DataIdValue, ...],
    time: AskedTime,
    *,
    records: bool,
) -> Found | None:
    """Find the first dataset with a data ID that is valid at some time; None if the catalog is out of date.

    Parameters
    ----------
    context
        The registry's parts.
    ask
        Runs a statement.
    catalog
        What is thought to hold.
    registered
        The dataset type.
    members
        The collections in search order, a CALIBRATION collection among them.
    values
        The required values.
    time
        When it must be valid.
    records
        Whether datastore records are wanted, for which there must be `OpaqueRows.only_table`.

    Raises
    ------
    AmbiguousLookupError
        If several datasets are valid in the first collection that has any.
    """
    shape = _Shape(registered.group_id, time.element, bool(time.values), records)
    statement = context.plans.get(("calibration lookup", *shape), lambda: _make(context, registered, shape))
    ids: list[list[int]] = [[], []]
    for member in members:
        ids[member.type is CollectionType.CALIBRATION].append(member.id)
    bind = context.database.inline_values("x", "int").bind
    answer = ask(statement, (registered.id, *values, bind(ids[0]), bind(ids[1]), *time.values))
    if not answer or answer[0][0] != catalog.generation:
        return None
    where = {row[1] for row in answer}
    first = next((each for each in members if each.id in where), None)
    if first is None:
        return Found([], context.opaque.gather([]) if records else None)
    chosen = [row[1:] for row in answer if row[1] == first.id]
    candidates = sorted({Candidate(*row[1:4]) for row in chosen}, key=lambda each: each.begin or 0)
    if len({each.uuid for each in candidates}) > 1:
        time_of = dict(zip(time.names, time.values, strict=False))
        raise ambiguous_error(
            context, registered, first.name, values, candidates, time_of, has_time=bool(time.values)
        )
    _, uuid, _, _, run = chosen[0][: _WIDTH - 1]
    rows = [(uuid, catalog.collections_by_id[run].name, *values)]
    if not records:
        return Found(rows, None)
    # A dataset may be valid more than once, each time with all of its records.
    stored = dict.fromkeys(row[_WIDTH - 1 :] for row in chosen if row[_WIDTH - 1] is not None)
    return Found(rows, context.opaque.gather(list(stored)))
