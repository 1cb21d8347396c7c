"""Tests of what queries find, in which order and by which pages; part of `butler_core.testing.queries.conformance`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from butler_core.errors import (
    CollectionNotFoundError,
    DataIdError,
    DatasetTypeNotFoundError,
    InvalidInputError,
    QueryError,
)
from butler_core.expressions.query import DatasetSearch
from butler_core.models.batch import RawBatch
from butler_core.models.record import record_shape
from butler_core.testing.queries.world import ALT, CAM, RECORDS, QueryWorld

_SEARCHES = [
    ("r1",),
    ("r2", "r1"),
    ("tag",),
    ("tag", "r1"),
    ("r1", "tag"),
    ("inner",),
    ("outer",),
    ("outer", "r1", "inner"),
    ("r1", "r5"),
    ("r5", "r1", "r2"),
]


class DatasetTests:
    """Queries for datasets."""

    @pytest.mark.parametrize("collections", _SEARCHES, ids=",".join)
    @pytest.mark.parametrize("find_first", [True, False])
    @pytest.mark.parametrize("page_size", [1, 2, 5, 100])
    def test_a_search_finds_each_dataset_once(
        self, world: QueryWorld, collections: tuple[str, ...], find_first: bool, page_size: int
    ) -> None:
        expected = world.search("calexp", collections, find_first=find_first)
        found = world.find("calexp", collections, find_first=find_first, page_size=page_size)
        assert len(found) == len(expected)
        assert set(found) == set(expected)
        count = world.datasets_query("calexp", collections, find_first=find_first, answer="count")
        assert world.rows(count) == [(len(expected),)]

    @pytest.mark.parametrize("page_size", [1, 2, 3, 4, 5, 6, 100])
    def test_the_order_does_not_depend_on_the_page(self, world: QueryWorld, page_size: int) -> None:
        for collections in _SEARCHES:
            for offset in (0, 3):
                query = world.datasets_query("calexp", collections, offset=offset)
                assert world.rows(query, page_size) == world.rows(query, 7)

    def test_the_empty_data_id_is_found_once(self, world: QueryWorld) -> None:
        for collections in (("r1", "r2"), ("r2", "r1"), ("r2",)):
            for page_size in (1, 100):
                found = world.find("note", collections, page_size=page_size)
                assert [(dataset.run, dataset.values) for dataset in found] == [(collections[0], ())]
            assert world.rows(world.datasets_query("note", collections, answer="count")) == [(1,)]

    @pytest.mark.parametrize("dataset_type", ["raw", "warp", "coadd", "refcat", "note"])
    def test_types_of_any_dimensions_are_found(self, world: QueryWorld, dataset_type: str) -> None:
        assert set(world.find(dataset_type, "r1")) == set(world.search(dataset_type, ["r1"]))

    def test_columns_are_uuid_run_and_required_values(self, world: QueryWorld) -> None:
        page = world.registry.execute(world.datasets_query("calexp", "r1"))
        assert page.columns == ("uuid", "run", "instrument", "detector", "visit")
        snapshot = world.registry.snapshot()
        assert snapshot is not None
        assert page.generation == snapshot.generation

    @pytest.mark.parametrize("answer", ["rows", "count", "any"])
    def test_no_collection_finds_nothing(self, world: QueryWorld, answer: str) -> None:
        rows = world.rows(world.datasets_query("calexp", (), answer=answer))
        assert rows == {"rows": [], "count": [(0,)], "any": [(False,)]}[answer]

    def test_unknown_collections_and_types_are_errors(self, world: QueryWorld) -> None:
        with pytest.raises(CollectionNotFoundError):
            world.find("calexp", "r9")
        query = world.datasets_query("calexp", "r1")
        search = DatasetSearch(dataset_type="nothing", collections=("r1",))
        with pytest.raises(DatasetTypeNotFoundError):
            world.rows(query.model_copy(update={"dataset_type": "nothing", "searches": (search,)}))

    def test_mistakes_are_found_where_there_is_nothing_to_find(self, world: QueryWorld) -> None:
        with pytest.raises(QueryError):
            world.find("calexp", "nothing", where="visitt = 1")

    @pytest.mark.parametrize(
        ("collections", "run"),
        [(("r1",), "r1"), (("outer",), "r1"), (("inner", "r1"), "r2"), (("r3",), None)],
    )
    def test_one_dataset_is_looked_up_by_its_data_id(
        self, world: QueryWorld, collections: tuple[str, ...], run: str | None
    ) -> None:
        data_id = {"visit": 3, "detector": 1, "instrument": CAM}
        found = world.find("calexp", collections, data_id=data_id)
        assert [dataset.run for dataset in found] == ([] if run is None else [run])
        assert all(dataset in world.datasets for dataset in found)
        page = world.registry.execute(
            world.datasets_query("calexp", collections, data_id=data_id, datastore_records=True)
        )
        assert page.datastore_records is not None
        recorded = page.datastore_records.to_batch()[world.bridge.table_name]
        assert list(recorded) == [dataset.uuid for dataset in found if run == "r1"]  # r2's is not stored

    def test_a_look_up_brings_dimension_records(self, world: QueryWorld) -> None:
        page = world.registry.execute(
            world.datasets_query(
                "calexp",
                "outer",
                data_id={"visit": 3, "detector": 1, "instrument": CAM},
                limit=1,
                dimension_records=True,
                datastore_records=True,
            )
        )
        assert [row[2:] for row in page.rows] == [(CAM, 1, 3)]
        assert [record[1] for record in page.dimension_records["visit"]] == [3]
        assert page.datastore_records is not None
        assert len(page.datastore_records.to_batch()[world.bridge.table_name]) == 1

    def test_a_data_id_may_fix_a_part(self, world: QueryWorld) -> None:
        found = world.find("calexp", "outer", data_id={"instrument": CAM, "detector": 1})
        assert {dataset.values[2] for dataset in found} == {1, 2, 3}
        assert {dataset.values[1] for dataset in found} == {1}

    def test_a_data_id_may_fix_what_follows(self, world: QueryWorld) -> None:
        found = world.find("calexp", "r1", data_id={"instrument": CAM, "band": "g"})
        assert {dataset.values[2] for dataset in found} == {2}

    @pytest.mark.parametrize("data_id", [{"planet": 1}, {"visit": "one"}])
    def test_a_wrong_data_id_is_an_error(self, world: QueryWorld, data_id: dict[str, Any]) -> None:
        with pytest.raises(DataIdError):
            world.find("calexp", "r1", data_id=data_id)

    def test_uuids_select(self, world: QueryWorld) -> None:
        chosen = world.datasets[:3] + world.datasets[-1:]
        found = world.find(
            "calexp", ["r1", "r2", "r3"], find_first=False, uuids=frozenset(d.uuid for d in chosen)
        )
        assert set(found) == set(world.datasets[:3])
        assert world.find("calexp", "r1", uuids=frozenset()) == []

    @pytest.mark.parametrize("page_size", [1, 2, 5, 100])
    @pytest.mark.parametrize("order_by", [(), ("-visit",)], ids=str)
    def test_uuids_come_alone(self, world: QueryWorld, page_size: int, order_by: tuple[str, ...]) -> None:
        for collections, find_first in ((("r1",), True), (("outer",), True), (("r2", "tag", "r1"), False)):
            for offset in (0, 2):
                query = world.datasets_query(
                    "calexp", collections, find_first=find_first, order_by=order_by, offset=offset, limit=7
                )
                alone = query.model_copy(update={"answer": "uuids"})
                assert world.rows(alone, page_size) == [row[:1] for row in world.rows(query)]
                assert {page.columns for page in world.pages(alone, page_size)} == {("uuid",)}
        alone = world.datasets_query(
            "calexp", "r1", where=f"instrument = '{CAM}' AND visit.exposure_time > 0", answer="uuids"
        )
        assert world.rows(alone, page_size) == [
            row[:1] for row in world.rows(alone.model_copy(update={"answer": "rows"}))
        ]

    def test_only_datasets_have_uuids(self, world: QueryWorld) -> None:
        with pytest.raises(InvalidInputError, match="UUIDs"):
            world.rows(world.query(kind="data_ids", dimensions=("instrument",), answer="uuids"))

    def test_a_calibration_collection_lists_each_dataset_once(self, world: QueryWorld) -> None:
        for collections in (["calib"], ["calib", "calib/run"], ["calib/run", "calib"]):
            for page_size in (1, 100):
                found = world.find("flat", collections, find_first=False, page_size=page_size)
                assert sorted(found) == sorted(world.certified)
            count = world.datasets_query("flat", collections, find_first=False, answer="count")
            assert world.rows(count) == [(len(world.certified),)]

    @pytest.mark.parametrize("page_size", [1, 100])
    def test_a_condition_may_be_about_any_collection_that_has_a_dataset(
        self, world: QueryWorld, page_size: int
    ) -> None:
        for collections in (["tag", "r1"], ["r1", "tag"]):
            for name in ("tag", "r1"):
                fields: dict[str, Any] = {"find_first": False, "where": f"calexp.collection = '{name}'"}
                found = world.find("calexp", collections, page_size=page_size, **fields)
                assert sorted(found) == sorted(
                    dataset for dataset in world.members(name) if dataset.dataset_type == "calexp"
                )
                count = world.datasets_query("calexp", collections, answer="count", **fields)
                assert world.rows(count) == [(len(found),)]
            fields = {"find_first": False, "order_by": "-calexp.collection"}
            found = world.find("calexp", collections, page_size=page_size, **fields)
            assert sorted(found) == sorted(world.find("calexp", collections, find_first=False))

    def test_dimensions_of_a_condition_are_joined(self, world: QueryWorld) -> None:
        found = world.find("raw", "r1", where=f"instrument = '{CAM}' AND visit IN (1, 3)")
        assert {dataset.values[2] for dataset in found} == {101, 104}

    def test_a_search_constrains_another(self, world: QueryWorld) -> None:
        other = DatasetSearch(dataset_type="calexp", collections=("r2",))
        flats = world.find("flat", "calib/run", searches=(other,), where=f"instrument = '{CAM}'")
        assert {flat.values for flat in flats} == {(CAM, "Cam-G", 1)}

    def test_no_product_of_datasets_stands_for_a_spatial_join(self, world: QueryWorld) -> None:
        for where in ("skymap = 'sky' AND tract = 1", "htm7 = 5"):
            with pytest.raises(InvalidInputError, match=r"[Ss]patial"):
                world.find("calexp", "r1", where=where)

    def test_a_dataset_relates_what_it_is_about(self, world: QueryWorld) -> None:
        where = f"instrument = '{CAM}' AND skymap = 'sky' AND tract = 1 AND visit.name = 'v1'"
        assert world.find("warp", "r1", where=where) == world.search("warp", ["r1"])

    def test_records_come_with_datasets(self, world: QueryWorld) -> None:
        query = world.datasets_query(
            "calexp", "r1", data_id={"instrument": CAM}, dimension_records=True, datastore_records=True
        )
        page = world.registry.execute(query, page_size=4)
        assert {record[1] for record in page.dimension_records["visit"]} == {row[4] for row in page.rows}
        assert len(page.dimension_records["instrument"]) == 1
        assert [record[3] for record in page.dimension_records["detector"]].count("GUIDE") == 1
        assert page.datastore_records is not None
        uuids = {row[0] if isinstance(row[0], UUID) else UUID(bytes=row[0]) for row in page.rows}
        assert page.datastore_records.to_batch()[world.bridge.table_name].keys() == uuids

    def test_a_plan_shows_the_statement(self, world: QueryWorld) -> None:
        page = world.registry.execute(world.datasets_query("calexp", "outer", answer="plan"))
        ((sql, plan),) = page.rows
        assert "SELECT" in sql
        assert plan


class DataIdTests:
    """Queries for data IDs."""

    def test_required_and_implied_values_come(self, world: QueryWorld) -> None:
        found = world.data_ids(["visit"], data_id={"instrument": CAM})
        assert found[0] == {
            "instrument": CAM, "visit": 1, "band": "r", "physical_filter": "Cam-R", "day_obs": 20260101
        }  # fmt: skip
        assert [data_id["visit"] for data_id in found] == [1, 2, 3, 4]

    def test_all_instruments_may_be_asked_for(self, world: QueryWorld) -> None:
        found = world.data_ids(["detector"])
        assert [(i["instrument"], i["detector"]) for i in found] == sorted(
            (row["instrument"], row["id"]) for row in RECORDS["detector"]
        )

    def test_dimensions_are_joined_on_what_they_share(self, world: QueryWorld) -> None:
        found = world.data_ids(["visit", "detector"])
        assert len(found) == 4 * 4 + 2
        assert all(data_id["visit"] == 1 for data_id in found if data_id["instrument"] == ALT)

    def test_join_tables_say_what_belongs_together(self, world: QueryWorld) -> None:
        found = world.data_ids(["exposure", "visit"], data_id={"instrument": CAM})
        assert [(i["exposure"], i["visit"]) for i in found] == [(100, 2), (101, 1), (103, 4), (104, 3)]

    def test_other_join_tables_do_not(self, world: QueryWorld) -> None:
        assert len(world.data_ids(["visit", "detector"], data_id={"visit": 1, "instrument": CAM})) == 4

    def test_a_missing_implied_value_stays_missing(self, world: QueryWorld) -> None:
        found = world.data_ids(["exposure"], where="instrument = 'Cam' AND exposure = 102")
        assert [data_id["band"] for data_id in found] == [None]

    def test_a_dimension_without_table_has_what_others_imply(self, world: QueryWorld) -> None:
        assert [data_id["band"] for data_id in world.data_ids(["band"])] == ["g", "r", "z"]
        assert [i["band"] for i in world.data_ids(["band"], where="band > 'g'")] == ["r", "z"]

    def test_the_empty_group_has_one_data_id(self, world: QueryWorld) -> None:
        assert world.data_ids([]) == [{}]
        assert world.data_ids([], limit=0) == []
        assert world.data_ids([], offset=1) == []
        query = world.query(kind="data_ids", dimensions=(), answer="count")
        assert world.rows(query) == [(1,)]

    def test_the_empty_group_can_be_constrained(self, world: QueryWorld) -> None:
        for collections, count in ((("r1", "r2"), 1), (("r3",), 0)):
            search = DatasetSearch(dataset_type="note", collections=collections)
            assert len(world.data_ids([], searches=(search,))) == count
        assert world.data_ids([], where="instrument = 'Nowhere'") == []
        assert world.data_ids([], where="instrument = 'Cam'") == [{}]

    def test_dimensions_that_are_only_constrained_do_not_multiply(self, world: QueryWorld) -> None:
        found = world.data_ids(["visit"], where="instrument = 'Cam' AND detector IN (0, 1, 2)")
        assert [data_id["visit"] for data_id in found] == [1, 2, 3, 4]
        assert world.data_ids(["visit"], where="instrument = 'Cam' AND detector = 77") == []

    @pytest.mark.parametrize("collections", [("r1",), ("outer",), ("tag", "r3"), ("r3", "tag")], ids=",".join)
    @pytest.mark.parametrize("find_first", [True, False])
    def test_datasets_constrain_data_ids(
        self, world: QueryWorld, collections: tuple[str, ...], find_first: bool
    ) -> None:
        search = DatasetSearch(dataset_type="calexp", collections=collections, find_first=find_first)
        found = world.data_ids(["visit", "detector"], searches=(search,))
        expected = sorted({dataset.values for dataset in world.search("calexp", collections)})
        assert [(i["instrument"], i["detector"], i["visit"]) for i in found] == expected
        visits = world.data_ids(["visit"], searches=(search,))
        assert [(i["instrument"], i["visit"]) for i in visits] == sorted({(i, v) for i, _, v in expected})

    def test_calibrations_constrain(self, world: QueryWorld) -> None:
        for collections in (("calib",), ("calib", "calib/run")):
            search = DatasetSearch(dataset_type="flat", collections=collections, find_first=False)
            found = world.data_ids(["detector"], searches=(search,))
            assert [(i["instrument"], i["detector"]) for i in found] == [(CAM, 0), (CAM, 1)]

    def test_fields_of_datasets_constrain(self, world: QueryWorld) -> None:
        for find_first, detectors in ((True, {0}), (False, {0, 1, 2})):
            search = DatasetSearch(dataset_type="calexp", collections=("inner", "r1"), find_first=find_first)
            found = world.data_ids(
                ["detector"],
                searches=(search,),
                where="instrument = 'Cam' AND visit = 3 AND calexp.run = 'r1'",
            )
            assert {data_id["detector"] for data_id in found} == detectors

    def test_an_empty_search_leaves_nothing(self, world: QueryWorld) -> None:
        search = DatasetSearch(dataset_type="calexp", collections=())
        assert world.data_ids(["detector"], searches=(search,)) == []

    @pytest.mark.parametrize("dimensions", [("visit", "tract"), ("visit", "htm7")], ids=",".join)
    def test_no_product_of_data_ids_stands_for_a_spatial_join(
        self, world: QueryWorld, dimensions: tuple[str, ...]
    ) -> None:
        with pytest.raises(InvalidInputError, match=r"[Ss]patial"):
            world.data_ids(dimensions)

    def test_datasets_stand_for_a_spatial_join(self, world: QueryWorld) -> None:
        search = DatasetSearch(dataset_type="warp", collections=("r1",))
        found = world.data_ids(["visit", "patch"], searches=(search,))
        assert [(i["visit"], i["tract"], i["patch"]) for i in found] == [(1, 1, 0)]

    def test_unrelated_dimensions_are_combined(self, world: QueryWorld) -> None:
        assert len(world.data_ids(["detector", "tract"])) == 6 * 2

    def test_records_come_with_data_ids(self, world: QueryWorld) -> None:
        query = world.query(
            kind="data_ids",
            dimensions=world.universe.conform(["visit"]).names,
            data_id={"instrument": CAM},
            dimension_records=True,
        )
        page = world.registry.execute(query)
        assert [record[1] for record in page.dimension_records["visit"]] == [1, 2, 3, 4]
        assert {record[1] for record in page.dimension_records["physical_filter"]} == {"Cam-R", "Cam-G"}


class RecordTests:
    """Queries for dimension records."""

    @pytest.mark.parametrize("element", sorted(RECORDS))
    def test_all_records_of_an_element(self, world: QueryWorld, element: str) -> None:
        shape = record_shape(world.universe, element)
        expected = sorted((shape.make(row) for row in RECORDS[element]), key=lambda record: record.key)
        assert [tuple(record.values()) for record in world.records(element)] == [r.values for r in expected]

    def test_a_condition_selects_records(self, world: QueryWorld) -> None:
        found = world.records("exposure", where="instrument = 'Cam' AND band = 'g'")
        assert [record["exposure"] for record in found] == [100, 103]
        found = world.records("detector", where="is_science", data_id={"instrument": CAM})
        assert [record["detector"] for record in found] == [0, 3]
        assert found[0]["is_science"] is True

    def test_conditions_on_other_elements_do_not_multiply(self, world: QueryWorld) -> None:
        found = world.records("instrument", where="detector >= 0 AND instrument IN ('Cam', 'Alt')")
        assert [record["instrument"] for record in found] == [ALT, CAM]

    def test_datasets_constrain_records(self, world: QueryWorld) -> None:
        search = DatasetSearch(dataset_type="calexp", collections=("r3",))
        found = world.records("visit", searches=(search,), data_id={"instrument": CAM})
        assert [record["visit"] for record in found] == [1, 4]

    def test_elements_without_table_have_none(self, world: QueryWorld) -> None:
        with pytest.raises(InvalidInputError, match="band"):
            world.rows(world.query(kind="records", element="band", dimensions=("band",)))


class PageTests:
    """Order, limits and pages."""

    @pytest.mark.parametrize("page_size", [1, 2, 3, 100])
    @pytest.mark.parametrize(
        "order_by", [(), ("visit",), ("-visit.exposure_time", "detector"), ("run", "-run")], ids=str
    )
    def test_pages_make_up_the_whole(
        self, world: QueryWorld, page_size: int, order_by: tuple[str, ...]
    ) -> None:
        for collections in ("r1", "outer"):
            query = world.datasets_query("calexp", collections, order_by=order_by)
            pages = [list(page.rows) for page in world.pages(query, page_size)]
            assert all(len(rows) == page_size for rows in pages[:-1])
            assert [row for rows in pages for row in rows] == world.rows(query)

    def test_missing_values_sort_last_both_ways(self, world: QueryWorld) -> None:
        for term, first in (("visit.exposure_time", [4, 2, 1]), ("-visit.exposure_time", [1, 2, 4])):
            for page_size in (1, 100):
                query = world.query(
                    kind="data_ids", dimensions=("visit",), order_by=(term,), data_id={"instrument": CAM}
                )
                assert [row[1] for row in world.rows(query, page_size)] == [*first, 3]

    def test_text_sorts_by_code_point(self, world: QueryWorld) -> None:
        found = world.records("exposure", order_by=("target_name",), data_id={"instrument": CAM})
        names = [record["target_name"] for record in found]
        assert names == [*sorted(name for name in names if name is not None), None]
        assert names.index("\uffee") < names.index("😀")

    def test_ties_are_broken_by_uuid(self, world: QueryWorld) -> None:
        found = world.find("calexp", "outer", order_by=("instrument",), data_id={"instrument": CAM})
        assert found == sorted(found, key=lambda dataset: dataset.uuid)

    @pytest.mark.parametrize(
        "term",
        [
            "uuid",
            "-uuid",
            "run",
            "-calexp.collection",
            "ingest_date",
            "detector + visit",
            "detector.is_science",
            "visit.timespan.begin",
        ],
    )
    def test_any_field_orders(self, world: QueryWorld, term: str) -> None:
        found = world.find("calexp", "outer", order_by=(term,), page_size=2)
        assert sorted(found) == sorted(world.search("calexp", ["outer"]))
        if term.endswith("uuid"):
            uuids = [dataset.uuid for dataset in found]
            assert uuids == sorted(uuids, reverse=term[0] == "-")

    @pytest.mark.parametrize("term", ["visit.timespan", "calexp.uuid"])
    def test_rows_cannot_be_sorted_by_what_has_no_order_or_many_values(
        self, world: QueryWorld, term: str
    ) -> None:
        search = DatasetSearch(dataset_type="calexp", collections=("r1",))
        query = world.query(kind="data_ids", dimensions=("visit",), order_by=(term,), searches=(search,))
        with pytest.raises(QueryError):
            world.rows(query)

    @pytest.mark.parametrize(("offset", "limit"), [(0, 3), (2, None), (5, 4), (0, 0), (100, None), (3, 100)])
    @pytest.mark.parametrize("page_size", [2, 100])
    @pytest.mark.parametrize("order_by", [(), ("visit",)], ids=str)
    def test_a_slice_of_the_rows(
        self, world: QueryWorld, offset: int, limit: int | None, page_size: int, order_by: tuple[str, ...]
    ) -> None:
        every = world.rows(world.datasets_query("calexp", "outer", order_by=order_by))
        expected = every[offset : None if limit is None else offset + limit]
        fields: dict[str, Any] = {"order_by": order_by, "offset": offset, "limit": limit}
        assert world.rows(world.datasets_query("calexp", "outer", **fields), page_size) == expected
        for answer, value in (("count", len(expected)), ("any", bool(expected))):
            assert world.rows(world.datasets_query("calexp", "outer", answer=answer, **fields)) == [(value,)]

    def test_a_page_has_at_least_a_row(self, world: QueryWorld) -> None:
        with pytest.raises(InvalidInputError, match="page"):
            world.registry.execute(world.datasets_query("calexp", "r1"), page_size=0)

    def test_a_page_of_another_query_is_refused(self, world: QueryWorld) -> None:
        page = world.registry.execute(world.datasets_query("calexp", "r1"), page_size=2)
        assert page.next_page is not None
        for query in (
            world.datasets_query("raw", "r1"),
            world.datasets_query("calexp", "r1", order_by=("visit",)),
        ):
            for token in (page.next_page, page.next_page[:-4], "", "zzzz", "é"):
                with pytest.raises(InvalidInputError):
                    world.registry.execute(query, page=token)

    def test_rows_that_stay_are_seen_once_while_others_come(self, world: QueryWorld) -> None:
        query = world.datasets_query("calexp", ["r2", "r3"], find_first=False)
        there = {(d.run, d.values) for d in world.search("calexp", ["r2", "r3"], find_first=False)}
        page = world.registry.execute(query, page_size=3)
        rows = list(page.rows)
        more = RawBatch()
        for uuid, (run, detector) in enumerate((("r2", 0), ("r3", 1), ("r3", 2)), start=1):
            values = world.values_of("calexp", {"instrument": CAM, "visit": 3, "detector": detector})
            runs = more.dataset_insertions.datasets.setdefault("calexp", {})
            runs.setdefault(run, {})[UUID(int=uuid)] = values
        world.registry.apply_batch(more)
        try:
            while page.next_page is not None:
                page = world.registry.execute(query, page=page.next_page, page_size=3)
                rows += page.rows
        finally:
            less = RawBatch()
            less.dataset_removals.uuids.update(UUID(int=number) for number in (1, 2, 3))
            world.registry.apply_batch(less)
        values_seen = [(row[1], row[2:]) for row in rows]
        assert len(values_seen) == len(set(values_seen))
        assert there <= set(values_seen)
