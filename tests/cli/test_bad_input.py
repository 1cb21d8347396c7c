"""What people and scripts get wrong: each mistake is told with its place, what was expected and what helps, by no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from butler_core import Butler
from tests.cli.test_collections import A, names, root
from tests.cli.test_removing import call, call_json

__all__ = ["root"]  # the fixture


@pytest.mark.parametrize(
    "arguments",
    [
        ["query-datasets", "flat", "-c", ""],
        ["query-datasets", "flat", "-c", A, "-c", ","],
        ["query-collections", ""],
        ["query-collections", "--having", " "],
        ["query-dataset-types", ""],
        ["query-dataset-types", "-c", ""],
        ["collection-chain", "chain", ""],
        ["associate", "tag", "flat", "-c", ""],
        ["certify", "calib", "flat", "-c", ""],
        ["merge-certifications", "calib", ""],
        ["remove-datasets", "flat", "-c", "", "--yes"],
        ["remove-runs", "", "--yes"],
        ["unstore", "flat", "-c", ""],
        ["verify", "-c", ""],
    ],
    ids=" ".join,
)
def test_an_empty_name_means_neither_all_nor_nothing(root: Path, arguments: list[str]) -> None:
    """It is what a script passes whose variable has no value."""
    call("collection-chain", root, "chain", A)
    before = names(root)
    verb, *rest = arguments
    assert "An empty name was given." in call(verb, root, *rest, code=2).stderr
    assert names(root) == before
    with Butler(root) as butler:
        assert list(butler.get_collection_chain("chain")) == [A]


@pytest.mark.parametrize("place", ["", "  "])
def test_an_empty_place_is_no_repository(place: str) -> None:
    refused = call("query-collections", place, code=2)
    assert "ROOT" in refused.stderr
    assert "names no repository" in refused.stderr


@pytest.mark.parametrize(
    ("option", "text"),
    [("--begin", "yesterday"), ("--begin", ""), ("--end", "2026-13-01"), ("--end", "0001-01-01")],
)
def test_a_time_that_is_none_is_told_with_its_option(root: Path, option: str, text: str) -> None:
    refused = call("certify", root, "calib", "flat", "-c", A, option, text, code=2)
    assert repr(text) in refused.stderr
    assert f"note: The mistake is in {option}." in refused.stderr
    assert "None" not in refused.stderr
    assert "calib" not in names(root)


@pytest.mark.parametrize("option", ["--limit", "--offset"])
@pytest.mark.parametrize("number", ["-1", "9" * 30, "x", "1.5", ""])
def test_numbers_that_no_list_has(root: Path, option: str, number: str) -> None:
    for verb, *rest in (["query-datasets", "flat"], ["query-collections"], ["query-data-ids", "detector"]):
        refused = call(verb, root, *rest, option, number, code=2)
        assert f"'{option}'" in refused.stderr
    most = call("query-data-ids", root, "detector", "--limit", str(10**15), "--offset", str(10**15))
    assert "nothing found" in most.stderr


def test_times_of_records_may_be_text(root: Path) -> None:
    begin, end = 1772323200 * 10**9, 1772409600 * 10**9  # TAI has no leap seconds of its own

    def insert(form: str, text: str, code: int = 0) -> str:
        return call(
            "insert-dimension-records", root, "day_obs", "-", "--format", form, stdin=text, code=code
        ).stderr

    row = {"instrument": "Cam", "id": 1, "timespan": ["2026-03-01", "2026-03-02T00:00:00"]}
    insert("json", json.dumps([row, row | {"id": 2, "timespan": ["2026-03-01", None]}]))
    insert("json", json.dumps([row | {"id": 3, "timespan": "2026-03-01 / ..."}]))
    insert("yaml", "[{instrument: Cam, id: 4, timespan: [2026-03-01, 2026-03-02 00:00:00]}]")
    rows = call_json(
        "query-dimension-records",
        root,
        "day_obs",
        "--order-by",
        "day_obs",
        "--where",
        "day_obs < 9 AND instrument = 'Cam'",
    )
    assert [row["timespan"] for row in rows] == [[begin, end], [begin, None], [begin, None], [begin, end]]
    wrongs: list[object] = [["yesterday", None], ["2026-03-01"], 5, "2026-03-01", {}]
    for wrong in wrongs:
        refused = insert("json", json.dumps([row | {"id": 5, "timespan": wrong}]), code=2)
        assert "The mistake is in record 1 of standard input." in refused
        assert "Timespan" not in refused.partition("remedy: ")[2]


def test_streams_may_be_closed(root: Path) -> None:
    line = [sys.executable, "-m", "butler_core"]
    for arguments in (
        "query-collections",
        "query-collections --format json",
        "query-collections --format arrow",
    ):
        shell = f'exec "$@" {arguments.replace(" ", f" {root} ", 1) if " " in arguments else f"{arguments} {root}"} >&-'
        ended = subprocess.run(
            ["sh", "-c", shell, "sh", *line], stderr=subprocess.PIPE, text=True, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, "")
    shell = f'exec "$@" insert-dimension-records {root} detector - <&-'
    ended = subprocess.run(["sh", "-c", shell, "sh", *line], stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr


def test_what_a_terminal_cannot_show_is_escaped(root: Path) -> None:
    call("register-collection", root, "u/é", "--doc", "für alle 😀")
    ended = subprocess.run(
        [sys.executable, "-m", "butler_core", "query-collections", str(root), "u/é"],
        capture_output=True,
        check=False,
        env={"PATH": "", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert "für alle \\U0001f600".encode("latin-1") in ended.stdout
