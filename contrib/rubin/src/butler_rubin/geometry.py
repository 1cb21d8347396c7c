"""Regions on the sphere, through lsst-sphgeom: the geometry plugin named ``sphgeom``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from lsst.sphgeom import CompoundRegion, ConvexPolygon, Region, UnitVector3d

from butler_core.contracts.geometry import Geometry, RegionRelation
from butler_core.errors import InvalidInputError
from butler_rubin import pixels, relations, shapes


class SphereGeometry(Geometry):
    """Regions are `lsst.sphgeom.Region` objects in ICRS; their bytes are what its ``encode`` gives."""

    def decode(self, data: bytes) -> Region:
        """Make a region from its bytes; `InvalidInputError` if they are none, or hold numbers that are no directions."""
        try:
            region = Region.decode(data)
            is_sound = _is_sound(region)
        except (RuntimeError, ValueError, TypeError) as error:
            raise InvalidInputError(
                f"{len(data)} bytes that begin with {data[:8]!r} do not decode to a region: {error}.",
                remedy="Give what encode() of a region of lsst.sphgeom returned.",
            ) from error
        if not is_sound:
            raise InvalidInputError(
                f"{type(region).__name__} of {len(data)} bytes has corners or a centre that are no directions.",
                remedy="Give what encode() of a region of lsst.sphgeom returned.",
            )
        return region

    def encode(self, region: Region) -> bytes:
        """Return a region's canonical bytes."""
        _check(region)
        return region.encode()

    def envelope(self, region: Region, skypix: str) -> list[tuple[int, int]]:
        """Return sorted, disjoint ranges of pixels that cover a region."""
        _check(region)
        return pixels.envelope(region, skypix)

    def relate(self, first: Region, second: Region) -> RegionRelation:
        """Say how two regions lie to each other; those that touch overlap."""
        _check(first)
        _check(second)
        return relations.relate(first, second)

    def pixel(self, skypix: str, index: int) -> Region:
        """Return the region of one pixel; HEALPix pixels are the convex hull of 16 points on their edge."""
        return pixels.pixel(skypix, index)

    def construct(
        self, shape: Literal["POINT", "CIRCLE", "BOX", "POLYGON"], values: Sequence[float]
    ) -> Region:
        """Make a region from degrees.

        POINT takes right ascension and declination; CIRCLE these and a radius; BOX these (its centre), the extent in right
        ascension and that in declination, both as differences of coordinates; POLYGON those of each corner in turn.
        """
        make: Callable[[Sequence[float]], Region] | None = shapes.CONSTRUCTORS.get(shape)
        if make is None:
            raise InvalidInputError(
                f"There is no shape {shape!r}.", remedy=f"Shapes are: {', '.join(shapes.CONSTRUCTORS)}."
            )
        return make(values)


def _check(region: object) -> None:
    if not isinstance(region, Region):
        raise InvalidInputError(
            f"{region!r} is a {type(region).__name__}, and no region of lsst.sphgeom.",
            remedy="Give a Circle, Box, ConvexPolygon, Ellipse, UnionRegion or IntersectionRegion.",
        )


def _is_sound(region: Region) -> bool:
    """Whether the numbers of a decoded region are finite and its directions have length one; the library checks neither."""
    if type(region) is ConvexPolygon:
        return all(map(_is_direction, region.getVertices()))
    if isinstance(region, CompoundRegion):
        return all(map(_is_sound, region))
    circle = region.getBoundingCircle()
    return _is_direction(circle.getCenter()) and math.isfinite(circle.getSquaredChordLength())


def _is_direction(vector: UnitVector3d) -> bool:
    return abs(vector.x() ** 2 + vector.y() ** 2 + vector.z() ** 2 - 1.0) < 1e-9
