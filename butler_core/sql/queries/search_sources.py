"""What a search for datasets is in SQL: the rows that are joined, and the columns of what it found.

A search in RUN and TAGGED collections is one look at a table of members for each collection (`join_branch`), or a
subquery (`join_search`).  As soon as a CALIBRATION collection takes part, it is `join_timed`: of each data ID for which
there may be anything, at each time that the query asks about, the rows that are valid then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.models.names import DimensionName
from butler_core.models.universe import DimensionGroup
from butler_core.sql.database import Database
from butler_core.sql.lookups.validity import Place, When, overlaps, when_valid
from butler_core.sql.queries.joins import Joins
from butler_core.sql.queries.searches import GroupTables, data_ids_of, datasets_of, hidden
from butler_core.sql.schema.element_tables import UNBOUNDED_BEGIN, UNBOUNDED_END

CALIBRATION_KINDS = frozenset({"calibration", "calibrations", "both"})
"""Kinds of members, see `butler_core.sql.queries.searches.kind_of`, with a CALIBRATION collection among them."""


class Rival(NamedTuple):
    """Another dataset that the search could have chosen for the same data ID and time."""

    table: sa.FromClause
    """It is a row of this."""
    conditions: Sequence[sa.ColumnElement[bool]]
    """Which row."""
    possible: sa.ColumnElement[bool] | None = None
    """A cheap condition without which there is none; None if there is none such."""

    @property
    def source(self) -> SearchSource:
        """Its columns."""
        columns = self.table.c
        return SearchSource(columns["_uuid"], columns["_collection"], columns["_begin"], columns["_end"])


class SearchSource(NamedTuple):
    """The columns of the dataset that a search found."""

    uuid: Any
    collection: Any
    begin: Any
    """Of its validity; RUN and TAGGED collections are unbounded in time."""
    end: Any
    collection_name: str = ""
    """The parameter that has the collection's name, if that is known."""
    run_name: str = ""
    """The parameter that has the RUN's name, if that is known."""
    rival: Rival | None = None
    """What makes a find-first search ambiguous; None if nothing can."""


def _unbounded(database: Database) -> tuple[Any, Any]:
    type_ = database.column_type("time")
    return sa.literal(UNBOUNDED_BEGIN, type_), sa.literal(UNBOUNDED_END, type_)


def join_branch(
    joins: Joins,
    database: Database,
    tables: GroupTables,
    group: DimensionGroup,
    branch: tuple[str, str, bool],
) -> SearchSource:
    """Join what one branch of a search finds in its collection; ``branch`` is `Branch.shape`.

    The parameters are ``type``, ``collection``, ``collection_name``, ``run_name`` and ``earlier``.
    """
    kind, avoid, has_earlier = branch
    table = tables.membership
    for column, name in ((table.c["_type"], "type"), (table.c["_collection"], "collection")):
        joins.conditions.append(column == sa.bindparam(name, type_=column.type))
    if has_earlier:
        joins.conditions.append(~hidden(database, table, tables.keys, "earlier", avoid))
    joins.add_datasets(table, group)
    return SearchSource(
        table.c["_uuid"],
        table.c["_collection"],
        *_unbounded(database),
        "collection_name",
        "run_name" if kind == "run" else "",
    )


def join_search(
    joins: Joins,
    database: Database,
    tables: GroupTables,
    group: DimensionGroup,
    name: str,
    kind: str,
    *,
    find_first: bool,
    fields: bool,
) -> SearchSource | None:
    """Join a search in RUN and TAGGED collections; without ``fields`` only the data IDs for which it finds anything.

    For its parameters, whose names begin with ``name``, see `datasets_of` and `data_ids_of`.
    """
    if not fields:
        joins.add_datasets(data_ids_of(database, tables, name, kind), group)
        return None
    found = datasets_of(database, tables, name, find_first=find_first)
    joins.add_datasets(found, group)
    return SearchSource(found.c["_uuid"], found.c["_collection"], *_unbounded(database))


