"""What a column holds, and how a value that a user gives becomes the one form that everything inside works with.

Inside, a value of type ``time`` is an int (TAI nanoseconds), of ``timespan`` a `Timespan`, of ``region`` and ``bytes`` plain
bytes; every other type is the Python type of its name.  The *raw* form, for batches and the wire, uses JSON's own types
only: bytes and regions are lower-case hexadecimal text, a timespan is ``[begin, end]``.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias, get_args
from uuid import UUID

from butler_core import tai
from butler_core.errors import InvalidInputError
from butler_core.models import lookup
from butler_core.models.names import ColumnName
from butler_core.models.timespan import Timespan

ColumnType: TypeAlias = Literal[
    "int", "float", "string", "bool", "bytes", "uuid", "time", "timespan", "region"
]
COLUMN_TYPES: frozenset[str] = frozenset(get_args(ColumnType))

MAX_INT = 1 << 63
"""Ints are less, and not less than its negative: what 64 bits hold."""


class ColumnInfo(NamedTuple):
    """One column, as users see it."""

    name: ColumnName
    """Name within its element, dataset type or table."""
    type: ColumnType
    """int, float, string, bool, bytes, uuid, time, timespan or region."""
    unit: str = ""
    """Unit of the values, such as ``s`` or ``deg``; empty if they have none."""
    doc: str = ""
    """What the values mean."""
    nullable: bool = True
    """Whether a value may be missing."""


def to_int(value: Any) -> int:
    """Accept an int, or what counts as one (numpy's integers), within signed 64 bits; never a bool."""
    if value.__class__ is not int:
        if isinstance(value, bool):
            raise TypeError("a bool is not an int")
        value = operator.index(value)
    if not -MAX_INT <= value < MAX_INT:
        raise ValueError("an int must fit 64 bits")
    return int(value)


def to_string(value: Any) -> str:
    """Accept text without NUL characters and without lone surrogates, which no database keeps."""
    if not isinstance(value, str):
        raise TypeError("not a string")
    if not value.isascii():
        value.encode()
    if "\0" in value:
        raise ValueError("a string may not contain NUL")
    return str(value)


def check_text(text: str, what: str) -> str:
    """Return text that can be kept; `InvalidInputError` for what no database, file or message holds."""
    try:
        return to_string(text)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{what} cannot be {text!r}: {error}.",
            remedy="Give text in Unicode, without NUL; surrogates come from names that were read in another encoding.",
        ) from error


def _to_float(value: Any) -> float:
    if isinstance(value, (bool, str, bytes)):
        raise TypeError("not a float")
    number = float(value)
    if math.isnan(number):
        raise ValueError("NaN is not a value: use None for a missing one")
    return number


def _to_bool(value: Any) -> bool:
    if value is True or value is False:
        return value
    if type(value).__name__ in ("bool_", "bool"):  # numpy's
        return bool(value)
    raise TypeError("not a bool")


def _to_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return bytes.fromhex(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TypeError("neither bytes nor hexadecimal text")


def _to_uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        return UUID(value)
    raise TypeError("neither a UUID nor its text")


def _to_time(value: Any) -> int:
    if isinstance(value, str):
        return tai.parse_iso(value)
    if isinstance(value, datetime):
        return tai.datetime_to_tai(value)
    return to_int(value)


def _to_timespan(value: Any) -> Timespan:
    if isinstance(value, Timespan):
        return value
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return Timespan.from_raw(value)
    raise TypeError("neither a Timespan nor a pair of its ends")


def _to_region(value: Any) -> Any:
    # The bytes of a region are checked by the universe's geometry, in `convert`.
    return _to_bytes(value) if isinstance(value, (str, bytes, bytearray, memoryview)) else value


_CONVERTERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "int": (to_int, "an int of at most 64 bits"),
    "float": (_to_float, "a float"),
    "string": (to_string, "text"),
    "bool": (_to_bool, "True or False"),
    "bytes": (_to_bytes, "bytes, or hexadecimal text"),
    "uuid": (_to_uuid, "a UUID"),
    "time": (_to_time, "TAI nanoseconds, ISO text or a datetime"),
    "timespan": (_to_timespan, "a Timespan, or a pair of its ends"),
    "region": (_to_region, "a region, its encoded bytes, or these as hexadecimal text"),
}


def convert(column: ColumnInfo, value: Any, where: str, geometry: str | None) -> Any:
    """Bring a user's value into the form used inside.

    Parameters
    ----------
    column
        What the value is for.
    value
        The value; None only if the column is nullable.
    where
        The place, for the error: ``visit.exposure_time``.
    geometry
        Name of the geometry plugin that regions are checked with; None leaves their bytes unchecked.

    Raises
    ------
    InvalidInputError
        If the value is of another type, out of range, NaN, missing, or a region that does not decode.
    """
    if value is None:
        if column.nullable:
            return None
        raise InvalidInputError(
            f"{where} is missing, and may not be.", remedy=f"Give {_CONVERTERS[column.type][1]}."
        )
    converter, expected = _CONVERTERS[column.type]
    try:
        value = converter(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInputError(
            f"{where} cannot be {value!r}: {error}.", remedy=f"Give {expected}.", place=where
        ) from error
    if column.type == "region":
        return _check_region(value, where, geometry)
    return value


def _check_region(value: Any, where: str, geometry: str | None) -> bytes:
    if geometry is None:
        if isinstance(value, bytes):
            return value
        raise InvalidInputError(
            f"{where} is a {type(value).__name__}, but the universe names no geometry to encode it.",
            remedy="Give encoded bytes, or add 'geometry' to the universe.",
        )
    plugin = lookup.geometry(geometry)
    try:
        if not isinstance(value, bytes):
            return plugin.encode(value)
        plugin.decode(value)
        return value
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{where} is not a region that geometry {geometry!r} understands: {error}",
            remedy="Give a region object of that geometry, or what its encode() returned.",
            place=where,
        ) from error


def to_raw(value: Any) -> Any:
    """Turn a value of the form used inside into its raw form, of JSON's own types."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Timespan):
        return value.to_raw()
    if isinstance(value, UUID):
        return str(value)
    return value
