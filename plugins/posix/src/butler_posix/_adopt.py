"""How a file that exists becomes another: copied, linked, or pointed to."""

from __future__ import annotations

import errno
import os

from butler_core.errors import InvalidInputError
from butler_core.files.checksums import checksum_of
from butler_core.files.store import AdoptMode
from butler_core.models.names import ChecksumAlgorithm
from butler_posix import _io

# What file systems answer that cannot link: another device, no hard links, too many of them, not one's own file.
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


def adopt_file(
    source: str, target: str, mode: AdoptMode, final: str, checksums: ChecksumAlgorithm | None = None
) -> str | None:
    """Make ``target``, which must not exist, of ``source``; return the checksum of its content, if an algorithm is given.

    Parameters
    ----------
    source
        An absolute path.  A symbolic link stands for what it points to.
    target
        Where to make it.
    mode
        How.  ``move`` leaves the source there.
    final
        Where ``target`` will be in the end: what a relative symbolic link is relative to.
    checksums
        The algorithm; what is copied is read just once for it.

    Raises `InvalidInputError` if the file system cannot do it in this way; else operating system errors as they are.
    """
    if mode == "copy":
        return _io.copy(source, target, checksums)
    if mode == "symlink":
        _io.symlink(source, target)
    elif mode == "relsymlink":
        directory = os.path.realpath(os.path.dirname(final))
        _io.symlink(os.path.relpath(os.path.realpath(source), directory), target)
    elif not _try_link(os.path.realpath(source), target):
        if mode == "move":
            return _io.copy(source, target, checksums)
        if mode == "link":
            _io.symlink(source, target)
        else:
            raise InvalidInputError(
                f"{source} cannot be hard-linked into {os.path.dirname(final)}: another file system, or one without hard links.",
                remedy='Use transfer="copy" or "symlink".',
            )
    return checksum_of(source, checksums) if checksums else None


def _try_link(source: str, target: str) -> bool:
    try:
        _io.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return False
    return True
