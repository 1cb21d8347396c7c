"""What changed between versions of Rubin's universe, as far as a record of an old one tells.

=======  ==========================================================================================================
version  change
=======  ==========================================================================================================
1        visits lose ``seeing`` and get ``day_obs``, which is computed where it is missing
2        which visit systems a visit belongs to is a table: visits and visit definitions lose ``visit_system``
6        ``group`` and ``day_obs`` are dimensions: exposures lose ``group_name`` and ``group_id``
7        exposures get ``can_see_sky``
8        new elements only
=======  ==========================================================================================================

Columns that are new are left out, so they are null.  Columns may be called as in exports (``id``) or canonically (``visit``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from butler_core.errors import IncompatibleError, InvalidInputError
from butler_core.models.timespan import Timespan

OLDEST, NEWEST = 0, 8
OLDEST_TARGET = 6
"""The oldest version that records can be brought into."""

_NS_PER_SECOND = 1_000_000_000

ImpliedRecord = tuple[str, dict[str, Any]]


class Converted(NamedTuple):
    """A record in its new version, and records of other elements that the old one took for granted."""

    record: dict[str, Any]
    implied: list[ImpliedRecord]
    """Element and record; the element's table may have a fuller record of the same key already, which is to stay."""


def convert(element: str, record: Mapping[str, Any], from_version: int, to_version: int) -> Converted:
    """Bring a record of one version into another.

    Parameters
    ----------
    element
        The dimension element.
    record
        Its values; a timespan is a `Timespan` or a pair of its ends.
    from_version
        Version of the universe that it comes from, 0 to 8.
    to_version
        Version of the universe that it goes to, 6 to 8.

    Raises
    ------
    IncompatibleError
        If there is no way from the one to the other without losing a value.
    """
    if not OLDEST <= from_version <= NEWEST or not OLDEST_TARGET <= to_version <= NEWEST:
        raise IncompatibleError(
            f"Records of version {from_version} of Rubin's universe cannot be brought into version {to_version}.",
            remedy=f"Versions {OLDEST} to {NEWEST} can be brought into {OLDEST_TARGET} to {NEWEST}; "
            "later ones need a later butler-rubin.",
        )
    result = Converted(dict(record), [])
    step = _STEPS.get(element)
    if step is not None and from_version < OLDEST_TARGET:
        step(result, from_version)
    if element == "exposure" and to_version < 7 and result.record.pop("can_see_sky", None) is not None:
        raise IncompatibleError(
            f"Exposure {_key(result.record, 'exposure')} has can_see_sky, which version {to_version} cannot keep.",
            remedy="Use a repository of version 7 or later.",
        )
    return result


def old_dimensions(dimensions: list[str], from_version: int) -> list[str]:
    """Return what a dataset type's or data ID's dimensions are called since: visits imply their visit system no more."""
    if from_version < 2 and "visit" in dimensions:
        return [name for name in dimensions if name != "visit_system"]
    return dimensions


def _convert_visit(result: Converted, from_version: int) -> None:
    record = result.record
    instrument = record.get("instrument")
    if from_version < 1:
        record.pop("seeing", None)
    if from_version < 2:
        system = record.pop("visit_system", None)
        if system is not None:
            visit = _key(record, "visit")
            result.implied.append(
                (
                    "visit_system_membership",
                    {"instrument": instrument, "visit_system": system, "visit": visit},
                )
            )
    _add_day_obs(result)


def _convert_visit_definition(result: Converted, from_version: int) -> None:
    if from_version < 2:
        record = result.record
        system = record.pop("visit_system", None)
        if system is not None and record.get("visit") is not None:
            membership = {
                "instrument": record.get("instrument"),
                "visit_system": system,
                "visit": record["visit"],
            }
            result.implied.append(("visit_system_membership", membership))


def _convert_exposure(result: Converted, from_version: int) -> None:
    record = result.record
    name, number = record.pop("group_name", None), record.pop("group_id", None)
    if name is None:
        # An exposure that nobody grouped is a group of its own: the dimension needs a value.
        name = record.get("obs_id") if number is None else str(number)
    if name is not None:
        record["group"] = name
        result.implied.append(("group", {"instrument": record.get("instrument"), "group": name}))
    _add_day_obs(result)


_STEPS = {
    "visit": _convert_visit,
    "visit_definition": _convert_visit_definition,
    "exposure": _convert_exposure,
}


def _add_day_obs(result: Converted) -> None:
    """Name the night, computed if need be, and imply its record; when the night began is known to its instrument only."""
    record = result.record
    if record.get("day_obs") is None:
        record["day_obs"] = _date_of(record.get("timespan"))
    if record["day_obs"] is not None:
        night = {"instrument": record.get("instrument"), "day_obs": record["day_obs"]}
        result.implied.append(("day_obs", night))


def _date_of(timespan: Any) -> int | None:
    """Return the TAI date on which a timespan begins, as YYYYMMDD."""
    if timespan is None:
        return None
    begin = _begin(timespan)
    if begin is None:
        return None
    moment = datetime.fromtimestamp(
        begin // _NS_PER_SECOND, tz=UTC
    )  # TAI read as if it were UTC: only the date is wanted
    return moment.year * 10_000 + moment.month * 100 + moment.day


def _begin(timespan: Any) -> int | None:
    if isinstance(timespan, Timespan):
        return None if timespan.is_empty else timespan.begin
    try:
        begin, end = timespan
        return None if begin is None or (end is not None and end <= begin) else int(begin)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"A timespan cannot be {timespan!r}.",
            remedy="Give a Timespan, or a pair of its ends in TAI nanoseconds.",
        ) from error


def _key(record: Mapping[str, Any], dimension: str) -> Any:
    return record["id"] if "id" in record else record.get(dimension)
