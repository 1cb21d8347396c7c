"""Validity in CALIBRATION collections: whose time it is looked up at, and what it means in SQL to be valid then.

For one dataset type, collection and data ID no two validities overlap, so in the order of their begins they are in the
order of their ends too.  All that are valid at a time are therefore neighbours in the index (type, collection, keys,
begin), and are found without looking at any before them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from butler_core.errors import InvalidInputError
from butler_core.expressions.query import DatasetSearch
from butler_core.models.names import DimensionElementName, DimensionName
from butler_core.models.overlap_policy import OverlapJoinPolicy
from butler_core.models.universe import DimensionGroup
from butler_core.sql.schema.element_tables import ElementTable
from butler_core.sql.schema.tables import Schema


class When(NamedTuple):
    """A time in SQL.  It overlaps nothing if a bound is NULL, or if it does not begin before it ends."""

    begin: Any
    end: Any
    is_joined: bool = False
    """Whether the bounds are columns of what is joined."""


class TimeRule(NamedTuple):
    """What validity must overlap."""

    kind: Literal["none", "timespan", "record", "element"]
    """Nothing: all is found; a timespan that the search gives; that of one record that it names; an element's."""
    element: DimensionElementName = ""
    """For ``record`` and ``element``: of the record, or that is joined."""


def find_rule(search: DatasetSearch, dimensions: DimensionGroup) -> TimeRule:
    """Return what validity must overlap in a search, within a query with these dimensions.

    Raises
    ------
    InvalidInputError
        If the search asks for a temporal join that is not possible, or for none where one is.
    """
    if search.timespan is not None:
        return TimeRule("timespan")
    if search.time_of:
        return TimeRule("record", _element_of(search, dimensions))
    policy = search.temporal_join
    if policy is OverlapJoinPolicy.CARTESIAN:
        return TimeRule("none")
    families = _temporal_elements(dimensions)
    if not isinstance(policy, OverlapJoinPolicy):
        return TimeRule("element", _named_element(search, policy, families))
    if not families:
        return TimeRule("none")
    if policy is OverlapJoinPolicy.REQUIRE_MANUAL:
        raise _needs_choice(search, families, "a temporal join must be given")
    if len(families) > 1:
        raise _needs_choice(search, families, "it is not clear which of them gives the time")
    (members,) = families.values()
    return TimeRule("element", members[0] if policy is OverlapJoinPolicy.FINE else members[-1])


def _temporal_elements(dimensions: DimensionGroup) -> dict[str, list[DimensionElementName]]:
    """Return the temporal elements of a group by family, each finest first."""
    present = set(dimensions.elements)
    families = {
        family: [name for name in members if name in present]
        for family, members in dimensions.universe.topology["temporal"].items()
    }
    return {family: members for family, members in families.items() if members}


def _needs_choice(
    search: DatasetSearch, families: Mapping[str, list[DimensionElementName]], why: str
) -> InvalidInputError:
    names = [name for members in families.values() for name in members]
    return InvalidInputError(
        f"Calibrations {search.dataset_type!r} could be valid at the time of {' or '.join(names)}, and {why}.",
        remedy="Name an element: temporal_join=...; or join none: temporal_join=OverlapJoinPolicy.CARTESIAN.",
        elements=names,
    )


def _named_element(
    search: DatasetSearch, name: str, families: Mapping[str, list[DimensionElementName]]
) -> DimensionElementName:
    names = [member for members in families.values() for member in members]
    if name not in names:
        raise InvalidInputError(
            f"Calibrations {search.dataset_type!r} cannot be joined by the time of {name!r}: the query's elements with "
            f"timespans are {', '.join(names) or 'none'}.",
            remedy="Name one of these, or add its dimensions to the query.",
            name=name,
            elements=names,
        )
    return name


def _element_of(search: DatasetSearch, dimensions: DimensionGroup) -> DimensionElementName:
    """Return the finest temporal element of which a search names a record."""
    universe = dimensions.universe
    given = {name for name, _ in search.time_of}
    for members in universe.topology["temporal"].values():
        for name in members:
            if given.issuperset(universe.elements[name].required):
                return name
    raise InvalidInputError(
        f"The data ID {dict(search.time_of)} has no time at which {search.dataset_type!r} could be valid.",
        remedy="Give all required dimensions of one of: "
        f"{', '.join(n for members in universe.topology['temporal'].values() for n in members) or '(none)'}.",
    )


# -- in SQL


def time_parameters(name: str) -> When:
    """Return the parameters ``{name}_begin`` and ``{name}_end``."""
    return When(
        sa.bindparam(f"{name}_begin", type_=sa.BigInteger()),
        sa.bindparam(f"{name}_end", type_=sa.BigInteger()),
    )


def element_time(table: ElementTable) -> When:
    """Return the timespan of what is joined of an element."""
    begin, end = table.columns["timespan"]
    return When(begin, end, is_joined=True)


def record_time(schema: Schema, element: DimensionElementName, name: str) -> When:
    """Return the timespan of one record; its key is in parameters ``{name}_time0``, ``{name}_time1``, ..."""
    table = schema.elements[element]
    is_key = [
        column == sa.bindparam(f"{name}_time{position}", type_=column.type)
        for position, column in enumerate(table.key)
    ]
    begin, end = (
        sa.select(column).where(*is_key).correlate(None).scalar_subquery()
        for column in table.columns["timespan"]
    )
    return When(begin, end)


class Place(NamedTuple):
    """Where datasets of one data ID are: in which rows of a table of members."""

    type: Any
    collection: Any
    keys: Mapping[DimensionName, Any]

    def holds(self, table: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        """Return the conditions for rows of a table that are there."""
        return [
            table.c["_type"] == self.type,
            table.c["_collection"] == self.collection,
            *(table.c[name] == value for name, value in self.keys.items()),
        ]


def when_valid(validity: sa.FromClause, table: sa.Table, place: Place, when: When | None) -> list[Any]:
    """Return the conditions for rows of validity in a place, valid at some time: ``validity`` is ``table`` or an alias."""
    conditions = place.holds(validity)
    if when is None:
        return conditions
    earlier = table.alias()
    last = (
        sa.select(sa.func.max(earlier.c["_begin"]))
        .where(*place.holds(earlier), earlier.c["_begin"] <= when.begin)
        .correlate_except(earlier)
        .scalar_subquery()
    )
    return [
        *conditions,
        validity.c["_begin"] >= sa.func.coalesce(last, when.begin),  # what is before that has ended
        *overlaps(validity, when),
    ]


def overlaps(validity: sa.FromClause, when: When) -> list[sa.ColumnElement[bool]]:
    """Return the conditions for rows of validity that overlap a time."""
    return [validity.c["_begin"] < when.end, validity.c["_end"] > when.begin, when.begin < when.end]
