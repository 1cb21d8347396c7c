r"""Patterns of ``LIKE`` and ``GLOB`` taken apart once, so that every backend means the same by them.

A backslash makes the next character stand for itself, whatever it is.
"""

from __future__ import annotations

import enum
import re
from typing import NamedTuple, TypeAlias


class Wildcard(enum.Enum):
    """The part of a pattern that fits more than one text."""

    ANY_TEXT = "any text"
    """Any number of characters, or none."""
    ANY_CHARACTER = "any character"
    """Exactly one character."""


PatternPart: TypeAlias = str | Wildcard

_GLOB = {"*": Wildcard.ANY_TEXT, "?": Wildcard.ANY_CHARACTER}
_LIKE = {"%": Wildcard.ANY_TEXT, "_": Wildcard.ANY_CHARACTER}
_AS_LIKE = {wildcard: character for character, wildcard in _LIKE.items()}
_AS_REGEX = {Wildcard.ANY_TEXT: ".*", Wildcard.ANY_CHARACTER: "."}


class Pattern(NamedTuple):
    """Texts and wildcards in a row; matches all of a string, case-sensitively."""

    parts: tuple[PatternPart, ...]
    """Neighbouring characters are joined into one text; no text is empty."""

    @classmethod
    def from_glob(cls, pattern: str) -> Pattern:
        """Read the pattern of a ``GLOB``; ValueError if it ends in a lone backslash."""
        return cls(_split(pattern, _GLOB))

    @classmethod
    def from_like(cls, pattern: str) -> Pattern:
        """Read the pattern of a ``LIKE``; ValueError if it ends in a lone backslash."""
        return cls(_split(pattern, _LIKE))

    @property
    def literal(self) -> str | None:
        """The one text that matches, if there are no wildcards."""
        if not self.parts:
            return ""
        first = self.parts[0]
        return first if len(self.parts) == 1 and isinstance(first, str) else None

    @property
    def prefix(self) -> str:
        """The text that whatever matches begins with; may be empty."""
        first = self.parts[0] if self.parts else ""
        return first if isinstance(first, str) else ""

    def to_like(self) -> str:
        """Write the pattern for SQL's ``LIKE`` with a backslash as its escape character."""
        return "".join(
            re.sub(r"([\\%_])", r"\\\1", part) if isinstance(part, str) else _AS_LIKE[part]
            for part in self.parts
        )

    def to_regex(self) -> re.Pattern[str]:
        """Make the regular expression whose ``fullmatch`` is true for what matches."""
        source = "".join(re.escape(part) if isinstance(part, str) else _AS_REGEX[part] for part in self.parts)
        return re.compile(source, re.DOTALL)


def _split(pattern: str, wildcards: dict[str, Wildcard]) -> tuple[PatternPart, ...]:
    parts: list[PatternPart] = []
    text: list[str] = []
    characters = iter(pattern)
    for character in characters:
        if character == "\\":
            escaped = next(characters, None)
            if escaped is None:
                raise ValueError(f"pattern {pattern!r} ends in a backslash that escapes nothing")
            text.append(escaped)
        elif character in wildcards:
            if text:
                parts.append("".join(text))
                text.clear()
            parts.append(wildcards[character])
        else:
            text.append(character)
    if text:
        parts.append("".join(text))
    return tuple(parts)
