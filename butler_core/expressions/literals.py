"""Python values made into literals: what bind values and the operands of Python expressions may be."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import ValidationError

from butler_core.errors import InvalidInputError
from butler_core.expressions.tree import (
    BoolLiteral,
    Constant,
    EncodedRegionLiteral,
    FloatLiteral,
    IntLiteral,
    IntRange,
    ListItem,
    NullLiteral,
    Scalar,
    StringLiteral,
    TimeLiteral,
    TimespanLiteral,
    UuidLiteral,
)
from butler_core.models.timespan import Timespan
from butler_core.tai import datetime_to_tai, utc_to_tai

ListItems: TypeAlias = tuple[ListItem, ...]

_SCALARS = (NullLiteral, BoolLiteral, IntLiteral, FloatLiteral, StringLiteral, UuidLiteral, TimeLiteral)


def to_literal(value: Any, what: str = "value") -> Constant:
    """Make the literal of one Python value; `what` names it in the error.

    None, bools, numbers (numpy's too), strings, UUIDs, datetimes (naive ones are UTC), numpy's datetime64 (UTC),
    astropy's times, `Timespan`, and regions with an ``encode`` method.

    Raises `InvalidInputError` if there is no literal for it, or none that a database could hold.
    """
    try:
        literal = _to_literal(value)
    except ValidationError as exc:
        raise InvalidInputError(
            f"{what} {_shown(value)} cannot be used: {validation_problem(exc)}",
            remedy="Integers must fit 64 bits, floats be finite, strings be without NUL and lone surrogates.",
        ) from exc
    if literal is None:
        raise InvalidInputError(
            f"{what} {_shown(value)} is of type {type(value).__name__}, for which there is no literal",
            remedy="Use None, a bool, int, float, str, UUID, datetime, astropy Time, Timespan or region.",
        )
    return literal


def to_scalar(value: Any, what: str = "value") -> Scalar:
    """Make a literal that a list may hold: as `to_literal`, but no timespan and no region."""
    literal = to_literal(value, what)
    if isinstance(literal, _SCALARS):
        return literal
    raise InvalidInputError(
        f"{what} {_shown(value)} is of type {type(value).__name__}, which a list may not hold",
        remedy="Compare with OVERLAPS, or with several conditions joined by OR.",
    )


def is_collection(value: Any) -> bool:
    """Whether `to_list_items` rather than `to_literal` should take the value: a list, set, range, array or their like."""
    if isinstance(value, str | bytes | Mapping) or callable(getattr(value, "encode", None)):
        return False
    return isinstance(value, Iterable) and getattr(value, "shape", None) != ()


def to_list_items(values: Iterable[Any], what: str = "value") -> ListItems:
    """Make what `In` holds of many Python values: in their order, but sets sorted, so that equal ones give equal trees.

    A range stays a range, whatever its size.  Raises `InvalidInputError` as `to_scalar` does, naming the index.
    """
    if isinstance(values, range):
        return _range_items(values, what)
    kind = _array_kind(values)
    # An array's own numbers are slow to take one by one; but its times would become integers.
    elements = values.tolist() if kind not in ("", "M") and hasattr(values, "tolist") else values
    items = tuple(to_scalar(value, f"{what}[{index}]") for index, value in enumerate(elements))
    return tuple(sorted(items, key=_sort_key)) if isinstance(values, Set) else items


def validation_problem(error: ValidationError) -> str:
    """Say in one line what is wrong with the first of a node's fields."""
    return str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")


def _to_literal(value: Any) -> Constant | None:
    if value is None:
        return NullLiteral()
    if isinstance(value, bool):
        return BoolLiteral(value=value)
    if isinstance(value, str):
        return StringLiteral(value=str(value))
    if isinstance(value, float):  # numpy's float64 is one
        return FloatLiteral(value=float(value))
    if isinstance(value, UUID):
        return UuidLiteral(value=str(value))
    if isinstance(value, Timespan):
        return TimespanLiteral.of(value)
    if isinstance(value, datetime):
        return TimeLiteral(value=datetime_to_tai(value))
    return _foreign_literal(value)


def _foreign_literal(value: Any) -> Constant | None:
    """Take in what other libraries make, without importing any of them."""
    if type(value).__module__.startswith("astropy.time"):
        return TimeLiteral(value=_begin_of(Timespan.from_astropy(value, None)))
    kind = _array_kind(value)
    if kind == "M":  # numpy's datetime64: no time zone, UTC by convention
        nanoseconds = value.astype("datetime64[ns]").astype("int64")
        return TimeLiteral(value=utc_to_tai(int(nanoseconds)))
    if kind and getattr(value, "shape", None) == ():
        item = value.item()
        # Where numpy has no better type than its own, there is no literal either.
        return None if type(item) is type(value) else _to_literal(item)
    if hasattr(value, "__index__"):
        return IntLiteral(value=operator.index(value))
    encode = getattr(value, "encode", None)
    data = encode() if callable(encode) else None
    return EncodedRegionLiteral(data=data.hex()) if isinstance(data, bytes) else None


def _array_kind(value: Any) -> str:
    """Return numpy's letter for the type of an array or of one of its numbers; empty for anything else."""
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    return kind if isinstance(kind, str) else ""


def _begin_of(timespan: Timespan) -> int:
    begin = timespan.begin
    if begin is None:
        raise InvalidInputError("a time without end is no time", remedy="Give one moment.")
    return begin


def _range_items(values: range, what: str) -> ListItems:
    if not values:
        return ()
    first, last = sorted((values[0], values[-1]))
    try:
        return (IntRange(start=first, stop=last, step=abs(values.step)),)
    except ValidationError as exc:
        raise InvalidInputError(
            f"{what} {values!r} cannot be used: {validation_problem(exc)}",
            remedy="Integers must fit 64 bits.",
        ) from exc


def _sort_key(item: ListItem) -> tuple[str, Any]:
    return item.kind, getattr(item, "value", None)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
