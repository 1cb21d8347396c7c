"""The values of rows: which cells of a selection each column takes, and what is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

from butler_core.sql.queries.paging import OrderKey
from butler_core.sql.queries.typed_values import Typed
from butler_core.sql.schema.element_tables import timespan_from_row


def cells_of(values: Iterable[Typed]) -> list[Any]:
    """Return what to select: a timespan is two cells."""
    return [cell for value in values for cell in _cells(value)]


def _cells(value: Typed) -> tuple[Any, ...]:
    return (value.sql,) if value.end is None else (value.sql, value.end)


def cell_keys(values: Iterable[Typed], cells: Iterable[Any]) -> list[OrderKey]:
    """Return keys that tell any two different rows apart; the cells are those of `cells_of`."""
    rest = iter(cells)
    keys = []
    for value in values:
        type_ = {"timespan": "time", "region": "bytes"}.get(value.type, value.type)
        for _, cell in zip(
            _cells(value), rest, strict=False
        ):  # in this order, so that none of the rest is lost
            keys.append(OrderKey(cell, type_, nullable=value.nullable))
    return keys


def make_rows(rows: Sequence[tuple[Any, ...]], types: Sequence[str]) -> list[tuple[Any, ...]]:
    """Make each row's timespans of their two cells; what else it has stays as it is."""
    if "timespan" not in types or not rows:
        return list(rows)
    cells = zip(*rows, strict=True)
    columns: list[Iterable[Any]] = []
    for type_ in types:
        values = next(cells)
        columns.append(map(timespan_from_row, values, next(cells)) if type_ == "timespan" else values)
    return list(zip(*columns, *cells, strict=True)) if columns else list(repeat((), len(rows)))
