"""`Timespan`, a half-open interval of time: the value of every ``timespan`` column and of calibrations' validity."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, final

from butler_core.errors import IncompatibleError, InvalidInputError
from butler_core.tai import MAX_NS, MIN_NS, TimeScale, check_ns, datetime_to_tai, format_iso, parse_iso

# Just beyond every time there is.  An open end is held as one of these, and the empty timespan begins at the last and
# ends at the first: so plain comparisons of integers give the right answer for open ends and empty timespans too.
_BEFORE_ALL = MIN_NS - 1
_AFTER_ALL = MAX_NS + 1


@final
class Timespan:
    """`[begin, end)` in TAI nanoseconds since 1970-01-01T00:00:00 TAI, signed 64-bit; None is unbounded.

    Frozen and hashable.  A timespan whose `begin` is not before its `end` is empty, and all empty ones are equal.

    Raises `InvalidInputError` if a bound is no integer, or does not fit into 64 bits.
    """

    __slots__ = ("_begin", "_end")

    _begin: int
    _end: int

    def __init__(self, begin: int | None = None, end: int | None = None) -> None:
        if begin.__class__ is int and end.__class__ is int and _BEFORE_ALL < begin < end < _AFTER_ALL:
            self._begin, self._end = begin, end  # nothing to ask: the usual case
            return
        first = _BEFORE_ALL if begin is None else check_ns(begin, "begin")
        last = _AFTER_ALL if end is None else check_ns(end, "end")
        self._begin, self._end = (first, last) if first < last else (_AFTER_ALL, _BEFORE_ALL)

    @classmethod
    def empty(cls) -> Timespan:
        """Make the timespan that holds no time at all."""
        return cls(0, 0)

    @classmethod
    def from_instant(cls, time_ns: int) -> Timespan:
        """Make the timespan of one nanosecond that begins at `time_ns`."""
        return cls(time_ns, check_ns(time_ns, "instant") + 1)

    @classmethod
    def from_iso(cls, begin: str | None, end: str | None, scale: TimeScale = "tai") -> Timespan:
        """Read the bounds as `butler_core.tai.parse_iso` does; None is unbounded."""
        return cls(
            None if begin is None else parse_iso(begin, scale),
            None if end is None else parse_iso(end, scale),
        )

    @classmethod
    def from_datetime(cls, begin: datetime | None, end: datetime | None) -> Timespan:
        """Convert the bounds exactly, taking naive ones as UTC; None is unbounded."""
        return cls(
            None if begin is None else datetime_to_tai(begin),
            None if end is None else datetime_to_tai(end),
        )

    @classmethod
    def from_astropy(cls, begin: Any | None, end: Any | None) -> Timespan:
        """Convert two scalar `astropy.time.Time`, each rounded to the nearest nanosecond; None is unbounded.

        Raises `IncompatibleError` if astropy is not installed.
        """
        return cls(
            None if begin is None else _astropy_to_ns(begin),
            None if end is None else _astropy_to_ns(end),
        )

    @classmethod
    def from_raw(cls, raw: Sequence[int | None]) -> Timespan:
        """Make a timespan of what `to_raw` gave."""
        if not isinstance(raw, list | tuple) or len(raw) != 2:
            raise InvalidInputError(
                f"{raw!r} is no timespan",
                remedy="Give [begin, end] in TAI nanoseconds, with null for an open end.",
            )
        return cls(raw[0], raw[1])

    def to_raw(self) -> list[int | None]:
        """Give ``[begin, end]`` as JSON holds it, None for an open end; the empty timespan is ``[0, 0]``."""
        begin, end = self._begin, self._end
        if begin >= end:
            return [0, 0]
        return [None if begin == _BEFORE_ALL else begin, None if end == _AFTER_ALL else end]

    @property
    def begin(self) -> int | None:
        """The first nanosecond that belongs to it; None if unbounded.  `InvalidInputError` on an empty timespan."""
        self._refuse_empty("begin")
        return None if self._begin == _BEFORE_ALL else self._begin

    @property
    def end(self) -> int | None:
        """The first nanosecond after it; None if unbounded.  `InvalidInputError` on an empty timespan."""
        self._refuse_empty("end")
        return None if self._end == _AFTER_ALL else self._end

    @property
    def is_empty(self) -> bool:
        """Whether it holds no time at all."""
        return self._begin == _AFTER_ALL

    @property
    def duration_ns(self) -> int | None:
        """How long it lasts, in nanoseconds; None if unbounded."""
        if self.is_empty:
            return 0
        if self._begin == _BEFORE_ALL or self._end == _AFTER_ALL:
            return None
        return self._end - self._begin

    def to_iso(self, scale: TimeScale = "tai") -> tuple[str | None, str | None]:
        """Write both bounds as ISO text, None if unbounded.  `InvalidInputError` on an empty timespan."""
        begin, end = self.begin, self.end
        return (
            None if begin is None else format_iso(begin, scale),
            None if end is None else format_iso(end, scale),
        )

    def overlaps(self, other: Timespan | int) -> bool:
        """Whether some time belongs to both; never with an empty one."""
        if isinstance(other, Timespan):
            return self._begin < other._end and other._begin < self._end
        return self._begin <= check_ns(other) < self._end

    def contains(self, other: Timespan | int) -> bool:
        """Whether all of `other` belongs to it; everything contains the empty timespan."""
        if isinstance(other, Timespan):
            return self._begin <= other._begin and other._end <= self._end
        return self._begin <= check_ns(other) < self._end

    def intersection(self, *others: Timespan) -> Timespan:
        """Return the time that belongs to all of them."""
        begin = max([self._begin, *(other._begin for other in others)])
        end = min([self._end, *(other._end for other in others)])
        return _from_bounds(begin, end)

    def difference(self, other: Timespan) -> tuple[Timespan, ...]:
        """Return what remains without `other`: none, one or two timespans, in order."""
        if not self.overlaps(other):
            return () if self.is_empty else (self,)
        pieces = (_from_bounds(self._begin, other._begin), _from_bounds(other._end, self._end))
        return tuple(piece for piece in pieces if not piece.is_empty)

    def _refuse_empty(self, attribute: str) -> None:
        if self.is_empty:
            raise InvalidInputError(f"an empty timespan has no {attribute}", remedy="Ask is_empty first.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Timespan):
            return NotImplemented
        return self._begin == other._begin and self._end == other._end

    def __hash__(self) -> int:
        return hash((self._begin, self._end))

    def __repr__(self) -> str:
        return "Timespan.empty()" if self.is_empty else f"Timespan(begin={self.begin}, end={self.end})"

    def __str__(self) -> str:
        if self.is_empty:
            return "(empty)"
        begin, end = self.to_iso()
        return f"{'(-∞' if begin is None else f'[{begin}'}, {'∞' if end is None else end})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Timespan.from_raw, (self.to_raw(),)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let pydantic models have fields of this type; in JSON they are as `to_raw` gives them."""
        # Only pydantic calls this, so that nobody else pays for the import.
        from pydantic_core import core_schema

        bound = core_schema.nullable_schema(core_schema.int_schema(strict=True))
        pair = core_schema.tuple_schema([bound, bound], strict=False)
        raw = core_schema.no_info_after_validator_function(cls.from_raw, pair)
        return core_schema.json_or_python_schema(
            json_schema=raw,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), raw]),
            serialization=core_schema.plain_serializer_function_ser_schema(
                cls.to_raw, return_schema=core_schema.list_schema(bound), when_used="json"
            ),
        )


