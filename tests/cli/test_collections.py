"""The verbs that edit collections and dimension records."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from butler_core import Butler, CollectionType, Timespan
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import populate
from tests.cli.test_removing import call, call_json

A, B = "u/me/a", "u/me/b"
BEGIN, END = "2026-03-21T00:00:00", "2026-04-01T00:00:00"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with flats of four and of two detectors in two RUNs."""
    path = tmp_path / "repo"
    Butler.make_repo(path, dimensions=testing_universe(), durability="process")
    with Butler(path, writeable=True) as butler:
        populate(butler)
        butler.register_dataset_type("flat", ["detector"], "StructuredDataDict", is_calibration=True)
        for run, count in ((A, 4), (B, 2)):
            butler.register_collection(run)
            ids: list[dict[str, int | str]] = [
                {"instrument": "Cam", "detector": detector} for detector in range(count)
            ]
            butler.put_many([({}, ref) for ref in butler.make_refs("flat", ids, run=run)])
    return path


def members(root: Path, collection: str) -> dict[int, str]:
    """Return the RUN of each detector's dataset; the collection may be no chain."""
    with Butler(root) as butler:
        found = butler.query_datasets("flat", collection, find_first=False)
        return {int(ref.data_id["detector"]): ref.run for ref in found}


def names(root: Path) -> set[str]:
    """Return the names of all collections."""
    with Butler(root) as butler:
        return set(butler.query_collections())


# -- chains


def test_chains_are_redefined_extended_prepended_and_freed(root: Path) -> None:
    def edit(*arguments: str) -> list[str]:
        return list(call_json("collection-chain", root, *arguments)["children"])

    assert edit("u/me", A) == [A]
    assert edit("u/me", B, "--mode", "prepend") == [B, A]
    assert edit("u/me", B, "--mode", "extend") == [A, B]
    assert edit("outer", "u/me,u/me/a", "--flatten") == [A, B]
    assert edit("outer", "u/me", "--mode", "extend") == [A, B, "u/me"]
    assert edit("outer", A, B, "nowhere", "--mode", "remove") == ["u/me"]
    assert edit("outer") == []


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["u/me", "u/me"], 4, "hold itself"),
        (["u/me", "u/mee"], 3, "'u/mee'"),
        (["chian", A, "--mode", "extend"], 3, "'chian'"),
        ([A, B], 4, "registered already as run"),
        ([A, B, "--mode", "prepend"], 2, "RUN, not CHAINED"),
        (["u/me", "--mode", "remove"], 2, "at least one"),
    ],
)
def test_chains_that_cannot_be(root: Path, arguments: list[str], code: int, said: str) -> None:
    call("collection-chain", root, "u/me", A)
    assert said in call("collection-chain", root, *arguments, code=code).stderr
    assert names(root) == {A, B, "u/me"}


# -- tags


def test_datasets_get_into_a_tag_and_out(root: Path) -> None:
    assert call_json("associate", root, "tag", "flat", "-c", f"{B},{A}", "--where", "detector > 0") == {
        "collection": "tag",
        "datasets": 3,
        "mode": "insert-or-fail",
    }
    assert members(root, "tag") == {1: B, 2: A, 3: A}
    call("associate", root, "tag", "flat", "-c", A, "--mode", "insert-or-skip")
    assert members(root, "tag") == {0: A, 1: B, 2: A, 3: A}
    call("associate", root, "tag", "flat", "detector=1", "-c", A, "--mode", "insert-or-replace")
    assert set(members(root, "tag").values()) == {A}
    call("associate", root, "tag", "flat", "-c", B, "--mode", "assign")
    assert members(root, "tag") == {0: B, 1: B}
    assert call_json("disassociate", root, "tag", "flat", "detector=1")["datasets"] == 1
    assert members(root, "tag") == {0: B}
    assert len(members(root, B)) == 2


def test_tags_that_are_refused(root: Path) -> None:
    refused = call("associate", root, "tag", "flat", "-c", f"{A},{B}", "--find-all", code=4)
    assert "can hold one dataset 'flat'" in refused.stderr
    assert "nothing found" in call("associate", root, "tag", "flat", "detector=9", "-c", A).stderr
    assert "tag" not in names(root)
    call("associate", root, "tag", "flat", "-c", A)
    assert "has that place" in call("associate", root, "tag", "flat", "-c", B, code=4).stderr
    assert "already as run" in call("associate", root, A, "flat", "-c", B, code=4).stderr
    assert "no TAGGED collection" in call("disassociate", root, A, "flat", code=2).stderr
    assert "nothing found" in call("disassociate", root, "tag", "flat", "detector=9").stderr
    assert len(members(root, "tag")) == 4


# -- validity


