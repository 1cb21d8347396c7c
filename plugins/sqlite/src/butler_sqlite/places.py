"""Where an SQLite file may lie, not on a file system of another computer, whose memory its WAL cannot share; and which it is."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TypeAlias

from butler_core.errors import InvalidInputError

_MOUNTS = Path("/proc/mounts")
_ESCAPE = re.compile(r"\\([0-7]{3})")  # of blanks and the like
_NETWORK = frozenset(
    {
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "davfs",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "orangefs",
        "panfs",
        "pvfs2",
        "smb2",
        "smb3",
        "smbfs",
        "wekafs",
        "fuse.ceph",
        "fuse.davfs",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.goofys",
        "fuse.juicefs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
    }
)


def refuse_network(path: Path) -> None:
    """Raise `InvalidInputError` if a path is on a network file system.

    Connections of SQLite's WAL mode coordinate through shared memory, which computers do not share: two of them would
    damage the file.
    """
    kind = find_file_system(path)
    if kind in _NETWORK:
        raise InvalidInputError(
            f"{path} is on a network file system ({kind}), where SQLite would not be safe.",
            remedy="Put the registry on a local disk (registry: {type: sqlite, path: /local/...}), or use a database server.",
            path=str(path),
        )


def find_file_system(path: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the type of the file system that a path is on, or will be; None if the system does not say."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return None
    real = os.path.realpath(path)
    best, kind = "", None
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[1])
        is_above = point == "/" or real == point or real.startswith(f"{point}/")
        if is_above and len(point) >= len(best):  # of mounts on one place, the last is the one in sight
            best, kind = point, fields[2]
    return kind


FileIdentity: TypeAlias = tuple[int, int]


def identify_file(path: Path) -> FileIdentity | None:
    """Return what tells a file from another that gets its name; None if there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def is_read_only_place(path: Path) -> bool:
    """Whether a file is on a file system that is mounted for reading only."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def may_write(path: Path) -> bool:
    """Whether this process may write to a file or into a directory."""
    return _may(path, os.W_OK)


def may_read(path: Path) -> bool:
    """Whether this process may read a file."""
    return _may(path, os.R_OK)


def _may(path: Path, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)
