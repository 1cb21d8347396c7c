"""Answers questions by brute force: nested loops over records and datasets, then a filter, a sort and a slice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cmp_to_key
from typing import Any, NamedTuple

from tests.differential import sky
from tests.differential.evaluation import evaluate, is_empty, overlaps
from tests.differential.questions import (
    Question,
    Search,
    close,
    columns_of,
    compares_regions,
    find_joins,
    group_of,
    split,
    time_of,
)
from tests.differential.trees import Column
from tests.differential.world import (
    DATASET_TYPES,
    DIMENSIONS,
    IMPLIED,
    JOINS,
    REQUIRED,
    Found,
    World,
)

MOST_KEPT = 300
Row = dict[str, Any]
"""Values by dimension; by dataset type also a dataset, and the collection where it was found."""


class Answer(NamedTuple):
    """What is found."""

    keys: list[Any]
    """In order: UUIDs, full data IDs, keys of records, or rows."""
    places: dict[Any, tuple[Any, ...]]
    """The values by which results are sorted, those outside of the slice too."""
    is_total: bool
    """Whether there is one order only: of rows some may have one data ID, and pairs may be in the order of either side."""


class AmbiguousError(Exception):
    """A find-first search finds several datasets for one data ID."""

    def __init__(self, *, is_there: bool) -> None:
        super().__init__(is_there)
        self.is_there = is_there
        """Whether anything is found."""


class Oracle:
    """Answers questions about one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._rows: dict[Any, list[Row]] = {}
        self._values: dict[Column, list[Any]] = {}
        self._partners: dict[Any, dict[Any, list[Row]]] = {}

    # -- rows

    def rows(
        self, group: frozenset[str], searches: Sequence[Search] = (), joins: Sequence[tuple[str, str]] = ()
    ) -> list[Row]:
        """Return all combinations that records allow and for which all searches find something.

        Of a pair that is joined, the regions overlap.
        """
        key = (group, tuple(searches), tuple(joins))
        if key not in self._rows:
            if len(self._rows) > MOST_KEPT:
                self._rows.clear()
            self._rows[key] = self._find_rows(*key)
        return self._rows[key]

    def _find_rows(
        self, group: frozenset[str], searches: tuple[Search, ...], joins: tuple[tuple[str, str], ...]
    ) -> list[Row]:
        if joins:
            found = self.rows(group, searches)
            return [row for row in found if all(self._overlap(row, *pair) for pair in joins)]
        rows = list(self._extended(self._found(searches), group, searches))
        for search in searches:
            rows = self._valid(rows, search, group)
        return rows

    def _overlap(self, row: Row, one: str, other: str) -> bool:
        first, second = (self.value(row, Column("", "region", name, "region")) for name in (one, other))
        return first is not None and second is not None and sky.overlap(first, second)

    def _found(self, searches: Sequence[Search]) -> list[Row]:
        rows: list[Row] = [{}]
        for search in searches:
            places = self.world.search(search.dataset_type, search.collections, find_first=search.find_first)
            rows = [
                {**row, **found.dataset.data_id_values, search.dataset_type: found}
                for row in rows
                for found in places
                if all(row.get(name, value) == value for name, value in found.dataset.data_id)
            ]
        return rows

    def _valid(self, rows: list[Row], search: Search, group: frozenset[str]) -> list[Row]:
        """Keep the datasets that are valid at the time of each row, in the first collection that has any if that counts."""
        if not self.world.is_timed(search.collections):
            return rows
        element = time_of(search, group)
        if element:
            column = Column("", "timespan", element, "timespan")
            rows = [row for row in rows if self._is_valid(row[search.dataset_type], self.value(row, column))]
        if not search.find_first:
            return rows
        first: dict[Any, int] = {}
        keys = [tuple(value for name, value in row.items() if name != search.dataset_type) for row in rows]
        for key, row in zip(keys, rows, strict=True):
            rank = row[search.dataset_type].rank
            first[key] = min(rank, first.get(key, rank))
        return [
            row for key, row in zip(keys, rows, strict=True) if row[search.dataset_type].rank == first[key]
        ]

    def _is_valid(self, found: Found, time: Any) -> bool:
        if found.collection not in self.world.certifications:
            return True
        return time is not None and overlaps(found.timespan, time)

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
        names = (*REQUIRED[name], *IMPLIED.get(name, ()))
        found = list(rows)
        known = tuple(key for key in names if found and key in found[0])
        partners = self._by_values(name, names, known)
        return [
            {**row, **partner}
            for row in found
            for partner in partners.get(tuple(row[key] for key in known), ())
        ]

    def _by_values(self, name: str, names: tuple[str, ...], known: tuple[str, ...]) -> dict[Any, list[Row]]:
        """Return the dimensions that an element's records relate, by the values of some of these."""
        if (name, known) not in self._partners:
            partners: dict[Any, list[Row]] = {}
            for record in self.world.records[name].values():
                values = {key: record[key] for key in names}
                partners.setdefault(tuple(values[key] for key in known), []).append(values)
            self._partners[name, known] = partners
        return self._partners[name, known]

    def value(self, row: Row, column: Column) -> Any:
        """Return what a name stands for in a row."""
        if column.source == "dimension":
            return row[column.key]
        if column.source not in REQUIRED:
            found = row[column.source]
            value = getattr(found if column.key in ("collection", "timespan") else found.dataset, column.key)
        else:
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
        elif column.key == "timespan":
            spans = [span for held in self.world.certifications.values() for _, span in held]
            yield from spans if not column.bound else (span[column.bound == "end"] for span in spans)
        else:
            datasets = (d for d in self.world.datasets if d.dataset_type == column.source)
            yield from (getattr(dataset, column.key) for dataset in datasets)

    # -- answers

    def answer(self, question: Question) -> Answer:
        """Return the answer."""
        group = group_of(question)
        given = dict(question.data_id)
        found: dict[Any, Row] = {}
        required, _ = split(question.dimensions)
        chosen: dict[Any, set[Any]] = {}
        choices = self._choices(question)
        joins = find_joins(question)
        for row in self.rows(group, question.searches, joins):
            fits = all(row[name] == value for name, value in given.items()) and self._is_row(
                question, row, required
            )
            if fits and (question.where is None or evaluate(question.where, self._lookup(row)) is True):
                found.setdefault(self._result(question, row), row)
                for name in choices:
                    key = (name, *(row[dimension] for dimension in sorted(group)))
                    chosen.setdefault(key, set()).add(row[name].dataset.uuid)
        if any(len(uuids) > 1 for uuids in chosen.values()):
            raise AmbiguousError(is_there=bool(found))

        places = {
            key: tuple(evaluate(tree, self._lookup(row)) for tree, _ in question.order)
            for key, row in found.items()
        }
        descending = [is_descending for _, is_descending in question.order]

        def compare(first: Any, second: Any) -> int:
            for one, other, is_descending in zip(places[first], places[second], descending, strict=True):
                result = _compare(one, other, is_descending)
                if result:
                    return result
            if question.kind == "datasets":
                return -1 if first.int < second.int else 1
            keys = [[found[key][name] for name in required] for key in (first, second)]
            return next(
                filter(None, (_compare(one, other, False) for one, other in zip(*keys, strict=True))), 0
            )

        ordered = sorted(found, key=cmp_to_key(compare))
        stop = None if question.limit is None else question.offset + question.limit
        is_total = question.kind != "rows" and not joins and not compares_regions(question)
        return Answer(ordered[question.offset : stop], places, is_total)

    def _choices(self, question: Question) -> list[str]:
        """Return the dataset types of which one dataset must be found for each data ID, not several."""
        named = {column.source for column in columns_of(question)}
        if question.kind == "datasets":
            named.add(question.searches[0].dataset_type)
        return [
            search.dataset_type
            for search in question.searches
            if search.find_first and search.dataset_type in named and self.world.is_timed(search.collections)
        ]

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
            return row[question.searches[0].dataset_type].dataset.uuid
        if question.kind == "records":
            return tuple(row[name] for name in REQUIRED[question.element])
        required, implied = split(question.dimensions)
        columns = [self.value(row, column) for column in question.columns]
        return (*(row[name] for name in required + implied), *columns)


def _compare(first: Any, second: Any, descending: bool) -> int:
    """Order two values; those that are missing come last either way."""
    if first is None or second is None:
        return (first is None) - (second is None)
    order = int(first > second) - int(first < second)
    return -order if descending else order
