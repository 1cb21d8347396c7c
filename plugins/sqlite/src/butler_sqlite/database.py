"""SQLite as the SQL toolkit needs it: connections, transactions, column types, arrays in one parameter, errors."""

from __future__ import annotations

import math
import random
import re
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeEngine

from butler_core.errors import (
    CorruptError,
    ForbiddenError,
    InternalError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from butler_core.expressions.patterns import Pattern, Wildcard
from butler_core.models.names import DimensionName, Durability
from butler_core.sql.database import ColumnKind, ConstraintError, Cursor, Database, InlineRows, InlineValues
from butler_sqlite.places import FileIdentity, identify_file, is_read_only_place, may_read, may_write
from butler_sqlite.region_functions import RegionFunctions

# What a commit survives in WAL mode.  FULL syncs the log at every commit, so the commit outlives a power cut.  NORMAL
# hands the log to the kernel and syncs at checkpoints only: the file is never damaged and a commit outlives the death of
# any process, but a power cut may take back the last ones.
_SYNCHRONOUS = {"power-loss": "FULL", "process": "NORMAL"}

_GLOB = {Wildcard.ANY_TEXT: "*", Wildcard.ANY_CHARACTER: "?"}

_LIMIT = re.compile(r"^too many |^at most \d+ tables|too large \(maximum depth|^parser stack overflow")
"""What SQLite says of a statement that is larger than it was built for: these have no code of their own."""

_PATIENCE_SECONDS = 30.0
_LONGEST_NAP_SECONDS = 0.01

_WRONG_TYPE = sqlite3.SQLITE_CONSTRAINT | (
    12 << 8
)  # SQLITE_CONSTRAINT_DATATYPE, which Python has no name for

_TYPES: dict[ColumnKind, type[TypeEngine[Any]]] = {
    "int": sa.INTEGER,
    "float": sa.REAL,
    "string": sa.TEXT,
    "bool": sa.INTEGER,
    "bytes": sa.BLOB,
    "uuid": sa.BLOB,
    "time": sa.INTEGER,
    "json": sa.TEXT,
}


class SqliteDatabase(Database):
    """One SQLite file in WAL mode.

    Parameters
    ----------
    path
        The file, which exists.
    durability
        What a commit must survive.
    is_writeable
        Whether anything may be changed.
    """

    abilities = frozenset({"transactional_ddl", "temporary_tables"})
    driver_errors = (sqlite3.Error, OverflowError)
    merges_sorted = True

    def __init__(self, path: Path, durability: Durability, *, is_writeable: bool) -> None:
        super().__init__(f"SQLite file {path}", sqlite.dialect(paramstyle="qmark"), is_writeable=is_writeable)
        self._path = path
        self._synchronous = _SYNCHRONOUS[durability]
        self._functions = RegionFunctions(self)
        self._file: FileIdentity | None = None  # which it is, once it was opened

    # -- connections

    def connect(self) -> sqlite3.Connection:
        """Open a connection; `NotFoundError` if there is no file."""
        if not self._path.exists():
            raise NotFoundError(
                f"There is no {self.location}.",
                remedy="Check the repository's path and 'registry.path' in its butler.yaml, or restore the file.",
                path=str(self._path),
            )
        if self.is_writeable and not may_write(self._path):
            # SQLite itself would open it for reading, and who then finds nothing to write takes that for success.
            raise self._unwritable("this user may only read it")
        try:
            return self._connect()
        except sqlite3.Error as error:
            raise self.translate(error) from error

    def _connect(self) -> sqlite3.Connection:
        options = f"mode={'rw' if self.is_writeable else 'ro'}"
        if is_read_only_place(
            self._path
        ):  # where nobody can write, there is nobody to coordinate with either
            options = "mode=ro&immutable=1"
        file = identify_file(self._path)
        self._file = self._file or file
        self._refuse_another(file)
        connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?{options}",
            uri=True,
            timeout=0,  # `_patiently` waits instead
            isolation_level=None,
            check_same_thread=False,
            cached_statements=500,
        )
        try:
            cursor = connection.cursor()
            self._patiently(cursor, f"PRAGMA synchronous = {self._synchronous}")
            cursor.execute("PRAGMA foreign_keys = ON")
            cursor.execute("PRAGMA trusted_schema = OFF")
            cursor.execute("PRAGMA temp_store = MEMORY")
            cursor.execute("PRAGMA cache_size = -32768")  # 32 MiB
            cursor.execute(
                "PRAGMA journal_size_limit = 67108864"
            )  # a log that one huge batch blew up shrinks again
            connection.create_function("butler_unhex", 1, bytes.fromhex, deterministic=True)
            connection.create_function("butler_fmod", 2, _fmod, deterministic=True)
            self._functions.register(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def begin(self, cursor: Cursor, write: bool) -> None:
        """Begin a transaction; a writer takes the one lock at once, so that nothing can refuse it half-way.

        Raises `NotFoundError` if the file was removed or replaced, as by a backup, since it was opened: what is written into
        a file that has lost its name is lost as well.
        """
        if write:
            self._patiently(cursor, "BEGIN IMMEDIATE")
            self._refuse_another(identify_file(self._path))
            return
        cursor.execute("BEGIN")
        self._patiently(cursor, "SELECT 1 FROM sqlite_schema LIMIT 1")  # from here on it sees one state

    def _refuse_another(self, file: FileIdentity | None) -> None:
        """Raise `NotFoundError` for another file than the one opened first, whose definitions are known here."""
        if file != self._file:
            raise NotFoundError(
                f"{self.location} is not the one that was opened: it was removed, moved or replaced since.",
                remedy="Close the butler and open it again.",
                path=str(self._path),
            )

    def begin_reading(self, cursor: Cursor, first: str) -> None:
        """Begin a transaction with its first statement: BEGIN alone looks at nothing yet, and waits for nothing."""
        cursor.execute("BEGIN")
        self._patiently(cursor, first)

    def execute_alone(self, cursor: Cursor, text: str, values: Sequence[Any]) -> None:
        """Run a statement that is in no transaction, however often others hold the lock when it comes."""
        self._patiently(cursor, text, values)

    def _patiently(self, cursor: Any, text: str, values: Sequence[Any] = ()) -> None:
        """Run a statement that may find the file locked.

        SQLite's own waiting sleeps up to 0.1 s between attempts, so those who wait long lose against those who come
        fresh.  Short naps of random length give everyone about the same chance.
        """
        try:
            cursor.execute(text, values)
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
        deadline = time.monotonic() + _PATIENCE_SECONDS
        nap = 0.0001
        while True:
            time.sleep(nap * random.uniform(0.5, 1.5))
            try:
                cursor.execute(text, values)
                return
            except sqlite3.OperationalError as error:
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
            nap = min(2 * nap, _LONGEST_NAP_SECONDS)

    # -- errors

    def translate(self, error: Exception) -> Exception:
        """Return our error for one of the driver's."""
        if isinstance(error, OverflowError):
            return InvalidInputError(
                f"An integer does not fit into 64 bits: {error}.", remedy="Give a smaller one."
            )
        if str(error) == "integer overflow":
            return InvalidInputError(
                "A computation with integers leaves 64 bits.", remedy="Compute with floats: 1.0 * x."
            )
        if (cause := self._functions.take_error(error)) is not None:
            return cause
        code = getattr(error, "sqlite_errorcode", None)
        where = self.location
        if code == _WRONG_TYPE:
            return InvalidInputError(
                f"A value is of the wrong type: {error}.", remedy="Give a value of the column's type."
            )
        match None if code is None else code & 0xFF:
            case sqlite3.SQLITE_CONSTRAINT:
                return ConstraintError(f"{where} refuses what contradicts its constraints: {error}.")
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return UnavailableError(
                    f"{where} was locked by others for {_PATIENCE_SECONDS:.0f} s.",
                    remedy="Try again; if nobody writes, look for a process that hangs (lsof, fuser).",
                )
            case (
                sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH | sqlite3.SQLITE_CANTOPEN
            ):
                return self._forbidden(error)
            case sqlite3.SQLITE_FULL:
                return UnavailableError(
                    f"{where} cannot grow: {error}.", remedy="Free some space on its disk."
                )
            case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_NOMEM | sqlite3.SQLITE_INTERRUPT:
                return UnavailableError(
                    f"{where} cannot be used now: {error}.", remedy="Check its disk, and try again."
                )
            case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
                return CorruptError(f"{where} is damaged: {error}.", remedy="Restore it from a backup.")
            case sqlite3.SQLITE_TOOBIG:
                return InvalidInputError(
                    f"A value is too big for SQLite: {error}.", remedy="Give less at once."
                )
        if _LIMIT.search(str(error)):
            return InvalidInputError(
                f"The question is too large for SQLite: {error}.",
                remedy="Join fewer dataset types and dimensions, or ask in several parts.",
            )
        return InternalError(f"{where} did not understand us: {error}.", remedy="Report a bug.")

    def _forbidden(self, error: Exception) -> ForbiddenError:
        """Return the error for a file that this user may not use as they wish."""
        directory = self._path.parent
        if self.is_writeable:
            return self._unwritable(str(error))
        has_companions = self._path.with_name(f"{self._path.name}-shm").exists()
        if may_read(self._path) and not has_companions and not may_write(directory):
            return ForbiddenError(
                f"{self.location} cannot be read: SQLite needs '{self._path.name}-wal' and '{self._path.name}-shm' beside it, "
                f"which go when the last who has it open closes it, and this user cannot make them in {directory}.",
                remedy=f"Let this user write to {directory}; or have somebody who may keep it open meanwhile; or copy it "
                "to a place of your own.  On a file system that is mounted read-only it can be read as it is.",
                code="read-only",
                path=str(self._path),
            )
        return ForbiddenError(
            f"{self.location} cannot be opened: {error}.",
            remedy="The file must be readable, and its directory writable, for this user.",
            code="read-only",
            path=str(self._path),
        )

    def _unwritable(self, why: str) -> ForbiddenError:
        return ForbiddenError(
            f"{self.location} cannot be written: {why}.",
            remedy=f"Make the file and {self._path.parent} writable for this user.",
            code="read-only",
            path=str(self._path),
        )

    # -- SQL

    def column_type(self, kind: ColumnKind) -> TypeEngine[Any]:
        """Return one of the types that STRICT tables know; TEXT compares bytes of UTF-8, which is by code point."""
        return _TYPES[kind]()

    def table_options(self, *, is_small: bool = False, has_surrogate: bool = False) -> Mapping[str, Any]:
        """Return options: every table checks the types of values, small ones are stored in their primary key's index."""
        return {
            "sqlite_strict": True,
            "sqlite_with_rowid": not is_small,
            "sqlite_autoincrement": has_surrogate,
        }

    def insert(self, table: sa.Table) -> sqlite.Insert:
        """Return SQLite's INSERT."""
        return sqlite.insert(table)

    def inline_values(self, parameter: str, kind: ColumnKind) -> InlineValues:
        """Return values in one JSON array."""
        each = sa.func.json_each(sa.bindparam(parameter)).table_valued("value")
        value: Any = each.c.value
        if kind in ("uuid", "bytes"):
            return InlineValues(sa.select(sa.func.butler_unhex(value)), _bind_hex)
        return InlineValues(sa.select(value), _bind)

    def inline_rows(self, name: str, kinds: Sequence[ColumnKind]) -> InlineRows:
        """Return rows in one JSON array of arrays."""
        each = sa.func.json_each(sa.bindparam(name)).table_valued("value")
        columns = []
        binary = [position for position, kind in enumerate(kinds) if kind in ("uuid", "bytes")]
        for position in range(len(kinds)):
            column: Any = sa.func.json_extract(each.c.value, sa.literal_column(f"'$[{position}]'"))
            if position in binary:
                column = sa.func.butler_unhex(column)
            columns.append(column.label(f"c{position}"))

        def bind(rows: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
            if binary:
                rows = [
                    [value.hex() if position in binary else value for position, value in enumerate(row)]
                    for row in rows
                ]
            return (orjson.dumps(rows).decode(),)

        return InlineRows(sa.select(*columns).subquery(name), (name,), bind)

    def uuid_to_value(self, uuid: bytes) -> bytes:
        """Return the bytes as they are."""
        return uuid

    def uuid_from_value(self, value: Any) -> bytes:
        """Return the bytes as they are."""
        result: bytes = value
        return result

    def checked_integer(self, expression: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        """SQLite goes on with floats where integers overflow, but the absolute value of its least integer is an error."""
        overflow = sa.func.abs(sa.literal_column("-9223372036854775808"))
        return sa.case(
            (sa.func.typeof(expression) == sa.literal_column("'real'"), overflow), else_=expression
        )

    def modulo(
        self, left: sa.ColumnElement[float], right: sa.ColumnElement[float]
    ) -> sa.ColumnElement[float]:
        """SQLite's own operator cuts floats down to integers."""
        remainder: sa.ColumnElement[float] = sa.func.butler_fmod(left, right, type_=sa.REAL)
        return remainder

    def matches(self, text: sa.ColumnElement[str], parameter: str) -> sa.ColumnElement[bool]:
        """SQLite's LIKE ignores case, its GLOB does not."""
        return text.op("GLOB", is_comparison=True)(sa.bindparam(parameter))

    def pattern_value(self, pattern: Pattern) -> str:
        """Write the pattern for GLOB, whose special characters stand for themselves in brackets."""
        return "".join(
            re.sub(r"([*?\[])", r"[\1]", part) if isinstance(part, str) else _GLOB[part]
            for part in pattern.parts
        )

    def regions_overlap(self, left: Any, right: Any) -> sa.ColumnElement[bool]:
        """SQLite calls Python."""
        overlap: sa.ColumnElement[bool] = sa.func.butler_overlap(left, right, type_=sa.BOOLEAN)
        return overlap

    def pixel_region(self, skypix: DimensionName, index: Any) -> sa.ColumnElement[bytes]:
        """SQLite calls Python."""
        region: sa.ColumnElement[bytes] = sa.func.butler_pixel(
            sa.literal(skypix, sa.TEXT), index, type_=sa.BLOB
        )
        return region

    def pixels_of(self, skypix: DimensionName, region: Any) -> tuple[sa.FromClause, sa.ColumnElement[int]]:
        """SQLite calls Python, which answers with a JSON array."""
        pixels = sa.func.json_each(sa.func.butler_pixels(sa.literal(skypix, sa.TEXT), region))
        source = pixels.table_valued(sa.column("value", sa.INTEGER))
        return source, source.c.value

    def explain(self, cursor: Cursor, text: str, values: Sequence[Any]) -> list[str]:
        """Return the plan, indented as it nests."""
        cursor.execute(f"EXPLAIN QUERY PLAN {text}", values)
        depths = {0: -1}
        lines = []
        for id_, parent, _, detail in cursor.fetchall():
            depths[id_] = depths.get(parent, -1) + 1
            lines.append("  " * depths[id_] + str(detail))
        return lines


def _fmod(left: float | None, right: float | None) -> float | None:
    if left is None or not right or math.isinf(left):
        return None
    return math.fmod(left, right)


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _bind(values: Iterable[Any]) -> str:
    return orjson.dumps(list(values)).decode()


def _bind_hex(values: Iterable[bytes]) -> str:
    return orjson.dumps([value.hex() for value in values]).decode()
