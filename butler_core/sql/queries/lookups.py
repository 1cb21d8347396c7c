"""Queries that are look-ups: of one dataset by its full data ID, and of what makes a calibration's ambiguous."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from butler_core.errors import AmbiguousLookupError, InvalidInputError
from butler_core.expressions.query import DatasetSearch, QueryDescription
from butler_core.models.names import DataIdValue
from butler_core.sql.catalog import Catalog, Collection
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.lookups.ambiguity import ambiguous_error, find_candidates
from butler_core.sql.lookups.calibration_lookups import AskedTime, look_up_calibration
from butler_core.sql.lookups.dataset_lookups import Ask, Found, look_up
from butler_core.sql.lookups.validity import find_rule
from butler_core.sql.queries.plans import Plan
from butler_core.sql.queries.search_sources import CALIBRATION_KINDS
from butler_core.sql.queries.search_values import time_bounds, time_key
from butler_core.sql.queries.searches import kind_of


def may_be_lookup(query: QueryDescription) -> bool:
    """Whether a query may be for one dataset by its full data ID: `Plan.is_lookup` says it for sure."""
    return (
        query.kind == "datasets"
        and query.answer == "rows"
        and not query.offset
        and query.limit != 0
        and len(query.searches) == 1
        and bool(query.data_id)
    )


def answer_lookup(
    context: SqlContext,
    ask: Ask,
    catalog: Catalog,
    plan: Plan,
    query: QueryDescription,
    members: Sequence[Collection],
    data_id: Sequence[DataIdValue],
) -> Found | None:
    """Look up what a query asks for whose plan is a look-up; None if it takes more, or the catalog is out of date.

    Parameters
    ----------
    context
        The registry's parts.
    ask
        Runs a statement.
    catalog
        What is thought to hold.
    plan
        The query's plan.
    query
        What is asked.
    members
        The collections that are searched, at least one.
    data_id
        The values that the query fixes, in its order.
    """
    if plan.lookup_order is not None:
        data_id = [data_id[position] for position in plan.lookup_order]
    values, registered = tuple(data_id), plan.types[0]
    records = query.datastore_records and context.opaque.only_table is not None
    if not registered.dataset_type.is_calibration or kind_of(members) not in CALIBRATION_KINDS:
        return look_up(context, ask, catalog, registered, members, values, records=records)
    try:
        time = _asked_time(plan, query.searches[0], values)
    except InvalidInputError:  # said again by who knows that there is still a CALIBRATION collection
        return None
    if time is None:
        return None
    return look_up_calibration(context, ask, catalog, registered, members, values, time, records=records)


def _asked_time(plan: Plan, search: DatasetSearch, values: tuple[DataIdValue, ...]) -> AskedTime | None:
    """Return when a calibration must be valid; None if that is known of no record whose key is given."""
    rule = find_rule(search, plan.dimensions)
    if rule.kind == "timespan":
        return AskedTime(values=time_bounds(search))
    if rule.kind == "none":
        return AskedTime()
    names = plan.universe.elements[rule.element].required
    if rule.kind == "record":
        return AskedTime(rule.element, names, tuple(time_key(search, plan.dimensions)))
    data_id = dict(zip(plan.result.required, values, strict=True))
    if not data_id.keys() >= set(names):
        return None
    return AskedTime(rule.element, names, tuple([data_id[name] for name in names]))


def first_ambiguous_error(
    context: SqlContext,
    cursor: Cursor,
    catalog: Catalog,
    plan: Plan,
    search: DatasetSearch,
    position: int,
    row: Sequence[Any],
) -> AmbiguousLookupError:
    """Return the error for what a statement of `Plan` found when it was asked for what is ambiguous.

    Parameters
    ----------
    context
        The registry's parts.
    cursor
        The query's transaction.
    catalog
        What is defined.
    plan
        The query's plan.
    search
        The ambiguous search.
    position
        Its place in the query.
    row
        Collection, begin and end of the time, required values, and the key of the element that has the time.
    """
    collection_id, begin, end, *names = row
    registered, element = plan.types[position], find_rule(search, plan.dimensions).element
    width = len(registered.dataset_type.dimensions.required)
    values, bounds = tuple(names[:width]), (begin, end)
    candidates = find_candidates(context, cursor, registered, collection_id, values, bounds)
    if search.time_of:
        time = dict(search.time_of)
    else:
        time = (
            dict(zip(plan.universe.elements[element].required, names[width:], strict=True)) if element else {}
        )
    name = catalog.collections_by_id[collection_id].name
    return ambiguous_error(context, registered, name, values, candidates, time, has_time=begin is not None)
