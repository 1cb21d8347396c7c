"""Finding collections and dataset types: answered from the definitions and summaries, exactly if that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import overload

from butler_core.client_cache import Definitions
from butler_core.models.checking import read_items, read_member, read_names
from butler_core.models.collection import CollectionInfo, CollectionType
from butler_core.models.dataset_type import DatasetType
from butler_core.models.html_table import html_table
from butler_core.models.names import (
    CollectionName,
    CollectionPattern,
    DatasetTypeName,
    DimensionName,
    StorageClassName,
)
from butler_core.queries.matching import DatasetTypePattern
from butler_core.queries.services import Services

_NONE: frozenset[DatasetTypeName] = frozenset()


class CollectionQuery(Sequence[CollectionName]):
    """Names of collections; children of a flattened chain in search order."""

    def __init__(self, found: Sequence[CollectionInfo]) -> None:
        self._found = tuple(found)

    def details(self) -> Iterator[CollectionInfo]:
        """Iterate over what there is to know of each."""
        return iter(self._found)

    def summarize_types(self) -> Set[CollectionType]:
        """Return the types that occur."""
        return {info.type for info in self._found}

    def _among(self, names: Iterable[CollectionName]) -> CollectionQuery:
        """Return those of some names."""
        wanted = set(names)
        return CollectionQuery([info for info in self._found if info.name in wanted])

    @overload
    def __getitem__(self, index: int) -> CollectionName: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[CollectionName]: ...
    def __getitem__(self, index: int | slice) -> CollectionName | Sequence[CollectionName]:
        if isinstance(index, slice):
            return [info.name for info in self._found[index]]
        return self._found[index].name

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<CollectionQuery: {', '.join(self)}>"

    def _repr_html_(self) -> str:
        rows = [
            (info.name, info.type.value, ", ".join(info.children or ()), info.doc) for info in self._found
        ]
        return html_table(("collection", "type", "children", "documentation"), rows)


class DatasetTypeQuery(Mapping[DatasetTypeName, DatasetType]):
    """Dataset types by name."""

    def __init__(self, found: Iterable[DatasetType]) -> None:
        self._found = {dataset_type.name: dataset_type for dataset_type in found}

    def summarize_storage_classes(self) -> Set[StorageClassName]:
        """Return the names of their storage classes, whether or not these are installed."""
        return {dataset_type.storage_class_name for dataset_type in self._found.values()}

    def __getitem__(self, name: DatasetTypeName) -> DatasetType:
        return self._found[name]

    def __iter__(self) -> Iterator[DatasetTypeName]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return f"<DatasetTypeQuery: {', '.join(self)}>"

    def _repr_html_(self) -> str:
        rows = [
            (t.name, ", ".join(t.dimensions), t.storage_class_name, t.is_calibration)
            for t in self._found.values()
        ]
        return html_table(("dataset type", "dimensions", "storage class", "calibration"), rows)


def query_collections(
    services: Services,
    pattern: CollectionPattern,
    types: Iterable[CollectionType] | CollectionType | None,
    flatten_chains: bool,
    include_chains: bool | None,
    having_datasets: Iterable[DatasetTypeName] | DatasetTypeName,
    exact: bool,
) -> CollectionQuery:
    """Answer `butler_core.butler.Butler.query_collections`."""
    definitions = services.cache.refresh()
    names = services.defaults.collections if pattern is None else definitions.match_collections(pattern)
    if include_chains is None:
        include_chains = not flatten_chains
    if types is None or isinstance(types, CollectionType):
        wanted = set(CollectionType) if types is None else {types}
    else:
        wanted = {read_member(CollectionType, given, "types") for given in read_items(types, "types")}
    having = read_names(having_datasets, "dataset types")
    having_types = {_parent(definitions.get_dataset_type(name)) for name in having}
    found = []
    for name in _walk(definitions, names) if flatten_chains else names:
        info = definitions.collections[name]
        if info.type in wanted and (include_chains or info.type is not CollectionType.CHAINED):
            found.append(info)
    if having_types:
        holdings = _find_holdings(
            services, definitions, having_types, [info.name for info in found], exact=exact
        )
        found = [info for info in found if holdings.get(info.name, _NONE) >= having_types]
    return CollectionQuery(found)


def query_dataset_types(
    services: Services,
    pattern: DatasetTypePattern,
    dimensions: Iterable[DimensionName],
    collections: CollectionPattern,
    exact: bool,
) -> DatasetTypeQuery:
    """Answer `butler_core.butler.Butler.query_dataset_types`."""
    definitions = services.cache.refresh()
    group = services.universe.conform(dimensions)
    found = [t for t in definitions.match_dataset_types(pattern) if group <= t.dimensions]
    if collections is not ...:
        names = (
            services.defaults.collections
            if collections is None
            else definitions.match_collections(collections)
        )
        holdings = _find_holdings(
            services, definitions, {_parent(t) for t in found}, list(definitions.flatten(names)), exact=exact
        )
        held = _NONE.union(*holdings.values())
        found = [t for t in found if _parent(t) in held]
    return DatasetTypeQuery(found)


def _walk(definitions: Definitions, names: Iterable[CollectionName]) -> Iterator[CollectionName]:
    """Chains and what is in them, each once, a chain before its children."""
    seen: set[CollectionName] = set()
    todo = list(names)[::-1]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            yield name
            todo += reversed(definitions.collections[name].children or ())


def _parent(dataset_type: DatasetType) -> DatasetTypeName:
    """Name the type that the datasets are of, of which a component is a part."""
    return dataset_type.name.partition(".")[0]


def _find_holdings(
    services: Services,
    definitions: Definitions,
    dataset_types: Set[DatasetTypeName],
    names: Iterable[CollectionName],
    *,
    exact: bool,
) -> dict[CollectionName, frozenset[DatasetTypeName]]:
    """Return which of some dataset types collections have, chains what is in them.

    It takes one request of the registry, or none if the summaries are trusted or say that there is nothing.
    """
    members = {name: tuple(definitions.flatten([name])) for name in names}
    summaries = definitions.snapshot.summaries
    held: dict[CollectionName, frozenset[DatasetTypeName]] = {
        member: summaries[member][0] & dataset_types
        for each in members.values()
        for member in each
        if member in summaries
    }
    if exact:
        pairs = [(name, member) for member, of_member in held.items() for name in of_member]
        really = services.registry.find_holdings(pairs) if pairs else set()
        held = {
            member: frozenset([name for name in of_member if (name, member) in really])
            for member, of_member in held.items()
        }
    return {name: _NONE.union(*(held.get(member, _NONE) for member in of)) for name, of in members.items()}
