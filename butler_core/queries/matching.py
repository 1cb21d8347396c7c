"""Which collections a search goes through, and which dataset types a pattern stands for."""

from __future__ import annotations

from collections.abc import Iterable
from types import EllipsisType
from typing import TypeAlias

from butler_core.client_cache import Definitions, is_glob
from butler_core.errors import InvalidInputError
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import CollectionPattern
from butler_core.queries.services import Services
from butler_core.resolution import Defaults

DatasetTypePattern: TypeAlias = DatasetType | str | Iterable[DatasetType | str] | EllipsisType


def match_search(
    definitions: Definitions, defaults: Defaults, pattern: CollectionPattern, find_first: bool
) -> tuple[str, ...]:
    """Return the collections that a search goes through; find-first needs them in order, so no globs.

    Names pass as they are: whether they exist is the Registry's to say.
    """
    if pattern is None:
        return defaults.collections
    items = pattern_items(pattern)
    if find_first:
        refuse_globs(pattern)
    found: dict[str, None] = {}
    for item in items:
        found.update(dict.fromkeys(definitions.match_collections(item) if is_glob(item) else (item,)))
    return tuple(found)


def pattern_items(pattern: CollectionPattern) -> tuple[str, ...]:
    """Return the names and globs of a pattern that is given."""
    if isinstance(pattern, EllipsisType):
        return ("*",)
    return (pattern,) if isinstance(pattern, str) else tuple(pattern or ())


def refuse_globs(pattern: CollectionPattern) -> None:
    """Raise `InvalidInputError` if a pattern says nothing of the order of collections."""
    globs = [item for item in pattern_items(pattern) if is_glob(item)]
    if globs:
        raise InvalidInputError(
            f"A search for the first dataset needs collections in order, and {globs[0]!r} gives none.",
            remedy="Name the collections, or pass find_first=False.",
        )


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
