"""The conformance suite of formatters, and artifacts in memory for it."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import pytest

from butler_core.contracts.formatter import Formatter
from butler_core.errors import CorruptError, InvalidInputError
from butler_core.files.names import check_extension
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.storage_class import StorageClass
from butler_core.testing.context import core_storage_classes
from butler_core.testing.datastores.datasets import make_refs


class MemorySource:
    """An artifact in memory, to read from."""

    def __init__(self, data: bytes, member: str | None = None) -> None:
        self.data = data
        self.member = member

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return len(self.data)

    def read(self) -> bytes:
        """Return all of it."""
        return self.data

    def open(self) -> BinaryIO:
        """Open it for reading."""
        return io.BytesIO(self.data)

    @contextmanager
    def local_path(self) -> Iterator[str]:
        """Give a path, of a file that has all of it."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.data)
            file.flush()
            yield file.name

    def read_range(self, start: int, stop: int) -> bytes:
        """Return a part of it."""
        return self.data[start:stop]


class _Stream(io.BytesIO):
    def __init__(self, sink: MemorySink) -> None:
        super().__init__()
        self._sink = sink

    def close(self) -> None:
        if not self.closed:
            self._sink.data = self.getvalue()
        super().close()


class MemorySink:
    """An artifact in memory, to write to."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        """None until something is written."""

    def write(self, data: bytes) -> None:
        """Write all of it."""
        self.data = bytes(data)

    def open(self) -> BinaryIO:
        """Open it for writing."""
        return _Stream(self)

    @contextmanager
    def local_path(self) -> Iterator[str]:
        """Give a path, and take over what is there in the end."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "artifact")
            yield path
            with open(path, "rb") as stream:
                self.data = stream.read()


class FormatterConformance:
    """Subclass it in a test module, supply the fixture ``formatter`` and the attributes that follow, and inherit every test."""

    examples: Sequence[tuple[str, Any]] = ()
    """Storage classes and objects of them, which come back equal."""
    refused: Sequence[tuple[str, Any]] = ()
    """Objects of the right type that the format cannot hold."""
    damaged: Sequence[tuple[str, bytes]] = ()
    """Bytes that are not of the format, for a storage class."""
    write_parameters: Mapping[str, Any] = {}
    """What the formatter is told when it writes."""

    @pytest.fixture
    def formatter(self) -> Formatter:
        """Return the formatter.  Overridden."""
        raise NotImplementedError

    def storage_class(self, name: str) -> StorageClass:
        """Return a storage class by name; overridden for those that are not the core's."""
        return core_storage_classes()[name]

    def ref(self, storage_class: str) -> DatasetRef:
        """Return a ref of a storage class."""
        return make_refs(1, self.storage_class(storage_class))[0]

    def write(self, formatter: Formatter, storage_class: str, obj: Any) -> bytes:
        """Write an object to memory."""
        sink = MemorySink()
        formatter.write(obj, sink, self.ref(storage_class), write_parameters=self.write_parameters)
        assert sink.data is not None
        return sink.data

    def assert_same(self, found: Any, expected: Any) -> None:
        """Compare; overridden for types whose ``==`` says something else."""
        assert found == expected
        assert type(found) is type(expected)

    def test_what_is_written_is_read(self, formatter: Formatter) -> None:
        assert self.examples, "give examples"
        for storage_class, obj in self.examples:
            assert formatter.accepts(obj, self.storage_class(storage_class))
            data = self.write(formatter, storage_class, obj)
            self.assert_same(formatter.read(MemorySource(data), self.ref(storage_class)), obj)

    def test_the_same_object_gives_the_same_bytes(self, formatter: Formatter) -> None:
        for storage_class, obj in self.examples:
            assert self.write(formatter, storage_class, obj) == self.write(formatter, storage_class, obj)

    def test_what_it_cannot_hold_is_refused(self, formatter: Formatter) -> None:
        for storage_class, obj in self.refused:
            if formatter.accepts(obj, self.storage_class(storage_class)):
                with pytest.raises(InvalidInputError):
                    self.write(formatter, storage_class, obj)

    def test_foreign_objects_are_not_accepted(self, formatter: Formatter) -> None:
        for name in formatter.abilities.storage_classes:
            assert not formatter.accepts(object(), self.storage_class(name))

    def test_damaged_bytes_are_told(self, formatter: Formatter) -> None:
        for storage_class, data in self.damaged:
            with pytest.raises(CorruptError, match="summary"):
                formatter.read(MemorySource(data), self.ref(storage_class))

    def test_its_extension_can_end_a_name(self, formatter: Formatter) -> None:
        extension = formatter.extension(self.write_parameters)
        assert check_extension(extension, "it") == extension
        assert extension.startswith(".")