def _from_bounds(begin: int, end: int) -> Timespan:
    """Make a timespan of bounds as they are held within, which need no checks."""
    timespan = Timespan.__new__(Timespan)
    timespan._begin, timespan._end = (begin, end) if begin < end else (_AFTER_ALL, _BEFORE_ALL)
    return timespan


def _astropy_to_ns(time: Any) -> int:
    try:
        astropy_time = importlib.import_module("astropy.time")
    except ImportError as exc:
        raise IncompatibleError(
            f"astropy cannot be imported: {exc}", remedy="pip install astropy, or use Timespan.from_datetime."
        ) from exc
    if not isinstance(time, astropy_time.Time) or not time.isscalar or time.masked:
        raise InvalidInputError(
            f"{time!r} is no single astropy.time.Time", remedy="Give a scalar Time that is not masked."
        )
    try:
        tai = time.tai
    except astropy_time.ScaleValueError as exc:
        raise InvalidInputError(
            f"{time!r} cannot be converted to TAI: {exc}", remedy="Give a Time in scale utc, tai, tt or tdb."
        ) from exc
    # A Julian date is two floats; as fractions they add up exactly.
    days = Fraction(float(tai.jd1)) + Fraction(float(tai.jd2)) - Fraction("2440587.5")
    return round(days * 86_400_000_000_000)
