"""Files of the user's as formatters see artifacts, held in memory: what ``put`` reads and ``get`` writes."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class BytesSource:
    """Bytes that a formatter reads."""

    member: str | None = None

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size_bytes = len(data)

    def read(self) -> bytes:
        """Return all of it."""
        return self._data

    def open(self) -> BinaryIO:
        """Open it for reading."""
        return io.BytesIO(self._data)

    def read_range(self, start: int, stop: int) -> bytes:
        """Return a part of it."""
        return self._data[start:stop]

    @contextmanager
    def local_path(self) -> Iterator[str]:
        """Give a path that has it."""
        with _scratch_file() as path:
            path.write_bytes(self._data)
            yield str(path)


class _SinkFile(io.BytesIO):
    """What a formatter writes into; keeps its content when it is closed."""

    def __init__(self, sink: BytesSink) -> None:
        super().__init__()
        self._sink = sink

    def close(self) -> None:
        if not self.closed:
            self._sink.data = self.getvalue()
        super().close()


class BytesSink:
    """Where a formatter writes; the bytes are in `data` afterwards."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        """Write all of it at once."""
        self.data = data

    def open(self) -> BinaryIO:
        """Open it for writing."""
        return _SinkFile(self)

    @contextmanager
    def local_path(self) -> Iterator[str]:
        """Give a path, and take over what is there afterwards."""
        with _scratch_file() as path:
            yield str(path)
            self.data = path.read_bytes()


@contextmanager
def _scratch_file() -> Iterator[Path]:
    descriptor, path = tempfile.mkstemp(prefix="butler-")
    os.close(descriptor)
    try:
        yield Path(path)
    finally:
        Path(path).unlink(missing_ok=True)
