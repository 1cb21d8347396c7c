"""Taking in exports of the peer's format, with files and without, once and again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from butler_core import Butler, CollectionType, DatasetExistence, discovery
from butler_core.errors import ButlerError, CorruptError, InvalidInputError, NotFoundError, PluginError
from butler_core.models.batch import RawBatch
from butler_core.models.export import RawBatchExport
from butler_core.models.universe import DimensionUniverse

EXPORT = """\
description: Butler Data Repository Export
version: 1.0.2
universe_version: 7
universe_namespace: daf_butler
data:
- type: dimension
  element: instrument
  records:
  - {name: Cam, detector_max: 4}
- type: dimension
  element: detector
  records:
  - {instrument: Cam, id: 1, full_name: D1}
  - {instrument: Cam, id: 2, full_name: D2}
- type: collection
  collection_type: RUN
  name: cam/run
  host: null
  timespan_begin: null
  timespan_end: null
- type: collection
  collection_type: TAGGED
  name: cam/tag
- type: collection
  collection_type: CHAINED
  name: cam/chain
  children: [cam/tag, cam/run]
- type: dataset_type
  name: summary
  dimensions: [instrument, detector]
  storage_class: StructuredDataDict
- type: dataset
  dataset_type: summary
  run: cam/run
  records:
  - dataset_id: [!uuid e15ab039-bc8b-4135-87c5-90902a7c0b22]
    data_id: [{instrument: Cam, detector: 1}]
    path: one.json
    formatter: lsst.daf.butler.formatters.json.JsonFormatter
  - dataset_id: [!uuid 51352db4-a47a-447c-b12d-a50b206b17cd]
    data_id: [{instrument: Cam, detector: 2}]
    path: PATH2
    formatter: lsst.daf.butler.formatters.json.JsonFormatter
- type: associations
  collection: cam/tag
  collection_type: TAGGED
  dataset_ids: [!uuid 51352db4-a47a-447c-b12d-a50b206b17cd]
"""


@pytest.fixture
def rubin(tmp_path: Path) -> Iterator[Butler]:
    """An empty repository with Rubin's dimensions."""
    Butler.make_repo(tmp_path / "repo", dimensions="rubin", durability="process")
    with Butler(tmp_path / "repo", writeable=True) as butler:
        yield butler


def write_export(directory: Path, *, second: str = "two.json", text: str = EXPORT) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / "export.yaml"
    path.write_text(text.replace("PATH2", second))
    (directory / "one.json").write_text('{"n": 1}')
    (directory / "two.json").write_text('{"n": 2}')
    return path


def check_everything(butler: Butler) -> None:
    assert butler.get("summary", instrument="Cam", detector=1, collections="cam/run") == {"n": 1}
    assert butler.get("summary", instrument="Cam", detector=2, collections="cam/chain") == {"n": 2}
    (tagged,) = butler.query_datasets("summary", "cam/tag")
    assert str(tagged.uuid) == "51352db4-a47a-447c-b12d-a50b206b17cd"
    assert list(butler.get_collection_chain("cam/chain")) == ["cam/tag", "cam/run"]
    assert set(butler.query_collections(types=CollectionType.TAGGED)) == {"cam/tag"}


@pytest.mark.parametrize("transfer", [None, "copy", "direct", "hardlink"])
def test_an_export_with_files(rubin: Butler, tmp_path: Path, transfer: object) -> None:
    export = write_export(tmp_path / "export")
    report = rubin.import_(export, transfer=transfer)  # type: ignore[arg-type]
    assert (report.datasets, report.skipped, report.files) == (2, 0, 2)
    assert report.size_bytes == 16
    check_everything(rubin)
    again = rubin.import_(export, transfer=transfer)  # type: ignore[arg-type]
    assert (again.datasets, again.skipped, again.files) == (0, 2, 0)
    check_everything(rubin)


