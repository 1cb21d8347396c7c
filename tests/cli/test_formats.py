"""Results in every format, on standard output and in files, while they come."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from butler_core import Butler, CollectionType, SequenceEditMode
from butler_core.cli import destination
from butler_core.cli.arrow_files import make_reader
from butler_core.cli.output import Output
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import INSTRUMENT, RUN, data_ids, populate
from tests.cli.test_removing import call

QUERIES: dict[str, tuple[str, ...]] = {
    "datasets": ("query-datasets", "summary", "-c", RUN, "--order-by", "exposure,-detector"),
    "several types": ("query-datasets", "summary,log", "-c", RUN, "--order-by", "exposure,detector"),
    "data IDs": ("query-data-ids", "exposure,detector,band", f"instrument={INSTRUMENT}"),
    "records": ("query-dimension-records", "exposure", "instrument=Cam", "--where", "exposure > 102"),
    "collections": ("query-collections", "u/*", "--order-by", "-name"),
    "dataset types": ("query-dataset-types", "--order-by", "-name", "--limit", "1"),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with datasets of two types."""
    path = tmp_path_factory.mktemp("formats") / "repo"
    Butler.make_repo(path, dimensions=testing_universe(), durability="process")
    with Butler(path, run=RUN) as butler:
        populate(butler)
        butler.register_dataset_type("log", ["exposure", "detector"], "StructuredDataDict")
        butler.put_many(
            [
                ({}, ref)
                for ref in butler.make_refs("summary", data_ids()) + butler.make_refs("log", data_ids())
            ]
        )
        butler.register_collection("u/chain", CollectionType.CHAINED, doc="of one")
        butler.edit_collection_chain("u/chain", [RUN], SequenceEditMode.ASSIGN)
    return path


def query(root: Path, name: str, *options: str, code: int = 0) -> Any:
    """Run one of `QUERIES`."""
    verb, *arguments = QUERIES[name]
    return call(verb, root, *arguments, *options, code=code)


def rows_of(root: Path, name: str) -> list[dict[str, Any]]:
    """Return what a query gives as JSON."""
    return list(json.loads(query(root, name, "--json").stdout))


@pytest.mark.parametrize("name", QUERIES)
def test_every_format_has_the_same_rows(root: Path, tmp_path: Path, name: str) -> None:
    expected = rows_of(root, name)
    assert expected
    lines = list(csv.reader(io.StringIO(query(root, name, "--format", "csv").stdout)))
    assert len(lines) == 1 + len(expected)
    assert len(query(root, name).stdout.splitlines()) == 1 + len(expected)
    with pa.ipc.open_stream(query(root, name, "--format", "arrow").stdout_bytes) as stream:
        table = stream.read_all()
    assert table.num_rows == len(expected)
    query(root, name, "-o", str(tmp_path / "x.arrow"))
    with pa.ipc.open_file(tmp_path / "x.arrow") as file:
        assert file.read_all().equals(table)
    assert [column.lower() for column in table.column_names] == [
        column.partition(" [")[0].lower() for column in lines[0]
    ]


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_file_has_what_standard_output_has(root: Path, tmp_path: Path, name: str, form: str) -> None:
    path = tmp_path / "résultats"
    path.write_text("what was there")
    written = query(root, name, "--format", form, "--output", str(path))
    assert written.stdout == ""
    assert path.read_text() == query(root, name, "--format", form, "-o", "-").stdout
    assert os.listdir(tmp_path) == [path.name]


def test_a_files_ending_says_its_format(root: Path, tmp_path: Path) -> None:
    query(root, "records", "-o", str(tmp_path / "x.csv"))
    query(root, "records", "-o", str(tmp_path / "x.JSON"))
    query(root, "records", "-o", str(tmp_path / "x"))
    query(root, "records", "-o", str(tmp_path / "y.csv"), "--format", "json")
    assert (tmp_path / "x.csv").read_text().startswith("instrument,exposure,")
    assert json.loads((tmp_path / "x.JSON").read_text()) == rows_of(root, "records")
    assert json.loads((tmp_path / "y.csv").read_text()) == rows_of(root, "records")
    assert (tmp_path / "x").read_text() == query(root, "records").stdout


def test_values_of_arrow_are_those_of_json(root: Path) -> None:
    def read(name: str) -> list[dict[str, Any]]:
        with pa.ipc.open_stream(query(root, name, "--format", "arrow").stdout_bytes) as stream:
            return list(stream.read_all().to_pylist())

    assert [
        {"exposure": row["exposure"], "detector": row["detector"], "instrument": row["instrument"]}
        for row in read("datasets")
    ] == [row["data_id"] for row in rows_of(root, "datasets")]
    for name in ("datasets", "several types"):
        assert [row["uuid"].hex() for row in read(name)] == [
            row["uuid"].replace("-", "") for row in rows_of(root, name)
        ]
    assert read("data IDs") == rows_of(root, "data IDs")
    assert read("collections") == rows_of(root, "collections")
    assert read("dataset types") == rows_of(root, "dataset types")


