"""Every exception that butler raises on purpose, grouped by what a handler would do.

::

    ButlerError
    ├── NotFoundError (LookupError)         look elsewhere, or create it
    │   ├── DatasetNotFoundError
    │   ├── DatasetNotStoredError
    │   ├── DatasetTypeNotFoundError
    │   └── CollectionNotFoundError
    ├── ConflictError                       read again, then retry or choose otherwise
    │   ├── DatasetExistsError
    │   ├── DefinitionConflictError
    │   ├── InUseError
    │   ├── PreconditionError
    │   └── BatchFencedError
    ├── InvalidInputError (ValueError)      mend the call
    │   ├── DataIdError
    │   ├── AmbiguousLookupError
    │   ├── QueryError
    │   └── ConfigurationError
    ├── UnavailableError                    wait and retry
    │   └── OutcomeUnknownError
    ├── ForbiddenError                      ask for rights, or log in
    ├── CorruptError                        restore, or run verify
    ├── IncompatibleError                   install or upgrade
    │   └── PluginError
    └── InternalError                       report a bug
"""

import re
from collections.abc import Mapping, Set
from typing import Any, ClassVar

_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class ButlerError(Exception):
    """Base class; match on `code`, whose meaning never changes.

    Errors pickle, and cross HTTP through `to_dict` and `from_dict`, unchanged.

    Parameters
    ----------
    problem
        What is wrong, naming the place and the value.
    remedy
        What the reader can do about it; also shown as a note below the traceback.
    **details
        Facts for programs.  They are kept as JSON built-ins, so that an error can be made of whatever is at hand:
        a set becomes a sorted list, a UUID or a path its text.  The detail ``code`` is special: it replaces the
        code of the class by a narrower one, such as ``read-only``.
    """

    code: str = "butler"
    """The name of the class in kebab-case without "error", or something narrower."""
    remedy: str
    """What the reader can do about it; empty if nothing is known to help."""
    details: Mapping[str, Any]
    """Facts for programs: JSON built-ins only, no secrets."""

    _known: ClassVar[dict[str, type["ButlerError"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            cls.code = _WORD_BOUNDARY.sub("-", cls.__name__.removesuffix("Error")).lower()
        # Not those of plugins: they may have another constructor, or be missing at the other end.
        if cls.__module__ == __name__:
            ButlerError._known[cls.__name__] = cls

    def __init__(self, problem: str, *, remedy: str = "", **details: Any) -> None:
        super().__init__(problem)
        if "code" in details:
            self.code = str(details.pop("code"))
        self.remedy = remedy
        self.details = _to_builtins(details)
        if remedy:
            self.add_note(_remedy_note(remedy))

    def to_dict(self) -> dict[str, Any]:
        """Describe the error in JSON built-ins, for `from_dict` at the other end of a wire."""
        notes: list[str] = getattr(self, "__notes__", [])
        return {
            "kinds": [c.__name__ for c in type(self).__mro__ if issubclass(c, ButlerError)],
            "code": self.code,
            "problem": str(self),
            "remedy": self.remedy,
            "details": dict(self.details),
            "notes": [note for note in notes if note != _remedy_note(self.remedy)],
        }

    @staticmethod
    def from_dict(description: Mapping[str, Any]) -> "ButlerError":
        """Make the error that `to_dict` described.

        A kind that is not known here, such as a plugin's own, becomes the nearest of its bases that is.

        Raises `InvalidInputError` if `description` does not describe an error.
        """
        try:
            kinds, problem = list(description["kinds"]), str(description["problem"])
            remedy, code = str(description["remedy"]), str(description["code"])
            details, notes = dict(description["details"]), list(description["notes"])
        except (KeyError, TypeError, ValueError) as exc:
            raise InvalidInputError(
                f"{description!r} does not describe an error of butler: {type(exc).__name__}: {exc}",
                remedy="Check that the address is that of a butler server of a matching version.",
            ) from exc
        cls = next((ButlerError._known[kind] for kind in kinds if kind in ButlerError._known), ButlerError)
        error = cls(problem, remedy=remedy)
        error.code = code
        error.details = _to_builtins(details)
        for note in notes:
            error.add_note(str(note))
        return error


def _remedy_note(remedy: str) -> str:
    return f"Remedy: {remedy}"


def _order(item: Any) -> tuple[str, Any]:
    """Sort numbers as numbers, and let mixed types stand beside each other."""
    return (type(item).__name__, item if type(item) in (bool, int, float, str) else str(item))


def _to_builtins(value: Any) -> Any:
    """Turn any value into what JSON keeps as it is; never fails, since it runs while an error is being reported."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _to_builtins(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted(map(_to_builtins, value), key=_order)
    if isinstance(value, list | tuple):
        return [_to_builtins(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return value.hex()
    return str(value)


class NotFoundError(ButlerError, LookupError):
    """Something that was named does not exist: look elsewhere, or create it."""


class DatasetNotFoundError(NotFoundError):
    """No such dataset where it was looked for: search other collections, or make it."""


class DatasetNotStoredError(NotFoundError):
    """The dataset is registered, but its bytes were dropped on purpose: make it again, or do without."""


class DatasetTypeNotFoundError(NotFoundError):
    """No dataset type has this name: mend the name, or register it."""


class CollectionNotFoundError(NotFoundError):
    """No collection has this name: mend the name, or register it."""


class ConflictError(ButlerError):
    """What is there contradicts what was asked, and nothing was applied: read again, then retry or choose otherwise."""


class DatasetExistsError(ConflictError):
    """The data ID or UUID is taken in the RUN: use the existing dataset, or another RUN."""


class DefinitionConflictError(ConflictError):
    """The same name or key exists with other content: use the existing definition, or another name."""


class InUseError(ConflictError):
    """A removal would break something that stays: remove that too, or keep both."""


class PreconditionError(ConflictError):
    """What a ``require_*`` demanded does not hold: read again and decide anew."""


class BatchFencedError(ConflictError):
    """A recovery took this writer for dead and undid its batch: run it again."""


class InvalidInputError(ButlerError, ValueError):
    """The call can never succeed as it stands: mend it."""


class DataIdError(InvalidInputError):
    """A data ID lacks a value, has one too many or a wrong one: mend the data ID."""


class AmbiguousLookupError(InvalidInputError):
    """Several things fit where one was asked for: choose one of ``details["candidates"]``."""


class QueryError(InvalidInputError):
    """A query cannot be understood: mend ``details["text"]`` at ``["position"]`` (characters from 0), see ``["valid"]``."""


class ConfigurationError(InvalidInputError):
    """A configuration is wrong: mend ``details["key"]`` of ``["file"]``, where ``["expected"]`` belongs."""


class UnavailableError(ButlerError):
    """A service does not answer at present: wait and retry."""


class OutcomeUnknownError(UnavailableError):
    """Nobody can say whether a batch was applied: keep journal and artifacts, ask later for ``details["batch_id"]``."""


class ForbiddenError(ButlerError):
    """The caller may not do this: ask for rights, or log in (codes ``read-only``, ``not-authenticated``)."""


class CorruptError(ButlerError):
    """Stored content is missing, changed or damaged: restore it, or run verify to see how far it goes."""


class IncompatibleError(ButlerError):
    """Versions do not fit (schema, universe, format), or something is not installed: install or upgrade it."""


class PluginError(IncompatibleError):
    """A plugin is missing, broken, too old or too new, or its name is claimed twice: mend the installation."""


class InternalError(ButlerError):
    """Butler broke one of its own rules: report a bug."""
