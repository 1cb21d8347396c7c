"""Errors about the names in a condition: the place in the text, and the names that would have been valid."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from butler_core.errors import QueryError
from butler_core.expressions.places import error_at

_SHOWN = 30
"""How many valid names a message lists; the details have all."""


def unknown_name_error(text: str, name: str, valid: Iterable[str]) -> QueryError:
    """Make the error about a name that nothing answers to; `text` is the whole condition, `valid` the names that are."""
    choices = sorted(set(valid))
    near = _similar(name, choices)
    if near:
        remedy = f"Did you mean {' or '.join(near)}?"
    elif choices:
        more = f" and {len(choices) - _SHOWN} more" if len(choices) > _SHOWN else ""
        remedy = f"Valid names are: {', '.join(choices[:_SHOWN])}{more}."
    else:
        remedy = "There are no names to choose from here."
    return name_error(text, name, f"unknown name {name!r}", remedy=remedy, valid=choices)


def ambiguous_name_error(text: str, name: str, candidates: Iterable[str]) -> QueryError:
    """Make the error about a bare name that several columns answer to."""
    choices = sorted(set(candidates))
    remedy = f"Write one of: {', '.join(choices)}."
    return name_error(text, name, f"ambiguous name {name!r}", remedy=remedy, valid=choices)


def name_error(
    text: str, name: str, problem: str, *, remedy: str = "", valid: Iterable[str] = ()
) -> QueryError:
    """Make an error about a name in a condition, which shows where the name first stands."""
    position = find_name(text, name)
    if position is not None:
        return error_at(text, position, problem, remedy=remedy, valid=valid)
    where = f" in {text!r}" if text else ""
    return QueryError(f"{problem}{where}", remedy=remedy, text=text, position=None, valid=list(valid))


def find_name(text: str, name: str) -> int | None:
    """Return where a name first stands in a text, in characters from 0; None if it does not."""
    # Late, for lark's sake: conditions that were built in Python never need it, unless there is something to show.
    from butler_core.expressions.builder import name_positions

    try:
        return name_positions(text).get(name)
    except QueryError:  # the text is for people: whoever sent it need not have made it of the tree
        return None


def _similar(name: str, choices: list[str]) -> list[str]:
    """Find what was probably meant: other case, a missing or wrong part before the dot, a slip."""
    lowered = name.lower()
    same = [choice for choice in choices if choice.lower() == lowered]
    last = name.rpartition(".")[2]
    ending = [choice for choice in choices if choice.rpartition(".")[2] == last]
    return (
        same[:3]
        or get_close_matches(name, ending, n=3, cutoff=0.0)
        or get_close_matches(name, choices, n=3, cutoff=0.7)
    )
