"""Answers questions by brute force: nested loops over records and datasets, then a filter, a sort and a slice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from tests.differential.evaluation import evaluate, is_empty
from tests.differential.trees import Column, Compare, IsIn, Junction, Literal, Not, Tree
from tests.differential.world import (
    DATASET_TYPES,
    DIMENSIONS,
    GOVERNORS,
    IMPLIED,
    JOINS,
    REQUIRED,
    SPATIAL,
    World,
)

Row = dict[str, Any]
"""Values by dimension; by dataset type also a dataset, and the collection where it was found."""


@dataclass(frozen=True)
class Search:
    """A search for datasets."""

    dataset_type: str
    collections: tuple[str, ...]
    find_first: bool


@dataclass(frozen=True)
class Question:
    """A query."""

    kind: str
    """``datasets``, ``data_ids`` or ``records``."""
    dimensions: tuple[str, ...]
    """Of the rows, without those that follow."""
    element: str = ""
    """Of records."""
    searches: tuple[Search, ...] = ()
    """The first one is for the datasets that are asked for; the others merely constrain."""
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
    trees = [tree for tree, _ in question.order]
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
    """Whether regions decide which data IDs belong together."""
    families = {family for name, family in SPATIAL.items() if set(REQUIRED[name]) <= group}
    if len(families) < 2:
        return False
    return not any(
        {SPATIAL.get(name) for name in DATASET_TYPES[search.dataset_type]} >= families for search in searches
    )


class Oracle:
    """Answers questions about one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._unconstrained: dict[frozenset[str], list[Row]] = {}
        self._values: dict[Column, list[Any]] = {}

    # -- rows

    def rows(self, group: frozenset[str], searches: Sequence[Search] = ()) -> list[Row]:
        """Return all combinations that records allow and for which all searches find something."""
        if searches:
            return list(self._extended(self._found(searches), group, searches))
        if group not in self._unconstrained:
            self._unconstrained[group] = list(self._extended([{}], group, ()))
        return self._unconstrained[group]

    def _found(self, searches: Sequence[Search]) -> list[Row]:
        rows: list[Row] = [{}]
        for search in searches:
            found = self.world.search(search.dataset_type, search.collections, find_first=search.find_first)
            rows = [
                {**row, **dataset.data_id_values, search.dataset_type: (dataset, collection)}
                for row in rows
                for dataset, collection in found
                if all(row.get(name, value) == value for name, value in dataset.data_id)
            ]
        return rows

    def _extended(
        self, rows: Iterable[Row], group: frozenset[str], searches: Sequence[Search]
    ) -> Iterator[Row]:
        # What implies others comes before them.
        first = ("instrument", "skymap", "visit", "exposure", "physical_filter")
        for name in (*first, *DIMENSIONS):
            if name in group:
                rows = self._with_dimension(rows, name)
        given = [close(DATASET_TYPES[search.dataset_type]) for search in searches]
        for name in JOINS:
            needed = set(REQUIRED[name])
            if needed <= group and not any(needed <= other for other in given):
                records = self.world.records[name]
                rows = [row for row in rows if tuple(row[key] for key in REQUIRED[name]) in records]
        return iter(rows)

    def _with_dimension(self, rows: Iterable[Row], name: str) -> list[Row]:
        if name == "band":
            return [
                row if "band" in row else {**row, "band": band}
                for row in rows
                for band in ([""] if "band" in row else self.world.bands)
            ]
        records = self.world.records[name].values()
        names = (*REQUIRED[name], *IMPLIED.get(name, ()))
        return [
            {**row, **{key: record[key] for key in names}}
            for row in rows
            for record in records
            if all(row.get(key, record[key]) == record[key] for key in names)
        ]

    def value(self, row: Row, column: Column) -> Any:
        """Return what a name stands for in a row."""
        if column.source == "dimension":
            return row[column.key]
        if column.source not in REQUIRED:
            dataset, collection = row[column.source]
            return collection if column.key == "collection" else getattr(dataset, column.key)
        key = tuple(row[name] for name in REQUIRED[column.source])
        record = self.world.records[column.source].get(key)
        value = None if record is None else record[column.key]
        if column.bound and value is not None:
            return None if is_empty(value) else value[("begin", "end").index(column.bound)]
        return value

    def values(self, column: Column) -> list[Any]:
        """Return the values that a name stands for anywhere, missing ones aside."""
        if column not in self._values:
            found = dict.fromkeys(self._all_values(column))
            self._values[column] = [value for value in found if value is not None]
        return self._values[column]

    def _all_values(self, column: Column) -> Iterator[Any]:
        if column.source == "dimension" and column.key == "band":
            yield from self.world.bands
        elif column.source == "dimension":
            yield from (record[column.key] for record in self.world.records[column.key].values())
        elif column.source in REQUIRED:
            for record in self.world.records[column.source].values():
                yield self.value({name: record[name] for name in REQUIRED[column.source]}, column)
        elif column.key == "collection":
            yield from self.world.members
        else:
            datasets = (d for d in self.world.datasets if d.dataset_type == column.source)
            yield from (getattr(dataset, column.key) for dataset in datasets)

    # -- answers

    def answer(self, question: Question) -> list[Any]:
        """Return the rows of the answer, in order: UUIDs, full data IDs, or keys of records."""
        group = group_of(question)
        given = dict(question.data_id)
        found: dict[Any, Row] = {}
        required, _ = split(question.dimensions)
        for row in self.rows(group, question.searches):
            fits = all(row[name] == value for name, value in given.items()) and self._is_row(
                question, row, required
            )
            if fits and (question.where is None or evaluate(question.where, self._lookup(row)) is True):
                found.setdefault(self._result(question, row), row)

        def compare(first: Any, second: Any) -> int:
            for tree, descending in question.order:
                values = [evaluate(tree, self._lookup(found[key])) for key in (first, second)]
                result = _compare(values[0], values[1], descending)
                if result:
                    return result
            if question.kind == "datasets":
                return -1 if first.int < second.int else 1
            keys = [[found[key][name] for name in required] for key in (first, second)]
            return -1 if keys[0] < keys[1] else 1

        ordered = sorted(found, key=cmp_to_key(compare))
        stop = None if question.limit is None else question.offset + question.limit
        return ordered[question.offset : stop]

    def _is_row(self, question: Question, row: Row, required: Sequence[str]) -> bool:
        """Whether what is asked for exists: a data ID has all required values, and an element a record."""
        if question.element:
            return (
                tuple(row[name] for name in REQUIRED[question.element])
                in self.world.records[question.element]
            )
        return all(row[name] is not None for name in required)

    def _lookup(self, row: Row) -> Any:
        return lambda column: self.value(row, column)

    def _result(self, question: Question, row: Row) -> Any:
        if question.kind == "datasets":
            return row[question.searches[0].dataset_type][0].uuid
        if question.kind == "records":
            return tuple(row[name] for name in REQUIRED[question.element])
        required, implied = split(question.dimensions)
        return tuple(row[name] for name in required + implied)


