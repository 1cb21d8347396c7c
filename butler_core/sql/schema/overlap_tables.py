"""The tables with the pixels of the common skypix dimension that the regions of an element's records touch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from butler_core.models.universe import DimensionElement, DimensionUniverse
from butler_core.sql.database import Database

PIXEL = "_pixel"
"""The column with the pixel."""


def has_overlaps(universe: DimensionUniverse, element: DimensionElement) -> bool:
    """Whether the pixels of an element's regions are kept."""
    return (
        element.spatial_family is not None
        and universe.geometry is not None
        and universe.common_skypix is not None
    )


def overlap_table(
    database: Database,
    metadata: sa.MetaData,
    universe: DimensionUniverse,
    element: DimensionElement,
    key: Iterable[sa.Column[Any]],
) -> sa.Table:
    """Describe the table: the element's key and `PIXEL`, a row for each pixel, found by either.

    It has no foreign key: its rows are written with the records', which nobody removes.
    """
    name = f"overlap_{element.name}_{universe.common_skypix}"
    columns = [sa.Column(quoted_name(c.name, True), c.type, primary_key=True) for c in key]
    pixel: sa.Column[Any] = sa.Column(PIXEL, database.column_type("int"), primary_key=True)
    return sa.Table(
        quoted_name(name, True),
        metadata,
        *columns,
        pixel,
        sa.Index(quoted_name(f"{name}_pixel", True), PIXEL),
        **database.table_options(is_small=True),
    )
