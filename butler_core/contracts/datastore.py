"""Where bytes are: what a datastore promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from pydantic import BaseModel

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.contracts.journal import JournalStore
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.model_config import FROZEN
from butler_core.models.names import (
    ArtifactName,
    ChecksumAlgorithm,
    DatastoreId,
    InMemoryDataset,
    Parameters,
    SignAction,
    TransferMode,
    Uri,
)
from butler_core.models.opaque import OpaqueTableBatch
from butler_core.models.results import GetResult, UriResult

GetRequest: TypeAlias = tuple[DatasetRef, Parameters | None]


class DatastoreAbilities(BaseModel):
    """What a datastore can do beyond the contract; drives code, tests and documentation alike."""

    model_config = FROZEN

    conditional_write: bool
    """Creating an artifact never replaces one."""
    delete_on_identity: bool
    """An artifact can be deleted only if it is still the one that was looked at."""
    consistent_listing: bool
    """A listing shows every write that finished before it."""
    range_reads: bool
    """Parts of an artifact can be read."""
    signs: frozenset[SignAction]
    has_artifacts: bool
    """False: datasets live whole in the records."""
    bars_writers: bool
    """Once `Datastore.delete_artifacts` returned, nothing that the batch's writer does, however late it wakes, makes an
    artifact: so its journal may go although nobody can prove that the writer is dead."""
    is_ephemeral: bool
    """Dies with the process; its records never reach a shared Registry."""


class DatastoreConfig(BaseModel):
    """Base of every datastore's configuration."""

    model_config = FROZEN

    type: str
    """The plugin's name."""
    datastore_id: DatastoreId = ""
    """Fixed when the repository is made; filled in then if empty."""

    def is_compatible_with(self, other: Mapping[str, Any]) -> bool:
        """Whether records made under ``other`` can be used as they are."""
        return other.get("type") == self.type and other.get("datastore_id") == self.datastore_id


class ArtifactStat(NamedTuple):
    """What a store says of one artifact."""

    artifact: ArtifactName
    size_bytes: int
    checksum: str | None
    """``algorithm:hex``, only if asked for; None too of what has no content, such as a link that leads nowhere."""
    identity: str
    """Inode, generation or ETag: another one under the same name is another artifact."""
    modified: datetime | None
    """UTC."""
    is_dangling: bool = False
    """Whether it is a link to what is gone: there is something to delete, and nothing to read."""


class Received(NamedTuple):
    """What taking in files gave."""

    records: OpaqueTableBatch
    """They replace any that were offered."""
    remove_sources: Callable[[], None]
    """For "move": to be called after the commit only."""


class Datastore(ABC):
    """Where bytes are.

    It runs no protocol: `butler_core.transactions` journals before each call and cleans up after it.  All refs that it gets are
    expanded.
    """

    config: DatastoreConfig
    bridge: DatastoreBridge
    journals: JournalStore
    abilities: DatastoreAbilities

    @abstractmethod
    def get_many(self, arg: Iterable[GetRequest], /) -> Iterator[GetResult]:
        """Read datasets, in any order: pair by index.

        Raises
        ------
        CorruptError
            If an artifact is gone or damaged; it is named.
        InvalidInputError
            For parameters that the dataset's storage class does not know.
        """

    @abstractmethod
    def get_many_uris(self, refs: Iterable[DatasetRef], *, signed: bool = False) -> Iterator[UriResult]:
        """Return absolute URIs: several for a disassembled dataset, none for what has no artifact."""

    @abstractmethod
    def put_many(
        self, arg: Iterable[tuple[InMemoryDataset, DatasetRef]], /, *, batch_id: UUID
    ) -> OpaqueTableBatch:
        """Write objects at the names that the refs' records predict; return complete records.

        Never over anything (`DatasetExistsError`); durable on return as the repository's durability says.  If it raises, some
        may be written: the caller's journal names them.
        """

    @abstractmethod
    def receive(
        self,
        file_datasets: Mapping[Uri | None, Sequence[FileDataset]],
        *,
        batch_id: UUID,
        transfer: TransferMode | None = "auto",
        own_absolute: bool = False,
        record_validation_info: bool = True,
        opaque_data: tuple[DatastoreConfig, OpaqueTableBatch] | None = None,
    ) -> Received:
        """Take in files at the names that their refs' records predict; return complete records.

        Parameters
        ----------
        file_datasets
            By the root of their relative paths; None: all absolute.
        batch_id
            The batch that they belong to.
        transfer
            How; "direct" leaves them where they are, and records their absolute URIs.
        own_absolute
            Whether the datastore may delete files at absolute URIs.
        record_validation_info
            Whether sizes are recorded.
        opaque_data
            Records that came along, and the configuration of the datastore that made them.

        Raises
        ------
        InvalidInputError
            If a file is not there, or lies inside the datastore's root.
        """

    @abstractmethod
    def delete_artifacts(
        self, artifacts: Iterable[tuple[ArtifactName, str | None]], *, batch_id: UUID
    ) -> None:
        """Delete by name and, if given, identity; absent ones are fine.

        First bars the batch's writer, so that it can write nothing more, wherever it is: removes its staging directory,
        aborts its uploads.  With no artifacts it does that alone.
        """

    @abstractmethod
    def stat_artifacts(
        self,
        artifacts: Iterable[ArtifactName] | None,
        *,
        checksums: ChecksumAlgorithm | None = None,
        after: ArtifactName = "",
    ) -> Iterator[ArtifactStat]:
        """Describe those that are there.

        Parameters
        ----------
        artifacts
            Which; absolute URIs too.  None lists everything under the root except journals, staging and what was set aside, in
            the order of its names by code points.
        checksums
            Compute checksums by this algorithm.
        after
            Of a listing: only what comes behind this name.

        Raises
        ------
        ForbiddenError, UnavailableError
            If the store does not let one be looked at; those that are given after it are not looked at either.
        """

    @abstractmethod
    def set_aside(self, artifacts: Iterable[tuple[ArtifactName, str | None]]) -> set[ArtifactName]:
        """Move artifacts, by name and, if given, identity, out of the way: nothing reads them, and nothing is lost.

        They keep their names, by which `bring_back` finds them, and `stat_set_aside` alone lists them.  Absent ones
        are fine; return what was moved, durably.
        """

    @abstractmethod
    def bring_back(self, artifacts: Iterable[ArtifactName], *, batch_id: UUID) -> set[ArtifactName]:
        """Move what was set aside back to its place, if that is free; return what was moved.  Durable on return.

        Raises `BatchFencedError` if the batch was barred, like all that makes artifacts.
        """

    @abstractmethod
    def stat_set_aside(self) -> Iterator[ArtifactStat]:
        """Describe what was set aside and not brought back, in the order of its names by code points."""

    @abstractmethod
    def export(
        self,
        refs: Iterable[DatasetRef],
        *,
        transfer: TransferMode | None = "auto",
        directory: Uri | None = None,
        return_records: bool = True,
    ) -> tuple[OpaqueTableBatch | None, dict[Uri | None, list[FileDataset]]]:
        """Return records, if wanted and any, and files by root.

        Files are transferred to ``directory`` unless ``transfer`` is None or "none".
        """

    @abstractmethod
    def close(self) -> None:
        """Release what it holds; may be called again."""
