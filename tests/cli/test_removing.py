"""The verbs that remove: what they show, refuse, ask and leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from butler_core import Butler, CollectionType, SequenceEditMode, SetEditMode
from butler_core.cli import removing
from butler_core.cli.main import command
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import INSTRUMENT, data_ids, populate
from tests.butler.test_datasets import files_under

Call = Callable[..., Result]
A, B = "u/me/a", "u/me/b"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with two RUNs of three and two datasets, a chain of both, and a tag with one of the first."""
    path = tmp_path / "repo"
    Butler.make_repo(path, dimensions=testing_universe(), durability="process")
    with Butler(path, writeable=True) as butler:
        populate(butler)
        for run, ids in ((A, data_ids()[:3]), (B, data_ids()[1:3])):
            butler.register_collection(run)
            butler.put_many([({}, ref) for ref in butler.make_refs("summary", ids, run=run)])
        butler.register_collection("chain", CollectionType.CHAINED)
        butler.edit_collection_chain("chain", [A, B], SequenceEditMode.ASSIGN)
        butler.register_collection("tag", CollectionType.TAGGED)
        first = next(iter(butler.query_datasets("summary", A)))
        butler.edit_associations("tag", [first], SetEditMode.INSERT_OR_FAIL)
    return path


def call(*arguments: str | Path, code: int = 0, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], input=stdin)
    assert result.exit_code == code, result.output
    return result


def call_json(*arguments: str | Path, code: int = 0) -> Any:
    return json.loads(call(*arguments, "--json", code=code).stdout)


def state(root: Path) -> tuple[list[str], int]:
    """Return the names of collections and the number of files."""
    with Butler(root) as butler:
        return sorted(butler.query_collections()), len(files_under(root))


ALL = ["chain", "tag", A, B]


def test_a_dry_run_shows_what_would_go_and_removes_nothing(root: Path) -> None:
    shown = call("remove-runs", root, "u/*", "--unlink", "--associations", "--dry-run").stdout
    lines = [line.split() for line in shown.splitlines()]
    assert ["remove", A, "summary", "3"] in lines
    assert ["remove", B, "the", "collection"] in lines
    assert ["unlink", "chain", A] in lines
    assert ["dissociate", "tag", "1"] in lines
    assert ["would", "remove", "5", "datasets,", "2", "collections"] in lines
    facts = call_json("remove-runs", root, "u/*", "--unlink", "--associations", "--dry-run")
    assert facts == {
        "datasets": 5,
        "size_bytes": 10,
        "collections": [A, B],
        "chain_links": {"chain": [A, B]},
        "associations": {"tag": 1},
        "orphaned": [],
        "dry_run": True,
    }
    assert state(root) == (ALL, 5)


def test_runs_go_with_all_that_is_named(root: Path) -> None:
    facts = call_json("remove-runs", root, A, "--unlink", "--associations", "--yes")
    assert (facts["datasets"], facts["dry_run"]) == (3, False)
    assert state(root) == (["chain", "tag", B], 2)
    assert call("remove-runs", root, "u/*", "--unlink", "-y").stdout.split()[:2] == ["removed", "2"]
    assert state(root) == (["chain", "tag"], 0)


@pytest.mark.parametrize("dry_run", [["--dry-run"], ["--yes"]])
@pytest.mark.parametrize(
    ("options", "problem", "remedy"),
    [(["--associations"], "chain 'chain'", "--unlink"), (["--unlink"], "'tag'", "--associations")],
)
def test_what_would_break_is_refused(
    root: Path, options: list[str], problem: str, remedy: str, dry_run: list[str]
) -> None:
    refused = call("remove-runs", root, A, *options, *dry_run, code=4).stderr
    assert problem in refused
    assert f"remedy: {'Pass ' if remedy == '--unlink' else 'Take them out of it too: '}{remedy}" in refused
    assert state(root) == (ALL, 5)


def test_nobody_to_ask_is_no_yes(root: Path) -> None:
    for verb, *arguments in (
        ["remove-runs", B, "--unlink"],
        ["remove-datasets", "summary", "-c", B],
        ["unstore", "summary", "-c", B],
        ["remove-collections", "tag"],
    ):
        said = call(verb, root, *arguments, code=2).stderr
        assert "remedy: Look with --dry-run first, then pass --yes." in said
    with Butler(root, writeable=True) as butler:
        butler.register_dataset_type("unused", ["instrument"], "StructuredDataDict")
    assert "--yes" in call("remove-dataset-type", root, "unused", code=2).stderr
    assert state(root) == (ALL, 5)


