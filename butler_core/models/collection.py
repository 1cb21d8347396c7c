"""Collections: their kinds, what is said of one, and the ways in which sets and sequences are edited."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import NamedTuple

from butler_core.models.names import CollectionDocumentation, CollectionName


class CollectionType(enum.Enum):
    """What a collection is, fixed when it is registered."""

    RUN = "run"
    """The one owner of its datasets; at most one for a dataset type and data ID."""
    TAGGED = "tagged"
    """Chosen datasets; at most one for a dataset type and data ID."""
    CHAINED = "chained"
    """An ordered list of other collections, searched first to last."""
    CALIBRATION = "calibration"
    """Datasets with validity timespans that do not overlap for one dataset type and data ID."""

    @classmethod
    def all(cls) -> frozenset[CollectionType]:
        """Return every type."""
        return frozenset(cls)


class SequenceEditMode(enum.Enum):
    """How the children of a chain are changed."""

    ASSIGN = "assign"
    """Exactly these."""
    REMOVE = "remove"
    """Without these, by name or position; an absent name is ignored."""
    EXTEND = "extend"
    """With these at the end; moves what is there already."""
    PREPEND = "prepend"
    """With these at the front; moves what is there already."""


class SetInsertMode(enum.Enum):
    """What becomes of something that is there already, when rows are inserted."""

    INSERT_OR_FAIL = "insert-or-fail"
    INSERT_OR_SKIP = "insert-or-skip"
    INSERT_OR_REPLACE = "insert-or-replace"


class SetEditMode(enum.Enum):
    """How the members of a TAGGED collection are changed; the first three values are `SetInsertMode`'s."""

    INSERT_OR_FAIL = "insert-or-fail"
    INSERT_OR_SKIP = "insert-or-skip"
    INSERT_OR_REPLACE = "insert-or-replace"
    ASSIGN = "assign"
    """Exactly these, for the dataset types given."""
    REMOVE = "remove"
    """Without these; an absent one is an error."""
    DISCARD = "discard"
    """Without these; an absent one is ignored."""


class CollectionInfo(NamedTuple):
    """What there is to know of one collection without looking at its datasets."""

    name: CollectionName
    type: CollectionType
    doc: CollectionDocumentation = ""
    children: Sequence[CollectionName] | None = None
    """Direct children in search order; None unless CHAINED."""
