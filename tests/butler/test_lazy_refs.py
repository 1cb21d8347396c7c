"""What a query brings along is turned into objects when it is asked for, and is then the same as ever."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from butler_core import Butler, CollectionType, DatasetRef, DimensionRecord, SetEditMode, expansion
from butler_core.files.bridge import FileBridge
from butler_core.models.dataset_ref import new_uuid, refs_from_rows
from butler_core.models.opaque import StoredRecords
from tests.butler.conftest import INSTRUMENT, RUN, data_ids


@pytest.fixture
def filled(butler: Butler) -> Butler:
    """All data IDs, put."""
    butler.put_many([({"n": n}, ref) for n, ref in enumerate(butler.make_refs("summary", data_ids()))])
    return butler


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what is made of rows."""
    counts: Counter[str] = Counter()
    convert = FileBridge.opaque_raw_to_values

    def counted_convert(self: FileBridge, table_name: str, rows: Any) -> Any:
        counts["datastore records"] += 1
        return convert(self, table_name, rows)

    class CountedRecord(DimensionRecord):
        def __init__(self, *args: Any) -> None:
            counts["dimension records"] += 1
            super().__init__(*args)

    monkeypatch.setattr(FileBridge, "opaque_raw_to_values", counted_convert)
    monkeypatch.setattr(expansion, "DimensionRecord", CountedRecord)
    return counts


def expanded(butler: Butler) -> list[DatasetRef]:
    return list(butler.query_datasets("summary").expanded())


def test_nothing_is_made_before_it_is_asked_for(filled: Butler, made: Counter[str]) -> None:
    refs = expanded(filled)
    assert all(ref.is_expanded for ref in refs)
    assert len({ref.uuid for ref in refs}) == len(refs) == 24
    assert not made
    first = refs[0].datastore_records
    assert made == {"datastore records": 1}
    assert refs[0].datastore_records == first
    assert refs[0].data_id.records["exposure"].exposure == refs[0].data_id["exposure"]
    assert made == {"datastore records": 1, "dimension records": 1}


def test_records_are_shared(filled: Butler, made: Counter[str]) -> None:
    exposures = [ref.data_id.records["exposure"] for ref in expanded(filled)]
    assert made["dimension records"] == 6
    assert len({id(record) for record in exposures}) == 6
    data_ids = list(filled.query_data_ids(["exposure", "detector"]).expanded())
    assert len({id(data_id.records["detector"]) for data_id in data_ids}) == 4


@pytest.mark.parametrize("restore", [lambda ref: pickle.loads(pickle.dumps(ref)), copy.deepcopy, copy.copy])
def test_copies_know_as_much(filled: Butler, restore: Any) -> None:
    for ref, other in zip(expanded(filled), expanded(filled), strict=True):
        again = restore(ref)  # of a ref that was not looked into yet
        assert again == ref == other
        assert hash(again) == hash(ref) == hash(other)
        assert again.is_expanded
        assert again.datastore_records == other.datastore_records != {}
        assert again.data_id.records == dict(other.data_id.records)
        assert (again.uuid, again.run, again.data_id.full_values) == (
            other.uuid,
            other.run,
            other.data_id.full_values,
        )
        assert filled.get(again) == filled.get(other)


def test_changed_refs_stay_lazy_and_keep_their_records(filled: Butler, made: Counter[str]) -> None:
    ref = expanded(filled)[5]
    as_mapping = ref.with_storage_class("StructuredDataDict")
    assert not made
    assert as_mapping.is_expanded
    assert as_mapping.datastore_records == ref.datastore_records
    assert as_mapping.data_id.records["detector"] == ref.data_id.records["detector"]
    without = ref.with_datastore_records(None)
    assert without.datastore_records is None
    assert not without.is_expanded


def test_a_dataset_that_is_not_stored_has_no_records(filled: Butler) -> None:
    ref = expanded(filled)[0]
    filled.unstore([ref])
    again = expanded(filled)[0]
    assert again.datastore_records == {}
    assert again.is_expanded


