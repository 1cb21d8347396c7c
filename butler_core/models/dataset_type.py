"""Dataset types: what all datasets of one name have in common."""

from __future__ import annotations

import re
from typing import TypeAlias

from butler_core.errors import InvalidInputError
from butler_core.models import lookup
from butler_core.models.checking import read_name
from butler_core.models.columns import check_text
from butler_core.models.names import DatasetTypeName, StorageClassName
from butler_core.models.storage_class import StorageClass
from butler_core.models.universe import DimensionGroup

StorageClassLike: TypeAlias = StorageClass | StorageClassName

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")


class DatasetType:
    """A name, the dimensions of its data IDs, a storage class, and whether it is a calibration.

    Parameters
    ----------
    name
        Letters, digits and underscores; a component is written ``parent.component``.
    dimensions
        The dimensions of its data IDs.
    storage_class
        A storage class or its name.
    is_calibration
        Whether datasets of it may be certified with a validity timespan.

    Raises
    ------
    InvalidInputError
        If the name is not well formed.
    """

    __slots__ = ("_dimensions", "_is_calibration", "_name", "_storage_class", "_storage_class_name")

    def __init__(
        self,
        name: DatasetTypeName,
        dimensions: DimensionGroup,
        storage_class: StorageClassLike,
        *,
        is_calibration: bool = False,
    ) -> None:
        if not _NAME.fullmatch(str(name)):
            raise InvalidInputError(
                f"{name!r} cannot name a dataset type.",
                remedy="Use letters, digits and underscores, beginning with a letter; a dot before a component.",
            )
        self._name = name
        self._dimensions = dimensions
        self._is_calibration = bool(is_calibration)
        if isinstance(storage_class, StorageClass):
            self._storage_class: StorageClass | None = storage_class
            self._storage_class_name = storage_class.name
        else:
            self._storage_class = None
            self._storage_class_name = check_text(storage_class, "A storage class's name")

    @property
    def name(self) -> DatasetTypeName:
        """The name."""
        return self._name

    @property
    def dimensions(self) -> DimensionGroup:
        """The dimensions of its data IDs."""
        return self._dimensions

    @property
    def storage_class_name(self) -> StorageClassName:
        """The storage class's name, whether or not it is installed."""
        return self._storage_class_name

    @property
    def is_calibration(self) -> bool:
        """Whether its datasets may be certified with a validity timespan."""
        return self._is_calibration

    @property
    def storage_class(self) -> StorageClass:
        """The storage class; `NotFoundError` if no plugin offers it."""
        if self._storage_class is None:
            self._storage_class = lookup.storage_class(self._storage_class_name)
        return self._storage_class

    @property
    def component(self) -> str | None:
        """``component`` of ``parent.component``, else None."""
        return self._name.partition(".")[2] or None

    def make_component(self, component: str) -> DatasetType:
        """Return the type of one of its components.

        Raises `InvalidInputError` if the storage class has no such component.
        """
        parts = {**self.storage_class.components, **self.storage_class.derived_components}
        if component not in parts:
            raise InvalidInputError(
                f"Dataset type {self._name!r} ({self._storage_class_name}) has no component {component!r}.",
                remedy=f"It has: {', '.join(sorted(parts)) or 'none'}.",
            )
        return DatasetType(
            f"{self._name}.{component}",
            self._dimensions,
            parts[component],
            is_calibration=self._is_calibration,
        )

    def with_storage_class(self, storage_class: StorageClassLike) -> DatasetType:
        """Return the same type, read or written as another Python type.

        Raises `InvalidInputError` if objects of the one cannot be made into the other.
        """
        given = storage_class.name if isinstance(storage_class, StorageClass) else storage_class
        name = read_name(given, "a storage class")
        if name == self._storage_class_name:
            return self
        result = DatasetType(self._name, self._dimensions, storage_class, is_calibration=self._is_calibration)
        new, old = result.storage_class, self.storage_class
        if not (new.can_convert(old) or old.can_convert(new)):
            raise InvalidInputError(
                f"Dataset type {self._name!r} is of storage class {old.name!r}, and cannot be had as {new.name!r}.",
                remedy="Choose a storage class with a converter between the two.",
            )
        return result

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, DatasetType):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._name)

    def _key(self) -> tuple[object, ...]:
        return (self._name, self._dimensions, self._storage_class_name, self._is_calibration)

    def __repr__(self) -> str:
        calibration = ", is_calibration=True" if self._is_calibration else ""
        return f"DatasetType({self._name!r}, {self._dimensions}, {self._storage_class_name!r}{calibration})"

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self._name, self._dimensions, self._storage_class_name, self._is_calibration)


def _restore(name: str, dimensions: DimensionGroup, storage_class: str, is_calibration: bool) -> DatasetType:
    return DatasetType(name, dimensions, storage_class, is_calibration=is_calibration)
