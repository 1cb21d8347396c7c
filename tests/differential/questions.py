"""What a random question says, and which dimensions take part in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.differential.trees import Column, Compare, Junction, Tree
from tests.differential.world import DATASET_TYPES, DIMENSIONS, IMPLIED, REQUIRED, SPATIAL, TEMPORAL


@dataclass(frozen=True)
class Search:
    """A search for datasets."""

    dataset_type: str
    collections: tuple[str, ...]
    find_first: bool
    temporal_join: str = "fine"
    """Whose time validity must overlap: a policy, or an element."""


@dataclass(frozen=True)
class Question:
    """A query."""

    kind: str
    """``datasets``, ``data_ids``, ``records`` or ``rows``."""
    dimensions: tuple[str, ...]
    """Of the rows, without those that follow."""
    element: str = ""
    """Of records."""
    searches: tuple[Search, ...] = ()
    """The first one is for the datasets that are asked for, if there are any; the others merely constrain."""
    columns: tuple[Column, ...] = ()
    """Of ``rows``, besides dimensions."""
    spatial_joins: tuple[tuple[str, str], ...] = ()
    policy: str = "fine"
    """Which other spatial joins there are: ``fine``, ``coarse`` or ``cartesian``."""
    where: Tree | None = None
    data_id: tuple[tuple[str, Any], ...] = ()
    order: tuple[tuple[Tree, bool], ...] = ()
    """What to sort by, and whether it descends."""
    offset: int = 0
    limit: int | None = None


def close(dimensions: Iterable[str]) -> frozenset[str]:
    """Add the dimensions that others require or imply."""
    found: set[str] = set()
    todo = list(dimensions)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += [*REQUIRED[name], *IMPLIED.get(name, ())]
    return frozenset(found)


def split(dimensions: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the required and the implied dimensions of a group, in order."""
    group = close(dimensions)
    implied = {name for other in group for name in IMPLIED.get(other, ())}
    ordered = [name for name in DIMENSIONS if name in group]
    return [n for n in ordered if n not in implied], [n for n in ordered if n in implied]


def columns_of(question: Question) -> list[Column]:
    """Return the names that a question uses."""
    trees = [*question.columns, *(tree for tree, _ in question.order)]
    if question.where is not None:
        trees.append(question.where)
    return [node for tree in trees for node in tree.walk() if isinstance(node, Column)]


def group_of(question: Question) -> frozenset[str]:
    """Return all dimensions that take part."""
    names = [*question.dimensions, *(name for name, _ in question.data_id)]
    for search in question.searches:
        names += DATASET_TYPES[search.dataset_type]
    for column in columns_of(question):
        if column.source == "dimension":
            names.append(column.key)
        elif column.source in REQUIRED:
            names += REQUIRED[column.source]
    return close(names)


def needs_sphere(group: frozenset[str], searches: Iterable[Search]) -> bool:
    """Whether nothing but regions says which data IDs belong together."""
    families = {family for name, family in SPATIAL.items() if set(REQUIRED[name]) <= group}
    if len(families) < 2:
        return False
    return not any(
        {SPATIAL.get(name) for name in DATASET_TYPES[search.dataset_type]} >= families for search in searches
    )


def spatial_pairs(group: frozenset[str]) -> list[tuple[str, str]]:
    """Return the pairs of elements that can be joined by their regions, finest first."""
    present = [
        name for name in ("visit_detector_region", "visit", "patch", "tract") if set(REQUIRED[name]) <= group
    ]
    sky, ground = ([name for name in present if SPATIAL[name] == family] for family in ("sky", "map"))
    return [(one, other) for one in sky for other in ground]


def find_joins(question: Question) -> tuple[tuple[str, str], ...]:
    """Return the pairs of elements whose regions must overlap for a row to be there, its condition aside."""
    group = group_of(question)
    pairs = spatial_pairs(group)
    is_spoken = any(pair in pairs or pair[::-1] in pairs for pair in _compared(question))
    if question.spatial_joins or is_spoken or not pairs or not needs_sphere(group, question.searches):
        return question.spatial_joins
    if question.policy == "cartesian":
        return ()
    return (pairs[0 if question.policy == "fine" else -1],)


def compares_regions(question: Question) -> bool:
    """Whether regions of records must overlap since the condition says so: databases may walk along either side."""
    return any(_compared(question))


def _compared(question: Question) -> Iterator[tuple[str, str]]:
    """Yield pairs of elements whose regions must overlap if the condition holds."""
    for test in _parts(question.where):
        match test:
            case Compare("OVERLAPS", Column(type="region") as one, Column(type="region") as other):
                yield one.source, other.source


def time_of(search: Search, group: frozenset[str]) -> str:
    """Return the element whose time validity must overlap in a search, if there is any."""
    present = [name for name in TEMPORAL if name in group]
    if search.temporal_join in present:
        return search.temporal_join
    if search.temporal_join == "cartesian" or not present:
        return ""
    return present[0 if search.temporal_join == "fine" else -1]


def _parts(where: Tree | None) -> Iterator[Tree]:
    """Yield what must hold if a condition holds."""
    if isinstance(where, Junction) and where.op == "AND":
        for part in where.operands:
            yield from _parts(part)
    elif where is not None:
        yield where
