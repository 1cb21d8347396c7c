"""Which elements a query joins by what their regions and timespans share, and that in SQL.

Two elements with regions are joined through the pixels of the common skypix dimension.  Regions may share several pixels, so a
pair counts at the first of them: no pair comes up twice, and rows stay in the order of their keys.  Then the regions themselves
are compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import sqlalchemy as sa

from butler_core.errors import InvalidInputError
from butler_core.expressions.query import QueryDescription
from butler_core.models.names import DimensionElementName
from butler_core.models.overlap_policy import OverlapJoinPolicy
from butler_core.models.universe import DimensionElement, DimensionGroup, DimensionUniverse
from butler_core.sql.database import Database
from butler_core.sql.queries.joins import Joins
from butler_core.sql.schema.overlap_tables import PIXEL

Kind: TypeAlias = Literal["spatial", "temporal"]
Pair: TypeAlias = tuple[DimensionElementName, DimensionElementName]
_KINDS: tuple[Kind, ...] = ("spatial", "temporal")
_VALUES: Mapping[Kind, str] = {"spatial": "regions", "temporal": "timespans"}


class OverlapJoin(NamedTuple):
    """Two elements of different families, whose regions or timespans must overlap."""

    kind: Kind
    left: DimensionElementName
    right: DimensionElementName


# -- which


def find_overlap_joins(
    query: QueryDescription,
    dimensions: DimensionGroup,
    groups: Iterable[DimensionGroup],
    conditions: Iterable[OverlapJoin] = (),
) -> tuple[OverlapJoin, ...]:
    """Return the joins of a query, those that it spells out first.

    Parameters
    ----------
    query
        Which has a policy, and may name pairs.
    dimensions
        All that take part.
    groups
        Dimensions of datasets, which relate their elements already.
    conditions
        What the condition of the query says of pairs: they are related by it, and if by regions, joined that way.

    Raises
    ------
    InvalidInputError
        If a join is needed that the policy forbids, or that is impossible.
    """
    found: list[OverlapJoin] = []
    universe = dimensions.universe
    related = [*groups, *_join_elements(dimensions)]
    given = {"spatial": query.spatial_joins, "temporal": query.temporal_joins}
    conditions = list(conditions)
    for kind in _KINDS:
        manual = [OverlapJoin(kind, *pair) for pair in given[kind]]
        for join in manual:
            _check(join, dimensions)
        spoken = [join for join in conditions if join.kind == kind]
        found += manual
        if kind == "spatial":
            found += [join for join in spoken if join not in manual]
        spoken += manual
        families = _families(kind, dimensions)
        links: list[Collection[str]] = [_families(kind, group).keys() for group in related]
        links += [{family_of(kind, universe.get_element(name)) or "" for name in join[1:]} for join in spoken]
        found += _automatic(kind, query.overlap_policy, families, links)
    if universe.geometry is None or universe.common_skypix is None:
        _refuse_spatial(found, universe)
    return tuple(found)


def _refuse_spatial(found: Iterable[OverlapJoin], universe: DimensionUniverse) -> None:
    missing = "geometry" if universe.geometry is None else "common skypix dimension"
    for join in found:
        if join.kind == "spatial":
            raise InvalidInputError(
                f"A spatial join of {join.left} and {join.right} compares regions, and universe {universe.namespace!r} names no "
                f"{missing}.",
                remedy="Leave out the dimensions of one of them, or join datasets that have both.",
            )


def _automatic(
    kind: Kind,
    policy: OverlapJoinPolicy,
    families: Mapping[str, Sequence[DimensionElementName]],
    links: Sequence[Collection[str]],
) -> list[OverlapJoin]:
    """Return the joins of all pairs of families that nothing relates."""
    if policy is OverlapJoinPolicy.CARTESIAN:
        return []
    which = -1 if policy is OverlapJoinPolicy.COARSE else 0
    names = list(families)
    found = []
    for position, first in enumerate(names):
        reached = _reach(first, links)
        for second in names[position + 1 :]:
            if second in reached:
                continue
            join = OverlapJoin(kind, families[first][which], families[second][which])
            if policy is OverlapJoinPolicy.REQUIRE_MANUAL:
                raise InvalidInputError(
                    f"Nothing relates {join.left} and {join.right}, and the policy makes no {kind} join by itself.",
                    remedy=f"Give {kind}_joins=[({join.left!r}, {join.right!r})], or another policy.",
                )
            found.append(join)
    return found


def _reach(family: str, links: Sequence[Collection[str]]) -> set[str]:
    """Return the families that are related to one, directly or through others."""
    reached = {family}
    while True:
        more = {other for link in links if not reached.isdisjoint(link) for other in link} - reached
        if not more:
            return reached
        reached |= more


def family_of(kind: Kind, element: DimensionElement) -> str | None:
    """Return the family of elements that it belongs to, if it has a region or timespan."""
    return element.spatial_family if kind == "spatial" else element.temporal_family


def _families(kind: Kind, group: DimensionGroup) -> dict[str, list[DimensionElementName]]:
    """Return the families of a group, each with those of its elements that are in the group, finest first."""
    universe = group.universe
    found: dict[str, list[DimensionElementName]] = {}
    for name in group.elements:
        family = family_of(kind, universe.elements[name])
        if family is not None:
            found.setdefault(family, []).append(name)
    for family, members in found.items():
        members.sort(key=universe.topology[kind][family].index)
    if kind == "spatial":
        for name in reversed(group.skypix):  # of one system in the order of levels
            found.setdefault(str(universe.dimensions[name].spatial_family), []).append(name)
    return found


def _join_elements(dimensions: DimensionGroup) -> list[DimensionGroup]:
    """Return what is related by elements that say which dimensions belong together."""
    universe = dimensions.universe
    elements = [universe.elements[name] for name in dimensions.elements]
    return [universe.conform(element.required) for element in elements if element.joins]


def _check(join: OverlapJoin, dimensions: DimensionGroup) -> None:
    kind, universe = join.kind, dimensions.universe
    families = []
    for name in join[1:]:
        element = universe.get_element(name)
        family = family_of(kind, element)
        if family is None:
            raise InvalidInputError(
                f"{name} has no {_VALUES[kind]}, so there is no {kind} join with it.",
                remedy=f"Join one of: {', '.join(n for members in universe.topology[kind].values() for n in members)}.",
            )
        if name not in dimensions.elements and name not in dimensions.skypix:
            raise InvalidInputError(
                f"The query joins {name}, but has not all of its dimensions: {', '.join(element.required)}.",
                remedy="Add them to the query's dimensions.",
            )
        families.append(family)
    if families[0] == families[1]:
        raise InvalidInputError(
            f"{join.left} and {join.right} are of one family ({families[0]}), which keys relate.",
            remedy="Join elements of different families.",
        )


# -- in SQL


class OverlapJoiner:
    """Adds joins to a FROM clause.

    Parameters
    ----------
    joins
        The clause.
    database
        Whose SQL it is for.
    is_exact
        Whether regions are compared, and not their pixels alone.
    """

    def __init__(self, joins: Joins, database: Database, *, is_exact: bool) -> None:
        self._joins = joins
        self._database = database
        self._is_exact = is_exact
        self._universe = joins.dimensions.universe
        self._count = 0

    def add_all(self, overlaps: Iterable[OverlapJoin]) -> None:
        """Add joins; those with skypix dimensions, whose pixels others say, last."""
        for join in sorted(overlaps, key=lambda join: sum(map(self._is_skypix, join[1:]))):
            if join.kind == "temporal":
                self._add_temporal(join)
            elif self._is_skypix(join.right):
                self._add_pixels(join.left, join.right)
            elif self._is_skypix(join.left):
                self._add_pixels(join.right, join.left)
            else:
                self._add_spatial(join)

    def _is_skypix(self, name: DimensionElementName) -> bool:
        return name not in self._universe.elements

    def _add_temporal(self, join: OverlapJoin) -> None:
        bounds = [
            self._joins.add_element(name, is_main=True).columns["timespan"]
            for name in (join.left, join.right)
        ]
        (begin, end), (other_begin, other_end) = bounds
        self._joins.conditions += [begin < other_end, other_begin < end, begin < end, other_begin < other_end]

    # -- regions

    def _region(self, name: DimensionElementName) -> sa.ColumnElement[Any]:
        """Return the region of an element or of a pixel, which is joined then."""
        if self._is_skypix(name):
            return self._database.pixel_region(name, self._joins.column(name))
        return self._joins.add_element(name, is_main=True).columns["region"][0]

    def _overlaps_of(self, name: DimensionElementName) -> sa.FromClause:
        """Return the rows with the pixels of an element, under a name of their own."""
        table = self._joins.get_table(name).overlaps
        assert table is not None  # the universe has a geometry, and a common skypix dimension with it
        self._count += 1
        return table.alias(f"pixels_{name}_{self._count}")

    def _key_of(self, name: DimensionElementName, rows: sa.FromClause) -> dict[str, sa.ColumnElement[Any]]:
        return {dimension: rows.c[dimension] for dimension in self._universe.elements[name].required}

    def _add_spatial(self, join: OverlapJoin) -> None:
        joins = self._joins
        left, right = self._overlaps_of(join.left), self._overlaps_of(join.right)
        # They come before the elements, so that they have the keys that rows are sorted by: the database can walk through
        # them in that order.
        joins.add_values(left, self._key_of(join.left, left))
        joins.add_values(right, self._key_of(join.right, right), left.c[PIXEL] == right.c[PIXEL])
        regions = self._region(join.left), self._region(join.right)
        joins.conditions.append(~self._has_earlier(join, left, right))
        if self._is_exact:
            joins.conditions.append(self._database.regions_overlap(*regions))

    def _has_earlier(
        self, join: OverlapJoin, left: sa.FromClause, right: sa.FromClause
    ) -> sa.ColumnElement[bool]:
        """Return whether a pair shares a pixel before this one."""
        one, other = self._overlaps_of(join.left), self._overlaps_of(join.right)
        conditions = [one.c[PIXEL] < left.c[PIXEL], other.c[PIXEL] == one.c[PIXEL]]
        for name, before, rows in ((join.left, one, left), (join.right, other, right)):
            conditions += [column == rows.c[key] for key, column in self._key_of(name, before).items()]
        return sa.exists(sa.select(sa.literal_column("1")).select_from(one, other).where(*conditions))

    def _add_pixels(self, name: DimensionElementName, skypix: DimensionElementName) -> None:
        """Join the pixels of an element, or of a pixel of another tessellation."""
        joins, database = self._joins, self._database
        if skypix != self._universe.common_skypix or self._is_skypix(name):
            if self._is_skypix(name) and not joins.has(name):
                name, skypix = skypix, name
            rows, pixel = database.pixels_of(skypix, self._region(name))
            joins.add_values(rows, {skypix: pixel})
            return
        rows = self._overlaps_of(name)
        joins.add_values(rows, self._key_of(name, rows) | {skypix: rows.c[PIXEL]})
        if self._is_exact:
            region = database.pixel_region(skypix, rows.c[PIXEL])
            joins.conditions.append(database.regions_overlap(self._region(name), region))
