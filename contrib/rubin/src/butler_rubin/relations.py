"""How two regions lie to each other, also where lsst-sphgeom only says that it does not know."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from lsst.sphgeom import (
    CONTAINS,
    DISJOINT,
    WITHIN,
    Box,
    Circle,
    CompoundRegion,
    ConvexPolygon,
    Ellipse,
    HtmPixelization,
    IntersectionRegion,
    Region,
    UnitVector3d,
)

from butler_core.contracts.geometry import RegionRelation
from butler_rubin import box_polygon

_FINEST_LEVEL = 24
"""Triangles of this level are 0.02 arcsec wide: regions that are closer than that are taken to touch."""
_MAX_TRIANGLES = 10_000


def _relation(*, overlaps: bool, contains: bool, within: bool) -> RegionRelation:
    result = RegionRelation.OVERLAPS if overlaps else RegionRelation.DISJOINT
    if contains:
        result |= RegionRelation.CONTAINS
    if within:
        result |= RegionRelation.WITHIN
    return result


_DISJOINT = RegionRelation.DISJOINT  # to look it up in its enumeration takes longer than many a comparison
_BY_BITS = {
    (overlaps, contains | within): _relation(overlaps=overlaps, contains=bool(contains), within=bool(within))
    for overlaps in (False, True)
    for contains in (0, CONTAINS)
    for within in (0, WITHIN)
}


def is_empty(region: Region) -> bool:
    """Whether a region has no point; what the library says is wrong for polygons, which always have some."""
    if isinstance(region, ConvexPolygon):
        return False
    if isinstance(region, CompoundRegion):
        empty = [is_empty(part) for part in region]
        return any(empty) if isinstance(region, IntersectionRegion) else all(empty)
    return region.isEmpty()


def relate(first: Region, second: Region) -> RegionRelation:
    """Say exactly how two regions lie to each other; both are closed, so those that touch overlap.

    Circles, boxes and polygons are compared by formulas.  Ellipses, unions and intersections are compared on a grid of triangles
    that is refined where it matters, down to 0.02 arcsec.
    """
    bits = first.relate(second)
    if bits == DISJOINT:  # what mostly comes is told first
        return _DISJOINT
    if type(first) is ConvexPolygon is type(second):
        return _BY_BITS[not bits & DISJOINT, bits & (CONTAINS | WITHIN)]
    if bits & DISJOINT:
        return _BY_BITS[False, bits & (CONTAINS | WITHIN)]
    if isinstance(first, _GRADUAL) or isinstance(second, _GRADUAL):
        return _Comparison(first, second).run()
    if isinstance(first, Box) and isinstance(second, ConvexPolygon):
        return _relate_box(first, second, bits)
    if isinstance(first, ConvexPolygon) and isinstance(second, Box):
        mirrored = (WITHIN if bits & CONTAINS else 0) | (CONTAINS if bits & WITHIN else 0)
        return _mirror(_relate_box(second, first, mirrored))
    return _BY_BITS[True, bits & (CONTAINS | WITHIN)]


_GRADUAL = (Ellipse, CompoundRegion)


def _mirror(relation: RegionRelation) -> RegionRelation:
    return _relation(
        overlaps=RegionRelation.OVERLAPS in relation,
        contains=RegionRelation.WITHIN in relation,
        within=RegionRelation.CONTAINS in relation,
    )


def _relate_box(box: Box, polygon: ConvexPolygon, bits: int) -> RegionRelation:
    within = box_polygon.is_box_within(box, polygon)
    contains = bool(bits & CONTAINS)  # a polygon lies in a box if its bounding box does
    overlaps = within or contains or box_polygon.overlap(box, polygon)
    return _relation(overlaps=overlaps, contains=contains, within=within)


class _Comparison:
    """Compares two regions by the triangles of finer and finer HTM levels, until every question is settled.

    A triangle that lies in both shows that they overlap, one that lies in the first and outside the second that the second
    does not contain the first, and so on.  What no triangle settles, at 0.02 arcsec, is a matter of edges that touch.
    """

    def __init__(self, first: Region, second: Region) -> None:
        self.first, self.second = first, second
        self.overlaps = False
        self.may_touch = False
        self.contains = self.within = True

    def run(self) -> RegionRelation:
        for vector in (*_landmarks(self.first), *_landmarks(self.second)):
            self._note_point(vector)
        todo = deque(range(8, 16))  # the eight triangles of level 0
        examined = 0
        while todo and not (self.overlaps and not self.contains and not self.within):
            triangle = todo.popleft()
            examined += 1
            if self._note_triangle(triangle):
                if examined < _MAX_TRIANGLES and HtmPixelization.level(triangle) < _FINEST_LEVEL:
                    todo.extend(range(4 * triangle, 4 * triangle + 4))
                else:
                    self.may_touch = True
        # Every point of an empty region is anywhere, and none of it overlaps.
        return _relation(overlaps=self.overlaps or self.may_touch, contains=self.contains, within=self.within)

    def _note_point(self, vector: UnitVector3d) -> None:
        self._note(self.first.contains(vector), self.second.contains(vector))

    def _note(self, in_first: bool, in_second: bool) -> None:
        self.overlaps |= in_first and in_second
        self.within &= in_second or not in_first
        self.contains &= in_first or not in_second

    def _note_triangle(self, index: int) -> bool:
        """Learn from one triangle; return whether its parts could tell more."""
        triangle = HtmPixelization.triangle(index)
        first, second = _place(triangle, self.first), _place(triangle, self.second)
        if first.outside and second.outside:
            return False
        if (first.inside or first.outside) and (second.inside or second.outside):
            self._note(first.inside, second.inside)
            return False
        self._note_point(triangle.getCentroid())
        undecided_overlap = not self.overlaps and not first.outside and not second.outside
        undecided_within = self.within and not first.outside and not second.inside
        undecided_contains = self.contains and not second.outside and not first.inside
        return undecided_overlap or undecided_within or undecided_contains


class _Place(NamedTuple):
    """Where a triangle is known to lie; neither if it crosses the edge, or comes too near to it to tell."""

    inside: bool
    outside: bool


def _place(triangle: ConvexPolygon, region: Region) -> _Place:
    if isinstance(region, CompoundRegion):
        places = [_place(triangle, part) for part in region]
        if isinstance(region, IntersectionRegion):
            return _Place(all(p.inside for p in places), any(p.outside for p in places))
        return _Place(any(p.inside for p in places), all(p.outside for p in places))
    if isinstance(region, Ellipse):
        return _place_in_ellipse(triangle, region)
    bits = triangle.relate(region)
    return _Place(bool(bits & WITHIN), bool(bits & DISJOINT))


def _place_in_ellipse(triangle: ConvexPolygon, ellipse: Ellipse) -> _Place:
    """Compare distances to the foci, whose sum changes by no more than twice the distance that one moves."""
    circle = triangle.getBoundingCircle()
    centre, reach = circle.getCenter(), 2 * circle.getOpeningAngle().asRadians()
    total = _angle(centre, ellipse.getF1()) + _angle(centre, ellipse.getF2())
    limit = 2 * ellipse.getAlpha().asRadians()
    return _Place(total + reach <= limit, total - reach > limit)


def _angle(a: UnitVector3d, b: UnitVector3d) -> float:
    half_chord = math.sqrt((a.x() - b.x()) ** 2 + (a.y() - b.y()) ** 2 + (a.z() - b.z()) ** 2) / 2
    return 2 * math.asin(min(1.0, half_chord))


def _landmarks(region: Region) -> Iterable[UnitVector3d]:
    """Yield some points of a region, so that common cases need no triangle."""
    if isinstance(region, CompoundRegion):
        for part in region:
            yield from _landmarks(part)
    elif isinstance(region, ConvexPolygon):
        yield from region.getVertices()
    elif isinstance(region, Circle | Ellipse):
        if not is_empty(region):
            yield region.getCenter()
    elif isinstance(region, Box) and not is_empty(region):
        yield UnitVector3d(region.getCenter())
