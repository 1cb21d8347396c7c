"""Times as integers: nanoseconds of TAI since 1970-01-01T00:00:00 TAI, to and from UTC, TT, ISO text and `datetime`.

All arithmetic is on integers, so that whatever fits is exact.
"""

import operator
import re
import time
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, TypeAlias, get_args

from butler_core.errors import InvalidInputError

TimeScale: TypeAlias = Literal["tai", "utc", "tt"]

NS_PER_SECOND = 1_000_000_000
MIN_NS = -(2**63)
"""The earliest time there is, in 1677: the smallest signed 64-bit integer."""
MAX_NS = 2**63 - 1
"""The latest time there is, in 2262: the largest signed 64-bit integer."""

_NS_PER_DAY = 86_400 * NS_PER_SECOND
_TT_MINUS_TAI_NS = 32_184_000_000  # by definition: IAU 1991 resolution A4, recommendation IV
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# TAI minus UTC in seconds, from the given day (UTC) on.  Source: IERS, Bulletin C and "leap-seconds.list"
# (https://hpiers.obspm.fr/iers/bul/bulc/ntp/leap-seconds.list).  Before 1972 the difference was no whole number of
# seconds.  A new line is due when Bulletin C announces one; until then the last line holds.
_LEAP_SECONDS: tuple[tuple[str, int], ...] = (
    ("1972-01-01", 10),
    ("1972-07-01", 11),
    ("1973-01-01", 12),
    ("1974-01-01", 13),
    ("1975-01-01", 14),
    ("1976-01-01", 15),
    ("1977-01-01", 16),
    ("1978-01-01", 17),
    ("1979-01-01", 18),
    ("1980-01-01", 19),
    ("1981-07-01", 20),
    ("1982-07-01", 21),
    ("1983-07-01", 22),
    ("1985-07-01", 23),
    ("1988-01-01", 24),
    ("1990-01-01", 25),
    ("1991-01-01", 26),
    ("1992-07-01", 27),
    ("1993-07-01", 28),
    ("1994-07-01", 29),
    ("1996-01-01", 30),
    ("1997-07-01", 31),
    ("1999-01-01", 32),
    ("2006-01-01", 33),
    ("2009-01-01", 34),
    ("2012-07-01", 35),
    ("2015-07-01", 36),
    ("2017-01-01", 37),
)


def _midnight_ns(day: date) -> int:
    return (day.toordinal() - _EPOCH_ORDINAL) * _NS_PER_DAY


_OFFSETS = tuple(seconds * NS_PER_SECOND for _, seconds in _LEAP_SECONDS)
_UTC_STARTS = tuple(_midnight_ns(date.fromisoformat(day)) for day, _ in _LEAP_SECONDS)
_TAI_STARTS = tuple(utc + offset for utc, offset in zip(_UTC_STARTS, _OFFSETS, strict=True))
_LEAP_SECOND_ENDS = frozenset(_TAI_STARTS[1:])  # in 1972 the table begins; no leap second came before

_ISO = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?(?P<zulu>Z)?)?"
)


def check_ns(value: Any, what: str = "time") -> int:
    """Return `value` as an int; refuse what is no integer, or does not fit into 64 bits.

    `what` names the value in the error.
    """
    if type(value) is int:  # nearly always, and this is called for each timespan that a query returns
        time_ns: int = value
    elif isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InvalidInputError(
            f"{what} {value!r} is of type {type(value).__name__}; nanoseconds of TAI since 1970 are an integer",
            remedy="Convert text with Timespan.from_iso, datetimes with Timespan.from_datetime.",
        )
    else:
        time_ns = operator.index(value)
    if not MIN_NS <= time_ns <= MAX_NS:
        raise InvalidInputError(
            f"{what} {time_ns} ns is outside of what 64 bits hold (1677-09-21 to 2262-04-11)",
            remedy="Use None for an open end; check that the unit is nanoseconds.",
        )
    return time_ns


def now() -> int:
    """Return the present time as this computer's clock has it."""
    return utc_to_tai(time.time_ns())


def utc_to_tai(utc_ns: int) -> int:
    """Convert POSIX nanoseconds (UTC, leap seconds not counted) to TAI.

    Raises `InvalidInputError` before 1972.
    """
    step = bisect_right(_UTC_STARTS, utc_ns) - 1
    if step < 0:
        raise _before_1972(f"{_format_label(utc_ns)} UTC")
    return check_ns(utc_ns + _OFFSETS[step])


def tai_to_utc(tai_ns: int) -> int:
    """Convert to POSIX nanoseconds; those of a leap second equal those of the second that follows it, as POSIX says.

    Raises `InvalidInputError` before 1972.
    """
    return tai_ns - _OFFSETS[_leap_step(tai_ns)]


def tt_to_tai(tt_ns: int) -> int:
    """Convert nanoseconds of Terrestrial Time since 1970-01-01T00:00:00 TT to TAI."""
    return check_ns(tt_ns - _TT_MINUS_TAI_NS)


def tai_to_tt(tai_ns: int) -> int:
    """Convert to nanoseconds of Terrestrial Time since 1970-01-01T00:00:00 TT."""
    return tai_ns + _TT_MINUS_TAI_NS