def test_an_empty_answer_is_an_empty_table(root: Path, tmp_path: Path) -> None:
    result = query(root, "records", "--limit", "0", "-o", str(tmp_path / "x.arrow"))
    assert result.stderr == ""
    with pa.ipc.open_file(tmp_path / "x.arrow") as file:
        assert file.read_all().num_rows == 0
        assert "exposure_time" in file.schema.names


def test_arrow_is_not_for_a_terminal(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("butler_core.cli.arrow_files.is_terminal", lambda: True)
    for options in ((), ("-o", "-")):
        refused = query(root, "datasets", "--format", "arrow", *options, code=2)
        assert "is a terminal" in refused.stderr
        assert "--output FILE" in refused.stderr
    query(root, "datasets", "--format", "arrow", "-o", str(tmp_path / "x"))


def test_without_pyarrow_the_remedy_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused = query(root, "collections", "--format", "arrow", code=8)
    assert "remedy: pip install 'butler-core[arrow]'" in refused.stderr
    query(root, "collections", "--format", "csv")


# -- files


def test_a_query_that_fails_leaves_the_old_file(root: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("old")
    call("query-datasets", root, "nothing", "-o", str(path), code=3)
    call("query-datasets", root, "summary", "--where", "nothing = 1", "-o", str(path), code=2)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x.csv"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_breaks_off_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "x"
    path.write_text("old")

    def write_half() -> None:
        with destination.opened(str(path)) as to:
            to.write("new" * 10_000)
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["x"]


def test_links_and_devices_stay_what_they_are(root: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "x")
    query(root, "collections", "--json", "-o", str(link))
    assert link.is_symlink()
    assert json.loads((tmp_path / "there" / "x").read_text()) == rows_of(root, "collections")
    query(root, "collections", "-o", os.devnull)
    query(root, "collections", "--format", "arrow", "-o", os.devnull)
    assert Path(os.devnull).is_char_device()


def test_a_new_file_has_the_rights_that_new_files_have(root: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    query(root, "collections", "-o", str(tmp_path / "x"))
    assert (tmp_path / "x").stat().st_mode == plain.stat().st_mode


def test_places_that_cannot_be_written_are_named(root: Path, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere" / "x.csv")
    assert f"error: {missing}: No such file" in query(root, "datasets", "-o", missing, code=3).stderr
    assert str(tmp_path) in query(root, "datasets", "-o", str(tmp_path), code=2).stderr


# -- while they come


@pytest.mark.parametrize("form", ["table", "json", "csv", "arrow"])
def test_many_rows_need_little_memory(tmp_path: Path, form: Any) -> None:
    def rows() -> Iterator[tuple[str]]:
        for number in range(100_000):
            yield (f"{number:0100}",)

    path = tmp_path / "x"
    tracemalloc.start()
    output = Output(form, str(path))
    assert output.print(["n"], rows(), arrow=lambda: make_reader([("n", "string")], rows())) == 100_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 10_000_000
    assert peak < 7_000_000


@pytest.mark.parametrize("form", ["table", "json", "csv", "arrow"])
def test_a_reader_that_goes_away_ends_it_quietly(root: Path, form: str) -> None:
    verb, *arguments = ("query-data-ids", "exposure,detector", f"instrument={INSTRUMENT}")
    line = [sys.executable, "-m", "butler_core", verb, str(root), *arguments, "--format", form]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(line, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


def test_a_full_disk_is_told(root: Path) -> None:
    line = [sys.executable, "-m", "butler_core", "query-collections", str(root)]
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 5
    assert ended.stderr.startswith("error: No space left on device.\nremedy: ")


# -- lists of definitions


def test_lists_can_be_ordered(root: Path) -> None:
    def names(*options: str) -> list[str]:
        return [row["name"] for row in json.loads(call("query-collections", root, "--json", *options).stdout)]

    assert names("--order-by", "name") == ["u/chain", RUN]
    assert names("--order-by", "-name") == [RUN, "u/chain"]
    assert names("--order-by", "children") == names("--order-by", "-children") == ["u/chain", RUN]
    assert names("--order-by", "type,-name", "--offset", "1") == [RUN]
    refused = call("query-collections", root, "--order-by", "nmae", code=2)
    assert "columns are: name, type, children, doc" in refused.stderr
