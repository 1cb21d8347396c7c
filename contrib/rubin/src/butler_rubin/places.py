"""Where in an export something stands, for errors that say so."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

from butler_core.errors import ButlerError, InvalidInputError

_Error = TypeVar("_Error", bound=ButlerError)


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int
    """Counted from 1."""

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"

    def refuse(self, problem: str, remedy: str) -> InvalidInputError:
        """Make the error for something that is wrong here."""
        return InvalidInputError(f"{self}: {problem}", remedy=remedy, file=self.file, line=self.line)

    def locate(self, error: _Error) -> _Error:
        """Make an error that says the same, and where."""
        details = {**error.details, "file": self.file, "line": self.line}
        return type(error)(f"{self}: {error}", remedy=error.remedy, **details)
