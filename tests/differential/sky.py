"""What regions share, by lsst.sphgeom alone.

Boxes are not among the shapes: how they lie to polygons is what the library does not know.
"""

from __future__ import annotations

from functools import cache

from lsst.sphgeom import DISJOINT, Angle, Circle, ConvexPolygon, LonLat, Region, UnitVector3d


@cache
def overlap(first: bytes, second: bytes) -> bool:
    """Whether two encoded regions have a point in common."""
    return not _decode(first).relate(_decode(second)) & DISJOINT


@cache
def _decode(encoded: bytes) -> Region:
    return Region.decode(encoded)


def make(shape: str, numbers: tuple[float, ...]) -> Region:
    """Make a POINT, a CIRCLE or a POLYGON from degrees."""
    if shape == "POLYGON":
        return ConvexPolygon([_vector(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)])
    return Circle(_vector(*numbers[:2]), Angle.fromDegrees(numbers[2] if shape == "CIRCLE" else 0.0))


def _vector(ra: float, dec: float) -> UnitVector3d:
    return UnitVector3d(LonLat.fromDegrees(ra, dec))


@cache
def encode(shape: str, numbers: tuple[float, ...]) -> bytes:
    """Make a shape, and encode it."""
    encoded: bytes = make(shape, numbers).encode()
    return encoded


@cache
def centre(encoded: bytes) -> tuple[float, float, float]:
    """Return the centre and the radius of the circle around a region, in degrees."""
    circle = _decode(encoded).getBoundingCircle()
    place = LonLat(circle.getCenter())
    return place.getLon().asDegrees(), place.getLat().asDegrees(), circle.getOpeningAngle().asDegrees()