@dataclass(frozen=True)
class TimedSearch:
    """A search with a CALIBRATION collection among its members.

    Its parameters: ``{name}_type``; those of `data_ids_of`; ``{name}_collection`` if its kind is ``calibration``;
    else rows (collection, rank) ``{name}_ranks``.
    """

    database: Database
    tables: GroupTables
    group: DimensionGroup
    name: str
    kind: str
    """See `butler_core.sql.queries.searches.kind_of`."""
    find_first: bool
    once: bool
    """Whether a dataset that is valid in several pieces of one time is wanted once."""
    fixed: Mapping[DimensionName, str]
    """Dimensions of which the query fixes the value, and the parameter that has it."""

    def join_data_ids(self, joins: Joins) -> None:
        """Join the data IDs for which there is anything at any time: what else is joined may depend on them.

        As a rule records give them in the order in which rows are wanted, so that a page ends when it is full.
        """
        if not self._records_give_data_ids(joins.dimensions):
            keys = data_ids_of(self.database, self.tables, self.name, self.kind, self.fixed)
            joins.add_datasets(keys, self.group)
            return
        there = self._has_any(self._validity, "validity", joins)
        if self.kind == "both":
            there = sa.or_(there, self._has_any(self.tables.membership, "members", joins))
        joins.conditions.append(there)

    def _records_give_data_ids(self, dimensions: DimensionGroup) -> bool:
        """Whether there are records for all values, and not many more of them than data IDs: calibrations are few."""
        universe = self.group.universe
        required = [universe.dimensions[name] for name in self.group.required if name in dimensions.required]
        return all(each.has_table and each.temporal_family is None for each in required)

    def _has_any(self, members: sa.Table, parameter: str, joins: Joins) -> sa.ColumnElement[bool]:
        table, place = members.alias(), self._place(joins, None)
        collections = self.database.inline_values(f"{self.name}_{parameter}", "int").select
        return _exists(
            table,
            table.c["_type"] == place.type,
            table.c["_collection"].in_(collections),
            *(table.c[key] == value for key, value in place.keys.items()),
        )

    def join_alone(self, joins: Joins, when: When | None) -> SearchSource:
        """Join the datasets of one CALIBRATION collection, when their time does not depend on what else is joined."""
        validity = self._validity
        joins.add_datasets(validity, self.group)
        place = self._place(joins, self._only_collection())
        joins.conditions += place.holds(validity)[:2]
        if when is not None:
            joins.conditions += overlaps(validity, when)
        if self.once:
            joins.conditions.append(self._is_first(joins, validity, when))
        return self._source(joins, when, validity)

    def restrict(self, joins: Joins, when: When | None) -> None:
        """Keep only the data IDs, and times, for which there is anything."""
        if when is None:
            return
        if self.kind != "calibration":
            joins.conditions.append(self._winner(joins, when).is_not(None))
            return
        validity = self._validity.alias()
        place = self._place(joins, self._only_collection())
        joins.conditions.append(_exists(validity, *when_valid(validity, self._validity, place, when)))

    def join_datasets(self, joins: Joins, when: When | None) -> SearchSource:
        """Join the datasets."""
        if self.kind == "calibration":
            collection = self._only_collection()
        elif self.find_first:
            collection = self._winner(joins, when)
        else:
            ranks = self._ranks()
            joins.add_table(ranks, sa.true())
            collection = ranks.c.c0
        place = self._place(joins, collection)
        validity = self._validity.alias(f"{self.name}_validity")
        valid = sa.and_(*when_valid(validity, self._validity, self._after(place, when), when))
        if self.once:
            valid = sa.and_(valid, self._is_first(joins, validity, when))
        if self.kind != "both":
            joins.add_table(validity, valid)
            return self._source(joins, when, validity)
        member = self.tables.membership.alias(f"{self.name}_member")
        joins.add_table(member, sa.and_(*place.holds(member)), is_outer=True)
        joins.add_table(validity, valid, is_outer=True)
        joins.conditions.append(sa.or_(member.c["_uuid"].is_not(None), validity.c["_uuid"].is_not(None)))
        source = self._source(joins, when, validity)
        begin, end = _unbounded(self.database)
        return source._replace(
            uuid=sa.func.coalesce(member.c["_uuid"], validity.c["_uuid"]),
            collection=sa.func.coalesce(member.c["_collection"], validity.c["_collection"]),
            begin=sa.func.coalesce(validity.c["_begin"], begin),
            end=sa.func.coalesce(validity.c["_end"], end),
        )

    def _after(self, place: Place, when: When | None) -> Place:
        """Return the same place, such that databases look there after data ID and time are known, and then by index.

        They do not see how few rows are valid at a time, and may begin with all validities otherwise.
        """
        columns = [*place.keys.values(), *([when.begin] if when is not None and when.is_joined else [])]
        known = [column == column for column in columns]
        keys = {name: sa.func.coalesce(column, column) for name, column in place.keys.items()}
        return place._replace(type=sa.case((sa.and_(sa.true(), *known), place.type)), keys=keys)

    def _source(self, joins: Joins, when: When | None, validity: sa.FromClause) -> SearchSource:
        columns = validity.c
        return SearchSource(
            columns["_uuid"],
            columns["_collection"],
            columns["_begin"],
            columns["_end"],
            rival=self._rival(joins, when, validity) if self.find_first else None,
        )

    def _rival(self, joins: Joins, when: When | None, validity: sa.FromClause) -> Rival:
        other = self._validity.alias(f"{self.name}_rival")
        place = self._place(joins, validity.c["_collection"])
        conditions = [
            *when_valid(other, self._validity, place, when),
            other.c["_uuid"] != validity.c["_uuid"],
        ]
        if when is None:
            return Rival(other, conditions)
        return Rival(other, conditions, ~_covers(validity, when))

    def _is_first(self, joins: Joins, validity: sa.FromClause, when: When | None) -> sa.ColumnElement[bool]:
        """Return whether a dataset is not valid in an earlier piece of the time already."""
        earlier, place = self._validity.alias(), self._place(joins, validity.c["_collection"])
        found = [earlier.c["_begin"] < validity.c["_begin"], earlier.c["_uuid"] == validity.c["_uuid"]]
        if when is None:
            return ~_exists(earlier, *place.holds(earlier), *found)
        is_first = ~_exists(earlier, *place.holds(earlier), *overlaps(earlier, when), *found)
        return sa.or_(validity.c["_begin"] <= when.begin, is_first)

    # -- which collection it is

    def _only_collection(self) -> Any:
        return sa.bindparam(f"{self.name}_collection", type_=self.database.column_type("int"))

    def _winner(self, joins: Joins, when: When | None) -> Any:
        """Return the first collection that has anything."""
        ranks = self._ranks()
        place = self._place(joins, ranks.c.c0)
        validity = self._validity.alias()
        found = _exists(validity, *when_valid(validity, self._validity, place, when))
        if self.kind == "both":
            member = self.tables.membership.alias()
            found = sa.or_(found, _exists(member, *place.holds(member)))
        return (
            sa.select(ranks.c.c0)
            .where(found)
            .order_by(ranks.c.c1)
            .limit(sa.literal_column("1"))
            .correlate_except(ranks)
            .scalar_subquery()
        )

    def _ranks(self) -> sa.FromClause:
        """Return rows (collection, rank), made once however often they are looked through."""
        rows = self.database.inline_rows(f"{self.name}_ranks", ("int", "int")).source
        return sa.select(rows.c.c0, rows.c.c1).cte(f"{self.name}_rank").prefix_with("MATERIALIZED")

    def _place(self, joins: Joins, collection: Any) -> Place:
        type_ = sa.bindparam(f"{self.name}_type", type_=self.database.column_type("int"))
        return Place(type_, collection, {key: joins.column(key) for key in self.tables.keys})

    @property
    def _validity(self) -> sa.Table:
        assert self.tables.validity is not None  # a CALIBRATION collection has the type, so there is a table
        return self.tables.validity


def _covers(validity: sa.FromClause, when: When) -> sa.ColumnElement[bool]:
    """Return whether a validity covers all of a time, so that no other can be valid then."""
    return sa.and_(validity.c["_begin"] <= when.begin, validity.c["_end"] >= when.end)


def _exists(table: sa.FromClause, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    select: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(table).where(*conditions)
    return sa.exists(select.correlate_except(table))
