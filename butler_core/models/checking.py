"""What users give, checked for its kind when it is given: names, UUIDs, members of an enumeration."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from butler_core.errors import InvalidInputError

_E = TypeVar("_E", bound=enum.Enum)


def read_name(given: Any, what: str) -> str:
    """Return a name that must be one; ``what`` says of what, for the error."""
    if isinstance(given, str):
        return given
    raise InvalidInputError(
        f"{given!r} of type {type(given).__name__} is no name of {what}.", remedy="Give the name as text."
    )


def read_names(given: Any, what: str) -> tuple[str, ...]:
    """Return several names, or a lone one, as they are now; ``what`` says of what, for the error."""
    return (
        (given,)
        if isinstance(given, str)
        else tuple(read_name(item, what) for item in read_items(given, what))
    )


def read_items(given: Any, what: str) -> tuple[Any, ...]:
    """Return what an iterable gives, whatever becomes of it later; ``what`` says of what, for the error."""
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise InvalidInputError(
            f"{given!r} of type {type(given).__name__} is no list of {what}.", remedy="Give a list."
        )
    return tuple(given)


def read_pairs(given: Any, what: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of names; ``what`` says of what, for the error."""
    pairs = tuple(read_names(pair, what) for pair in read_items(given, f"pairs of {what}"))
    for pair in pairs:
        if len(pair) != 2:
            raise InvalidInputError(
                f"{pair!r} is no pair of {what}.", remedy="Give a list of pairs: [('visit', 'tract')]."
            )
    return tuple((first, second) for first, second in pairs)


def read_uuid(given: Any) -> UUID:
    """Return a UUID that was given as such or as text."""
    if isinstance(given, UUID):
        return given
    try:
        return UUID(given)
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{given!r} is no UUID.", remedy="Give that of a ref: ref.uuid.") from error


def read_member(members: type[_E], given: Any, what: str) -> _E:
    """Return a member of an enumeration; ``what`` names the argument."""
    if isinstance(given, members):
        return given
    names = ", ".join(f"{members.__name__}.{member.name}" for member in members)
    raise InvalidInputError(f"{what}={given!r} is none of: {names}.", remedy="Give one of these.")


def read_mapping(given: Any, what: str) -> Mapping[str, Any]:
    """Return a mapping by name, empty for None; ``what`` names the argument."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise InvalidInputError(
            f"{what}={given!r} is no mapping by name.", remedy=f"Give {what}={{'name': value}}."
        )
    return given
