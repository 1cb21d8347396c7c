"""Where results go: standard output, or a file that is there whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

import click

_AT_ONCE = 4096
"""How much text is gathered before it is written."""


class Destination:
    """Takes text, a part at a time, or bytes.

    Parameters
    ----------
    stream
        What to write to; None is standard output, also where the caller closed it.
    is_file
        Whether the stream is a file that can be read again.
    """

    def __init__(self, stream: BinaryIO | None = None, *, is_file: bool = False) -> None:
        self._stream = stream
        self.is_file = is_file
        self._texts: list[str] = []
        self._size = 0

    @property
    def is_terminal(self) -> bool:
        """Whether a person sees it."""
        return self._stream is None and is_terminal()

    @property
    def binary(self) -> BinaryIO:
        """What to write bytes to."""
        if self._stream is not None:
            return self._stream
        if sys.stdout is None:
            return open(os.devnull, "wb")
        return sys.stdout.buffer

    def write(self, text: str) -> None:
        """Write text, now or soon."""
        self._texts.append(text)
        self._size += len(text)
        if self._size >= _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        text, self._texts, self._size = "".join(self._texts), [], 0
        if self._stream is not None:
            self._stream.write(text.encode("utf-8", "backslashreplace"))
        elif text:
            click.echo(text, nl=False)


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()  # None: the caller closed it


@contextmanager
def opened(path: str | None) -> Iterator[Destination]:
    """Open a destination; None and ``-`` are standard output.

    A file appears, or takes the place of another one, when all of it is written.
    """
    if path is None or path == "-":
        destination = Destination()
        try:
            yield destination
        finally:
            destination.flush()
        return
    with whole_file(path) as stream:
        destination = Destination(stream, is_file=stream.seekable())
        yield destination
        destination.flush()


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name when all of it is there; what was there stays until then."""
    path = os.path.realpath(path)
    if _is_special(path):
        with open(path, "wb") as stream:
            yield stream
        return
    directory, name = os.path.split(path)
    part = os.path.join(directory, f".{name[:200]}.{secrets.token_hex(4)}.part")
    try:
        stream = open(part, "xb")  # noqa: SIM115 - closed below, before it is renamed
    except OSError as error:
        raise type(error)(error.errno, error.strerror, path) from error
    try:
        with stream:
            yield stream
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def _is_special(path: str) -> bool:
    """Whether there is something like a device or a pipe, which nothing can be renamed to."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False
