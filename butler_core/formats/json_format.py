"""JSON: dictionaries, lists and scalars, as text that every language reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson

from butler_core.contracts.formatter import ArtifactSink, ArtifactSource, Formatter, FormatterAbilities
from butler_core.formats.problems import damaged, refuse
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import InMemoryDataset, Parameters
from butler_core.models.storage_class import StorageClass

# Dates and dataclasses would come back as text and dictionaries.
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
_TYPES = (dict, list, tuple, str, int, float)


class JsonFormatter(Formatter):
    """Writes what JSON holds: NaN, infinities, ints of more than 64 bits and keys that are no text are refused.

    Keys keep their order; tuples come back as lists, UUIDs as text.
    """

    abilities = FormatterAbilities(
        storage_classes=frozenset({"StructuredDataDict", "StructuredDataList", "int"})
    )

    def extension(self, write_parameters: Mapping[str, Any]) -> str:
        """Return ``.json``."""
        return ".json"

    def accepts(self, obj: Any, storage_class: StorageClass) -> bool:
        """Whether it is of a type that JSON has."""
        return obj is None or isinstance(obj, _TYPES)

    def read(
        self,
        source: ArtifactSource,
        ref: DatasetRef,
        *,
        component: str | None = None,
        parameters: Parameters | None = None,
    ) -> InMemoryDataset:
        """Read one JSON document."""
        try:
            return orjson.loads(source.read())
        except orjson.JSONDecodeError as error:
            raise damaged(ref, "JSON", error) from error

    def write(
        self,
        obj: InMemoryDataset,
        sink: ArtifactSink,
        ref: DatasetRef,
        *,
        write_parameters: Mapping[str, Any],
    ) -> None:
        """Write one JSON document."""
        try:
            data = orjson.dumps(obj, option=_OPTIONS)
            if b"null" in data:
                # It may stand for a NaN, which orjson lets pass; the standard library does not.
                json.dumps(obj, allow_nan=False, default=str)
        except (TypeError, ValueError, RecursionError) as error:  # orjson's own error is a TypeError
            raise refuse(
                ref, "JSON", error, "lists and dictionaries of text, finite numbers, True, False and None"
            ) from error
        sink.write(data)
