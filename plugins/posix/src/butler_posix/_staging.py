"""Staging directories: where the writer of a batch writes aside, and what recovery takes away from it.

A batch's directory is made once, when its first journal is written, and by nobody ever again.  Everything that a batch makes is
linked or renamed out of it.  So once somebody else has removed it, a writer that wakes up late can make nothing.
"""

from __future__ import annotations

import errno
import os
import stat
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote
from uuid import UUID

from butler_core.errors import BatchFencedError, CorruptError
from butler_core.files.local import explain, time_of_change
from butler_core.files.names import RESERVED
from butler_core.models.journal import WriterIdentity
from butler_posix import _io
from butler_posix._directories import Directories, leads_out

STAGING = f"{RESERVED}/staging"
_MAX_HOST = 80  # characters, so that the name of the directory keeps within what file systems allow


class Leftover(NamedTuple):
    """What the name of a staging directory says."""

    batch_id: UUID
    writer: WriterIdentity


class Staging:
    """The staging directories of one datastore; its journals and its artifacts share it.

    Parameters
    ----------
    directories
        The directories below the datastore's root.
    """

    def __init__(self, directories: Directories) -> None:
        self._directories = directories
        self._path = f"{directories.root}/{STAGING}"
        self._mine: dict[str, str] = {}  # paths, by the batch's ID in hexadecimal

    def begin(self, batch_id: UUID, writer: WriterIdentity) -> str:
        """Return a batch's directory, which is made if this process has not begun the batch yet."""
        batch = batch_id.hex
        path = self._mine.get(batch)
        if path is None:
            path = self._mine[batch] = self._make(f"{self._path}/{batch}.{_encode(writer)}")
        return path

    def _make(self, path: str) -> str:
        if not self._directories.is_inside(STAGING):
            raise leads_out(STAGING, self._directories.root)
        try:
            try:
                _io.mkdir(path)
            except FileNotFoundError:
                self._directories.forget(STAGING)
                self._directories.prepare(STAGING)
                _io.mkdir(path)
        except FileExistsError:
            # Its name is this process's: a network file system has made it and lost the answer.
            return path
        except OSError as error:
            raise explain(error, "make the directory", path) from error
        return path

    def directory(self, batch_id: UUID) -> str:
        """Return the directory of a batch that this process has begun.  Raises `BatchFencedError` if there is none."""
        path = self._mine.get(batch_id.hex)
        if path is None:
            raise fenced(batch_id, "was ended, or never journaled")
        return path

    def finish(self, batch: str) -> None:
        """Remove the directory of a batch that is over, by its ID in hexadecimal, if this process had begun it."""
        path = self._mine.pop(batch, None)
        if path is not None:
            _remove(path)

    def bar(self, batch_id: UUID) -> None:
        """Remove the directory of a batch, whoever made it: on return its writer can link nothing any more."""
        mine = self._mine.get(batch_id.hex)
        if mine is not None:
            # It stays in the books, so that a writer among this process's own threads does not make it again.
            _remove(mine)
            return
        for name in self.names():
            if name.startswith(f"{batch_id.hex}."):
                _remove(f"{self._path}/{name}")

    def names(self) -> list[str]:
        """Return the names of all staging directories.  Raises `CorruptError` if they are not below the root."""
        if not self._directories.is_inside_now(STAGING):
            raise leads_out(STAGING, self._directories.root)
        try:
            return os.listdir(self._path)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise explain(error, "list", self._path) from error

    def made(self, name: str) -> datetime | None:
        """Return when a staging directory was last changed (UTC); None if it is gone."""
        try:
            return time_of_change(os.stat(f"{self._path}/{name}"))
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        """Remove a staging directory by name."""
        _remove(f"{self._path}/{name}")


def fenced(
    batch_id: UUID, why: str = "was taken for abandoned, and its staging directory removed"
) -> BatchFencedError:
    """Return the error for a batch that may not write any more."""
    return BatchFencedError(
        f"Batch {batch_id} {why}: it can make no artifact any more.",
        remedy="Run the operation again; nothing of this attempt is kept.",
        batch_id=str(batch_id),
    )


def parse_name(name: str) -> Leftover:
    """Read a staging directory's name.  Raises `CorruptError` if nobody of us gave it."""
    batch, _, writer = name.partition(".")
    try:
        host, boot_id, pid_namespace, pid, start = [unquote(part) for part in writer.split(",")]
        identity = WriterIdentity(
            host=host, boot_id=boot_id, pid_namespace=pid_namespace, pid=int(pid), process_start=int(start)
        )
        return Leftover(UUID(batch), identity)
    except ValueError as error:
        raise CorruptError(
            f"{STAGING}/{name} is no staging directory of a batch.", remedy="Look what it is, and remove it."
        ) from error


@lru_cache(maxsize=4)
def _encode(writer: WriterIdentity) -> str:
    # A host's name that is cut matches no host: then nobody claims to know whether the writer is gone.
    host = quote(writer.host, safe="")[:_MAX_HOST]
    parts = (quote(writer.boot_id, safe=""), quote(writer.pid_namespace, safe=""), str(writer.pid))
    return ",".join((host, *parts, str(writer.process_start)))


def _remove(path: str) -> None:
    """Remove a staging directory, though its writer may still be putting files into it; links in it are not followed."""
    try:
        while True:
            try:
                _io.rmdir(path)
                return
            except NotADirectoryError:  # something else in its place
                _io.unlink(path)
                return
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            for name in os.listdir(path):
                try:
                    _io.unlink(f"{path}/{name}")
                except FileNotFoundError:
                    continue
                except OSError:
                    if not stat.S_ISDIR(os.lstat(f"{path}/{name}").st_mode):
                        raise
                    _remove(f"{path}/{name}")  # some formatter has made it
    except FileNotFoundError:
        return
    except OSError as error:
        raise explain(error, "remove", path) from error
