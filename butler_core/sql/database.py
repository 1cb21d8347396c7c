"""What a plugin must say about its database, so that the rest of the toolkit never asks which one it is.

`Database` is that short list: how to connect, begin and end transactions, name column types, bind many values in one
parameter, and what the driver's errors mean.  Everything else in this package is written against it.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from butler_core.errors import ConflictError, ForbiddenError, OutcomeUnknownError, UnavailableError
from butler_core.expressions.patterns import Pattern
from butler_core.models.dataset_ref import uuid_from_bytes
from butler_core.models.names import DimensionName
from butler_core.sql.connections import Connections, Lent
from butler_core.sql.regions import Regions

_PATIENCE_SECONDS = 30.0
_SHORTEST_NAP_SECONDS = 0.001
_LONGEST_NAP_SECONDS = 0.1

_Result = TypeVar("_Result")

ColumnKind: TypeAlias = Literal["int", "float", "string", "bool", "bytes", "uuid", "time", "json"]
"""What a column of the database holds.  Regions are ``bytes``; a timespan is two columns of ``time``."""


class Cursor(Protocol):
    """The part of the DBAPI's cursor that the toolkit uses."""

    rowcount: int

    def execute(self, text: str, values: Sequence[Any] = ..., /) -> Any:
        """Run one statement."""

    def executemany(self, text: str, rows: Iterable[Sequence[Any]], /) -> Any:
        """Run one statement for each row of values."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchmany(self, size: int = ..., /) -> list[Any]:
        """Return some rows."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def close(self) -> None:
        """Let go of everything."""

    def __iter__(self) -> Iterator[Any]: ...


class ConstraintError(ConflictError):
    """A constraint of the database does not hold.  It is diagnosed before users see it, see `butler_core.sql.writing.writer`."""


class ContentionError(UnavailableError):
    """A transaction was rolled back because another was faster; `Database.transact` runs it again."""


class InlineRows(NamedTuple):
    """Rows that a statement takes as parameters, whatever their number."""

    source: sa.FromClause
    """To select from; its columns are ``c0``, ``c1``, ..."""
    parameters: tuple[str, ...]
    """The names of the parameters that `bind` has values for."""
    bind: Callable[[Sequence[Sequence[Any]]], tuple[Any, ...]]
    """Turns rows into the values of `parameters`; UUIDs as in the database."""


class InlineValues(NamedTuple):
    """Values that a statement takes in one parameter, whatever their number: ``column.in_(values.select)``."""

    select: sa.Select[Any]
    """A selection of the values, one column."""
    bind: Callable[[Iterable[Any]], Any]
    """Turns the values into that of the parameter; UUIDs as in the database."""


