"""Joins the searches of a query, each in the way that the collections it looks at ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from butler_core.expressions.query import DatasetSearch
from butler_core.models.names import DimensionName
from butler_core.models.universe import DimensionGroup
from butler_core.sql.database import Database
from butler_core.sql.lookups.validity import (
    TimeRule,
    When,
    element_time,
    find_rule,
    record_time,
    time_parameters,
)
from butler_core.sql.queries.joins import Joins
from butler_core.sql.queries.search_sources import (
    CALIBRATION_KINDS,
    SearchSource,
    TimedSearch,
    join_branch,
    join_search,
)
from butler_core.sql.queries.searches import GroupTables
from butler_core.sql.schema.tables import Schema


class AskedSearch(NamedTuple):
    """One search of a query."""

    search: DatasetSearch
    group: DimensionGroup
    """The dimensions of its datasets."""
    tables: GroupTables
    fields: bool
    """Whether more of it is used than that it finds something."""
    pieces: bool
    """Whether it matters in which piece of a time a dataset is valid: its timespan is used."""


class JoinedTime(NamedTuple):
    """The time at which a search looks."""

    when: When | None = None
    """None for any time."""
    names: tuple[DimensionName, ...] = ()
    """The required dimensions of the element that is joined for its timespan."""


class JoinedSearches(NamedTuple):
    """All searches of a query, by position."""

    sources: list[SearchSource | None]
    """None where nothing but data IDs was joined."""
    times: list[JoinedTime]


class SearchJoiner(NamedTuple):
    """Joins searches.

    What they find depends on ``branch``, the shape of that part of the search whose datasets are asked for, and ``kinds``,
    for each other search which kinds of collections it looks at.
    """

    schema: Schema
    joins: Joins
    branch: tuple[str, str, bool] | None
    kinds: Sequence[str]
    fixed: Mapping[DimensionName, str]
    """Dimensions of which the query fixes the value, and the parameter that has it."""

    def join(self, searches: Sequence[AskedSearch]) -> JoinedSearches:
        """Join all searches."""
        joined = JoinedSearches([], [])
        for position, asked in enumerate(searches):
            name, kind = f"s{position}", self.kinds[position]
            time = JoinedTime()
            if not kind and self.branch is not None:
                source: SearchSource | None = join_branch(
                    self.joins, self._database, asked.tables, asked.group, self.branch
                )
            elif kind in CALIBRATION_KINDS:
                source, time = self._join_timed(asked, name, kind)
            else:
                source = join_search(
                    self.joins,
                    self._database,
                    asked.tables,
                    asked.group,
                    name,
                    kind,
                    find_first=asked.search.find_first,
                    fields=asked.fields,
                )
            joined.sources.append(source)
            joined.times.append(time)
        return joined

    @property
    def _database(self) -> Database:
        return self.schema.database

    def _join_timed(self, asked: AskedSearch, name: str, kind: str) -> tuple[SearchSource | None, JoinedTime]:
        search, joins = asked.search, self.joins
        rule = find_rule(search, joins.dimensions)
        fixed = {key: self.fixed[key] for key in asked.tables.keys if key in self.fixed}
        once = search.find_first and not asked.pieces
        timed = TimedSearch(
            self._database, asked.tables, asked.group, name, kind, search.find_first, once, fixed
        )
        if asked.fields and kind == "calibration" and rule.kind != "element":
            time = self._time(rule, name)
            return timed.join_alone(joins, time.when), time
        timed.join_data_ids(joins)
        time = self._time(rule, name)
        if asked.fields:
            return timed.join_datasets(joins, time.when), time
        timed.restrict(joins, time.when)
        return None, time

    def _time(self, rule: TimeRule, name: str) -> JoinedTime:
        match rule.kind:
            case "timespan":
                return JoinedTime(time_parameters(name))
            case "record":
                return JoinedTime(record_time(self.schema, rule.element, name))
            case "element":
                table = self.joins.add_element(rule.element)
                return JoinedTime(element_time(table), table.element.required)
        return JoinedTime()
