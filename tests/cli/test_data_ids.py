"""KEY=VALUE on the command line: any key that a data ID may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from butler_core import Butler
from tests.butler.conftest import RUN
from tests.cli.test_verbs import root, run, run_json, universe

__all__ = ["root", "universe"]


@pytest.fixture
def filled(root: Path) -> Path:  # the fixture, not a redefinition
    """A repository with two datasets, put by what people know."""
    (root.parent / "one.json").write_text('{"seeing": 0.8}')
    for exposure in (101, 102):
        data_id = ["instrument=Cam", f"obs_id=E{exposure}", "detector=S2"]
        run("put", root, "summary", root.parent / "one.json", *data_id, "--run", RUN)
    return root


@pytest.mark.parametrize(
    "keys",
    [
        ["exposure=101", "detector=2"],
        ["exposure=E101", "detector=S2"],
        ["obs_id=E101", "full_name=S2"],
        ["exposure.obs_id=E101", "detector.id=2"],
        ["exposure.id=101", "detector=2", "exposure.exposure_time=30", "is_science=true"],
        ["obs_id=E101", "full_name=S2", "physical_filter=Cam-G", "purpose=SCIENCE"],
    ],
)
def test_one_dataset_named_in_many_ways(filled: Path, keys: list[str]) -> None:
    assert run("get", filled, "summary", *keys, "-c", RUN).stdout == '{"seeing":0.8}'
    found = run_json("query-data-ids", filled, "exposure,detector", "instrument=Cam", *keys)
    assert [(data_id["exposure"], data_id["detector"]) for data_id in found] == [(101, 2)]


def test_records_by_what_they_say(filled: Path) -> None:
    found = run_json("query-dimension-records", filled, "detector", "instrument=Cam", "is_science=false")
    assert [record["detector"] for record in found] == [3]


def test_files_of_a_table_are_named_so_too(filled: Path) -> None:
    table = filled.parent / "files.csv"
    table.write_text("path,obs_id,full_name\none.json,E103,S0\none.json,E104,S1\n")
    run("ingest", filled, "summary", "--table", table, "--run", RUN)
    with Butler(filled, collections=RUN) as butler:
        assert butler.exists("summary", exposure=104, detector=1)
    table.write_text("path,obs_id,full_name\none.json,E103,S1\none.json,E999,S1\n")
    shown = run("ingest", filled, "summary", "--table", table, "--run", RUN, code=2).output
    assert "no exposure with instrument='Cam', obs_id='E999'" in shown.replace("exposure.obs_id", "obs_id")
    assert "files.csv, line 3" in shown


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["obsid=E101", "detector=2"], "Did you mean obs_id"),
        (["obs_id=E999", "detector=2"], "no exposure"),
        (["exposure=100", "obs_id=E101", "detector=2"], "exposure=100"),
        (["target_name=field 1", "detector=2"], "101, 103, 105"),
        (["exposure.exposure_time=long", "detector=2"], "exposure_time"),
        (["exposure=100", "is_science=maybe"], "is_science"),
    ],
)
def test_mistakes(filled: Path, keys: list[str], words: str) -> None:
    shown = run("get", filled, "summary", *keys, "-c", RUN, code=2).output
    assert words in shown
    assert "Traceback" not in shown
