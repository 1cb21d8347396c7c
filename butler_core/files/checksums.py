"""Checksums of artifacts, written as ``algorithm:hex``: while they are written, or of what lies there."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol, get_args

from butler_core.errors import IncompatibleError, PluginError
from butler_core.models.names import ChecksumAlgorithm


class Hash(Protocol):
    """What `hashlib` makes, as far as it is needed here."""

    def update(self, data: Any, /) -> object:
        """Take in more."""

    def hexdigest(self) -> str:
        """Return the digest of all that was taken in."""


def find_hash(algorithm: str) -> Callable[[], Any]:
    """Return what makes hashes of an algorithm.

    Raises
    ------
    PluginError
        If its library is not installed.
    IncompatibleError
        If this version does not know it.
    """
    if algorithm == "sha256":
        return hashlib.sha256
    if algorithm == "blake3":
        try:
            made: Callable[[], Any] = import_module("blake3").blake3
        except ImportError as error:
            raise PluginError(
                "BLAKE3 checksums need a library that is not installed.",
                remedy="pip install 'butler-core[blake3]'",
            ) from error
        return made
    raise IncompatibleError(
        f"This version knows no checksums of algorithm {algorithm!r}.",
        remedy=f"It knows {', '.join(get_args(ChecksumAlgorithm))}.",
    )


def write_checksum(algorithm: str, digest: Hash) -> str:
    """Return a checksum as records have it."""
    return f"{algorithm}:{digest.hexdigest()}"


def algorithm_of(checksum: str) -> str:
    """Return the algorithm of a checksum."""
    return checksum.partition(":")[0]


def checksum_of(path: str, algorithm: str) -> str:
    """Return the checksum of a file's content."""
    with open(path, "rb") as stream:
        return checksum_of_stream(stream, algorithm)


def checksum_of_stream(stream: Any, algorithm: str) -> str:
    """Return the checksum of what is left of a stream."""
    return write_checksum(algorithm, hashlib.file_digest(stream, find_hash(algorithm)))


def checksum_of_bytes(data: bytes, algorithm: str) -> str:
    """Return the checksum of bytes in memory."""
    digest = find_hash(algorithm)()
    digest.update(data)
    return write_checksum(algorithm, digest)


class HashingWriter(io.BufferedWriter):
    """A new file whose checksum is known once it is written, if it was written from front to back.

    Parameters
    ----------
    path
        Where; nothing may be there yet.
    algorithm
        Of the checksum.
    """

    def __init__(self, path: str, algorithm: str) -> None:
        super().__init__(io.FileIO(path, "xb"))
        self._path = path
        self._algorithm = algorithm
        self._digest = find_hash(algorithm)()
        self._hashed = 0
        self._is_sequential = True

    def write(self, data: Any, /) -> int:
        """Write, and take in what is written."""
        written = super().write(data)
        self._digest.update(data)
        self._hashed += written
        return written

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go elsewhere."""
        before = self.tell()
        after = super().seek(offset, whence)
        self._is_sequential &= after == before
        return after

    def truncate(self, size: int | None = None, /) -> int:
        """Cut the file, or make it longer."""
        self._is_sequential = False
        return super().truncate(size)

    def checksum(self) -> str:
        """Return the checksum of the closed file, which is read again if its writer went to and fro in it."""
        # What was written to the file's descriptor, past this object, shows in its size.
        if self._is_sequential and os.stat(self._path).st_size == self._hashed:
            return write_checksum(self._algorithm, self._digest)
        return checksum_of(self._path, self._algorithm)
