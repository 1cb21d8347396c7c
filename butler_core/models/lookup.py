"""What models ask of plugins, by name: storage classes, universes, geometries.

Models stand at the bottom and import nothing above them, so the answers are put in from above: `butler_core.discovery`
installs itself here when it is imported, and every public name of `butler_core` imports it first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from butler_core.errors import InternalError


class GeometryLike(Protocol):
    """The part of `butler_core.contracts.geometry.Geometry` that models need."""

    def decode(self, data: bytes) -> Any:
        """Make a region from its bytes."""

    def encode(self, region: Any) -> bytes:
        """Make a region's bytes."""


class Offers(Protocol):
    """What somebody who knows the installed plugins can answer."""

    def get_storage_class(self, name: str) -> Any:
        """Return the `StorageClass` of a name; `NotFoundError` if no plugin offers it."""

    def get_universe_source(self, name: str, version: int | None) -> Mapping[str, Any]:
        """Return the definition of a universe by its plugin's name; None is the newest version."""

    def get_geometry(self, name: str) -> GeometryLike:
        """Return the geometry plugin of a name."""


_offers: Offers | None = None


def install(offers: Offers) -> None:
    """Answer all later questions with ``offers``."""
    global _offers
    _offers = offers


def _installed() -> Offers:
    if _offers is None:
        raise InternalError(
            "Nobody has said which plugins there are.",
            remedy="Import butler_core.discovery before the models are asked for what plugins offer.",
        )
    return _offers


def storage_class(name: str) -> Any:
    """Return the `StorageClass` of a name; `NotFoundError` if no plugin offers it."""
    return _installed().get_storage_class(name)


def universe_source(name: str, version: int | None) -> Mapping[str, Any]:
    """Return a universe's definition by its plugin's name."""
    return _installed().get_universe_source(name, version)


def geometry(name: str) -> GeometryLike:
    """Return a geometry plugin by name."""
    return _installed().get_geometry(name)
