"""What queries and results have in common: lazy, immutable, fetched in pages when iterated, and again when iterated again."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import TracebackType
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

from butler_core.client_cache import Definitions
from butler_core.contracts.registry import QueryPage
from butler_core.expressions.query import QueryDescription
from butler_core.expressions.where import OrderBy, Where
from butler_core.models.bulk import unwatched
from butler_core.models.data_id import DataId
from butler_core.models.names import ArrowReader, ArrowTable, DataIdValue
from butler_core.queries.arrow import Column, make_reader
from butler_core.queries.reasons import find_reasons
from butler_core.queries.services import Services
from butler_core.queries.showing import SHOWN_ROWS, in_words, page_as_html
from butler_core.queries.specification import Specification, cut

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)


class QueryBase(Iterable[_T_co], Generic[_T_co]):
    """Common to queries and results: lazy, immutable, can be iterated again, fetched in pages, without a length.

    Iterating takes statements by the page, not by the row: 4 for each 10 000 rows (begin, generation, rows, end), and one more
    for each further collection that the page reads from.  Expanded results take one more a page for each dimension element, and
    one for datastore records; results of several dataset types as many for each.

    As a context it bounds nothing: what is uploaded or materialized goes along with each question, and is kept nowhere.
    """

    @abstractmethod
    def __iter__(self) -> Iterator[_T_co]:
        """Iterate over the rows.  Statements: 4 a page."""

    @abstractmethod
    def sorted(self, order_by: OrderBy) -> Self:
        """Return the same rows in this order, which replaces an earlier one; ``-name`` descends.

        Missing values come last either way; ties are broken by UUID or data ID.  Statements: none.
        """

    @abstractmethod
    def sliced(self, start: int = 0, stop: int | None = None) -> Self:
        """Return the rows from ``start`` up to and without ``stop``; slices nest.  Statements: none."""

    @abstractmethod
    def run(self) -> Self:
        """Ask now, and hold the rows here as a snapshot.

        It can be iterated, sliced, counted and made a table without asking again; `where`, `sorted` and the like ask about
        just these rows, as they are by then.  Statements: 4 a page, as an iteration.
        """

    @abstractmethod
    def count(self, *, exact: bool = True, discard: bool = False) -> int:
        """Count the rows.

        Statements: 4 (begin, generation, count, end), and one more for each further collection that is searched.

        Parameters
        ----------
        exact
            False skips the exact test of regions, so may count too many.
        discard
            Whether rows may be fetched only to be counted.  No count needs that: registries test regions while they count.
        """

    @abstractmethod
    def any(self, *, execute: bool = True, exact: bool = True) -> bool:
        """Whether there is any row.

        Statements: 4 (begin, generation, one row, end), and one more for each further collection until a row is found;
        3 without ``execute``.

        Parameters
        ----------
        execute
            False asks nothing of the database, and says only what the definitions tell: True may then be wrong.
        exact
            False skips the exact test of regions, so True may then be wrong.
        """

    @abstractmethod
    def explain_no_results(self, *, execute: bool = True) -> list[str]:
        """Say in words why there are no rows; empty only if there are some.

        Without ``execute`` only what the definitions tell is said, and that may be nothing.  Statements: 4 if there are rows;
        else as many for each thing that may be the reason.
        """

    @abstractmethod
    def explain(self) -> str:
        """Return the statements and, after a line ``-- plan:``, the database's plan.

        Statements: 4 (begin, generation, plan, end), and one more for each further one that an iteration would take.
        """

    @abstractmethod
    def to_arrow_reader(self) -> ArrowReader:
        """Return a `pyarrow.RecordBatchReader` of what `to_arrow` returns, which fetches a page when its batch is read.

        The first is fetched at once, for the types of columns.  It holds no more than one page, and can be read once.
        Statements: 4 a page, when it is read.
        """

    def to_arrow(self) -> ArrowTable:
        """Return all rows as a `pyarrow.Table`; no object of Python is made for a row.

        UUIDs are fixed 16 bytes, times TAI nanoseconds as int64, a timespan a struct of two of these (null: open), regions
        encoded bytes.  Statements: 4 a page, as an iteration.  Raises `IncompatibleError` if pyarrow is not installed.
        """
        return self.to_arrow_reader().read_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        return None

    @abstractmethod
    def __repr__(self) -> str: ...

    @abstractmethod
    def _repr_html_(self) -> str: ...


class QueryAdapter(QueryBase[_T_co]):
    """Results of one kind."""

    @abstractmethod
    def where(
        self,
        expression: Where = "",
        data_id: DataId | None = None,
        *,
        bind: Mapping[str, Any] | None = None,
        **kwargs: DataIdValue,
    ) -> Self:
        """Return the rows for which this holds too.  Statements: none.

        Raises `QueryError`, which shows the place in the text and the names that would do.
        """


class Built(Protocol):
    """The query that results belong to."""

    @property
    def _services(self) -> Services:
        """Of the butler."""

    @property
    def _specification(self) -> Specification:
        """What is asked."""

    def _but(self, specification: Specification) -> Self:
        """Return the same query, asking something else."""


class Held(NamedTuple):
    """The rows of a snapshot."""

    pages: tuple[QueryPage, ...]
    """As the Registry answered: one at least, which may be without rows."""
    offset: int = 0
    limit: int | None = None

    @property
    def is_cut(self) -> bool:
        """Whether it is a slice, and not all there is."""
        return bool(self.offset) or self.limit is not None

    @property
    def total(self) -> int:
        """How many rows the slice has."""
        rest = max(sum(len(page.rows) for page in self.pages) - self.offset, 0)
        return rest if self.limit is None else min(rest, self.limit)

    def whole(self) -> Held:
        """Return the slice as all there is."""
        return Held(tuple(self.read()))

    def cut(self, start: int, stop: int | None) -> Held:
        """Return a slice of the slice."""
        return Held(self.pages, *cut(self.offset, self.limit, start, stop))

    def read(self) -> Iterator[QueryPage]:
        """Iterate over what the slice leaves of each page; the first comes anyhow, for it tells what rows would have."""
        offset, left = self.offset, self.total
        for number, page in enumerate(self.pages):
            rows = page.rows[offset : offset + left]
            offset = max(offset - len(page.rows), 0)
            left -= len(rows)
            if rows or number == 0:
                whole = len(rows) == len(page.rows)
                yield page if whole else page._replace(rows=rows)


class Executed(QueryBase[_T_co]):
    """What one description gives."""

    def __init__(self, services: Services, specification: Specification, held: Held | None = None) -> None:
        self._services = services
        self._specification = specification
        self._held = held

    @abstractmethod
    def _describe(self, definitions: Definitions) -> QueryDescription:
        """Return what to ask, by what is defined."""

    @abstractmethod
    def _convert(self, page: QueryPage) -> Sequence[_T_co]:
        """Make the objects of a page."""

    @abstractmethod
    def _columns(self, page: QueryPage) -> Sequence[Column]:
        """Say what the rows of a page are, for a table; those of all pages are alike, also of an empty one."""

    @abstractmethod
    def _but(self, specification: Specification) -> Self:
        """Return the same, of another specification."""

    @abstractmethod
    def _hold(self, held: Held) -> Self:
        """Return the same as a snapshot."""

    # -- asking

    def _first_page(self, **changes: Any) -> tuple[QueryDescription, QueryPage]:
        """Ask, and ask again while the definitions that the question was made with are out of date."""
        services = self._services
        for _ in range(10):
            definitions = services.cache.current()
            description = self._describe(definitions)
            if changes:
                description = description.model_copy(update=changes)
            page = services.registry.execute(description, page_size=_page_size(description))
            if page.generation == definitions.generation:
                break
            services.cache.refresh()
        return description, page

    def _fetch(self, convert: Callable[[QueryPage], _T], **changes: Any) -> Iterator[_T]:
        """Iterate over what a function makes of each page, one statement (or one for each collection) a page."""
        if self._held is not None:
            yield from map(convert, self._held.read())
            return
        with unwatched():
            description, page = self._first_page(**changes)
            found = convert(page)
        yield found
        size, execute = _page_size(description), self._services.registry.execute
        while page.next_page is not None:
            with unwatched():
                page = execute(description, page=page.next_page, page_size=size)
                found = convert(page)
            yield found

    def __iter__(self) -> Iterator[_T_co]:
        # Nothing of ours runs from one item to the next.
        return chain.from_iterable(self._fetch(self._convert))

    def sliced(self, start: int = 0, stop: int | None = None) -> Self:
        """Return some of the rows: see `QueryBase.sliced`."""
        if self._held is not None:
            return self._hold(self._held.cut(start, stop))
        return self._but(self._specification.sliced(start, stop))

    def count(self, *, exact: bool = True, discard: bool = False) -> int:
        """Count the rows: see `QueryBase.count`."""
        if self._held is not None:
            return self._held.total
        return int(self._first_page(answer="count", exact=exact and self._specification.exact)[1].rows[0][0])

    def any(self, *, execute: bool = True, exact: bool = True) -> bool:
        """Whether there is any row: see `QueryBase.any`."""
        if self._held is not None:
            return self._held.total > 0
        if not execute:
            return not self._foreseen()
        return bool(self._first_page(answer="any", exact=exact and self._specification.exact)[1].rows[0][0])

    def explain(self) -> str:
        """Return the statements and the database's plan."""
        ((statements, plan),) = self._first_page(answer="plan")[1].rows
        # There is no statement if it is known that nothing can be found.
        return f"{statements}\n\n-- plan:\n{plan}" if statements else f"-- {plan}"

    def explain_no_results(self, *, execute: bool = True) -> list[str]:
        """Say in words why there are no rows: see `QueryBase.explain_no_results`."""
        if not execute:
            return self._foreseen()
        if self.any():
            return []
        if self._held is not None:
            return ["The snapshot, or the slice of it, has no rows."]
        return find_reasons(self, self._foreseen())

    def to_arrow_reader(self) -> ArrowReader:
        """Return all rows as a `pyarrow.RecordBatchReader`: see `QueryBase.to_arrow_reader`."""
        pages = self._fetch(lambda page: page)
        first = next(pages)
        return make_reader(self._columns(first), (page.rows for page in chain((first,), pages)))

    # -- showing

    def _of_what(self) -> str:
        """Say what a row is."""
        return ""

    def __repr__(self) -> str:
        """Say what is asked, without asking."""
        held = () if self._held is None else (f"{self._held.total} rows held",)
        parts = "; ".join((*held, *in_words(self._specification)))
        return f"<{type(self).__name__}{self._of_what()}{': ' if parts else ''}{parts}>"

    def _repr_html_(self) -> str:
        """Show the first rows.  Statements: 4."""
        first, bare = self.sliced(0, SHOWN_ROWS + 1), {"dimension_records": False, "datastore_records": False}
        page = next(first._fetch(lambda page: page, **bare))
        return page_as_html(self._columns(page), page)

    # -- what `find_reasons` asks

    def _is_empty_with(self, specification: Specification) -> bool:
        """Whether the same of another specification has no rows."""
        return not self._but(specification).any()

    def _foreseen(self) -> list[str]:
        """Return reasons for which there cannot be any row, by what is defined."""
        definitions, defaults = self._services.cache.refresh(), self._services.defaults
        reasons = []
        for search in self._specification.searches:
            name = search.dataset_type.name
            described = search.describe(definitions, defaults)
            members = tuple(definitions.flatten(described.collections))
            if not members:
                reasons.append(
                    f"No collections were searched for {name!r}: none were named, or a chain has no children."
                )
            elif not any(name in definitions.snapshot.summaries.get(m, ((), {}))[0] for m in members):
                reasons.append(
                    f"None of the collections searched ({', '.join(members)}) has a dataset of type {name!r}."
                )
        for upload in self._specification.uploads:
            if not upload.length:
                what = ", ".join(upload.dimensions or upload.dataset_types) or "data IDs"
                reasons.append(f"The query is joined with an empty list ({what}).")
        if self._specification.limit == 0:
            reasons.append("The slice is empty.")
        return reasons


def _page_size(description: QueryDescription) -> int | None:
    """Return how many rows a page should have: what is uploaded goes along with each, so then as many as that."""
    uploaded = sum(upload.length for upload in description.uploads)
    return uploaded if uploaded > 10_000 else None
