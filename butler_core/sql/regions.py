"""What SQL asks about regions while it runs, answered by the universe's geometry in the registry's process.

A database calls these functions from within its statements (see `butler_core.sql.database.Database.regions_overlap`), so a test
is part of a condition like any other: limits, counts, pages, NOT and OR need not know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from butler_core.contracts.geometry import Geometry, RegionRelation
from butler_core.errors import InvalidInputError
from butler_core.lazy import lazy_property
from butler_core.models.names import DimensionName, Region

MAX_PIXELS = 2**18
"""The most pixels that the region of one record may need; at ``htm7`` the whole sky needs half of them."""

_DISJOINT, _OVERLAPS = RegionRelation.DISJOINT, RegionRelation.OVERLAPS
_DECODED = 20_000
"""How many regions are kept as objects."""


class Regions:
    """Functions of encoded regions.  Safe to use from several threads.

    Parameters
    ----------
    get_geometry
        Returns the geometry; called when a region is first looked at.
    common
        The common skypix dimension.
    """

    def __init__(self, get_geometry: Callable[[], Geometry], common: DimensionName) -> None:
        self._get_geometry = get_geometry
        self._common = common
        self._decode: Callable[[bytes], Region] = lru_cache(_DECODED)(self._decode_now)
        self._pixel: Callable[[DimensionName, int], bytes | None] = lru_cache(_DECODED)(self._pixel_now)

    @lazy_property
    def geometry(self) -> Geometry:
        """The universe's geometry."""
        return self._get_geometry()

    @lazy_property
    def _relate(self) -> Callable[[Region, Region], RegionRelation]:
        return self.geometry.relate

    def _decode_now(self, data: bytes) -> Region:
        return self.geometry.decode(data)

    # -- what SQL calls

    @lazy_property
    def overlap(self) -> Callable[[bytes | None, bytes | None], bool | None]:
        """Whether two regions overlap, exactly; None if one is missing."""
        relate, decode = self._relate, self._decode  # looked up here, not for each of a million pairs

        def overlap(first: bytes | None, second: bytes | None) -> bool | None:
            if first is None or second is None:
                return None
            relation = relate(decode(first), decode(second))
            # The first two are all that mostly comes, and are found at a tenth of the price of the last.
            if relation is _DISJOINT:
                return False
            return relation is _OVERLAPS or not relation & _DISJOINT

        return overlap

    def pixel(self, skypix: DimensionName, index: int | None) -> bytes | None:
        """Return the region of a pixel; None for a number that is no pixel."""
        return None if index is None else self._pixel(skypix, index)

    def _pixel_now(self, skypix: DimensionName, index: int) -> bytes | None:
        geometry = self.geometry
        try:
            return geometry.encode(geometry.pixel(skypix, index))
        except InvalidInputError:  # nobody checked the number when a dataset was put: it lies nowhere
            return None

    def pixels(self, skypix: DimensionName, region: bytes | None) -> list[int]:
        """Return the pixels that overlap a region, exactly."""
        if region is None:
            return []
        relate, shape = self._relate, self._decode(region)
        pixel, decode = self._pixel, self._decode
        return [
            index
            for index in self.cover(skypix, region)
            if (data := pixel(skypix, index)) is not None and not relate(decode(data), shape) & _DISJOINT
        ]

    # -- what is asked before statements run

    def cover(self, skypix: DimensionName, region: bytes) -> Iterator[int]:
        """Yield the pixels that cover a region: perhaps too many, never too few.

        Raises `InvalidInputError` if they are more than `MAX_PIXELS`.
        """
        ranges = self.geometry.envelope(self._decode(region), skypix)
        count = sum(end - begin for begin, end in ranges)
        if count > MAX_PIXELS:
            raise InvalidInputError(
                f"A region covers {count} pixels of {skypix}, and {MAX_PIXELS} are the most that are kept.",
                remedy="Use a coarser level, or smaller regions.",
            )
        return (index for begin, end in ranges for index in range(begin, end))

    def common_ranges(self, region: bytes) -> list[tuple[int, int]]:
        """Return ranges of pixels of the common skypix dimension that cover a region."""
        return self.geometry.envelope(self._decode(region), self._common)

    def common_cover(self, region: bytes) -> Iterator[int]:
        """Yield the pixels of the common skypix dimension that cover a region: see `cover`."""
        return self.cover(self._common, region)

    def construct(self, shape: str, values: Sequence[float]) -> bytes:
        """Return the bytes of a region that a condition describes."""
        geometry: Any = self.geometry
        data: bytes = geometry.encode(geometry.construct(shape, values))
        return data

    def check(self, data: bytes) -> bytes:
        """Return the bytes of a region, which a user gave, in their canonical form; `InvalidInputError` if they are none."""
        return self.geometry.encode(self._decode(data))
