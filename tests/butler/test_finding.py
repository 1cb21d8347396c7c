"""Finding datasets, data IDs, records, collections and dataset types."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from butler_core import Butler, CollectionType, SequenceEditMode, SetEditMode, Timespan
from butler_core.errors import (
    CollectionNotFoundError,
    ConflictError,
    DatasetTypeNotFoundError,
    InvalidInputError,
    QueryError,
)
from tests.butler.conftest import DETECTORS, EXPOSURES, INSTRUMENT, RUN, data_ids


@pytest.fixture
def filled(butler: Butler) -> Butler:
    """Every data ID in RUN; some of them in two later runs too; and chains over them."""
    refs = butler.make_refs("summary", data_ids())
    butler.put_many([({"run": RUN, "n": n}, ref) for n, ref in enumerate(refs)])
    for run, chosen in (("later", data_ids()[::2]), ("latest", data_ids()[::3])):
        butler.register_collection(run)
        butler.put_many([({"run": run}, ref) for ref in butler.make_refs("summary", chosen, run=run)])
    for name, children in (("inner", ["later", RUN]), ("chain", ["latest", "inner"])):
        butler.register_collection(name, CollectionType.CHAINED, doc=f"The {name} one.")
        butler.edit_collection_chain(name, children, SequenceEditMode.ASSIGN)
    return butler


def expected_run(n: int) -> str:
    return "latest" if n % 3 == 0 else "later" if n % 2 == 0 else RUN


def test_find_first_takes_the_earliest_collection_of_a_chain(filled: Butler) -> None:
    found = {
        (r.data_id["exposure"], r.data_id["detector"]): r.run
        for r in filled.query_datasets("summary", "chain")
    }
    assert found == {(d["exposure"], d["detector"]): expected_run(n) for n, d in enumerate(data_ids())}


def test_find_all_takes_every_one(filled: Butler) -> None:
    query = filled.query_datasets("summary", "chain", find_first=False)
    assert query.count() == len(list(query)) == 24 + 12 + 8
    assert len(set(query.uuids())) == 44
    assert filled.query_datasets("summary", ..., find_first=False).count() == 44
    assert filled.query_datasets("summary", "lat*", find_first=False).count() == 20


def test_get_follows_the_chain(filled: Butler) -> None:
    for n, data_id in enumerate(data_ids()):
        assert filled.get("summary", data_id, collections="chain")["run"] == expected_run(n)


def test_an_edited_chain_is_seen_by_another_butler_at_once(filled: Butler, root: Path) -> None:
    with Butler(root, collections="chain") as other:
        assert other.get("summary", data_ids()[0])["run"] == "latest"
        filled.edit_collection_chain("chain", ["latest"], SequenceEditMode.REMOVE)
        assert other.get("summary", data_ids()[0])["run"] == "later"
        assert other.query_datasets("summary").count() == 24


def test_a_chain_can_be_edited_in_every_way(filled: Butler) -> None:
    def chain() -> list[str]:
        return list(filled.get_collection_chain("chain"))

    filled.edit_collection_chain("chain", ["later"], SequenceEditMode.PREPEND)
    assert chain() == ["later", "latest", "inner"]
    filled.edit_collection_chain("chain", ["later", RUN], SequenceEditMode.EXTEND)
    assert chain() == ["latest", "inner", "later", RUN]
    filled.edit_collection_chain("chain", [0, "absent"], SequenceEditMode.REMOVE)
    assert chain() == ["inner", "later", RUN]
    filled.edit_collection_chain("chain", ["inner", "latest"], SequenceEditMode.ASSIGN, flatten=True)
    assert chain() == ["later", RUN, "latest"]
    with pytest.raises(ConflictError, match="itself"):
        filled.edit_collection_chain("inner", ["inner"], SequenceEditMode.EXTEND)
    with pytest.raises(CollectionNotFoundError, match="nowhere"):
        filled.edit_collection_chain("inner", ["nowhere"], SequenceEditMode.EXTEND)
    with pytest.raises(InvalidInputError, match="chain"):
        filled.get_collection_chain(RUN)


def test_a_tagged_collection_holds_what_was_chosen(filled: Butler) -> None:
    filled.register_collection("tag", CollectionType.TAGGED)
    chosen = list(filled.query_datasets("summary", RUN, where="detector = 1", instrument=INSTRUMENT))
    filled.edit_associations("tag", chosen, SetEditMode.INSERT_OR_FAIL)
    assert set(filled.query_datasets("summary", "tag").uuids()) == {ref.uuid for ref in chosen}
    filled.edit_associations("tag", chosen[:2], SetEditMode.REMOVE)
    assert filled.query_datasets("summary", "tag").count() == len(chosen) - 2


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        ("detector = 2", lambda e, d: d == 2),
        ("detector != 2 AND exposure > 102", lambda e, d: d != 2 and e > 102),
        ("detector IN (0, 2..3)", lambda e, d: d in (0, 2, 3)),
        ("detector NOT IN (0)", lambda e, d: d != 0),
        ("NOT (detector < 2 OR exposure >= 103)", lambda e, d: not (d < 2 or e >= 103)),
        ("detector.purpose = 'SCIENCE' and detector.is_science", lambda e, d: d != 3),
        ("exposure.exposure_time BETWEEN 10 AND 20", lambda e, d: 10 <= e % 3 * 15 <= 20),
        ("band = 'g'", lambda e, d: e % 2 == 1),
        ("physical_filter = 'Cam-R'", lambda e, d: e % 2 == 0),
        ("exposure.target_name IS NULL", lambda e, d: e == 100),
        ("exposure.target_name != 'field 1'", lambda e, d: e != 100 and e % 2 != 1),
        ("exposure.exposure_time / 2 > 7", lambda e, d: e % 3 * 15 / 2 > 7),
        ("full_name = 'S1'", lambda e, d: d == 1),
        ("instrument = 'Cam'", lambda e, d: True),
        ("exposure IN ()", lambda e, d: False),
    ],
)
def test_where(filled: Butler, where: str, holds: object) -> None:
    expected = {(e, d) for e in EXPOSURES for d in DETECTORS if holds(e, d)}  # type: ignore[operator]
    found = {
        (r.data_id["exposure"], r.data_id["detector"])
        for r in filled.query_datasets("summary", "chain", where=where, instrument=INSTRUMENT)
    }
    assert found == expected
    ids = {
        (d["exposure"], d["detector"])
        for d in filled.query_data_ids(["exposure", "detector"], where=where, instrument=INSTRUMENT)
    }
    assert ids == expected


def test_bound_values(filled: Butler) -> None:
    query = filled.query_datasets(
        "summary",
        RUN,
        where="detector IN (:these) AND exposure = :e",
        bind={"these": {1, 2}, "e": 104},
        instrument=INSTRUMENT,
    )
    assert query.count() == 2
    with pytest.raises(InvalidInputError, match="these"):
        filled.query_datasets("summary", RUN, where="detector IN (:these)")


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ("detctor = 2", 0),
        ("detector = 2 AND visit.nothing > 3", 17),
        ("detector == ", 12),
        ("exposure.nothing = 1", 0),
    ],
)
def test_a_mistake_in_where_shows_the_place(filled: Butler, where: str, place: int) -> None:
    with pytest.raises(QueryError) as caught:
        list(filled.query_datasets("summary", RUN, where=where, instrument=INSTRUMENT))
    assert caught.value.details["position"] == place
    assert caught.value.details["valid"] or "==" in where


def test_order_slices_and_pages(filled: Butler) -> None:
    query = filled.query_datasets("summary", RUN).sorted(["-exposure", "detector"])
    keys = [(r.data_id["exposure"], r.data_id["detector"]) for r in query]
    assert keys == [(e, d) for e in reversed(EXPOSURES) for d in DETECTORS]
    assert [r.data_id["detector"] for r in query.sliced(1, 3)] == [1, 2]
    assert [(r.data_id["exposure"], r.data_id["detector"]) for r in query.sliced(2, 20).sliced(3, 6)] == keys[
        5:8
    ]
    assert [(r.data_id["exposure"], r.data_id["detector"]) for r in query] == keys  # again
    nulls = [
        r.target_name for r in filled.query_dimension_records("exposure").sorted("-exposure.target_name")
    ]
    assert nulls[-1] is None
    assert nulls[0] == "field 1"


def test_counting(filled: Butler) -> None:
    query = filled.query_datasets("summary", "chain", where="detector = 1", instrument=INSTRUMENT)
    assert query.count() == 6
    assert query.any()
    assert query.explain_no_results() == []
    assert "SELECT" in query.explain().upper()


@pytest.mark.parametrize(
    ("collections", "where", "word"),
    [((), "", "collection"), ("empty", "", "empty"), ("chain", "detector = 77", "detector = 77")],
)
def test_no_results_are_explained(filled: Butler, collections: object, where: str, word: str) -> None:
    filled.register_collection("empty")
    query = filled.query_datasets("summary", collections, where=where, instrument=INSTRUMENT)  # type: ignore[arg-type]
    assert not query.any()
    assert list(query) == []
    assert any(word in reason for reason in query.explain_no_results())


def test_expanded_refs_carry_records(filled: Butler) -> None:
    for ref in filled.query_datasets("summary", RUN, where="detector = 1", instrument=INSTRUMENT).expanded():
        assert ref.is_expanded
        assert ref.data_id.records["exposure"].obs_id == f"E{ref.data_id['exposure']}"
        assert ref.data_id["band"] == ("g" if ref.data_id["exposure"] % 2 else "r")
        begin = int(ref.data_id["exposure"]) * 1000
        assert ref.data_id.timespan == Timespan(begin, begin + 500)
        assert filled.get(ref)["run"] == RUN


def test_several_dataset_types(filled: Butler) -> None:
    filled.register_dataset_type("other", ["instrument", "detector"], "StructuredDataDict")
    filled.put({}, "other", instrument=INSTRUMENT, detector=1)
    query = filled.query_datasets(["summary", "oth*"], "chain")
    assert set(query.by_dataset_type) == {"summary", "other"}
    assert query.count() == 25
    assert len(list(query.sliced(20))) == query.sliced(20).count() == 5
    assert {r.dataset_type.name for r in filled.query_datasets(..., "chain")} == {"summary", "other"}
    with pytest.raises(DatasetTypeNotFoundError):
        filled.query_datasets("absent", "chain")


def test_data_ids_are_full(butler: Butler) -> None:
    found = list(butler.query_data_ids(["exposure", "detector"]))
    assert len(found) == 24
    assert all(data_id.is_full and data_id["band"] in ("g", "r") for data_id in found)
    assert [dict(d) for d in butler.query_data_ids("band").sorted("band")] == [{"band": "g"}, {"band": "r"}]
    assert [dict(d) for d in butler.query_data_ids([])] == [{}]
    assert {d["detector"] for d in butler.query_data_ids("detector", exposure=100)} == set(DETECTORS)
    expanded = next(
        iter(butler.query_data_ids("exposure", where="exposure = 101", instrument=INSTRUMENT).expanded())
    )
    assert expanded.records["physical_filter"].band == "g"


def test_records(butler: Butler) -> None:
    records = list(
        butler.query_dimension_records("detector", where="detector > 1", instrument=INSTRUMENT).sorted(
            "detector"
        )
    )
    assert [(r.id, r.full_name, r.is_science) for r in records] == [(2, "S2", True), (3, "S3", False)]
    assert butler.query_dimension_records("detector").count() == 4
    with pytest.raises(InvalidInputError, match="elements are"):
        butler.query_dimension_records("nothing")
    with pytest.raises(InvalidInputError, match="no table"):
        butler.query_dimension_records("band")


def test_joins_between_unrelated_families_are_never_silent(butler: Butler) -> None:
    with pytest.raises(InvalidInputError):
        list(butler.query_data_ids(["visit", "tract"]))


def test_collections(filled: Butler) -> None:
    assert set(filled.query_collections()) == {RUN, "later", "latest", "inner", "chain"}
    assert list(filled.query_collections("chain", flatten_chains=True)) == ["latest", "later", RUN]
    assert filled.query_collections("chain", flatten_chains=True, include_chains=True)[0] == "chain"
    assert set(filled.query_collections("lat*")) == {"later", "latest"}
    assert set(filled.query_collections(types=CollectionType.CHAINED)) == {"inner", "chain"}
    assert list(filled.query_collections(having_datasets="summary", types=CollectionType.RUN))
    assert filled.get_collection_documentation("inner") == "The inner one."
    info = next(filled.query_collections("chain").details())
    assert info.children == ("latest", "inner")
    with pytest.raises(CollectionNotFoundError, match="chian"):
        filled.query_collections("chian")


def test_dataset_types(filled: Butler) -> None:
    assert list(filled.query_dataset_types()) == ["summary"]
    assert list(filled.query_dataset_types(dimensions=["exposure"])) == ["summary"]
    assert list(filled.query_dataset_types(dimensions=["visit"])) == []
    filled.register_collection("empty")
    assert list(filled.query_dataset_types(collections="empty")) == []
    assert filled.query_dataset_types("s*").summarize_storage_classes() == {"StructuredDataDict"}


def test_iterating_leaves_the_garbage_collector_as_it_was(filled: Butler) -> None:
    assert gc.isenabled()
    list(filled.query_datasets("summary", RUN))
    assert gc.isenabled()


def test_an_open_query_blocks_no_writer(filled: Butler, root: Path) -> None:
    rows = iter(filled.query_datasets("summary", "chain"))
    next(rows)
    with Butler(root, writeable=True) as other:
        other.register_collection("meanwhile")
    assert len(list(rows)) == 23
