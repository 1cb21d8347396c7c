"""The algebra of timespans, held against sets of integers, and their ways in and out."""

import copy
import pickle
import sys
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import example, given, strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from butler_core.errors import IncompatibleError, InvalidInputError
from butler_core.models.timespan import Timespan
from butler_core.tai import MAX_NS, MIN_NS, parse_iso

# Bounds are few, so that they often coincide; the points reach beyond them on both sides, where only open ends go.
bounds = st.none() | st.integers(-4, 4)
POINTS = range(-6, 7)


def points_of(begin, end):
    """What belongs to a timespan, found without asking it."""
    return {p for p in POINTS if (begin is None or p >= begin) and (end is None or p < end)}


timespans_and_points = st.tuples(bounds, bounds).map(lambda pair: (Timespan(*pair), points_of(*pair)))
raw_bounds = st.none() | st.integers(MIN_NS, MAX_NS)
timespans = st.builds(Timespan, raw_bounds, raw_bounds) | st.builds(Timespan, bounds, bounds)


def raw_points(timespan):
    return set() if timespan.is_empty else points_of(timespan.begin, timespan.end)


# ---- algebra


@given(timespans_and_points)
def test_contains_and_overlaps_points(a):
    timespan, points = a
    assert {p for p in POINTS if timespan.contains(p)} == points
    assert {p for p in POINTS if timespan.overlaps(p)} == points
    assert timespan.is_empty == (not points)
    assert raw_points(timespan) == points


@given(timespans_and_points, timespans_and_points)
def test_two_timespans_behave_like_two_sets(a, b):
    (s, s_points), (t, t_points) = a, b
    assert s.overlaps(t) == bool(s_points & t_points)
    assert s.contains(t) == (s_points >= t_points)
    assert raw_points(s.intersection(t)) == s_points & t_points
    assert (s == t) == (s_points == t_points)
    if s == t:
        assert hash(s) == hash(t)


@given(timespans_and_points, st.lists(timespans_and_points, max_size=4))
def test_intersection_of_many(a, others):
    assert raw_points(a[0].intersection(*(t for t, _ in others))) == a[1].intersection(
        *(p for _, p in others)
    )


@given(timespans_and_points, timespans_and_points)
def test_difference_behaves_like_that_of_sets(a, b):
    (s, s_points), (t, t_points) = a, b
    pieces = s.difference(t)
    assert len(pieces) <= 2
    assert set().union(*map(raw_points, pieces)) == s_points - t_points


@given(timespans, timespans)
def test_difference_and_intersection_partition_the_whole(s, t):
    pieces = s.difference(t)
    assert all(not piece.is_empty and s.contains(piece) and not piece.overlaps(t) for piece in pieces)
    common = s.intersection(t)
    parts = [part for part in (*pieces, common) if not part.is_empty]
    parts.sort(key=lambda part: MIN_NS - 1 if part.begin is None else part.begin)
    if s.is_empty:
        assert parts == []
    else:
        assert (parts[0].begin, parts[-1].end) == (s.begin, s.end)
        assert [part.end for part in parts[:-1]] == [part.begin for part in parts[1:]]


@given(timespans, timespans)
def test_overlap_means_a_common_part(s, t):
    assert s.overlaps(t) == t.overlaps(s) == (not s.intersection(t).is_empty)


@given(timespans, timespans)
def test_the_common_part_is_contained_in_both(s, t):
    common = s.intersection(t)
    assert s.contains(common)
    assert t.contains(common)
    assert common == t.intersection(s)
    assert s.contains(t) == (common == t)


@given(timespans)
def test_special_timespans(s):
    everything, nothing = Timespan(), Timespan.empty()
    assert everything.contains(s)
    assert s.contains(nothing)
    assert not s.overlaps(nothing)
    assert s.intersection() == s == s.intersection(everything)
    assert s.intersection(nothing) == nothing
    assert s.difference(everything) == ()
    assert s.difference(nothing) == (() if s.is_empty else (s,))
    assert nothing.contains(s) == s.is_empty