def test_refs_outlive_their_butler(filled: Butler, root: Path) -> None:
    with Butler(root, collections=RUN) as reader:
        refs = expanded(reader)
    assert [ref.datastore_records for ref in refs] == [ref.datastore_records for ref in expanded(filled)]


def test_an_expanded_ref_without_dimensions(butler: Butler) -> None:
    butler.register_dataset_type("all", [], "StructuredDataDict")
    butler.put({"a": 1}, "all")
    (ref,) = butler.query_datasets("all").expanded()
    assert ref.is_expanded
    assert ref.data_id.records == {}
    assert butler.get(ref) == {"a": 1}


class _Table:
    """A table of one dataset, whose values are its rows."""

    def __init__(self, name: str, uuid: UUID) -> None:
        self.name, self._uuid = name, uuid

    def to_values(self, rows: Iterable[Any]) -> Any:
        return {self._uuid: tuple(rows)}

    def values_of(self, uuid: UUID, rows: Iterable[Any]) -> Any:
        return self.to_values(rows)[uuid]


def test_a_dataset_may_have_several_rows_in_several_tables(filled: Butler) -> None:
    uuid, other = new_uuid(), new_uuid()
    one, two = _Table("one", uuid), _Table("two", uuid)
    stored = StoredRecords({uuid.bytes: ((one, 1), (two, 2), (one, 3)), other.bytes: ()}, lambda key: key)
    dataset_type = filled.get_dataset_type("summary")
    rows = [(key.bytes, RUN, INSTRUMENT, 100, 1) for key in (uuid, other, new_uuid())]
    refs = refs_from_rows(dataset_type, rows, records=stored.rows)
    expected: list[dict[str, Any]] = [{"one": (1, 3), "two": (2,)}, {}, {}]
    assert [ref.datastore_records for ref in refs] == expected
    bare = [ref.with_datastore_records(None) for ref in refs]
    assert [ref.datastore_records for ref in stored.attach_to(bare)] == expected
    assert stored.to_batch().tables == {"one": {uuid: (1, 3)}, "two": {uuid: (2,)}}


def test_uuids_of_several_types_and_slices(filled: Butler) -> None:
    filled.register_dataset_type("log", ["instrument", "exposure"], "StructuredDataDict")
    filled.put({}, "log", instrument=INSTRUMENT, exposure=101)
    every = filled.query_datasets(["summary", "log"])
    uuids = every.sliced(3, 25).uuids()
    assert list(uuids) == [ref.uuid for ref in every.sliced(3, 25)]
    assert len(list(uuids)) == 22  # once more
    assert all(type(uuid) is UUID for uuid in uuids)


def test_a_look_up_in_a_tagged_collection_says_the_run(filled: Butler) -> None:
    ref = expanded(filled)[7]
    filled.register_collection("tag", CollectionType.TAGGED)
    filled.edit_associations("tag", [ref], SetEditMode.INSERT_OR_FAIL)
    found = filled.resolve_dataset("summary", ref.data_id, collections="tag", expand=False)
    assert (found, found.run, found.datastore_records) == (ref, RUN, None)
    whole = filled.resolve_dataset("summary", ref.data_id, collections=["tag", RUN])
    assert whole.is_expanded
    assert whole.datastore_records == ref.datastore_records


def test_a_look_up_trusts_no_old_definitions(filled: Butler, root: Path) -> None:
    data_id = data_ids()[3]
    with Butler(root, collections=RUN) as reader:
        assert reader.get("summary", data_id) == {"n": 3}
        ref = reader.resolve_dataset("summary", data_id, expand=False)
        filled.register_collection("newer")
        filled.put({"n": "new"}, "summary", data_id, run="newer")
        assert reader.get("summary", data_id, collections=["newer", RUN]) == {"n": "new"}
        assert reader.get(ref) == {"n": 3}
