"""What rarely changes, kept on the client: dataset types, collections and governor values of one generation.

Every answer of a Registry bears the generation number as of its own transaction.  Whoever asks compares it with
`Definitions.generation`; if they differ, `ClientCache.refresh` is called and the question is asked again.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import EllipsisType
from typing import TypeVar

from butler_core.contracts.registry import Registry, RegistrySnapshot
from butler_core.errors import (
    CollectionNotFoundError,
    DataIdError,
    DatasetTypeNotFoundError,
    InvalidInputError,
    NotFoundError,
)
from butler_core.lazy import lazy_property
from butler_core.models.checking import read_items, read_name, read_names
from butler_core.models.collection import CollectionInfo, CollectionType
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import CollectionName, DatasetTypeName
from butler_core.models.universe import DimensionUniverse

_T = TypeVar("_T")


def suggest(name: str, names: Iterable[str], what: str) -> str:
    """Say which names would do: those that are close, or all if they are few."""
    names = sorted(names)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(repr(n) for n in close)}?"
    if not names:
        return f"There are no {what} yet."
    if len(names) <= 12:
        return f"The {what} are: {', '.join(names)}."
    return f"There are {len(names)} {what}, such as {', '.join(names[:8])}."


class Definitions:
    """Everything that a Registry defines, as of one generation; immutable."""

    def __init__(self, snapshot: RegistrySnapshot, universe: DimensionUniverse) -> None:
        self.generation = snapshot.generation
        self.snapshot = snapshot
        self.collections: Mapping[CollectionName, CollectionInfo] = {c.name: c for c in snapshot.collections}
        self.dataset_types: Mapping[DatasetTypeName, DatasetType] = {
            t.name: DatasetType(
                t.name, universe.conform(t.dimensions), t.storage_class_name, is_calibration=t.is_calibration
            )
            for t in snapshot.dataset_types
        }

    @lazy_property
    def runs(self) -> frozenset[CollectionName]:
        """Names of all RUN collections."""
        return frozenset(c.name for c in self.snapshot.collections if c.type is CollectionType.RUN)

    def get_dataset_type(self, name: DatasetTypeName) -> DatasetType:
        """Return a dataset type; ``parent.component`` is understood.

        Raises `DatasetTypeNotFoundError`.
        """
        found = self.dataset_types.get(read_name(name, "a dataset type"))
        if found is not None:
            return found
        parent, _, component = name.partition(".")
        if component and parent in self.dataset_types:
            return self.dataset_types[parent].make_component(component)
        raise DatasetTypeNotFoundError(
            f"There is no dataset type {name!r}.",
            remedy=f"{suggest(name, self.dataset_types, 'dataset types')} Or register it: butler.register_dataset_type().",
            name=name,
        )

    def get_collection(self, name: CollectionName) -> CollectionInfo:
        """Return a collection; `CollectionNotFoundError`."""
        found = self.collections.get(read_name(name, "a collection"))
        if found is None:
            raise CollectionNotFoundError(
                f"There is no collection {name!r}.",
                remedy=f"{suggest(name, self.collections, 'collections')} Or register it: butler.register_collection().",
                name=name,
            )
        return found

    def match_collections(self, pattern: str | Iterable[str] | EllipsisType) -> tuple[CollectionName, ...]:
        """Return the collections that names and globs stand for, in their order; a name must exist, a glob may match nothing."""
        if isinstance(pattern, EllipsisType):
            return tuple(self.collections)
        found: dict[CollectionName, None] = {}
        for item in read_names(pattern, "collections"):
            if is_glob(item):
                found.update(dict.fromkeys(fnmatch.filter(self.collections, item)))
            else:
                found[self.get_collection(item).name] = None
        return tuple(found)

    def match_dataset_types(
        self, pattern: DatasetType | str | Iterable[DatasetType | str] | EllipsisType
    ) -> tuple[DatasetType, ...]:
        """Return the dataset types that names, globs and objects stand for; a name must exist, a glob may match nothing."""
        if isinstance(pattern, EllipsisType):
            return tuple(self.dataset_types.values())
        found: dict[str, DatasetType] = {}
        given = (pattern,) if isinstance(pattern, str | DatasetType) else read_items(pattern, "dataset types")
        for item in given:
            if isinstance(item, DatasetType):
                found[item.name] = self._check_same(item)
            elif is_glob(read_name(item, "a dataset type")):
                found.update((n, self.dataset_types[n]) for n in fnmatch.filter(self.dataset_types, item))
            else:
                found[item] = self.get_dataset_type(item)
        return tuple(found.values())

    def _check_same(self, given: DatasetType) -> DatasetType:
        registered = self.get_dataset_type(given.name)
        if given.dimensions != registered.dimensions:
            raise InvalidInputError(
                f"Dataset type {given.name!r} has dimensions {registered.dimensions} here, not {given.dimensions}.",
                remedy=f"Use butler.get_dataset_type({given.name!r}).",
            )
        return given

    def flatten(self, names: Iterable[CollectionName]) -> Iterator[CollectionName]:
        """Put the children of chains in their place, each collection once, in search order."""
        seen: set[CollectionName] = set()
        todo = list(names)[::-1]
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            children = self.get_collection(name).children
            if children is None:
                yield name
            else:
                todo += reversed(children)


def is_glob(pattern: str) -> bool:
    """Whether a pattern is more than a name."""
    return any(character in pattern for character in "*?[")


class ClientCache:
    """Keeps the `Definitions` that were seen last.  Safe to share between threads: they are replaced whole."""

    def __init__(self, registry: Registry, universe: DimensionUniverse) -> None:
        self._registry = registry
        self._universe = universe
        self._definitions: Definitions | None = None

    def current(self) -> Definitions:
        """Return what was seen last; the generation of the next answer tells whether it still holds."""
        return self._definitions or self.refresh()

    def refresh(self) -> Definitions:
        """Ask the Registry, which answers briefly if nothing changed."""
        known = self._definitions
        snapshot = self._registry.snapshot(None if known is None else known.generation)
        if snapshot is None:
            assert known is not None  # only a known generation is answered by None
            return known
        self._definitions = Definitions(snapshot, self._universe)
        return self._definitions

    def up_to_date(self, ask: Callable[[], _T]) -> _T:
        """Return what a function makes of `current`.

        That a data ID does not fit a dataset type is true only if the type is still what it was when it was seen last.
        """
        seen = self.current()
        try:
            return ask()
        except DataIdError:
            if self.refresh() is seen:
                raise
            return ask()

    def clear(self) -> None:
        """Forget everything."""
        self._definitions = None

    def get_dataset_type(self, name: DatasetTypeName) -> DatasetType:
        """Return a dataset type, asking again before it says that there is none."""
        try:
            return self.current().get_dataset_type(name)
        except NotFoundError:
            return self.refresh().get_dataset_type(name)

    def get_collection(self, name: CollectionName) -> CollectionInfo:
        """Return a collection, asking again before it says that there is none."""
        try:
            return self.current().get_collection(name)
        except NotFoundError:
            return self.refresh().get_collection(name)
