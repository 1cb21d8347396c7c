"""Data IDs by what people know: names of detectors, observation IDs, night and sequence number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from butler_core import Butler, Timespan
from butler_core.errors import AmbiguousLookupError, DataIdError, DatasetNotFoundError
from butler_core.models.collection import CollectionType
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from tests.butler.data_ids.conftest import CAM, NIGHT

SAME: list[dict[str, Any]] = [
    {"exposure": 104, "detector": 2},
    {"exposure": 104, "detector": "S2"},
    {"exposure": "E4", "detector": 2},
    {"obs_id": "E4", "full_name": "S2"},
    {"exposure.obs_id": "E4", "detector.full_name": "S2"},
    {"exposure.id": 104, "detector.id": 2},
    {"day_obs": NIGHT + 1, "seq_num": 2, "detector": 2},
    {"exposure.day_obs": NIGHT + 1, "exposure.seq_num": 2, "detector": "S2"},
    {"exposure": 104, "obs_id": "E4", "detector": 2, "purpose": "SCIENCE", "full_name": "S2"},
    {"obs_id": "E4", "physical_filter": "Cam-r", "day_obs": NIGHT + 1, "detector": 2},
    {"instrument": "Cam", "obs_id": "E4", "exposure.exposure_time": 15, "detector": 2, "band": "r"},
]
"""Ways to name one raw; exposure E4 was taken through filter g, so the last two are wrong."""
RIGHT = SAME[:-2]


@pytest.mark.parametrize("data_id", RIGHT, ids=lambda d: " ".join(d))
def test_a_dataset_is_found_however_it_is_named(butler: Butler, data_id: dict[str, Any]) -> None:
    found = butler.resolve_dataset("raw", exposure=104, detector=2)
    expected = {"instrument": CAM, "exposure": 104, "detector": 2}
    assert butler.get("raw", data_id) == expected
    assert butler.get("raw", **data_id) == expected
    assert butler.get_deferred("raw", data_id).get() == expected
    assert butler.get_uri("raw", data_id) == butler.get_uri(found)
    assert butler.exists("raw", data_id)
    assert butler.resolve_dataset("raw", data_id, expand=False) == found
    assert butler.make_refs("raw", [data_id])[0].data_id == found.data_id


@pytest.mark.parametrize("data_id", RIGHT, ids=lambda d: " ".join(d))
def test_a_dataset_is_put_however_it_is_named(butler: Butler, data_id: dict[str, Any]) -> None:
    ref = butler.put({"new": 1}, "raw", data_id, run="again")
    assert dict(ref.data_id.required) == {"instrument": CAM, "exposure": 104, "detector": 2}
    assert butler.get("raw", exposure=104, detector=2, collections="again") == {"new": 1}


@pytest.mark.parametrize("data_id", SAME[-2:], ids=lambda d: " ".join(d))
def test_implied_values_must_fit(butler: Butler, data_id: dict[str, Any]) -> None:
    for call in (
        lambda: butler.get("raw", data_id),
        lambda: butler.put({}, "raw", data_id, run="again"),
        lambda: butler.expand_data_id(data_id, ["exposure", "detector"]),
    ):
        with pytest.raises(DataIdError, match=r"Cam-r|band='r'"):
            call()


def test_the_same_key_of_visits_means_visits(butler: Butler) -> None:
    ref = butler.put({}, "calexp", day_obs=NIGHT, seq_num=3, detector="S1")
    assert dict(ref.data_id.required) == {"instrument": CAM, "visit": 502, "detector": 1}
    assert butler.exists("calexp", visit="V2", detector=1)


def test_files_are_ingested_by_other_keys(butler: Butler, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"from": "file"}')
    refs = butler.make_refs("raw", [{"obs_id": "E1", "detector": "S3"}])
    butler.ingest(FileDataset(str(path), refs))
    assert butler.get("raw", exposure=101, detector=3) == {"from": "file"}


def test_another_instrument_has_names_of_its_own(butler: Butler) -> None:
    (ref,) = butler.make_refs("raw", [{"instrument": "Alt", "obs_id": "E1", "detector": "S3"}])
    assert ref.data_id["instrument"] == "Alt"


def test_keywords_win_key_by_key(butler: Butler) -> None:
    assert butler.get("raw", {"obs_id": "E0", "detector": 1}, obs_id="E4")["exposure"] == 104
    made = butler.resolve_dataset("raw", exposure=100, detector=1).data_id
    assert butler.get("raw", made.subset(["exposure"]), full_name="S2")["detector"] == 2


def test_a_data_id_with_more_is_cut_down_as_ever(butler: Butler) -> None:
    made = butler.expand_data_id(exposure=100, visit=500)
    assert butler.get("raw", made, detector="S2") == {"instrument": CAM, "exposure": 100, "detector": 2}


# -- mistakes


@pytest.mark.parametrize(
    ("data_id", "error", "words"),
    [
        ({"obs_id": "E9", "detector": 1}, DataIdError, ["no exposure", "obs_id='E9'", "Cam"]),
        ({"exposure": 100, "detector": "S9"}, DataIdError, ["no detector", "full_name='S9'"]),
        ({"exposure": 100, "detector": "1"}, DataIdError, ["no detector", "full_name='1'"]),
        ({"seq_num": 2, "detector": 1}, AmbiguousLookupError, ["2 records of exposure", "101, 104"]),
        ({"exposure": 100, "purpose": "SCIENCE"}, AmbiguousLookupError, ["detector", "1, 2, 3"]),
        (
            {"exposure": 100, "obs_id": "E4", "detector": 1},
            DataIdError,
            ["obs_id='E4'", "exposure=100", "'E0'"],
        ),
        ({"exposure": 999, "obs_id": "E4", "detector": 1}, DataIdError, ["no exposure", "999"]),
        ({"obs_id": "E4", "exposure.obs_id": "E0", "detector": 1}, DataIdError, ["twice", "E4", "E0"]),
        ({"exposure": 100, "exposure.id": 101, "detector": 1}, DataIdError, ["twice", "100", "101"]),
        ({"obs_id": "E4", "day_obs": NIGHT, "detector": 1}, DataIdError, ["no exposure", f"day_obs={NIGHT}"]),
        ({"obsid": "E4", "detector": 1}, DataIdError, ["'obsid'", "Did you mean obs_id"]),
        ({"exposure.obs": "E4", "detector": 1}, DataIdError, ["'exposure.obs'", "exposure.obs_id"]),
        ({"nonsense": 4, "detector": 1}, DataIdError, ["'nonsense'", "exposure.obs_id"]),
        ({"exposure.timespan": 4, "detector": 1}, DataIdError, ["'exposure.timespan'"]),
        ({"visit.name": "V1", "exposure": 100, "detector": 1}, DataIdError, ["'visit.name'", "visit"]),
        ({"name": "V1", "exposure": 100, "detector": 1}, DataIdError, ["'name'", "visit"]),
        ({"obs_id": 4, "detector": 1}, DataIdError, ["exposure.obs_id", "4"]),
        ({"obs_id": None, "detector": 1}, DataIdError, ["exposure.obs_id"]),
        ({"day_obs": NIGHT, "seq_num": "2", "detector": 1}, DataIdError, ["exposure.seq_num", "'2'"]),
        ({"exposure.id": "E4", "detector": 1}, DataIdError, ["exposure", "'E4'", "not an int"]),
    ],
)
def test_mistakes_are_named(
    butler: Butler, data_id: dict[str, Any], error: type[Exception], words: list[str]
) -> None:
    for call in (
        lambda: butler.get("raw", data_id),
        lambda: butler.exists("raw", data_id),
        lambda: butler.make_refs("raw", [{"exposure": 100, "detector": 1}, data_id]),
        lambda: butler.put({}, "raw", data_id),
    ):
        with pytest.raises(error) as caught:
            call()
        text = "\n".join([str(caught.value), *caught.value.__notes__])
        assert [word for word in words if word not in text] == [], text


def test_a_key_of_two_dimensions_must_be_qualified(butler: Butler) -> None:
    with pytest.raises(AmbiguousLookupError, match="seq_num") as caught:
        butler.expand_data_id(day_obs=NIGHT, seq_num=2)
    assert caught.value.details["candidates"] == ["exposure.seq_num", "visit.seq_num"]
    found = butler.expand_data_id({"day_obs": NIGHT, "exposure.seq_num": 2})
    assert dict(found.required) == {"instrument": CAM, "exposure": 101}
    # Where the one is given, it is the other that lacks a value.
    found = butler.expand_data_id(exposure=101, day_obs=NIGHT, seq_num=2, dimensions=["exposure", "visit"])
    assert found["visit"] == 501


def test_candidates_are_data_ids(butler: Butler) -> None:
    with pytest.raises(AmbiguousLookupError) as caught:
        butler.get("raw", seq_num=2, detector=1)
    assert caught.value.details["candidates"] == [
        {"instrument": CAM, "exposure": 101},
        {"instrument": CAM, "exposure": 104},
    ]


def test_a_governor_must_be_known(root: Path, butler: Butler) -> None:
    with Butler(root, collections="raw", infer_defaults=False) as other:
        with pytest.raises(DataIdError, match=r"lacks instrument, within which .*obs_id"):
            other.get("raw", obs_id="E4", detector=1)
        assert other.exists("raw", obs_id="E4", detector=1, instrument=CAM)


def test_a_component_that_is_not_there_is_said_to_be_of_its_dataset(butler: Butler) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"raw@.*exposure: 101"):
        butler.get("raw", obs_id="E1", detector="S1")


# -- calibrations: what is named besides says when


@pytest.fixture
def calibrated(butler: Butler) -> Butler:
    """Certify flats of filter g, for exposures 100 to 102 and for later ones."""
    butler.register_collection("calib", CollectionType.CALIBRATION)
    for run, timespan in (("flat/1", Timespan(0, 250)), ("flat/2", Timespan(250, None))):
        refs = butler.make_refs("flat", [{"detector": 1, "physical_filter": "Cam-g"}], run=run)
        butler.register_collection(run)
        butler.put_many([({"run": run}, ref) for ref in refs])
        butler.certify("calib", refs, timespan)
    return butler


@pytest.mark.parametrize(
    ("data_id", "run"),
    [
        ({"obs_id": "E0"}, "flat/1"),
        ({"obs_id": "E4"}, "flat/2"),
        ({"exposure": "E4"}, "flat/2"),
        ({"exposure.obs_id": "E4"}, "flat/2"),
        ({"day_obs": NIGHT, "seq_num": 1}, "flat/1"),
        ({"day_obs": NIGHT + 1, "seq_num": 2}, "flat/2"),
        ({"visit": "V4"}, "flat/2"),
        ({"visit.day_obs": NIGHT, "visit.seq_num": 3}, "flat/1"),
    ],
)
def test_the_time_of_a_calibration(calibrated: Butler, data_id: dict[str, Any], run: str) -> None:
    for more in ({"detector": "S1"}, {"full_name": "S1", "physical_filter": "Cam-g"}):
        assert calibrated.get("flat", data_id | more, collections="calib") == {"run": run}
        assert calibrated.exists("flat", data_id | more, collections="calib")


def test_a_time_span_is_looked_up_with_other_keys(calibrated: Butler) -> None:
    data_id = {"detector": "S1", "physical_filter": "Cam-g"}
    for timespan, run in ((Timespan(0, 10), "flat/1"), (Timespan(900, 910), "flat/2")):
        assert calibrated.get("flat", data_id, collections="calib", timespan=timespan) == {"run": run}
    with pytest.raises(AmbiguousLookupError):
        calibrated.get("flat", data_id, collections="calib", timespan=Timespan(200, 300))
    calibrated.decertify("calib", "flat", Timespan(0, 250), data_ids=[data_id])
    assert not calibrated.exists("flat", data_id, obs_id="E0", collections="calib")
    assert calibrated.exists("flat", data_id, obs_id="E4", collections="calib")


def test_a_calibration_may_be_of_another_filter_than_the_exposure(calibrated: Butler) -> None:
    refs = calibrated.make_refs("flat", [{"detector": 1, "physical_filter": "Cam-r"}], run="flat/1")
    calibrated.put_many([({"filter": "r"}, ref) for ref in refs])
    calibrated.certify("calib", refs, Timespan(0, 250))
    for data_id in ({"exposure": 100}, {"obs_id": "E0"}):
        found = calibrated.get("flat", data_id, detector=1, physical_filter="Cam-r", collections="calib")
        assert found == {"filter": "r"}


def test_a_calibration_with_a_key_of_nothing_that_has_a_time(calibrated: Butler) -> None:
    with pytest.raises(DataIdError, match="obsid"):
        calibrated.get("flat", detector=1, physical_filter="Cam-g", obsid="E4", collections="calib")
    with pytest.raises(DataIdError, match="tract"):
        calibrated.get("flat", detector=1, physical_filter="Cam-g", tract=4, collections="calib")


# -- how often the database is asked


def test_plain_data_ids_ask_for_nothing(butler: Butler, texts: list[str]) -> None:
    butler.exists("raw", exposure=104, detector=1)
    texts.clear()
    butler.make_refs("raw", [{"exposure": 104, "detector": d} for d in range(4)])
    butler.make_refs("raw", [{"exposure.id": 104, "detector.id": d} for d in range(4)])
    assert texts == []
    butler.resolve_dataset("raw", exposure=104, detector=1, expand=False)
    assert len(texts) == 1


def test_a_dataset_takes_a_query_more_for_each_dimension_named_otherwise(
    butler: Butler, texts: list[str]
) -> None:
    """A query is four statements, as below; the dataset itself is one."""
    butler.get("raw", exposure=104, detector=1)
    for more, queries in (
        ({"exposure": 104}, 1),
        ({"obs_id": "E4"}, 2),
        ({"day_obs": NIGHT + 1, "seq_num": 2}, 2),
    ):
        texts.clear()
        butler.get("raw", more, detector="S1")
        assert len(texts) == 4 * queries + 1


def test_a_batch_asks_once_for_each_dimension_and_set_of_keys(butler: Butler, texts: list[str]) -> None:
    """A query is four statements: begin, generation, rows, end."""
    alternate = [{"obs_id": f"E{e}", "detector": f"S{d}"} for e in range(6) for d in range(4)]
    numbered = [{"day_obs": NIGHT + n // 3, "seq_num": n % 3 + 1, "detector": 1} for n in range(6)]
    plain = [{"exposure": 104, "detector": 1}]
    for data_ids, queries in (
        (alternate[:1], 2),
        (alternate, 2),
        (numbered, 1),
        (numbered + plain, 1),
        (alternate + numbered + plain, 3),
    ):
        texts.clear()
        refs = butler.make_refs("raw", data_ids)
        assert len(texts) == 4 * queries, texts
        assert len(refs) == len(data_ids)
    assert [r.data_id["exposure"] for r in butler.make_refs("raw", numbered)] == list(range(100, 106))


def test_combinations_that_nobody_wants_are_left_out(butler: Butler) -> None:
    """A query finds each night's exposures of all numbers asked for: four here, of which two are wanted."""
    data_ids = [{"day_obs": NIGHT, "seq_num": 1}, {"day_obs": NIGHT + 1, "seq_num": 2}]
    refs = butler.make_refs("raw", [data_id | {"detector": 0} for data_id in data_ids])
    assert [ref.data_id["exposure"] for ref in refs] == [100, 104]


def test_types_of_refs(butler: Butler) -> None:
    (ref,) = butler.make_refs("raw", [{"obs_id": "E4", "detector": "S2"}])
    assert isinstance(ref, DatasetRef)
    assert isinstance(ref.data_id, DataCoordinate)
    assert {type(value) for value in ref.data_id.values()} == {int, str}
