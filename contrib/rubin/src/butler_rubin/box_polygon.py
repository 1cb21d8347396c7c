"""Exact answers for a box between meridians and parallels and a convex polygon, which lsst-sphgeom only compares by their bounds.

A box spans longitudes of a *lune* and latitudes of a *band*.  The part of the polygon in a lune of at most 180 degrees is again
a convex polygon, cut out by planes; being connected it takes every latitude between its lowest and highest, so it meets
the band exactly if those two do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

from lsst.sphgeom import Box, ConvexPolygon, UnitVector3d

_Vector: TypeAlias = tuple[float, float, float]

_TOUCH = 1e-15
"""Rounding: what is outside by less counts as touching."""


def overlap(box: Box, polygon: ConvexPolygon) -> bool:
    """Whether they have a point in common; neither is empty."""
    low = math.sin(box.getLat().getA().asRadians())
    high = math.sin(box.getLat().getB().asRadians())
    corners = [_vector(v) for v in polygon.getVertices()]
    for planes in _lunes(box):
        part = corners
        for plane in planes:
            part = _cut(part, plane)
        if part:
            lowest, highest = _height_range(part)
            if lowest <= high + _TOUCH and highest >= low - _TOUCH:
                return True
    return False


def is_box_within(box: Box, polygon: ConvexPolygon) -> bool:
    """Whether the polygon contains all of the box: no point of it is outside any of the edges' planes."""
    corners = [_vector(v) for v in polygon.getVertices()]
    return all(_lowest_above_plane(box, _cross(a, b)) >= -_TOUCH for a, b in _edges(corners))


def _lowest_above_plane(box: Box, normal: _Vector) -> float:
    """Return the smallest scalar product of a plane's normal with the directions in a box."""
    x, y, z = normal
    begin, width, _ = _longitudes(box)
    outward = math.hypot(x, y)
    opposite = (math.atan2(y, x) + math.pi - begin) % (2 * math.pi)  # where x cos + y sin is lowest
    ends = [x * math.cos(lon) + y * math.sin(lon) for lon in (begin, begin + width)]
    horizontal = -outward if opposite <= width else min(ends)
    low, high = box.getLat().getA().asRadians(), box.getLat().getB().asRadians()
    heights = [horizontal * math.cos(lat) + z * math.sin(lat) for lat in (low, high)]
    lowest_at = math.atan2(-z, -horizontal)
    if low <= lowest_at <= high:
        heights.append(-math.hypot(horizontal, z))
    return min(heights)


def _longitudes(box: Box) -> tuple[float, float, float]:
    """Return the western edge, the width and the middle of a box, in radians; the width is at most a full turn."""
    begin = box.getLon().getA().asRadians()
    width = 2 * math.pi if box.getLon().isFull() else box.getLon().getSize().asRadians()
    return begin, width, begin + width / 2


def _lunes(box: Box) -> Iterator[list[_Vector]]:
    """Yield the planes that bound the box's longitudes, for parts that are at most 180 degrees wide."""
    begin, width, middle = _longitudes(box)
    parts = [(begin, begin + width)] if width <= math.pi else [(begin, middle), (middle, begin + width)]
    for west, east in parts:
        centre = (west + east) / 2
        yield [
            (-math.sin(west), math.cos(west), 0.0),
            (math.sin(east), -math.cos(east), 0.0),
            (math.cos(centre), math.sin(centre), 0.0),  # not the other side of the same meridians
        ]


def _cut(corners: list[_Vector], plane: _Vector) -> list[_Vector]:
    """Return the part of a convex polygon on the positive side of a plane."""
    heights = [_dot(plane, corner) for corner in corners]
    result: list[_Vector] = []
    for index, corner in enumerate(corners):
        here, before = heights[index], heights[index - 1]
        if (here > _TOUCH and before < -_TOUCH) or (here < -_TOUCH and before > _TOUCH):
            result.append(_between(corners[index - 1], before, corner, here))
        if here >= -_TOUCH:
            result.append(corner)
    return result


def _between(a: _Vector, above: float, b: _Vector, below: float) -> _Vector:
    wa, wb = abs(below), abs(above)
    x, y, z = (wa * p + wb * q for p, q in zip(a, b, strict=True))
    length = math.sqrt(x * x + y * y + z * z)
    return (x / length, y / length, z / length)


def _height_range(corners: list[_Vector]) -> tuple[float, float]:
    """Return the lowest and the highest z in a convex polygon, which may have shrunk to a line or a point."""
    heights = [corner[2] for corner in corners]
    lowest, highest = min(heights), max(heights)
    up_inside = down_inside = len(corners) > 2
    for a, b in _edges(corners):
        normal = _cross(a, b)
        length = math.sqrt(_dot(normal, normal))
        if length < _TOUCH:
            continue
        nz = normal[2] / length
        up_inside &= nz > 0.0
        down_inside &= nz < 0.0
        # The edge's great circle is highest where it is nearest to the pole, and lowest opposite.
        top = (-nz * normal[0] / length, -nz * normal[1] / length, 1.0 - nz * nz)
        rise_a, rise_b = _dot(_cross(normal, a), top), _dot(_cross(normal, b), top)
        if rise_a > 0.0 > rise_b:
            highest = max(highest, math.sqrt(max(0.0, 1.0 - nz * nz)))
        elif rise_a < 0.0 < rise_b:
            lowest = min(lowest, -math.sqrt(max(0.0, 1.0 - nz * nz)))
    return (-1.0 if down_inside else lowest), (1.0 if up_inside else highest)


def _edges(corners: list[_Vector]) -> Iterator[tuple[_Vector, _Vector]]:
    for index, corner in enumerate(corners):
        yield corners[index - 1], corner


def _vector(direction: UnitVector3d) -> _Vector:
    return (direction.x(), direction.y(), direction.z())


def _dot(a: _Vector, b: _Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: _Vector, b: _Vector) -> _Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
