"""PostgreSQL as the SQL toolkit needs it: connections, transactions, column types, values in bulk, regions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

from butler_core.errors import ConflictError
from butler_core.models.names import DimensionName, Durability
from butler_core.sql.database import ColumnKind, Cursor, Database, InlineRows, InlineValues
from butler_postgres.adapting import Uuid, adapt, array_of
from butler_postgres.cursor import RegistryConnection, RegistryCursor, run_in
from butler_postgres.errors import translate
from butler_postgres.regions import FUNCTIONS, SESSION_TABLES, RegionAnswers

_TYPES: dict[ColumnKind, TypeEngine[Any]] = {
    "int": sa.BIGINT(),
    "float": sa.DOUBLE_PRECISION(),
    "string": sa.TEXT(collation="C"),
    "bool": sa.BOOLEAN(),
    "bytes": postgresql.BYTEA(),
    "uuid": postgresql.UUID(as_uuid=False),
    "time": sa.BIGINT(),
    "json": sa.TEXT(collation="C"),
}

TYPE_NAMES = {
    sa.BIGINT: "int8",
    sa.DOUBLE_PRECISION: "float8",
    sa.TEXT: "text",
    sa.BOOLEAN: "bool",
    postgresql.BYTEA: "bytea",
    postgresql.UUID: "uuid",
}
"""PostgreSQL's names of the types of columns, for COPY."""

_PREPARE_SESSION = """
SELECT set_config('search_path', concat_ws(', ', quote_ident($1), (
    SELECT quote_ident(nspname) FROM pg_namespace n JOIN pg_extension e ON n.oid = e.extnamespace WHERE extname = 'btree_gist'
)), false), set_config('synchronous_commit', $2, false)
"""

_COPY_FROM = 64
"""From so many rows on, COPY is faster than an INSERT for each."""