def validity(root: Path, calibration: str, detector: int, *times: str) -> list[str]:
    """Return, for each time, the RUN of the dataset that is valid then, or "-"."""
    found = []
    with Butler(root, writeable=True) as butler:
        for time in times:
            probe = f"probe/{calibration}/{detector}/{time}"
            butler.register_collection(probe, CollectionType.CALIBRATION)
            butler.merge_certifications(probe, [calibration])
            instant = Timespan.from_iso(time, None).begin
            for span in (Timespan(None, instant), Timespan(instant + 1 if instant else None, None)):
                butler.decertify(probe, "flat", span)
            rest = members(root, probe)
            found.append(rest.get(detector, "-"))
    return found


def test_validity_is_given_trimmed_split_and_merged(root: Path) -> None:
    made = call_json("certify", root, "calib", "flat", "-c", A, "--begin", BEGIN, "--end", END)
    assert (made["datasets"], made["timespan [TAI]"]) == (4, f"{BEGIN} / {END}")
    call("certify", root, "calib", "flat", "-c", B, "--begin", END)
    call("decertify", root, "calib", "flat", "detector=0", "--begin", "2026-03-25", "--end", "2026-03-26")
    call("decertify", root, "calib", "flat", "--where", "detector > 0", "--end", "2026-03-25")
    times = ("2026-03-20", "2026-03-24", "2026-03-25", "2026-03-26", "2026-05-01")
    assert validity(root, "calib", 0, *times) == ["-", A, "-", A, B]
    assert validity(root, "calib", 1, *times) == ["-", "-", A, A, B]
    call("certify", root, "other", "flat", "-c", B)
    call("merge-certifications", root, "merged", "calib,other")
    assert validity(root, "merged", 0, *times) == [B, A, B, A, B]
    call("merge-certifications", root, "backwards", "other", "calib")
    assert validity(root, "backwards", 0, *times) == [B] * 5


def test_times_may_be_utc(root: Path) -> None:
    call("certify", root, "calib", "flat", "-c", A, "--end", "2026-03-21T00:00:00Z")
    made = call_json("certify", root, "calib", "flat", "-c", A, "--begin", "2026-03-21", "--scale", "utc")
    assert made["timespan [TAI]"] == "2026-03-21T00:00:37 / ..."


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["calib", "flat", "-c", B], 4, "is valid for 'flat'"),
        (["new", "flat", "-c", B, "--begin", END, "--end", BEGIN], 2, "no time"),
        (["new", "flat", "-c", B, "--begin", "yesterday"], 2, "yesterday"),
        (["new", "flat", "-c", "u/me/*"], 2, "remedy: "),
        (["new", "falt", "-c", B], 3, "'falt'"),
        ([A, "flat", "-c", B], 4, "already as run"),
    ],
)
def test_validity_that_cannot_be(root: Path, arguments: list[str], code: int, said: str) -> None:
    call("certify", root, "calib", "flat", "-c", A)
    assert said in call("certify", root, *arguments, code=code).stderr
    assert names(root) == {A, B, "calib"}


def test_taking_validity_away_from_what_has_none_says_so(root: Path) -> None:
    call("certify", root, "calib", "flat", "-c", A)
    assert "nothing found" in call("decertify", root, "calib", "flat", "detector=9").stderr
    assert "RUN, not CALIBRATION" in call("decertify", root, A, "flat", code=2).stderr
    assert "empty name" in call("merge-certifications", root, "new", "", code=2).stderr
    assert "no TAGGED" in call("disassociate", root, "c*", "flat", code=2).stderr
    assert "'calb'" in call("merge-certifications", root, "new", "calb", code=3).stderr
    assert call_json("decertify", root, "calib", "flat")["data_ids"] == "all"
    assert members(root, "calib") == {}


# -- dimension records

DETECTORS_CSV = "instrument,id,full_name,is_science\nCam,7,S7,true\nCam,8,,false\n"


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        ("csv", DETECTORS_CSV),
        ("json", json.dumps([{"instrument": "Cam", "id": n, "is_science": n == 7} for n in (7, 8)])),
        ("yaml", "- {instrument: Cam, id: 7, is_science: true}\n- {instrument: Cam, id: 8}\n"),
    ],
)
def test_records_come_from_files(root: Path, tmp_path: Path, ending: str, text: str) -> None:
    file = tmp_path / f"detectors.{ending}"
    file.write_text(text)
    made = call_json("insert-dimension-records", root, "detector", file)
    assert made == {"element": "detector", "records": 2, "mode": "insert-or-fail"}
    [seven] = call_json("query-dimension-records", root, "detector", "instrument=Cam", "detector=7")
    assert seven["is_science"] is True
    assert "there already" in call("insert-dimension-records", root, "detector", file, code=4).stderr
    call("insert-dimension-records", root, "detector", file, "--mode", "insert-or-skip")
    stdin = ["--format", ending] if ending != "json" else []
    call("insert-dimension-records", root, "detector", "-", *stdin, "--mode", "insert-or-replace", stdin=text)


