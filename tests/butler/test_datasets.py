"""Storing, reading, taking in and dropping datasets."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from butler_core import Butler, DatasetExistence, DatasetIdMode, DatasetRef, FileDataset
from butler_core.errors import (
    ButlerError,
    CorruptError,
    DataIdError,
    DatasetExistsError,
    DatasetNotFoundError,
    DatasetNotStoredError,
    DatasetTypeNotFoundError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
)
from tests.butler.conftest import INSTRUMENT, RUN, data_ids

ID: dict[str, int | str] = {"instrument": INSTRUMENT, "exposure": 100, "detector": 2}


def files_under(root: Path) -> list[str]:
    """Artifacts of a repository with the default configuration, without journals and staging."""
    data = root / "data"
    return sorted(
        str(path.relative_to(data))
        for path in data.rglob("*")
        if path.is_file() and ".butler" not in path.parts
    )


def journals_under(root: Path) -> list[Path]:
    kept = root / "data" / ".butler"
    return [path for path in kept.rglob("*") if path.is_file() and path != kept / "owner"]


def test_what_is_put_comes_back(butler: Butler, root: Path) -> None:
    stored = butler.put({"seeing": 0.7, "name": "ä"}, "summary", ID)
    assert butler.get("summary", ID) == {"seeing": 0.7, "name": "ä"}
    assert butler.get(stored) == {"seeing": 0.7, "name": "ä"}
    assert stored.run == RUN
    assert stored.is_expanded
    assert stored.data_id["band"] == "r"
    assert len(files_under(root)) == 1
    assert journals_under(root) == []


def test_a_new_butler_finds_it(butler: Butler, root: Path) -> None:
    stored = butler.put({"a": 1}, "summary", ID)
    with Butler(root, collections=RUN) as other:
        assert other.get("summary", instrument=INSTRUMENT, exposure=100, detector=2) == {"a": 1}
        (found,) = other.query_datasets("summary")
        assert found == stored
        assert not other.is_writeable
        with pytest.raises(ForbiddenError, match="read-only"):
            other.put({}, "summary", ID)


def test_keywords_win_over_the_data_id(butler: Butler) -> None:
    butler.put({"a": 1}, "summary", ID, detector=3)
    assert butler.get("summary", instrument=INSTRUMENT, exposure=100, detector=3) == {"a": 1}


def test_the_instrument_is_inferred_from_the_collections(butler: Butler, root: Path) -> None:
    butler.put({"a": 1}, "summary", ID)
    with Butler(root, collections=[RUN]) as other:
        assert other.data_id_defaults["instrument"] == INSTRUMENT
        assert other.get("summary", exposure=100, detector=2) == {"a": 1}


def test_many_are_stored_together(butler: Butler, root: Path) -> None:
    refs = butler.make_refs("summary", data_ids(), run=RUN)
    stored = butler.put_many([({"n": n}, ref) for n, ref in enumerate(refs)])
    assert [ref.uuid for ref in stored] == [ref.uuid for ref in refs]
    results = list(butler.get_many([(ref, None) for ref in refs]))
    assert {result.index: result.dataset["n"] for result in results} == {n: n for n in range(len(refs))}
    assert all(result.ref.uuid == refs[result.index].uuid for result in results)
    assert len(files_under(root)) == len(refs)


def test_all_or_none_are_stored(butler: Butler, root: Path) -> None:
    butler.put({"first": True}, "summary", ID)
    before = files_under(root)
    refs = butler.make_refs("summary", data_ids(), run=RUN)
    with pytest.raises(DatasetExistsError, match=r"first.*summary.*exposure: 100"):
        butler.put_many([({"n": n}, ref) for n, ref in enumerate(refs)])
    assert files_under(root) == before
    assert journals_under(root) == []
    assert butler.query_datasets("summary").count() == 1


def test_an_object_that_cannot_be_written_leaves_nothing(butler: Butler, root: Path) -> None:
    refs = butler.make_refs("summary", data_ids()[:3], run=RUN)
    with pytest.raises(InvalidInputError):
        butler.put_many([({"n": 1}, refs[0]), ({"n": object()}, refs[1]), ({"n": 3}, refs[2])])
    assert files_under(root) == []
    assert journals_under(root) == []
    assert butler.query_datasets("summary").count() == 0


def test_a_uuid_given_twice_is_refused_before_anything_is_written(butler: Butler, root: Path) -> None:
    (ref,) = butler.make_refs("summary", [ID], run=RUN)
    with pytest.raises(InvalidInputError, match="twice"):
        butler.put_many([({}, ref), ({}, ref)])
    assert files_under(root) == []


def test_a_put_twice_is_refused_and_the_first_stays(butler: Butler, root: Path) -> None:
    butler.put({"n": 1}, "summary", ID)
    with pytest.raises(DatasetExistsError):
        butler.put({"n": 2}, "summary", ID)
    assert butler.get("summary", ID) == {"n": 1}
    assert len(files_under(root)) == 1


def test_uuids_are_of_time_or_of_meaning(butler: Butler) -> None:
    (unique,) = butler.make_refs("summary", [ID])
    (by_id,) = butler.make_refs("summary", [ID], id_mode="data_id")
    (again,) = butler.make_refs("summary", [ID], run="elsewhere", id_mode=DatasetIdMode.DATA_ID)
    (by_run,) = butler.make_refs("summary", [ID], id_mode="data_id_run")
    assert unique.uuid.version == 7
    assert by_id.uuid.version == 5
    assert by_id.uuid == again.uuid != by_run.uuid
    assert by_id.uuid == UUID("ee3914c0-6816-5289-8f09-28ee8a301a80")  # never to change


def test_a_dataset_without_dimensions(butler: Butler) -> None:
    butler.register_dataset_type("config", [], "StructuredDataDict")
    butler.put({"threshold": 5}, "config")
    assert butler.get("config") == {"threshold": 5}
    assert butler.query_datasets("config").count() == 1


@pytest.mark.parametrize(
    ("storage_class", "value"),
    [
        ("StructuredDataDict", {"a": [1, 2.5, None, "x"], "b": {"c": True}}),
        ("StructuredDataList", [1, {"b": 2}]),
        ("StructuredDataDict", {}),
    ],
)
def test_types_come_back(butler: Butler, storage_class: str, value: Any) -> None:
    butler.register_dataset_type("thing", ["instrument"], storage_class)
    butler.put(value, "thing", instrument=INSTRUMENT)
    assert butler.get("thing", instrument=INSTRUMENT) == value


# -- where a dataset stands


def test_unstore_drops_bytes_and_keeps_the_registration(butler: Butler, root: Path) -> None:
    ref, other = (butler.put({"n": d}, "summary", ID, detector=d) for d in (0, 1))
    butler.unstore([ref])
    assert butler.exists(ref) is DatasetExistence.REGISTERED
    assert not butler.exists("summary", ID, detector=0)
    assert butler.exists(other) is DatasetExistence.STORED
    assert len(files_under(root)) == 1
    assert journals_under(root) == []
    with pytest.raises(DatasetNotStoredError):
        butler.get("summary", ID, detector=0)
    butler.unstore([ref])  # what is not stored is skipped
    assert butler.get(other) == {"n": 1}


def test_existence(butler: Butler, root: Path) -> None:
    (ref,) = butler.make_refs("summary", [ID])
    assert butler.exists(ref) is DatasetExistence.NONE
    assert butler.exists("summary", ID) is DatasetExistence.NONE
    stored = butler.put({}, ref)
    assert butler.exists(ref, check_artifact=True) is DatasetExistence.STORED
    os.unlink(root / "data" / files_under(root)[0])
    assert butler.exists(ref) is DatasetExistence.STORED
    assert butler.exists(ref, check_artifact=True) is DatasetExistence.MISSING_ARTIFACT
    with pytest.raises(CorruptError, match="summary"):
        butler.get(stored)


def test_a_damaged_artifact_is_noticed(butler: Butler, root: Path) -> None:
    butler.put({"n": 1}, "summary", ID)
    (root / "data" / files_under(root)[0]).write_bytes(b"")
    with pytest.raises(CorruptError):
        butler.get("summary", ID)


def test_uris(butler: Butler, root: Path) -> None:
    ref = butler.put({"n": 1}, "summary", ID)
    uri = butler.get_uri("summary", ID)
    assert uri.startswith("file:///")
    assert Path(uri.removeprefix("file://")).read_bytes().startswith(b"{")
    assert butler.get_uri(ref) == uri
    butler.unstore([ref])
    with pytest.raises(InvalidInputError, match="no URIs"):
        butler.get_uri("summary", ID)


def test_deferred_reading(butler: Butler) -> None:
    handle = butler.get_deferred(butler.put({"n": 1}, "summary", ID))
    assert handle.get() == {"n": 1}
    assert butler.get_deferred("summary", ID).get() == {"n": 1}


# -- files that exist


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file outside the repository."""
    path = tmp_path / "outside" / "some file.json"
    path.parent.mkdir()
    path.write_text('{"from": "outside"}')
    return path