# ---- bounds


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (5, 5), (7, 3), (MAX_NS, MIN_NS)])
def test_whatever_ends_before_it_begins_is_the_empty_one(begin, end):
    timespan = Timespan(begin, end)
    assert timespan.is_empty
    assert timespan == Timespan.empty()
    assert timespan.duration_ns == 0
    assert timespan.to_raw() == [0, 0]
    for ask in (lambda: timespan.begin, lambda: timespan.end, timespan.to_iso):
        with pytest.raises(InvalidInputError, match="empty timespan has no"):
            ask()


def test_open_ends_are_none_and_last_forever():
    assert (Timespan().begin, Timespan().end) == (None, None)
    assert Timespan().duration_ns is Timespan(0).duration_ns is Timespan(end=0).duration_ns is None
    assert Timespan(3, 10).duration_ns == 7
    assert not Timespan().is_empty


def test_the_extremes_of_64_bits_are_not_open_ends():
    widest = Timespan(MIN_NS, MAX_NS)
    assert (widest.begin, widest.end, widest.duration_ns) == (MIN_NS, MAX_NS, MAX_NS - MIN_NS)
    assert widest != Timespan()
    assert Timespan().difference(widest) == (Timespan(None, MIN_NS), Timespan(MAX_NS, None))
    assert Timespan().contains(MAX_NS)
    assert Timespan().contains(MIN_NS)
    assert not Timespan(None, MIN_NS).is_empty


def test_an_instant_lasts_one_nanosecond():
    assert Timespan.from_instant(5) == Timespan(5, 6)
    with pytest.raises(InvalidInputError, match="64 bits"):
        Timespan.from_instant(MAX_NS)


@pytest.mark.parametrize("bound", [MAX_NS + 1, MIN_NS - 1])
def test_bounds_beyond_64_bits_are_refused_and_named(bound):
    for attempt in (lambda: Timespan(bound), lambda: Timespan(end=bound), lambda: Timespan().contains(bound)):
        with pytest.raises(InvalidInputError, match=str(bound)):
            attempt()


@pytest.mark.parametrize("bound", [1.5, "2020-01-01", True, datetime(2020, 1, 1)])
def test_bounds_that_are_no_integers_are_refused_and_named(bound):
    with pytest.raises(InvalidInputError, match=r"begin .* is of type") as caught:
        Timespan(bound)
    assert "from_iso" in caught.value.remedy
    with pytest.raises(InvalidInputError, match=r"end .* is of type"):
        Timespan(0, bound)


@pytest.mark.parametrize("name", ["begin", "end", "is_empty", "duration_ns", "anything"])
def test_frozen(name):
    with pytest.raises(AttributeError):
        setattr(Timespan(1, 2), name, 3)


def test_other_types_are_unequal():
    assert Timespan(1, 2) != (1, 2)
    assert Timespan(1, 2) != [1, 2]


# ---- in and out


@given(timespans)
@example(Timespan())
@example(Timespan.empty())
def test_raw_pickle_copy_and_repr_come_back(s):
    assert Timespan.from_raw(s.to_raw()) == s
    assert Timespan.from_raw(tuple(s.to_raw())) == s
    assert pickle.loads(pickle.dumps(s)) == s
    assert copy.deepcopy(s) == s
    assert eval(repr(s)) == s


@pytest.mark.parametrize("raw", [[1], [1, 2, 3], [], None, "12", 12, {1: 2}, {1, 2}])
def test_what_is_no_pair_is_refused_and_shown(raw):
    with pytest.raises(InvalidInputError, match="is no timespan") as caught:
        Timespan.from_raw(raw)
    assert repr(raw) in str(caught.value)


def test_raw_form():
    assert Timespan(1, 2).to_raw() == [1, 2]
    assert Timespan(None, 2).to_raw() == [None, 2]
    assert Timespan(1).to_raw() == [1, None]


@given(st.sampled_from(["tai", "tt"]), timespans)
def test_iso_text_comes_back(scale, s):
    if not s.is_empty:
        begin, end = s.to_iso(scale)
        assert Timespan.from_iso(begin, end, scale) == s


