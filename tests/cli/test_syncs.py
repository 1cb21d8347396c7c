"""Dimension records that are synchronised from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_collections import root
from tests.cli.test_removing import call

__all__ = ["root"]  # the fixture


def sync(root: Path, text: str, *options: str, code: int = 0) -> Any:
    """Synchronise detectors."""
    arguments = ("-", "--mode", "sync", *options)
    return call("insert-dimension-records", root, "detector", *arguments, stdin=text, code=code)


def sync_json(root: Path, rows: list[dict[str, Any]], *options: str) -> Any:
    return json.loads(sync(root, json.dumps(rows), "--json", *options).stdout)


def read(root: Path) -> list[dict[str, Any]]:
    result = call("query-dimension-records", root, "detector", "--order-by", "detector", "--json")
    return list(json.loads(result.stdout))


def test_what_is_there_is_compared_and_what_is_not_is_inserted(root: Path) -> None:
    before = read(root)
    new = {"instrument": "Cam", "detector": 9, "full_name": "S9"}
    assert sync_json(root, [*before, new]) == {
        "element": "detector",
        "records": 5,
        "mode": "sync",
        "inserted": 1,
        "identical": 4,
        "updated": 0,
        "changes": [],
    }
    assert [row["full_name"] for row in read(root)] == [*(row["full_name"] for row in before), "S9"]


def test_what_differs_is_refused_and_nothing_is_done(root: Path) -> None:
    before = read(root)
    rows = [{"instrument": "Cam", "detector": 9}, before[0] | {"purpose": "GUIDE"}]
    refused = sync(root, json.dumps(rows), code=4)
    assert "purpose='SCIENCE', not 'GUIDE'" in refused.stderr
    assert (
        "remedy: Correct the record, or use --mode sync --update to change what is there." in refused.stderr
    )
    assert read(root) == before


def test_what_differs_is_changed_and_what_it_was_is_told(root: Path) -> None:
    before = read(root)
    change = {"purpose": "GUIDE", "is_science": None}
    done = sync_json(root, [before[0] | change, before[1]], "--update")
    assert [done["inserted"], done["identical"], done["updated"]] == [0, 1, 1]
    assert done["changes"] == [
        {
            "key": {"instrument": "Cam", "detector": 0},
            "old_values": {"purpose": "SCIENCE", "is_science": True},
        }
    ]
    assert read(root)[0] == before[0] | change
    told = sync(root, json.dumps([before[0]]), "--update").stdout
    assert told.splitlines()[-2:] == [
        "updated                     was",
        "instrument=Cam, detector=0  purpose=GUIDE, is_science=None",
    ]
    assert read(root) == before


@pytest.mark.parametrize("mode", ["insert-or-fail", "insert-or-replace"])
def test_update_belongs_to_sync(root: Path, mode: str) -> None:
    result = call("insert-dimension-records", root, "detector", "-", "--mode", mode, "--update", code=2)
    assert "--mode sync" in result.stderr
