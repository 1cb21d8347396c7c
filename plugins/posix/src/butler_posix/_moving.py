"""Going through a tree of files in the order of their names, and moving files of it aside and back."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator

from butler_core.errors import ConflictError
from butler_core.files.local import explain, file_identity
from butler_core.files.names import RESERVED
from butler_core.models.names import ArtifactName
from butler_posix import _io
from butler_posix._directories import Directories

LOST = f"{RESERVED}/lost"
"""Where files are that were set aside, under the names that they had."""


def walk(
    root: str, after: ArtifactName, hidden: Collection[ArtifactName]
) -> Iterator[tuple[ArtifactName, os.DirEntry[str]]]:
    """Yield everything below a root that is no directory, in the order of names by code points.

    Parameters
    ----------
    root
        Absolute.
    after
        Only what comes behind this name; directories that cannot have any such are not read.
    hidden
        What is passed over, with all that is in it.
    """
    pending = [_sorted(root, "")]
    while pending:
        for key, entry in pending[-1]:
            if key.rstrip("/") in hidden:
                continue
            if key.endswith("/"):
                if key > after or after.startswith(key):
                    pending.append(_sorted(root, key))
                    break
            elif key > after:
                yield key, entry
        else:
            pending.pop()


def _sorted(root: str, directory: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Return what is in a directory, by name; those of directories end with a slash, as what is in them sorts."""
    path = f"{root}/{directory}"
    try:
        with os.scandir(path) as entries:
            found = [
                (
                    f"{directory}{entry.name}/"
                    if entry.is_dir(follow_symlinks=False)
                    else directory + entry.name,
                    entry,
                )
                for entry in entries
            ]
    except FileNotFoundError:
        return iter(())  # was removed meanwhile
    except OSError as error:
        raise explain(error, "list", path) from error
    return iter(sorted(found, key=lambda each: each[0]))


class Moving:
    """Moves files from below one directory to below another, where they keep their names; nothing is replaced.

    Each is linked before it is unlinked: if that is interrupted, it is in both places, and moving it again ends it.

    Parameters
    ----------
    directories
        The directories below the root.
    source, target
        Directories, relative to the root.
    staged
        Path that each file has on its way, if it must be possible to bar whoever moves them: in a batch's staging directory.
    """

    def __init__(self, directories: Directories, source: str, target: str, staged: str = "") -> None:
        self._directories = directories
        self._source = source
        self._target = target
        self._staged = staged

    def move(self, artifacts: Iterable[tuple[ArtifactName, str | None]]) -> set[ArtifactName]:
        """Move files by their names and, of those that must not be others by now, identities; return the names of what was moved.

        Absent ones are passed over.

        Raises
        ------
        ConflictError
            If there is another file of the name in the target.
        FileNotFoundError
            If the staging directory is gone.
        """
        linked: dict[ArtifactName, tuple[str, str]] = {}
        moved: set[ArtifactName] = set()
        directories = self._directories
        try:
            for artifact, identity in artifacts:
                old, new = _join(self._source, artifact), _join(self._target, artifact)
                if self._link(old, new, identity):
                    linked[artifact] = old, new
        finally:
            # A power cut may keep what was unlinked and lose what was linked: the one is safe before the other begins.
            directories.sync(sorted({new.rpartition("/")[0] for _, new in linked.values()}))
            for artifact, (old, new) in linked.items():
                if _unlink(f"{directories.root}/{old}", f"{directories.root}/{new}"):
                    moved.add(artifact)
            directories.sync(sorted({old.rpartition("/")[0] for old, _ in linked.values()}))
        return moved

    def _link(self, old: str, new: str, identity: str | None) -> bool:
        """Give a file its new name as well; return whether it has both."""
        path, target = f"{self._directories.root}/{old}", f"{self._directories.root}/{new}"
        if not self._directories.is_inside_now(old.rpartition("/")[0]):
            return False  # so it is no artifact of ours
        try:
            status = os.lstat(path)
            if identity is not None and file_identity(status) != identity:
                return False
            self._directories.prepare(new.rpartition("/")[0])
            self._give_name(path, new)
        except FileExistsError as error:
            there = os.lstat(target)
            if (there.st_dev, there.st_ino) != (status.st_dev, status.st_ino):
                raise ConflictError(
                    f"{path} cannot be moved to {target}: there is another file of that name.",
                    remedy="Compare the two, and remove the one that is not wanted.",
                    path=target,
                ) from error
        except (FileNotFoundError, NotADirectoryError):
            self._check_staging()
            return False
        except OSError as error:
            raise explain(error, f"move to {target}", path) from error
        finally:
            self._leave_staging()
        return True

    def _give_name(self, path: str, new: str) -> None:
        if self._staged:
            _io.link(path, self._staged)
            path = self._staged
        target = f"{self._directories.root}/{new}"
        try:
            _io.link(path, target)
        except FileNotFoundError:  # the file has gone; or the directory, which somebody cleared away
            parent = new.rpartition("/")[0]
            self._directories.forget(parent)
            self._directories.prepare(parent)
            _io.link(path, target)

    def _check_staging(self) -> None:
        """Raise `FileNotFoundError` if the staging directory is gone: whoever moves files was barred."""
        if self._staged:
            os.stat(os.path.dirname(self._staged))

    def _leave_staging(self) -> None:
        if self._staged:
            try:
                _io.unlink(self._staged)
            except FileNotFoundError:
                return
            except OSError as error:
                raise explain(error, "remove", self._staged) from error


def _join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _unlink(path: str, target: str) -> bool:
    """Take a file's old name away; return whether it has the new one only."""
    if not os.path.lexists(target):
        return False  # somebody cleared it away: the old name is the only one
    try:
        _io.unlink(path)
    except FileNotFoundError:
        return True
    except OSError as error:
        raise explain(error, "remove, now that it has another name,", path) from error
    return True
