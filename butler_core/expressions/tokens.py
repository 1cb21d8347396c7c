"""Single tokens of the ``where`` language read: names, numbers, strings, times, UUIDs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID

from lark import Token
from pydantic import ValidationError

from butler_core.errors import InvalidInputError
from butler_core.expressions.literals import validation_problem
from butler_core.expressions.tree import (
    BoolLiteral,
    FloatLiteral,
    IntLiteral,
    Name,
    NullLiteral,
    Scalar,
    StringLiteral,
    TimeLiteral,
    UuidLiteral,
)
from butler_core.tai import TimeScale, parse_iso

_SCALES: Mapping[str, TimeScale] = {"tai": "tai", "utc": "utc", "tt": "tt"}
_DIGITS_OF_INT64 = 19
_NAME_PART = re.compile(r"`([^`]+)`|([^\W\d]\w*)")


def read_scalar(token: Token) -> Scalar:
    """Read a token that is a constant; raises `InvalidInputError` if it stands for none."""
    try:
        return _read_scalar(token)
    except ValidationError as exc:
        raise InvalidInputError(f"{_shown(token)} cannot be used: {validation_problem(exc)}") from exc


def read_int(token: Token) -> int:
    """Read an INT token; raises `InvalidInputError` if it does not fit 64 bits."""
    text = "".join(token.split())
    # Checked before Python reads it: int() takes its time over very long texts, and refuses them in the end.
    if len(text.lstrip("+-0")) <= _DIGITS_OF_INT64:
        value = int(text)
        if -(2**63) <= value < 2**63:
            return value
    raise InvalidInputError(
        f"{_shown(token)} does not fit 64 bits", remedy="Write it as a float if it need not be exact."
    )


def read_name(token: Token) -> Name:
    """Read a NAME token; raises `InvalidInputError` if it has too many parts."""
    name = ".".join(quoted or plain for quoted, plain in _NAME_PART.findall(token))
    try:
        return Name(name=name)
    except ValidationError as exc:
        raise InvalidInputError(validation_problem(exc)) from exc


def read_string(token: Token) -> str:
    """Read a STRING token."""
    return token[1:-1].replace("''", "'")


def read_uuid(text: str) -> UuidLiteral:
    """Read the text of a UUID; raises `InvalidInputError` if it is none."""
    try:
        return UuidLiteral(value=str(UUID(text)))
    except ValueError as exc:
        raise InvalidInputError(
            f"{text!r} is no UUID", remedy="Write its 32 hexadecimal digits, with or without hyphens."
        ) from exc


def read_time(text: str) -> TimeLiteral:
    """Read what stands within ``T'...'``: ISO text, then perhaps a slash and the time scale, which else is TAI.

    Raises `InvalidInputError` if it is no time.
    """
    iso, slash, given = text.rpartition("/") if "/" in text else (text, "", "")
    scale = _SCALES.get(given.strip().lower()) if slash else ("utc" if iso.endswith("Z") else "tai")
    if scale is None:
        raise InvalidInputError(
            f"there is no time scale {given!r}",
            remedy="End in /tai, /utc or /tt, or in nothing for TAI.",
            valid=list(_SCALES),
        )
    return TimeLiteral(value=parse_iso(iso.strip(), scale))


def _read_scalar(token: Token) -> Scalar:
    match token.type:
        case "INT":
            return IntLiteral(value=read_int(token))
        case "FLOAT":
            return FloatLiteral(value=float("".join(token.split())))
        case "STRING":
            return StringLiteral(value=read_string(token))
        case "TIME":
            return read_time(read_string(Token("STRING", token[1:])))
        case "UUID":
            return read_uuid(str(token))
        case "NULL":
            return NullLiteral()
        case "TRUE" | "FALSE":
            return BoolLiteral(value=token.type == "TRUE")
    raise InvalidInputError(f"{_shown(token)} is no constant")


def _shown(token: Token) -> str:
    return token if len(token) <= 40 else f"{token[:37]}..."
