"""The directories below a datastore's root: made when needed, never leading outside, durable when they must be."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Iterable

from butler_core.errors import CorruptError, UnavailableError
from butler_core.files.local import explain
from butler_core.files.names import RESERVED
from butler_core.lazy import lazy_property
from butler_posix import _io
from butler_posix._syncfs import find_syncfs

FEW = 4
"""Up to so many files or directories are synced one by one; for more, the whole file system at once is cheaper."""


class Directories:
    """Directories below one root.  Their names are relative to it; the empty one is the root itself.

    Nothing here ever removes a directory, so what was found out about one stays true.

    Parameters
    ----------
    root
        Absolute, without symbolic links.
    durable
        Whether `sync_files` and `sync` have anything to do.
    """

    def __init__(self, root: str, *, durable: bool) -> None:
        self.root = root
        self.durable = durable
        self._inside_root = root.rstrip("/") + "/"
        self._prepared = {""}
        self._inside = {""}
        self._durable = {""}

    def contains(self, path: str) -> bool:
        """Whether an absolute path without symbolic links is the root or lies in it."""
        return path.startswith(self._inside_root) or path == self.root

    def check_root(self) -> None:
        """Raise `UnavailableError` if the root is no datastore's directory: then its file system is not mounted.

        What a datastore is made with is never made again: a place to mount something on would pass for an empty datastore.
        """
        if not os.path.isdir(f"{self.root}/{RESERVED}"):
            raise UnavailableError(
                f"{self.root} has no directory {RESERVED}, so it is not where the datastore's files are.",
                remedy="Check that its file system is mounted.",
                path=self.root,
            )

    def prepare(self, directory: str) -> None:
        """Make a directory if it is not there.

        Raises
        ------
        CorruptError
            If a symbolic link on the way leads out of the root.
        UnavailableError
            If the root is no datastore's directory.
        """
        if directory in self._prepared:
            return
        if directory == RESERVED:
            self.check_root()
        # First those above it: in one that is a symbolic link, nothing must be made.
        parent = directory.rpartition("/")[0]
        self.prepare(parent)
        path = f"{self.root}/{directory}"
        try:
            try:
                _io.mkdir(path)
            except FileNotFoundError:
                self.forget(parent)
                self.prepare(parent)
                _io.mkdir(path)
        except FileExistsError:
            if not self.is_inside_now(directory):
                raise leads_out(directory, self.root) from None
        except OSError as error:
            raise explain(error, "make the directory", path) from error
        self._prepared.add(directory)

    def forget(self, directory: str) -> None:
        """Forget what is known of a directory and those above it, since somebody has removed one of them."""
        while directory:
            for known in (self._prepared, self._inside, self._durable):
                known.discard(directory)
            directory = directory.rpartition("/")[0]

    def is_inside(self, directory: str) -> bool:
        """Whether no symbolic link leads from a directory out of the root; remembered, so good enough for reading."""
        if directory in self._inside:
            return True
        if self.is_inside_now(directory):
            self._inside.add(directory)
            return True
        return False

    def is_inside_now(self, directory: str) -> bool:
        """Whether no symbolic link leads from a directory out of the root, at this moment."""
        return self.contains(os.path.realpath(f"{self.root}/{directory}"))

    def sync_files(self, paths: Collection[str]) -> None:
        """Make the content of new files durable."""
        if not self.durable or (len(paths) > FEW and self._sync_all()):
            return
        for path in paths:
            _io.fsync(path)

    def sync(self, directories: Iterable[str]) -> None:
        """Make the entries of directories durable, and, once each, those of the directories above by which they are reached."""
        if not self.durable:
            return
        todo = dict.fromkeys(directories)
        new: set[str] = set()
        for name in list(todo):
            directory = name
            while directory not in self._durable and directory not in new:
                new.add(directory)
                directory = directory.rpartition("/")[0]
                todo[directory] = None
        self._sync_directories(todo)
        self._durable.update(new)

    def sync_removals(self, directories: Iterable[str]) -> None:
        """Make it durable that entries of directories are gone; directories that are gone too are fine."""
        if self.durable:
            self._sync_directories(dict.fromkeys(directories))

    def _sync_directories(self, directories: Collection[str]) -> None:
        if len(directories) > FEW and self._sync_all():
            return
        for directory in directories:
            try:
                _io.fsync(f"{self.root}/{directory}")
            except FileNotFoundError:
                continue
            except OSError as error:
                # Some file systems have no such call for directories, and keep their entries without it.
                if error.errno != errno.EINVAL:
                    raise

    def _sync_all(self) -> bool:
        """Sync the whole file system; False if that cannot be done, or does not say for sure that it was."""
        syncfs = self._syncfs
        return syncfs is not None and _io.syncfs(self.root, syncfs) == 0

    @lazy_property
    def _syncfs(self) -> Callable[[int], int] | None:
        return find_syncfs(self.root)


def leads_out(name: str, root: str) -> CorruptError:
    """Return the error for a name below which a symbolic link leads elsewhere."""
    return CorruptError(
        f"{name!r} leads out of {root} by a symbolic link.",
        remedy="Replace the link by a directory; to keep data elsewhere, mount it there.",
        artifact=name,
    )
