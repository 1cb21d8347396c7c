"""What the front door costs: asserted by the modules that it loads, since times depend on the machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from butler_core.installed import Installed

HEAVY = {
    "sqlalchemy",
    "fsspec",
    "numpy",
    "yaml",
    "lark",
    "orjson",
    "rich",
    "pydantic",
    "pluggy",
    "astropy",
    "lsst",
}


def _loaded_by(statements: str) -> set[str]:
    """Return the modules of a fresh process that ran some statements."""
    script = f"import sys\n{statements}\nprint('LOADED', *sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("LOADED ")[2].split())


def _plugin_packages() -> set[str]:
    """Return the packages of all installed plugins, and those of this workspace."""
    own = {"butler_sqlite", "butler_posix", "butler_rubin"}
    return own | {target.partition(".")[0] for target in Installed.scan().targets()} - {"butler_core"}


def _run(*arguments: str) -> str:
    """Return statements that run the command line in this process."""
    return (
        "from butler_core.cli.main import command\n"
        f"command({list(arguments)!r}, prog_name='butler', standalone_mode=False)"
    )


@pytest.mark.parametrize(
    "statements",
    ["import butler_core", "import butler_core; dir(butler_core)", _run("--help"), _run("--version")],
)
def test_the_front_door_loads_nothing_heavy(statements):
    tops = {name.partition(".")[0] for name in _loaded_by(statements)}
    assert not tops & (HEAVY | _plugin_packages())


def test_importing_the_package_loads_next_to_nothing():
    assert {name for name in _loaded_by("import butler_core") if name.startswith("butler_core")} == {
        "butler_core"
    }


def test_listing_plugins_imports_none():
    loaded = _loaded_by(_run("plugins", "--json"))
    assert not {name.partition(".")[0] for name in loaded} & _plugin_packages()
    assert "butler_core.formats.plugin" not in loaded


def test_opening_the_public_names_imports_no_plugin_and_no_database_library():
    loaded = _loaded_by("from butler_core import Butler, DimensionUniverse, Timespan")
    assert not {name.partition(".")[0] for name in loaded} & (
        _plugin_packages() | {"sqlalchemy", "fsspec", "numpy", "rich"}
    )
