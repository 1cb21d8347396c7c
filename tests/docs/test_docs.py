"""The documentation is true: every block of code in it runs, and every link in it leads somewhere."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from butler_core import Butler, DimensionUniverse
from butler_core.files.names import batch_token
from butler_core.models.journal import JOURNAL_VERSION
from butler_core.testing.universe import testing_universe
from butler_posix import _io
from butler_posix._journal_file import decode_journal, encode_journal

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


SHOWN = {
    "tutorial.md": '{"seeing":0.8}',
    "batches.md": "",
    "collections.md": '"detector":5',
    "queries.md": "4[6,5]",
    "data-ids.md": "9{instrument:'MyCam',detector:0,exposure:2026030100001}",
    "removing.md": "removedsummary",
    "calibrations.md": "{'level':12}{'level':14}bias/morning",
    "spatial.md": "tract:1",
    "conformance.md": "passed",
}
"""Pages whose blocks are run from top to bottom, and something that they show, without blanks."""


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = PROJECT / "docs" / name
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
    assert SHOWN[name] in "".join(shown.split())


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


def test_the_page_on_threads_and_processes_runs(tmp_path: Path) -> None:
    """In a process of its own, since it forks."""
    page = PROJECT / "docs" / "threads-and-processes.md"
    lines: list[str] = []
    for block in blocks(page):
        assert block.language == "python"
        lines += [""] * (block.line - 1 - len(lines)) + block.code.splitlines()
    # Workers that are spawned import the module that they were started from, and must not run it.
    indented = "\n".join(f"    {line}" for line in lines)
    script = tmp_path / "page.py"
    script.write_text(f"if __name__ == '__main__':\n{indented}\n")
    with open_populated(tmp_path / "repo"):
        pass
    subprocess.run([sys.executable, script.name], cwd=tmp_path, check=True, timeout=120)


def open_populated(root: Path) -> Butler:
    """Make a repository with what the pages name."""
    Butler.make_repo(root, dimensions=testing_universe(), durability="process")
    butler = Butler(root, writeable=True)
    butler.insert_dimension_data("instrument", [{"name": "MyCam"}])
    butler.insert_dimension_data("physical_filter", [{"instrument": "MyCam", "name": "g", "band": "g"}])
    butler.insert_dimension_data("day_obs", [{"instrument": "MyCam", "id": 20260101}])
    visit = {"instrument": "MyCam", "id": 1, "name": "1", "day_obs": 20260101, "physical_filter": "g"}
    butler.insert_dimension_data("visit", [visit])
    detectors = [{"instrument": "MyCam", "id": n, "full_name": f"S{n}"} for n in range(4)]
    butler.insert_dimension_data("detector", detectors)
    butler.register_dataset_type("summary", ["instrument", "visit", "detector"], "StructuredDataDict")
    return butler


def fields_of(value: Any, prefix: str = "") -> set[str]:
    """Name every field of a JSON object, as the page on journals does."""
    found: set[str] = set()
    if isinstance(value, dict):
        for name, inner in value.items():
            found |= {f"{prefix}{name}", *fields_of(inner, f"{prefix}{name}.")}
    elif isinstance(value, list):
        for inner in value:
            found |= fields_of(inner, f"{prefix.removesuffix('.')}[].")
    return found


def test_the_page_on_journals_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = PROJECT / "docs" / "journals.md"
    shell, example = blocks(page)
    text = example.code.rstrip("\n").encode()
    body = text.partition(b'"journal":')[2].rpartition(b',"checksum"')[0]
    checksum = hashlib.blake2b(body, digest_size=16).hexdigest().encode()
    journal = decode_journal(text.replace(b"CHECKSUM", checksum) + b"\n", "the example")
    assert all(batch_token(journal.batch_id) in entry.artifact for entry in journal.entries)
    assert encode_journal(journal) == text.replace(b"CHECKSUM", checksum) + b"\n"
    assert f"The format, version {JOURNAL_VERSION}" in page.read_text()
    documented = set(re.findall(r"^\| `([a-z_.\[\]]+)` \|", page.read_text(), re.MULTILINE))
    assert documented == fields_of(json.loads(text))
    # What a butler writes has the same fields, in the place that the page tells.
    written: list[bytes] = []

    def look(name: str, path: str) -> None:
        if name == "link" and not written:
            (file,) = (tmp_path / "repo/data/.butler/journals/u%2Fme%2Ffirst").iterdir()
            assert re.fullmatch(r"\d{8}T\d{12}Z-[0-9a-f]{32}-[0-9a-f]{8}\.json", file.name)
            written.append(file.read_bytes())

    with open_populated(tmp_path / "repo") as butler:
        butler.register_collection("u/me/first")
        monkeypatch.setattr(_io, "step", look)
        butler.put({}, "summary", instrument="MyCam", visit=1, detector=2, run="u/me/first")
    assert fields_of(json.loads(written[0])) == documented
    monkeypatch.chdir(tmp_path)
    run_shell(shell)


def test_the_page_on_verifying_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = PROJECT / "docs" / "verifying.md"
    names: dict[str, Any] = {}
    for block in blocks(page):
        if block.language == "python":
            run_python(block, page, names)
        else:
            run_shell(block)


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


def test_the_protocol_prints_what_its_page_shows() -> None:
    page = PROJECT / "docs" / "protocol.md"
    found = blocks(page)
    shown = [(command, output) for command, output in pairwise(found) if output.language == "text"]
    assert len(shown) == 2
    for command, output in shown:
        module = command.code.removeprefix("python ").split()
        run = subprocess.run([sys.executable, *module], capture_output=True, text=True, check=True)
        assert run.stdout == output.code, f"{page.name}:{output.line}: that is not what {command.code} prints"
    for block in found:
        if block.language == "python":
            run_python(block, page, {"__name__": "page"})


def test_every_page_is_run_or_has_nothing_to_run() -> None:
    run = {
        "README.md",
        "journals.md",
        "protocol.md",
        "threads-and-processes.md",
        "tutorial.md",
        "universes.md",
        "verifying.md",
        *SHOWN,
    }
    for page in PAGES:
        kinds = {block.language for block in blocks(page)} & {"python", "yaml"}
        assert page.name in run or not kinds, (
            f"{page.name} has blocks of {', '.join(kinds)} that no test runs"
        )
