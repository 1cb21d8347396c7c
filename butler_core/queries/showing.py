"""Queries and results as people see them: in words without asking anything, and as a table of the first rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from butler_core.contracts.registry import QueryPage
from butler_core.expressions.printer import to_text
from butler_core.models.html_table import html_table
from butler_core.queries.arrow import Column
from butler_core.queries.matching import pattern_items
from butler_core.queries.specification import Search, Specification
from butler_core.queries.values import as_uuid
from butler_core.tai import format_iso

SHOWN_ROWS = 20
"""How many rows a table in a notebook has."""


def in_words(asked: Specification) -> Iterator[str]:
    """Iterate over what a query says, part by part."""
    if asked.dimensions:
        yield f"dimensions {', '.join(asked.dimensions)}"
    yield from map(_search_in_words, asked.searches)
    for upload in asked.uploads:
        yield f"one of {upload.length} given ({', '.join((*upload.dimensions, *upload.dataset_types))})"
    if asked.uuids is not None:
        yield f"one of {len(asked.uuids)} UUIDs"
    conditions = [f"{name} = {value!r}" for name, value in asked.data_id]
    conditions += [clause.text for clause in asked.conditions]
    if conditions:
        yield f"where {' AND '.join(conditions)}"
    if asked.order_by:
        keys = [f"{'-' if term.descending else ''}{to_text(term.expression)}" for term in asked.order_by]
        yield f"sorted by {', '.join(keys)}"
    if asked.offset or asked.limit is not None:
        yield slice_in_words(asked.offset, asked.limit)


def slice_in_words(offset: int, limit: int | None) -> str:
    """Return a slice as Python writes it."""
    return f"[{offset or ''}:{'' if limit is None else offset + limit}]"


def _search_in_words(search: Search) -> str:
    pattern = search.collections
    names = ("the butler's collections",) if pattern is None else pattern_items(pattern)
    where = ", ".join(names) or "no collection"
    return f"{search.dataset_type.name} in {where}"


def page_as_html(columns: Sequence[Column], page: QueryPage) -> str:
    """Return the first rows of a page as a table, and say if there are more."""
    rows = [
        [_shown(column.type, value) for column, value in zip(columns, row, strict=True)]
        for row in page.rows[:SHOWN_ROWS]
    ]
    return html_table([column.name for column in columns], rows, note_below(len(page.rows)))


def note_below(found: int) -> str:
    """Return what to write below a table: whether more rows were found than it shows, or none."""
    if found > SHOWN_ROWS:
        return f"The first {SHOWN_ROWS} rows; there are more."
    return "" if found else "No rows."


def _shown(type_: str, value: Any) -> object:
    if value is None:
        return ""
    if type_ == "uuid":
        return as_uuid(value)
    if type_ == "time":
        return format_iso(value)
    if type_ == "bool":
        return bool(value)
    return f"{len(value)} bytes" if isinstance(value, bytes) else value
