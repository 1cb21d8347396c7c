"""What rows of a query have."""

from __future__ import annotations

from dataclasses import dataclass

from butler_core.models.names import ColumnName, DatasetTypeName, DimensionElementName, DimensionName


@dataclass(frozen=True)
class Projection:
    """What rows have."""

    dimensions: tuple[DimensionName, ...] | None = None
    """None: all that are joined."""
    columns: tuple[ColumnName, ...] | None = None
    """Besides dimensions; None: the fields of searches."""
    unique: bool = True
    elements: tuple[DimensionElementName, ...] = ()
    """Whose records' columns are added."""
    records: tuple[DatasetTypeName, ...] = ()
    """For whose datasets the columns of datastore records are added."""
