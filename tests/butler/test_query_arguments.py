"""What queries and edits make of their arguments: kept as they were given, and refused in words if they make no sense."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from butler_core import Butler, CollectionType, Query, SequenceEditMode, Timespan
from butler_core.errors import ButlerError, InvalidInputError
from butler_core.queries.base import QueryBase
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import RUN, data_ids, populate


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Butler]:
    """Four summaries in RUN, and the first two again in another."""
    root = tmp_path_factory.mktemp("arguments") / "repo"
    Butler.make_repo(root, dimensions=testing_universe(), durability="process")
    with Butler(root, run=RUN) as butler:
        populate(butler)
        butler.register_collection("other")
        for run, chosen in ((RUN, data_ids()[:4]), ("other", data_ids()[:2])):
            butler.put_many([({}, ref) for ref in butler.make_refs("summary", chosen, run=run)])
        yield butler


@pytest.mark.parametrize("find_first", [True, False])
def test_collections_may_come_from_an_iterator(filled: Butler, find_first: bool) -> None:
    names = ["other", RUN]
    expected = list(filled.query_datasets("summary", names, find_first=find_first))
    results = filled.query_datasets("summary", iter(names), find_first=find_first)
    joined = filled.query().join_datasets("summary", iter(names), find_first=find_first)
    for _ in range(2):
        assert list(results) == expected
        assert list(joined.datasets("summary")) == expected
        assert results.count() == joined.count() == len(expected)


def test_a_query_stays_as_it_is_whatever_becomes_of_the_list(filled: Butler) -> None:
    names = ["other"]
    results = filled.query_datasets("summary", names)
    names.append(RUN)
    assert results.count() == 2


def test_children_may_come_from_an_iterator(filled: Butler) -> None:
    filled.register_collection("chain", CollectionType.CHAINED)
    filled.edit_collection_chain("chain", iter(["other", RUN]), SequenceEditMode.ASSIGN)  # type: ignore[arg-type]
    assert filled.get_collection_chain("chain") == ("other", RUN)


def test_a_set_has_no_order(filled: Butler) -> None:
    names: Any = {"other", RUN}
    for ask in (
        lambda: filled.query_datasets("summary", names),
        lambda: filled.query().join_datasets("summary", names),
        lambda: filled.get("summary", data_ids()[0], collections=names),
    ):
        with pytest.raises(InvalidInputError, match=f"a set of other, {RUN}"):
            ask()
    assert filled.query_datasets("summary", names, find_first=False).count() == 6
    assert filled.query_datasets("summary", {"other"}).count() == 2


@pytest.mark.parametrize("name", ["*", "none*", "summ[a]ry", ..., ["summary"], None])
def test_a_search_that_is_joined_is_for_one_type(filled: Butler, name: Any) -> None:
    with pytest.raises(InvalidInputError, match="one dataset type"):
        filled.query().join_datasets(name, RUN)


def test_a_joined_search_is_not_another_one(filled: Butler) -> None:
    query = filled.query().join_datasets("summary", "other")
    assert query.datasets("summary").count() == query.datasets("summary", "other").count() == 2
    for collections, find_first in ((RUN, True), ("other", False)):
        with pytest.raises(InvalidInputError, match="searches for 'summary' already"):
            query.datasets("summary", collections, find_first=find_first)


def test_uuids_may_be_text(filled: Butler) -> None:
    ref = filled.resolve_dataset("summary", data_ids()[0], collections=RUN)
    query = filled.query().join_datasets("summary", RUN)
    for uuid in (ref.uuid, str(ref.uuid)):
        assert list(query.join_external_uuids("summary", [uuid]).datasets("summary")) == [ref]  # type: ignore[list-item]
        assert list(filled.query_datasets("summary", RUN, uuid=uuid)) == [ref]  # type: ignore[arg-type]
    wrong: Any
    for wrong in ("x", None, 5, b"x"):
        with pytest.raises(InvalidInputError, match="no UUID"):
            query.join_external_uuids("summary", [UUID(int=1), wrong])
        if wrong is not None:
            with pytest.raises(InvalidInputError, match="no UUID"):
                filled.query_datasets("summary", RUN, uuid=wrong)


@pytest.mark.parametrize(("start", "stop"), [(-1, None), (0, -1), (0, 1.5), ("1", None), (None, 1)])
def test_a_slice_is_counted_from_the_start(filled: Butler, start: Any, stop: Any) -> None:
    with pytest.raises(InvalidInputError, match="slice"):
        filled.query_datasets("summary", RUN).sliced(start, stop)


@pytest.mark.parametrize("timespan", [None, (0, 10), 5])
def test_a_time_to_certify_in_is_a_timespan(filled: Butler, timespan: Any) -> None:
    filled.register_collection("calib", CollectionType.CALIBRATION)
    with pytest.raises(ButlerError, match="no time to certify in"):
        filled.certify("calib", [], timespan)


_WRONG: list[Any] = [5, 1.5, True, b"x", object(), [5], [None], [["a"]], {1, 2}, {1: 2}, type, [...], len]
"""No call below can mean one of these."""
_STRANGE: list[Any] = [
    "no such",
    "",
    "a\0b",
    "\ud800",
    ["no such"],
    {"a": 1},
    float("nan"),
    Timespan(0, 1),
    UUID(int=1),
]
"""Some calls can, though they may find nothing."""
_CALLS: dict[str, Callable[[Butler, Any], Any]] = {
    "query": lambda b, v: b.query(v),
    "query_datasets": lambda b, v: b.query_datasets(v),
    "query_datasets collections": lambda b, v: b.query_datasets("summary", v),
    "query_datasets all of collections": lambda b, v: b.query_datasets("summary", v, find_first=False),
    "query_datasets where": lambda b, v: b.query_datasets("summary", where=v),
    "query_datasets data_id": lambda b, v: b.query_datasets("summary", data_id=v),
    "query_datasets uuid": lambda b, v: b.query_datasets("summary", uuid=v),
    "query_datasets bind": lambda b, v: b.query_datasets("summary", where="detector = :x", bind=v),
    "query_data_ids": lambda b, v: b.query_data_ids(v),
    "query_data_ids data_id": lambda b, v: b.query_data_ids("detector", data_id=v),
    "query_dimension_records": lambda b, v: b.query_dimension_records(v),
    "query_collections": lambda b, v: b.query_collections(v),
    "query_collections types": lambda b, v: b.query_collections(types=v),
    "query_collections having_datasets": lambda b, v: b.query_collections(having_datasets=v),
    "query_dataset_types": lambda b, v: b.query_dataset_types(v),
    "query_dataset_types dimensions": lambda b, v: b.query_dataset_types(dimensions=v),
    "query_dataset_types collections": lambda b, v: b.query_dataset_types(collections=v),
    "resolve_dataset": lambda b, v: b.resolve_dataset(v, data_ids()[0], collections=RUN),
    "resolve_dataset data_id": lambda b, v: b.resolve_dataset("summary", v, collections=RUN),
    "resolve_dataset collections": lambda b, v: b.resolve_dataset("summary", data_ids()[0], collections=v),
    "resolve_dataset storage_class": lambda b, v: b.resolve_dataset(
        "summary", data_ids()[0], storage_class=v
    ),
    "resolve_dataset timespan": lambda b, v: b.resolve_dataset("summary", data_ids()[0], timespan=v),
    "get_dataset": lambda b, v: b.get_dataset(v),
    "expand_data_id": lambda b, v: b.expand_data_id(v),
    "expand_data_id dimensions": lambda b, v: b.expand_data_id({"detector": 1}, v),
    "get_dataset_type": lambda b, v: b.get_dataset_type(v),
    "get_collection_chain": lambda b, v: b.get_collection_chain(v),
    "get_collection_documentation": lambda b, v: b.get_collection_documentation(v),
    "join_datasets": lambda b, v: b.query().join_datasets(v),
    "join_datasets collections": lambda b, v: b.query().join_datasets("summary", v),
    "join_datasets columns": lambda b, v: b.query().join_datasets("summary", columns=v),
    "join_datasets temporal_join": lambda b, v: b.query().join_datasets("summary", temporal_join=v),
    "join_dimensions": lambda b, v: _summaries(b).join_dimensions(v),
    "join_dimensions spatial_joins": lambda b, v: _summaries(b).join_dimensions(["visit"], v),
    "join_dimensions pair": lambda b, v: _summaries(b).join_dimensions(["visit"], [v]),
    "join_dimensions first": lambda b, v: _summaries(b).join_dimensions(["visit"], [(v, "visit")]),
    "join_dimensions temporal_joins": lambda b, v: _summaries(b).join_dimensions(["visit"], (), v),
    "join_dimensions second": lambda b, v: _summaries(b).join_dimensions(["visit"], (), [("exposure", v)]),
    "join_dimensions overlap_policy": lambda b, v: _summaries(b).join_dimensions(["visit"], overlap_policy=v),
    "join_external_data_ids": lambda b, v: _summaries(b).join_external_data_ids(v, [{"detector": 1}]),
    "join_external_data_ids data_ids": lambda b, v: _summaries(b).join_external_data_ids(["detector"], v),
    "join_external_data_ids one": lambda b, v: _summaries(b).join_external_data_ids(["detector"], [v]),
    "join_external_uuids": lambda b, v: _summaries(b).join_external_uuids(v, []),
    "join_external_uuids uuids": lambda b, v: _summaries(b).join_external_uuids("summary", v),
    "join_external_uuids one": lambda b, v: _summaries(b).join_external_uuids("summary", [v]),
    "where": lambda b, v: _summaries(b).where(v),
    "where data_id": lambda b, v: _summaries(b).where(data_id=v),
    "where uuid": lambda b, v: _summaries(b).where(uuid=v),
    "where uuid's type": lambda b, v: _summaries(b).where(uuid=(v, UUID(int=1))),
    "where bind": lambda b, v: _summaries(b).where("detector = :x", bind=v),
    "sorted": lambda b, v: _summaries(b).sorted(v),
    "sorted one": lambda b, v: _summaries(b).sorted([v]),
    "projected": lambda b, v: _summaries(b).projected(v),
    "projected columns": lambda b, v: _summaries(b).projected(columns=v),
    "with_dimension_record_columns": lambda b, v: _summaries(b).with_dimension_record_columns(v),
    "with_datastore_record_columns": lambda b, v: _summaries(b).with_datastore_record_columns(v),
    "datasets": lambda b, v: _summaries(b).datasets(v),
    "datasets collections": lambda b, v: _summaries(b).datasets("summary", v),
    "data_ids": lambda b, v: _summaries(b).data_ids(v),
    "dimension_records": lambda b, v: _summaries(b).dimension_records(v),
    "collections": lambda b, v: _summaries(b).collections(v),
    "dataset_types": lambda b, v: _summaries(b).dataset_types(v),
    "adapter where": lambda b, v: b.query_datasets("summary").where(v),
    "adapter where data_id": lambda b, v: b.query_datasets("summary").where(data_id=v),
    "adapter sorted": lambda b, v: b.query_datasets("summary").sorted(v),
}


def _summaries(butler: Butler) -> Query:
    return butler.query().join_datasets("summary", RUN)


@pytest.mark.parametrize("name", _CALLS)
def test_nothing_but_our_errors_comes_out_and_it_comes_early(filled: Butler, name: str) -> None:
    call = _CALLS[name]
    for value in _WRONG:
        with pytest.raises(InvalidInputError) as caught:
            call(filled, value)
        assert str(caught.value)
        assert caught.value.remedy
    for value in _STRANGE:
        problem = None
        try:
            found = call(filled, value)
            if isinstance(found, QueryBase):
                list(found)
        except ButlerError as error:
            problem = error
        assert problem is None or (problem.remedy and problem.code != "internal")


@pytest.mark.parametrize("field", ["", "uid", "timespan", "exposure_time", "\ud800"])
def test_a_field_that_no_dataset_has_is_refused_when_it_is_joined(filled: Butler, field: str) -> None:
    with pytest.raises(InvalidInputError, match=r"of type 'summary' have no field") as caught:
        filled.query().join_datasets("summary", columns=[field])
    assert "uuid, run, collection, ingest_date" in caught.value.remedy


def test_only_what_has_a_validity_is_compared_by_it(filled: Butler) -> None:
    with pytest.raises(InvalidInputError, match="no calibration type"):
        _summaries(filled).join_dimensions(["visit"], temporal_joins=[("summary", "visit")])


def test_a_validity_is_compared_with_one_element(filled: Butler) -> None:
    filled.register_dataset_type("bias", ["detector"], "StructuredDataDict", is_calibration=True)
    query = filled.query().join_datasets("bias", "other", find_first=False)
    query.join_dimensions(["visit"], temporal_joins=[("bias", "visit")])
    with pytest.raises(InvalidInputError, match="compared with visit and with exposure"):
        query.join_dimensions(["visit"], temporal_joins=[("bias", "visit"), ("bias", "exposure")])


def test_a_pixel_has_a_region_only_with_a_geometry(filled: Butler) -> None:
    query = filled.query().join_dimensions(["htm7"]).where("htm7.region OVERLAPS htm5.region")
    with pytest.raises(InvalidInputError, match="names no geometry"):
        query.any()
