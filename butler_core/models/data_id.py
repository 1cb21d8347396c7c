"""Data IDs: values for a group of dimensions, light enough for millions of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from butler_core.errors import DataIdError, InvalidInputError
from butler_core.models.checking import read_mapping
from butler_core.models.columns import MAX_INT, to_int, to_string
from butler_core.models.names import DataIdValue, DimensionElementName, DimensionName, Region
from butler_core.models.timespan import Timespan
from butler_core.models.universe import DimensionGroup, DimensionUniverse


class DataCoordinate(Mapping[DimensionName, DataIdValue]):
    """Values for a group of dimensions.

    It is *minimal* if it knows the values of required dimensions only, *full* if those of implied ones too, and *expanded*
    if it also carries the dimension records.  It iterates over what it knows.  Equality and hash look at the group and
    the required values.
    """

    __slots__ = ("_dimensions", "_records", "_values")

    _dimensions: DimensionGroup
    _values: tuple[DataIdValue, ...]  # of required dimensions, then (if full) of implied ones
    _records: Mapping[DimensionElementName, Any] | None

    # -- making

    @classmethod
    def from_required(cls, dimensions: DimensionGroup, values: tuple[DataIdValue, ...]) -> DataCoordinate:
        """Make a minimal data ID of trusted values in the order of ``dimensions.required``."""
        self = object.__new__(cls)
        self._dimensions = dimensions
        self._values = values
        self._records = None
        return self

    @classmethod
    def from_full(
        cls,
        dimensions: DimensionGroup,
        values: tuple[DataIdValue, ...],
        records: Mapping[DimensionElementName, Any] | None = None,
    ) -> DataCoordinate:
        """Make a full data ID of trusted values: required, then implied; with ``records`` an expanded one."""
        self = object.__new__(cls)
        self._dimensions = dimensions
        self._values = values
        self._records = records
        return self

    @classmethod
    def standardize(
        cls,
        data_id: DataId | None = None,
        *,
        dimensions: Iterable[DimensionName] | None = None,
        universe: DimensionUniverse,
        defaults: DataCoordinate | None = None,
        **kwargs: DataIdValue,
    ) -> DataCoordinate:
        """Make a data ID of what a user gave, checked but not looked up.

        Parameters
        ----------
        data_id
            A data ID or a mapping by dimension name; a data ID with more dimensions than are wanted is cut down.
        dimensions
            The dimensions wanted; None: those that are given.
        universe
            The universe of all names.
        defaults
            Values to use where neither ``data_id`` nor ``kwargs`` has one.
        **kwargs
            More values; they win over ``data_id``.

        Raises
        ------
        DataIdError
            If a value is missing, of another type, or for a dimension that is unknown or not among ``dimensions``.
        """
        if type(data_id) is dict and isinstance(dimensions, DimensionGroup) and not kwargs:
            usual = _check_usual(dimensions, data_id, defaults, universe)
            if usual is not None:
                return cls.from_required(dimensions, usual)
        if isinstance(data_id, DataCoordinate) and not kwargs:
            group = data_id._dimensions if dimensions is None else universe.conform(dimensions)
            if data_id._dimensions is group:
                return data_id
            if group.names and set(group.required) <= data_id.keys():
                return data_id.subset(group)
        values: dict[str, Any] = dict(read_mapping(data_id, "data_id"))
        values.update(kwargs)
        for name in values:
            if name not in universe.dimensions:
                raise DataIdError(
                    f"{name!r} is no dimension of universe {universe.namespace} {universe.version}.",
                    remedy=_valid_names(universe, dimensions),
                    name=name,
                )
        group = universe.conform(values if dimensions is None else dimensions)
        if not isinstance(data_id, DataCoordinate):
            _refuse_extra(values, group)
        if defaults is not None:
            values = {**defaults, **values}
        return cls._of_checked(group, values)

    @classmethod
    def _of_checked(cls, group: DimensionGroup, values: Mapping[str, Any]) -> DataCoordinate:
        missing = [name for name in group.required if values.get(name) is None]
        if missing:
            given = ", ".join(f"{name}={value!r}" for name, value in values.items()) or "nothing"
            raise DataIdError(
                f"The data ID lacks {', '.join(missing)}; given was {given}.",
                remedy=f"It needs values for {', '.join(group.required) or 'nothing'}.",
                missing=missing,
            )
        names = group.required
        if group.implied and all(values.get(name) is not None for name in group.implied):
            names += group.implied
        return cls.from_required(
            group, tuple([check_value(group.universe, name, values[name]) for name in names])
        )

    # -- reading

    def __getitem__(self, name: DimensionName) -> DataIdValue:
        try:
            return self._values[self._dimensions.positions[name]]
        except (KeyError, IndexError):
            if name in self._dimensions:
                raise KeyError(
                    f"{name}: this data ID is minimal and knows required values only; expand it"
                ) from None
            raise KeyError(f"{name}: this data ID has {', '.join(self)}") from None

    def __iter__(self) -> Iterator[DimensionName]:
        return iter((self._dimensions.required + self._dimensions.implied)[: len(self._values)])

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        index = self._dimensions.positions.get(name)  # type: ignore[call-overload]
        return index is not None and index < len(self._values)

    def values(self) -> tuple[DataIdValue, ...]:  # type: ignore[override]
        """Return the values that it knows, in the order of iteration."""
        return self._values

    @property
    def dimensions(self) -> DimensionGroup:
        """The group that the values are for."""
        return self._dimensions

    @property
    def required_values(self) -> tuple[DataIdValue, ...]:
        """The values of ``dimensions.required``, in that order."""
        return self._values[: len(self._dimensions.required)]

    @property
    def full_values(self) -> tuple[DataIdValue, ...]:
        """The values of required and implied dimensions; `InvalidInputError` if it is minimal."""
        if not self.is_full:
            raise InvalidInputError(
                f"Data ID {self} is minimal.", remedy="Ask for .expanded() on the query that finds it."
            )
        return self._values

    @property
    def required(self) -> Mapping[DimensionName, DataIdValue]:
        """The required values alone, by name."""
        return MappingProxyType(dict(zip(self._dimensions.required, self._values, strict=False)))

    @property
    def is_full(self) -> bool:
        """Whether it knows the implied values too."""
        return len(self._values) == len(self._dimensions.positions)

    @property
    def is_expanded(self) -> bool:
        """Whether it carries dimension records."""
        return self._records is not None

    @property
    def records(self) -> Mapping[DimensionElementName, Any]:
        """Dimension records by element, None for one that has no row; `InvalidInputError` unless expanded."""
        if self._records is None:
            raise InvalidInputError(
                f"Data ID {self} carries no dimension records.",
                remedy="Ask for .expanded() on the query that finds it.",
            )
        return self._records

    @property
    def region(self) -> Region | None:
        """The region of the finest spatial element; None if there is none.  `InvalidInputError` unless expanded."""
        record = self._finest("spatial")
        return None if record is None else record.region

    @property
    def timespan(self) -> Timespan | None:
        """The timespan of the finest temporal element; None if there is none.  `InvalidInputError` unless expanded."""
        record = self._finest("temporal")
        timespan: Timespan | None = None if record is None else record.timespan
        return timespan

    def _finest(self, kind: str) -> Any | None:
        records = self.records
        for members in self._dimensions.universe.topology[kind].values():
            for element in members:
                if records.get(element) is not None:
                    return records[element]
        return None

    # -- algebra

    def subset(self, dimensions: Iterable[DimensionName]) -> DataCoordinate:
        """Return the values of fewer dimensions; what it knows of them stays known.

        Raises `DataIdError` if a value that would be needed is not known.
        """
        group = self._dimensions.universe.conform(dimensions)
        if group is self._dimensions:
            return self
        try:
            values = tuple([self[name] for name in group.required])
        except KeyError as error:
            raise DataIdError(
                f"Data ID {self} has no values for {', '.join(n for n in group.required if n not in self)}.",
                remedy="Ask for dimensions that it has, or expand it first.",
            ) from error
        if all(name in self for name in group.implied):
            values += tuple([self[name] for name in group.implied])
            if self._records is not None:
                records = {name: self._records.get(name) for name in group.elements}
                return DataCoordinate.from_full(group, values, records)
        return DataCoordinate.from_required(group, values)

    def union(self, other: DataCoordinate) -> DataCoordinate:
        """Return a data ID for the dimensions of both.

        Raises `InvalidInputError` if they give a dimension different values.
        """
        for name in self.keys() & other.keys():
            if self[name] != other[name]:
                raise InvalidInputError(
                    f"Data IDs {self} and {other} disagree about {name}.", remedy="Unite data IDs that agree."
                )
        group = self._dimensions.union(other._dimensions)
        result = DataCoordinate._of_checked(group, {**self, **other})
        if result.is_full and self._records is not None and other._records is not None:
            records = {**self._records, **other._records}
            if records.keys() >= set(group.elements):
                return DataCoordinate.from_full(
                    group, result._values, {n: records[n] for n in group.elements}
                )
        return result

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, DataCoordinate):
            return NotImplemented
        return self._dimensions == other._dimensions and self.required_values == other.required_values

    def __hash__(self) -> int:
        return hash((self._dimensions.names, self.required_values))

    def __repr__(self) -> str:
        return f"{{{', '.join(f'{name}: {value!r}' for name, value in self.items())}}}"

    def _repr_html_(self) -> str:
        import html

        rows = "".join(
            f"<tr><th>{name}</th><td>{html.escape(str(value))}</td></tr>" for name, value in self.items()
        )
        return f"<table>{rows}</table>"

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (
            self._dimensions,
            self._values,
            None if self._records is None else dict(self._records),
        )


DataId: TypeAlias = DataCoordinate | Mapping[DimensionName, DataIdValue]


def _restore(
    dimensions: DimensionGroup, values: tuple[DataIdValue, ...], records: Mapping[str, Any] | None
) -> DataCoordinate:
    return DataCoordinate.from_full(dimensions, values, records)


def _check_usual(
    group: DimensionGroup,
    given: Mapping[str, Any],
    defaults: DataCoordinate | None,
    universe: DimensionUniverse,
) -> tuple[DataIdValue, ...] | None:
    """Return the required values if just they are given, and plainly good; None to look closer."""
    if len(given) != len(group.required) or group.universe is not universe:
        return None
    if defaults is not None and any(name in defaults for name in group.implied):
        return None
    values: list[DataIdValue] = []
    for name, is_int in group.integer_keys:
        value = given.get(name)
        if is_int:
            if type(value) is not int or not -MAX_INT <= value < MAX_INT:
                return None
        elif type(value) is not str or not value.isascii() or "\0" in value:
            return None
        values.append(value)
    return tuple(values)


def check_value(universe: DimensionUniverse, name: DimensionName, value: Any) -> DataIdValue:
    """Return a dimension's value as int or str; `DataIdError` if it is of another type."""
    key = universe.dimensions[name].primary_key
    assert key is not None  # every dimension has one
    try:
        return to_int(value) if key.type == "int" else to_string(value)
    except (TypeError, ValueError) as error:
        wanted = "an int" if key.type == "int" else "text"
        problem = f"not {wanted}" if isinstance(error, TypeError) else str(error)
        raise DataIdError(
            f"The data ID has {name}={value!r}: {problem}.",
            remedy=f"Give {wanted} for {name}.",
            name=name,
        ) from error


def _valid_names(universe: DimensionUniverse, dimensions: Iterable[DimensionName] | None) -> str:
    if dimensions is not None:
        return f"A data ID is wanted for {', '.join(universe.conform(dimensions).names) or 'no dimensions'}."
    return f"Dimensions are: {', '.join(name for name in universe.elements if name in universe.dimensions)}."


def _refuse_extra(values: Mapping[str, Any], group: DimensionGroup) -> None:
    extra = [name for name in values if name not in group]
    if extra:
        raise DataIdError(
            f"The data ID has a value for {', '.join(extra)}, which the dimensions wanted do not include.",
            remedy=f"Give values for {', '.join(group.names) or 'nothing'} only.",
            extra=extra,
        )
