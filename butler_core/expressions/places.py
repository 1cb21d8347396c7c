"""Errors that show the place in a text where something is wrong."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from butler_core.errors import QueryError

_WINDOW = 100
"""How many characters of a long line are shown."""


def error_at(
    text: str, position: int, problem: str, *, remedy: str = "", valid: Iterable[str] = ()
) -> QueryError:
    """Make an error about a place in a text: `position` counts characters from 0, `valid` is what would do there."""
    choices = list(valid)
    return QueryError(
        f"{problem}, at character {position} of the expression:\n{show_place(text, position)}",
        remedy=remedy or (f"Valid here: {', '.join(choices)}." if choices else ""),
        text=text,
        position=position,
        valid=choices,
    )


def show_place(text: str, position: int) -> str:
    """Show the line of a text that has the position, and a caret below it."""
    begin = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    line = text[begin : len(text) if end < 0 else end]
    column = position - begin
    first = max(0, min(column - _WINDOW // 2, len(line) - _WINDOW))
    cut = line[first : first + _WINDOW]
    head = "..." if first else ""
    tail = "..." if first + _WINDOW < len(line) else ""
    shown = "".join(character if character.isprintable() else " " for character in cut)
    before = len(head) + sum(map(_width, shown[: column - first]))
    return f"    {head}{shown}{tail}\n    {' ' * before}^"


def _width(character: str) -> int:
    """Return how many columns of a terminal a printable character takes."""
    if unicodedata.category(character) in ("Mn", "Me"):  # it stands upon the one before
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