class Database(ABC):
    """One database, and the short list of what differs from one kind to another.

    Parameters
    ----------
    location
        Names the database in errors: ``SQLite file /data/registry.sqlite3``.
    dialect
        Compiles SQLAlchemy's constructs; its parameter style must be positional.
    is_writeable
        Whether anything may be changed.
    """

    abilities: frozenset[str]
    """Such as transactional_ddl, temporary_tables, concurrent_writers."""
    driver_errors: tuple[type[Exception], ...]
    """What `translate` understands."""
    regions: Regions | None = None
    """What the functions of SQL about regions are; set when a registry opens whose universe has a geometry."""
    merges_sorted: bool = False
    """Whether EXCEPT of two selections in the order of an index reads both side by side, and ends when enough is found."""

    def __init__(self, location: str, dialect: Dialect, *, is_writeable: bool) -> None:
        self.location = location
        self.dialect = dialect
        self.is_writeable = is_writeable
        self._connections = Connections(self.connect)

    # -- transactions

    def read(self, first: str = "") -> Session:
        """Return a context whose value is a cursor: one read-only transaction that sees one state of the database.

        Parameters
        ----------
        first
            A statement without parameters that is run at once; its answer waits in the cursor.
        """
        return Session(self, self._connections, None, first)

    def write(self, name: str = "") -> Session:
        """Return a context whose value is a cursor: one transaction, committed unless an exception leaves the context.

        Parameters
        ----------
        name
            Its name in the error, should the answer to the commit be lost; a batch's ID.

        Raises
        ------
        ForbiddenError
            If the database was opened for reading only.
        OutcomeUnknownError
            If the commit may or may not have happened.
        """
        if not self.is_writeable:
            raise ForbiddenError(
                f"{self.location} was opened for reading only.",
                remedy="Open the butler with writeable=True.",
                code="read-only",
            )
        return Session(self, self._connections, name)

    def transact(self, work: Callable[[Cursor], _Result], name: str = "") -> _Result:
        """Run a write transaction, again as long as it loses against others; return what ``work`` returns.

        Parameters
        ----------
        work
            Does everything in the transaction of a cursor, and nothing else: it may be called several times.
        name
            See `write`, whose errors this raises too.

        Raises
        ------
        UnavailableError
            If it has lost for half a minute.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        nap = _SHORTEST_NAP_SECONDS
        while True:
            try:
                with self.write(name) as cursor:
                    return work(cursor)
            except ContentionError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(nap * random.uniform(0.5, 1.5))
            nap = min(2 * nap, _LONGEST_NAP_SECONDS)

    def ask(self, text: str, values: Sequence[Any]) -> list[Any]:
        """Run one statement that only reads, which sees one state of the database by itself; return its rows."""

        def run(connection: Any) -> list[Any]:
            cursor: Cursor = connection.cursor()
            self.execute_alone(cursor, text, values)
            return cursor.fetchall()

        lent, rows = self.lend(run)
        self._connections.release(lent, is_good=True)
        return rows

    def lend(self, begin: Callable[[Any], _Result]) -> tuple[Lent, _Result]:
        """Lend a connection on which something was begun; return it for `Connections.release`, and what ``begin`` returned.

        An idle connection may have been lost since it was used: then another is lent.
        """
        while True:
            lent = self._connections.acquire()
            try:
                return lent, begin(lent.connection)
            except BaseException as error:
                is_lost = isinstance(error, self.driver_errors) and self.is_lost(lent.connection)
                self._connections.release(lent, is_good=False)
                if is_lost and lent.was_idle:
                    self._connections.close()  # the others were lost with it
                    continue
                if isinstance(error, self.driver_errors):
                    raise self.translate(error) from error
                raise

    def close(self) -> None:
        """Close all connections; may be called again, and a later transaction opens new ones."""
        self._connections.close()

    # -- what a plugin supplies: connections

    @abstractmethod
    def connect(self) -> Any:
        """Open a driver's connection in autocommit mode, ready for use; called by any thread.

        Raises errors of `butler_core.errors`.
        """

    @abstractmethod
    def begin(self, cursor: Cursor, write: bool) -> None:
        """Begin a transaction that sees one state of the database; wait for locks as long as is fair.

        After it has begun, a write transaction is not refused because of what others write.
        """

    def begin_reading(self, cursor: Cursor, first: str) -> None:
        """Begin a transaction that only reads, with a statement from which on it sees one state of the database."""
        self.begin(cursor, False)
        cursor.execute(first)

    @abstractmethod
    def execute_alone(self, cursor: Cursor, text: str, values: Sequence[Any]) -> None:
        """Run a statement that is in no transaction; wait for locks as long as is fair."""

    @abstractmethod
    def translate(self, error: Exception) -> Exception:
        """Return the error of `butler_core.errors` that stands for one of the driver; `ConstraintError` for constraints."""

    def is_lost(self, connection: Any) -> bool:
        """Return whether a connection that failed is of no use any more, as after the server's restart."""
        return False

    def make_room(self, cursor: Cursor) -> None:  # noqa: B027 (most need nothing)
        """Make what tables need before they can be made, in the same transaction; `ConflictError` if a registry is there."""

    def insert_rows(self, cursor: Cursor, table: sa.Table, text: str, rows: Sequence[Sequence[Any]]) -> None:
        """Insert rows that are not there yet, each with all columns of a table in order; ``text`` is the INSERT for one."""
        cursor.executemany(text, rows)

    # -- what a plugin supplies: SQL

    @abstractmethod
    def column_type(self, kind: ColumnKind) -> TypeEngine[Any]:
        """Return the type of a column.  Text sorts by code point; nothing converts values on their way in or out."""

    @abstractmethod
    def table_options(self, *, is_small: bool = False, has_surrogate: bool = False) -> Mapping[str, Any]:
        """Return keyword arguments for `sqlalchemy.Table`.

        ``is_small``: rows of a few short values that are found by primary key only, so may be stored in its index.
        ``has_surrogate``: the database numbers the rows, and never gives a number twice.
        """

    def never_overlapping(self, keys: Sequence[str], begin: str, end: str) -> Sequence[SchemaItem]:
        """Return what in a table keeps times of one key apart, against writers that cannot see one another's rows."""
        return ()

    @abstractmethod
    def insert(self, table: sa.Table) -> Any:
        """Return an INSERT with SQLAlchemy's ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""

    @abstractmethod
    def inline_values(self, parameter: str, kind: ColumnKind) -> InlineValues:
        """Return values to compare with, bound in one parameter of this name."""

    @abstractmethod
    def inline_rows(self, name: str, kinds: Sequence[ColumnKind]) -> InlineRows:
        """Return rows to join with; the names of their parameters begin with ``name``."""

    @abstractmethod
    def uuid_to_value(self, uuid: bytes) -> Any:
        """Return what the database takes for a UUID, given as its 16 bytes."""

    @abstractmethod
    def uuid_from_value(self, value: Any) -> bytes | UUID:
        """Return the UUID, or its 16 bytes, of what the database gave."""

    def make_uuid(self, value: Any) -> UUID:
        """Return the UUID object of what the database gave."""
        uuid = self.uuid_from_value(value)
        return uuid if isinstance(uuid, UUID) else uuid_from_bytes(uuid)

    def uuid_bytes(self, value: Any) -> bytes:
        """Return the 16 bytes of the UUID that the database gave."""
        uuid = self.uuid_from_value(value)
        return uuid.bytes if isinstance(uuid, UUID) else uuid

    def checked_integer(self, expression: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        """Return integer arithmetic that raises an error where it leaves 64 bits, as standard SQL does."""
        return expression

    def modulo(
        self, left: sa.ColumnElement[float], right: sa.ColumnElement[float]
    ) -> sa.ColumnElement[float]:
        """Return the remainder of a division of floats, with the sign of ``left``; NULL if ``right`` is 0."""
        numeric = sa.Numeric()
        remainder = sa.func.mod(sa.cast(left, numeric), sa.cast(sa.func.nullif(right, 0), numeric))
        return sa.cast(remainder, self.column_type("float"))

    def matches(self, text: sa.ColumnElement[str], parameter: str) -> sa.ColumnElement[bool]:
        """Return whether all of a text fits a pattern, by code points; the parameter gets `pattern_value`."""
        return text.like(sa.bindparam(parameter), escape="\\")

    def pattern_value(self, pattern: Pattern) -> str:
        """Return what the parameter of `matches` is bound to."""
        return pattern.to_like()

    # -- what a plugin supplies: regions, which `regions` knows about and the database does not

    @abstractmethod
    def regions_overlap(self, left: Any, right: Any) -> sa.ColumnElement[bool]:
        """Return whether two regions overlap, as `Regions.overlap` says it for each row."""

    @abstractmethod
    def pixel_region(self, skypix: DimensionName, index: Any) -> sa.ColumnElement[bytes]:
        """Return the region of a pixel, as `Regions.pixel` says it."""

    @abstractmethod
    def pixels_of(self, skypix: DimensionName, region: Any) -> tuple[sa.FromClause, sa.ColumnElement[int]]:
        """Return the pixels of a region that another part of the FROM clause has, as `Regions.pixels` says it.

        The first is to be joined: a row for each pixel, which is in the second.
        """

    @abstractmethod
    def explain(self, cursor: Cursor, text: str, values: Sequence[Any]) -> list[str]:
        """Return the database's plan for a statement, line by line."""


