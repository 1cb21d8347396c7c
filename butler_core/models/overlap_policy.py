"""How spatial and temporal joins are made that nobody spelt out."""

from __future__ import annotations

import enum


class OverlapJoinPolicy(enum.Enum):
    """Which elements of two sides are joined where their regions or timespans overlap."""

    FINE = "fine"
    """The finest of each side."""
    COARSE = "coarse"
    """The coarsest of each side."""
    REQUIRE_MANUAL = "require-manual"
    """None: `InvalidInputError` where a join is possible and none was given."""
    CARTESIAN = "cartesian"
    """None: every combination."""
