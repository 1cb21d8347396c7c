"""Bytes: whatever they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from butler_core.contracts.formatter import ArtifactSink, ArtifactSource, Formatter, FormatterAbilities
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import InMemoryDataset, Parameters
from butler_core.models.storage_class import StorageClass


class BytesFormatter(Formatter):
    """Writes bytes as they are, and so reads a file of any kind."""

    abilities = FormatterAbilities(storage_classes=frozenset({"Bytes"}))

    def extension(self, write_parameters: Mapping[str, Any]) -> str:
        """Return ``.bin``."""
        return ".bin"

    def accepts(self, obj: Any, storage_class: StorageClass) -> bool:
        """Whether it is bytes."""
        return isinstance(obj, bytes)

    def read(
        self,
        source: ArtifactSource,
        ref: DatasetRef,
        *,
        component: str | None = None,
        parameters: Parameters | None = None,
    ) -> InMemoryDataset:
        """Read bytes."""
        return source.read()

    def write(
        self,
        obj: InMemoryDataset,
        sink: ArtifactSink,
        ref: DatasetRef,
        *,
        write_parameters: Mapping[str, Any],
    ) -> None:
        """Write bytes."""
        sink.write(obj)
