"""Repositories, dataset types, collections and dimension records: defining them, and defining them otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from butler_core import Butler, CollectionType, DatasetType, SetInsertMode, SyncStatus
from butler_core.errors import (
    ButlerError,
    ConfigurationError,
    ConflictError,
    DefinitionConflictError,
    ForbiddenError,
    IncompatibleError,
    InvalidInputError,
    NotFoundError,
    PluginError,
    UnavailableError,
)
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import INSTRUMENT


def test_a_repository_is_one_file_and_what_it_names(root: Path) -> None:
    content = yaml.safe_load((root / "butler.yaml").read_text())
    assert content["registry"]["type"] == "sqlite"
    assert content["datastore"]["type"] == "posix"
    assert content["durability"] == "process"
    assert "root" not in content


def test_a_repository_can_be_moved(root: Path) -> None:
    with Butler(root, run="r") as butler:
        butler.register_dataset_type("config", [], "StructuredDataDict")
        butler.put({"a": 1}, "config")
    moved = root.rename(root.with_name("moved"))
    with Butler(moved, collections="r") as butler:
        assert butler.get("config") == {"a": 1}


def test_info(root: Path) -> None:
    with Butler(root) as butler:
        info = butler.info()
    assert info.universe == ("testing", 1)
    assert info.registry == "sqlite"
    assert list(info.datastores.values()) == ["posix"]
    assert info.durability == "process"


def test_an_existing_repository_is_not_touched(root: Path) -> None:
    before = (root / "butler.yaml").read_text()
    with pytest.raises(ConflictError, match="exists"):
        Butler.make_repo(root, dimensions=testing_universe())
    assert (root / "butler.yaml").read_text() == before


@pytest.mark.parametrize(
    ("config", "dimensions", "error", "words"),
    [
        ({"registry": {"type": "sqlite", "pth": "x"}}, None, ConfigurationError, ["registry.pth", "path"]),
        ({"datastore": {"type": "posix", "rot": "x"}}, None, ConfigurationError, ["datastore.rot"]),
        ({"registry": {"type": "sqlight"}}, None, PluginError, ["sqlight", "sqlite"]),
        ({"registry": {}}, None, ConfigurationError, ["registry.type"]),
        ({"durabilty": "process"}, None, ConfigurationError, ["durabilty", "durability"]),
        ({"durability": "often"}, None, ConfigurationError, ["durability", "often"]),
        ({}, "no-such-universe", PluginError, ["no-such-universe"]),
        (
            {},
            {"namespace": "x", "version": 1, "elements": {"a": {"kye": 1}}},
            ConfigurationError,
            ["elements.a.kye"],
        ),
        (
            {},
            {"namespace": "x", "version": 1, "elements": {"a": {"requires": ["b"]}}},
            ConfigurationError,
            ["elements.a", "b"],
        ),
    ],
)
def test_a_mistake_makes_no_repository(
    tmp_path: Path, config: Any, dimensions: Any, error: type[ButlerError], words: list[str]
) -> None:
    from butler_core import DimensionUniverse

    root = tmp_path / "repo"

    def make() -> None:
        universe = DimensionUniverse.load(dimensions) if isinstance(dimensions, dict) else dimensions
        Butler.make_repo(root, config, universe or testing_universe())

    with pytest.raises(error) as caught:
        make()
    text = f"{caught.value} {caught.value.remedy}"
    assert all(word in text for word in words), text
    assert not root.exists()


def test_an_unwritable_root_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="file"):
        Butler.make_repo(tmp_path / "file" / "repo", dimensions=testing_universe())


def test_what_was_there_before_stays_when_making_fails(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ConfigurationError):
        Butler.make_repo(tmp_path, {"registry": {"type": "sqlite", "x": 1}}, testing_universe())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_repository_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="nowhere"):
        Butler(tmp_path / "nowhere")


def test_a_configuration_of_the_future(root: Path) -> None:
    path = root / "butler.yaml"
    path.write_text(path.read_text().replace("version: 1", "version: 99", 1))
    with pytest.raises(IncompatibleError, match="99"):
        Butler(root)


def test_malformed_yaml_is_named(root: Path) -> None:
    (root / "butler.yaml").write_text("registry: [unclosed")
    with pytest.raises(ConfigurationError, match=r"butler\.yaml"):
        Butler(root)


def test_labels(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "index.yaml"
    index.write_text(f"main: {root}\n")
    monkeypatch.setenv("BUTLER_REPOSITORY_INDEX", str(index))
    assert set(Butler.get_known_repos()) == {"main"}
    assert Butler.get_repo_uri("main") == str(root)
    with Butler("main") as butler:
        assert butler.info().universe == ("testing", 1)
    with pytest.raises(NotFoundError, match="other"):
        Butler.get_repo_uri("other")


def test_registering_again_is_fine_and_otherwise_is_a_conflict(butler: Butler) -> None:
    butler.register_dataset_type("summary", ["exposure", "detector"], "StructuredDataDict")
    with pytest.raises(DefinitionConflictError, match="summary"):
        butler.register_dataset_type("summary", ["exposure"], "StructuredDataDict")
    with pytest.raises(DefinitionConflictError, match="summary"):
        butler.register_dataset_type("summary", ["exposure", "detector"], "StructuredDataList")
    butler.register_collection("tag", CollectionType.TAGGED)
    butler.register_collection("tag", CollectionType.TAGGED)
    with pytest.raises(DefinitionConflictError, match="tag"):
        butler.register_collection("tag")


@pytest.mark.parametrize("name", ["", "a*", "a,b", "a b", "../x", "a//b", "/a", "a/./b", "x" * 300])
def test_collection_names_that_cannot_be(butler: Butler, name: str) -> None:
    with pytest.raises(InvalidInputError, match="name"):
        butler.register_collection(name)


def test_dataset_type_names_and_dimensions_that_cannot_be(butler: Butler) -> None:
    with pytest.raises(InvalidInputError, match="1st"):
        butler.register_dataset_type("1st", [], "StructuredDataDict")
    with pytest.raises(InvalidInputError, match="colour"):
        butler.register_dataset_type("first", ["colour"], "StructuredDataDict")
    with pytest.raises(InvalidInputError, match="storage class"):
        butler.register_dataset_type("first", [])


def test_an_unknown_storage_class_hurts_only_its_datasets(butler: Butler) -> None:
    dataset_type = butler.register_dataset_type("exotic", ["instrument"], "ExoticType")
    assert butler.get_dataset_type("exotic") == dataset_type
    with pytest.raises(InvalidInputError, match="ExoticType"):
        butler.put(1, "exotic", instrument=INSTRUMENT)


def test_dimension_records_are_inserted_skipped_and_replaced(butler: Butler) -> None:
    record = {"instrument": INSTRUMENT, "id": 2, "full_name": "other"}
    with pytest.raises(ConflictError, match="detector"):
        butler.insert_dimension_data("detector", [record])
    butler.insert_dimension_data("detector", [record], SetInsertMode.INSERT_OR_SKIP)
    (found,) = butler.query_dimension_records("detector", instrument=INSTRUMENT, detector=2)
    assert found.full_name == "S2"
    butler.insert_dimension_data("detector", [record], SetInsertMode.INSERT_OR_REPLACE)
    (found,) = butler.query_dimension_records("detector", instrument=INSTRUMENT, detector=2)
    assert found.full_name == "other"
    assert found.purpose is None


def test_sync(butler: Butler) -> None:
    record = {"instrument": INSTRUMENT, "id": 9, "full_name": "S9"}
    assert butler.sync_dimension_data(record, element="detector").status is SyncStatus.INSERTED
    assert butler.sync_dimension_data(record, element="detector").status is SyncStatus.IDENTICAL
    changed = {**record, "full_name": "T9"}
    with pytest.raises(DefinitionConflictError, match=r"S9|full_name"):
        butler.sync_dimension_data(changed, element="detector")
    result = butler.sync_dimension_data(changed, update=True, element="detector")
    assert result.status is SyncStatus.UPDATED
    assert result.old_values == {"full_name": "S9"}


@pytest.mark.parametrize(
    ("element", "record", "words"),
    [
        ("detector", {"instrument": INSTRUMENT}, ["detector.detector", "missing"]),
        ("detector", {"instrument": INSTRUMENT, "id": "x"}, ["detector.detector", "'x'"]),
        ("detector", {"instrument": INSTRUMENT, "id": 8, "colour": 1}, ["colour", "full_name"]),
        ("detector", {"instrument": "Unknown", "id": 8}, ["Unknown"]),
        ("exposure", {"instrument": INSTRUMENT, "id": 8, "exposure_time": float("nan")}, ["NaN"]),
        ("nothing", {}, ["nothing", "detector"]),
        ("band", {"name": "g"}, ["table"]),
    ],
)
def test_a_bad_record_is_explained_and_nothing_is_inserted(
    butler: Butler, element: str, record: Any, words: list[str]
) -> None:
    good = {"instrument": INSTRUMENT, "id": 50}
    with pytest.raises(ButlerError) as caught:
        butler.insert_dimension_data(element, [good, record] if element == "detector" else [record])
    text = f"{caught.value} {caught.value.remedy}"
    assert all(word in text for word in words), text
    assert butler.query_dimension_records("detector").count() == 4


def test_a_batch_is_applied_whole_or_not_at_all(butler: Butler) -> None:
    with butler.batched() as batch:
        batch.register_collection("b")
        batch.register_dataset_type("t", [], "StructuredDataDict")
    assert "b" in butler.query_collections()
    assert batch.results.datasets == 0

    def fail() -> None:
        with butler.batched() as batch:
            batch.register_collection("c")
            batch.insert_dimension_data("detector", [{"instrument": "Unknown", "id": 1}])

    with pytest.raises(ButlerError, match="Unknown"):
        fail()
    assert "c" not in butler.query_collections()

    def stop() -> None:
        with butler.batched() as batch:
            batch.register_collection("d")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stop()
    assert "d" not in butler.query_collections()


def test_a_reader_cannot_write(butler: Butler, root: Path) -> None:
    with Butler(root) as reader:
        for call in (
            lambda: reader.register_collection("x"),
            lambda: reader.register_dataset_type("t", [], "StructuredDataDict"),
            lambda: reader.insert_dimension_data("instrument", []),
            lambda: reader.unstore([]),
            lambda: reader.recover(),
        ):
            with pytest.raises(ForbiddenError) as caught:
                call()
            assert caught.value.code == "read-only"


def test_a_dataset_type_object_of_other_dimensions_is_refused(butler: Butler) -> None:
    other = DatasetType("summary", butler.dimensions.conform(["exposure"]), "StructuredDataDict")
    with pytest.raises(InvalidInputError, match="dimensions"):
        butler.query_datasets(other)
