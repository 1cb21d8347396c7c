"""Every change that this package makes to the file system, one small function each.

A test replaces `step` to end the process, or to fail, before any one of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from butler_core.files.checksums import HashingWriter

step: Callable[[str, str], None] | None = None
"""Told the name of each change and the path that it concerns, just before it is made."""

_FLAGS = getattr(os, "O_CLOEXEC", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS
_APPEND = os.O_WRONLY | os.O_APPEND | _FLAGS
_READ = os.O_RDONLY | _FLAGS


def mkdir(path: str) -> None:
    """Make one directory."""
    if step is not None:
        step("mkdir", path)
    os.mkdir(path)


def write_new(path: str, data: bytes) -> None:
    """Make a new file with this content."""
    if step is not None:
        step("create", path)
    descriptor = os.open(path, _NEW, 0o666)
    try:
        _write_all(descriptor, path, data)
    finally:
        os.close(descriptor)


def append(path: str, data: bytes) -> None:
    """Add to the end of a file that exists."""
    if step is not None:
        step("append", path)
    descriptor = os.open(path, _APPEND)
    try:
        _write_all(descriptor, path, data)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, path: str, data: bytes) -> None:
    if step is not None:
        step("write", path)
    written = os.write(descriptor, data)
    if written < len(data):  # a signal, or more than two gigabytes
        view = memoryview(data)
        while written < len(data):
            written += os.write(descriptor, view[written:])


def open_new(path: str) -> BinaryIO:
    """Open a new file for writing."""
    if step is not None:
        step("create", path)
    return open(path, "xb")


def open_hashing(path: str, algorithm: str) -> HashingWriter:
    """Open a new file for writing, which knows its checksum in the end."""
    if step is not None:
        step("create", path)
    return HashingWriter(path, algorithm)


def copy(source: str, target: str, algorithm: str | None = None) -> str | None:
    """Copy a file's content to a new file; return the checksum of what was copied, if an algorithm is given."""
    import shutil

    with open(source, "rb") as reader:
        new = open_hashing(target, algorithm) if algorithm else open_new(target)
        with new as writer:
            if step is not None:
                step("write", target)
            shutil.copyfileobj(reader, writer, 1 << 20)
    return new.checksum() if isinstance(new, HashingWriter) else None


def link(source: str, target: str) -> None:
    """Give a file a second name; a symbolic link itself, not what it points to."""
    if step is not None:
        step("link", target)
    os.link(source, target, follow_symlinks=False)


def symlink(source: str, target: str) -> None:
    """Make a symbolic link at ``target``."""
    if step is not None:
        step("symlink", target)
    os.symlink(source, target)


def rename(source: str, target: str) -> None:
    """Rename a file."""
    if step is not None:
        step("rename", target)
    os.rename(source, target)


def unlink(path: str) -> None:
    """Remove a name of a file."""
    if step is not None:
        step("unlink", path)
    os.unlink(path)


def rmdir(path: str) -> None:
    """Remove an empty directory."""
    if step is not None:
        step("rmdir", path)
    os.rmdir(path)


def fsync(path: str) -> None:
    """Make a file's content, or a directory's entries, outlive a power cut."""
    if step is not None:
        step("fsync", path)
    descriptor = os.open(path, _READ)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def syncfs(path: str, call: Callable[[int], int]) -> int:
    """Make everything on a file system outlive a power cut, by ``call``; return what it returns."""
    if step is not None:
        step("syncfs", path)
    descriptor = os.open(path, _READ)
    try:
        return call(descriptor)
    finally:
        os.close(descriptor)
