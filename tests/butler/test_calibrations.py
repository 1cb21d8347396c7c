"""Calibrations are looked up at the time of what a data ID names, or in a timespan."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butler_core import (
    Butler,
    CollectionType,
    DatasetExistence,
    DatasetRef,
    SequenceEditMode,
    Timespan,
)
from butler_core.errors import AmbiguousLookupError, DataIdError, DatasetNotFoundError, InvalidInputError
from tests.butler.conftest import INSTRUMENT
from tests.butler.statements import record_statements

_texts: list[str] = []
BIAS: dict[str, int | str] = {"instrument": INSTRUMENT, "detector": 1}
# Exposure n takes place at [1000 n, 1000 n + 500): see `populate`.
EARLY, LATE = Timespan(None, 103_000), Timespan(103_000, None)


@pytest.fixture
def biases(butler: Butler) -> tuple[DatasetRef, DatasetRef]:
    """Return the bias that is valid early, and the one that is valid later; with flats likewise."""
    butler.register_dataset_type(
        "bias", ["instrument", "detector"], "StructuredDataDict", is_calibration=True
    )
    butler.register_dataset_type(
        "flat", ["instrument", "detector", "physical_filter"], "StructuredDataDict", is_calibration=True
    )
    butler.register_collection("calib", CollectionType.CALIBRATION)
    found = []
    for run, timespan in (("bias/1", EARLY), ("bias/2", LATE)):
        butler.register_collection(run)
        (bias,) = butler.make_refs("bias", [BIAS], run=run)
        flats = butler.make_refs("flat", [{**BIAS, "physical_filter": f"Cam-{b}"} for b in "GR"], run=run)
        butler.put_many([({"made in": ref.run, **ref.data_id}, ref) for ref in (bias, *flats)])
        butler.certify("calib", [bias, *flats], timespan)
        found.append(bias)
    early, late = found
    return early, late


@pytest.fixture
def reader(
    butler: Butler, biases: tuple[DatasetRef, DatasetRef], root: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Butler]:
    """Another butler, whose statements are listed."""
    record_statements(monkeypatch, _texts)
    with Butler(root, collections="calib", instrument=INSTRUMENT) as reader:
        yield reader


@pytest.mark.parametrize(
    ("more", "which"),
    [
        ({"exposure": 101}, 0),
        ({"exposure": 104}, 1),
        ({"timespan": Timespan(102_900, 103_000)}, 0),
        ({"timespan": Timespan.from_instant(103_000)}, 1),
        ({"exposure": 101, "timespan": LATE}, 1),
    ],
    ids=str,
)
def test_the_time_says_which(
    reader: Butler, biases: tuple[DatasetRef, DatasetRef], more: dict[str, Any], which: int
) -> None:
    ref = biases[which]
    assert reader.get("bias", detector=1, **more) == {"made in": ref.run, **ref.data_id}
    assert reader.get("bias", {"detector": 1}, **more) == reader.get(ref)
    assert reader.get_deferred("bias", detector=1, **more).get() == reader.get(ref)
    assert reader.get_uri("bias", detector=1, **more) == reader.get_uri(ref)
    assert reader.exists("bias", detector=1, **more) is DatasetExistence.STORED
    assert reader.resolve_dataset("bias", detector=1, **more).uuid == ref.uuid
    assert reader.resolve_dataset("bias", detector=1, **more).data_id.is_expanded
    assert [found.uuid for found in reader.query_datasets("bias", find_first=False)] != [ref.uuid]


@pytest.mark.parametrize("more", [{"exposure": 101}, {"timespan": LATE}], ids=str)
def test_it_takes_one_statement(reader: Butler, more: dict[str, Any]) -> None:
    for ask in (
        lambda: reader.get("bias", detector=1, **more),
        lambda: reader.resolve_dataset("bias", detector=1, expand=False, **more),
    ):
        ask()
        _texts.clear()
        ask()
        assert len(_texts) == 1, _texts


def test_the_data_id_of_a_raw_says_it_all(reader: Butler, biases: tuple[DatasetRef, DatasetRef]) -> None:
    raw = next(iter(reader.query_data_ids(["exposure", "detector"], where="exposure = 104 AND detector = 1")))
    for data_id in (raw, dict(raw)):
        assert reader.get("bias", data_id)["made in"] == "bias/2"
        assert reader.get("flat", data_id) == {
            "made in": "bias/2", "instrument": INSTRUMENT, "detector": 1, "physical_filter": "Cam-R",
        }  # fmt: skip


@pytest.mark.parametrize(("exposure", "name"), [(101, "Cam-G"), (104, "Cam-R")])
def test_an_exposure_gives_its_filter_too(reader: Butler, exposure: int, name: str) -> None:
    flat = reader.get("flat", detector=1, exposure=exposure)
    assert flat["physical_filter"] == name
    assert flat["made in"] == ("bias/1" if exposure == 101 else "bias/2")
    assert reader.get("flat", detector=1, exposure=exposure, timespan=LATE)["made in"] == "bias/2"


@pytest.mark.parametrize(
    "more", [{}, {"timespan": Timespan(102_000, 104_000)}, {"timespan": Timespan(None, None)}], ids=str
)
def test_what_is_ambiguous_lists_the_candidates(
    reader: Butler, biases: tuple[DatasetRef, DatasetRef], more: dict[str, Any]
) -> None:
    for ask in (reader.get, reader.resolve_dataset, reader.exists, reader.get_uri, reader.get_deferred):
        with pytest.raises(AmbiguousLookupError, match=r"calib.*bias@") as caught:
            ask("bias", detector=1, **more)
    assert [each["uuid"] for each in caught.value.details["candidates"]] == [str(b.uuid) for b in biases]
    assert [each["timespan"] for each in caught.value.details["candidates"]] == [
        EARLY.to_raw(), LATE.to_raw(),
    ]  # fmt: skip
    assert caught.value.details["collection"] == "calib"
    assert "timespan" in caught.value.remedy
    assert "find_first=False" in caught.value.remedy


def test_without_time_the_only_one_is_it(butler: Butler, biases: tuple[DatasetRef, DatasetRef]) -> None:
    early, late = biases
    butler.decertify("calib", "bias", LATE)
    assert butler.resolve_dataset("bias", BIAS, collections="calib").uuid == early.uuid
    butler.certify("calib", [early], Timespan(200_000, None))
    assert butler.resolve_dataset("bias", BIAS, collections="calib").uuid == early.uuid
    with pytest.raises(DatasetNotFoundError, match="exposure"):
        butler.get("bias", BIAS, exposure=104, collections="calib")
    assert butler.exists("bias", BIAS, exposure=104, collections="calib") is DatasetExistence.NONE
    assert butler.get("bias", BIAS, exposure=104, collections=["calib", late.run])["made in"] == late.run
    assert butler.get("bias", BIAS, exposure=104, collections=[early.run, "calib"])["made in"] == early.run


def test_a_chain_is_searched_in_order(butler: Butler, biases: tuple[DatasetRef, DatasetRef]) -> None:
    early, late = biases
    butler.register_collection("newer", CollectionType.CALIBRATION)
    butler.certify("newer", [late], Timespan(101_000, 101_001))
    butler.register_collection("inner", CollectionType.CHAINED)
    butler.register_collection("outer", CollectionType.CHAINED)
    butler.edit_collection_chain("inner", ["newer"], SequenceEditMode.ASSIGN)
    butler.edit_collection_chain("outer", ["inner", "calib"], SequenceEditMode.ASSIGN)
    assert butler.resolve_dataset("bias", BIAS, exposure=101, collections="outer").uuid == late.uuid
    assert butler.resolve_dataset("bias", BIAS, exposure=102, collections="outer").uuid == early.uuid
    butler.edit_collection_chain("outer", ["calib", "inner"], SequenceEditMode.ASSIGN)
    assert butler.resolve_dataset("bias", BIAS, exposure=101, collections="outer").uuid == early.uuid


def test_a_time_that_is_none_is_a_mistake_of_the_data_id(butler: Butler, reader: Butler) -> None:
    with pytest.raises(DataIdError, match="no exposure"):
        reader.get("bias", detector=1, exposure=999)
    with pytest.raises(DataIdError, match="tract"):
        reader.get("bias", detector=1, exposure=101, tract=5)
    with pytest.raises(DataIdError, match="exposure"):
        reader.get("bias", detector=1, exposure="early")
    with pytest.raises(DataIdError, match="detector"):
        reader.get("bias", exposure=101)
    butler.insert_dimension_data(
        "exposure",
        [
            {
                "instrument": INSTRUMENT,
                "id": 7,
                "obs_id": "E7",
                "physical_filter": "Cam-G",
                "day_obs": 20260101,
            }
        ],
    )
    with pytest.raises(DataIdError, match="no timespan"):
        reader.get("bias", detector=1, exposure=7)
    assert reader.get("bias", detector=1, exposure=7, timespan=EARLY)["made in"] == "bias/1"


def test_a_ref_needs_no_timespan(reader: Butler, biases: tuple[DatasetRef, DatasetRef]) -> None:
    with pytest.raises(InvalidInputError, match="which dataset"):
        reader.get(biases[0], timespan=LATE)  # type: ignore[call-overload]


def test_other_datasets_have_no_time(butler: Butler) -> None:
    (ref,) = butler.make_refs("summary", [{"instrument": INSTRUMENT, "exposure": 100, "detector": 0}])
    butler.put({"n": 1}, ref)
    assert butler.get("summary", ref.data_id, timespan=Timespan(0, 1)) == {"n": 1}


def test_queries_join_the_time(reader: Butler, biases: tuple[DatasetRef, DatasetRef]) -> None:
    early, late = biases
    assert [ref.uuid for ref in reader.query_datasets("bias", exposure=101)] == [early.uuid]
    both = reader.query_datasets("bias", where="exposure IN (101, 104)")
    assert {ref.uuid for ref in both} == {early.uuid, late.uuid}
    assert both.count() == 2
    in_time = reader.query_datasets("bias", where="T'1970-01-01T00:00:01' IN bias.timespan")
    assert [ref.uuid for ref in in_time] == [late.uuid]
    query = reader.query_datasets("bias")
    with pytest.raises(AmbiguousLookupError):
        list(query)
    with pytest.raises(AmbiguousLookupError):
        query.count()
    assert query.any()
    assert query.explain_no_results() == []
    everything = reader.query_datasets("bias", find_first=False).sorted("-bias.timespan.begin")
    assert [ref.uuid for ref in everything] == [late.uuid, early.uuid]
