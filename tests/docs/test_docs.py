"""The documentation is true: every block of code in it runs, and every link in it leads somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from butler_core import DimensionUniverse

PROJECT = Path(__file__).parents[2]
PAGES = sorted([*PROJECT.glob("docs/*.md"), PROJECT / "README.md"])
_BLOCK = re.compile(r"^```(\w+)(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)


class Block(NamedTuple):
    """A block of code."""

    language: str
    line: int
    code: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    return [Block(m[1], text.count("\n", 0, m.start()) + 2, m[3]) for m in _BLOCK.finditer(text)]


def run_python(block: Block, page: Path, names: dict[str, Any]) -> None:
    # Lines count as in the page, so that a traceback leads there.
    source = "\n" * (block.line - 1) + block.code
    exec(compile(source, str(page), "exec"), names)


def run_shell(block: Block) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.code], check=True, env={**os.environ, "PATH": path}
    )


def test_the_tutorial_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = PROJECT / "docs" / "tutorial.md"
    names: dict[str, Any] = {}
    for block in blocks(page):
        if block.language == "python":
            run_python(block, page, names)
        else:
            assert block.language == "shell", (
                f"{page.name}:{block.line}: a block of {block.language} is not run by anything"
            )
            run_shell(block)
    shown = capfd.readouterr().out
    assert "Traceback" not in shown
    assert '{"seeing":0.8}' in shown.replace(" ", "")


def test_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = PROJECT / "README.md"
    names: dict[str, Any] = {}
    for block in blocks(page):
        if block.language == "python":
            run_python(block, page, names)
    names["butler"].close()
    assert "{'seeing': 0.9}" in capfd.readouterr().out


def test_the_universes_of_the_documentation_load(tmp_path: Path) -> None:
    for n, block in enumerate(blocks(PROJECT / "docs" / "universes.md")):
        path = tmp_path / f"universe{n}.yaml"
        path.write_text(block.code)
        universe = DimensionUniverse.load(path)
        assert universe.namespace == yaml.safe_load(block.code)["namespace"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}, which is not there"


def test_every_page_is_run_or_has_nothing_to_run() -> None:
    run = {"README.md", "tutorial.md", "universes.md"}
    for page in PAGES:
        kinds = {block.language for block in blocks(page)} & {"python", "yaml"}
        assert page.name in run or not kinds, (
            f"{page.name} has blocks of {', '.join(kinds)} that no test runs"
        )
