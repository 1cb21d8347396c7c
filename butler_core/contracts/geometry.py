"""Regions: so that the core need not know what a sphere is."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

from butler_core.models.names import DimensionName, Region


class RegionRelation(enum.Flag):
    """How two regions lie to each other."""

    DISJOINT = 1
    OVERLAPS = 2
    CONTAINS = 4
    """The first contains the second."""
    WITHIN = 8
    """The first lies within the second."""


class Geometry(ABC):
    """Regions of one kind: their bytes, the pixels that cover them, how two lie to each other."""

    @abstractmethod
    def decode(self, data: bytes) -> Region:
        """Make a region from its bytes; `InvalidInputError` if they are none."""

    @abstractmethod
    def encode(self, region: Region) -> bytes:
        """Return a region's canonical bytes; `InvalidInputError` if it is no region of this geometry."""

    @abstractmethod
    def envelope(self, region: Region, skypix: DimensionName) -> list[tuple[int, int]]:
        """Return sorted pixel ranges ``[begin, end)`` that cover a region; perhaps too much, never too little.

        Two regions that overlap must have a pixel in common: what this leaves out, no spatial join finds.
        """

    @abstractmethod
    def relate(self, first: Region, second: Region) -> RegionRelation:
        """Say exactly how two regions lie to each other."""

    @abstractmethod
    def pixel(self, skypix: DimensionName, index: int) -> Region:
        """Return the region of one pixel."""

    @abstractmethod
    def construct(
        self, shape: Literal["POINT", "CIRCLE", "BOX", "POLYGON"], values: Sequence[float]
    ) -> Region:
        """Make a region from numbers: ICRS right ascension, declination and sizes, in degrees."""
