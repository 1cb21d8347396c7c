"""The datastore of files on a store that is none: conformance, and how datasets are read in parts and cut down."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.contracts.datastore import Datastore
from butler_core.contracts.formatter import (
    ArtifactSink,
    ArtifactSource,
    Formatter,
    FormatterAbilities,
    StorageClassDelegate,
)
from butler_core.errors import ConfigurationError, CorruptError, DatasetNotStoredError, InvalidInputError
from butler_core.files.bridge import FileBridge
from butler_core.files.config import FileDatastoreConfig
from butler_core.files.datastore import FileDatastore
from butler_core.files.records import FileRecord
from butler_core.models import lookup
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.opaque import OpaqueTableBatch
from butler_core.models.storage_class import StorageClass
from butler_core.testing.context import core_storage_classes, make_context
from butler_core.testing.datastores.conformance import DatastoreConformance
from butler_core.testing.datastores.datasets import begin, make_refs, put
from butler_core.testing.universe import testing_universe
from tests.files.memory import MemoryStore, open_memory


class TestConformance(DatastoreConformance):
    store: MemoryStore

    @pytest.fixture
    def datastore(self) -> Datastore:
        datastore = open_memory(make_context("/nowhere"))
        assert isinstance(datastore._store, MemoryStore)
        self.store = datastore._store
        return datastore

    def open_bridge(self, config: Any) -> DatastoreBridge:
        return FileBridge.from_config(config)

    def peek(self, uri: str) -> bytes | None:
        return self.store.artifacts.get(uri.removeprefix("memory://root/"))

    def poke(self, uri: str, content: bytes) -> None:
        self.store.put(uri.removeprefix("memory://root/"), content)


# -- a storage class with parts


class Picture:
    """Two texts, one of which can be cut."""

    def __init__(self, image: str, mask: str) -> None:
        self.image, self.mask = image, mask

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Picture) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class PictureDelegate(StorageClassDelegate):
    def disassemble(self, obj: Any) -> dict[str, Any]:
        return dict(vars(obj))

    def assemble(self, components: Mapping[str, Any]) -> Any:
        return Picture(**components)

    def get_component(self, obj: Any, name: str) -> Any:
        return len(obj.image) if name == "length" else getattr(obj, name)

    def apply_parameters(self, obj: Any, parameters: Mapping[str, Any]) -> Any:
        return Picture(obj.image[: parameters["first"]], obj.mask)


class PictureFormatter(Formatter):
    """Reads the mask alone, and the cut itself if the parameter is ``quick``."""

    abilities = FormatterAbilities(
        storage_classes=frozenset({"Picture"}),
        parameters=frozenset({"quick"}),
        components=frozenset({"mask"}),
    )
    read_components: list[str | None]

    def __init__(self) -> None:
        self.read_components = []

    def extension(self, write_parameters: Mapping[str, Any]) -> str:
        return ".pic"

    def accepts(self, obj: Any, storage_class: StorageClass) -> bool:
        return isinstance(obj, Picture)

    def read(
        self, source: ArtifactSource, ref: DatasetRef, *, component: Any = None, parameters: Any = None
    ) -> Any:
        self.read_components.append(component)
        assert set(parameters or {}) <= {"quick"}
        image, mask = source.read().decode().split("|")
        if component == "mask":
            return mask
        return Picture(image[: (parameters or {}).get("quick", 1000)], mask)

    def write(
        self, obj: Any, sink: ArtifactSink, ref: DatasetRef, *, write_parameters: Mapping[str, Any]
    ) -> None:
        with sink.open() as stream:
            stream.write(f"{obj.image}|{obj.mask}".encode())


PICTURE = StorageClass(
    "Picture",
    f"{__name__}:Picture",
    components={"image": "Text", "mask": "Text"},
    derived_components={"length": "int"},
    parameters=frozenset({"first", "quick"}),
    delegate=f"{__name__}:PictureDelegate",
)


class _Offers:
    """Answers what models ask, so that parts of pictures are known."""

    def __init__(self) -> None:
        self._classes = {**core_storage_classes(), "Picture": PICTURE}

    def get_storage_class(self, name: str) -> StorageClass:
        return self._classes[name]

    def get_universe_source(self, name: str, version: int | None) -> Mapping[str, Any]:
        raise AssertionError

    def get_geometry(self, name: str) -> Any:
        raise AssertionError


@pytest.fixture
def formatter() -> PictureFormatter:
    return PictureFormatter()


@pytest.fixture
def datastore(monkeypatch: pytest.MonkeyPatch, formatter: PictureFormatter) -> FileDatastore:
    monkeypatch.setattr(lookup, "_offers", _Offers())
    context = make_context(
        "/nowhere", storage_classes={"Picture": PICTURE}, formatters={"picture": formatter}
    )
    return open_memory(context)


def get(datastore: FileDatastore, ref: DatasetRef, **parameters: Any) -> Any:
    return next(datastore.get_many([(ref, parameters or None)])).dataset


def test_parts_are_read_alone_where_that_is_possible(
    datastore: FileDatastore, formatter: PictureFormatter
) -> None:
    (ref,) = put(datastore, [Picture("image", "mask")], make_refs(1, PICTURE), uuid4())
    assert get(datastore, ref) == Picture("image", "mask")
    assert get(datastore, ref.make_component("mask")) == "mask"
    assert formatter.read_components == [None, "mask"]
    assert get(datastore, ref.make_component("image")) == "image"
    assert get(datastore, ref.make_component("length")) == 5
    assert formatter.read_components == [None, "mask", None, None]


def test_parameters_go_to_whoever_knows_them(datastore: FileDatastore) -> None:
    (ref,) = put(datastore, [Picture("image", "mask")], make_refs(1, PICTURE), uuid4())
    assert get(datastore, ref, quick=4).image == "imag"
    assert get(datastore, ref, first=3).image == "ima"
    assert get(datastore, ref, quick=2, first=3).image == "im"
    for bad in ({"last": 1}, {"first": 1, "last": 1}):
        with pytest.raises(InvalidInputError, match="last"):
            get(datastore, ref, **bad)
    for component in ("mask", "image"):
        with pytest.raises(InvalidInputError, match="first"):
            get(datastore, ref.make_component(component), first=1)


def in_parts(datastore: FileDatastore, ref: DatasetRef) -> DatasetRef:
    """Store a picture as two artifacts, as an import may bring it."""
    records = []
    for part in ("image", "mask"):
        datastore._store.put(f"{part}.txt", part.encode())  # type: ignore[attr-defined]
        records.append(FileRecord(part, f"{part}.txt", "text", len(part), None, None, "Text"))
    return ref.with_datastore_records({"file_testing": tuple(records)})


def test_a_dataset_in_parts_is_put_together(datastore: FileDatastore) -> None:
    ref = in_parts(datastore, make_refs(1, PICTURE)[0])
    assert get(datastore, ref) == Picture("image", "mask")
    assert get(datastore, ref, first=2) == Picture("im", "mask")
    assert get(datastore, ref.make_component("mask")) == "mask"
    with pytest.raises(InvalidInputError, match="only image, mask"):
        get(datastore, ref.make_component("length"))
    found = [
        (result.index, result.ref.dataset_type.name, result.uri) for result in datastore.get_many_uris([ref])
    ]
    assert found == [(0, f"summary.{part}", f"memory://root/{part}.txt") for part in ("image", "mask")]
    (uri,) = datastore.get_many_uris([ref.make_component("mask")])
    assert uri.uri.endswith("mask.txt")


def test_a_dataset_in_parts_goes_out_and_comes_in(datastore: FileDatastore, tmp_path: Path) -> None:
    ref = in_parts(datastore, make_refs(1, PICTURE)[0])
    records, by_root = datastore.export([ref], transfer="copy", directory=str(tmp_path))
    assert records is not None
    (files,) = by_root.values()
    assert [file.refs[0].dataset_type.name for file in files] == ["summary.image", "summary.mask"]
    bare = [
        FileDataset(file.path, [part.with_datastore_records(None) for part in file.refs], file.formatter)
        for file in files
    ]
    received = datastore.receive({str(tmp_path): bare}, batch_id=uuid4(), transfer="direct")
    (again,) = received.records.attach_to([ref])
    assert get(datastore, again) == Picture("image", "mask")


def test_another_type_is_made_on_reading(datastore: FileDatastore) -> None:
    (ref,) = put(datastore, [[1, 2]], make_refs(1, "StructuredDataList"), uuid4())
    as_set = StorageClass("Set", "set", converters={"list": "set"})
    assert get(datastore, ref.with_storage_class(as_set)) == {1, 2}


def test_a_file_of_another_type_is_told(datastore: FileDatastore) -> None:
    (ref,) = put(datastore, [{"a": 1}], make_refs(1), uuid4())
    (artifact,) = datastore._store.artifacts  # type: ignore[attr-defined]
    datastore._store.put(artifact, b"[1,2,3]")  # type: ignore[attr-defined]
    with pytest.raises(CorruptError, match="holds a list"):
        get(datastore, ref)


def test_what_is_not_stored_is_told(datastore: FileDatastore) -> None:
    (ref,) = make_refs(1)
    with pytest.raises(DatasetNotStoredError):
        get(datastore, ref.with_datastore_records({}))
    records, by_root = datastore.export([ref.with_datastore_records({})], transfer=None)
    assert not records
    assert by_root == {}


def test_records_that_came_along_are_kept_and_checked(datastore: FileDatastore, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"12345")
    refs = make_refs(1, "Text")
    config = FileDatastoreConfig(type="s3", datastore_id="theirs")
    batch = OpaqueTableBatch()
    for size, good in ((5, True), (6, False)):
        known = FileRecord("", "x/a.zip", "text", size, None, "part", "StructuredDataDict")
        batch.insert("file_theirs", [(refs[0].uuid, [list(known)])])
        files: dict[str | None, list[FileDataset]] = {str(tmp_path): [FileDataset("a.zip", refs)]}
        if good:
            received = datastore.receive(
                files,
                batch_id=uuid4(),
                transfer="direct",
                opaque_data=(config, batch),
            )
            ((record,),) = received.records["file_testing"].values()
            assert record == known._replace(artifact=(tmp_path / "a.zip").as_uri())
        else:
            with pytest.raises(CorruptError, match="6 are recorded"):
                datastore.receive(files, batch_id=uuid4(), transfer="direct", opaque_data=(config, batch))


def test_sizes_and_checksums_are_recorded_if_wanted(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"content")
    checksum = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    for recorded in (True, False):
        datastore = open_memory(make_context("/nowhere"), checksum="sha256" if recorded else "none")
        (ref,) = put(datastore, ["content"], make_refs(1, "Text"), uuid4())
        assert ref.datastore_records is not None
        assert ref.datastore_records["file_testing"][0].checksum == (checksum if recorded else None)
        for transfer in ("copy", "direct"):
            for validate in (True, False):
                refs = make_refs(1, "Bytes")
                files = [FileDataset(str(file), refs, "bytes")]
                predicted, _ = begin(datastore, refs, batch_id := uuid4(), files)
                received = datastore.receive(
                    {None: [FileDataset(str(file), predicted, "bytes")]},
                    batch_id=batch_id,
                    transfer=transfer,
                    record_validation_info=validate,
                )
                ((record,),) = received.records["file_testing"].values()
                expected = (7 if validate else None, checksum if recorded and validate else None)
                assert (record.size_bytes, record.checksum) == expected


def test_a_formatter_that_cannot_write_an_object_is_told() -> None:
    datastore = open_memory(make_context("/nowhere"), formatters={"StructuredDataDict": "text"})
    with pytest.raises(InvalidInputError, match="'text' cannot write the dict"):
        put(datastore, [{}], make_refs(1), uuid4())


def test_relative_paths_need_a_root(datastore: FileDatastore) -> None:
    with pytest.raises(InvalidInputError, match="relative"):
        datastore.receive({None: [FileDataset("a", make_refs(1))]}, batch_id=uuid4(), transfer="direct")
    with pytest.raises(InvalidInputError, match="no file of this machine"):
        datastore.receive(
            {None: [FileDataset("s3://a/b", make_refs(1))]}, batch_id=uuid4(), transfer="direct"
        )
    with pytest.raises(InvalidInputError, match="own_absolute"):
        datastore.receive({}, batch_id=uuid4(), transfer="direct", own_absolute=True)


def test_a_path_is_recorded_in_normal_form(datastore: FileDatastore, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "f").write_bytes(b"1")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for path, expected in (("a/../f", "f"), ("./f", "f"), ("a//../f", "f"), ("link/../f", "f")):
        refs = make_refs(1, "Bytes")
        files: dict[str | None, list[FileDataset]] = {str(tmp_path): [FileDataset(path, refs)]}
        records = datastore.receive(files, batch_id=uuid4(), transfer="direct").records
        assert records["file_testing"][refs[0].uuid][0].artifact == (tmp_path / expected).as_uri()


@pytest.mark.parametrize("key", ["templates", "formatters", "datastore_id", "checksum", "nonsense"])
def test_a_bad_configuration_is_told(key: str) -> None:
    bad = {
        "templates": {"default": "{run"},
        "formatters": {"a": 1},
        "datastore_id": "a b",
        "checksum": "x",
    }
    with pytest.raises(ValidationError, match=key):
        FileDatastoreConfig.model_validate({"type": "x", key: bad.get(key, 1)})
    with pytest.raises(ConfigurationError, match="nonsense"):
        FileDatastoreConfig(type="x", templates={"default": "{nonsense}"}).check_templates(testing_universe())