def test_whoever_can_be_asked_is_asked(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removing, "_can_ask", lambda: True)
    refused = call("remove-runs", root, B, "--unlink", stdin="n\n", code=1)
    assert "Remove 2 datasets and 1 collections (4 bytes) for good?" in refused.stderr
    assert "Nothing was removed." in refused.stderr
    assert state(root) == (ALL, 5)
    call("remove-runs", root, B, "--unlink", stdin="y\n")
    assert state(root) == (["chain", "tag", A], 3)


def test_each_verb_removes_its_own_types_of_collections(root: Path) -> None:
    assert "remove-collections" in call("remove-runs", root, "chain", "--yes", code=2).stderr
    assert "remove-runs" in call("remove-collections", root, A, "--yes", code=2).stderr
    assert "nothing found" in call("remove-runs", root, "t*", "--yes").stderr
    assert "'nowhere'" in call("remove-runs", root, "nowhere", "--yes", code=3).stderr
    assert state(root) == (ALL, 5)


def test_chains_and_tags_go_and_what_they_hold_stays(root: Path) -> None:
    shown = call("remove-collections", root, "*", "--dry-run").stdout
    assert f"leave   {A}" in shown
    facts = call_json("remove-collections", root, "*", "--yes")
    assert (facts["collections"], facts["orphaned"]) == (["chain", "tag"], [A, B])
    assert state(root) == ([A, B], 5)


def test_orphans_go_along_if_they_are_asked_for(root: Path) -> None:
    assert "'tag'" in call("remove-collections", root, "chain", "--orphans", "--yes", code=4).stderr
    facts = call_json("remove-collections", root, "chain", "--orphans", "--associations", "--yes")
    assert (facts["datasets"], facts["orphaned"]) == (5, [])
    assert state(root) == (["tag"], 0)


def test_datasets_go_that_a_search_finds(root: Path) -> None:
    call("remove-datasets", root, "summary", "--yes", code=2)  # not without collections
    facts = call_json(
        "remove-datasets", root, "summary", "-c", f"{B},{A}", "--where", "detector > 0", "--yes"
    )
    assert facts["datasets"] == 2  # those of A stay, which B hides
    assert state(root) == (ALL, 3)
    arguments = ("remove-datasets", root, "summary", f"instrument={INSTRUMENT}", "-c", "*", "--find-all")
    assert "'tag'" in call(*arguments, "--yes", code=4).stderr
    assert call_json(*arguments, "--associations", "--yes")["datasets"] == 3
    assert state(root) == (ALL, 0)
    assert "nothing found: " in call(*arguments, "--yes").stderr


def test_unstored_datasets_stay_known(root: Path) -> None:
    arguments = ("unstore", root, "summary", "-c", A, "--where", "detector < 2")
    assert call_json(*arguments, "--dry-run") == {
        "datasets": 2,
        "stored": 2,
        "size_bytes": 4,
        "dry_run": True,
    }
    assert state(root) == (ALL, 5)
    call(*arguments, "--yes")
    assert state(root) == (ALL, 3)
    assert call_json(*arguments, "--yes") == {
        "datasets": 2,
        "stored": 0,
        "size_bytes": 0,
        "dry_run": False,
    }


def test_dataset_types_go_that_nothing_uses(root: Path) -> None:
    assert "remedy: Remove them first: `butler remove-datasets ROOT summary" in (
        call("remove-dataset-type", root, "summary", "--dry-run", code=4).stderr
    )
    call("remove-runs", root, "*", "--unlink", "--associations", "--yes")
    assert call_json("remove-dataset-type", root, "sum*", "--dry-run")["dataset_types"] == ["summary"]
    assert call("remove-dataset-type", root, "summary", "--yes").stdout == "removed  summary\n"
    assert "nothing found" in call("remove-dataset-type", root, "sum*", "--yes").stderr
    assert "'summary'" in call("remove-dataset-type", root, "summary", "--yes", code=3).stderr
