"""Queries built step by step: what each step means, and laws that hold for any of them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from itertools import product
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from butler_core import (
    Butler,
    CollectionType,
    DatasetRef,
    OverlapJoinPolicy,
    Query,
    QueryDescription,
    SetEditMode,
    Timespan,
    columns,
)
from butler_core.errors import (
    DatasetTypeNotFoundError,
    IncompatibleError,
    InvalidInputError,
    QueryError,
    UnavailableError,
)
from butler_core.testing.universe import testing_universe
from tests.butler.conftest import DETECTORS, EXPOSURES, INSTRUMENT, RUN, data_ids, populate

OTHER = "u/test/other"
LOGGED = list(EXPOSURES)[::2]
WHERES = [
    "",
    "detector > 1",
    "exposure IN (100, 103, 104)",
    "exposure.exposure_time > 10",
    "exposure.target_name IS NULL",
    "band = 'g' OR detector = 0",
    "detector = 99",
]
ORDERS = ["exposure", "-exposure", "detector", "-exposure.exposure_time", "exposure.target_name"]


@pytest.fixture(scope="module")
def butler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Butler]:
    """Open a repository with three dataset types in two RUNs, a TAGGED and a CALIBRATION collection."""
    root = tmp_path_factory.mktemp("query") / "repo"
    Butler.make_repo(root, dimensions=testing_universe(), durability="process")
    with Butler(root, run=RUN, collections=[RUN], instrument=INSTRUMENT) as butler:
        populate(butler)
        butler.put_many([({}, ref) for ref in butler.make_refs("summary", data_ids())])
        butler.register_collection(OTHER)
        again = butler.make_refs("summary", data_ids()[:6], run=OTHER)
        butler.put_many([({}, ref) for ref in again])
        butler.register_dataset_type("log", ["instrument", "exposure"], "StructuredDataDict")
        butler.put_many(
            [({}, ref) for ref in butler.make_refs("log", [{"exposure": exposure} for exposure in LOGGED])]
        )
        butler.register_dataset_type("note", [], "StructuredDataDict")
        butler.put({"text": "hello"}, "note")
        butler.register_dataset_type("bias", ["detector"], "StructuredDataDict", is_calibration=True)
        biases = butler.make_refs("bias", [{"detector": detector} for detector in DETECTORS])
        butler.put_many([({}, ref) for ref in biases])
        butler.register_collection("calib", CollectionType.CALIBRATION)
        butler.certify("calib", biases, Timespan(100_000, 103_000))
        butler.register_collection("tag", CollectionType.TAGGED)
        butler.edit_associations("tag", again[:2], SetEditMode.INSERT_OR_FAIL)
        yield butler


@pytest.fixture
def query(butler: Butler) -> Query:
    """Search for summaries."""
    return butler.query().join_datasets("summary")


def key(ref: DatasetRef) -> tuple[Any, ...]:
    return ref.data_id["exposure"], ref.data_id["detector"]


# -- rows


def test_rows_have_dimensions_and_fields(query: Query) -> None:
    rows = list(query.where(exposure=100, detector=2))
    (ref,) = query.datasets("summary").where(exposure=100, detector=2)
    assert len(rows) == 1
    assert dict(rows[0]) == {
        "instrument": INSTRUMENT,
        "exposure": 100,
        "detector": 2,
        "band": "r",
        "physical_filter": "Cam-R",
        "day_obs": 20260101,
        "summary.uuid": ref.uuid,
        "summary.run": RUN,
    }
    assert rows[0] == dict(rows[0])
    assert "summary.run='u/test/first'" in repr(rows[0])
    with pytest.raises(KeyError, match=r"no column 'x'; it has: instrument"):
        rows[0]["x"]


def test_every_available_column_can_be_shown_compared_and_sorted_by(butler: Butler) -> None:
    query = butler.query().join_datasets("summary").join_datasets("bias", "calib", find_first=False)
    infos = query.available_columns()
    names = [info.name for info in infos]
    assert len(set(names)) == len(names)
    assert {"exposure.timespan.begin", "bias.timespan", "summary.collection", "summary.size_bytes"} <= set(
        names
    )
    for info in infos:
        shown = query.projected((), columns=[info.name])
        values = [row[info.name] for row in shown]
        assert len(values) == shown.count()
        assert info.nullable or None not in values
        query.where(f"{info.name} IS NOT NULL").any()
        if info.type not in ("timespan", "region"):
            assert len(list(shown.sorted(info.name))) == len(values)


def test_values_are_objects(butler: Butler) -> None:
    names = ["exposure.timespan", "detector.is_science", "exposure.target_name", "summary.ingest_date"]
    query = butler.query().join_datasets("summary").where(exposure=100, detector=3)
    (row,) = query.projected((), columns=names)
    assert row["exposure.timespan"] == Timespan(100_000, 100_500)
    assert row["detector.is_science"] is False
    assert row["exposure.target_name"] is None
    assert isinstance(row["summary.ingest_date"], int)


def test_searches_constrain_one_another(butler: Butler) -> None:
    both = butler.query().join_datasets("summary").join_datasets("log", columns=())
    assert {row["exposure"] for row in both} == set(LOGGED)
    assert both.count() == len(LOGGED) * len(DETECTORS)
    assert not any(name.startswith("log.") for name in next(iter(both)))
    refs = list(butler.query().join_datasets("log").datasets("summary"))
    assert {ref.data_id["exposure"] for ref in refs} == set(LOGGED)


def test_validity_constrains_by_the_time_of_the_exposure(butler: Butler) -> None:
    query = butler.query().join_datasets("summary").join_datasets("bias", "calib")
    assert {row["exposure"] for row in query} == {100, 101, 102}
    (row,) = query.where(exposure=101, detector=1).projected(columns=["bias.timespan"])
    assert row["bias.timespan"] == Timespan(100_000, 103_000)
    anyway = (
        butler.query()
        .join_datasets("summary")
        .join_datasets("bias", "calib", find_first=False, temporal_join=OverlapJoinPolicy.CARTESIAN)
    )
    assert {row["exposure"] for row in anyway} == set(EXPOSURES)


def test_the_earliest_collection_wins(butler: Butler) -> None:
    query = butler.query().join_datasets("summary", [OTHER, RUN])
    assert sum(row["summary.run"] == OTHER for row in query) == 6
    assert query.count() == len(data_ids())
    every = butler.query().join_datasets("summary", "u/test/*", find_first=False)
    assert every.count() == len(data_ids()) + 6
    with pytest.raises(InvalidInputError, match="needs collections in order"):
        butler.query().join_datasets("summary", "u/test/*")


# -- projections


def test_fewer_dimensions_come_once(query: Query) -> None:
    assert [dict(row) for row in query.projected(["band"])] == [{"band": "g"}, {"band": "r"}]
    assert query.projected(["band"], unique=False).count() == len(data_ids())
    assert query.projected(["detector"]).dimensions == query.dimensions.universe.conform(["detector"])
    times = [row["exposure.exposure_time"] for row in query.projected((), columns=["exposure.exposure_time"])]
    assert sorted(times) == [0.0, 15.0, 30.0]
    repeated = query.projected((), unique=False, columns=["detector.purpose"])
    assert len(list(repeated)) == len(data_ids()) == repeated.count()


def test_records_come_along(query: Query) -> None:
    assert query.has_dimension_record_columns is False
    some = query.with_dimension_record_columns("exposure")
    assert some.has_dimension_record_columns == "exposure"
    every = query.with_dimension_record_columns()
    assert every.has_dimension_record_columns is True
    row = next(iter(every))
    assert {"exposure.obs_id", "detector.full_name", "instrument.detector_max"} <= set(row)
    data_id = next(iter(every.data_ids()))
    assert data_id.records["exposure"].obs_id == f"E{data_id['exposure']}"
    assert next(iter(every.datasets("summary"))).data_id.records["detector"] is not None
    assert every.projected(["detector"]).has_dimension_record_columns is True
    assert every.projected(["detector"], keep_record_columns=False).has_dimension_record_columns is False


def test_datastore_records_come_along(query: Query) -> None:
    stored = query.with_datastore_record_columns("summary")
    assert stored.has_datastore_record_columns is True
    assert query.has_datastore_record_columns is False
    (row,) = stored.where(exposure=100, detector=0)
    assert row["summary.size_bytes"] == 2
    with pytest.raises(InvalidInputError, match="No search for 'log' was joined: only summary"):
        query.with_datastore_record_columns("log")


# -- results of other kinds


def test_results_of_all_kinds(butler: Butler, query: Query) -> None:
    chosen = query.where("detector = 1 AND exposure > 103")
    assert [key(ref) for ref in chosen.datasets("summary")] == [(104, 1), (105, 1)]
    assert [data_id["exposure"] for data_id in chosen.data_ids(["exposure"])] == [104, 105]
    assert [record.id for record in chosen.dimension_records("exposure")] == [104, 105]
    assert [record.id for record in chosen.dimension_records("detector")] == [1]
    assert list(query.collections()) == [RUN]
    assert set(butler.query().collections()) >= {RUN, OTHER, "calib", "tag"}
    assert set(query.dataset_types()) == {"summary"}
    assert chosen.datasets("summary").by_dataset_type["summary"].query.count() == 2


def test_the_empty_data_id(butler: Butler) -> None:
    query = butler.query().join_datasets("note")
    (row,) = query
    assert set(row) == {"note.uuid", "note.run"}
    assert query.count() == 1
    assert len(list(butler.query().data_ids([]))) == 1
    assert query.materialized().count() == query.run().count() == 1
    nothing = butler.query().join_datasets("note", ())
    assert list(nothing) == []
    assert nothing.materialized().count() == 0


def test_dimensions_are_joined(butler: Butler) -> None:
    query = butler.query().join_dimensions(["exposure"]).join_dimensions(["detector"])
    assert query.count() == len(data_ids())
    assert query.dimensions == butler.dimensions.conform(["exposure", "detector"])


# -- what is brought along


def test_external_data_ids(butler: Butler) -> None:
    wanted = data_ids()[3:7]
    query = butler.query().join_external_data_ids(["exposure", "detector"], [*wanted, *wanted])
    assert [dict(d.required) for d in query.data_ids()] == [
        {"instrument": INSTRUMENT, "detector": d["detector"], "exposure": d["exposure"]}
        for d in sorted(wanted, key=lambda d: (d["detector"], d["exposure"]))
    ]
    assert query.datasets("summary").count() == 4
    assert query.datasets("log").count() == len({d["exposure"] for d in wanted} & set(LOGGED))
    unknown: dict[str, int | str] = {"instrument": INSTRUMENT, "exposure": 1, "detector": 0}
    assert butler.query().join_external_data_ids(["exposure", "detector"], [unknown]).count() == 0
    assert butler.query().join_external_data_ids(["exposure"], []).count() == 0
    assert butler.query().join_external_data_ids([], []).join_datasets("note").count() == 0
    assert butler.query().join_external_data_ids([], [{}]).join_datasets("note").count() == 1
    with pytest.raises(InvalidInputError):
        butler.query().join_external_data_ids(["exposure"], [{"instrument": INSTRUMENT, "exposure": "x"}])


def test_external_uuids(butler: Butler, query: Query) -> None:
    refs = list(query.datasets("summary"))[2:5]
    chosen = query.join_external_uuids("summary", [ref.uuid for ref in refs] * 2)
    assert {row["summary.uuid"] for row in chosen} == {ref.uuid for ref in refs}
    assert set(chosen.datasets("summary")) == set(refs)
    assert {d["exposure"] for d in chosen.data_ids(["exposure"])} == {r.data_id["exposure"] for r in refs}
    assert query.where(uuid=("summary", refs[0].uuid)).count() == 1
    assert query.join_external_uuids("summary", [uuid4()]).count() == 0
    assert query.join_external_uuids("summary", []).any() is False
    with pytest.raises(InvalidInputError, match="No search for 'summary' was joined"):
        butler.query().join_external_uuids("summary", [uuid4()])


# -- mistakes


def test_mistakes_are_told(butler: Butler, query: Query) -> None:
    with pytest.raises(DatasetTypeNotFoundError):
        butler.query().join_datasets("summry")
    with pytest.raises(InvalidInputError, match="searches for 'summary' already"):
        query.join_datasets("summary", OTHER)
    assert query.join_datasets("summary").description == query.description
    with pytest.raises(InvalidInputError, match="slice cannot be joined"):
        query.sliced(0, 2).join_datasets("log")
    with pytest.raises(InvalidInputError, match="slice cannot be joined"):
        query.sliced(0, 2).datasets("summary")
    with pytest.raises(QueryError, match="nothing"):
        query.where("nothing = 1").any()
    with pytest.raises(QueryError, match="nothing"):
        list(query.projected(columns=["nothing"]))
    with pytest.raises(QueryError, match="several values"):
        list(query.projected(["band"]).sorted("exposure"))
    with pytest.raises(InvalidInputError, match="kind 'rows', not 'datasets'"):
        butler.query(query.description.model_copy(update={"kind": "datasets"}))


def test_a_closed_butler_answers_nothing(butler: Butler) -> None:
    other = Butler(butler=butler, collections=[RUN])
    query = other.query().join_datasets("summary")
    other.close()
    with pytest.raises(InvalidInputError, match="closed"):
        other.query()
    assert query.any()  # the connections are those of the butler that it shares


# -- snapshots


def test_a_snapshot_stays_as_it_was(tmp_path: Any) -> None:
    Butler.make_repo(tmp_path / "repo", dimensions=testing_universe(), durability="process")
    with Butler(tmp_path / "repo", run=RUN) as butler:
        populate(butler)
        butler.put_many([({}, ref) for ref in butler.make_refs("summary", data_ids()[:4])])
        refs = butler.query_datasets("summary").run()
        rows = butler.query().join_datasets("summary").run()
        again = butler.query().join_datasets("summary").materialized()
        ids = butler.query_data_ids(["exposure"], instrument=INSTRUMENT).run()
        before: list[list[Any]] = [list(refs), list(rows), list(ids)]
        butler.put_many([({}, ref) for ref in butler.make_refs("summary", data_ids()[4:6])])
        assert [list(refs), list(rows), list(ids)] == before
        assert [refs.count(), rows.count(), again.count()] == [4, 4, 4]
        assert butler.query_datasets("summary").count() == 6
        with butler.removal() as removal:
            removal.include_datasets(before[0][:1])
        assert refs.count() == 4
        assert again.count() == refs.where("detector < 100", instrument=INSTRUMENT).count() == 3
        assert refs.run() is refs


def test_a_snapshot_is_worked_on(butler: Butler) -> None:
    refs = butler.query_datasets("summary").sorted("-exposure").run()
    whole = list(refs)
    assert list(refs.sliced(3, 9).sliced(2)) == whole[5:9]
    assert refs.sliced(20).count() == len(whole) - 20
    assert [refs.sliced(99).any(), refs.any()] == [False, True]
    assert refs.sliced(99).explain_no_results()
    assert list(refs.uuids()) == [ref.uuid for ref in whole]
    assert {key(ref) for ref in refs.sliced(0, 5).where("detector > 1")} == {
        key(ref) for ref in whole[:5] if key(ref)[1] > 1
    }
    assert all(ref.datastore_records for ref in refs.sliced(0, 3).expanded())
    assert refs.sliced(2, 4).to_arrow().num_rows == 2
    records = butler.query_dimension_records("exposure", instrument=INSTRUMENT).run()
    assert [record.id for record in records.where("exposure > 103")] == [104, 105]


# -- several types together


def test_types_are_sorted_together(butler: Butler) -> None:
    found = butler.query_datasets(["summary", "log"], where="exposure < 103").sorted(
        ["-exposure", "detector"][:1]
    )
    refs = list(found)
    exposures = [ref.data_id["exposure"] for ref in refs]
    assert exposures == sorted(exposures, reverse=True)
    by_uuid = sorted(refs, key=lambda ref: (-int(ref.data_id["exposure"]), ref.uuid))
    assert refs == by_uuid
    assert list(found.sliced(2, 7)) == refs[2:7]
    assert found.sliced(2, 7).count() == 5
    missing_last = butler.query_datasets(["summary", "log"]).sorted("-exposure.target_name")
    names = [ref.data_id["exposure"] == 100 for ref in missing_last]
    assert names == sorted(names)
    with pytest.raises(InvalidInputError, match="cannot be made"):
        found.run()
    with pytest.raises(InvalidInputError, match="cannot be one table"):
        found.to_arrow()


# -- tables


def test_tables_have_the_same_columns_whether_or_not_there_are_rows(butler: Butler, query: Query) -> None:
    for results in (
        query.with_dimension_record_columns(),
        butler.query_datasets("summary"),
        butler.query_data_ids(["exposure", "detector"]),
        butler.query_dimension_records("exposure"),
        query.projected(columns=["exposure.timespan", "detector.is_science", "summary.ingest_date"]),
    ):
        table, empty = results.to_arrow(), results.where("detector = 77 AND detector = 78").to_arrow()
        assert table.schema == empty.schema
        assert [table.num_rows, empty.num_rows] == [results.count(), 0]
    table = query.projected(columns=["exposure.timespan", "detector.is_science", "summary.uuid"]).to_arrow()
    rows = list(query.projected(columns=["exposure.timespan", "detector.is_science", "summary.uuid"]))
    assert table.schema.field("summary.uuid").type == pa.binary(16)
    for found, row in zip(table.to_pylist(), rows, strict=True):
        assert found["summary.uuid"] == row["summary.uuid"].bytes
        assert found["detector.is_science"] is row["detector.is_science"]
        assert (
            Timespan(found["exposure.timespan"]["begin"], found["exposure.timespan"]["end"])
            == row["exposure.timespan"]
        )


def test_a_reader_fetches_a_page_when_its_batch_is_read(
    butler: Butler, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = butler.query_data_ids(["exposure", "detector"], instrument=INSTRUMENT)
    monkeypatch.setattr("butler_core.queries.base._page_size", lambda description: 5)
    asked = []
    registry = results._services.registry
    execute = registry.execute

    def count(*arguments: Any, **options: Any) -> Any:
        asked.append(options.get("page"))
        if len(asked) == 3:
            raise UnavailableError("The database is gone.")
        return execute(*arguments, **options)

    monkeypatch.setattr(registry, "execute", count)
    reader = results.to_arrow_reader()
    assert len(asked) == 1  # which tells what columns there are
    assert reader.schema == results.sliced(0, 0).to_arrow().schema
    del asked[1:]
    assert [reader.read_next_batch().num_rows, len(asked)] == [5, 1]
    assert [reader.read_next_batch().num_rows, len(asked)] == [5, 2]
    with pytest.raises(UnavailableError, match="gone"):
        reader.read_next_batch()
    asked.clear()
    with pytest.raises(UnavailableError, match="gone"):
        results.to_arrow()


def test_a_table_needs_pyarrow(query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(IncompatibleError, match="pyarrow") as caught:
        query.to_arrow()
    assert "butler-core[arrow]" in caught.value.remedy


# -- plans


def test_statements_and_plans_are_shown_of_every_kind(butler: Butler, query: Query) -> None:
    for results in (
        query,
        query.where("detector > 1"),
        butler.query_datasets("summary"),
        butler.query_datasets(["summary", "log"]),
        butler.query_data_ids(["exposure", "detector"]),
        butler.query_data_ids("exposure", where="exposure > 3 AND instrument = 'Cam'"),
        butler.query_dimension_records("exposure"),
    ):
        told = results.sliced(0, 2).explain()
        statements, _, plan = told.partition("\n\n-- plan:\n")
        assert "SELECT" in statements
        assert "SEARCH" in plan or "SCAN" in plan
    empty = butler.query_datasets("summary", collections="calib").explain()
    assert empty == "-- No collection can hold what is searched for: the database is not asked."


# -- reasons


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"collections": ()}, "No collections were searched"),
        ({"collections": "calib"}, "has a dataset of type 'summary'"),
        ({"where": "detector = 77"}, "none for which this holds: detector = 77"),
        ({"where": "detector = 1 AND exposure.exposure_time > 100"}, "exposure.exposure_time > 100"),
        ({"detector": 77}, "detector = 77"),
        ({"where": "exposure = 100 AND exposure.exposure_time = 30"}, "for each part"),
        ({"uuid": uuid4()}, "one of 1 UUIDs"),
        ({"instrument": "Nope"}, "instrument = 'Nope'"),
    ],
)
def test_a_reason_is_given(butler: Butler, arguments: dict[str, Any], reason: str) -> None:
    results = butler.query_datasets("summary", **arguments)
    reasons = results.explain_no_results()
    assert any(reason in text for text in reasons), reasons
    assert butler.query_datasets("summary").explain_no_results() == []
    assert results.any() is False


def test_what_is_known_in_advance(butler: Butler) -> None:
    nowhere = butler.query_datasets("summary", "calib")
    assert nowhere.any(execute=False) is False
    assert nowhere.explain_no_results(execute=False)
    unlikely = butler.query_datasets("summary", where="detector = 77")
    assert unlikely.any(execute=False) is True
    assert unlikely.explain_no_results(execute=False) == []
    behind = butler.query_datasets("summary").sliced(1000)
    assert "slice lies behind" in behind.explain_no_results()[0]
    assert "SELECT" in unlikely.explain()


# -- laws


DESCRIPTIONS = st.builds(
    lambda where, order, start, stop, types: (where, order, start, stop, types),
    st.sampled_from(WHERES),
    st.sampled_from(["", *ORDERS]),
    st.integers(0, 5),
    st.none() | st.integers(0, 30),
    st.sampled_from([("summary",), ("log",), ("summary", "log"), ()]),
)
LAW = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def build(butler: Butler, where: str, types: tuple[str, ...]) -> Query:
    query = butler.query().join_dimensions(["exposure", "detector"])
    for name in types:
        query = query.join_datasets(name)
    return query.where(where)


@LAW
@given(given_=DESCRIPTIONS, page=st.sampled_from([1, 2, 7, 10_000]))
def test_laws(butler: Butler, given_: Any, page: int) -> None:
    where, order, start, stop, types = given_
    query = build(butler, where, types)
    rows = [dict(row) for row in query]
    assert [dict(row) for row in query] == rows
    assert query.count() == len(rows)
    assert query.any() == bool(rows)
    assert bool(query.explain_no_results()) == (not rows)
    assert [dict(row) for row in query.materialized()] == rows
    assert [dict(row) for row in query.run()] == rows
    described = QueryDescription.model_validate_json(query.description.model_dump_json())
    assert described == query.description
    assert [dict(row) for row in butler.query(described)] == rows
    expected = [
        {"exposure": e, "detector": d}
        for d, e in product(DETECTORS, EXPOSURES)
        if ("log" not in types or e in LOGGED)
    ]
    if not where:
        assert [{n: row[n] for n in ("exposure", "detector")} for row in rows] == expected
    ordered = query.sorted(order) if order else query
    in_order = [dict(row) for row in ordered]
    assert sorted(map(repr, in_order)) == sorted(map(repr, rows))
    assert [dict(row) for row in ordered.sliced(start, stop)] == in_order[start:stop]
    assert [dict(row) for row in ordered.sliced(start).sliced(0, stop)] == in_order[start:][:stop]
    assert ordered.sliced(start, stop).count() == len(in_order[start:stop])
    assert [dict(row) for row in ordered.sliced(start, stop).run()] == in_order[start:stop]
    described = ordered.description
    registry = butler._registry
    found: list[tuple[Any, ...]] = []
    token = None
    while True:
        answer = registry.execute(described, page=token, page_size=page)
        found += answer.rows
        token = answer.next_page
        if token is None:
            break
    assert len(found) == len(in_order)
    assert [row[:3] for row in found] == [tuple(row.values())[:3] for row in in_order]


@LAW
@given(first=st.sampled_from(WHERES), second=st.sampled_from(WHERES))
def test_conditions_are_anded(butler: Butler, first: str, second: str) -> None:
    query = build(butler, first, ("summary",)).where(second)
    both = [dict(row) for row in query]
    left = [dict(row) for row in build(butler, first, ("summary",))]
    right = [dict(row) for row in build(butler, second, ("summary",))]
    assert both == [row for row in left if row in right]


@LAW
@given(
    where=st.sampled_from(WHERES),
    names=st.lists(
        st.sampled_from(
            ["band", "detector.purpose", "exposure.exposure_time", "summary.run", "exposure.timespan"]
        ),
        min_size=1,
        unique=True,
    ),
)
def test_unique_rows_are_the_set_of_all(butler: Butler, where: str, names: list[str]) -> None:
    query = build(butler, where, ("summary",))
    once = [tuple(row.values()) for row in query.projected((), columns=names)]
    every = [tuple(row.values()) for row in query.projected((), unique=False, columns=names)]
    assert len(set(once)) == len(once)
    assert set(once) == set(every)
    assert len(every) == query.count()


@LAW
@given(
    chosen=st.lists(st.sampled_from(data_ids()), max_size=8),
    where=st.sampled_from(WHERES),
)
def test_an_upload_is_a_filter(butler: Butler, chosen: list[dict[str, Any]], where: str) -> None:
    plain = build(butler, where, ("summary",))
    keys = {(data_id["exposure"], data_id["detector"]) for data_id in chosen}
    expected = [dict(row) for row in plain if (row["exposure"], row["detector"]) in keys]
    uploaded = plain.join_external_data_ids(["exposure", "detector"], chosen)
    assert [dict(row) for row in uploaded] == expected


@given(text=st.text(max_size=40) | st.uuids().map(str))
def test_text_that_looks_like_a_uuid_stays_text(text: str) -> None:
    upload = {"dimensions": ("skymap",), "data_ids": ((text,),)}
    described = QueryDescription(kind="rows", dimensions=("skymap",), uploads=(upload,))  # type: ignore[arg-type]
    again = QueryDescription.model_validate_json(described.model_dump_json())
    assert again == described
    assert again.uploads[0].data_ids == ((text,),)


def test_threads_share_a_query(query: Query) -> None:
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(len(list(query)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [len(data_ids())] * 8


def test_expressions_of_python(query: Query) -> None:
    texts = [row["exposure"] for row in query.where("exposure > 102 AND detector = 1")]
    objects = [row["exposure"] for row in query.where((columns.exposure > 102) & (columns.detector == 1))]
    assert texts == objects == [103, 104, 105]