@pytest.mark.parametrize(
    "transfer", ["auto", "copy", "move", "hardlink", "symlink", "relsymlink", "link", "direct"]
)
def test_ingest(butler: Butler, root: Path, outside: Path, transfer: Any) -> None:
    (ref,) = butler.make_refs("summary", [ID])
    (stored,) = butler.ingest(FileDataset(outside, ref), transfer=transfer)
    assert butler.get("summary", ID) == {"from": "outside"}
    assert outside.exists() == (transfer != "move")
    assert len(files_under(root)) == (0 if transfer == "direct" else 1)
    assert journals_under(root) == []
    butler.unstore([stored])
    assert files_under(root) == []
    assert outside.exists() == (transfer != "move")


def test_a_link_to_what_is_gone_is_a_missing_artifact(butler: Butler, root: Path, outside: Path) -> None:
    (ref,) = butler.make_refs("summary", [ID])
    butler.ingest(FileDataset(outside, ref), transfer="symlink")
    assert butler.exists(ref, check_artifact=True) is DatasetExistence.STORED
    outside.unlink()
    assert butler.exists(ref, check_artifact=True) is DatasetExistence.MISSING_ARTIFACT
    butler.unstore([ref])
    assert files_under(root) == []


def test_an_implied_value_must_not_contradict_the_record(butler: Butler, root: Path) -> None:
    right, wrong = ("Cam-G", "Cam-R") if ID["exposure"] % 2 else ("Cam-R", "Cam-G")
    with pytest.raises(DataIdError, match=f"physical_filter='{wrong}'.*'{right}'"):
        butler.put({"n": 1}, "summary", {**ID, "physical_filter": wrong})
    assert files_under(root) == []
    butler.put({"n": 1}, "summary", {**ID, "physical_filter": right})
    assert butler.get("summary", ID, physical_filter=right) == {"n": 1}
    assert butler.get("summary", ID) == {"n": 1}
    with pytest.raises(DataIdError, match=f"physical_filter='{wrong}'.*'{right}'"):
        butler.get("summary", ID, physical_filter=wrong)
    assert butler.exists("summary", {**ID, "day_obs": 20260101})
    with pytest.raises(DataIdError, match="day_obs"):
        butler.exists("summary", {**ID, "day_obs": 20270101})


