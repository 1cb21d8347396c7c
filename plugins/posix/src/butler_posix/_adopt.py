"""How a file that exists becomes another: copied, linked, or pointed to."""

from __future__ import annotations

import errno
import os

from butler_core.errors import InvalidInputError
from butler_core.files.store import AdoptMode
from butler_posix import _io

# What file systems answer that cannot link: another device, no hard links, too many of them, not one's own file.
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS)


def adopt_file(source: str, target: str, mode: AdoptMode, final: str) -> None:
    """Make ``target``, which must not exist, of ``source``.

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

    Raises `InvalidInputError` if the file system cannot do it in this way; else operating system errors as they are.
    """
    if mode == "copy":
        _io.copy(source, target)
    elif mode == "symlink":
        _io.symlink(source, target)
    elif mode == "relsymlink":
        directory = os.path.realpath(os.path.dirname(final))
        _io.symlink(os.path.relpath(os.path.realpath(source), directory), target)
    elif not _try_link(os.path.realpath(source), target):
        if mode == "move":
            _io.copy(source, target)
        elif mode == "link":
            _io.symlink(source, target)
        else:
            raise InvalidInputError(
                f"{source} cannot be hard-linked into {os.path.dirname(final)}: another file system, or one without hard links.",
                remedy='Use transfer="copy" or "symlink".',
            )


def _try_link(source: str, target: str) -> bool:
    try:
        _io.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        return False
    return True
