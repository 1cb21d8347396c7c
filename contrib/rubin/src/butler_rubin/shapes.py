"""Regions from the numbers that people write: points, circles, boxes and polygons in degrees (ICRS)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from lsst.sphgeom import Angle, Box, Circle, ConvexPolygon, LonLat, Region, UnitVector3d

from butler_core.errors import InvalidInputError

_FLAT = 1e-12
"""Three corners whose triple product is below this lie on one great circle, to a millionth of an arcsecond."""


def _numbers(shape: str, values: Sequence[float], meaning: str, count: int | None) -> list[float]:
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{shape} takes {meaning}, not {values!r}.", remedy="Give numbers."
        ) from error
    if count is not None and len(numbers) != count:
        raise InvalidInputError(
            f"{shape} takes {count} numbers ({meaning}), not {len(numbers)}.", remedy="Give them in degrees."
        )
    if not all(map(math.isfinite, numbers)):
        raise InvalidInputError(
            f"{shape}{tuple(numbers)} has a number that is not finite.", remedy="Give degrees."
        )
    return numbers


def _lonlat(shape: str, ra: float, dec: float) -> LonLat:
    if not -90.0 <= dec <= 90.0:
        raise InvalidInputError(
            f"{shape} has declination {dec}, beyond a pole.",
            remedy="Give right ascension first, then a declination from -90 to 90 degrees.",
        )
    return LonLat.fromDegrees(ra % 360.0, dec)  # 370 is to be 10 to the last bit


def _size(shape: str, what: str, value: float, largest: float) -> float:
    if not 0.0 <= value <= largest:
        raise InvalidInputError(f"{shape} has {what} {value}.", remedy=f"Give 0 to {largest:g} degrees.")
    return value


def point(values: Sequence[float]) -> Region:
    """Make a circle of no radius."""
    ra, dec = _numbers("POINT", values, "right ascension, declination", 2)
    return Circle(UnitVector3d(_lonlat("POINT", ra, dec)))


def circle(values: Sequence[float]) -> Region:
    """Make a circle from its centre and radius."""
    ra, dec, radius = _numbers("CIRCLE", values, "right ascension, declination, radius", 3)
    centre = UnitVector3d(_lonlat("CIRCLE", ra, dec))
    return Circle(centre, Angle.fromDegrees(_size("CIRCLE", "radius", radius, 180.0)))


def box(values: Sequence[float]) -> Region:
    """Make a box between two meridians and two parallels from its centre and its extent in each coordinate."""
    ra, dec, width, height = _numbers("BOX", values, "right ascension, declination, width, height", 4)
    half_width = Angle.fromDegrees(_size("BOX", "width", width, 360.0) / 2)
    half_height = Angle.fromDegrees(_size("BOX", "height", height, 180.0) / 2)
    return Box(_lonlat("BOX", ra, dec), half_width, half_height)


def polygon(values: Sequence[float]) -> Region:
    """Make a convex polygon from its corners in order, either way round."""
    meaning = "right ascension and declination of three or more corners"
    numbers = _numbers("POLYGON", values, meaning, None)
    if len(numbers) < 6 or len(numbers) % 2:
        raise InvalidInputError(f"POLYGON takes {meaning}, not {len(numbers)} numbers.", remedy="Give pairs.")
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    corners = [UnitVector3d(_lonlat("POLYGON", ra, dec)) for ra, dec in pairs]
    try:
        hull = ConvexPolygon(corners)
    except (RuntimeError, ValueError) as error:
        raise InvalidInputError(
            f"POLYGON{tuple(numbers)} is none: {error}.",
            remedy="Give corners within a hemisphere, not all on a line.",
        ) from error
    if not _goes_round(corners, hull.getVertices()):
        raise InvalidInputError(
            f"POLYGON{tuple(numbers)} is not convex, or its corners are out of order.",
            remedy="Give the corners in order, and a polygon with a dent as several joined by OR.",
        )
    return hull


def _goes_round(corners: list[UnitVector3d], hull: list[UnitVector3d]) -> bool:
    """Whether the corners are those of their hull, in order; others may lie on its edges."""
    order = [hull.index(corner) if corner in hull else None for corner in corners]
    for index, place in enumerate(order):
        if place is None:
            before, after = corners[index - 1], corners[(index + 1) % len(corners)]
            if abs(before.cross(corners[index]).dot(after)) > _FLAT:
                return False
    places = [place for place in order if place is not None]
    steps = {(b - a) % len(hull) for a, b in zip(places, places[1:] + places[:1], strict=True)} - {0}
    return len(set(places)) == len(hull) and (steps in ({1}, {len(hull) - 1}))


CONSTRUCTORS: Mapping[str, Callable[[Sequence[float]], Region]] = {
    "POINT": point,
    "CIRCLE": circle,
    "BOX": box,
    "POLYGON": polygon,
}
