"""A small geometry for tests: boxes on a plane, and two ways to divide that into squares, each by fours.

`PlaneGeometry` is a geometry like any plugin's, but needs nothing installed: `installed_plane` makes it known by its name.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from butler_core.contracts.geometry import Geometry, RegionRelation
from butler_core.errors import InvalidInputError
from butler_core.models import lookup
from butler_core.testing.universe import TESTING_UNIVERSE

PLANE = "plane"
SIZE = 64.0
"""The plane is all points (x, y) with coordinates from 0 to this."""
_ORIGINS = {"quad": 0.0, "shifted": -5.0}
"""Where each tessellation's square begins; it is twice as wide as the plane."""
_NAME = re.compile(r"(quad|shifted)([0-9]+)")

PLANE_UNIVERSE: dict[str, Any] = {
    **TESTING_UNIVERSE,
    "namespace": "testing_plane",
    "geometry": PLANE,
    "skypix": {"common": "quad5", "systems": {"quad": 8, "shifted": 8}},
    "elements": {
        **TESTING_UNIVERSE["elements"],
        "epoch": {"key": {"name": "id", "type": "int"}, "requires": ["skymap"]},
    },
    "topology": {
        "spatial": TESTING_UNIVERSE["topology"]["spatial"],
        "temporal": {**TESTING_UNIVERSE["topology"]["temporal"], "epochs": ["epoch"]},
    },
}
"""The testing universe with this geometry, and a second family of elements with timespans."""


class Box(NamedTuple):
    """All points between two corners, these included."""

    x0: float
    y0: float
    x1: float
    y1: float

    def overlaps(self, other: Box) -> bool:
        """Whether they share a point."""
        return self.x0 <= other.x1 and other.x0 <= self.x1 and self.y0 <= other.y1 and other.y0 <= self.y1

    def encode(self) -> bytes:
        """Return its bytes."""
        return struct.pack("<4d", *self)


class PlaneGeometry(Geometry):
    """Regions are boxes; pixels of level n are numbered such that p becomes 4p to 4p + 3 in the next."""

    def decode(self, data: bytes) -> Box:
        """Make a box from its bytes."""
        if len(data) != 32:
            raise InvalidInputError(f"{len(data)} bytes are no box.", remedy="Give 32 bytes.")
        return Box(*struct.unpack("<4d", data))

    def encode(self, region: Box) -> bytes:
        """Return the bytes of a box."""
        if not isinstance(region, Box):
            raise InvalidInputError(f"{region!r} is no box.", remedy="Give a Box.")
        return region.encode()

    def envelope(self, region: Box, skypix: str) -> list[tuple[int, int]]:
        """Return the pixels whose squares touch a box, and one more on each side: an envelope may be too large."""
        origin, level = _parse(skypix)
        width = 2 * SIZE / 2**level

        def span(low: float, high: float) -> range:
            first, last = int((low - origin) // width) - 1, int((high - origin) // width) + 1
            return range(max(first, 0), min(last, 2**level - 1) + 1)

        found = sorted(
            _interleave(x, y, level) for x in span(region.x0, region.x1) for y in span(region.y0, region.y1)
        )
        return [(index, index + 1) for index in found]

    def relate(self, first: Box, second: Box) -> RegionRelation:
        """Say how two boxes lie to each other; those that touch overlap."""
        return RegionRelation.OVERLAPS if first.overlaps(second) else RegionRelation.DISJOINT

    def pixel(self, skypix: str, index: int) -> Box:
        """Return the square of a pixel."""
        origin, level = _parse(skypix)
        if not 0 <= index < 4**level:
            raise InvalidInputError(f"{skypix} has no pixel {index}.", remedy=f"It has {4**level}.")
        width = 2 * SIZE / 2**level
        x = sum((index >> (2 * bit) & 1) << bit for bit in range(level))
        y = sum((index >> (2 * bit + 1) & 1) << bit for bit in range(level))
        x0, y0 = origin + x * width, origin + y * width
        return Box(x0, y0, x0 + width, y0 + width)

    def construct(self, shape: Literal["POINT", "CIRCLE", "BOX", "POLYGON"], values: Sequence[float]) -> Box:
        """Make a point, or a box from its centre and its sizes."""
        if shape == "POINT":
            x, y = values
            return Box(x, y, x, y)
        if shape == "BOX":
            x, y, width, height = values
            return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        raise InvalidInputError(f"There is no {shape} on this plane.", remedy="Use POINT or BOX.")


def _parse(skypix: str) -> tuple[float, int]:
    match = _NAME.fullmatch(skypix)
    if match is None:
        raise InvalidInputError(f"{skypix!r} does not divide the plane.", remedy="Use quad5 or shifted4.")
    return _ORIGINS[match[1]], int(match[2])


def _interleave(x: int, y: int, level: int) -> int:
    return sum(((x >> bit & 1) << (2 * bit)) | ((y >> bit & 1) << (2 * bit + 1)) for bit in range(level))


class _WithPlane:
    """What is installed, and the plane."""

    def __init__(self, others: lookup.Offers | None) -> None:
        self._others = others

    def get_storage_class(self, name: str) -> Any:
        assert self._others is not None
        return self._others.get_storage_class(name)

    def get_universe_source(self, name: str, version: int | None) -> Mapping[str, Any]:
        assert self._others is not None
        return self._others.get_universe_source(name, version)

    def get_geometry(self, name: str) -> Any:
        if name == PLANE:
            return PlaneGeometry()
        assert self._others is not None
        return self._others.get_geometry(name)


@contextmanager
def installed_plane() -> Iterator[None]:
    """Make the geometry known by its name for a while."""
    before = lookup._offers
    lookup._offers = _WithPlane(before)
    try:
        yield
    finally:
        lookup._offers = before
