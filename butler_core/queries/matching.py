"""Which collections a search goes through, and which dataset types a pattern stands for."""

from __future__ import annotations

from collections.abc import Iterable
from types import EllipsisType
from typing import Any, TypeAlias

from butler_core.client_cache import Definitions, is_glob
from butler_core.errors import InvalidInputError
from butler_core.models.checking import read_names
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import CollectionPattern
from butler_core.queries.services import Services
from butler_core.resolution import Defaults, ordered_names

DatasetTypePattern: TypeAlias = DatasetType | str | Iterable[DatasetType | str] | EllipsisType


def match_search(
    definitions: Definitions, defaults: Defaults, pattern: CollectionPattern, find_first: bool
) -> tuple[str, ...]:
    """Return the collections that a search goes through; find-first needs them in order, so no globs.

    Names pass as they are: whether they exist is the Registry's to say.
    """
    if pattern is None:
        return defaults.collections
    items = ordered_names(pattern) if find_first else pattern_items(pattern)
    found: dict[str, None] = {}
    for item in items:
        found.update(dict.fromkeys(definitions.match_collections(item) if is_glob(item) else (item,)))
    return tuple(found)


def pattern_items(pattern: CollectionPattern) -> tuple[str, ...]:
    """Return the names and globs of a pattern that is given."""
    return ("*",) if isinstance(pattern, EllipsisType) else read_names(pattern, "collections")


def keep_pattern(pattern: CollectionPattern, find_first: bool) -> CollectionPattern:
    """Return a pattern as it is now, whatever becomes of it; `InvalidInputError` if it lacks an order that is needed."""
    if pattern is None:
        return None
    return ordered_names(pattern) if find_first else pattern_items(pattern)


def match_type(services: Services, name: Any) -> DatasetType:
    """Return the one registered dataset type that is meant; `InvalidInputError` for what could stand for several."""
    if not isinstance(name, DatasetType | str) or (isinstance(name, str) and is_glob(name)):
        raise InvalidInputError(
            f"A search that is joined is for one dataset type, and {name!r} names none.",
            remedy="Join each type by its name; query.datasets takes patterns.",
        )
    (found,) = match_types(services, name)
    return found


def match_types(services: Services, pattern: DatasetTypePattern) -> tuple[DatasetType, ...]:
    """Return the registered dataset types that a pattern stands for.

    Raises `DatasetTypeNotFoundError` for a name that is none, and an error for an object that differs from what is registered.
    """
    cache = services.cache
    if isinstance(pattern, str) and not is_glob(pattern):
        return (cache.get_dataset_type(pattern),)
    if isinstance(pattern, DatasetType):
        cache.get_dataset_type(pattern.name)
        return cache.current().match_dataset_types(pattern)
    return cache.refresh().match_dataset_types(pattern)
