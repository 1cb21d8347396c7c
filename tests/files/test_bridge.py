"""The bridge: who writes what, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from butler_core.errors import InvalidInputError, PluginError
from butler_core.files.bridge import FileBridge, FormatterChoice, FormatterChoices
from butler_core.files.names import batch_token
from butler_core.files.records import FileRecord, as_records
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.testing.context import core_formatters, make_context
from butler_core.testing.datastores.datasets import make_refs

JSON = FormatterChoice("json", ".json")
OFFERED = {"StructuredDataDict": JSON, "Text": FormatterChoice("text", ".txt")}


def records(bridge: FileBridge, refs: list[DatasetRef], **kwargs: Any) -> list[FileRecord]:
    batch = bridge.make_opaque_values(refs, **{"batch_id": uuid4(), **kwargs})
    return [batch[bridge.table_name][ref.uuid][0] for ref in refs]


def test_records_are_predicted() -> None:
    batch_id = uuid4()
    (record,) = records(FileBridge("x", offered=OFFERED), make_refs(1, run="u/me"), batch_id=batch_id)
    name = f"u/me/summary/Cam%2F1%20%C3%A9/16/summary_Cam%2F1%20%C3%A9_16_0_{batch_token(batch_id)}.json"
    assert record == FileRecord("", name, "json", None, None, None, "StructuredDataDict")


def test_who_is_chosen() -> None:
    refs = (
        make_refs(1)
        + make_refs(1, name="other")
        + make_refs(1, "Text", name="log")
        + make_refs(1, "Bytes", name="raw")
    )
    chosen = {"other": FormatterChoice("by_type", ".a"), "Text": FormatterChoice("by_class", ".b")}
    bridge = FileBridge("x", chosen={**chosen, "default": FormatterChoice("default", "")}, offered=OFFERED)
    assert [record.formatter for record in records(bridge, refs)] == [
        "json",
        "by_type",
        "by_class",
        "default",
    ]
    assert [record.artifact.rpartition("_")[2][16:] for record in records(bridge, refs)] == [
        ".json",
        ".a",
        ".b",
        "",
    ]
    with pytest.raises(InvalidInputError, match="Bytes"):
        records(FileBridge("x", chosen=chosen, offered=OFFERED), refs)


def test_templates_are_chosen_likewise() -> None:
    refs = make_refs(1) + make_refs(1, name="other") + make_refs(1, "Text", name="log")
    templates = {"other": "o/{exposure}", "Text": "t/{exposure}", "default": "d/{exposure}"}
    bridge = FileBridge("x", templates=templates, offered=OFFERED)
    assert [record.artifact[:4] for record in records(bridge, refs)] == ["d/0_", "o/0_", "t/0_"]


def test_two_datasets_of_one_name_are_refused() -> None:
    bridge = FileBridge("x", templates={"default": "{dataset_type}"}, offered=OFFERED)
    with pytest.raises(InvalidInputError, match="both be written to 'summary_"):
        records(bridge, make_refs(2))
    refs = make_refs(2)
    files = [FileDataset(f"/{n}", ref, "json") for n, ref in enumerate(refs)]
    with pytest.raises(InvalidInputError, match="both be written"):
        records(bridge, refs, files=files)


def test_files_say_formatter_extension_and_what_is_shared() -> None:
    refs = make_refs(4, "Bytes")
    files = [FileDataset("/x/raw.fits.fz", refs[:2], "fits"), FileDataset("b.json", refs[2], "json")]
    files.append(FileDataset("no extension", refs[3], "fits"))
    found = records(FileBridge("x", offered=OFFERED), refs, files=files)
    assert [record.formatter for record in found] == ["fits", "fits", "json", "fits"]
    assert found[0].artifact == found[1].artifact
    assert len({record.artifact for record in found}) == 3
    assert [record.artifact.rpartition("_")[2][16:] for record in found] == [
        ".fits.fz",
        ".fits.fz",
        ".json",
        "",
    ]
    (mixed, _) = records(
        FileBridge("x", offered=OFFERED), [refs[2], *make_refs(1, "Text", name="log")], files=files
    )
    assert mixed.formatter == "json"


def test_a_file_without_a_formatter_gets_that_of_its_storage_class() -> None:
    refs = make_refs(1)
    (record,) = records(FileBridge("x", offered=OFFERED), refs, files=[FileDataset("a.weird", refs)])
    assert (record.formatter, record.artifact[-6:]) == ("json", ".weird")


class _Bad(Mapping[str, str]):
    """Formatters of which one is missing."""

    def __getitem__(self, key: str) -> str:
        return {"Text": "missing", "StructuredDataDict": "json"}[key]

    def __iter__(self) -> Any:
        return iter(["Text", "StructuredDataDict"])

    def __len__(self) -> int:
        return 2


def test_a_missing_formatter_spoils_only_its_own() -> None:
    context = make_context("/nowhere")
    bridge = FileBridge("x", offered=FormatterChoices(_Bad(), context.get_formatter, {}))
    assert records(bridge, make_refs(1))[0].formatter == "json"
    with pytest.raises(PluginError, match="missing"):
        records(bridge, make_refs(1, "Text"))


def test_formatters_are_asked_with_write_parameters() -> None:
    class Compressing(type(core_formatters()["bytes"])):  # type: ignore[misc]
        def extension(self, write_parameters: Mapping[str, Any]) -> str:
            return str(write_parameters["extension"])

    for extension in (".gz", "../x"):
        choices = FormatterChoices(
            {"Bytes": "c"}, lambda name: Compressing(), {"c": {"extension": extension}}
        )
        bridge = FileBridge("x", offered=choices)
        if extension == ".gz":
            assert records(bridge, make_refs(1, "Bytes"))[0].artifact.endswith(".gz")
        else:
            with pytest.raises(InvalidInputError, match="formatter 'c'"):
                records(bridge, make_refs(1, "Bytes"))


def test_records_come_over_the_wire() -> None:
    bridge = FileBridge("x", offered=OFFERED)
    (record,) = records(bridge, refs := make_refs(1))
    wire = [list(record)]
    assert as_records(wire) == (record,)
    assert as_records([]) == as_records(()) == ()
    assert list(bridge.opaque_values_to_raw("file_x", {refs[0].uuid: wire})) == [
        {"dataset_uuid": refs[0].uuid, **record._asdict()}
    ]


def test_rows_of_parts_are_gathered() -> None:
    bridge = FileBridge("x")
    parts = tuple(
        FileRecord(part, f"{part}.bin", "bytes", 1, None, None, "Bytes") for part in ("image", "mask")
    )
    values = {uuid4(): parts, uuid4(): parts[:1]}
    assert bridge.opaque_raw_to_values("file_x", bridge.opaque_values_to_raw("file_x", values)) == values


def test_foreign_tables_and_signatures_are_refused() -> None:
    bridge = FileBridge("x")
    for call in (bridge.opaque_values_to_raw, bridge.opaque_raw_to_values):
        with pytest.raises(InvalidInputError, match="file_y"):
            call("file_y", {})
    with pytest.raises(InvalidInputError, match="signed"):
        bridge.sign_opaque_values("file_x", {}, lambda request: "", "get")


def test_bridges_are_equal_by_what_they_do() -> None:
    bridge = FileBridge("x", offered=OFFERED, templates={"default": "{run}/{exposure}"})
    again = FileBridge.from_config(bridge.config)
    assert again == bridge
    assert hash(again) == hash(bridge)
    assert again != FileBridge("x", offered=OFFERED)
    assert bridge != 1
