"""What a datastore of files needs of a place for artifacts: the few primitives that differ from store to store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

from butler_core.contracts.datastore import ArtifactStat
from butler_core.contracts.formatter import ArtifactSink, ArtifactSource
from butler_core.models.names import ArtifactName, ChecksumAlgorithm, Uri

AdoptMode: TypeAlias = Literal["copy", "move", "hardlink", "link", "symlink", "relsymlink"]
"""How a file becomes an artifact.  ``move`` leaves the source for later; ``link`` is a hard link, else a symbolic one."""


class Written(NamedTuple):
    """What is known of an artifact once it is written."""

    size_bytes: int
    checksum: str | None
    """``algorithm:hex``; None unless asked for."""


class ArtifactBatch(ABC):
    """The artifacts that one batch makes: first all are written, then all are published.

    Whoever uses it stops at the first error; its journal says what may be there.
    """

    @abstractmethod
    def write(self, artifact: ArtifactName, fill: Callable[[ArtifactSink], None]) -> Written:
        """Let ``fill`` write one artifact.  Raises `BatchFencedError` if the batch was barred."""

    @abstractmethod
    def adopt(self, artifact: ArtifactName, path: str, mode: AdoptMode) -> Written:
        """Make an artifact of a local file.

        Raises
        ------
        InvalidInputError
            If the file cannot be read, or not taken in this way.
        BatchFencedError
            If the batch was barred.
        """

    @abstractmethod
    def publish(self) -> None:
        """Show everything that was written under its name, each whole or not at all; durable on return.

        Raises
        ------
        DatasetExistsError
            If one of the names is taken; nothing is ever replaced.
        BatchFencedError
            If the batch was barred.
        """


class ArtifactStore(ABC):
    """A place for artifacts, such as a directory or a bucket.  Names are relative to its root; safe for many threads."""

    root: Uri
    """Where it is, as an absolute URI without a slash at the end."""

    @abstractmethod
    def begin(self, batch_id: UUID, *, checksums: ChecksumAlgorithm | None = None) -> ArtifactBatch:
        """Begin to write for a batch, with checksums if an algorithm is given.  Raises `BatchFencedError` if it was barred."""

    @abstractmethod
    def bar(self, batch_id: UUID) -> None:
        """See to it that the batch's writer, wherever it is, makes no artifact any more; remove what it wrote aside."""

    @abstractmethod
    def source(
        self,
        artifact: ArtifactName,
        size_bytes: int | None,
        member: str | None,
        checksum: str | None = None,
    ) -> ArtifactSource:
        """Return an artifact to read from; nothing is opened yet.

        What it returns raises `CorruptError` if the artifact is not there, not as long as ``size_bytes``, or has another
        checksum than this one; all name it.
        """

    @abstractmethod
    def delete(self, artifacts: Iterable[tuple[ArtifactName, str | None]]) -> None:
        """Delete by name and, if given, identity; absent ones are fine.  Durable on return."""

    @abstractmethod
    def stat(
        self, artifacts: Iterable[ArtifactName], *, checksums: ChecksumAlgorithm | None = None
    ) -> Iterator[ArtifactStat]:
        """Describe those that are there."""

    @abstractmethod
    def list(
        self, *, checksums: ChecksumAlgorithm | None = None, after: ArtifactName = ""
    ) -> Iterator[ArtifactStat]:
        """Describe everything under the root except journals, staging and what was set aside, sorted, from behind a name on."""

    @abstractmethod
    def set_aside(self, artifacts: Iterable[tuple[ArtifactName, str | None]]) -> set[ArtifactName]:
        """Move artifacts out of the way: see `butler_core.contracts.datastore.Datastore.set_aside`."""

    @abstractmethod
    def bring_back(self, artifacts: Iterable[ArtifactName], *, batch_id: UUID) -> set[ArtifactName]:
        """Move what was set aside back: see `butler_core.contracts.datastore.Datastore.bring_back`."""

    @abstractmethod
    def stat_set_aside(self) -> Iterator[ArtifactStat]:
        """Describe what was set aside: see `butler_core.contracts.datastore.Datastore.stat_set_aside`."""

    @abstractmethod
    def uri(self, artifact: ArtifactName) -> Uri:
        """Return an artifact's absolute URI."""

    @abstractmethod
    def contains(self, path: str) -> bool:
        """Whether an absolute local path without symbolic links lies in the store, or is of what makes the repository."""

    @abstractmethod
    def fetch(self, artifact: ArtifactName, path: str, mode: AdoptMode) -> None:
        """Bring an artifact to a local path that is free; `ConflictError` if it is not."""

    @abstractmethod
    def remove_sources(self, files: Iterable[tuple[str, str]]) -> None:
        """Remove local files that were moved in, by path and identity (`butler_core.files.local.file_identity`).

        Absent ones are fine.  Raises `ConflictError` if one has changed since it was looked at, or another has taken its name:
        what it holds now was not taken in, so it stays; the others go all the same.
        """

    @abstractmethod
    def close(self) -> None:
        """Release what it holds; may be called again."""
