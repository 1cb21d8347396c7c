"""What butler-rubin offers: the universe ``rubin``, the geometry ``sphgeom`` and the export reader ``daf-butler-yaml``."""

from __future__ import annotations

from typing import Any

from butler_core.contracts.geometry import Geometry
from butler_core.contracts.reader import ForeignExportReader
from butler_core.contracts.universe import UniverseProvider
from butler_core.hookspecs import Backend, OpenContext, hookimpl

# What is imported within these functions is heavy (numpy, lsst-sphgeom, yaml), and needed only by who opens it.


def _open_universe(config: Any, context: OpenContext | None) -> UniverseProvider:
    from butler_rubin.universe import RubinUniverse

    return RubinUniverse()


def _open_geometry(config: Any, context: OpenContext | None) -> Geometry:
    from butler_rubin.geometry import SphereGeometry

    return SphereGeometry()


def _open_reader(config: Any, context: OpenContext | None) -> ForeignExportReader:
    from butler_rubin.reader import DafButlerYamlReader

    return DafButlerYamlReader()


@hookimpl
def butler_universes() -> list[Backend[UniverseProvider]]:
    """Offer Rubin's universe."""
    return [
        Backend(
            name="rubin",
            summary="Rubin Observatory's dimensions (daf_butler), versions 6 to 8",
            open=_open_universe,
        )
    ]


@hookimpl
def butler_geometries() -> list[Backend[Geometry]]:
    """Offer regions on the sphere."""
    return [Backend(name="sphgeom", summary="Regions on the sphere, by lsst-sphgeom", open=_open_geometry)]


@hookimpl
def butler_readers() -> list[Backend[ForeignExportReader]]:
    """Offer the reader of exports that lsst-daf-butler wrote."""
    return [
        Backend(
            name="daf-butler-yaml",
            summary="YAML exports of lsst-daf-butler, formats 0 to 1.0.2",
            open=_open_reader,
        )
    ]