@pytest.mark.parametrize("form", ["csv", "json"])
@pytest.mark.parametrize("element", ["instrument", "physical_filter", "detector", "day_obs", "exposure"])
def test_what_is_printed_can_be_read(root: Path, form: str, element: str) -> None:
    printed = call("query-dimension-records", root, element, "--format", form).stdout
    arguments = ("insert-dimension-records", root, element, "-", "--format", form)
    call(*arguments, "--mode", "insert-or-replace", stdin=printed)
    assert call("query-dimension-records", root, element, "--format", form).stdout == printed
    assert len(printed) > 20


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("x.csv", "", 2, "is empty"),
        ("x.csv", "instrument,id\nCam\n", 2, "line 2: 1 values for 2 columns"),
        ("x.csv", "instrument,instrument\nCam,Cam\n", 2, "twice"),
        ("x.csv", 'instrument,id\n"Cam,7\n', 2, "quote"),
        ("x.csv", "instrument,id\nCam,7\nCam,seven\n", 2, "record 2 of"),
        ("x.csv", "instrument,idd\nCam,7\n", 2, "no column 'idd'"),
        ("x.json", "[1]", 2, "no list of records"),
        ("x.json", "{", 2, "no JSON"),
        ("x.yaml", "a: [", 2, "no YAML"),
        ("x.txt", "", 2, "--format"),
        ("x.json", '[{"instrument": "Nope", "id": 1}]', 2, "Nope"),
    ],
)
def test_files_that_cannot_be_read(
    root: Path, tmp_path: Path, name: str, text: str, code: int, said: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    result = call("insert-dimension-records", root, "detector", file, code=code)
    assert said in result.stderr
    assert "remedy: " in result.stderr
    assert len(call_json("query-dimension-records", root, "detector")) == 4


def test_a_file_that_is_no_text_and_an_element_that_is_none(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(b"\xff\xfe")
    assert "UTF-8" in call("insert-dimension-records", root, "detector", file, code=2).stderr
    file.write_text("[]")
    assert "'detecor'" in call("insert-dimension-records", root, "detecor", file, code=2).stderr
    assert "'band'" in call("insert-dimension-records", root, "band", file, code=2).stderr
    call("insert-dimension-records", root, "detector", tmp_path / "nowhere.csv", code=2)


# -- queries


def rows(text: str) -> list[dict[str, str]]:
    """Read CSV."""
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        (["query-datasets", "flat", "-c", A], "detector"),
        (["query-data-ids", "detector", "instrument=Cam"], "detector"),
        (["query-dimension-records", "detector", "instrument=Cam"], "detector"),
    ],
)
def test_queries_are_ordered_sliced_and_printed(root: Path, arguments: list[str], key: str) -> None:
    verb, *rest = arguments
    options = ["--order-by", "-detector", "--offset", "1", "--limit", "2"]
    printed = call(verb, root, *rest, *options, "--format", "csv").stdout
    assert [row[key] for row in rows(printed)] == ["2", "1"]
    assert (
        call(verb, root, *rest, *options, "--json").stdout
        == call(verb, root, *rest, *options, "--format", "json").stdout
    )
    assert len(json.loads(call(verb, root, *rest, "--offset", "3", "--json").stdout)) == 1
    explained = call(verb, root, *rest, "--explain")
    assert "SELECT" in explained.stdout
    assert explained.stderr == ""
    for option in ("--explain", "--json", "--format=csv"):
        nothing = call(verb, root, *rest, "--where", "detector = 99", option)
        assert "nothing found: " in nothing.stderr
    assert "contradict" in call(verb, root, *rest, "--json", "--format", "csv", code=2).stderr


def test_lists_of_definitions(root: Path) -> None:
    call("collection-chain", root, "u/me", A, B)
    found = rows(call("query-collections", root, "u/me*", "--having", "flat", "--format", "csv").stdout)
    assert [(row["name"], row["children"]) for row in found] == [(A, ""), (B, ""), ("u/me", f"{A},{B}")]
    assert [row["name"] for row in call_json("query-collections", root, "--offset", "1", "--limit", "1")] == [
        B
    ]
    [flat] = rows(call("query-dataset-types", root, "flat", "--format", "csv").stdout)
    assert flat["dimensions"] == "instrument,detector"
    assert flat["is_calibration"] == "true"
    assert call_json("query-dataset-types", root, "--limit", "0") == []


def test_a_file_that_is_refused_leaves_no_run(root: Path, tmp_path: Path) -> None:
    data_id = ("instrument=Cam", "detector=0")
    call("ingest", root, "flat", tmp_path / "nowhere.json", *data_id, "--run", "u/new", code=2)
    assert "u/new" not in names(root)
    (tmp_path / "x.json").write_text("{}")
    assert call_json("ingest", root, "flat", tmp_path / "x.json", *data_id, "--run", "u/new")["datasets"] == 1
    assert members(root, "u/new") == {0: "u/new"}
