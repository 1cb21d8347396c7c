"""What the names in a condition stand for: dimensions, columns of their elements, fields of datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple, TypeAlias

from butler_core.expressions.names import ambiguous_name_error, unknown_name_error
from butler_core.expressions.written import Written
from butler_core.models.columns import ColumnInfo
from butler_core.models.names import DatasetTypeName, DimensionElementName, DimensionName
from butler_core.models.opaque import OpaqueTable
from butler_core.models.universe import DimensionElement, DimensionGroup, DimensionUniverse

DATASET_FIELDS: Mapping[str, str] = {
    "uuid": "uuid",
    "run": "string",
    "collection": "string",
    "ingest_date": "time",
}
"""Types of what every dataset has, by name."""
_VALIDITY = ("timespan", *(f"timespan.{bound}" for bound in ("begin", "end")))
"""What datasets of calibration types have besides: when they are valid."""
_BOUNDS = ("begin", "end")


class DimensionTarget(NamedTuple):
    """The values of a dimension."""

    name: DimensionName


class ColumnTarget(NamedTuple):
    """A column of an element."""

    element: DimensionElementName
    info: ColumnInfo
    bound: str = ""
    """``begin`` or ``end`` of a timespan; empty for the column itself."""


class PixelTarget(NamedTuple):
    """The region of a pixel."""

    name: DimensionName
    """The skypix dimension."""


class FieldTarget(NamedTuple):
    """What every dataset has."""

    search: int
    """Position of the search."""
    name: str
    bound: str = ""
    """``begin`` or ``end`` of the timespan; empty for the field itself."""


class RecordTarget(NamedTuple):
    """A column of a datastore's records."""

    search: int
    """Position of the search."""
    table: OpaqueTable
    name: str


Target: TypeAlias = DimensionTarget | PixelTarget | ColumnTarget | FieldTarget | RecordTarget


class QueryNames:
    """Looks names up.

    Parameters
    ----------
    universe
        Of the dimensions.
    dimensions
        Those of the query.
    searches
        Dataset types that are searched for.
    calibrations
        Positions of those searches that are for calibrations.
    tables
        Of datastore records.
    preferred
        The element whose records are asked for, or empty; its columns win over others of the same name.
    written
        What the names were written in, for errors.
    """

    def __init__(
        self,
        universe: DimensionUniverse,
        dimensions: DimensionGroup,
        searches: Sequence[DatasetTypeName],
        calibrations: Set[int],
        tables: Iterable[OpaqueTable],
        preferred: DimensionElementName,
        written: Sequence[Written],
    ) -> None:
        self._universe = universe
        self._searches = searches
        self._calibrations = calibrations
        self._preferred = preferred
        self._written = written
        self._records = {
            column.name: table for table in tables for column in table.columns if column.queryable
        }
        self.dimensions = dimensions
        """The dimensions of the query, and of the names that were looked up so far."""
        self._targets: dict[str, Target] = {}

    def read(self, names: Iterable[str]) -> None:
        """Look up all names of a condition; what they need is added to `dimensions`.

        Raises `QueryError` for unknown and ambiguous ones.
        """
        bare = []
        for name in names:
            target = self._find_qualified(name)
            if target is None:
                bare.append(name)
            else:
                self._note(name, target)
        for name in bare:
            self._note(name, self._find_bare(name))

    def _note(self, name: str, target: Target) -> None:
        self._targets[name] = target
        if isinstance(target, DimensionTarget | PixelTarget):
            self.dimensions = self.dimensions.union((target.name,))
        elif isinstance(target, ColumnTarget):
            self.dimensions = self.dimensions.union(self._universe.elements[target.element].required)

    def __getitem__(self, name: str) -> Target:
        return self._targets[name]

    def type_of(self, name: str) -> str:
        """Return the type of what a name stands for, as of a column of a universe."""
        target = self._targets[name]
        if isinstance(target, DimensionTarget):
            key = self._universe.dimensions[target.name].primary_key
            assert key is not None  # every dimension has one
            return key.type
        if isinstance(target, RecordTarget):
            return next(column.type for column in target.table.columns if column.name == target.name)
        if isinstance(target, PixelTarget):
            return "region"
        if target.bound:
            return "time"
        return (
            {**DATASET_FIELDS, "timespan": "timespan"}[target.name]
            if isinstance(target, FieldTarget)
            else target.info.type
        )

    # -- looking up

    def _find_qualified(self, name: str) -> Target | None:
        if name in self._universe.dimensions:
            return DimensionTarget(name)
        first, _, rest = name.partition(".")
        if not rest:
            return None
        element = self._universe.elements.get(first) or self._universe.dimensions.get(first)
        if element is not None:
            target = _column_of(element, rest)
            if target is not None:
                return target
        for position, dataset_type in enumerate(self._searches):
            if name.startswith(f"{dataset_type}."):
                target = self._field(position, name.removeprefix(f"{dataset_type}."))
                if target is not None:
                    return target
        return None

    def _field(self, search: int, name: str) -> Target | None:
        if name in DATASET_FIELDS:
            return FieldTarget(search, name)
        if search in self._calibrations and name in _VALIDITY:
            name, _, bound = name.partition(".")
            return FieldTarget(search, name, bound)
        if name in self._records:
            return RecordTarget(search, self._records[name], name)
        return None

    def _find_bare(self, name: str) -> Target:
        found: dict[str, Target] = {}
        for element_name in self.dimensions.elements:
            target = _column_of(self._universe.elements[element_name], name, own_only=True)
            if target is not None:
                if element_name == self._preferred:
                    return target
                found[f"{element_name}.{name}"] = target
        for position, dataset_type in enumerate(self._searches):
            target = self._field(position, name)
            if target is not None:
                found[f"{dataset_type}.{name}"] = target
        if not found:
            raise unknown_name_error(self._text_of(name), name, self._valid())
        if len(found) > 1:
            raise ambiguous_name_error(self._text_of(name), name, found)
        return next(iter(found.values()))

    def _text_of(self, name: str) -> str:
        return next((written.shown for written in self._written if written.mentions(name)), "")

    def _valid(self) -> list[str]:
        names = [name for name in self._universe.elements if name in self._universe.dimensions]
        for element in self._universe.elements.values():
            for column in element.columns:
                names.append(f"{element.name}.{column.name}")
                if column.type == "timespan":
                    names += [f"{element.name}.{column.name}.{bound}" for bound in _BOUNDS]
        for position, dataset_type in enumerate(self._searches):
            validity = _VALIDITY if position in self._calibrations else ()
            names += [f"{dataset_type}.{field}" for field in (*DATASET_FIELDS, *validity, *self._records)]
        return names


def _column_of(element: DimensionElement, name: str, *, own_only: bool = False) -> Target | None:
    """Return what a name stands for within an element; ``own_only`` leaves out the values of dimensions."""
    if not own_only:
        key = element.primary_key
        if key is not None and name in (key.name, element.name):
            return DimensionTarget(element.name)
        if name in element.required or name in element.implied:
            return DimensionTarget(name)
    if element.is_skypix and name == "region" and not own_only:
        return PixelTarget(element.name)
    if not element.has_table:
        return None
    column, _, bound = name.partition(".")
    for info in element.columns:
        if info.name == column and (not bound or (info.type == "timespan" and bound in _BOUNDS)):
            return ColumnTarget(element.name, info, bound)
    return None
