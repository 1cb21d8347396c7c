"""What is selected from what is joined: the columns of the answer, then those sort keys that are not among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from butler_core.sql.paging import OrderKey


class Selection:
    """A SELECT, of rows or of their count.

    Parameters
    ----------
    source
        What is joined; None if nothing is.
    conditions
        What must hold.
    columns
        Of the answer.
    keys
        What rows are sorted by.
    distinct
        Whether the same row may come up several times.
    """

    def __init__(
        self,
        source: sa.FromClause | None,
        conditions: Sequence[sa.ColumnElement[bool]],
        columns: Sequence[sa.ColumnElement[Any]],
        keys: Sequence[OrderKey],
        *,
        distinct: bool,
    ) -> None:
        self._source = source
        self._conditions = conditions
        self.is_distinct = distinct
        self.keys = keys
        self.width = len(columns)
        """How many columns the answer has."""
        self._columns = list(columns)
        positions = {id(column): position for position, column in enumerate(columns)}
        for key in keys:
            if id(key.sql) not in positions:
                positions[id(key.sql)] = len(self._columns)
                self._columns.append(key.sql)
        self.key_positions: tuple[int, ...] = tuple(positions[id(key.sql)] for key in keys)
        """Where the keys are in a row."""

    def _select(self, columns: Sequence[Any]) -> sa.Select[Any]:
        select = sa.select(*columns).where(sa.true(), *self._conditions)
        return select if self._source is None else select.select_from(self._source)

    def _all(self) -> sa.Select[Any]:
        columns = self._columns or [sa.literal_column("1")]
        labelled = [column.label(f"_{position}") for position, column in enumerate(columns)]
        select = self._select(labelled)
        return select.distinct() if self.is_distinct or not self._columns else select

    def rows(self) -> sa.Select[Any]:
        """Return the SELECT of one page; its parameters ``limit`` and ``offset`` cut it out."""
        integer = sa.Integer()
        return (
            self._all()
            .order_by(*(key.clause() for key in self.keys))
            .limit(sa.bindparam("limit", type_=integer))
            .offset(sa.bindparam("offset", type_=integer))
        )

    def first_column(self) -> sa.Select[Any]:
        """Return the SELECT of `rows` with nothing but its first column; `is_distinct` selections have none such."""
        (column, *_), integer = self._columns, sa.Integer()
        return (
            self._select([column.label("_0")])
            .order_by(*(key.clause() for key in self.keys))
            .limit(sa.bindparam("limit", type_=integer))
            .offset(sa.bindparam("offset", type_=integer))
        )

    def count(self, is_limited: bool) -> sa.Select[Any]:
        """Return the SELECT of the number of rows; if that is limited, the parameter ``limit`` says up to which."""
        number = sa.func.count()
        if is_limited:
            some = self._all().limit(sa.bindparam("limit", type_=sa.Integer()))
            return sa.select(number).select_from(some.subquery())
        if self.is_distinct or not self._columns:
            return sa.select(number).select_from(self._all().subquery())
        return self._select([number])