class PostgresDatabase(Database):
    """One schema of a PostgreSQL database.

    Parameters
    ----------
    url
        Where the database is, as libpq reads it.
    namespace
        The schema.
    durability
        What a commit must survive.
    is_writeable
        Whether anything may be changed.
    """

    abilities = frozenset({"transactional_ddl", "temporary_tables", "concurrent_writers"})
    driver_errors = (psycopg.Error, OverflowError)

    def __init__(self, url: str, namespace: str, durability: Durability, *, is_writeable: bool) -> None:
        # No statement is SQLAlchemy's to run: of its dialect only the compiler is used.
        dialect = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
        super().__init__(f"PostgreSQL schema {namespace!r}", dialect, is_writeable=is_writeable)
        self._url = url
        self._namespace = namespace
        # A commit that the server does not wait for outlives the death of any of its clients, and at a crash of the server
        # the last ones may be lost.
        self._synchronous = "on" if durability == "power-loss" else "off"

    # -- connections

    def connect(self) -> Any:
        """Open a connection; it keeps to the schema."""
        try:
            connection = RegistryConnection.connect(
                self._url,
                autocommit=True,
                cursor_factory=RegistryCursor,
                prepare_threshold=2,
                fallback_application_name="butler",
            )
            adapt(connection)
            connection.execute(
                _PREPARE_SESSION,
                (self._namespace, self._synchronous),
            )
        except self.driver_errors as error:
            raise self.translate(error) from error
        return connection

    def _enable_regions(self, connection: Any) -> None:
        """Let a session ask about regions; not within a transaction, which might be rolled back."""
        if self.regions is not None and connection.answers is None:
            run = partial(run_in, connection)
            for table in SESSION_TABLES:
                run(table, ())
            connection.answers = RegionAnswers(self.regions, run)

    def begin(self, cursor: Any, write: bool) -> None:
        """Begin a transaction that sees one state; a writer that another one was faster than is told so, and tries again."""
        self._enable_regions(cursor.connection)
        cursor.execute(
            "BEGIN ISOLATION LEVEL REPEATABLE READ"
            if write
            else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        )

    def execute_alone(self, cursor: Any, text: str, values: Sequence[Any]) -> None:
        """Run a statement that is in no transaction."""
        self._enable_regions(cursor.connection)
        cursor.execute(text, values)

    def translate(self, error: Exception) -> Exception:
        """Return our error for one of the driver's."""
        return translate(error, self.location)

    def is_lost(self, connection: Any) -> bool:
        """Return whether the server has closed it, or cannot be reached by it."""
        return bool(connection.closed)

    def make_room(self, cursor: Any) -> None:
        """Make the schema, and functions in it."""
        run = partial(run_in, cursor.connection)
        try:
            # Two who make the extension at once would be in each other's way.
            run("SELECT pg_advisory_xact_lock(hashtext('butler: extensions'))", ())
            run("CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public", ())
            run(f"CREATE SCHEMA {self.dialect.identifier_preparer.quote_identifier(self._namespace)}", ())
        except psycopg.errors.DuplicateSchema as error:
            raise ConflictError(
                f"There is a schema {self._namespace!r} in the database already.",
                remedy="Choose another 'registry.namespace', or open the repository that is there.",
                namespace=self._namespace,
            ) from error
        run(
            _PREPARE_SESSION, (self._namespace, self._synchronous)
        )  # now that the extension's schema is known
        for function in FUNCTIONS:
            run(function, ())

    def insert_rows(
        self,
        cursor: Any,
        table: sa.Table,
        text: str,
        rows: Sequence[Sequence[Any]],
    ) -> None:
        """Insert with COPY where that is faster."""
        if len(rows) < _COPY_FROM:
            cursor.executemany(text, rows)
            return
        preparer = self.dialect.identifier_preparer
        columns = ", ".join(preparer.format_column(column) for column in table.columns)
        with cursor.copy(
            f"COPY {preparer.format_table(table)} ({columns}) FROM STDIN (FORMAT binary)"
        ) as copy:
            copy.set_types([TYPE_NAMES[type(column.type)] for column in table.columns])
            for row in rows:
                copy.write_row(row)

    # -- SQL

    def column_type(self, kind: ColumnKind) -> TypeEngine[Any]:
        """Return a type; text sorts by code point, as collation C has it."""
        return _TYPES[kind]

    def table_options(self, *, is_small: bool = False, has_surrogate: bool = False) -> Mapping[str, Any]:
        """Return nothing: tables are all alike."""
        return {}

    def never_overlapping(self, keys: Sequence[str], begin: str, end: str) -> Sequence[SchemaItem]:
        """Return a constraint that excludes two rows of one key whose times overlap."""
        time = sa.func.int8range(sa.column(begin), sa.column(end))
        return [
            postgresql.ExcludeConstraint(*((sa.column(key), "=") for key in keys), (time, "&&"), using="gist")
        ]

    def insert(self, table: sa.Table) -> postgresql.Insert:
        """Return PostgreSQL's INSERT."""
        return postgresql.insert(table)

    def inline_values(self, parameter: str, kind: ColumnKind) -> InlineValues:
        """Return values in one array."""
        array = sa.cast(sa.bindparam(parameter, type_=sa.TEXT()), postgresql.ARRAY(_plain(kind)))
        value = sa.column("value", _TYPES[kind])
        each = sa.func.unnest(array).table_valued(value, name=f"each_{parameter}").render_derived()

        def bind(values: Iterable[Any]) -> str:
            return array_of(kind, values)

        return InlineValues(sa.select(each.c.value), bind)

    def inline_rows(self, name: str, kinds: Sequence[ColumnKind]) -> InlineRows:
        """Return rows in one array for each column."""
        names = tuple(f"{name}_{position}" for position in range(len(kinds)))
        arrays = [
            sa.cast(sa.bindparam(parameter, type_=sa.TEXT()), postgresql.ARRAY(_plain(kind)))
            for parameter, kind in zip(names, kinds, strict=True)
        ]
        columns = [sa.column(f"c{position}", _TYPES[kind]) for position, kind in enumerate(kinds)]
        each = sa.func.unnest(*arrays).table_valued(*columns, name=name).render_derived()

        def bind(rows: Sequence[Sequence[Any]]) -> tuple[Any, ...]:
            if not rows:
                return ("{}",) * len(kinds)
            return tuple(map(array_of, kinds, zip(*rows, strict=True)))

        return InlineRows(each, names, bind)

    def uuid_to_value(self, uuid: bytes) -> Uuid:
        """Return bytes that are sent as a UUID."""
        return Uuid(uuid)

    def uuid_from_value(self, value: Any) -> bytes:
        """Return the bytes as they came."""
        result: bytes = value
        return result

    def regions_overlap(self, left: Any, right: Any) -> sa.ColumnElement[bool]:
        """Return what a function of the schema says."""
        overlap: sa.ColumnElement[bool] = sa.func.butler_overlap(left, right, type_=sa.BOOLEAN)
        return overlap

    def pixel_region(self, skypix: DimensionName, index: Any) -> sa.ColumnElement[bytes]:
        """Return what a function of the schema says."""
        region: sa.ColumnElement[bytes] = sa.func.butler_pixel(
            sa.literal(skypix, sa.TEXT), index, type_=postgresql.BYTEA()
        )
        return region

    def pixels_of(self, skypix: DimensionName, region: Any) -> tuple[sa.FromClause, sa.ColumnElement[int]]:
        """Return what a function of the schema says."""
        pixels = sa.func.butler_pixels(sa.literal(skypix, sa.TEXT), region)
        source = pixels.table_valued(sa.column("value", sa.BIGINT)).render_derived()
        return source, source.c.value

    def explain(self, cursor: Cursor, text: str, values: Sequence[Any]) -> list[str]:
        """Return the plan as PostgreSQL prints it."""
        cursor.execute(f"EXPLAIN {text}", values)
        return [line for (line,) in cursor.fetchall()]


def _plain(kind: ColumnKind) -> TypeEngine[Any]:
    """Return the type without a collation, which no cast may name."""
    return sa.TEXT() if kind in ("string", "json") else _TYPES[kind]
