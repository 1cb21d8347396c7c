"""SQL statements that are compiled once, when they are first needed, and run through the driver's cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ClauseElement

from butler_core.errors import InternalError
from butler_core.sql.database import Cursor, Database


class Statement:
    """One statement: its text, and how to put values in the order in which the text has them.

    Parameters
    ----------
    database
        Whose SQL to compile to.
    construct
        What SQLAlchemy makes statements of.
    parameters
        Names of bound parameters, in the order in which `execute` gets their values.  Other parameters of the
        construct have values already (literals) and keep them.  None: those that have no value, as they come.
    """

    __slots__ = ("_arrange", "_constants", "_source", "parameters", "text")

    text: str
    """In the database's SQL."""
    parameters: tuple[str, ...]
    """Names of the parameters that `execute` gets values for, in order."""
    _arrange: itemgetter[Any] | None
    _constants: tuple[Any, ...]

    def __init__(
        self, database: Database, construct: ClauseElement, parameters: Sequence[str] | None = ()
    ) -> None:
        self._source = (database, construct, parameters)

    def __getattr__(self, name: str) -> Any:
        """Compile: this is called only while an attribute is not set yet."""
        if name not in Statement.__slots__:
            raise AttributeError(name)
        self._compile(*self._source)
        return getattr(self, name)

    def _compile(
        self, database: Database, construct: ClauseElement, parameters: Sequence[str] | None
    ) -> None:
        compiled: Any = construct.compile(
            dialect=database.dialect, compile_kwargs={"render_postcompile": True}
        )
        text = str(compiled)
        order: list[str] = list(compiled.positiontup or ())
        if parameters is None:
            parameters = list(dict.fromkeys(name for name in order if compiled.binds[name].required))
        missing = set(parameters).difference(order)
        if missing:
            raise InternalError(f"The statement has no parameter {min(missing)!r}: {text}")
        index = {name: position for position, name in enumerate(parameters)}
        constants: list[Any] = []
        for name in order:
            if name not in index:
                index[name] = len(index)
                constants.append(compiled.params[name])
        positions = [index[name] for name in order]
        in_order = positions == list(range(len(parameters)))
        # Whoever sees one of these sees all: `text` is read first, so it comes last.
        self.parameters = tuple(parameters)
        self._constants = tuple(constants)
        self._arrange = None if in_order else itemgetter(*positions)
        self.text = text

    def _in_order(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        arrange = self._arrange
        if arrange is None:
            return values
        arranged: Any = arrange(values + self._constants)
        return arranged if arranged.__class__ is tuple else (arranged,)

    def execute(self, cursor: Cursor, values: tuple[Any, ...] = ()) -> Cursor:
        """Run it; return the cursor, to fetch from."""
        cursor.execute(self.text, values if self._arrange is None else self._in_order(values))
        return cursor

    def execute_many(self, cursor: Cursor, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run it for each of many rows of values."""
        cursor.executemany(self.text, rows if self._arrange is None else map(self._in_order, rows))

    def first(self, cursor: Cursor, values: tuple[Any, ...] = ()) -> Any:
        """Run it and return the first row, or None."""
        cursor.execute(self.text, values if self._arrange is None else self._in_order(values))
        return cursor.fetchone()

    def all(self, cursor: Cursor, values: tuple[Any, ...] = ()) -> list[Any]:
        """Run it and return all rows."""
        cursor.execute(self.text, values if self._arrange is None else self._in_order(values))
        return cursor.fetchall()

    def ask(self, database: Database, values: tuple[Any, ...] = ()) -> Any:
        """Run it alone, outside of any transaction, and return the first row, or None."""
        rows = self.ask_all(database, values)
        return rows[0] if rows else None

    def ask_all(self, database: Database, values: tuple[Any, ...] = ()) -> list[Any]:
        """Run it alone, outside of any transaction, and return all rows."""
        return database.ask(self.text, values if self._arrange is None else self._in_order(values))

    def explain(self, database: Database, cursor: Cursor, values: tuple[Any, ...] = ()) -> list[str]:
        """Return the database's plan for it, line by line."""
        return database.explain(cursor, self.text, self._in_order(values))

    def __repr__(self) -> str:
        return f"Statement({self.text!r})"


class Insertion:
    """Inserts rows that are not there yet into a table, however many.

    Parameters
    ----------
    database
        Whose it is.
    table
        The table; rows have all its columns, in order.
    """

    def __init__(self, database: Database, table: sa.Table) -> None:
        self._database, self._table = database, table
        self._one = Statement(database, database.insert(table), [column.name for column in table.columns])

    def execute_many(self, cursor: Cursor, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert each of many rows."""
        rows = rows if isinstance(rows, list) else list(rows)
        self._database.insert_rows(cursor, self._table, self._one.text, rows)
