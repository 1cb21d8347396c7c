"""How values travel to and from PostgreSQL: in binary, each in one type, so that a statement is prepared once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.pq import Format
from psycopg.types.string import StrBinaryDumper

from butler_core.sql.database import ColumnKind


class Uuid(bytes):
    """The 16 bytes of a UUID, on their way to the database or from it."""

    __slots__ = ()

    def __reduce__(self) -> tuple[type[bytes], tuple[bytes]]:
        return bytes, (bytes(self),)


class _UuidDumper(Dumper):
    format = Format.BINARY
    oid = 2950

    def dump(self, obj: Uuid) -> bytes:
        return obj


class _UuidLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> Uuid:
        return Uuid(data)


class _IntDumper(Dumper):
    """psycopg would choose by the value among three types, and prepare a statement for each."""

    format = Format.BINARY
    oid = 20

    def dump(self, obj: int) -> bytes:
        return int(obj).to_bytes(8, "big", signed=True)


class _StrDumper(StrBinaryDumper):
    oid = 25


def adapt(connection: Any) -> None:
    """Make a connection use these."""
    adapters = connection.adapters
    adapters.register_dumper(Uuid, _UuidDumper)
    adapters.register_dumper(int, _IntDumper)
    adapters.register_dumper(str, _StrDumper)
    adapters.register_loader("uuid", _UuidLoader)


def array_of(kind: ColumnKind, values: Iterable[Any]) -> str:
    """Write values as a literal of an array: many times faster than psycopg, which looks at each."""
    values = list(values)
    if not values:
        return "{}"
    if None in values:
        return _join(["NULL" if value is None else _element(kind, value) for value in values])
    if kind in ("string", "json"):
        return _quoted(values)
    if kind in ("uuid", "bytes"):
        return _join([_element(kind, value) for value in values])
    return _join(map(str, values))


def _element(kind: ColumnKind, value: Any) -> str:
    if kind == "uuid":
        return str(value.hex())
    if kind == "bytes":
        return f'"\\\\x{value.hex()}"'
    if kind in ("string", "json"):
        return f'"{_escape(value)}"'
    return str(value)


def _quoted(values: Sequence[str]) -> str:
    text = "".join(values)
    if '"' in text or "\\" in text:
        values = [_escape(value) for value in values]
    return '{"' + '","'.join(values) + '"}'


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def _join(values: Iterable[str]) -> str:
    return "{" + ",".join(values) + "}"
