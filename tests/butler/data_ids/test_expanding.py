"""Data IDs made whole, and datasets found by UUID alone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from butler_core import Butler, Timespan
from butler_core.errors import DataIdError, DatasetNotFoundError
from tests.butler.data_ids.conftest import CAM, NIGHT


def test_a_data_id_is_expanded(butler: Butler, texts: list[str]) -> None:
    texts.clear()
    found = butler.expand_data_id(exposure=104, detector=2)
    assert len(texts) == 1
    assert dict(found.required) == {"instrument": CAM, "detector": 2, "exposure": 104}
    assert found.is_expanded
    assert (found["physical_filter"], found["band"], found["day_obs"]) == ("Cam-g", "g", NIGHT + 1)
    assert found.records["detector"].full_name == "S2"
    assert found.timespan == Timespan(400, 450)
    texts.clear()
    assert butler.expand_data_id(found) is found
    assert texts == []
    smaller = butler.expand_data_id(found, ["detector"])
    assert (dict(smaller), smaller.records["detector"].purpose) == (
        {"instrument": CAM, "detector": 2},
        "SCIENCE",
    )


def test_a_data_id_of_pixels_or_of_nothing_is_expanded(butler: Butler) -> None:
    assert dict(butler.expand_data_id(htm7=131072)) == {"htm7": 131072}
    assert dict(butler.expand_data_id()) == {}
    assert butler.expand_data_id(dimensions=["instrument"])["instrument"] == CAM


@pytest.mark.parametrize(
    ("data_id", "words"),
    [
        ({"exposure": 999}, "exposure 999"),
        ({"exposure": 104, "physical_filter": "Cam-r"}, "Cam-r"),
        ({"exposure": 104, "band": "r"}, "band='r'"),
        ({"exposure": 104, "visit": 501}, "physical_filter|day_obs"),
        ({"obs_id": "E9"}, "E9"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_has_no_records_is_refused(butler: Butler, data_id: dict[str, Any], words: str) -> None:
    with pytest.raises(DataIdError, match=words):
        butler.expand_data_id(data_id)


def test_a_dataset_is_found_by_uuid(butler: Butler, texts: list[str]) -> None:
    """Begin, generation, type and RUN, data ID, end."""
    refs = [
        butler.put({}, "calexp", visit="V2", detector=1),
        butler.resolve_dataset("raw", obs_id="E4", detector=1),
    ]
    for ref in refs:
        texts.clear()
        found = butler.get_dataset(ref.uuid)
        assert len(texts) == 5
        assert (found, found.run) == (ref, ref.run)
        assert found.datastore_records is None
        assert butler.get(found) == butler.get(ref)
    with pytest.raises(DatasetNotFoundError, match="00000000-0000-0000-0000-000000000005"):
        butler.get_dataset(UUID(int=5))
