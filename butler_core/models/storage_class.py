"""Storage classes: the Python type of a dataset, its parts, and how it is read as something else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Set
from typing import Any

from butler_core.errors import InvalidInputError, PluginError
from butler_core.lazy import lazy_property
from butler_core.models.names import GetParameter, StorageClassName


def import_object(path: str, what: str) -> Any:
    """Import ``module:name``, or a built-in by its bare name.

    Raises `PluginError`, with the cause chained, if it cannot be had.
    """
    module_name, _, name = path.rpartition(":")
    try:
        found: Any = importlib.import_module(module_name or "builtins")
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise PluginError(
            f"{what} is {path!r}, which cannot be imported: {error}.",
            remedy="Install the package that defines it.",
        ) from error
    return found


class StorageClass:
    """The Python type of a dataset, its components, its read parameters and its converters.

    Types and functions are named, as ``module:name``, by the plugin that offers the storage class, and imported on first
    use: looking at a storage class needs no science package.

    Parameters
    ----------
    name
        The name in dataset types.
    pytype
        The Python type, as ``module:name``.
    components
        Parts stored with it, by name, with their storage classes.
    derived_components
        Parts computed on read, likewise.
    parameters
        What a reader may be told.
    converters
        From the name of another type (``module:name``) to the function (likewise) that makes this one's of it.
    delegate
        The `butler_core.contracts.formatter.StorageClassDelegate`, as ``module:name``; None if it needs none.
    """

    def __init__(
        self,
        name: StorageClassName,
        pytype: str,
        *,
        components: Mapping[str, StorageClassName] | None = None,
        derived_components: Mapping[str, StorageClassName] | None = None,
        parameters: Set[GetParameter] = frozenset(),
        converters: Mapping[str, str] | None = None,
        delegate: str | None = None,
    ) -> None:
        self.name = name
        self.components = dict(components or {})
        self.derived_components = dict(derived_components or {})
        self.parameters = frozenset(parameters)
        self._pytype_name = pytype
        self._converters = dict(converters or {})
        self._delegate_name = delegate

    def __repr__(self) -> str:
        return f"StorageClass({self.name!r}, {self._pytype_name!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StorageClass):
            return NotImplemented
        return self._description() == other._description()

    def __hash__(self) -> int:
        return hash(self.name)

    def _description(self) -> tuple[Any, ...]:
        return (
            self.name,
            self._pytype_name,
            self.components,
            self.derived_components,
            self.parameters,
            self._converters,
            self._delegate_name,
        )

    @lazy_property
    def pytype(self) -> type:
        """The Python type, imported on first use."""
        found = import_object(self._pytype_name, f"The type of storage class {self.name!r}")
        if not isinstance(found, type):
            raise PluginError(
                f"The type of storage class {self.name!r} is {self._pytype_name!r}, which is no class.",
                remedy="Mend the plugin that offers the storage class.",
            )
        return found

    @lazy_property
    def delegate(self) -> Any | None:
        """The helper that takes the type apart and puts it together; None if it needs none."""
        if self._delegate_name is None:
            return None
        return import_object(self._delegate_name, f"The delegate of storage class {self.name!r}")()

    def can_convert(self, other: StorageClass) -> bool:
        """Whether objects of ``other`` can be made into this one's."""
        if other._pytype_name == self._pytype_name or other._pytype_name in self._converters:
            return True
        # Only types that are imported already can be a subclass of anything that a caller holds.
        return issubclass(other.pytype, self.pytype)

    def coerce(self, obj: Any) -> Any:
        """Return ``obj`` as this storage class's type.

        Raises `InvalidInputError` if it is of another type and no converter is registered for that.
        """
        if isinstance(obj, self.pytype):
            return obj
        for source, function in self._converters.items():
            source_type = self._imported(source)
            if source_type is not None and isinstance(obj, source_type):
                convert: Callable[[Any], Any] = import_object(function, f"A converter of {self.name!r}")
                return convert(obj)
        raise InvalidInputError(
            f"Storage class {self.name!r} holds {self._pytype_name!r}, not {_type_name(type(obj))!r}.",
            remedy=f"Give a {self.pytype.__name__}, or one of: {', '.join(self._converters) or 'nothing else'}.",
        )

    @staticmethod
    def _imported(path: str) -> type | None:
        """Return a type by name if its module is loaded: else nobody can have an object of it."""
        module_name, _, name = path.rpartition(":")
        found = getattr(sys.modules.get(module_name or "builtins"), name, None)
        return found if isinstance(found, type) else None


def _type_name(cls: type) -> str:
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}:{cls.__qualname__}"
