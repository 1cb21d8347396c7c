"""Time: leap seconds at their known instants, and text, UTC, TT and datetimes that come back exactly."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from butler_core import tai
from butler_core.errors import InvalidInputError
from butler_core.tai import MAX_NS, MIN_NS, NS_PER_SECOND, format_iso, parse_iso

# TAI - UTC as the table for NTP has it: seconds since 1900-01-01, and the difference from then on.
NTP = {
    2272060800: 10, 2287785600: 11, 2303683200: 12, 2335219200: 13, 2366755200: 14, 2398291200: 15, 2429913600: 16,
    2461449600: 17, 2492985600: 18, 2524521600: 19, 2571782400: 20, 2603318400: 21, 2634854400: 22, 2698012800: 23,
    2776982400: 24, 2840140800: 25, 2871676800: 26, 2918937600: 27, 2950473600: 28, 2982009600: 29, 3029443200: 30,
    3076704000: 31, 3124137600: 32, 3345062400: 33, 3439756800: 34, 3550089600: 35, 3644697600: 36, 3692217600: 37,
}  # fmt: skip
NTP_TO_1970 = (date(1970, 1, 1) - date(1900, 1, 1)).days * 86_400
STEPS = [((ntp - NTP_TO_1970) * NS_PER_SECOND, offset * NS_PER_SECOND) for ntp, offset in NTP.items()]
FIRST_UTC, FIRST_OFFSET = STEPS[0]
FIRST_TAI = FIRST_UTC + FIRST_OFFSET
LEAP_ENDS = [utc + offset for utc, offset in STEPS[1:]]  # TAI

any_ns = st.integers(MIN_NS, MAX_NS)
near_leaps = st.builds(
    lambda end, delta: end + delta,
    st.sampled_from(LEAP_ENDS),
    st.integers(-3 * NS_PER_SECOND, 3 * NS_PER_SECOND),
)
since_1972 = st.integers(FIRST_TAI, MAX_NS) | near_leaps


@pytest.mark.parametrize(("utc", "offset"), STEPS, ids=[str(ntp) for ntp in NTP])
def test_each_step_of_the_table(utc, offset):
    assert tai.utc_to_tai(utc) == utc + offset
    assert tai.tai_to_utc(utc + offset) == utc
    if utc != FIRST_UTC:
        assert tai.utc_to_tai(utc - 1) == utc - 1 + offset - NS_PER_SECOND


def test_the_table_is_complete():
    assert list(zip(tai._UTC_STARTS, tai._OFFSETS, strict=True)) == STEPS


@pytest.mark.parametrize(
    ("utc", "tai_text"),
    [
        ("1972-01-01", "1972-01-01T00:00:10"),
        ("1972-06-30T23:59:60", "1972-07-01T00:00:10"),
        ("1972-07-01", "1972-07-01T00:00:11"),
        ("2016-12-31T23:59:59", "2017-01-01T00:00:35"),
        ("2016-12-31T23:59:59.999999999Z", "2017-01-01T00:00:35.999999999"),
        ("2016-12-31T23:59:60", "2017-01-01T00:00:36"),
        ("2016-12-31 23:59:60.75", "2017-01-01T00:00:36.75"),
        ("2017-01-01T00:00:00", "2017-01-01T00:00:37"),
        ("2013-06-17 13:34:45.775", "2013-06-17T13:35:20.775"),
        ("2200-01-01", "2200-01-01T00:00:37"),
    ],
)
def test_known_instants(utc, tai_text):
    assert parse_iso(utc, "utc") == parse_iso(tai_text)


def test_terrestrial_time_is_ahead_by_32_184_seconds():
    assert parse_iso("1977-01-01T00:00:32.184", "tt") == parse_iso("1977-01-01")
    assert format_iso(parse_iso("1977-01-01"), "tt") == "1977-01-01T00:00:32.184"
    assert tai.tai_to_tt(0) == 32_184_000_000
    assert tai.tt_to_tai(32_184_000_000) == 0


@pytest.mark.parametrize("tai_text", ["2017-01-01T00:00:36", "2017-01-01T00:00:36.999999999"])
def test_a_leap_second_is_written_as_second_60(tai_text):
    assert format_iso(parse_iso(tai_text), "utc") == tai_text.replace(
        "2017-01-01T00:00:36", "2016-12-31T23:59:60"
    )


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-01", 0),
        ("1970-01-02", 86_400 * NS_PER_SECOND),
        ("1970-01-01T01:02", 3720 * NS_PER_SECOND),
        ("1970-01-01 01:02:03", 3723 * NS_PER_SECOND),
        ("1970-01-01T00:00:00.1", 100_000_000),
        ("1970-01-01T00:00:00.000000001", 1),
        ("1970-01-01T00:00:00.123456789000", 123_456_789),
        ("1969-12-31T23:59:59.999999999", -1),
        ("1858-11-17", -40587 * 86_400 * NS_PER_SECOND),
        ("1677-09-21T00:12:43.145224192", MIN_NS),
        ("2262-04-11T23:47:16.854775807", MAX_NS),
    ],
)
def test_text_in_tai(text, ns):
    assert parse_iso(text) == ns


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00"),
        (100, "1970-01-01T00:00:00.0000001"),
        (-1, "1969-12-31T23:59:59.999999999"),
        (86_399 * NS_PER_SECOND, "1970-01-01T23:59:59"),
    ],
)
def test_text_has_as_many_digits_as_it_takes(ns, text):
    assert format_iso(ns) == text


@given(any_ns, st.sampled_from(["tai", "tt"]))
@example(MIN_NS, "tt")
@example(MAX_NS, "tt")
@example(MIN_NS, "tai")
def test_text_comes_back_exactly(ns, scale):
    assert parse_iso(format_iso(ns, scale), scale) == ns


@given(since_1972)
@example(FIRST_TAI)
@example(MAX_NS)
def test_text_in_utc_comes_back_exactly(ns):
    assert parse_iso(format_iso(ns, "utc"), "utc") == ns
    assert parse_iso(format_iso(ns, "utc") + "Z", "utc") == ns


@given(since_1972, since_1972)
def test_text_in_utc_sorts_like_time(a, b):
    def text(ns):
        whole, _, fraction = format_iso(ns, "utc").partition(".")
        return whole, fraction.ljust(9, "0")

    assert (text(a) < text(b)) == (a < b)


@given(st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1)))
def test_the_calendar_is_pythons(value):
    assert parse_iso(value.isoformat()) == (value - datetime(1970, 1, 1)) // timedelta(microseconds=1) * 1000


@given(st.integers(FIRST_UTC, MAX_NS - 37 * NS_PER_SECOND))
def test_utc_to_tai_and_back(utc_ns):
    assert tai.tai_to_utc(tai.utc_to_tai(utc_ns)) == utc_ns


@given(any_ns)
def test_tt_and_back(ns):
    assert tai.tt_to_tai(tai.tai_to_tt(ns)) == ns


def test_a_leap_second_shares_its_posix_number_with_the_next_second():
    start = parse_iso("2016-12-31T23:59:60.25", "utc")
    assert tai.tai_to_utc(start) == tai.tai_to_utc(start + NS_PER_SECOND)


@given(st.datetimes(datetime(1972, 1, 1), datetime(2262, 1, 1)))
def test_naive_datetimes_are_utc_and_come_back(value):
    ns = tai.datetime_to_tai(value)
    assert ns == parse_iso(value.isoformat(), "utc")
    assert tai.tai_to_datetime(ns) == value.replace(tzinfo=UTC)
    assert tai.tai_to_datetime(ns).tzinfo is UTC


@given(
    st.datetimes(datetime(1972, 1, 3), datetime(2262, 1, 1)),
    st.integers(-23 * 60, 23 * 60).map(lambda m: timedelta(minutes=m)),
)
def test_aware_datetimes_are_converted(value, offset):
    aware = value.replace(tzinfo=timezone(offset))
    assert tai.datetime_to_tai(aware) == tai.datetime_to_tai(value - offset)


def test_datetimes_are_rounded_down():
    ns = parse_iso("2020-01-01T00:00:00.000001999", "utc")
    assert tai.tai_to_datetime(ns) == datetime(2020, 1, 1, microsecond=1, tzinfo=UTC)


def test_now_is_now():
    before = datetime.now(UTC)
    now = tai.tai_to_datetime(tai.now())
    assert before <= now <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("text", "scale", "reason"),
    [
        ("", "tai", "does not look like one"),
        ("yesterday", "tai", "does not look like one"),
        ("2013-6-17", "tai", "does not look like one"),
        ("20130617", "tai", "does not look like one"),
        ("2013-06-17T12", "tai", "does not look like one"),
        ("2013-06-17T12:30:", "tai", "does not look like one"),
        ("2013-06-17T12:30:59.", "tai", "does not look like one"),
        ("2013-06-17T12:30:59+01:00", "utc", "does not look like one"),
        (" 2013-06-17", "tai", "does not look like one"),
        ("2013-06-17\n", "tai", "does not look like one"),
        ("٢٠١٣-06-17", "tai", "does not look like one"),
        (20130617, "tai", "does not look like one"),
        ("2013-02-29", "tai", "day"),
        ("2013-13-01", "tai", "month"),
        ("0000-01-01", "tai", "year"),
        ("2013-06-17T24:00:00", "tai", "no such time of day"),
        ("2013-06-17T12:60:00", "tai", "no such time of day"),
        ("2016-12-31T23:59:61", "utc", "no such time of day"),
        ("2016-12-31T23:59:60", "tai", "leap seconds of UTC"),
        ("2016-12-31T23:59:60", "tt", "leap seconds of UTC"),
        ("2016-12-30T23:59:60", "utc", "leap seconds of UTC"),
        ("2016-12-31T22:59:60", "utc", "leap seconds of UTC"),
        ("2017-12-31T23:59:60", "utc", "leap seconds of UTC"),
        ("2013-06-17T12:30:59Z", "tai", "Z means UTC"),
        ("2013-06-17T12:30:59.0000000001", "tai", "finer than a nanosecond"),
    ],
)
def test_what_is_no_time_is_refused_and_shown(text, scale, reason):
    with pytest.raises(InvalidInputError, match=reason) as caught:
        parse_iso(text, scale)
    assert repr(text) in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("1677-09-21T00:12:43.145224191", "tai"),
        ("2262-04-11T23:47:16.854775808", "tai"),
        ("2262-04-11T23:47:49.038775808", "tt"),
        ("2262-04-11T23:46:39.854775808", "utc"),
        ("9999-12-31", "utc"),
        ("0001-01-01", "tt"),
    ],
)
def test_what_64_bits_do_not_hold_is_refused(text, scale):
    with pytest.raises(InvalidInputError, match="64 bits"):
        parse_iso(text, scale)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: parse_iso("1971-12-31T23:59:59.999999999", "utc"),
        lambda: parse_iso("1971-12-31T23:59:60", "utc"),
        lambda: parse_iso("0001-01-01", "utc"),
        lambda: format_iso(FIRST_TAI - 1, "utc"),
        lambda: tai.utc_to_tai(FIRST_UTC - 1),
        lambda: tai.utc_to_tai(-(10**30)),
        lambda: tai.tai_to_utc(FIRST_TAI - 1),
        lambda: tai.datetime_to_tai(datetime(1971, 12, 31)),
        lambda: tai.tai_to_datetime(MIN_NS),
    ],
)
def test_utc_before_1972_is_refused(attempt):
    with pytest.raises(InvalidInputError, match="before 1972"):
        attempt()


@pytest.mark.parametrize("value", [MIN_NS - 1, MAX_NS + 1, 10**30])
def test_integers_beyond_64_bits_are_refused(value):
    for attempt in (tai.check_ns, format_iso):
        with pytest.raises(InvalidInputError, match=str(value)):
            attempt(value)


@pytest.mark.parametrize("value", [1.0, "1", None, True])
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(InvalidInputError, match=f"begin {value!r} is of type {type(value).__name__}"):
        tai.check_ns(value, "begin")


def test_integers_of_other_libraries_are_welcome():
    class Int64:
        def __index__(self) -> int:
            return 7

    assert type(tai.check_ns(Int64())) is int
    assert tai.check_ns(Int64()) == 7


def test_an_unknown_scale_lists_those_there_are():
    scale: Any = "gps"
    for attempt in (lambda: parse_iso("2020-01-01", scale), lambda: format_iso(0, scale)):
        with pytest.raises(InvalidInputError, match="'gps'") as caught:
            attempt()
        assert "tai, utc, tt" in caught.value.remedy


def test_a_date_is_no_datetime():
    day: Any = date(2020, 1, 1)
    with pytest.raises(InvalidInputError, match=r"not datetime\.datetime"):
        tai.datetime_to_tai(day)
