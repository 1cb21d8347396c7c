"""Dimension records inserted, synchronised and depending on one another; dimensions without a table; no dimensions at all."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from butler_core import Butler, SetInsertMode, SyncStatus, Timespan
from butler_core.errors import ConflictError, DatasetExistsError, DefinitionConflictError, InvalidInputError
from tests.butler.conftest import INSTRUMENT, RUN

DAY = 20260101


def _filter(name: str, band: str = "z") -> dict[str, object]:
    return {"instrument": INSTRUMENT, "name": name, "band": band}


def _observation(number: int, physical_filter: str, **values: object) -> dict[str, object]:
    fixed = {"instrument": INSTRUMENT, "id": number, "physical_filter": physical_filter, "day_obs": DAY}
    return fixed | values


def _count(butler: Butler, element: str, **data_id: Any) -> int:
    return butler.query_dimension_records(element, instrument=INSTRUMENT, **data_id).count()


@pytest.mark.parametrize("seed", range(4))
def test_each_record_finds_what_it_needs_whatever_the_order_of_calls(butler: Butler, seed: int) -> None:
    """What is inserted, synchronised, or inserted because of a sync needs one another, back and forth."""
    with butler.batched() as batch:
        calls = [
            lambda: batch.insert_dimension_data("physical_filter", [_filter("new")]),
            lambda: batch.sync_dimension_data(_observation(900, "new"), element="exposure"),
            lambda: batch.insert_dimension_data(
                "visit_definition",
                [{"instrument": INSTRUMENT, "exposure": 900, "visit": 901}],
                on_insert_of="exposure",
            ),
            lambda: batch.sync_dimension_data(_observation(901, "other", name="v901"), element="visit"),
            lambda: batch.insert_dimension_data(
                "physical_filter", [_filter("other")], SetInsertMode.INSERT_OR_FAIL
            ),
        ]
        random.Random(seed).shuffle(calls)
        for call in calls:
            call()
    assert [sync.status for sync in batch.results.syncs] == [SyncStatus.INSERTED] * 2
    assert _count(butler, "visit_definition", exposure=900, visit=901) == 1


def test_a_sync_may_need_what_an_earlier_one_brings(butler: Butler) -> None:
    with butler.batched() as batch:
        batch.sync_dimension_data({"name": INSTRUMENT, "detector_max": 7}, element="instrument", update=True)
        batch.insert_dimension_data("physical_filter", [_filter("new")], on_update_of="instrument")
        batch.sync_dimension_data(_observation(900, "new"), element="exposure")
    assert _count(butler, "exposure", exposure=900) == 1


def test_what_follows_both_an_insertion_and_an_update_is_inserted_once(butler: Butler) -> None:
    with butler.batched() as batch:
        batch.insert_dimension_data(
            "day_obs",
            [{"instrument": INSTRUMENT, "id": 1}],
            on_insert_of="physical_filter",
            on_update_of="physical_filter",
        )
        for name in ("Cam-G", "new"):
            batch.sync_dimension_data(_filter(name), element="physical_filter", update=True)
    assert [sync.status for sync in batch.results.syncs] == [SyncStatus.UPDATED, SyncStatus.INSERTED]
    assert _count(butler, "day_obs", day_obs=1) == 1


def test_results_are_in_the_order_of_the_calls(butler: Butler) -> None:
    with butler.batched() as batch:
        batch.sync_dimension_data(_filter("new"), element="physical_filter", update=True)
        batch.sync_dimension_data({"instrument": INSTRUMENT, "id": DAY}, element="day_obs")
        batch.sync_dimension_data(_filter("Cam-G", "y"), element="physical_filter", update=True)
        batch.sync_dimension_data({"instrument": INSTRUMENT, "id": 7}, element="day_obs")
    assert [(sync.element, sync.status) for sync in batch.results.syncs] == [
        ("physical_filter", SyncStatus.INSERTED),
        ("day_obs", SyncStatus.IDENTICAL),
        ("physical_filter", SyncStatus.UPDATED),
        ("day_obs", SyncStatus.INSERTED),
    ]
    updated = batch.results.syncs[2]
    assert updated.key == (INSTRUMENT, "Cam-G")
    assert updated.old_values == {"band": "g"}


def test_old_values_are_those_of_a_record(butler: Butler) -> None:
    (day,) = butler.query_dimension_records("day_obs", where="day_obs > 0", instrument=INSTRUMENT)
    changed = {"instrument": INSTRUMENT, "id": day.day_obs, "timespan": Timespan(1, None)}
    assert butler.sync_dimension_data(changed, True, element="day_obs").old_values == {
        "timespan": day.timespan
    }
    result = butler.sync_dimension_data(day, True)
    assert result.old_values == {"timespan": Timespan(1, None)}


def test_a_sync_that_conflicts_changes_nothing(butler: Butler) -> None:
    with (
        pytest.raises(DefinitionConflictError, match=r"Cam-G.*band"),
        butler.batched() as batch,
    ):
        batch.sync_dimension_data(_filter("new"), element="physical_filter")
        batch.sync_dimension_data(_filter("Cam-G", "y"), element="physical_filter")
    assert _count(butler, "physical_filter") == 2


@pytest.mark.parametrize(
    ("mode", "max_"), [(SetInsertMode.INSERT_OR_SKIP, 4), (SetInsertMode.INSERT_OR_REPLACE, 9)]
)
def test_modes_of_insertion(butler: Butler, mode: SetInsertMode, max_: int) -> None:
    butler.insert_dimension_data("instrument", [{"name": "Second", "detector_max": 4}])
    with pytest.raises(ConflictError, match="there already"):
        butler.insert_dimension_data("instrument", [{"name": "Second", "detector_max": 9}])
    butler.insert_dimension_data("instrument", [{"name": "Second", "detector_max": 9}], mode)
    (record,) = butler.query_dimension_records("instrument", where="instrument = 'Second'")
    assert record["detector_max"] == max_


def test_bands_come_with_what_implies_them(butler: Butler) -> None:
    butler.insert_dimension_data("physical_filter", [_filter("a"), _filter("b")])
    assert {data_id["band"] for data_id in butler.query_data_ids("band")} == {"g", "r", "z"}
    for write in (
        lambda: butler.insert_dimension_data("band", [{"name": "u"}]),
        lambda: butler.sync_dimension_data({"name": "u"}, element="band"),
    ):
        with pytest.raises(InvalidInputError, match=r"'band'.*no table"):
            write()


def test_a_dataset_may_have_no_dimensions(butler: Butler, root: Path) -> None:
    butler.register_dataset_type("config", [], "StructuredDataDict")
    ref = butler.put({"a": 1}, "config")
    assert butler.get("config") == butler.get(ref) == {"a": 1}
    assert dict(ref.data_id) == {}
    assert list(butler.query_datasets("config")) == [ref]
    assert len(list(butler.query_data_ids([]))) == 1
    with pytest.raises(DatasetExistsError):
        butler.put({"a": 2}, "config")
    butler.register_collection("later")
    butler.put({"a": 3}, "config", run="later")
    assert butler.get("config", collections=["later", RUN]) == {"a": 3}
    assert butler.query_datasets("config", ..., find_first=False).count() == 2
    butler.unstore([ref])
    assert not butler.exists(ref)
    assert butler.get("config", collections="later") == {"a": 3}