def test_ingest_from_a_directory(butler: Butler, outside: Path) -> None:
    (ref,) = butler.make_refs("summary", [ID])
    butler.ingest(FileDataset(outside.name, ref), directory=outside.parent)
    assert butler.get(ref) == {"from": "outside"}


def test_a_failed_move_keeps_the_source(butler: Butler, root: Path, outside: Path) -> None:
    butler.put({"n": 1}, "summary", ID)
    (ref,) = butler.make_refs("summary", [ID])
    with pytest.raises(DatasetExistsError):
        butler.ingest(FileDataset(outside, ref), transfer="move")
    assert outside.read_text() == '{"from": "outside"}'
    assert len(files_under(root)) == 1


def test_a_file_of_several_datasets_goes_with_the_last(butler: Butler, root: Path, outside: Path) -> None:
    refs = butler.make_refs("summary", data_ids()[:2])
    butler.ingest(FileDataset(outside, refs))
    assert len(files_under(root)) == 1
    butler.unstore(refs[:1])
    assert butler.get(refs[1]) == {"from": "outside"}
    butler.unstore(refs[1:])
    assert files_under(root) == []


@pytest.mark.parametrize("transfer", ["copy", "move", "direct", "symlink"])
def test_a_file_of_the_repository_is_refused(butler: Butler, root: Path, transfer: Any) -> None:
    butler.put({"n": 1}, "summary", ID)
    inside = root / "data" / files_under(root)[0]
    (ref,) = butler.make_refs("summary", data_ids()[:1])
    with pytest.raises(InvalidInputError, match="belongs to the repository"):
        butler.ingest(FileDataset(inside, ref), transfer=transfer)
    assert inside.exists()
    assert butler.exists(ref) is DatasetExistence.NONE