class Session:
    """One transaction on one connection; made by `Database.read` and `Database.write`."""

    __slots__ = ("_connections", "_cursor", "_database", "_first", "_lent", "_name")

    def __init__(
        self, database: Database, connections: Connections, name: str | None, first: str = ""
    ) -> None:
        self._first = first
        self._database = database
        self._connections = connections
        self._name = name  # None: reads only

    def __enter__(self) -> Cursor:
        self._lent, self._cursor = self._database.lend(self._begin)
        return self._cursor

    def _begin(self, connection: Any) -> Cursor:
        cursor: Cursor = connection.cursor()
        try:
            if self._first:
                self._database.begin_reading(cursor, self._first)
            else:
                self._database.begin(cursor, self._name is not None)
        except BaseException:
            self._end(cursor)
            raise
        return cursor

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc is None and self._name is not None:
            self._commit()
        else:
            # What only read changed nothing but what a session may keep for itself, such as answers about regions.
            self._end_with("ROLLBACK" if exc is not None else "COMMIT")
        if exc is not None and isinstance(exc, self._database.driver_errors):
            raise self._database.translate(exc) from exc

    def _commit(self) -> None:
        try:
            self._cursor.execute("COMMIT")
        except BaseException as error:
            self._discard()
            if isinstance(error, self._database.driver_errors):
                meant = self._database.translate(error)
                if isinstance(meant, ContentionError | ConstraintError):  # an answer: it was rolled back
                    raise meant from error
                raise OutcomeUnknownError(
                    f"{self._database.location} did not say whether a transaction was committed: {error}",
                    remedy="Run 'butler recover' when the database is back.",
                    batch_id=self._name,
                ) from error
            raise
        self._connections.release(self._lent, is_good=True)

    def _end_with(self, statement: str) -> None:
        try:
            self._cursor.execute(statement)
        except BaseException as error:
            self._discard()
            if not isinstance(error, self._database.driver_errors):
                raise
        else:
            self._connections.release(self._lent, is_good=True)

    def _discard(self) -> None:
        """Close the connection, with whatever it holds."""
        try:
            self._end(self._cursor)
        finally:
            self._connections.release(self._lent, is_good=False)

    def _end(self, cursor: Cursor) -> None:
        """Close a cursor before its connection: a traceback may keep it alive for long, with the transaction and its locks."""
        with suppress(*self._database.driver_errors):
            cursor.execute("ROLLBACK")
        cursor.close()
