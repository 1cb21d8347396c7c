"""Default values of data IDs: given, or taken from collections; they apply where nothing else says anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from butler_core import Butler, CollectionType, SequenceEditMode, SetEditMode
from butler_core.errors import AmbiguousLookupError, DataIdError, QueryError
from tests.butler.data_ids.conftest import CAM, NIGHT

ALT = "Alt"


@pytest.fixture
def both(root: Path, butler: Butler) -> Iterator[Butler]:
    """Open the repository without defaults, once there are raws of two instruments."""
    butler.register_collection("alt")
    refs = butler.make_refs("raw", [{"instrument": ALT, "exposure": 104, "detector": 2}], run="alt")
    butler.put_many([({}, ref) for ref in refs])
    butler.register_collection("both", CollectionType.CHAINED)
    butler.register_collection("tagged", CollectionType.TAGGED)
    with butler.batched() as batch:
        batch.edit_collection_chain("both", ["raw", "alt"], SequenceEditMode.ASSIGN)
        batch.edit_associations("tagged", refs, SetEditMode.INSERT_OR_FAIL)
    with Butler(root) as opened:
        yield opened


# -- which there are


@pytest.mark.parametrize(
    ("collections", "expected"),
    [
        ("raw", {"instrument": CAM}),
        ("alt", {"instrument": ALT}),
        ("tagged", {"instrument": ALT}),
        (["alt", "tagged"], {"instrument": ALT}),
        ("both", {}),
        (["raw", "alt"], {}),
        ("again", {}),
        ((), {}),
        (None, {}),
    ],
)
def test_a_governor_of_which_collections_hold_one_value(
    both: Butler, root: Path, collections: Any, expected: dict[str, str]
) -> None:
    with Butler(root, collections=collections) as opened:
        assert dict(opened.data_id_defaults) == expected
    assert dict(Butler(butler=both, collections=collections).data_id_defaults) == expected
    assert dict(Butler(butler=both, collections=collections, infer_defaults=False).data_id_defaults) == {}


def test_what_others_wrote_meanwhile_counts(both: Butler, root: Path) -> None:
    assert dict(Butler(butler=both, run="again").data_id_defaults) == {}
    with Butler(root, run="again", instrument=ALT) as writer:
        writer.put({}, "raw", exposure=100, detector=1)
    assert dict(Butler(butler=both, run="again").data_id_defaults) == {"instrument": ALT}


def test_what_is_given_wins_over_what_collections_hold(both: Butler) -> None:
    defaults = Butler(butler=both, collections="raw", instrument=ALT, detector=1).data_id_defaults
    assert dict(defaults) == {"instrument": ALT, "detector": 1}


def test_defaults_may_be_named_by_other_keys(both: Butler) -> None:
    opened = Butler(butler=both, collections="raw", detector="S2", day_obs=NIGHT + 1)
    assert dict(opened.data_id_defaults) == {"instrument": CAM, "day_obs": NIGHT + 1, "detector": 2}
    opened = Butler(butler=both, collections="raw", obs_id="E4")
    assert dict(opened.data_id_defaults) == {"instrument": CAM, "exposure": 104}
    with pytest.raises(DataIdError, match="S9"):
        Butler(butler=both, collections="raw", detector="S9")
    with pytest.raises(AmbiguousLookupError, match="seq_num"):
        Butler(butler=both, collections="raw", day_obs=NIGHT, seq_num=1)
    with pytest.raises(DataIdError, match="lacks instrument"):
        Butler(butler=both, detector=1)


def test_defaults_fill_in_what_is_missing(both: Butler) -> None:
    opened = Butler(butler=both, collections="raw", detector=2, day_obs=NIGHT + 1)
    expected = {"instrument": CAM, "exposure": 104, "detector": 2}
    assert opened.get("raw", exposure=104) == expected
    assert opened.get("raw", obs_id="E4") == expected
    assert opened.get("raw", seq_num=2) == expected
    # An alternate key says all that there is to say, so the night does not matter.
    assert opened.get("raw", obs_id="E0") == expected | {"exposure": 100}
    # What a key says wins over the default of its dimension.
    assert opened.get("raw", obs_id="E4", full_name="S1") == expected | {"detector": 1}
    assert opened.get("raw", obs_id="E4", instrument=ALT, collections="both") == {}


# -- in queries


@pytest.fixture
def cam(both: Butler) -> Butler:
    """Share the repository, with instrument Cam as default."""
    return Butler(butler=both, instrument=CAM)


def _filters(butler: Butler, where: str = "", **kwargs: Any) -> set[tuple[Any, ...]]:
    found = butler.query_dimension_records("physical_filter", where=where, **kwargs)
    return {(record.instrument, record.physical_filter.partition("-")[2]) for record in found}


CAM_G, CAM_R, ALT_G, ALT_R = (CAM, "g"), (CAM, "r"), (ALT, "g"), (ALT, "r")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("", {CAM_G, CAM_R}),
        ("band = 'g'", {CAM_G}),
        ("NOT (band = 'g')", {CAM_R}),
        ("band = 'g' OR band = 'r'", {CAM_G, CAM_R}),
        ("physical_filter = 'Cam-g' OR band = 'r'", {CAM_G, CAM_R}),
        ("NOT (physical_filter = 'Cam-g')", {CAM_R}),
        # whatever says anything about the instrument says all of it
        ("instrument = 'Alt'", {ALT_G, ALT_R}),
        ("instrument.name = 'Alt'", {ALT_G, ALT_R}),
        ("instrument IN ('Alt')", {ALT_G, ALT_R}),
        ("instrument = 'Alt' OR instrument = 'Cam'", {CAM_G, CAM_R, ALT_G, ALT_R}),
        ("NOT (instrument = 'Alt')", {CAM_G, CAM_R}),
        ("NOT (instrument = 'Cam')", {ALT_G, ALT_R}),
        ("instrument != 'Cam' AND band = 'g'", {ALT_G}),
        ("instrument = 'Alt' OR band = 'g'", {CAM_G, ALT_G, ALT_R}),
        ("instrument = 'Alt' AND physical_filter = 'Alt-g' OR instrument = 'Cam'", {CAM_G, CAM_R, ALT_G}),
        ("NOT (instrument != 'Alt' OR physical_filter = 'Alt-g')", {ALT_R}),
    ],
)
def test_defaults_apply_where_nothing_constrains(cam: Butler, where: str, expected: set[Any]) -> None:
    assert _filters(cam, where) == expected
    assert _filters(cam, "", data_id={"instrument": ALT}) == {ALT_G, ALT_R}


@pytest.mark.parametrize(
    "where",
    [
        "instrument = 'Alt' OR physical_filter = 'Cam-g'",
        "NOT (instrument = 'Alt' AND physical_filter = 'Alt-g')",
        "NOT (instrument = 'Alt') AND physical_filter = 'Cam-g'",
        "instrument.name = 'Alt' OR physical_filter = 'Cam-g'",
    ],
)
def test_a_branch_that_leaves_the_governor_open_is_an_error(cam: Butler, both: Butler, where: str) -> None:
    """A default does not apply to one branch of a condition and not to the other: what is meant must be said."""
    for butler in (cam, both):
        with pytest.raises(QueryError, match="means nothing without a value of instrument") as caught:
            _filters(butler, where)
        assert caught.value.details["text"] == where


def test_without_a_default_it_must_be_fixed(both: Butler) -> None:
    assert _filters(both) == {CAM_G, CAM_R, ALT_G, ALT_R}
    with pytest.raises(QueryError, match="instrument"):
        _filters(both, "physical_filter = 'Cam-g'")


def test_defaults_apply_to_what_is_only_constrained(cam: Butler) -> None:
    """Rows of bands have no instrument, but the name of a filter needs one."""
    for found in (
        cam.query_data_ids(["band"], where="physical_filter = 'Cam-g'"),
        cam.query_data_ids(["band"], physical_filter="Cam-g"),
        cam.query_data_ids(["band"], obs_id="E0"),
        cam.query_data_ids(["band"], where="exposure.obs_id = 'E0'"),
    ):
        assert [data_id["band"] for data_id in found] == ["g"]
    assert list(cam.query_data_ids(["band"], where="physical_filter = 'Alt-g'")) == []
    found = cam.query_data_ids(["band"], where="instrument = 'Alt' AND physical_filter = 'Alt-g'")
    assert [data_id["band"] for data_id in found] == ["g"]


def test_other_defaults_yield_to_alternate_keys(both: Butler) -> None:
    opened = Butler(butler=both, collections="raw", detector=1)
    assert {ref.data_id["detector"] for ref in opened.query_datasets("raw")} == {1}
    for found in (
        opened.query_datasets("raw", detector="S2"),
        opened.query_datasets("raw", full_name="S2"),
        opened.query_datasets("raw", where="detector.full_name = 'S2'"),
        opened.query_datasets("raw", where="detector.id = 2"),
    ):
        assert {ref.data_id["detector"] for ref in found} == {2}
    assert {r.data_id["detector"] for r in opened.query_datasets("raw", purpose="SCIENCE")} == {1}
