"""Refs of several dataset types, as one result."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Self
from uuid import UUID

from butler_core.errors import InvalidInputError
from butler_core.expressions.tree import names_in
from butler_core.expressions.where import OrderBy, Where
from butler_core.models.data_id import DataId
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.html_table import html_table
from butler_core.models.names import ArrowReader, DataIdValue, DatasetTypeName
from butler_core.queries.base import QueryAdapter
from butler_core.queries.datasets import Again, DatasetQueryAdapter
from butler_core.queries.showing import SHOWN_ROWS, note_below, slice_in_words
from butler_core.queries.specification import cut


class DatasetQueryChain(QueryAdapter[DatasetRef]):
    """Refs of one or several dataset types: one type after the other, or sorted together; slices run over all of them."""

    def __init__(
        self,
        by_dataset_type: Mapping[DatasetTypeName, DatasetQueryAdapter],
        *,
        is_sorted: bool = False,
        offset: int = 0,
        limit: int | None = None,
    ) -> None:
        self.by_dataset_type: Mapping[DatasetTypeName, DatasetQueryAdapter] = dict(by_dataset_type)
        """The results of each type."""
        self._is_sorted = is_sorted
        self._offset = offset
        self._limit = limit

    @property
    def query(self) -> Any:
        """The `Query` that these are results of, if all are of one dataset type; `InvalidInputError` otherwise."""
        return self._only("be built on further").query

    def _only(self, what: str) -> DatasetQueryAdapter:
        if len(self.by_dataset_type) != 1 or self._is_cut:
            raise InvalidInputError(
                f"Results of {len(self.by_dataset_type)} dataset types cannot {what}.",
                remedy="Take the results of one type: by_dataset_type[...].",
            )
        return next(iter(self.by_dataset_type.values()))

    @property
    def _is_cut(self) -> bool:
        return bool(self._offset) or self._limit is not None

    def _but(self, change: Callable[[DatasetQueryAdapter], DatasetQueryAdapter]) -> dict[str, Any]:
        if self._is_cut:
            raise InvalidInputError(
                "A slice over several dataset types cannot be changed any more.",
                remedy="Slice last, or run() it first.",
            )
        return {name: change(adapter) for name, adapter in self.by_dataset_type.items()}

    def where(
        self,
        expression: Where = "",
        data_id: DataId | None = None,
        *,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> Self:
        """Return the refs for which this holds too: see `QueryAdapter.where`."""
        changed = self._but(lambda adapter: adapter.where(expression, data_id, bind=bind, **kwargs))
        return type(self)(changed, is_sorted=self._is_sorted)

    def expanded(self) -> Self:
        """Return the same refs with dimension records and datastore records.  Statements: none."""
        changed = {name: adapter.expanded() for name, adapter in self.by_dataset_type.items()}
        return type(self)(changed, is_sorted=self._is_sorted, offset=self._offset, limit=self._limit)

    def sorted(self, order_by: OrderBy) -> Self:
        """Return the refs in this order, those of all types together: see `QueryBase.sorted`."""
        return type(self)(self._but(lambda adapter: adapter.sorted(order_by)), is_sorted=True)

    def sliced(self, start: int = 0, stop: int | None = None) -> Self:
        """Return some of the refs, counted over all types."""
        if len(self.by_dataset_type) == 1:
            changed = self._but(lambda adapter: adapter.sliced(start, stop))
            return type(self)(changed, is_sorted=self._is_sorted)
        offset, limit = cut(self._offset, self._limit, start, stop)
        return type(self)(self.by_dataset_type, is_sorted=self._is_sorted, offset=offset, limit=limit)

    def run(self) -> Self:
        """Ask now, and hold the refs here: see `QueryBase.run`.  Refs of several types that are sorted together are refused."""
        if self._is_sorted and len(self.by_dataset_type) > 1:
            raise InvalidInputError(
                "A snapshot of several dataset types sorted together cannot be made.",
                remedy="Take list(...) of it, or run() the results of each type in by_dataset_type.",
            )
        held = {name: adapter.run() for name, adapter in self.by_dataset_type.items()}
        if all(held[name] is adapter for name, adapter in self.by_dataset_type.items()):
            return self
        return type(self)(held, is_sorted=self._is_sorted, offset=self._offset, limit=self._limit)

    def _slice(self, items: Iterable[Any]) -> Iterator[Any]:
        stop = None if self._limit is None else self._offset + self._limit
        return islice(items, self._offset, stop)

    def __iter__(self) -> Iterator[DatasetRef]:
        adapters = list(self.by_dataset_type.values())
        if len(adapters) == 1:
            return iter(adapters[0])
        if self._is_sorted:
            merged = heapq.merge(*map(_with_keys, adapters), key=lambda pair: pair[0])
            return self._slice(ref for _, ref in merged)
        return self._slice(chain.from_iterable(adapters))

    def uuids(self) -> Iterable[UUID]:
        """Return the UUIDs alone; lazy, and can be iterated again.  Statements: none now; 4 a page when it is iterated."""
        return Again(self._uuids)

    def _uuids(self) -> Iterator[UUID]:
        if self._is_sorted and len(self.by_dataset_type) > 1:
            return (ref.uuid for ref in self)
        return self._slice(chain.from_iterable(adapter.uuids() for adapter in self.by_dataset_type.values()))

    def count(self, *, exact: bool = True, discard: bool = False) -> int:
        """Count the refs: see `QueryBase.count`."""
        counts = (adapter.count(exact=exact, discard=discard) for adapter in self.by_dataset_type.values())
        rest = max(sum(counts) - self._offset, 0)
        return rest if self._limit is None else min(rest, self._limit)

    def any(self, *, execute: bool = True, exact: bool = True) -> bool:
        """Whether there is any ref: see `QueryBase.any`."""
        if execute and self._is_cut:
            return self.count(exact=exact) > 0
        return any(adapter.any(execute=execute, exact=exact) for adapter in self.by_dataset_type.values())

    def explain(self) -> str:
        """Return the statements and the database's plans."""
        return "\n\n".join(adapter.explain() for adapter in self.by_dataset_type.values())

    def explain_no_results(self, *, execute: bool = True) -> list[str]:
        """Say in words why there are no refs: see `QueryBase.explain_no_results`."""
        if execute and self.any():
            return []
        if not self.by_dataset_type:
            return ["No dataset type matches."]
        found = [a.explain_no_results(execute=execute) for a in self.by_dataset_type.values()]
        if not execute and not all(found):
            return []
        reasons = list(dict.fromkeys(chain.from_iterable(found)))
        return reasons or ["There are datasets, but the slice lies behind the last of them."]

    def __repr__(self) -> str:
        """Say what is asked, without asking."""
        parts = [repr(adapter) for adapter in self.by_dataset_type.values()]
        if self._is_cut:
            parts.append(slice_in_words(self._offset, self._limit))
        return f"<{type(self).__name__}: {', '.join(parts) or 'no dataset types'}>"

    def _repr_html_(self) -> str:
        """Show the first refs.  Statements: 4, as many for each dataset type of several that is looked at."""
        if len(self.by_dataset_type) == 1:
            return next(iter(self.by_dataset_type.values()))._repr_html_()
        enough = self._offset + SHOWN_ROWS + 1
        first = {name: adapter.sliced(0, enough) for name, adapter in self.by_dataset_type.items()}
        bounded = type(self)(first, is_sorted=self._is_sorted, offset=self._offset, limit=self._limit)
        refs = list(islice(bounded, SHOWN_ROWS + 1))
        rows = [
            (
                ref.dataset_type.name,
                ref.uuid,
                ref.run,
                ", ".join(f"{n}={v!r}" for n, v in ref.data_id.required.items()),
            )
            for ref in refs[:SHOWN_ROWS]
        ]
        return html_table(("dataset type", "uuid", "run", "data ID"), rows, note_below(len(refs)))

    def to_arrow_reader(self) -> ArrowReader:
        """Return all refs as a `pyarrow.RecordBatchReader`: of one dataset type only, for the columns' sake."""
        return self._only("be one table").to_arrow_reader()


class _Descending:
    """A value that comes before smaller ones."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)


def _with_keys(adapter: DatasetQueryAdapter) -> Iterator[tuple[tuple[Any, ...], DatasetRef]]:
    """Iterate over refs with what they are to be merged by: missing values last, then the UUID."""
    terms = [term for term in adapter._specification.order_by if names_in(term.expression)]
    descending = [term.descending for term in terms]
    for values, ref in adapter._keyed():
        key = [
            (value is None, _Descending(value) if is_descending else value)
            for value, is_descending in zip(values, descending, strict=False)
        ]
        yield (*key, ref.uuid), ref
