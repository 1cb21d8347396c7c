"""Reads one page of rows from the parts of a query: one collection after the other, or all of them merged."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple, Protocol, TypeAlias

from butler_core.models.collection import CollectionType
from butler_core.sql.catalog import Catalog
from butler_core.sql.queries.plans import Compiled, Plan
from butler_core.sql.queries.searches import Branch

Found: TypeAlias = tuple[list[tuple[Any, ...]], tuple[Any, ...] | None, Branch | None]
"""Rows; the key of the last one, None if no other follows; and the part of the search that found it."""


class Parts(Protocol):
    """The parts of one query that runs: what `PageReader` asks for their rows."""

    @property
    def plan(self) -> Plan:
        """The query's plan."""

    @property
    def catalog(self) -> Catalog:
        """What is defined."""

    def fetch(
        self,
        branch: Branch | None,
        after: tuple[Any, ...] | None,
        limit: int,
        offset: int,
        *,
        uuids: bool = False,
    ) -> tuple[Compiled, list[tuple[Any, ...]]]:
        """Run the statement of one part for its rows after a key; with ``uuids`` for nothing but these, if it can."""

    def check(self, compiled: Compiled, rows: Sequence[tuple[Any, ...]]) -> None:
        """Raise an error for rows of the answer that are none."""

    def count(self, branch: Branch | None, limit: int | None = None) -> int:
        """Count the rows of one part, at most up to a limit."""

    def is_hidden(self, branch: Branch) -> bool:
        """Whether the first collection is known to hide all rows of a part."""


class _Last(NamedTuple):
    """The last row of a page."""

    branch: Branch
    """The part of the search that found it."""
    compiled: Compiled
    row: tuple[Any, ...]
    start: tuple[Any, ...] | None
    """The key after which the part was read."""
    place: int
    """How many rows come between that and this one."""


