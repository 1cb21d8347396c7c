"""Files to take in: found, and checked all of them before the first is touched."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from butler_core.errors import InvalidInputError
from butler_core.files.local import explain, file_identity, uri_to_path
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import Uri

_EVERYBODY_READS = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_NO_FILES = frozenset(("", ".", ".."))
_ABNORMAL = re.compile(r"//|/\.\.?(?:/|$)")


class Incoming(NamedTuple):
    """A file that can be taken in."""

    file: FileDataset
    path: str
    """Absolute; as the user has it, symbolic links and all."""
    size_bytes: int
    identity: str
    """Tells the file that was looked at from whatever has its name later."""


def find_files(
    file_datasets: Mapping[Uri | None, Sequence[FileDataset]], is_inside: Callable[[str], bool]
) -> list[Incoming]:
    """Look at every file.

    Parameters
    ----------
    file_datasets
        By the root of their relative paths; None: all absolute.
    is_inside
        Whether an absolute path without symbolic links lies in the datastore, or is of what makes the repository.

    Raises
    ------
    InvalidInputError
        If one is not there, is no regular file, cannot be read, or lies in the datastore already.
    """
    found: list[Incoming] = []
    directories: dict[str, _Directory] = {}
    for root, files in file_datasets.items():
        base = None if root is None else os.path.abspath(uri_to_path(root))
        for file in files:
            path = file.path if "://" not in file.path else uri_to_path(file.path)
            if path[:1] != "/":
                path = _join(base, path)
            name_of_directory, _, name = path.rpartition("/")
            directory = directories.get(name_of_directory)
            if directory is None:
                directory = directories[name_of_directory] = _look_at_directory(name_of_directory, is_inside)
            if directory.shown is not name_of_directory:
                path = f"{directory.shown}/{name}"
            if name in _NO_FILES:
                raise _refuse(path, "is a directory")
            status = _look_at(path, directory, name, is_inside)
            found.append(Incoming(file, path, status.st_size, file_identity(status)))
    return found


class _Directory(NamedTuple):
    """What the files of one directory have in common."""

    shown: str
    real: str
    is_inside: bool


def _look_at_directory(path: str, is_inside: Callable[[str], bool]) -> _Directory:
    real = os.path.realpath(path or "/").rstrip("/")
    # A URI has to be in normal form; else the path stays as the user has it, symbolic links and all.
    return _Directory(real if _ABNORMAL.search(path) else path, real, is_inside(real))


def _join(base: str | None, path: str) -> str:
    if base is None:
        raise InvalidInputError(
            f"{path} is a relative path, and nobody said to what.",
            remedy="Give an absolute path, or a directory.",
        )
    return f"{base}/{path}"


def _look_at(path: str, directory: _Directory, name: str, is_inside: Callable[[str], bool]) -> os.stat_result:
    """Return what a file is, after all checks."""
    real = f"{directory.real}/{name}"
    inside = directory.is_inside or is_inside(real)
    try:
        status = os.lstat(real)
        if stat.S_ISLNK(status.st_mode):
            real = os.path.realpath(real)
            inside = is_inside(real)
            status = os.stat(real)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _refuse(path, "is not there") from error
    except OSError as error:
        raise explain(error, "look at", path) from error
    if not stat.S_ISREG(status.st_mode):
        raise _refuse(path, "is a directory" if stat.S_ISDIR(status.st_mode) else "is no regular file")
    if inside:
        raise InvalidInputError(
            f"{path} belongs to the repository already.",
            remedy="Ingest files from elsewhere; to take over files where they are, move them out first.",
            path=path,
        )
    if status.st_mode & _EVERYBODY_READS != _EVERYBODY_READS and not os.access(real, os.R_OK):
        raise _refuse(path, "cannot be read")
    return status


def _refuse(path: str, problem: str) -> InvalidInputError:
    return InvalidInputError(
        f"{path} {problem}, so it cannot be ingested.", remedy="Check the path.", path=path
    )
