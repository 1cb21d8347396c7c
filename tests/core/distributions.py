"""Distributions made up for tests: metadata and modules in a directory, as an installer would leave them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent


def write_distribution(
    site: Path,
    name: str,
    entry_points: Mapping[str, Mapping[str, str]],
    *,
    version: str = "1.0",
    requires: tuple[str, ...] = ("butler-core",),
    modules: Mapping[str, str] | None = None,
) -> None:
    """Install a distribution into a directory.

    Parameters
    ----------
    site
        The directory; it must be on ``sys.path``.
    name, version, requires
        Metadata of the distribution.
    entry_points
        Targets by name by group.
    modules
        Source by module name.
    """
    metadata = site / f"{name.replace('-', '_')}-{version}.dist-info"
    metadata.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    (metadata / "METADATA").write_text(
        "\n".join([*lines, *(f"Requires-Dist: {one}" for one in requires)]) + "\n"
    )
    sections = [
        f"[{group}]\n" + "".join(f"{entry} = {target}\n" for entry, target in entries.items())
        for group, entries in entry_points.items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(sections))
    for module, source in (modules or {}).items():
        (site / f"{module}.py").write_text(dedent(source))


def offer(hook: str, kind: str, *names: str) -> str:
    """Return the source of a plugin module whose hook offers the names with descriptions that can't be opened."""
    extra = {
        "RegistryBackend": ", config_model=BaseModel, create=print, open=print",
        "DatastoreBackend": ", config_model=BaseModel, create=print, open=print, open_bridge=print",
        "Backend": ", open=lambda config, context: name.upper()",
        "StorageClassDescription": ", pytype='dict'",
    }[kind]
    summary = "" if kind == "StorageClassDescription" else ", summary='made up'"
    return (
        "from pydantic import BaseModel\n"
        f"from butler_core.hookspecs import {kind}, hookimpl\n\n"
        "@hookimpl\n"
        f"def {hook}():\n"
        f"    return [{kind}(name=name{summary}{extra}) for name in {names!r}]\n"
    )
