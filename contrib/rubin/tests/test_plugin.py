"""What butler-rubin offers is found by name, and costs nothing until it is used."""

import subprocess
import sys

from butler_core import discovery
from butler_core.contracts.geometry import Geometry
from butler_core.contracts.universe import UniverseProvider


def test_names():
    assert isinstance(discovery.get_universe_provider("rubin"), UniverseProvider)
    assert isinstance(discovery.get_geometry("sphgeom"), Geometry)
    assert (
        discovery.find_reader("e.yaml", b"description: Butler Data Repository Export\n").name
        == "daf-butler-yaml"
    )


def test_a_universe_needs_no_numpy():
    code = """
import sys
from butler_core import DimensionUniverse
DimensionUniverse.load("rubin")
print([name for name in ("numpy", "lsst.sphgeom", "hpgeom") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