def datetime_to_tai(value: datetime) -> int:
    """Convert a datetime exactly; a naive one is taken as UTC.

    Raises `InvalidInputError` before 1972.
    """
    if not isinstance(value, datetime):
        raise InvalidInputError(
            f"{value!r} is of type {type(value).__name__}, not datetime.datetime",
            remedy="Give a datetime.datetime, best an aware one.",
        )
    aware = value.replace(tzinfo=UTC) if value.utcoffset() is None else value
    return utc_to_tai((aware - _EPOCH) // _MICROSECOND * 1000)


def tai_to_datetime(tai_ns: int) -> datetime:
    """Convert to an aware datetime in UTC, rounded down to microseconds; leap seconds as in `tai_to_utc`."""
    return _EPOCH + timedelta(microseconds=tai_to_utc(tai_ns) // 1000)


def parse_iso(text: str, scale: TimeScale = "tai") -> int:
    """Read ``2013-06-17``, ``2013-06-17 12:30`` or ``2013-06-17T12:30:59.123456789`` as a time in `scale`.

    In UTC, a leap second has 60 in the place of seconds, and a final ``Z`` is allowed.

    Raises `InvalidInputError` if the text is no such time, is finer than a nanosecond, outside of what 64 bits hold,
    or before 1972 in UTC.
    """
    _check_scale(scale)
    match = _match_iso(text)
    if match is None:
        raise _unreadable(text, scale, "it does not look like one")
    if match["zulu"] and scale != "utc":
        raise _unreadable(text, scale, "a final Z means UTC")
    try:
        midnight = _midnight_ns(date.fromisoformat(match["day"]))
    except ValueError as exc:
        raise _unreadable(text, scale, str(exc)) from exc
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    is_leap = second == 60
    if hour > 23 or minute > 59 or second > 60:
        raise _unreadable(text, scale, "there is no such time of day")
    # A leap second is one after the last ordinary one, so that its own label is never needed as a number.
    label = midnight + (hour * 3600 + minute * 60 + second - is_leap) * NS_PER_SECOND
    time_ns = _label_to_tai(label, scale) + is_leap * NS_PER_SECOND
    if is_leap and not (scale == "utc" and time_ns + NS_PER_SECOND in _LEAP_SECOND_ENDS):
        raise _unreadable(text, scale, "second 60 exists in the leap seconds of UTC only")
    return check_ns(time_ns + _fraction_ns(match["fraction"] or "", text, scale), f"time {text!r}")


def format_iso(tai_ns: int, scale: TimeScale = "tai") -> str:
    """Write a time as ``2013-06-17T12:30:59`` in `scale`, with as many digits after the second as it takes.

    `parse_iso` reads it back exactly.  Raises `InvalidInputError` before 1972 in UTC.
    """
    _check_scale(scale)
    time_ns = check_ns(tai_ns)
    if scale == "tai":
        return _format_label(time_ns)
    if scale == "tt":
        return _format_label(tai_to_tt(time_ns))
    label = tai_to_utc(time_ns)
    if not _is_in_leap_second(time_ns):
        return _format_label(label)
    return _format_label(label - NS_PER_SECOND).replace(":59:59", ":59:60")


def _match_iso(text: object) -> re.Match[str] | None:
    return _ISO.fullmatch(text) if isinstance(text, str) else None


def _label_to_tai(label: int, scale: TimeScale) -> int:
    """Convert nanoseconds since 1970 on the calendar of `scale` to TAI; the range is the caller's to check."""
    if scale == "tai":
        return label
    if scale == "tt":
        return label - _TT_MINUS_TAI_NS
    return utc_to_tai(label)


def _fraction_ns(digits: str, text: str, scale: TimeScale) -> int:
    if digits[9:].strip("0"):
        raise _unreadable(text, scale, "it is finer than a nanosecond")
    return int(digits[:9].ljust(9, "0"))


def _format_label(label: int) -> str:
    days, in_day = divmod(label, _NS_PER_DAY)
    seconds, fraction = divmod(in_day, NS_PER_SECOND)
    try:
        day = date.fromordinal(_EPOCH_ORDINAL + days).isoformat()
    except (ValueError, OverflowError):
        return f"{label} ns since 1970"  # only ever seen within an error's text: 64 bits end in 2262
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{day}T{clock}.{fraction:09}".rstrip("0") if fraction else f"{day}T{clock}"


def _leap_step(tai_ns: int) -> int:
    step = bisect_right(_TAI_STARTS, tai_ns) - 1
    if step < 0:
        raise _before_1972(f"{_format_label(tai_ns)} TAI")
    return step


def _is_in_leap_second(tai_ns: int) -> bool:
    following = _leap_step(tai_ns) + 1
    return following < len(_TAI_STARTS) and tai_ns >= _TAI_STARTS[following] - NS_PER_SECOND


def _check_scale(scale: str) -> None:
    if scale not in get_args(TimeScale):
        raise InvalidInputError(
            f"there is no time scale {scale!r}", remedy=f"Use one of {', '.join(get_args(TimeScale))}."
        )


def _unreadable(text: object, scale: str, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"{text!r} is no time in {scale.upper()}: {reason}",
        remedy="Write it like 2013-06-17, 2013-06-17 12:30 or 2013-06-17T12:30:59.123456789.",
    )


def _before_1972(shown: str) -> InvalidInputError:
    return InvalidInputError(
        f"{shown} is before 1972, when UTC had no whole leap seconds",
        remedy="Give and show such times in TAI or TT.",
    )
