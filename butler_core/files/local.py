"""Files of this machine: their URIs, and reading them as artifacts."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import BinaryIO
from urllib.parse import quote, unquote, urlsplit

from butler_core.errors import ButlerError, CorruptError, ForbiddenError, InvalidInputError, UnavailableError
from butler_core.files.checksums import algorithm_of, checksum_of_bytes, checksum_of_stream
from butler_core.models.names import Uri, UriExpression

_FIRST_TIME = datetime(1000, 1, 1, tzinfo=UTC).timestamp()
_LAST_TIME = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]*+")
_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
_RIGHTS = (errno.EACCES, errno.EPERM, errno.EROFS)
_SPACE = (errno.ENOSPC, errno.EDQUOT)


def path_to_uri(path: str) -> Uri:
    """Return the URI of an absolute path."""
    return "file://" + (path if _PLAIN.fullmatch(path) else quote(path, errors="surrogateescape"))


def uri_to_path(uri: UriExpression) -> str:
    """Return the path of a ``file`` URI; a path is returned as it is.

    Raises `InvalidInputError` for a URI of another scheme or another host.
    """
    text = os.fspath(uri)
    if "://" not in text:
        return text
    parts = urlsplit(text)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        raise InvalidInputError(
            f"{text} is no file of this machine.",
            remedy="Copy it here first, or use a datastore that can reach it.",
        )
    return unquote(text.partition("://")[2][len(parts.netloc) :], errors="surrogateescape")


def explain(error: OSError, doing: str, path: str) -> ButlerError:
    """Return the error of ours that says what an operating system's error means for the user."""
    problem = f"Cannot {doing} {path}: {error.strerror or error}."
    if error.errno in _RIGHTS:
        return ForbiddenError(
            problem, remedy="Ask for the right to do so, or choose a place where you have it.", path=path
        )
    if error.errno in _SPACE:
        return UnavailableError(
            problem, remedy="Free some space and try again; nothing was stored.", path=path
        )
    return UnavailableError(problem, remedy="Check the file system, and try again.", path=path)


def file_identity(status: os.stat_result) -> str:
    """Return what tells a file from a later one of its name, even if that gets its inode number, and from itself once changed."""
    return f"{status.st_dev:x}:{status.st_ino:x}:{status.st_size:x}:{status.st_mtime_ns:x}"


def time_of_change(status: os.stat_result) -> datetime:
    """Return when a file was last changed (UTC): the nearest time of four-digit years, for files may have any."""
    return datetime.fromtimestamp(min(max(status.st_mtime, _FIRST_TIME), _LAST_TIME), UTC)


class LocalSource:
    """A local file as an artifact to read.

    Parameters
    ----------
    path
        Where it is.
    artifact
        What errors call it.
    size_bytes
        How long it must be; None: nobody knows.
    member
        Which part is wanted, for the formatter to find.
    checksum
        What checksum its content must have; None: whatever it has.
    """

    __slots__ = ("_artifact", "_checksum", "_path", "_size", "member")

    def __init__(
        self,
        path: str,
        artifact: str,
        size_bytes: int | None,
        member: str | None,
        checksum: str | None = None,
    ) -> None:
        self._path = path
        self._checksum = checksum
        self._artifact = artifact
        self._size = size_bytes
        self.member = member

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        if self._size is None:
            try:
                self._size = os.stat(self._path).st_size
            except OSError as error:
                raise self._unreadable(error) from error
        return self._size

    def read(self) -> bytes:
        """Return all of it."""
        try:
            descriptor = os.open(self._path, _READ)
            try:
                size = self._size
                if size is None:
                    size = os.fstat(descriptor).st_size
                # One byte more than there should be, so that a file that has grown is found out by the same call.
                data = os.read(descriptor, size + 1)
                if len(data) != size:
                    data = self._read_on(descriptor, data, size)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._unreadable(error) from error
        if self._checksum is not None:
            self._compare(checksum_of_bytes(data, algorithm_of(self._checksum)))
        return data

    def _read_on(self, descriptor: int, data: bytes, size: int) -> bytes:
        """Read what one call did not bring, as it may for more than two gigabytes."""
        parts, length = [data], len(data)
        while parts[-1] and length <= size:
            parts.append(os.read(descriptor, size + 1 - length))
            length += len(parts[-1])
        if length != size and self._size is not None:
            raise self._wrong_size(os.fstat(descriptor).st_size)
        return b"".join(parts)

    def open(self) -> BinaryIO:
        """Open it for reading."""
        try:
            stream = open(self._path, "rb")  # noqa: SIM115  (the caller closes it)
        except OSError as error:
            raise self._unreadable(error) from error
        if self._size is not None and (found := os.fstat(stream.fileno()).st_size) != self._size:
            stream.close()
            raise self._wrong_size(found)
        if self._checksum is not None:
            self._check_stream(stream)
        return stream

    def _check_stream(self, stream: BinaryIO) -> None:
        """Read all of a stream, and go back to where it begins: a formatter may read it in any order, or only in part."""
        try:
            self._compare(checksum_of_stream(stream, algorithm_of(self._checksum or "")))
            stream.seek(0)
            self._checksum = None  # once is enough, however often a formatter opens it
        except OSError as error:
            stream.close()
            raise self._unreadable(error) from error
        except ButlerError:
            stream.close()
            raise

    def _compare(self, found: str) -> None:
        if found != self._checksum:
            raise CorruptError(
                f"Artifact {self._artifact!r} ({self._path}) has checksum {found}, but {self._checksum} is recorded.",
                remedy="Restore the file from a copy, or give the dataset up: butler.unstore([ref]).",
                artifact=self._artifact,
                checksum=found,
                expected=self._checksum,
            )

    @contextmanager
    def local_path(self) -> Iterator[str]:
        """Give its path."""
        self.open().close()  # for its checks
        yield self._path

    def read_range(self, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` up to and without ``stop``."""
        with self.open() as stream:
            stream.seek(start)
            return stream.read(max(0, stop - start))

    def _unreadable(self, error: OSError) -> ButlerError:
        if isinstance(error, PermissionError):
            return explain(error, "read", self._path)
        if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            return CorruptError(
                f"Artifact {self._artifact!r} is recorded as stored, but {self._path} is no file.",
                remedy="Restore the file from a copy, or give the dataset up: butler.unstore([ref]).",
                artifact=self._artifact,
            )
        return explain(error, "read", self._path)

    def _wrong_size(self, found: int) -> CorruptError:
        return CorruptError(
            f"Artifact {self._artifact!r} ({self._path}) has {found} bytes, but {self._size} are recorded.",
            remedy="Restore the file from a copy, or give the dataset up: butler.unstore([ref]).",
            artifact=self._artifact,
            size_bytes=found,
            expected=self._size,
        )