def _compare(first: Any, second: Any, descending: bool) -> int:
    """Order two values; those that are missing come last either way."""
    if first is None or second is None:
        return (first is None) - (second is None)
    order = int(first > second) - int(first < second)
    return -order if descending else order


# -- governors


def lacks_governor(question: Question) -> bool:
    """Whether some way for the condition to hold uses what a governor scopes, and does not fix that governor."""
    if question.where is None:
        return False
    given = dict(question.data_id)
    for branch in _ways(question.where, True):
        fixed = {name for test, wanted in branch for name in _fixed(test, wanted)} | given.keys()
        for test, _ in branch:
            for column in test.walk():
                if isinstance(column, Column) and not _scopes(column) <= fixed:
                    return True
    return False


def _ways(tree: Tree, wanted: bool) -> list[list[tuple[Tree, bool]]]:
    """Return all ways for a condition to be as wanted, each as tests that must be so at once."""
    match tree:
        case Not(operand=operand):
            return _ways(operand, not wanted)
        case Junction(op=op, operands=operands):
            parts = [_ways(operand, wanted) for operand in operands]
            if (op == "OR") == wanted:
                return [way for part in parts for way in part]
            ways: list[list[tuple[Tree, bool]]] = [[]]
            for part in parts:
                ways = [way + more for way in ways for more in part]
            return ways
    return [[(tree, wanted)]]


def _fixed(test: Tree, wanted: bool) -> set[str]:
    operand: Tree | None = None
    match test:
        case Compare(op="=" | "==", left=operand, right=Literal()) if wanted:
            pass
        case Compare(op="!=" | "<>", left=operand, right=Literal()) if not wanted:
            pass
        case IsIn(operand=operand) if wanted:
            pass
    return (
        {operand.key} & set(GOVERNORS)
        if isinstance(operand, Column) and operand.source == "dimension"
        else set()
    )


def _scopes(column: Column) -> set[str]:
    if column.type == "region":  # the sky is the same for everyone
        return set()
    element = column.key if column.source == "dimension" else column.source
    return set(REQUIRED.get(element, ())) & set(GOVERNORS) - {element}
