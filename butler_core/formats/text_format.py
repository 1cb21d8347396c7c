"""Text: one string, as UTF-8, not a character of it changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from butler_core.contracts.formatter import ArtifactSink, ArtifactSource, Formatter, FormatterAbilities
from butler_core.formats.problems import damaged, refuse
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import InMemoryDataset, Parameters
from butler_core.models.storage_class import StorageClass


class TextFormatter(Formatter):
    """Writes strings; line ends stay as they are."""

    abilities = FormatterAbilities(storage_classes=frozenset({"Text"}))

    def extension(self, write_parameters: Mapping[str, Any]) -> str:
        """Return ``.txt``."""
        return ".txt"

    def accepts(self, obj: Any, storage_class: StorageClass) -> bool:
        """Whether it is a string."""
        return isinstance(obj, str)

    def read(
        self,
        source: ArtifactSource,
        ref: DatasetRef,
        *,
        component: str | None = None,
        parameters: Parameters | None = None,
    ) -> InMemoryDataset:
        """Read a string."""
        try:
            return source.read().decode()
        except UnicodeDecodeError as error:
            raise damaged(ref, "UTF-8 text", error) from error

    def write(
        self,
        obj: InMemoryDataset,
        sink: ArtifactSink,
        ref: DatasetRef,
        *,
        write_parameters: Mapping[str, Any],
    ) -> None:
        """Write a string."""
        try:
            data = obj.encode()
        except UnicodeEncodeError as error:
            raise refuse(ref, "UTF-8 text", error, "text without lone surrogates") from error
        sink.write(data)
