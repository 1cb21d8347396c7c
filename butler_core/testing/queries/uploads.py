"""Tests of rows that a query brings along: data IDs, and UUIDs of datasets; part of `butler_core.testing.queries.conformance`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from butler_core.errors import DataIdError, InvalidInputError
from butler_core.expressions.query import DatasetSearch, Upload
from butler_core.testing.queries.world import ALT, CAM, QueryWorld

_VISITS = ("instrument", "visit")
_MANY = 10_000


def _visits(*rows: tuple[Any, ...]) -> Upload:
    return Upload(dimensions=_VISITS, data_ids=rows)


class UploadTests:
    """Queries that bring rows along."""

    @pytest.mark.parametrize("page_size", [1, 2, 100])
    def test_data_ids_are_what_is_kept(self, world: QueryWorld, page_size: int) -> None:
        wanted = {(CAM, 1), (CAM, 3), (ALT, 1), (CAM, 77), ("Nope", 1)}
        found = world.find("calexp", ["r1", "r3"], uploads=(_visits(*wanted),), page_size=page_size)
        expected = [d for d in world.search("calexp", ["r1", "r3"]) if (d.values[0], d.values[2]) in wanted]
        assert expected
        assert sorted(found) == sorted(expected)
        query = world.datasets_query("calexp", ["r1", "r3"], uploads=(_visits(*wanted),), answer="count")
        assert world.rows(query) == [(len(expected),)]
        ids = world.data_ids(["visit"], uploads=(_visits(*wanted),))
        assert {(i["instrument"], i["visit"]) for i in ids} == {(CAM, 1), (CAM, 3), (ALT, 1)}
        records = world.records("visit", uploads=(_visits((CAM, 2)),))
        assert [record["name"] for record in records] == ["V1"]

    @pytest.mark.parametrize("answer", ["rows", "count", "any"])
    def test_nothing_is_kept_of_nothing(self, world: QueryWorld, answer: str) -> None:
        empty: Any = {"rows": [], "count": [(0,)], "any": [(False,)]}[answer]
        search = DatasetSearch(dataset_type="calexp", collections=("r1",))
        for upload in (_visits(), Upload(dataset_types=("calexp",))):
            query = world.datasets_query("calexp", "r1", uploads=(upload,), answer=answer)
            assert world.rows(query) == empty
            names = world.universe.conform(["visit", "detector"]).names
            rows = world.query(
                kind="rows",
                dimensions=names,
                columns=("visit",),
                searches=(search,),
                uploads=(upload,),
                answer=answer,
            )
            assert world.rows(rows) == empty

    def test_what_records_imply_is_that_of_the_rows(self, world: QueryWorld) -> None:
        upload = Upload(dimensions=("band",), data_ids=(("g",),))
        found = world.data_ids(["visit"], uploads=(upload,))
        assert {(i["instrument"], i["visit"]) for i in found} == {(CAM, 2), (CAM, 4), (ALT, 1)}
        assert {i["band"] for i in found} == {"g"}

    def test_as_many_as_you_like_may_come_along(self, world: QueryWorld) -> None:
        visits = _visits(*((CAM, n) for n in range(_MANY, 0, -1)))
        found = world.find("calexp", "r1", uploads=(visits,))
        assert sorted(found) == sorted(world.search("calexp", ["r1"]))
        calexps = [d for d in world.search("calexp", ["r1"]) if d.values[2] == 2]
        strangers = [UUID(int=n) for n in range(_MANY)]
        rows = tuple((uuid,) for uuid in (*strangers, *(d.uuid for d in calexps)))
        uuids = Upload(dataset_types=("calexp",), uuids=rows)
        assert sorted(world.find("calexp", "r1", uploads=(uuids,))) == sorted(calexps)
        assert sorted(world.find("calexp", "r1", uploads=(uuids, visits))) == sorted(calexps)

    def test_several_keep_what_is_in_all(self, world: QueryWorld) -> None:
        detectors = Upload(dimensions=("instrument", "detector"), data_ids=((CAM, 0), (CAM, 2), (ALT, 0)))
        found = world.find("calexp", ["r1", "r3"], uploads=(_visits((CAM, 1), (CAM, 2)), detectors))
        assert {d.values for d in found} == {(CAM, 0, 1), (CAM, 0, 2), (CAM, 2, 1), (CAM, 2, 2)}
        apart = (_visits((CAM, 1)), _visits((CAM, 2)))
        assert world.find("calexp", "r1", uploads=apart) == []

    def test_a_dataset_may_belong_to_its_data_id(self, world: QueryWorld) -> None:
        first, second = [d for d in world.search("calexp", ["r1"]) if d.values[1] == 0][:2]
        right = (first.values[0], first.values[2]), (second.values[0], second.values[2])
        for data_ids, count in ((right, 2), (right[::-1], 0)):
            upload = Upload(
                dimensions=_VISITS,
                dataset_types=("calexp",),
                data_ids=data_ids,
                uuids=((first.uuid,), (second.uuid,)),
            )
            assert len(world.find("calexp", "r1", uploads=(upload,))) == count

    def test_conditions_order_and_slices_are_of_what_is_kept(self, world: QueryWorld) -> None:
        uploads = (_visits((CAM, 1), (CAM, 2), (CAM, 3)),)
        fields: dict[str, Any] = {
            "uploads": uploads,
            "where": "detector < 2",
            "order_by": ("-visit", "detector"),
        }
        for page_size in (1, 2, 100):
            found = world.find("calexp", "r1", page_size=page_size, offset=1, limit=4, **fields)
            assert [d.values[:0:-1] for d in found] == [(3, 1), (2, 0), (2, 1), (1, 0)]

    def test_governors_of_all_kinds_are_kept_apart(self, world: QueryWorld) -> None:
        upload = Upload(dimensions=("instrument",), data_ids=((ALT,),))
        assert {d.values[0] for d in world.find("calexp", ["r1", "r3"], uploads=(upload,))} == {ALT}
        patches = Upload(dimensions=("skymap", "tract", "patch"), data_ids=(("sky", 1, 0), ("land", 1, 0)))
        assert [d.values for d in world.find("warp", "r1", uploads=(patches,))] == [
            d.values for d in world.search("warp", ["r1"])
        ]

    @pytest.mark.parametrize("values", [(CAM, "one"), (5, 1), (CAM, None), (CAM, True), (CAM, 2**63)])
    def test_values_of_other_types_are_errors(self, world: QueryWorld, values: tuple[Any, ...]) -> None:
        broken = Upload.model_construct(
            dimensions=_VISITS, data_ids=((CAM, 2), values), dataset_types=(), uuids=()
        )
        with pytest.raises(DataIdError):
            world.find("calexp", "r1", uploads=(broken,))

    def test_uuids_are_of_types_that_are_searched_for(self, world: QueryWorld) -> None:
        stray = Upload(dataset_types=("flat",), uuids=((UUID(int=1),),))
        with pytest.raises(InvalidInputError, match="flat"):
            world.find("calexp", "r1", uploads=(stray,))
