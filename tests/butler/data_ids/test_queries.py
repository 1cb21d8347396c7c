"""Keys of data IDs in queries: they are conditions, so nothing is looked up, and a value that nothing has finds nothing."""

from __future__ import annotations

from typing import Any

import pytest

from butler_core import Butler
from butler_core.errors import DataIdError, QueryError
from tests.butler.data_ids.conftest import CAM, NIGHT
from tests.butler.data_ids.test_naming import RIGHT


@pytest.mark.parametrize("data_id", RIGHT, ids=lambda d: " ".join(d))
def test_datasets_are_found_however_they_are_named(butler: Butler, data_id: dict[str, Any]) -> None:
    (expected,) = butler.query_datasets("raw", exposure=104, detector=2)
    assert list(butler.query_datasets("raw", data_id=data_id)) == [expected]
    assert list(butler.query_datasets("raw", **data_id)) == [expected]
    assert list(butler.query_datasets("raw").where(data_id=data_id)) == [expected]
    assert list(butler.query().where(**data_id).datasets("raw")) == [expected]
    assert list(butler.query_data_ids(["exposure", "detector"], data_id=data_id)) == [expected.data_id]
    external = butler.query().join_external_data_ids(["exposure", "detector"], [data_id])
    assert list(external.datasets("raw")) == [expected]


def test_records_by_what_they_say(butler: Butler) -> None:
    assert [r.id for r in butler.query_dimension_records("detector", purpose="SCIENCE")] == [1, 2, 3]
    assert [r.id for r in butler.query_dimension_records("visit", seq_num=2)] == [501, 504]
    assert [r.id for r in butler.query_dimension_records("exposure", day_obs=NIGHT, seq_num=2)] == [101]
    assert [r.id for r in butler.query_dimension_records("exposure", exposure="E3")] == [103]


def test_a_key_that_one_dimension_has_needs_no_other_name(butler: Butler) -> None:
    """The exposure is joined, although the rows have none."""
    filters = butler.query_data_ids(["physical_filter"], obs_id="E3")
    assert [data_id["physical_filter"] for data_id in filters] == ["Cam-r"]


def test_a_value_that_nothing_has_finds_nothing(butler: Butler) -> None:
    wrong: list[dict[str, int | str]] = [
        {"obs_id": "E9"},
        {"detector": "S9"},
        {"exposure": 100, "obs_id": "E4"},
    ]
    for data_id in wrong:
        found = butler.query_datasets("raw", data_id=data_id)
        assert list(found) == []
        assert found.explain_no_results()


@pytest.mark.parametrize(
    ("data_id", "error", "words"),
    [
        ({"obsid": "E4"}, DataIdError, "Did you mean obs_id"),
        ({"visit.region": "E4"}, DataIdError, "visit.region"),
        ({"obs_id": 4}, DataIdError, "exposure.obs_id"),
        ({"obs_id": None}, DataIdError, "exposure.obs_id"),
        ({"seq_num": "4"}, DataIdError, "seq_num"),
        ({"exposure.id": "E4"}, DataIdError, "not an int"),
        ({"exposure": 100, "exposure.id": 101}, DataIdError, "twice"),
    ],
)
def test_mistakes_are_told_at_once(
    butler: Butler, texts: list[str], data_id: dict[str, Any], error: type[Exception], words: str
) -> None:
    texts.clear()
    with pytest.raises(error) as caught:
        butler.query_datasets("raw", data_id=data_id)
    assert words in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert texts == []


def test_a_key_of_two_dimensions_that_are_joined_must_be_qualified(butler: Butler) -> None:
    with pytest.raises(QueryError, match="ambiguous name 'seq_num'"):
        list(butler.query_data_ids(["exposure", "visit"], day_obs=NIGHT, seq_num=2))
    given: dict[str, int | str] = {"day_obs": NIGHT, "exposure.seq_num": 2}
    found = butler.query_data_ids(["exposure", "visit"], where="visit.seq_num = 3", data_id=given)
    assert list(found) == []  # no visit is defined
    assert [d["exposure"] for d in butler.query_data_ids(["exposure"], data_id=given)] == [101]


def test_queries_look_nothing_up(butler: Butler, texts: list[str]) -> None:
    """A page takes begin, generation, rows, end; a whole data ID of dimensions takes one statement."""
    list(butler.query_datasets("raw", exposure=104, detector=2))
    for data_id in RIGHT:
        texts.clear()
        assert len(list(butler.query_datasets("raw", data_id=data_id))) == 1
        assert len(texts) in (1, 4)


def test_lists_of_data_ids_are_looked_up_together(butler: Butler, texts: list[str]) -> None:
    """Two queries, for exposures and for detectors."""
    data_ids = [{"obs_id": f"E{e}", "detector": f"S{d}"} for e in range(6) for d in range(4)]
    texts.clear()
    joined = butler.query().join_external_data_ids(["exposure", "detector"], data_ids)
    assert len(texts) == 8
    assert len(list(joined.datasets("raw"))) == 8
    assert {data_id["instrument"] for data_id in joined.data_ids(["exposure", "detector"])} == {CAM}
