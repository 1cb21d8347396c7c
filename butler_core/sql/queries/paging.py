"""Pages by key: the order of rows, the condition for those that come after one, and the text that names a page."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.errors import InvalidInputError
from butler_core.models.columns import to_int, to_string
from butler_core.sql.database import Database

DEFAULT_PAGE_SIZE = 10_000
_LONGEST_TOKEN = 1_000_000

_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "time": (int,),
    "bool": (int,),
    "float": (float, int),
    "string": (str,),
    "bytes": (bytes,),
    "uuid": (bytes,),
    "any": (object,),
}


class OrderKey(NamedTuple):
    """One key that rows are sorted by."""

    sql: sa.ColumnElement[Any]
    type: str
    """Type of its values, as of a column of a universe."""
    descending: bool = False
    nullable: bool = False
    is_loose: bool = False
    """Whether a row may have several values of it, each with the row coming up once more: the first of them counts."""
    is_fixed: bool = False
    """Whether the query fixes its value, so that all rows have the same."""

    def clause(self) -> sa.ColumnElement[Any]:
        """Return the term of ORDER BY: missing values come last either way."""
        clause = self.sql.desc() if self.descending else self.sql.asc()
        return clause.nulls_last() if self.nullable else clause


def key_parameter(position: int) -> str:
    """Return the name of the parameter for one key of the row before a page."""
    return f"after{position}"


def rows_after(keys: Sequence[OrderKey], missing: Sequence[bool]) -> sa.ColumnElement[bool]:
    """Return the condition for rows that come after one.

    Parameters
    ----------
    keys
        What the rows are sorted by.
    missing
        For each key, whether that one row has no value; the others are bound to `key_parameter`.
    """
    # Of what is fixed nothing comes after, and databases look up the rest in an index only if it stands alone.
    free = [
        (key, sa.bindparam(key_parameter(position), type_=key.sql.type), is_missing)
        for position, (key, is_missing) in enumerate(zip(keys, missing, strict=True))
        if not key.is_fixed
    ]
    if (
        free
        and not any(key.nullable for key, _, _ in free)
        and len({key.descending for key, _, _ in free}) == 1
    ):
        return _beyond([key for key, _, _ in free], [value for _, value, _ in free])
    after: sa.ColumnElement[bool] = sa.false()
    for key, value, is_missing in reversed(free):
        if is_missing:
            after = sa.and_(key.sql.is_(None), after)
            continue
        beyond = key.sql < value if key.descending else key.sql > value
        if key.nullable:
            beyond = sa.or_(beyond, key.sql.is_(None))
        after = sa.or_(beyond, sa.and_(key.sql == value, after))
    return after


def _beyond(keys: Sequence[OrderKey], values: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[bool]:
    """Return the condition in the form for which databases know how to use an index: keys go one way, none is missing."""
    columns = [key.sql for key in keys]
    tables = [getattr(column, "table", column) for column in columns]
    descends = keys[0].descending
    left, right = _row(columns), _row(values)
    beyond: sa.ColumnElement[bool] = left < right if descends else left > right
    together = sum(1 for _ in takewhile(lambda table: table is tables[0], tables))
    if together == len(keys):
        return beyond
    # No index has the columns of several tables, but the first table's says where to begin.
    left, right = _row(columns[:together]), _row(values[:together])
    return sa.and_(left <= right if descends else left >= right, beyond)


def _row(values: Sequence[sa.ColumnElement[Any]]) -> Any:
    return values[0] if len(values) == 1 else sa.tuple_(*values)


class PageToken(NamedTuple):
    """Where a page begins, as it travels to the client and back."""

    remaining: int | None
    """How many rows of the query's limit are left; None without a limit."""
    key: tuple[Any, ...]
    """The sort keys of the last row before the page."""

    def write(self, query_digest: int) -> str:
        """Write it as text, which says nothing to anybody else."""
        cells = [{"x": cell.hex()} if isinstance(cell, bytes) else cell for cell in self.key]
        text = json.dumps([query_digest, self.remaining, cells], separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode()).decode()

    @classmethod
    def read(
        cls, text: object, query_digest: int, types_of: Callable[[Sequence[Any]], Sequence[str]]
    ) -> PageToken:
        """Read what `write` wrote for the same query; ``types_of`` says which types the values of a key have.

        Raises `InvalidInputError` for anything else.
        """
        try:
            if not isinstance(text, str) or len(text) > _LONGEST_TOKEN:
                raise ValueError("it is no short text")
            content = json.loads(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True))
            digest, remaining, cells = content
            if digest != query_digest:
                raise ValueError("it belongs to another query")
            if remaining is not None and to_int(remaining) < 0:
                raise ValueError("its limit is negative")
            types = types_of(cells)
            key = tuple(_read_cell(cell, type_) for cell, type_ in zip(cells, types, strict=True))
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError, MemoryError) as error:
            raise InvalidInputError(
                f"{str(text)[:80]!r} is not where a page of this query begins: {error}.",
                remedy="Give next_page of the page before, unchanged, and the same query.",
            ) from error
        return cls(remaining, key)


def _read_cell(cell: Any, type_: str) -> Any:
    if cell is None:
        return None
    if isinstance(cell, dict):
        cell = bytes.fromhex(cell["x"])
    if not isinstance(cell, _PYTHON_TYPES[type_]):
        raise TypeError(f"{cell!r} is no {type_}")
    if isinstance(cell, str):
        return to_string(cell)
    return cell if isinstance(cell, bytes | float | bool) else to_int(cell)


def digest(parts: object) -> int:
    """Return a number that tells queries apart well enough to notice a page asked of the wrong one."""
    return zlib.crc32(repr(parts).encode())


def key_to_token(database: Database, types: Sequence[str], values: Sequence[Any]) -> tuple[Any, ...]:
    """Turn the database's values of sort keys into those of a token."""
    return tuple(
        database.make_uuid(value).bytes if type_ == "uuid" and value is not None else value
        for type_, value in zip(types, values, strict=True)
    )


def key_from_token(database: Database, types: Sequence[str], values: Sequence[Any]) -> tuple[Any, ...]:
    """Turn the values of a token back into the database's."""
    return tuple(
        database.uuid_to_value(value) if type_ == "uuid" and value is not None else value
        for type_, value in zip(types, values, strict=True)
    )
