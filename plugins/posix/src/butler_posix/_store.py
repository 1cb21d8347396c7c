"""Artifacts as files below one directory: written aside and linked into place, never replaced, never seen in part."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO
from uuid import UUID

from butler_core.contracts.datastore import ArtifactStat
from butler_core.contracts.formatter import ArtifactSink, ArtifactSource
from butler_core.errors import (
    ButlerError,
    ConflictError,
    DatasetExistsError,
    IncompatibleError,
    InternalError,
    InvalidInputError,
)
from butler_core.files.checksums import HashingWriter, checksum_of, checksum_of_bytes
from butler_core.files.local import (
    LocalSource,
    explain,
    file_identity,
    path_to_uri,
    time_of_change,
    uri_to_path,
)
from butler_core.files.names import RESERVED, check_artifact, extension_of, is_absolute
from butler_core.files.store import AdoptMode, ArtifactBatch, ArtifactStore, Written
from butler_core.models.names import ArtifactName, ChecksumAlgorithm, Uri
from butler_posix import _io
from butler_posix._adopt import adopt_file
from butler_posix._directories import Directories, leads_out
from butler_posix._moving import LOST, Moving, walk
from butler_posix._staging import Staging, fenced

# At the root of a repository whose datastore has no directory of its own.
_NOT_ARTIFACTS = frozenset(
    {RESERVED, "butler.yaml", *(f"registry.sqlite3{suffix}" for suffix in ("", "-wal", "-shm", "-journal"))}
)


class PosixSink:
    """One artifact being written, in the staging directory."""

    __slots__ = ("_checksums", "_path", "_writer", "checksum", "size_bytes")

    def __init__(self, path: str, checksums: ChecksumAlgorithm | None) -> None:
        self._path = path
        self._checksums = checksums
        self._writer: HashingWriter | None = None
        self.size_bytes: int | None = None
        """None unless `write` was used."""
        self.checksum: str | None = None

    def write(self, data: bytes) -> None:
        """Write all of it at once."""
        _io.write_new(self._path, data)
        self.size_bytes = len(data)
        if self._checksums:
            self.checksum = checksum_of_bytes(data, self._checksums)

    def open(self) -> BinaryIO:
        """Open it for writing."""
        if not self._checksums:
            return _io.open_new(self._path)
        self._writer = _io.open_hashing(self._path, self._checksums)
        return self._writer

    def find_checksum(self) -> str | None:
        """Return the checksum of what was written, if it is wanted, without reading it again where that is possible."""
        if not self._checksums:
            return None
        return checksum_of(self._path, self._checksums) if self._writer is None else self._writer.checksum()

    @contextmanager
    def local_path(self) -> Iterator[str]:
        """Give its path."""
        yield self._path


class PosixBatch(ArtifactBatch):
    """The artifacts of one batch.  Made by `PosixStore.begin`."""

    def __init__(
        self, store: PosixStore, batch_id: UUID, directory: str, checksums: ChecksumAlgorithm | None
    ) -> None:
        self._store = store
        self._batch_id = batch_id
        self._directory = directory
        self._checksums = checksums
        self._staged: list[tuple[str, ArtifactName]] = []

    def _stage(self, artifact: ArtifactName) -> str:
        """Return the path at which an artifact is written aside; it ends as the artifact does, as some formats want."""
        path = f"{self._directory}/{next(self._store.counter):x}{extension_of(artifact)}"
        self._staged.append((path, check_artifact(artifact)))
        return path

    def write(self, artifact: ArtifactName, fill: Callable[[ArtifactSink], None]) -> Written:
        """Let ``fill`` write one artifact: see `ArtifactBatch.write`."""
        path = self._stage(artifact)
        sink = PosixSink(path, self._checksums)
        try:
            fill(sink)
            if sink.size_bytes is None:
                return Written(os.stat(path).st_size, sink.find_checksum())
            return Written(sink.size_bytes, sink.checksum)
        except FileNotFoundError as error:
            self._check_barred(error)
            if not os.path.lexists(path):
                raise InternalError(
                    f"The formatter wrote nothing for {artifact!r}.", remedy="Report this to its plugin."
                ) from error
            raise
        except OSError as error:
            raise explain(error, "write", path) from error

    def adopt(self, artifact: ArtifactName, path: str, mode: AdoptMode) -> Written:
        """Make an artifact of a local file: see `ArtifactBatch.adopt`."""
        staged = self._stage(artifact)
        try:
            final = f"{self._store.directories.root}/{artifact}"
            checksum = adopt_file(path, staged, mode, final, self._checksums)
            size_bytes = os.stat(path if os.path.islink(staged) else staged).st_size
            return Written(size_bytes, checksum)
        except FileNotFoundError as error:
            self._check_barred(error)
            raise InvalidInputError(
                f"{path} has gone while it was ingested.", remedy="Check the path."
            ) from error
        except OSError as error:
            raise explain(error, f"{mode} to {staged} the file", path) from error

    def publish(self) -> None:
        """Link everything into place: see `ArtifactBatch.publish`."""
        store = self._store
        directories = store.directories
        staged, self._staged = self._staged, []
        try:
            if directories.durable:
                # A symbolic link has no content of its own: it is an entry of its directory, which is synced below.
                directories.sync_files([path for path, _ in staged if not os.path.islink(path)])
            for path, artifact in staged:
                self._link(path, artifact)
            if directories.durable:
                directories.sync(artifact.rpartition("/")[0] for _, artifact in staged)
        except FileNotFoundError as error:
            self._check_barred(error)
            raise
        except OSError as error:
            raise explain(error, "publish artifacts in", directories.root) from error

    def _link(self, path: str, artifact: ArtifactName) -> None:
        directories = self._store.directories
        target = f"{directories.root}/{artifact}"
        directories.prepare(artifact.rpartition("/")[0])
        try:
            _io.link(path, target)
        except OSError as error:
            self._link_again(path, target, artifact, error)
        try:
            _io.unlink(path)
        except FileNotFoundError:
            # Barred after it was linked: whoever did that looks for the artifact only now, and the batch cannot commit.
            return

    def _link_again(self, path: str, target: str, artifact: ArtifactName, error: OSError) -> None:
        """Find out what an error means: a network file system may have made the link and lost the answer."""
        if isinstance(error, FileNotFoundError):
            self._check_barred(error, path)
            directory = artifact.rpartition("/")[0]
            self._store.directories.forget(directory)
            self._store.directories.prepare(directory)
            try:
                _io.link(path, target)
                return
            except OSError as second:
                error = second
        try:
            mine, there = os.lstat(path), os.lstat(target)
        except FileNotFoundError:
            self._check_barred(error, path)
            raise explain(error, "link into place", target) from error
        if (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino):
            raise DatasetExistsError(
                f"Artifact {artifact!r} exists already; nothing is ever written over it.",
                remedy="If no dataset needs it, remove it.",
                artifact=artifact,
            ) from error

    def _check_barred(self, error: Exception, path: str | None = None) -> None:
        """Raise `BatchFencedError` if the staging directory, or a file in it, was taken away."""
        if not os.path.lexists(path or self._directory):
            raise fenced(self._batch_id) from error


class PosixStore(ArtifactStore):
    """A directory of artifacts.

    Parameters
    ----------
    directories
        The directories below the root.
    staging
        Where batches are written aside; the same as the journals'.
    repository
        The repository's root, absolute and without symbolic links: what makes the repository is not taken in.
    """

    def __init__(self, directories: Directories, staging: Staging, repository: str) -> None:
        self.directories = directories
        self._repository_files = frozenset(f"{repository}/{name}" for name in _NOT_ARTIFACTS)
        self.root: Uri = path_to_uri(directories.root)
        self.counter = itertools.count()
        """Gives the files that are written aside their names."""
        self._staging = staging

    def begin(self, batch_id: UUID, *, checksums: ChecksumAlgorithm | None = None) -> ArtifactBatch:
        """Begin to write for a batch: see `ArtifactStore.begin`."""
        return PosixBatch(self, batch_id, self._staging.directory(batch_id), checksums)

    def bar(self, batch_id: UUID) -> None:
        """Take away the batch's staging directory: see `ArtifactStore.bar`."""
        self._staging.bar(batch_id)

    def source(
        self,
        artifact: ArtifactName,
        size_bytes: int | None,
        member: str | None,
        checksum: str | None = None,
    ) -> ArtifactSource:
        """Return an artifact to read from: see `ArtifactStore.source`."""
        if is_absolute(artifact):
            return LocalSource(_local(artifact), artifact, size_bytes, member, checksum)
        directory = check_artifact(artifact).rpartition("/")[0]
        if not self.directories.is_inside(directory):
            raise leads_out(artifact, self.directories.root)
        return LocalSource(f"{self.directories.root}/{artifact}", artifact, size_bytes, member, checksum)

    def delete(self, artifacts: Iterable[tuple[ArtifactName, str | None]]) -> None:
        """Delete by name and identity: see `ArtifactStore.delete`."""
        inside: dict[str, bool] = {}
        problem: ButlerError | None = None
        for artifact, identity in artifacts:
            directory = check_artifact(artifact).rpartition("/")[0]
            if directory not in inside:
                inside[directory] = self.directories.is_inside_now(directory)
            if inside[directory] and artifact not in _NOT_ARTIFACTS:  # else it is no artifact of ours
                try:
                    self._delete(f"{self.directories.root}/{artifact}", identity)
                except ButlerError as error:
                    problem = problem or error  # the others go all the same
        try:
            self.directories.sync_removals(directory for directory, is_inside in inside.items() if is_inside)
        except OSError as error:
            raise explain(error, "sync", self.directories.root) from error
        if problem is not None:
            raise problem

    def _delete(self, path: str, identity: str | None) -> None:
        try:
            if identity is None or file_identity(os.lstat(path)) == identity:
                _io.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise explain(error, "delete", path) from error

    def stat(
        self, artifacts: Iterable[ArtifactName], *, checksums: ChecksumAlgorithm | None = None
    ) -> Iterator[ArtifactStat]:
        """Describe those that are there: see `ArtifactStore.stat`."""
        for artifact in artifacts:
            if is_absolute(artifact):
                path = _local(artifact)
            elif artifact in _NOT_ARTIFACTS:
                continue
            elif self.directories.is_inside(check_artifact(artifact).rpartition("/")[0]):
                path = f"{self.directories.root}/{artifact}"
            else:
                continue
            try:
                yield _describe(artifact, path, os.lstat(path), checksums)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise explain(error, "look at", path) from error

    def list(
        self, *, checksums: ChecksumAlgorithm | None = None, after: ArtifactName = ""
    ) -> Iterator[ArtifactStat]:
        """Describe everything: see `ArtifactStore.list`.

        Raises `UnavailableError` if the root is no datastore's directory: then its file system is not mounted.
        """
        self.directories.check_root()
        yield from _describe_all(walk(self.directories.root, after, _NOT_ARTIFACTS), checksums)

    def set_aside(self, artifacts: Iterable[tuple[ArtifactName, str | None]]) -> set[ArtifactName]:
        """Move artifacts out of the way: see `ArtifactStore.set_aside`."""
        wanted = [
            (check_artifact(artifact), identity)
            for artifact, identity in artifacts
            if artifact not in _NOT_ARTIFACTS
        ]
        return Moving(self.directories, "", LOST).move(wanted)

    def bring_back(self, artifacts: Iterable[ArtifactName], *, batch_id: UUID) -> set[ArtifactName]:
        """Move what was set aside back: see `ArtifactStore.bring_back`."""
        wanted = [(check_artifact(artifact), None) for artifact in artifacts]
        staging = self._staging.directory(batch_id)
        try:
            return Moving(self.directories, LOST, "", f"{staging}/{next(self.counter):x}").move(wanted)
        except FileNotFoundError as error:
            raise fenced(batch_id) from error

    def stat_set_aside(self) -> Iterator[ArtifactStat]:
        """Describe what was set aside: see `ArtifactStore.stat_set_aside`."""
        if self.directories.is_inside_now(LOST):
            yield from _describe_all(walk(f"{self.directories.root}/{LOST}", "", ()), None)

    def uri(self, artifact: ArtifactName) -> Uri:
        """Return an artifact's absolute URI."""
        return path_to_uri(f"{self.directories.root}/{artifact}")

    def contains(self, path: str) -> bool:
        """Whether a path lies in the root, or is of what makes the repository."""
        return self.directories.contains(path) or path in self._repository_files

    def fetch(self, artifact: ArtifactName, path: str, mode: AdoptMode) -> None:
        """Bring an artifact to a local path: see `ArtifactStore.fetch`."""
        with self.source(artifact, None, None).local_path() as source:
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                adopt_file(source, path, mode, path)
            except FileExistsError as error:
                raise ConflictError(
                    f"{path} exists already.", remedy="Export to an empty directory."
                ) from error
            except OSError as error:
                raise explain(error, "export to", path) from error

    def remove_sources(self, files: Iterable[tuple[str, str]]) -> None:
        """Remove local files that were moved in: see `ArtifactStore.remove_sources`."""
        problem: ButlerError | None = None
        for path, identity in files:
            try:
                if file_identity(os.stat(path)) == identity:
                    _io.unlink(path)
                else:
                    problem = problem or _changed(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                problem = problem or explain(error, "remove, after it was ingested,", path)
        if problem is not None:
            raise problem

    def close(self) -> None:
        """Do nothing: there is nothing open."""


def _local(uri: Uri) -> str:
    try:
        return uri_to_path(uri)
    except InvalidInputError as error:
        raise IncompatibleError(
            f"{uri} cannot be read by a datastore of local files.",
            remedy="Use a datastore that can reach it.",
        ) from error


def _changed(path: str) -> ConflictError:
    return ConflictError(
        f"{path} was ingested, but is not what it was when that began, so it was not removed.",
        remedy="Look what it holds now: remove it if the dataset has all of it, else ingest it as another dataset.",
        path=path,
    )


def _describe_all(
    entries: Iterable[tuple[ArtifactName, os.DirEntry[str]]], checksums: ChecksumAlgorithm | None
) -> Iterator[ArtifactStat]:
    """Describe the entries of directories that are still there."""
    for name, entry in entries:
        try:
            yield _describe(name, entry.path, entry.stat(follow_symlinks=False), checksums)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise explain(error, "look at", entry.path) from error


def _describe(
    artifact: ArtifactName, path: str, status: os.stat_result, checksums: ChecksumAlgorithm | None
) -> ArtifactStat:
    """Describe a file; a symbolic link by what it points to, with 0 bytes if that is not there."""
    size_bytes, checksum, is_dangling = status.st_size, None, False
    if stat.S_ISLNK(status.st_mode):
        try:
            size_bytes = os.stat(path).st_size
        except OSError:
            size_bytes, checksums, is_dangling = 0, None, True
    if checksums:
        checksum = checksum_of(path, checksums)
    return ArtifactStat(
        artifact, size_bytes, checksum, file_identity(status), time_of_change(status), is_dangling
    )
