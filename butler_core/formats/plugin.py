"""What the core offers itself: formatters for JSON, YAML, text and bytes, and the storage classes that they write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from butler_core.contracts.formatter import Formatter
from butler_core.hookspecs import Backend, OpenContext, StorageClassDescription, hookimpl


def _open_json(config: Any, context: OpenContext | None) -> Formatter:
    from butler_core.formats.json_format import JsonFormatter

    return JsonFormatter()


def _open_yaml(config: Any, context: OpenContext | None) -> Formatter:
    from butler_core.formats.yaml_format import YamlFormatter

    return YamlFormatter()


def _open_text(config: Any, context: OpenContext | None) -> Formatter:
    from butler_core.formats.text_format import TextFormatter

    return TextFormatter()


def _open_bytes(config: Any, context: OpenContext | None) -> Formatter:
    from butler_core.formats.bytes_format import BytesFormatter

    return BytesFormatter()


@hookimpl
def butler_formatters() -> Sequence[Backend[Formatter]]:
    """Offer the core's formatters."""
    return [
        Backend(name="json", summary="Dictionaries, lists and ints as JSON.", open=_open_json),
        Backend(name="yaml", summary="Plain data as YAML.", open=_open_yaml),
        Backend(name="text", summary="Text as UTF-8.", open=_open_text),
        Backend(name="bytes", summary="Bytes as they are.", open=_open_bytes),
    ]


@hookimpl
def butler_storage_classes() -> Sequence[StorageClassDescription]:
    """Offer plain data; what needs a science package comes with plugins."""
    return [
        StorageClassDescription(
            name="StructuredDataDict", pytype="dict", converters={"types:MappingProxyType": "dict"}
        ),
        StorageClassDescription(name="StructuredDataList", pytype="list", converters={"tuple": "list"}),
        StorageClassDescription(name="int", pytype="int"),
        StorageClassDescription(name="Text", pytype="str"),
        StorageClassDescription(
            name="Bytes", pytype="bytes", converters={"bytearray": "bytes", "memoryview": "bytes"}
        ),
    ]
