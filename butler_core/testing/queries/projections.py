"""Tests of rows with chosen columns; part of `butler_core.testing.queries.conformance`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from butler_core.errors import QueryError
from butler_core.expressions.query import DatasetSearch, QueryDescription
from butler_core.models.timespan import Timespan
from butler_core.testing.queries.world import RECORDS, QueryWorld

_SHOWN = ("instrument", "detector", "visit", "band", "visit.exposure_time", "detector.purpose")
_TYPES = ("string", "int", "int", "string", "float", "string")
_CHOICES: list[tuple[str, ...]] = [
    ("band",),
    ("detector.purpose",),
    ("visit.exposure_time", "band"),
    ("detector.is_science",),
    ("visit.timespan.begin",),
    ("instrument", "physical_filter"),
]
_ORDERS = [
    "visit",
    "-visit",
    "visit.exposure_time",
    "-visit.exposure_time",
    "detector.purpose",
    "-detector.purpose",
]
_SLICES = [(0, None), (0, 0), (3, None), (0, 5), (7, 4), (100, 5)]


def pairs() -> Iterator[dict[str, Any]]:
    """Iterate over what is known of each visit with each detector of its instrument, in plain Python."""
    bands = {(row["instrument"], row["name"]): row["band"] for row in RECORDS["physical_filter"]}
    for visit in RECORDS["visit"]:
        for detector in RECORDS["detector"]:
            if visit["instrument"] == detector["instrument"]:
                span = visit.get("timespan")
                yield {
                    "instrument": visit["instrument"],
                    "visit": visit["id"],
                    "detector": detector["id"],
                    "physical_filter": visit["physical_filter"],
                    "band": bands[visit["instrument"], visit["physical_filter"]],
                    "visit.exposure_time": visit["exposure_time"],
                    "visit.timespan.begin": None if span is None or span == (0, 0) else span[0],
                    "detector.purpose": detector["purpose"],
                    "detector.is_science": detector["is_science"],
                }


class ProjectionTests:
    """Queries for rows."""

    def ask(self, world: QueryWorld, *columns: str, **fields: Any) -> QueryDescription:
        """Describe a query for columns of visits and detectors."""
        names = world.universe.conform(["visit", "detector"]).names
        dimensions = fields.pop("dimensions", names)
        joined = tuple(name for name in names if name not in dimensions)
        return world.query(
            kind="rows", dimensions=dimensions, joined_dimensions=joined, columns=columns, **fields
        )

    @pytest.mark.parametrize("page_size", [1, 4, 100])
    def test_rows_have_the_columns_that_were_asked_for(self, world: QueryWorld, page_size: int) -> None:
        query = self.ask(world, *_SHOWN)
        found = world.rows(query, page_size)
        assert sorted(map(repr, found)) == sorted(
            repr(tuple(row[name] for name in _SHOWN)) for row in pairs()
        )
        for page in world.pages(query, page_size):
            assert (page.columns, page.types) == (_SHOWN, _TYPES)

    def test_columns_are_known_where_there_are_no_rows(self, world: QueryWorld) -> None:
        for fields in ({"limit": 0}, {"where": "instrument = 'Cam' AND visit = 77"}, {"offset": 1000}):
            page = world.registry.execute(self.ask(world, *_SHOWN, **fields))
            assert [page.columns, page.types, list(page.rows)] == [_SHOWN, _TYPES, []]
        nowhere = DatasetSearch(dataset_type="calexp", collections=())
        page = world.registry.execute(
            self.ask(world, "calexp.uuid", "calexp.ingest_date", "visit.timespan", searches=(nowhere,))
        )
        assert [page.types, list(page.rows)] == [("uuid", "time", "timespan"), []]

    @pytest.mark.parametrize("columns", _CHOICES, ids=",".join)
    @pytest.mark.parametrize("page_size", [1, 3, 100])
    def test_what_is_the_same_comes_once_unless_all_is_wanted(
        self, world: QueryWorld, columns: tuple[str, ...], page_size: int
    ) -> None:
        every = [tuple(row[name] for name in columns) for row in pairs()]
        once = self.ask(world, *columns, dimensions=())
        assert _shown(world, once, page_size) == sorted(map(repr, set(every)))
        assert world.rows(once.model_copy(update={"answer": "count"})) == [(len(set(every)),)]
        repeated = once.model_copy(update={"unique": False})
        assert _shown(world, repeated, page_size) == sorted(map(repr, every))
        assert world.rows(repeated.model_copy(update={"answer": "count"})) == [(len(every),)]

    @pytest.mark.parametrize("order_by", _ORDERS)
    @pytest.mark.parametrize("page_size", [1, 5, 100])
    def test_rows_are_sorted_and_what_is_missing_comes_last(
        self, world: QueryWorld, order_by: str, page_size: int
    ) -> None:
        query = self.ask(
            world, "instrument", "visit", "detector", order_by.removeprefix("-"), order_by=order_by
        )
        found = world.rows(query, page_size)
        assert found == world.rows(query)
        assert len(set(found)) == len(list(pairs()))
        keys = [row[3] for row in found]
        present = sorted((key for key in keys if key is not None), reverse=order_by.startswith("-"))
        assert keys == present + [None] * (len(keys) - len(present))

    @pytest.mark.parametrize("order_by", ["", "-visit.exposure_time"])
    @pytest.mark.parametrize("unique", [True, False])
    def test_a_slice_is_one_of_the_rows(self, world: QueryWorld, order_by: str, unique: bool) -> None:
        columns = ("visit", "visit.exposure_time")
        fields: dict[str, Any] = {"order_by": order_by} if order_by else {}
        whole = world.rows(self.ask(world, *columns, dimensions=(), unique=unique, **fields))
        for offset, limit in _SLICES:
            part = self.ask(
                world, *columns, dimensions=(), unique=unique, offset=offset, limit=limit, **fields
            )
            stop = None if limit is None else offset + limit
            for page_size in (1, 2, 100):
                assert world.rows(part, page_size) == whole[offset:stop]
            assert world.rows(part.model_copy(update={"answer": "count"})) == [(len(whole[offset:stop]),)]
            assert world.rows(part.model_copy(update={"answer": "any"})) == [(bool(whole[offset:stop]),)]

    @pytest.mark.parametrize("page_size", [1, 3, 100])
    def test_datasets_of_several_types_share_a_row(self, world: QueryWorld, page_size: int) -> None:
        searches = (
            DatasetSearch(dataset_type="calexp", collections=("outer",)),
            DatasetSearch(dataset_type="flat", collections=("calib/run",)),
        )
        query = self.ask(
            world, "visit", "detector", "calexp.uuid", "calexp.run", "flat.uuid", searches=searches
        )
        filters = {(row["instrument"], row["id"]): row["physical_filter"] for row in RECORDS["visit"]}
        expected = {
            (calexp.values[2], calexp.values[1], calexp.uuid, calexp.run, flat.uuid)
            for calexp in world.search("calexp", ["outer"])
            for flat in world.search("flat", ["calib/run"])
            if _shared(world, "flat", flat.values)
            == (calexp.values[0], calexp.values[1], filters[calexp.values[0], calexp.values[2]])
        }
        assert expected
        found = [(*row[:2], _uuid(row[2]), row[3], _uuid(row[4])) for row in world.rows(query, page_size)]
        assert set(found) == expected
        assert len(found) == len(expected)

    def test_all_datasets_of_a_data_id_have_their_rows(self, world: QueryWorld) -> None:
        search = DatasetSearch(dataset_type="calexp", collections=("r1", "r2", "r5"), find_first=False)
        query = self.ask(world, "visit", "detector", "calexp.run", searches=(search,))
        expected = {
            (d.values[2], d.values[1], d.run)
            for d in world.search("calexp", search.collections, find_first=False)
        }
        assert set(world.rows(query)) == expected
        assert len(world.rows(query)) == len(expected)

    def test_a_search_without_columns_constrains(self, world: QueryWorld) -> None:
        search = DatasetSearch(dataset_type="calexp", collections=("r3", "r1"))
        found = world.rows(self.ask(world, "instrument", "detector", "visit", searches=(search,)))
        assert sorted(found) == sorted(d.values for d in world.search("calexp", ["r3", "r1"]))

    def test_values_are_what_they_are(self, world: QueryWorld) -> None:
        query = self.ask(
            world,
            "visit.timespan",
            "detector.is_science",
            data_id={"instrument": "Cam", "visit": 1, "detector": 1},
        )
        ((span, is_science),) = world.rows(query)
        assert isinstance(span, Timespan)
        assert not is_science

    def test_unknown_columns_are_errors(self, world: QueryWorld) -> None:
        for name in ("nothing", "visit.nothing", "calexp.uuid"):
            with pytest.raises(QueryError, match=name):
                world.rows(self.ask(world, name))


def _shown(world: QueryWorld, query: QueryDescription, page_size: int) -> list[str]:
    """Return rows as texts in order; truth values are those of Python, though a registry may have integers for them."""
    return sorted(
        repr(
            tuple(
                bool(value) if type_ == "bool" and value is not None else value
                for type_, value in zip(page.types, row, strict=True)
            )
        )
        for page in world.pages(query, page_size)
        for row in page.rows
    )


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(bytes=value)


def _shared(world: QueryWorld, dataset_type: str, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return instrument, detector and filter of a flat."""
    by_name = dict(zip(world.required(dataset_type), values, strict=True))
    return by_name["instrument"], by_name["detector"], by_name["physical_filter"]
