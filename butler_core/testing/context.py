"""What the core hands to a backend, made for tests: nothing needs to be installed but the backend itself."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from butler_core.contracts.formatter import Formatter
from butler_core.errors import NotFoundError, PluginError
from butler_core.formats import plugin as core_formats
from butler_core.hookspecs import OpenContext
from butler_core.models.names import Durability, FormatterName, StorageClassName
from butler_core.models.storage_class import StorageClass
from butler_core.testing.universe import testing_universe


class _StorageClasses(dict[StorageClassName, StorageClass]):
    def __missing__(self, name: str) -> NoReturn:
        raise NotFoundError(f"There is no storage class {name!r}.", remedy=f"There are: {', '.join(self)}.")


def core_storage_classes() -> dict[StorageClassName, StorageClass]:
    """Return the core's storage classes by name."""
    return _StorageClasses(
        {
            offer.name: StorageClass(
                offer.name,
                offer.pytype,
                components=offer.components,
                derived_components=offer.derived_components,
                parameters=offer.parameters,
                converters=offer.converters,
                delegate=offer.delegate,
            )
            for offer in core_formats.butler_storage_classes()
        }
    )


def core_formatters() -> dict[FormatterName, Formatter]:
    """Return the core's formatters by name."""
    return {offer.name: offer.open(None, None) for offer in core_formats.butler_formatters()}


def make_context(
    root: str | os.PathLike[str],
    *,
    durability: Durability = "process",
    storage_classes: Mapping[StorageClassName, StorageClass] | None = None,
    formatters: Mapping[FormatterName, Formatter] | None = None,
    **fields: Any,
) -> OpenContext:
    """Return a context with the testing universe, the core's formatters and storage classes, and those given too.

    Parameters
    ----------
    root
        Where the repository lies.
    durability
        What a finished write must survive.
    storage_classes, formatters
        More of them, by name.
    **fields
        Other fields of `OpenContext`.
    """
    classes = _StorageClasses({**core_storage_classes(), **(storage_classes or {})})
    known = {**core_formatters(), **(formatters or {})}
    defaults = {name: key for key, formatter in known.items() for name in formatter.abilities.storage_classes}
    values: dict[str, Any] = {
        "root": os.fspath(root),
        "universe": testing_universe(),
        "durability": durability,
        "writeable": True,
        "storage_classes": classes,
        "get_formatter": _finder(known),
        "get_geometry": lambda: None,
        "get_signer": _no_signer,
        "default_formatters": defaults,
    }
    return OpenContext(**{**values, **fields})


def _finder(formatters: Mapping[FormatterName, Formatter]) -> Callable[[FormatterName], Formatter]:
    def get_formatter(name: FormatterName) -> Formatter:
        if name not in formatters:
            raise PluginError(
                f"There is no formatter {name!r}.", remedy=f"There are: {', '.join(formatters)}."
            )
        return formatters[name]

    return get_formatter


def _no_signer(name: str) -> NoReturn:
    raise PluginError(f"There is no signer {name!r}.", remedy="Tests have none.")
