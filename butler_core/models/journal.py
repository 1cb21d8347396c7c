"""Journals: the durable note of the artifacts that may exist without the Registry knowing."""

from __future__ import annotations

import enum
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel

from butler_core.models.model_config import FROZEN
from butler_core.models.names import ArtifactName, CollectionName, DatastoreId

JOURNAL_VERSION = 1
"""The version of the journal format that this code writes; it reads no newer one."""


class BatchOutcome(enum.Enum):
    """What the Registry says of a batch."""

    UNKNOWN = "unknown"
    """Nothing, so it is not applied; it may be yet."""
    COMMITTED = "committed"
    """It is applied."""
    FENCED = "fenced"
    """It is not applied and never will be."""


class WriterIdentity(BaseModel):
    """Which process wrote a journal; all five must match before anybody may say that it is gone."""

    model_config = FROZEN

    host: str
    boot_id: str
    """The kernel's random name of this boot."""
    pid_namespace: str
    """The kernel's name of the namespace in which `pid` means something."""
    pid: int
    process_start: int
    """In the kernel's ticks since boot."""


class JournalEntry(BaseModel):
    """One artifact of one dataset."""

    model_config = FROZEN

    uuid: UUID
    run: CollectionName
    component: str | None
    artifact: ArtifactName
    size_bytes: int | None


class Journal(BaseModel):
    """What one batch may leave behind, or take away, in one datastore and one RUN."""

    model_config = FROZEN

    version: int
    batch_id: UUID
    datastore_id: DatastoreId
    kind: Literal["write", "remove", "graph"]
    writer: WriterIdentity
    begun: AwareDatetime
    """UTC."""
    requests_until: AwareDatetime | None = None
    """UTC; object stores: the last moment at which a request of the writer can take effect."""
    entries: tuple[JournalEntry, ...]
    uploads: tuple[str, ...] = ()
    """Open multipart uploads, to be aborted."""