class PageReader:
    """Reads the rows of a page from one or several parts of a search.

    Parameters
    ----------
    source
        Runs statements.
    parts
        The parts; in turn, or merged if rows are sorted.
    uuids
        Whether rows need not have more than their first column.
    """

    def __init__(self, source: Parts, parts: Sequence[Branch | None], *, uuids: bool = False) -> None:
        self._source = source
        self._uuids = uuids
        self._parts = parts
        self._plan = source.plan

    def read(self, after: tuple[Any, ...] | None, wanted: int, offset: int) -> Found:
        """Return the rows after a key, but for an offset, as many as are wanted."""
        if self._parts[0] is None or self._plan.is_ordered:
            return self._read_sorted(after, wanted, offset)
        return self._read_in_turn(after, wanted, offset)

    def _read_in_turn(self, after: tuple[Any, ...] | None, wanted: int, offset: int) -> Found:
        """Read one collection after the other; the key of a row begins with the collection's integer."""
        if after is None and self._plan.is_plain and len(self._parts) > 1:
            found_few = self._read_few(wanted, offset)
            if found_few is not None:
                return found_few
        rows: list[tuple[Any, ...]] = []
        last: _Last | None = None
        for branch in self._parts:
            assert branch is not None  # datasets are asked for
            id_ = branch.collection.id
            if after is not None and id_ < after[0]:
                continue
            start = after[1:] if after is not None and id_ == after[0] else None
            if start is None and self._source.is_hidden(branch):
                continue
            room = wanted - len(rows)
            compiled, found = self._source.fetch(branch, start, room + 1, offset, uuids=self._uuids)
            has_more = len(found) > room
            found = found[:room] if has_more else found
            if found:
                last = _Last(branch, compiled, found[-1], start, offset + len(found) - 1)
                rows += self._finish(branch, compiled, found)
            if has_more:
                return (rows, None, None) if last is None else (rows, self._key_of(last), last.branch)
            if offset:
                offset = 0 if found else max(0, offset - self._source.count(branch))
        return rows, None, None

    def _key_of(self, last: _Last) -> tuple[Any, ...]:
        """Return the key of a row; one that came without its sort keys is read again, with them."""
        compiled, row = last.compiled, last.row
        if compiled.key_positions is None:
            compiled, (row,) = self._source.fetch(last.branch, last.start, 1, last.place)
        return last.branch.collection.id, *_key(compiled, row)

    def _read_few(self, wanted: int, offset: int) -> Found | None:
        """Read all collections of a find-first search and choose here, if they hold little more than a page; else None."""
        room = 2 * (wanted + offset)
        bare = [Branch(branch.collection, "", ()) for branch in self._parts if branch is not None]
        for branch in bare:
            room -= self._source.count(branch, room + 1)
            if room < 0:
                return None
        ranks = [len(branch.earlier) for branch in self._parts if branch is not None]
        chosen: list[list[tuple[Any, ...]]] = [[] for _ in bare]
        seen: set[tuple[Any, ...]] = set()
        for part in sorted(range(len(bare)), key=ranks.__getitem__):
            compiled, rows = self._source.fetch(bare[part], None, 2 * (wanted + offset), 0)
            if seen:
                rows = [row for row in rows if row[2:] not in seen]
            seen.update([row[2:] for row in rows])
            chosen[part] = self._named(bare[part], compiled, rows)
        every = [row for rows in chosen for row in rows]
        rows = every[offset : offset + wanted]
        if len(every) <= offset + wanted:
            return rows, None, None
        bounds = accumulate(map(len, chosen))
        last = next(part for part, bound in enumerate(bounds) if bound >= offset + wanted)
        return rows, (bare[last].collection.id, *rows[-1][2:]), bare[last]

    def _read_sorted(self, after: tuple[Any, ...] | None, wanted: int, offset: int) -> Found:
        """Read the first rows of each part, and take the first of all."""
        if len(self._parts) == 1:
            compiled, rows = self._source.fetch(self._parts[0], after, wanted + 1, offset)
            return self._cut(self._parts[0], compiled, rows, wanted)
        limit = wanted + offset + 1
        parts = [(branch, *self._source.fetch(branch, after, limit, 0)) for branch in self._parts]
        compiled = parts[0][1]
        merged = [row for branch, part, found in parts for row in self._named(branch, part, found)]
        rows = _sorted(compiled, merged)[offset : offset + wanted + 1]
        return self._cut(None, compiled, rows, wanted, is_named=True)

    def _cut(
        self,
        branch: Branch | None,
        compiled: Compiled,
        rows: list[tuple[Any, ...]],
        wanted: int,
        *,
        is_named: bool = False,
    ) -> Found:
        key = None
        if len(rows) > wanted:
            rows = rows[:wanted]
            key = _key(compiled, rows[-1])
        return self._finish(branch, compiled, rows, is_named=is_named), key, self._parts[0]

    def _named(
        self, branch: Branch | None, compiled: Compiled, rows: list[tuple[Any, ...]]
    ) -> list[tuple[Any, ...]]:
        """Put the names of RUNs where the database has their integers."""
        if self._plan.main is None or (branch is not None and branch.collection.type is CollectionType.RUN):
            return rows
        collections = self._source.catalog.collections_by_id
        return [(row[0], collections[row[1]].name, *row[2:]) for row in rows]

    def _finish(
        self,
        branch: Branch | None,
        compiled: Compiled,
        rows: list[tuple[Any, ...]],
        *,
        is_named: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Make rows of the answer: names of RUNs, no sort keys, and nothing for the empty data ID."""
        width = compiled.width
        if compiled.key_positions is None:
            return rows
        if compiled.flags:
            self._source.check(compiled, rows)
        if not is_named:
            rows = self._named(branch, compiled, rows)
        if compiled.tail:
            return [row[:width] + tuple([row[place] for place in compiled.tail]) for row in rows]
        if rows and len(rows[0]) != width:
            return [row[:width] for row in rows]
        return rows


def _key(compiled: Compiled, row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple([row[position] for position in compiled.key_positions or ()])


def _sorted(compiled: Compiled, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Sort rows as the database does: missing values last, text by code point."""
    keys = list(zip(compiled.key_positions or (), compiled.descending, strict=True))
    for position, descending in reversed(keys):
        present = [row for row in rows if row[position] is not None]
        missing = [row for row in rows if row[position] is None]
        present.sort(key=lambda row, position=position: row[position], reverse=descending)  # type: ignore[misc]
        rows = present + missing
    return rows