def test_files_in_another_directory(rubin: Butler, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export").rename(tmp_path / "metadata.yaml")
    rubin.import_(export, directory=tmp_path / "export")
    check_everything(rubin)


def test_the_usual_name_is_found(rubin: Butler, tmp_path: Path) -> None:
    write_export(tmp_path / "export")
    rubin.import_(directory=tmp_path / "export")
    check_everything(rubin)
    with pytest.raises(NotFoundError, match="looked for"):
        rubin.import_(directory=tmp_path)


def test_metadata_alone(rubin: Butler, tmp_path: Path) -> None:
    rubin.import_(write_export(tmp_path / "export"), skip_files=True)
    (first, second) = rubin.query_datasets("summary", "cam/run")
    assert rubin.exists_many([first, second]) == [DatasetExistence.REGISTERED] * 2


def test_a_dry_run_changes_nothing(rubin: Butler, tmp_path: Path) -> None:
    report = rubin.import_(write_export(tmp_path / "export"), dry_run=True)
    assert report.datasets == 2
    assert list(rubin.query_collections()) == []


def test_a_missing_file_is_named_and_the_rest_can_follow(rubin: Butler, tmp_path: Path) -> None:
    export = write_export(tmp_path / "export")
    (tmp_path / "export" / "two.json").unlink()
    with pytest.raises(InvalidInputError, match=r"two\.json"):
        rubin.import_(export)
    assert list(rubin.query_collections()) == []
    with pytest.raises(InvalidInputError, match=r"two\.json"):
        rubin.import_(export, dry_run=True)
    write_export(tmp_path / "export")
    rubin.import_(export)
    check_everything(rubin)


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_unknown_formatter_is_found_before_anything_is_applied(
    rubin: Butler, tmp_path: Path, dry_run: bool
) -> None:
    text = EXPORT.replace("lsst.daf.butler.formatters.json.JsonFormatter", "elsewhere.Strange", 1)
    with pytest.raises(PluginError, match=r"one\.json.*Strange") as caught:
        rubin.import_(write_export(tmp_path / "export", text=text), dry_run=dry_run)
    assert "skip_files=True" in caught.value.remedy
    assert list(rubin.query_collections()) == []
    rubin.import_(tmp_path / "export" / "export.yaml", skip_files=True)
    assert len(list(rubin.query_datasets("summary", "cam/run"))) == 2


@pytest.mark.parametrize("path", ["../secret.json", "a/../../secret.json"])
def test_a_path_that_leaves_the_export_is_refused(rubin: Butler, tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.json").write_text('{"secret": 1}')
    with pytest.raises(InvalidInputError, match="outside"):
        rubin.import_(write_export(tmp_path / "export", second=path))
    assert list(rubin.query_collections()) == []


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        (
            "element: detector",
            "element: detecter",
            InvalidInputError,
            ["detecter", "detector", "export.yaml"],
        ),
        ("full_name: D1", "colour: D1", InvalidInputError, ["colour", "export.yaml"]),
        ("id: 1, full", "id: one, full", InvalidInputError, ["one", "export.yaml"]),
        ("- type: dataset_type", "- type: datatype", InvalidInputError, ["datatype", "export.yaml"]),
        ("version: 1.0.2", "version: 9.0.0", ButlerError, ["9.0.0", "export.yaml"]),
        ("children: [cam/tag, cam/run]", "children: [cam/tag, cam", CorruptError, ["export.yaml"]),
        (
            "dimensions: [instrument, detector]",
            "dimensions: [instrument, colour]",
            InvalidInputError,
            ["colour"],
        ),
    ],
)
def test_a_mistake_in_an_export_is_placed(
    rubin: Butler, tmp_path: Path, old: str, new: str, error: type[ButlerError], words: list[str]
) -> None:
    assert old in EXPORT
    with pytest.raises(error) as caught:
        rubin.import_(write_export(tmp_path / "export", text=EXPORT.replace(old, new)))
    text = f"{caught.value} {caught.value.remedy}"
    assert all(word in text for word in words), text
    assert list(rubin.query_collections()) == []
    assert list(rubin.query_dimension_records("instrument")) == []


def test_a_file_that_nobody_reads(rubin: Butler, tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    path.write_text("hello")
    with pytest.raises(InvalidInputError, match=r"export\.txt"):
        rubin.import_(path)
    with pytest.raises(NotFoundError, match="nowhere"):
        rubin.import_(tmp_path / "nowhere.yaml")


def test_a_chunk_that_is_taken_in_again_is_another_batch(
    rubin: Butler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would count as applied already, and its artifacts would have the names of those of the first time."""
    export = write_export(tmp_path / "export")
    reader, batch_id = discovery.find_reader(str(export), EXPORT.encode()), RawBatch().batch_id

    class SameEachTime:
        def read(self, path: str, universe: DimensionUniverse) -> Iterator[RawBatchExport]:
            for chunk in reader.read(path, universe):
                chunk.batch.batch_id = batch_id
                yield chunk

    monkeypatch.setattr(discovery, "find_reader", lambda path, header: SameEachTime())
    for _ in range(2):
        rubin.import_(export)
        check_everything(rubin)
        assert rubin.verify().findings == ()
        with rubin.removal() as removal:
            removal.include_collections(["cam/*"])
