"""One system call that makes all of a file system durable, where it is known to exist and to report errors."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

# Local file systems, by the magic numbers of statfs(2): elsewhere (FUSE, network) the call may promise less than fsync does.
_LOCAL = frozenset(
    {
        0xEF53,  # ext2, ext3, ext4
        0x58465342,  # XFS
        0x9123683E,  # Btrfs
        0x01021994,  # tmpfs
        0xF2F52010,  # F2FS
    }
)
# Earlier kernels do not report that writing failed.
_OLDEST_KERNEL = (5, 8)


def find_syncfs(path: str) -> Callable[[int], int] | None:
    """Return ``syncfs(2)`` if it can be trusted for the file system of ``path``: 0 from it means durable."""
    if not sys.platform.startswith("linux") or _kernel() < _OLDEST_KERNEL:
        return None
    import ctypes

    try:
        libc = ctypes.CDLL(None, use_errno=True)
        statfs, syncfs = libc.statfs, libc.syncfs
    except (OSError, AttributeError):
        return None
    buffer = ctypes.create_string_buffer(
        512
    )  # longer than any struct statfs, which begins with the magic number
    if statfs(os.fsencode(path), buffer) != 0:
        return None
    magic = ctypes.c_long.from_buffer(buffer).value & 0xFFFFFFFF
    if magic not in _LOCAL:
        return None
    call: Callable[[int], int] = syncfs
    return call


def _kernel() -> tuple[int, ...]:
    release = os.uname().release.split("-")[0].split(".")
    return tuple(int(part) for part in release[:2] if part.isdigit())
