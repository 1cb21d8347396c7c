"""Formatters: objects of a storage class to bytes of one format, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Protocol

from pydantic import BaseModel

from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.model_config import FROZEN
from butler_core.models.names import GetParameter, InMemoryDataset, Parameters, StorageClassName
from butler_core.models.storage_class import StorageClass


class ArtifactSource(Protocol):
    """An artifact, or the part of one, that a formatter reads."""

    @property
    def size_bytes(self) -> int:
        """How long it is."""

    @property
    def member(self) -> str | None:
        """Which part, within a zip or a file of many; None: all of it."""

    def read(self) -> bytes:
        """Return all of it."""

    def open(self) -> BinaryIO:
        """Open it for reading; seekable, and reads ranges where the datastore can."""

    def local_path(self) -> AbstractContextManager[str]:
        """Give a path on local disk, downloading if need be."""

    def read_range(self, start: int, stop: int) -> bytes:
        """Return the bytes from ``start`` up to and without ``stop``."""


class ArtifactSink(Protocol):
    """Where a formatter writes one artifact."""

    def write(self, data: bytes) -> None:
        """Write all of it at once."""

    def open(self) -> BinaryIO:
        """Open it for writing."""

    def local_path(self) -> AbstractContextManager[str]:
        """Give a path on local disk; what is there on leaving the context is taken over."""


class FormatterAbilities(BaseModel):
    """What a formatter can do."""

    model_config = FROZEN

    storage_classes: frozenset[StorageClassName]
    """Those that it writes when nobody chose a formatter."""
    parameters: frozenset[GetParameter] = frozenset()
    """Those that it understands on reading."""
    components: frozenset[str] = frozenset()
    """Those that it reads without the rest."""
    partial_reads: bool = False
    is_safe: bool = True
    """False: reading can run code (pickle); allowed by configuration only."""


class Formatter(ABC):
    """Bytes of one format to objects, and back; stateless, so one serves all threads."""

    abilities: FormatterAbilities

    @abstractmethod
    def extension(self, write_parameters: Mapping[str, Any]) -> str:
        """Return the file name's ending, with its dot."""

    @abstractmethod
    def accepts(self, obj: Any, storage_class: StorageClass) -> bool:
        """Whether it can write this object."""

    @abstractmethod
    def read(
        self,
        source: ArtifactSource,
        ref: DatasetRef,
        *,
        component: str | None = None,
        parameters: Parameters | None = None,
    ) -> InMemoryDataset:
        """Read as the storage class that was written; parameters that it does not declare never reach it.

        Raises `CorruptError` if the bytes are not of its format.
        """

    @abstractmethod
    def write(
        self,
        obj: InMemoryDataset,
        sink: ArtifactSink,
        ref: DatasetRef,
        *,
        write_parameters: Mapping[str, Any],
    ) -> None:
        """Write one object; `InvalidInputError` if the format cannot hold it."""


class StorageClassDelegate(ABC):
    """What a composite, or a type with parameters, needs beyond its description."""

    @abstractmethod
    def disassemble(self, obj: Any) -> dict[str, Any]:
        """Take an object apart into its components."""

    @abstractmethod
    def assemble(self, components: Mapping[str, Any]) -> Any:
        """Put an object together."""

    @abstractmethod
    def get_component(self, obj: Any, name: str) -> Any:
        """Return one component, stored or derived."""

    @abstractmethod
    def apply_parameters(self, obj: Any, parameters: Parameters) -> Any:
        """Cut an object down as the parameters say, where its formatter could not."""
