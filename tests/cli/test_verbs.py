"""The verbs of the command line, run one after another on one repository."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from butler_core import Butler
from butler_core.cli.main import command
from butler_core.errors import ForbiddenError
from butler_core.testing.datastores.journals import new_journal
from butler_core.testing.universe import testing_universe
from butler_core.writer import identify_writer
from tests.butler.conftest import populate

Run = Callable[..., Result]
DATA_ID = ("instrument=Cam", "exposure=100", "detector=2")


def run(*arguments: str | Path, code: int = 0, stdin: str | bytes | None = None) -> Result:
    """Run the command line, expecting an exit code."""
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], input=stdin)
    assert result.exit_code == code, result.output
    return result


def run_json(*arguments: str | Path) -> Any:
    """Run the command line and return what it prints for programs."""
    return json.loads(run(*arguments, "--json").stdout)


@pytest.fixture
def universe(tmp_path: Path) -> Path:
    """A universe in a file."""
    path = tmp_path / "universe.yaml"
    path.write_text(yaml.safe_dump(testing_universe().to_dict()))
    return path


@pytest.fixture
def root(tmp_path: Path, universe: Path) -> Path:
    """A populated repository that the command line made."""
    path = tmp_path / "repo"
    run("create", path, "--universe", universe, "--durability", "process")
    with Butler(path, writeable=True) as butler:
        populate(butler)
    return path


@pytest.fixture
def summary(tmp_path: Path, root: Path) -> Path:
    """A repository with one dataset, put from a file."""
    file = tmp_path / "summary.json"
    file.write_text('{"seeing": 0.7}')
    run("put", root, "summary", file, *DATA_ID, "--run", "u/me/a")
    return root


def test_create_says_what_it_made_and_never_twice(tmp_path, universe):
    made = run_json("create", tmp_path / "repo", "--universe", universe)
    assert made["registry"] == "sqlite"
    assert made["durability"] == "power-loss"
    assert "error: " in run("create", tmp_path / "repo", "--universe", universe, code=4).stderr


def test_create_with_an_unknown_universe_says_what_to_install(tmp_path):
    assert "remedy: " in run("create", tmp_path / "repo", "--universe", "no-such", code=8).stderr
    assert not (tmp_path / "repo").exists()


def test_info_describes_the_repository(root):
    info = run_json("info", root)
    universe = testing_universe()
    assert info["universe"] == [universe.namespace, universe.version]
    assert "sqlite" in run("info", root).stdout


def test_a_repository_that_is_not_there_ends_with_3(tmp_path):
    assert "no repository" in run("info", tmp_path / "nowhere", code=3).stderr


def test_put_and_get_by_file(tmp_path, summary):
    out = tmp_path / "out.yaml"
    run("get", summary, "summary", *DATA_ID, "--collections", "u/me/a", "-o", out)
    assert yaml.safe_load(out.read_text()) == {"seeing": 0.7}


def test_put_and_get_by_standard_streams(root):
    put = run("put", root, "summary", "-", *DATA_ID, "--run", "u/me/b", "--json", stdin='{"seeing": [1, 2]}')
    assert json.loads(put.stdout)["data_id"] == {"instrument": "Cam", "exposure": 100, "detector": 2}
    got = run("get", root, "summary", *DATA_ID, "-c", "u/me/b")
    assert json.loads(got.stdout) == {"seeing": [1, 2]}


def test_put_twice_is_a_conflict_and_missing_datasets_are_not_found(tmp_path, summary):
    assert run(
        "put", summary, "summary", tmp_path / "summary.json", *DATA_ID, "--run", "u/me/a", code=4
    ).stderr
    out = tmp_path / "out.json"
    run(
        "get",
        summary,
        "summary",
        "instrument=Cam",
        "exposure=101",
        "detector=2",
        "-c",
        "u/me/a",
        "-o",
        out,
        code=3,
    )
    assert not out.exists()


@pytest.mark.parametrize(
    "wrong", [["detector"], ["=1"], ["detector=1", "detector=2"], ["detecor=1"], ["detector=x"]]
)
def test_a_wrong_data_id_ends_with_2(summary, wrong):
    others = ["instrument=Cam", "exposure=100"]
    assert "remedy: " in run("get", summary, "summary", *others, *wrong, "-c", "u/me/a", code=2).stderr


def test_ingest_one_file_and_a_table(tmp_path, root):
    files = tmp_path / "files"
    files.mkdir()
    for number in range(3):
        (files / f"{number}.json").write_text(json.dumps({"n": number}))
    run(
        "ingest",
        root,
        "summary",
        files / "0.json",
        "instrument=Cam",
        "exposure=101",
        "detector=0",
        "--run",
        "u/in",
    )
    (files / "table.csv").write_text(
        "path,instrument,exposure,detector\n1.json,Cam,101,1\n2.json,Cam,101,2\n"
    )
    report = run_json(
        "ingest", root, "summary", "--table", files / "table.csv", "--run", "u/in", "--transfer", "direct"
    )
    assert report == {"datasets": 2, "files": 2, "run": "u/in"}
    assert len(run_json("query-datasets", root, "summary", "-c", "u/in")) == 3
    got = run("get", root, "summary", "instrument=Cam", "exposure=101", "detector=2", "-c", "u/in")
    assert json.loads(got.stdout) == {"n": 2}


@pytest.mark.parametrize("table", ["file,detector\na,1\n", "path,detector\na\n", "path\na,1\n"])
def test_a_malformed_table_ends_with_2_and_takes_nothing_in(tmp_path, root, table):
    (tmp_path / "table.csv").write_text(table)
    assert (
        "table.csv"
        in run("ingest", root, "summary", "--table", tmp_path / "table.csv", "--run", "r", code=2).stderr
    )
    assert run_json("query-datasets", root, "summary") == []


def test_ingest_needs_a_file_or_a_table(root):
    run("ingest", root, "summary", "--run", "r", code=2)


def test_query_datasets(summary):
    [found] = run_json("query-datasets", summary, "summary")
    assert found["data_id"] == {"instrument": "Cam", "exposure": 100, "detector": 2}
    lines = run(
        "query-datasets", summary, "summary", "--collections", "u/me/a", "--where", "detector = 2"
    ).stdout.splitlines()
    assert dict(zip(lines[0].split(), lines[1].split(), strict=True)) == {
        "run": "u/me/a",
        "instrument": "Cam",
        "exposure": "100",
        "detector": "2",
        "uuid": found["uuid"],
    }
    assert "summary" in run("query-datasets", summary, "sum*").stdout
    assert "detector=2" in run("query-datasets", summary, "sum*").stdout
    assert run_json("query-datasets", summary, "summary", "detector=3") == []


def test_nothing_found_says_why_on_standard_error(summary):
    result = run("query-datasets", summary, "summary", "--where", "detector = 3")
    assert "nothing found: " in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_query_data_ids_and_records(root):
    found = run_json(
        "query-data-ids",
        root,
        "exposure,detector",
        "instrument=Cam",
        "--where",
        "detector < 2",
        "--limit",
        "3",
    )
    assert len(found) == 3
    ordered = run_json("query-data-ids", root, "detector", "--order-by", "-detector", "--limit", "2")
    assert [row["detector"] for row in ordered] == [3, 2]
    [record] = run_json(
        "query-dimension-records", root, "exposure", "instrument=Cam", "--where", "exposure = 101"
    )
    assert record["obs_id"] == "E101"
    assert record["timespan"] == [101000, 101500]
    assert "E101" in run("query-dimension-records", root, "exposure").stdout


def test_a_wrong_where_shows_the_place(root):
    assert "detector" in run("query-data-ids", root, "detector", "--where", "detector ==== 2", code=2).stderr


def test_collections_and_chains(summary):
    run("register-collection", summary, "u/me/chain", "--children", "u/me/a,u/me/b", code=3)
    run("register-collection", summary, "u/me/b", "--doc", "second")
    made = run_json("register-collection", summary, "u/me/chain", "--children", "u/me/b,u/me/a")
    assert made == {"name": "u/me/chain", "type": "chained", "children": ["u/me/b", "u/me/a"]}
    run("register-collection", summary, "u/me/chain", "--type", "tagged", code=4)
    run("register-collection", summary, "u/me/run", "--type", "run", "--children", "a", code=2)
    [chain] = run_json("query-collections", summary, "--type", "chained")
    assert chain["children"] == ["u/me/b", "u/me/a"]
    names = [row["name"] for row in run_json("query-collections", summary, "u/me/chain", "--flatten")]
    assert names == ["u/me/b", "u/me/a"]
    assert json.loads(run("get", summary, "summary", *DATA_ID, "-c", "u/me/chain").stdout) == {"seeing": 0.7}


def test_dataset_types(root):
    made = run_json("register-dataset-type", root, "flat", "detector", "StructuredDataDict", "--calibration")
    assert made["dimensions"] == ["instrument", "detector"]
    run("register-dataset-type", root, "flat", "exposure", "StructuredDataDict", code=4)
    run("register-dataset-type", root, "bad", "no_such_dimension", "StructuredDataDict", code=2)
    assert [row["name"] for row in run_json("query-dataset-types", root, "f*")] == ["flat"]
    assert {row["name"] for row in run_json("query-dataset-types", root)} == {"flat", "summary"}


def test_recover_with_nothing_to_do(summary):
    assert run_json("recover", summary)["finished"] == []
    assert "deleted" in run("recover", summary, "--dry-run").stdout


def test_journals_says_what_is_open_and_whose(summary):
    result = run("journals", summary)
    assert (result.stdout, result.stderr) == ("", "No journal is open.\n")
    assert run_json("journals", summary) == []
    gone = identify_writer().model_copy(update={"process_start": 1})
    elsewhere = gone.model_copy(update={"host": "elsewhere"})
    with Butler(summary, writeable=True) as butler:
        for writer in (identify_writer(), gone, elsewhere):
            journal = new_journal(
                "u/me/a", 2, writer=writer, datastore_id=butler._datastore.config.datastore_id
            )
            butler._datastore.journals.create(".butler/journals/u%2Fme%2Fa", journal)
    (summary / "data/.butler/journals/u%2Fme%2Fa/20260101T000000Z-x.json").write_text("junk")
    rows = run_json("journals", summary)
    assert [row["writer_state"] for row in rows] == ["unknown", "alive", "gone", "unknown"]
    damaged, alive, _, other = rows
    assert "is no journal" in damaged["problem"]
    assert (alive["writer"]["pid"], alive["run"], alive["kind"]) == (os.getpid(), "u/me/a", "write")
    assert (alive["artifacts"], alive["size_bytes"], alive["outcome"]) == (2, None, "unknown")
    assert other["writer"]["host"] == "elsewhere"
    table = run("journals", summary).stdout
    assert str(os.getpid()) in table
    assert "is no journal" in table


def test_nothing_is_opened_for_writing_to_say_what_would_be_recovered(summary):
    config = summary / "data" / ".butler" / "journals"
    before = sorted(config.rglob("*"))
    with Butler(summary) as butler:
        assert butler.recover(dry_run=True).deleted == 0
        with pytest.raises(ForbiddenError):
            butler.recover()
    run("recover", summary, "--dry-run")
    assert sorted(config.rglob("*")) == before


def test_plugins_lists_and_checks():
    names = {(row["kind"], row["name"]) for row in run_json("plugins")}
    assert {("registry", "sqlite"), ("datastore", "posix"), ("formatter", "json")} <= names
    checked = json.loads(run("plugins", "--check", "--json").stdout)
    assert {row["state"] for row in checked} == {"ok"}


def test_an_unwritable_root_is_told(tmp_path, universe):
    # Root may write in any directory, but nobody below a file.
    place = tmp_path / "file"
    place.write_text("")
    run("create", place / "repo", "--universe", universe, code=5)


def test_create_tells_the_universe_and_info_the_configuration(tmp_path, universe):
    known = testing_universe()
    made = run_json("create", tmp_path / "repo", "--universe", universe)
    assert made["universe"] == f"{known.namespace} {known.version}"
    assert run_json("info", tmp_path / "repo")["configuration"] == str(tmp_path / "repo" / "butler.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("registri: {}\n", "registri is no key"),
        ("registry: {type: sqlite, pth: x}\n", "registry.pth is no key"),
        ("datastore: {type: posix, root: 5}\n", "datastore.root cannot be 5"),
        ("durability: foo\n", "durability cannot be 'foo'"),
        ("just text\n", "is no mapping"),
        ("registry: {type: sqlite\n", "cannot be read as YAML"),
    ],
)
def test_a_wrong_configuration_is_named_by_its_file_and_leaves_nothing(tmp_path, universe, content, said):
    config = tmp_path / "c.yaml"
    config.write_text(content)
    error = run("create", tmp_path / "repo", "--universe", universe, "--config", config, code=2).stderr
    assert f"error: {config}" in error
    assert said in error
    assert not (tmp_path / "repo").exists()


def test_a_configuration_or_index_that_is_not_there(tmp_path, universe, monkeypatch):
    missing = tmp_path / "none.yaml"
    error = run("create", tmp_path / "repo", "--universe", universe, "--config", missing, code=3).stderr
    assert f"no configuration file {missing}" in error
    monkeypatch.setenv("BUTLER_REPOSITORY_INDEX", str(missing))
    assert "BUTLER_REPOSITORY_INDEX" in run("info", "label", code=3).stderr


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        ("not json", DATA_ID),  # of another format
        ("[1, 2]", DATA_ID),  # of another type
        ("{}", ("instrument=Cam", "exposure=100", "detector=99")),  # no such detector
        ("{}", ("instrument=Cam", "exposure=100")),
    ],
)
def test_a_put_that_fails_leaves_no_empty_run(tmp_path, root, content, arguments):
    file = tmp_path / "in ö.json"
    file.write_text(content)
    error = run("put", root, "summary", file, *arguments, "--run", "u/typo", code=2).stderr
    assert "remedy: " in error
    if content == "not json":
        assert str(file) in error
    assert "u/typo" not in {row["name"] for row in run_json("query-collections", root)}


def test_a_file_whose_ending_nobody_knows_is_read_by_the_storage_class(tmp_path, root):
    run("register-dataset-type", root, "blob", "", "Bytes")
    file = tmp_path / "some.dat"
    file.write_bytes(b"\xff\x00")
    run("put", root, "blob", file, "--run", "u/me/blob")
    assert run("get", root, "blob", "-c", "u/me/blob").stdout_bytes == b"\xff\x00"


def test_a_dataset_type_that_cannot_be_read_here_is_noted(root):
    assert "no installed plugin" in run("register-dataset-type", root, "x", "detector", "NoSuchClass").stderr


def test_a_run_that_is_known_fixes_the_instrument(tmp_path, summary):
    file = tmp_path / "other.json"
    file.write_text("{}")
    run("put", summary, "summary", file, "exposure=101", "detector=2", "--run", "u/me/a")
    assert len(run_json("query-datasets", summary, "summary", "-c", "u/me/a", "--where", "detector < 3")) == 2


def test_ingest_refuses_what_nobody_could_read_and_a_forgotten_file(tmp_path, root):
    file = tmp_path / "a.json"
    file.write_text("{}")
    run("ingest", root, "summary", file, *DATA_ID, "--run", "u/in", "--formatter", "no-such", code=8)
    assert "FILE is missing" in run("ingest", root, "summary", *DATA_ID, "--run", "u/in", code=2).stderr


@pytest.mark.parametrize(
    ("table", "place"),
    [
        (b"path,instrument,exposure,detector\na,Cam,100,1\nb,Cam,100,x\n", "line 3"),
        (b"path,path,detector\na,b,1\n", "two columns"),
        (b'path,detector\n"a,1\n', "no CSV table"),
        (b"\xff\xfe", "no CSV table"),
    ],
)
def test_a_mistake_in_a_table_is_told_with_its_place(tmp_path, root, table, place):
    path = tmp_path / "t ä.csv"
    path.write_bytes(table)
    error = run("ingest", root, "summary", "--table", path, "--run", "u/in", code=2).stderr
    assert str(path) in error
    assert place in error


def test_nothing_to_look_for_is_wrong_usage_and_no_match_is_told(root):
    run("query-datasets", root, "", code=2)
    run("query-data-ids", root, ",", code=2)
    assert "No collection matches" in run("query-collections", root, "no*").stderr
    assert "No dataset type matches" in run("query-dataset-types", root, "no*").stderr
    assert run("query-data-ids", root, "detector", "--limit", "0").stderr == ""


def test_implied_dimensions_are_shown_if_asked_for(root):
    rows = run_json("query-data-ids", root, "exposure,band", "instrument=Cam", "--limit", "1")
    assert set(rows[0]) == {"instrument", "exposure", "band"}


def test_units_and_time_scales_stand_in_the_header(root):
    assert "timespan [TAI]" in run("query-dimension-records", root, "exposure").stdout


def test_an_import_that_is_not_there_ends_with_3(root):
    assert "none.yaml" in run("import", root, "none.yaml", code=3).stderr


def test_a_damaged_journal_is_left_alone_and_told(summary):
    journals = summary / "data" / ".butler" / "journals" / "u%2Fme%2Fa"
    journals.mkdir(exist_ok=True)
    (journals / "20260101T000000Z-x.json").write_text("junk")
    result = run("recover", summary, code=7)
    assert "left alone" in result.stdout
    assert "remedy: " in result.stderr
    assert len(json.loads(run("recover", summary, "--json", code=7).stdout)["left_alone"]) == 1


@pytest.mark.parametrize("verb", ["put", "ingest"])
def test_an_unknown_dimension_value_leaves_no_run_behind(root, tmp_path, verb):
    path = tmp_path / "it.json"
    path.write_text("{}")
    more = ("--transfer", "direct") if verb == "ingest" else ()
    result = run(
        verb,
        root,
        "summary",
        path,
        "instrument=Cam",
        "exposure=100",
        "detector=77",
        "--run",
        "u/new",
        *more,
        code=2,
    )
    assert "detector" in result.output
    assert "77" in result.output
    assert "u/new" not in run("query-collections", root).output


def test_a_chain_is_not_offered_as_its_own_child(root):
    result = run("register-collection", root, "u/chain", "--children", "u/chains", code=3)
    assert "u/chain'" not in result.output.partition("remedy")[2]


def test_verify_finds_and_mends(tmp_path, summary):
    assert run_json("verify", summary)["findings"] == []
    assert "checked  1" in run("verify", summary, "--checksums", "--workers", "2").stdout
    (artifact,) = (path for path in (summary / "data").rglob("*.json") if ".butler" not in path.parts)
    orphan = artifact.with_name("orphan_0123456789abcdef.json")
    orphan.write_text("{}")
    shown = run("verify", summary, code=9)
    assert "unknown" in shown.stdout
    assert "--repair" in shown.stderr
    assert "set aside" not in run("verify", summary, "-c", "u/me/a", "-d", "summary").stdout
    mended = json.loads(run("verify", summary, "--repair", "--json").stdout)
    assert [finding["repaired"] for finding in mended["findings"]] == [True]
    assert not orphan.exists()
    (aside,) = mended["set_aside"]
    assert (aside["artifacts"], aside["size_bytes"]) == (1, 2)
    aside_line = (
        f"set aside  1 in datastore '{aside['datastore']}', 2 bytes, the oldest of {aside['oldest'][:10]}"
    )
    assert aside_line in run("verify", summary).stdout
    artifact.write_text("[]")
    assert "bytes, but" in run("verify", summary, "--repair", code=9).stdout
    assert "unstore" in run("verify", summary, "--sample", "1", code=9).stderr
    artifact.unlink()
    assert json.loads(run("verify", summary, "--json", code=9).stdout)["findings"][0]["kind"] == "missing"


@pytest.mark.parametrize(
    "wrong", [["--sample", "0"], ["--sample", "2"], ["--workers", "0"], ["--resume", "x"]]
)
def test_verify_refuses_what_makes_no_sense(summary, wrong):
    assert "error: " in run("verify", summary, *wrong, code=2).stderr


def test_an_interrupted_verify_shows_what_it_found(summary, monkeypatch):
    (artifact,) = (path for path in (summary / "data").rglob("*.json") if ".butler" not in path.parts)
    run(
        "put", summary, "summary", artifact, "instrument=Cam", "exposure=101", "detector=2", "--run", "u/me/a"
    )
    artifact.unlink()
    real = Butler.verify_in_parts

    def interrupted(*arguments: Any) -> Any:
        for number, part in enumerate(real(*arguments)):
            yield part
            if number == 1:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("butler_core.verification.verifier.PAGE", 1)
        patch.setattr(Butler, "verify_in_parts", interrupted)
        stopped = run("verify", summary, "--repair", code=130)
    assert "missing" in stopped.stdout
    token = stopped.stderr.split("--resume ")[1].split()[0]
    rest = json.loads(run("verify", summary, "--resume", token, "--json").stdout)
    assert (rest["checked"], rest["findings"]) == (1, [])
