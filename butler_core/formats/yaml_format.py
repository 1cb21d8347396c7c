"""YAML: the same as JSON and a little more, for what people read and edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from butler_core.contracts.formatter import ArtifactSink, ArtifactSource, Formatter, FormatterAbilities
from butler_core.formats.problems import damaged, refuse
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import InMemoryDataset, Parameters
from butler_core.models.storage_class import StorageClass

# libyaml's, ten times as fast, where PyYAML was built with it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TYPES = (dict, list, tuple, str, int, float, bytes)


class YamlFormatter(Formatter):
    """Writes plain data only, and reads nothing that makes Python objects."""

    abilities = FormatterAbilities(storage_classes=frozenset())
    """It writes where a configuration chooses it: by default plain data are JSON."""

    def extension(self, write_parameters: Mapping[str, Any]) -> str:
        """Return ``.yaml``."""
        return ".yaml"

    def accepts(self, obj: Any, storage_class: StorageClass) -> bool:
        """Whether it is of a type that YAML has."""
        return obj is None or isinstance(obj, _TYPES)

    def read(
        self,
        source: ArtifactSource,
        ref: DatasetRef,
        *,
        component: str | None = None,
        parameters: Parameters | None = None,
    ) -> InMemoryDataset:
        """Read one YAML document."""
        try:
            return yaml.load(source.read(), Loader=_Loader)  # both are safe loaders
        except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
            raise damaged(ref, "YAML", error) from error

    def write(
        self,
        obj: InMemoryDataset,
        sink: ArtifactSink,
        ref: DatasetRef,
        *,
        write_parameters: Mapping[str, Any],
    ) -> None:
        """Write one YAML document, keys in their order."""
        try:
            text = yaml.dump(obj, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise refuse(
                ref, "YAML", error, "plain data: dictionaries, lists, text, numbers, dates and bytes"
            ) from error
        sink.write(text.encode())
