"""What a caller asks to be verified, in the Registry's terms, and parts of a report put together for him."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import EllipsisType

from butler_core.client_cache import Definitions
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import CollectionName, CollectionPattern
from butler_core.models.reports import SetAside, VerificationFinding, VerificationReport
from butler_core.verification.pairs import Scope

MAX_FINDINGS = 10_000
"""A report that has so many ends with the part that brought them, and says where to go on."""


def make_scope(
    definitions: Definitions,
    collections: CollectionPattern,
    dataset_types: DatasetType | str | Iterable[DatasetType | str] | EllipsisType,
    defaults: Sequence[CollectionName],
) -> Scope:
    """Return which datasets patterns stand for; a name that there is not is an error."""
    if collections is None:
        collections = defaults
    names = None if collections is ... else definitions.match_collections(collections)
    if dataset_types is ...:
        return Scope(names)
    types = definitions.match_dataset_types(dataset_types)
    # A component is in the artifact of its parent, or has one of its own by the parent's record.
    return Scope(names, tuple(dict.fromkeys(each.name.partition(".")[0] for each in types)))


class Gathering:
    """Parts of a verification, put together until they have `MAX_FINDINGS`."""

    def __init__(self) -> None:
        self._findings: list[VerificationFinding] = []
        self._checked = 0
        self._checked_bytes = 0
        self._resume: str | None = None
        self._set_aside: tuple[SetAside, ...] = ()

    def take(self, parts: Iterable[VerificationReport]) -> VerificationReport:
        """Take in parts while there is room, and return all that was taken in."""
        for part in parts:
            self._findings += part.findings
            self._checked += part.checked
            self._checked_bytes += part.checked_bytes
            self._resume = part.resume
            self._set_aside = part.set_aside or self._set_aside
            if len(self._findings) >= MAX_FINDINGS and part.resume is not None:
                break
        return self.report()

    def report(self) -> VerificationReport:
        """Return what was taken in so far."""
        return VerificationReport(
            findings=tuple(self._findings),
            checked=self._checked,
            checked_bytes=self._checked_bytes,
            resume=self._resume,
            set_aside=self._set_aside,
        )
