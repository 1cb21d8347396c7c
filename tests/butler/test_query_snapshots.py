"""Snapshots of rows, slices of them, and the queries behind results: each is a query for just what it shows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from butler_core import Butler, CollectionType, Query, SetEditMode, Timespan
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import DETECTORS, INSTRUMENT, RUN, data_ids, populate


@pytest.fixture(scope="module")
def butler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Butler]:
    """Open a repository with summaries in a RUN, some of them tagged, and biases that are valid now and then."""
    root = tmp_path_factory.mktemp("snapshots") / "repo"
    Butler.make_repo(root, dimensions=testing_universe(), durability="process")
    with Butler(root, run=RUN, collections=[RUN], instrument=INSTRUMENT) as butler:
        populate(butler)
        refs = butler.make_refs("summary", data_ids())
        butler.put_many([({"text": "x" * (n % 5)}, ref) for n, ref in enumerate(refs)])
        butler.register_collection("tag", CollectionType.TAGGED)
        butler.edit_associations("tag", refs[::2], SetEditMode.INSERT_OR_FAIL)
        butler.register_dataset_type("bias", ["detector"], "StructuredDataDict", is_calibration=True)
        biases = butler.make_refs("bias", [{"detector": detector} for detector in DETECTORS])
        butler.put_many([({}, ref) for ref in biases])
        butler.register_collection("calib", CollectionType.CALIBRATION)
        for begin in (0, 20):
            butler.certify("calib", biases[:2], Timespan(begin, begin + 10))
        yield butler


def rows(query: Query) -> list[dict[str, Any]]:
    return [dict(row) for row in query]


def keys(items: Iterable[Any]) -> list[tuple[Any, Any]]:
    return [(item["exposure"], item["detector"]) for item in items]


@pytest.mark.parametrize("kept", [None, ("detector",), ("exposure",), ()], ids=str)
@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 1), (1, 3), (2, None), (99, None)])
def test_a_slice_is_one_of_the_rows_that_are_shown(
    butler: Butler, kept: tuple[str, ...] | None, start: int, stop: int | None
) -> None:
    query = butler.query().join_datasets("summary", columns=("run",))
    every = rows(query)
    shown = rows(query.projected(kept))
    query = query.projected(kept).sliced(start, stop)
    assert rows(query) == shown[start:stop]
    assert rows(query.materialized()) == rows(query.run()) == shown[start:stop]
    assert rows(butler.query(query.description)) == shown[start:stop]
    kept_ids = [tuple(row[name] for name in query.dimensions.required) for row in shown[start:stop]]
    behind = [row for row in every if tuple(row[name] for name in query.dimensions.required) in kept_ids]
    assert keys(query.materialized().data_ids(["exposure", "detector"])) == keys(behind)


def test_a_slice_of_a_snapshot_is_worked_on(butler: Butler) -> None:
    query = butler.query().join_datasets("summary").sorted("-exposure")
    every = keys(query)
    held = query.run().sliced(2, 9).sliced(1, 6)
    expected = every[3:8]
    assert keys(held) == expected
    assert held.count() == 5
    assert keys(held.where("detector > 1")) == [key for key in expected if key[1] > 1]
    assert keys(held.sorted("exposure")) == sorted(expected)
    assert keys(ref.data_id for ref in held.datasets("summary")) == expected
    assert keys(held.data_ids()) == expected
    assert keys(held.materialized()) == expected
    assert keys(butler.query(held.description)) == expected
    assert keys(query.run().sliced(50).where("detector > 1")) == []


@pytest.mark.parametrize(
    "columns", [("uuid", "run", "collection"), ("collection",), ("uuid", "run")], ids=str
)
@pytest.mark.parametrize("path", [["tag", RUN], [RUN, "tag"]], ids=str)
def test_a_dataset_of_several_collections_is_in_the_rows_once(
    butler: Butler, path: list[str], columns: tuple[str, ...]
) -> None:
    query = butler.query().join_datasets("summary", path, columns=columns)
    every = rows(query)
    assert len(every) == len(data_ids())
    assert rows(query.materialized()) == rows(query.run()) == every
    shown = query.projected(["detector"], columns=["summary.collection"])
    assert rows(shown.materialized()) == rows(shown)


def test_validity_is_that_which_was_found(butler: Butler) -> None:
    for path in (["calib", RUN], [RUN, "calib"]):
        query = butler.query().join_datasets("bias", path, columns=("uuid", "timespan"))
        query = query.join_dimensions(["exposure"])
        assert rows(query.materialized()) == rows(query.run()) == rows(query)


def test_the_query_of_results_has_their_dimensions(butler: Butler) -> None:
    data_ids_ = butler.query_data_ids(["exposure", "detector"], where="detector > 1").sorted("-exposure")
    records = butler.query_dimension_records("detector", where="detector > 1").sorted("-detector.full_name")
    refs = butler.query_datasets("summary", where="detector > 1").sorted("-exposure")
    results: Any
    for results in (data_ids_, records, refs):
        query = results.query
        names = query.dimensions.required
        found = [item.data_id if results is refs else item for item in results]
        assert [tuple(row[name] for name in names) for row in query] == [
            tuple(item[name] for name in names) for item in found
        ]
        assert query.count() == results.count() == query.materialized().count()
        assert repr(query)
        joined = query.join_datasets("bias", columns=())
        assert joined.count() == len(found)
    assert data_ids_.query.dimensions.required == data_ids_.dimensions.required


@pytest.mark.parametrize("term", ["summary.size_bytes", "-size_bytes", "-summary.size_bytes * 2"])
def test_datasets_are_sorted_by_what_their_records_say(butler: Butler, term: str) -> None:
    query = butler.query().join_datasets("summary")
    shown = query.projected(columns=["summary.uuid", "summary.size_bytes"])
    sizes = {row["summary.uuid"]: row["summary.size_bytes"] for row in shown}
    assert len(set(sizes.values())) == 5
    refs = butler.query_datasets("summary").sorted(term)
    every = list(refs)
    sign = -1 if term.startswith("-") else 1
    assert [ref.uuid for ref in every] == sorted(sizes, key=lambda uuid: (sign * sizes[uuid], uuid))
    assert [ref for n in range(0, 24, 5) for ref in refs.sliced(n, n + 5)] == every
    assert list(refs.uuids()) == [ref.uuid for ref in every]
    assert refs.count() == len(every)
    by_name = term.replace("size", "summary.size") if "summary" not in term else term
    assert [sizes[row["summary.uuid"]] for row in query.sorted(by_name)] == [sizes[ref.uuid] for ref in every]


def test_datasets_without_records_come_last(root: Path) -> None:
    with Butler(root, run=RUN, instrument=INSTRUMENT) as butler:
        populate(butler)
        refs = butler.make_refs("summary", data_ids()[:4])
        butler.put_many([({"n": "x" * n}, ref) for n, ref in enumerate(refs)])
        butler.unstore(refs[1:2])
        expected = [0, 2, 3, 1]
        for term in ("size_bytes", "-size_bytes"):
            found = [refs.index(ref) for ref in butler.query_datasets("summary").sorted(term)]
            assert found == expected
            expected = [3, 2, 0, 1]
