"""Dimension universes: a versioned set of elements and their relations, and the groups of dimensions made from them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary

from pydantic import BaseModel

from butler_core.errors import InvalidInputError
from butler_core.lazy import lazy_property
from butler_core.models.checking import read_name, read_names
from butler_core.models.columns import ColumnInfo
from butler_core.models.model_config import FROZEN
from butler_core.models.names import ColumnName, DimensionElementName, DimensionName, UriExpression
from butler_core.models.universe_source import read_universe


class DimensionElement(BaseModel):
    """A dimension, or a join table between dimensions."""

    model_config = FROZEN

    name: DimensionElementName
    doc: str = ""
    is_dimension: bool
    is_governor: bool = False
    is_skypix: bool = False
    has_table: bool = True
    """False for skypix, and where other elements imply the values."""
    joins: bool = False
    """Whether its rows say which of its dimensions belong together: it is joined wherever all of them are."""
    populated_by: DimensionName | None = None
    """The dimension along with which its rows are exported."""
    required: tuple[DimensionName, ...] = ()
    """Dimensions whose values identify a row; its own name last, if it is a dimension."""
    implied: tuple[DimensionName, ...] = ()
    """Dimensions whose values a row fixes."""
    primary_key: ColumnInfo | None = None
    """None for join tables."""
    alternate_keys: tuple[ColumnInfo, ...] = ()
    metadata: tuple[ColumnInfo, ...] = ()
    spatial_family: str | None = None
    """If not None, rows have a region; elements of one family see the same sky at different scales."""
    temporal_family: str | None = None
    """If not None, rows have a timespan."""

    @lazy_property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """Alternate keys, metadata, region and timespan: everything but the values of dimensions."""
        extra = []
        if self.spatial_family is not None and not self.is_skypix:
            extra.append(ColumnInfo("region", "region", doc="Region on the sky."))
        if self.temporal_family is not None:
            extra.append(ColumnInfo("timespan", "timespan", doc="Interval of time (TAI)."))
        return (*self.alternate_keys, *self.metadata, *extra)

    def __repr__(self) -> str:
        return f"DimensionElement({self.name!r})"


class DimensionUniverse:
    """A versioned set of elements and their relations; immutable, equal by namespace, version and content.

    Made by `load`.
    """

    def __init__(self, checked: Mapping[str, Any]) -> None:
        source = checked  # what `read_universe` returned
        self._source = source["source"]
        self.namespace: str = source["namespace"]
        self.version: int = source["version"]
        self.geometry: str | None = source.get("geometry")
        """Name of the geometry plugin that knows its regions; None if it has none."""
        # `read_universe` checked all of it, so nothing is validated again.
        elements = {
            name: DimensionElement.model_construct(**spec) for name, spec in source["elements"].items()
        }
        skypix = source["skypix"]
        self.elements: Mapping[DimensionElementName, DimensionElement] = MappingProxyType(elements)
        """Elements in topological order: what an element needs comes before it."""
        self.dimensions: Mapping[DimensionName, DimensionElement] = MappingProxyType(
            {name: element for name, element in elements.items() if element.is_dimension}
            | {
                f"{system}{level}": _skypix(f"{system}{level}", system)
                for system, finest in skypix["systems"].items()
                for level in range(finest + 1)
            }
        )
        """Every dimension, those of the sky's tessellations included, which have no table."""
        self.key_types: Mapping[DimensionName, str] = {
            name: element.primary_key.type
            for name, element in self.dimensions.items()
            if element.primary_key is not None
        }
        """The type of each dimension's values: ``int`` or ``string``."""
        self.common_skypix: DimensionName | None = skypix["common"]
        """The skypix dimension through which spatial joins run."""
        self.topology: Mapping[str, Mapping[str, tuple[DimensionElementName, ...]]] = source["topology"]
        """Families of ``spatial`` and ``temporal`` elements, each finest first."""
        self.governor_dimensions: Set[DimensionName] = frozenset(
            name for name, element in elements.items() if element.is_governor
        )
        self._order = {name: index for index, name in enumerate(dict.fromkeys((*elements, *self.dimensions)))}
        self._groups: dict[frozenset[str], DimensionGroup] = {}
        self.empty = self.conform(())
        """The group of no dimensions, which works everywhere."""

    @classmethod
    def load(
        cls, source: str | UriExpression | Mapping[str, Any], version: int | None = None
    ) -> DimensionUniverse:
        """Load by a plugin's name, from a YAML file or from parsed content; overlays are resolved.

        Raises
        ------
        NotFoundError
            If ``source`` is the name of no installed universe and no file.
        InvalidInputError
            If the content is malformed; the error names the file and the key.
        """
        known = _find_known(source) if isinstance(source, Mapping) and version is None else None
        return known or _interned(read_universe(source, version))

    def conform(self, dimensions: Iterable[DimensionName] | DimensionName) -> DimensionGroup:
        """Return the group of these dimensions and of all that they require and imply.

        Raises `InvalidInputError` for a name that is no dimension of the universe.
        """
        if isinstance(dimensions, DimensionGroup) and dimensions.universe is self:
            return dimensions
        names = frozenset(read_names(dimensions, "dimensions"))
        group = self._groups.get(names)
        if group is None:
            closed = self._close(names)
            group = self._groups.setdefault(closed, DimensionGroup._make(self, closed))
            self._groups[names] = group
        return group

    def _close(self, names: frozenset[str]) -> frozenset[str]:
        closed: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name in closed:
                continue
            element = self.dimensions.get(name)
            if element is None:
                raise InvalidInputError(
                    f"{name!r} is no dimension of universe {self.namespace} {self.version}.",
                    remedy=f"Its dimensions are: {', '.join(n for n in self.elements if n in self.dimensions)}.",
                    name=str(name),
                )
            closed.add(name)
            todo += element.required
            todo += element.implied
        return frozenset(closed)

    def get_element(self, name: DimensionElementName) -> DimensionElement:
        """Return an element by name; `InvalidInputError` lists the names that would do."""
        known = read_name(name, "a dimension element")
        element = self.elements.get(known) or self.dimensions.get(known)
        if element is None:
            raise InvalidInputError(
                f"{name!r} is no dimension element of universe {self.namespace} {self.version}.",
                remedy=f"Its elements are: {', '.join(self.elements)}.",
                name=str(name),
            )
        return element

    def sort(self, names: Iterable[str]) -> list[str]:
        """Return names of dimensions or elements in the universe's order."""
        return sorted(names, key=self._order.__getitem__)

    def to_dict(self) -> dict[str, Any]:
        """Return what `load` takes; overlays are merged already."""
        result: dict[str, Any] = json.loads(self._canonical)
        return result

    @lazy_property
    def _canonical(self) -> str:
        return json.dumps(self._source)

    @lazy_property
    def _hash(self) -> int:
        return hash((self.namespace, self.version, self._canonical))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, DimensionUniverse):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.namespace, self.version))

    def __repr__(self) -> str:
        return f"DimensionUniverse({self.namespace!r}, version={self.version})"

    def __reduce__(self) -> tuple[object, ...]:
        return _restore_universe, (self._canonical,)


