"""Universes as plugins: their definition, and what comes with their community."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from butler_core.models.names import ColumnName, DimensionElementName


class UniverseProvider(ABC):
    """A dimension universe in all its versions."""

    versions: Sequence[int]
    """Newest last."""
    geometry: str | None
    """Name of the geometry plugin that its regions need."""

    @abstractmethod
    def load(self, version: int | None = None) -> Mapping[str, Any]:
        """Return a version's definition, None the newest's, as `DimensionUniverse.load` takes it; it may extend another by name.

        Raises `NotFoundError` for a version that it does not have.
        """

    @abstractmethod
    def convert_record(
        self,
        element: DimensionElementName,
        record: Mapping[ColumnName, Any],
        from_version: int,
        to_version: int,
    ) -> Mapping[ColumnName, Any]:
        """Bring a record of one version's element into another version's."""
