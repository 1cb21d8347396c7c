"""What upkeep and transfers report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from butler_core.models.journal import BatchOutcome, WriterIdentity
from butler_core.models.model_config import FROZEN
from butler_core.models.names import ArtifactName, CollectionName, DatastoreId, Durability


class TransferReport(BaseModel):
    """What an import or transfer took in."""

    model_config = FROZEN

    datasets: int = 0
    skipped: int = 0
    """Already there."""
    files: int = 0
    size_bytes: int | None = 0
    """None where sizes are not recorded."""
    chunks: int = 0
    missing: tuple[UUID, ...] = ()
    """Recorded as stored, not found."""


class JournalInfo(BaseModel):
    """One open journal; damaged and foreign ones have a `problem` and little else."""

    model_config = FROZEN

    datastore: DatastoreId
    name: str
    batch_id: UUID | None
    kind: Literal["write", "remove", "graph"] | None
    run: CollectionName | None
    begun: datetime | None
    """UTC."""
    writer: WriterIdentity | None
    artifacts: int
    size_bytes: int | None
    outcome: BatchOutcome
    problem: str = ""
    """Why it is left alone: damaged, foreign, newer format; else empty."""


class RecoveryReport(BaseModel):
    """What recovery found and did."""

    model_config = FROZEN

    finished: tuple[JournalInfo, ...] = ()
    waiting: tuple[JournalInfo, ...] = ()
    """Their writer lives, or nobody can tell."""
    left_alone: tuple[JournalInfo, ...] = ()
    kept: int = 0
    """Artifacts that some record names."""
    deleted: int = 0
    freed_bytes: int | None = 0


class VerificationFinding(BaseModel):
    """Something that is not as it should be."""

    model_config = FROZEN

    kind: Literal["missing", "unknown", "size", "checksum", "journal", "unreadable"]
    """``missing``: records name an artifact that is not there.  ``unknown``: neither records nor journals name it.  ``size``,
    ``checksum``: it is not what was recorded.  ``journal``: one that its writer will not end.  ``unreadable``: the store
    does not let it be looked at."""
    datastore: DatastoreId
    artifact: ArtifactName
    """Of a journal, its name."""
    uuids: tuple[UUID, ...]
    """The datasets in it."""
    detail: str
    repaired: bool


class SetAside(BaseModel):
    """What a datastore holds of all that was ever set aside, and neither brought back nor deleted by hand."""

    model_config = FROZEN

    datastore: DatastoreId
    artifacts: int
    size_bytes: int
    oldest: datetime | None
    """When the oldest of it was written (UTC); None where that is not known."""


class VerificationReport(BaseModel):
    """What a verification found."""

    model_config = FROZEN

    findings: tuple[VerificationFinding, ...]
    checked: int
    """Artifacts that were compared."""
    checked_bytes: int
    """How long they are."""
    resume: str | None
    """Token to go on with; None when done."""
    set_aside: tuple[SetAside, ...] = ()
    """Of each datastore that has any, at the verification's begin; after a repair, as it left them."""


class RepositoryInfo(BaseModel):
    """What a repository is made of."""

    model_config = FROZEN

    repository_id: UUID
    universe: tuple[str, int]
    """Namespace and version."""
    registry: str
    datastores: Mapping[DatastoreId, str]
    """Plugin names."""
    durability: Durability
    versions: Mapping[str, int]
    """Of schema parts, journals and the configuration."""
