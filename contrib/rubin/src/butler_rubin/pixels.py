"""Pixels of the sky: skypix names such as ``htm7`` or ``healpix9``, the region of a pixel, and the pixels that cover a region."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import hpgeom  # type: ignore[import-untyped]
from lsst.sphgeom import (
    CompoundRegion,
    Ellipse,
    HealpixPixelization,
    HtmPixelization,
    IntersectionRegion,
    Mq3cPixelization,
    Q3cPixelization,
    RangeSet,
    Region,
)

from butler_core.errors import InvalidInputError
from butler_rubin.relations import is_empty

_NAME = re.compile(r"([a-z][a-z0-9]*?[a-z])([0-9]+)")


class _System(NamedTuple):
    make: Callable[[int], Any]
    finest: int
    max_pixels_across: int
    """How many pixels a region's radius may span before the search goes on at a coarser level."""


# The work grows with the length of a region's edge in pixels, but for HEALPix with its area in pixels of a 16th of the size.
_SYSTEMS = {
    "htm": _System(HtmPixelization, 24, 512),
    "healpix": _System(HealpixPixelization, 17, 32),
    "q3c": _System(Q3cPixelization, 30, 512),
    "mq3c": _System(Mq3cPixelization, 30, 512),
}

_POLAR_BLOCK = 64
"""Pixels (8 by 8) of a HEALPix base face next to the pole that are treated as bent; those that matter are within 4 by 4."""


class Pixelization(NamedTuple):
    """One level of one way of dividing the sky."""

    system: str
    level: int
    implementation: Any


@lru_cache(maxsize=200)
def pixelization(skypix: str) -> Pixelization:
    """Return the pixelization that a skypix dimension's name stands for, or raise `InvalidInputError`."""
    match = _NAME.fullmatch(skypix)
    system = _SYSTEMS.get(match[1]) if match else None
    if match is None or system is None or not 0 <= int(match[2]) <= system.finest:
        known = ", ".join(f"{name}0 to {name}{system.finest}" for name, system in _SYSTEMS.items())
        raise InvalidInputError(f"{skypix!r} is no tessellation of the sky.", remedy=f"There are {known}.")
    return Pixelization(match[1], int(match[2]), system.make(int(match[2])))


def pixel(skypix: str, index: int) -> Region:
    """Return the region of one pixel, or raise `InvalidInputError` if there is none of this index."""
    found = pixelization(skypix).implementation
    if index < 0 or index not in found.universe():
        ranges = " or ".join(f"{begin} to {end - 1}" for begin, end in found.universe().ranges())
        raise InvalidInputError(f"{skypix} has no pixel {index!r}.", remedy=f"Its pixels are {ranges}.")
    region: Region = found.pixel(index)
    return region


def envelope(region: Region, skypix: str) -> list[tuple[int, int]]:
    """Return sorted, disjoint pixel ranges ``[begin, end)`` that cover a region: at times too many, never too few."""
    return [(begin, end) for begin, end in _cover(region, pixelization(skypix)).ranges()]


def _cover(region: Region, pixels: Pixelization) -> RangeSet:
    if is_empty(region):
        return RangeSet()
    if isinstance(region, CompoundRegion):
        covers = [_cover(part, pixels) for part in region]
        if isinstance(region, IntersectionRegion):
            return _merge(covers, RangeSet.intersection)
        return _merge(covers, RangeSet.union)
    if region.getBoundingCircle().getOpeningAngle().asRadians() >= math.pi:
        sky: RangeSet = pixels.implementation.universe()
        return sky
    level = _affordable_level(region, pixels)
    coarse = pixels if level == pixels.level else pixelization(f"{pixels.system}{level}")
    cover = _cover_simple(region, coarse)
    return cover if coarse is pixels else cover.scaled(4 ** (pixels.level - level))


def _merge(covers: Iterable[RangeSet], combine: Callable[[RangeSet, RangeSet], RangeSet]) -> RangeSet:
    iterator = iter(covers)
    result = next(iterator)
    for cover in iterator:
        result = combine(result, cover)
    return result


def _affordable_level(region: Region, pixels: Pixelization) -> int:
    """Return the level, at most that of ``pixels``, at which covering a region takes milliseconds rather than hours."""
    radius = region.getBoundingCircle().getOpeningAngle().asRadians()
    if radius <= 0.0:
        return pixels.level
    limit = math.floor(math.log2(_SYSTEMS[pixels.system].max_pixels_across / radius))
    return max(0, min(pixels.level, limit))


def _cover_simple(region: Region, pixels: Pixelization) -> RangeSet:
    if isinstance(region, Ellipse):
        region = (
            region.getBoundingCircle()
        )  # the library's search for ellipses never ends, and overflows the stack
    cover: RangeSet = pixels.implementation.envelope(region)
    return _add_bent_neighbours(cover, pixels.level) if pixels.system == "healpix" else cover


def _add_bent_neighbours(cover: RangeSet, level: int) -> RangeSet:
    """Add neighbours of pixels near the poles.

    Edges of HEALPix pixels curve inwards there, so that the convex region which stands for a pixel reaches visibly into the
    next one: what lies in that strip overlaps two regions, but the search finds one pixel only.
    """
    if level == 0:
        return RangeSet(0, 12)
    face = 4**level
    caps = [RangeSet((i + 1) * face - min(face, _POLAR_BLOCK), (i + 1) * face) for i in range(4)]
    caps += [RangeSet(i * face, i * face + min(face, _POLAR_BLOCK)) for i in range(8, 12)]
    bent = cover.intersection(_merge(caps, RangeSet.union))
    if bent.empty():
        return cover
    indices = [index for begin, end in bent.ranges() for index in range(begin, end)]
    neighbours = hpgeom.neighbors(2**level, indices).ravel()
    return cover.union(RangeSet([int(index) for index in neighbours if index >= 0]))
