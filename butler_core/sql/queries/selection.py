"""What is selected from what is joined: the columns of the answer, then those sort keys that are not among them, then flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from butler_core.sql.queries.paging import OrderKey, rows_after


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
    flags
        Conditions that must not hold for any row: whoever asks looks at them.
    distinct
        Whether the same row may come up several times.
    missing
        For pages after the first: which keys of the row before have no value.
    """

    def __init__(
        self,
        source: sa.FromClause | None,
        conditions: Sequence[sa.ColumnElement[bool]],
        columns: Sequence[sa.ColumnElement[Any]],
        keys: Sequence[OrderKey],
        *,
        flags: Sequence[sa.ColumnElement[bool]] = (),
        distinct: bool,
        missing: Sequence[bool] | None = None,
    ) -> None:
        self._source = source
        self._conditions = list(conditions)
        self.is_distinct = distinct
        self.keys = keys
        self.width = len(columns)
        """How many columns the answer has."""
        self._columns = list(columns)
        # Keys are looked for among the columns of the answer and not among one another: branches of a search say the same
        # of different objects, and their rows, which are merged, must be alike.
        answer = {id(column): position for position, column in enumerate(columns)}
        self.key_positions: tuple[int, ...] = tuple(self._place(answer, key.sql) for key in keys)
        """Where the keys are in a row."""
        self.flag_positions: tuple[int, ...] = tuple(
            range(len(self._columns), len(self._columns) + len(flags))
        )
        """Where the flags are in a row."""
        self._columns += flags
        self._loose = {
            position: key for key, position in zip(keys, self.key_positions, strict=True) if key.is_loose
        }
        # A row that comes of several combinations, of which one has a flag, is one row with that flag.
        # Without any other column there is nothing to group by, and a group of no rows would be one row.
        self._is_grouped = bool(self._loose) or (distinct and 0 < len(flags) < len(self._columns))
        self._missing = missing
        if missing is not None and not self._loose:
            self._conditions.append(rows_after(keys, missing))

    def _place(self, answer: Mapping[int, int], column: sa.ColumnElement[Any]) -> int:
        """Return where a key is in a row, in which it gets a place of its own if it has none."""
        position = answer.get(id(column))
        if position is None:
            position = len(self._columns)
            self._columns.append(column)
        return position

    def _select(self, columns: Sequence[Any]) -> sa.Select[Any]:
        select = sa.select(*columns).where(sa.true(), *self._conditions)
        return select if self._source is None else select.select_from(self._source)

    def _all(self) -> sa.Select[Any]:
        if self._is_grouped:
            return self._grouped()
        columns = self._columns or [sa.literal_column("1")]
        labelled = [column.label(f"_{position}") for position, column in enumerate(columns)]
        select = self._select(labelled)
        return select.distinct() if self.is_distinct or not self._columns else select

    def _grouped(self) -> sa.Select[Any]:
        """Return each row once, with the first of its values of loose keys, and any flag that it has."""
        inner = self._select(
            [column.label(f"_{position}") for position, column in enumerate(self._columns)]
        ).subquery()
        columns: list[Any] = []
        others = []
        for position in range(len(self._columns)):
            column: Any = inner.c[f"_{position}"]
            if position in self._loose:
                key = self._loose[position]
                value = sa.cast(column, sa.Integer()) if key.type == "bool" else column
                column = sa.func.max(value) if key.descending else sa.func.min(value)
            elif position in self.flag_positions:
                column = sa.func.max(_integer(column))
            else:
                others.append(column)
            columns.append(column.label(f"_{position}"))
        return sa.select(*columns).group_by(*others)

    def _sorted(self) -> sa.Select[Any]:
        if not self._is_grouped:
            return self._all().order_by(*(key.clause() for key in self.keys))
        found = self._all().subquery()
        keys = [
            key._replace(sql=found.c[f"_{position}"])
            for key, position in zip(self.keys, self.key_positions, strict=True)
        ]
        after = [rows_after(keys, self._missing)] if self._loose and self._missing is not None else []
        return sa.select(*found.c).where(*after).order_by(*(key.clause() for key in keys))

    def rows(self) -> sa.Select[Any]:
        """Return the SELECT of one page; its parameters ``limit`` and ``offset`` cut it out."""
        return _cut(self._sorted())

    def first_column(self) -> sa.Select[Any]:
        """Return the SELECT of `rows` with nothing but its first column; `is_distinct` selections have none such."""
        (column, *_) = self._columns
        return _cut(self._select([column.label("_0")]).order_by(*(key.clause() for key in self.keys)))

    def count(self, is_limited: bool) -> sa.Select[Any]:
        """Return the SELECT of the number of rows, then for each flag whether it holds for any.

        If the number is limited, the parameter ``limit`` says up to which.
        """
        number = sa.func.count()
        if is_limited:
            return self._count(number, self._all().limit(sa.bindparam("limit", type_=sa.Integer())))
        if self.is_distinct or not self._columns:
            return self._count(number, self._all())
        return self._select([number, *(sa.func.max(_integer(self._columns[n])) for n in self.flag_positions)])

    def _count(self, number: Any, rows: sa.Select[Any]) -> sa.Select[Any]:
        found = rows.subquery()
        flags = [sa.func.max(_integer(found.c[f"_{position}"])) for position in self.flag_positions]
        return sa.select(number, *flags).select_from(found)


def _cut(select: sa.Select[Any]) -> sa.Select[Any]:
    integer = sa.Integer()
    return select.limit(sa.bindparam("limit", type_=integer)).offset(sa.bindparam("offset", type_=integer))


def _integer(flag: Any) -> sa.ColumnElement[int]:
    return sa.cast(flag, sa.Integer())