@pytest.mark.parametrize("transfer", ["auto", "move", "hardlink", "symlink", "direct"])
@pytest.mark.parametrize("name", ["registry.sqlite3", "butler.yaml", "link"])
def test_what_makes_the_repository_is_refused(butler: Butler, root: Path, transfer: Any, name: str) -> None:
    """Moved in, it would be gone; and to close a second time what SQLite has open takes its locks away."""
    (root / "link").symlink_to("registry.sqlite3")
    file = FileDataset(root / name, butler.make_refs("summary", [ID]))
    with pytest.raises(InvalidInputError, match=name):
        butler.ingest(file, transfer=transfer)
    butler.put({"a": 1}, "summary", ID)
    with Butler(root, collections=RUN) as again:
        assert again.get("summary", ID) == {"a": 1}


@pytest.mark.parametrize("transfer", ["copy", "direct", "move"])
def test_a_missing_file_is_named(butler: Butler, root: Path, outside: Path, transfer: Any) -> None:
    refs = butler.make_refs("summary", data_ids()[:2])
    with pytest.raises(ButlerError, match="nowhere"):
        butler.ingest(FileDataset(outside, refs[0]), FileDataset("/nowhere.json", refs[1]), transfer=transfer)
    assert files_under(root) == []
    assert outside.exists()
    assert butler.query_datasets("summary").count() == 0


# -- mistakes


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda b: b.get("sumary", ID), DatasetTypeNotFoundError, "summary"),
        (lambda b: b.get("summary", ID), DatasetNotFoundError, "u/test/first"),
        (lambda b: b.get("summary", {"instrument": INSTRUMENT}), DataIdError, "exposure"),
        (lambda b: b.put({}, "summary", ID, detector="two"), DataIdError, "detector"),
        (lambda b: b.put({}, "summary", ID, tract=4), DataIdError, "tract"),
        (lambda b: b.put({}, "summary", ID, colour=4), DataIdError, "colour"),
        (lambda b: b.put({}, "summary", ID, detector=77), DataIdError, "77"),
        (lambda b: b.put("text", "summary", ID), InvalidInputError, "StructuredDataDict"),
        (lambda b: b.put({"x": float("nan")}, "summary", ID), InvalidInputError, "summary|NaN|nan"),
        (lambda b: b.put({}, "summary", ID, run="nowhere"), NotFoundError, "nowhere"),
        (lambda b: b.get("summary", ID, collections="nowhere"), NotFoundError, "nowhere"),
        (lambda b: b.get("summary", ID, collections=()), DatasetNotFoundError, "no collections"),
        (lambda b: b.get("summary", ID, collections="u/*"), InvalidInputError, "order"),
    ],
)
def test_a_mistake_gets_a_clear_error_and_leaves_nothing(
    butler: Butler, root: Path, call: Any, error: type[ButlerError], words: str
) -> None:
    import re

    with pytest.raises(error) as caught:
        call(butler)
    text = f"{caught.value} {caught.value.remedy}"
    assert re.search(words, text), text
    assert caught.value.remedy
    assert files_under(root) == []
    assert journals_under(root) == []


def test_the_error_says_which_collection_has_it(butler: Butler) -> None:
    butler.register_collection("other")
    butler.put({}, "summary", ID, run="other")
    with pytest.raises(DatasetNotFoundError) as caught:
        butler.get("summary", ID)
    assert "other" in caught.value.remedy


# -- sharing


def test_a_pickled_butler_and_its_refs_work(butler: Butler) -> None:
    ref = butler.put({"n": 1}, "summary", ID)
    copy, copied_ref = pickle.loads(pickle.dumps((butler, ref)))
    with copy:
        assert copied_ref == ref
        assert copy.get(copied_ref) == {"n": 1}
        assert copy.run == RUN


def test_a_butler_can_be_opened_from_another(butler: Butler) -> None:
    butler.put({"n": 1}, "summary", ID)
    with Butler(butler=butler, collections=[RUN], exposure=100) as view:
        assert view.get("summary", detector=2) == {"n": 1}
    assert butler.get("summary", ID) == {"n": 1}


def test_a_closed_butler_says_so(root: Path) -> None:
    butler = Butler(root)
    butler.close()
    butler.close()
    with pytest.raises(InvalidInputError, match="closed"):
        butler.query_datasets("summary")


def test_refs_are_equal_by_what_they_are(butler: Butler) -> None:
    ref = butler.put({}, "summary", ID)
    (found,) = butler.query_datasets("summary")
    assert isinstance(found, DatasetRef)
    assert found == ref
    assert len({found, ref}) == 1