_universes: WeakValueDictionary[str, DimensionUniverse] = WeakValueDictionary()


def _interned(checked: Mapping[str, Any]) -> DimensionUniverse:
    """Give equal universes one object, so that groups can be compared by identity."""
    universe = DimensionUniverse(checked)
    return _universes.setdefault(universe._canonical, universe)


def _find_known(source: Mapping[str, Any]) -> DimensionUniverse | None:
    """Return the universe that this process has made of the same content, which is then known to be in order."""
    try:
        return _universes.get(json.dumps(source))
    except (TypeError, ValueError):  # no content that JSON has: `read_universe` says what is wrong with it
        return None


def _restore_universe(canonical: str) -> DimensionUniverse:
    found = _universes.get(canonical)
    return found if found is not None else _interned(read_universe(json.loads(canonical)))


def _skypix(name: str, system: str) -> DimensionElement:
    return DimensionElement.model_construct(
        name=name,
        doc=f"Pixels of the {system} tessellation of the sky.",
        is_dimension=True,
        is_skypix=True,
        has_table=False,
        required=(name,),
        primary_key=ColumnInfo("id", "int", doc="Index of the pixel.", nullable=False),
        spatial_family=system,
    )


class DimensionGroup(Set[DimensionName]):
    """A set of dimensions, closed under requirement and implication, in the universe's order.

    Made by `DimensionUniverse.conform`; one object stands for each set, so groups compare by identity.
    """

    __slots__ = (
        "__weakref__",
        "_hashed",
        "_universe",
        "elements",
        "governors",
        "implied",
        "integer_keys",
        "lookup_order",
        "names",
        "positions",
        "required",
        "skypix",
    )

    _hashed: int
    _universe: DimensionUniverse
    names: tuple[DimensionName, ...]
    """All names, in the universe's order."""
    required: tuple[DimensionName, ...]
    """The names whose values identify a data ID."""
    implied: tuple[DimensionName, ...]
    """The names whose values follow from those."""
    elements: tuple[DimensionElementName, ...]
    """Elements, join tables too, all of whose dimensions are in the group."""
    governors: tuple[DimensionName, ...]
    skypix: tuple[DimensionName, ...]
    positions: dict[DimensionName, int]
    """Where each name's value is among those of required, then implied dimensions."""
    integer_keys: tuple[tuple[DimensionName, bool], ...]
    """Each required name, and whether its values are ints."""
    lookup_order: tuple[DimensionElementName, ...]
    """The elements, ordered so that a record's own dimensions are known when its turn comes."""

    @classmethod
    def _make(cls, universe: DimensionUniverse, names: frozenset[str]) -> DimensionGroup:
        self = object.__new__(cls)
        dimensions = universe.dimensions
        ordered = universe.sort(names)
        implied = {other for name in ordered for other in dimensions[name].implied}
        self._universe = universe
        self.names = tuple(ordered)
        self.required = tuple(name for name in ordered if name not in implied)
        self.implied = tuple(name for name in ordered if name in implied)
        self.elements = tuple(
            name
            for name, element in universe.elements.items()
            if (element.is_dimension and name in names)
            or (not element.is_dimension and names.issuperset(element.required))
        )
        self.governors = tuple(name for name in ordered if dimensions[name].is_governor)
        self.skypix = tuple(name for name in ordered if dimensions[name].is_skypix)
        self.positions = {name: index for index, name in enumerate(self.required + self.implied)}
        keys = [(name, dimensions[name].primary_key) for name in self.required]
        self.integer_keys = tuple((name, key is not None and key.type == "int") for name, key in keys)
        self.lookup_order = self._find_lookup_order()
        self._hashed = self._hash()  # the hash of the equal frozenset
        return self

    def _find_lookup_order(self) -> tuple[DimensionElementName, ...]:
        known, order = set(self.required), []
        waiting = list(self.elements)
        while waiting:
            ready = [n for n in waiting if known.issuperset(self._universe.elements[n].required)]
            for name in ready:
                known.update(self._universe.elements[name].implied)
            order += ready
            waiting = [name for name in waiting if name not in ready]
            if not ready:
                raise InvalidInputError(
                    f"The values of {', '.join(waiting)} do not follow from those of {', '.join(self.required)}.",
                    remedy="Mend 'requires' and 'implies' in the universe.",
                )
        return tuple(order)

    @property
    def universe(self) -> DimensionUniverse:
        """The universe that it is made from."""
        return self._universe

    def __contains__(self, name: object) -> bool:
        return name in self.positions

    def __iter__(self) -> Iterator[DimensionName]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def _from_iterable(self, names: Iterable[DimensionName]) -> DimensionGroup:  # type: ignore[override]
        return self._universe.conform(names)

    def union(self, *others: Iterable[DimensionName]) -> DimensionGroup:
        """Return the smallest group that holds this one and all others."""
        return self._universe.conform({*self.names, *(name for other in others for name in other)})

    def intersection(self, *others: Iterable[DimensionName]) -> DimensionGroup:
        """Return the smallest group that holds the names in all of them."""
        return self._universe.conform(set(self.names).intersection(*others))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, DimensionGroup):
            return self.names == other.names and self._universe == other._universe
        if isinstance(other, Set):
            return set(self.names) == other
        return NotImplemented

    def __hash__(self) -> int:
        return self._hashed

    def __repr__(self) -> str:
        return f"{{{', '.join(self.required)}}}"

    def __reduce__(self) -> tuple[object, ...]:
        return DimensionUniverse.conform, (self._universe, self.names)


def column_names(element: DimensionElement) -> tuple[ColumnName, ...]:
    """Return the names of all columns of an element's rows, in order."""
    return (*element.required, *element.implied, *(column.name for column in element.columns))
