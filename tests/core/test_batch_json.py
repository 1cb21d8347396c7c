"""A batch is data: it comes back from JSON as it was, whatever is in it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st
from pydantic import BaseModel, ValidationError

from butler_core import (
    Certification,
    CertificationMerge,
    ChainedCollectionEdit,
    CollectionRegistration,
    CollectionType,
    DatasetInsertionBatch,
    DatasetRemovalBatch,
    DatasetTypeRegistration,
    Decertification,
    DimensionDataInsertion,
    DimensionDataSync,
    OpaqueTableBatch,
    OpaqueTableKeyBatch,
    Precondition,
    RawBatch,
    SequenceEditMode,
    SetCollectionDocumentation,
    SetEditMode,
    SetInsertMode,
    TaggedCollectionEdit,
)
from butler_core.models.batch import BatchResults
from butler_core.models.results import SyncResult, SyncStatus

INTS = st.integers(-(2**63), 2**63 - 1)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
VALUES = INTS | NAMES  # text that looks like a number stays text
DATA_IDS = st.lists(VALUES, max_size=3).map(tuple)
UUIDS = st.uuids()
UUID_SETS = st.frozensets(UUIDS, max_size=3)
TIMES = st.none() | INTS
SPANS = st.tuples(TIMES, TIMES)
CELLS = st.none() | st.booleans() | INTS | NAMES | st.floats(allow_nan=False, allow_infinity=False)
RECORDS = st.dictionaries(NAMES, CELLS | st.lists(TIMES, min_size=2, max_size=2), max_size=3)


def several(items: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, max_size=2)


def named(items: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(NAMES, items, max_size=2)


ROWS = several(several(CELLS).map(tuple)).map(tuple)
INSERTIONS = st.builds(
    DimensionDataInsertion,
    element=NAMES,
    records=st.dictionaries(DATA_IDS, RECORDS, max_size=2),
    mode=st.sampled_from(SetInsertMode),
)
SYNCS = st.builds(
    DimensionDataSync,
    element=NAMES,
    records=several(RECORDS),
    update=st.booleans(),
    on_insert=several(INSERTIONS),
    on_update=several(INSERTIONS),
)
EDITS: list[st.SearchStrategy[BaseModel]] = [
    st.builds(
        ChainedCollectionEdit,
        chain=NAMES,
        children=several(NAMES | st.integers(0, 9)).map(tuple),
        mode=st.sampled_from(SequenceEditMode),
        flatten=st.booleans(),
    ),
    st.builds(TaggedCollectionEdit, collection=NAMES, datasets=UUID_SETS, mode=st.sampled_from(SetEditMode)),
    st.builds(Certification, collection=NAMES, datasets=UUID_SETS, timespan=SPANS),
    st.builds(
        Decertification,
        collection=NAMES,
        dataset_type=NAMES,
        timespan=SPANS,
        data_ids=st.none() | several(DATA_IDS).map(tuple),
        datasets=st.none() | UUID_SETS,
    ),
    st.builds(CertificationMerge, output=NAMES, inputs=several(NAMES).map(tuple)),
    st.builds(SetCollectionDocumentation, name=NAMES, doc=NAMES),
]
PARTS: dict[str, st.SearchStrategy[Any]] = {
    "version": st.just(1),
    "batch_id": UUIDS,
    "preconditions": several(
        st.builds(
            Precondition,
            kind=st.sampled_from(
                ["chain", "collection-absent", "collection-present", "dataset-absent", "dataset-present"]
            ),
            name=st.none() | NAMES,
            children=st.none() | several(NAMES).map(tuple),
            type=st.none() | st.sampled_from(CollectionType),
            uuid=st.none() | UUIDS,
            dataset=st.none() | st.tuples(NAMES, DATA_IDS, NAMES),
        )
    ),
    "dataset_type_registrations": named(
        st.builds(
            DatasetTypeRegistration,
            name=NAMES,
            dimensions=several(NAMES).map(tuple),
            storage_class_name=NAMES,
            is_calibration=st.booleans(),
            update=st.booleans(),
        )
    ),
    "collection_registrations": named(
        st.builds(CollectionRegistration, name=NAMES, type=st.sampled_from(CollectionType), doc=NAMES)
    ),
    "dimension_syncs": named(SYNCS),
    "dimension_insertions": named(INSERTIONS),
    "dataset_insertions": st.builds(
        DatasetInsertionBatch,
        datasets=named(named(st.dictionaries(UUIDS, DATA_IDS, max_size=2))),
        dimensions=named(st.lists(st.text(max_size=4), max_size=2).map(tuple)),
    ),
    "collection_edits": several(st.one_of(EDITS)),
    # Records are the datastore's own: built-ins of JSON, with tuples for its arrays.
    "opaque_table_insertions": st.builds(
        OpaqueTableBatch.model_construct,
        tables=named(st.dictionaries(UUIDS, ROWS | st.dictionaries(NAMES, ROWS, max_size=2), max_size=2)),
    ),
    "opaque_table_removals": st.builds(
        OpaqueTableKeyBatch,
        tables=named(st.sets(UUIDS, max_size=2)),
        artifacts=named(st.sets(st.text(max_size=8), max_size=2)),
    ),
    "dataset_removals": st.builds(DatasetRemovalBatch, uuids=st.sets(UUIDS, max_size=3)),
    "collection_removals": st.sets(NAMES, max_size=2),
    "dataset_type_removals": st.sets(NAMES, max_size=2),
}


def types_in(value: Any) -> Any:
    """Return a value with the types of all that is in it, for 1, 1.0 and True are equal."""
    if isinstance(value, BaseModel):
        return {name: types_in(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {repr(types_in(key)): types_in(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return type(value), sorted(repr(types_in(item)) for item in value)
    if isinstance(value, list | tuple):
        return type(value), [types_in(item) for item in value]
    return type(value), value


def test_every_part_of_a_batch_is_tried() -> None:
    assert PARTS.keys() == RawBatch.model_fields.keys()


@settings(max_examples=150)
@given(st.fixed_dictionaries(PARTS))
def test_a_batch_comes_back_from_json_as_it_was(parts: dict[str, Any]) -> None:
    batch = RawBatch(**parts)
    text = batch.model_dump_json()
    back = RawBatch.model_validate_json(text)
    assert back == batch
    assert types_in(back) == types_in(batch)
    assert json.loads(back.model_dump_json()).keys() == json.loads(text).keys()
    assert RawBatch.model_validate(json.loads(text)) == batch


@given(
    st.builds(
        BatchResults,
        batch_id=UUIDS,
        datasets=st.integers(0, 9),
        syncs=several(
            st.builds(
                SyncResult,
                NAMES,
                DATA_IDS,
                st.sampled_from(SyncStatus),
                st.dictionaries(NAMES, CELLS, max_size=2),
            )
        ).map(tuple),
    )
)
def test_results_come_back_from_json_as_they_were(results: BatchResults) -> None:
    assert BatchResults.model_validate_json(results.model_dump_json()) == results


@pytest.mark.parametrize(
    "body",
    [
        {"version": 2},
        {"unknown": []},
        {"collection_edits": [{"kind": "nonsense"}]},
        {"collection_edits": [{"kind": "documentation", "name": "a"}]},
        {"preconditions": [{"kind": "weather"}]},
        {"dataset_removals": {"uuids": ["no uuid"]}},
    ],
)
def test_a_body_that_is_no_batch_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RawBatch.model_validate(body)


def test_a_cleared_batch_is_another() -> None:
    batch = RawBatch(collection_removals={"a"})
    before: UUID = batch.batch_id
    batch.clear()
    assert batch.batch_id != before
    assert batch == RawBatch(batch_id=batch.batch_id)