since_1972 = st.none() | st.integers(63072010 * 10**9, MAX_NS)


@given(st.builds(Timespan, since_1972, since_1972))
def test_iso_text_in_utc_comes_back(s):
    if not s.is_empty:
        begin, end = s.to_iso("utc")
        assert Timespan.from_iso(begin, end, "utc") == s


def test_iso_text_of_a_leap_second():
    leap = Timespan.from_iso("2016-12-31T23:59:60", "2017-01-01", "utc")
    assert leap.duration_ns == 10**9
    assert leap.to_iso() == ("2017-01-01T00:00:36", "2017-01-01T00:00:37")
    assert leap.to_iso("utc") == ("2016-12-31T23:59:60", "2017-01-01T00:00:00")
    assert Timespan.from_iso(None, "1970-01-01T00:00:00.000000005").to_raw() == [None, 5]


def test_text_for_people():
    assert (
        str(Timespan.from_iso("2020-01-01", "2020-01-02 12:00"))
        == "[2020-01-01T00:00:00, 2020-01-02T12:00:00)"
    )
    assert str(Timespan(0)) == "[1970-01-01T00:00:00, ∞)"
    assert str(Timespan(None, 0)) == "(-∞, 1970-01-01T00:00:00)"
    assert str(Timespan.empty()) == "(empty)"


def test_datetimes_naive_and_aware():
    east = timezone(timedelta(hours=9))
    expected = Timespan.from_iso("2020-01-01", "2020-01-02", "utc")
    assert Timespan.from_datetime(datetime(2020, 1, 1), datetime(2020, 1, 2)) == expected
    assert (
        Timespan.from_datetime(datetime(2020, 1, 1, 9, tzinfo=east), datetime(2020, 1, 2, 9, tzinfo=east))
        == expected
    )
    assert Timespan.from_datetime(None, datetime(2020, 1, 2)) == Timespan(None, expected.end)
    assert Timespan.from_datetime(datetime(2020, 1, 1), None) == Timespan(expected.begin, None)


# ---- pydantic


class Validity(BaseModel):
    model_config = ConfigDict(frozen=True)

    timespan: Timespan
    other: Timespan | None = None


@given(timespans)
def test_a_field_of_a_model_comes_back(s):
    model = Validity(timespan=s)
    assert model.timespan is s
    assert model.model_dump()["timespan"] is s
    assert model.model_dump(mode="json")["timespan"] == s.to_raw()
    assert Validity.model_validate_json(model.model_dump_json()) == model
    assert Validity.model_validate({"timespan": s.to_raw()}) == model


@pytest.mark.parametrize("raw", [[1], ["1", 2], [1.5, 2], [True, 2], "x", [1, MAX_NS + 1]])
def test_a_field_refuses_what_is_no_timespan(raw):
    with pytest.raises(ValidationError, match="timespan"):
        Validity.model_validate({"timespan": raw})


def test_a_field_has_a_json_schema():
    for mode in ("validation", "serialization"):
        schema = Validity.model_json_schema(mode=mode)["properties"]["timespan"]
        assert schema["type"] == "array"


# ---- astropy


def test_without_astropy_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "astropy.time", None)
    with pytest.raises(IncompatibleError, match="astropy") as caught:
        Timespan.from_astropy(object(), None)
    assert "pip install astropy" in caught.value.remedy


def test_nothing_to_convert_needs_no_astropy(monkeypatch):
    monkeypatch.setitem(sys.modules, "astropy.time", None)
    assert Timespan.from_astropy(None, None) == Timespan()


def test_astropy_times_to_the_nanosecond():
    from astropy import time

    text = "2013-06-17T13:34:45.123456789"
    for scale in ("utc", "tai", "tt"):
        begin = time.Time(text, format="isot", scale=scale)
        assert Timespan.from_astropy(begin, None) == Timespan(parse_iso(text, scale), None)
    for wrong in ("2013-06-17", time.Time(["2013-06-17"]), time.Time(text, scale="local")):
        with pytest.raises(InvalidInputError):
            Timespan.from_astropy(None, wrong)
