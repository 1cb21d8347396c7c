"""The values of the parameters that searches have, as `butler_core.sql.queries.search_sources` names them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from butler_core.expressions.query import DatasetSearch
from butler_core.models.collection import CollectionType
from butler_core.models.data_id import check_value
from butler_core.models.universe import DimensionGroup
from butler_core.sql.catalog import Collection, RegisteredType
from butler_core.sql.context import SqlContext
from butler_core.sql.lookups.validity import find_rule
from butler_core.sql.queries.search_sources import CALIBRATION_KINDS
from butler_core.sql.queries.searches import kind_of
from butler_core.sql.schema.element_tables import timespan_to_row


def search_values(
    context: SqlContext,
    name: str,
    search: DatasetSearch,
    registered: RegisteredType,
    members: Sequence[Collection],
    dimensions: DimensionGroup,
    *,
    fields: bool,
) -> Iterator[tuple[str, Any]]:
    """Yield the parameters of one search.

    Parameters
    ----------
    context
        The registry's parts.
    name
        What their names begin with.
    search
        What is asked.
    registered
        The dataset type.
    members
        The collections that are looked at, in search order.
    dimensions
        Of the query.
    fields
        Whether more of the search is used than that it finds something.
    """
    database, kind = context.database, kind_of(members)
    bind = database.inline_values("x", "int").bind
    yield f"{name}_type", registered.id
    ids = [c.id for c in members if c.type is not CollectionType.CALIBRATION]
    is_timed = kind in CALIBRATION_KINDS
    if fields or is_timed:
        ranked = [(each.id, rank) for rank, each in enumerate(members)]
        for parameter in (f"{name}_ranks", f"{name}_winners"):
            rows = database.inline_rows(parameter, ("int", "int"))
            yield from zip(rows.parameters, rows.bind(ranked), strict=True)
    if is_timed or not fields:
        validity = [c.id for c in members if c.type is CollectionType.CALIBRATION]
        yield f"{name}_members", ids[0] if kind == "one" else bind(ids)
        yield f"{name}_validity", bind(validity)
    if is_timed:
        yield f"{name}_collection", members[0].id
        yield from zip((f"{name}_begin", f"{name}_end"), time_bounds(search), strict=True)
        for position, value in enumerate(time_key(search, dimensions)):
            yield f"{name}_time{position}", value


def time_bounds(search: DatasetSearch) -> tuple[int | None, int | None]:
    """Return the bounds of the timespan that a search gives, as the database has them; None without one."""
    return timespan_to_row(None if search.timespan is None else search.timespan.to_raw())


def time_key(search: DatasetSearch, dimensions: DimensionGroup) -> list[Any]:
    """Return the key of the record whose time a search names; nothing if it names none."""
    rule = find_rule(search, dimensions)
    if rule.kind != "record":
        return []
    universe, given = dimensions.universe, dict(search.time_of)
    return [check_value(universe, name, given[name]) for name in universe.elements[rule.element].required]
