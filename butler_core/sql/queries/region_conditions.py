"""Regions in conditions: exact comparison, and before it, where that cannot change what is true, their pixels.

`butler_core.sql.regions` compares regions within the database's statement, so a comparison is true, false or unknown like any
other, under NOT and OR too.  Pixels narrow down how many are compared where only what is true matters: then a row that shares no
pixel may as well be false as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.expressions.tree import And, EncodedRegionLiteral, Expr, Name, Overlaps, RegionLiteral
from butler_core.sql.database import Database, InlineRows
from butler_core.sql.queries.names import ColumnTarget, PixelTarget, QueryNames
from butler_core.sql.queries.overlap_joins import OverlapJoin
from butler_core.sql.regions import Regions
from butler_core.sql.schema.overlap_tables import PIXEL


class RegionRows(NamedTuple):
    """Where a region's pixels are, to narrow a search down by them."""

    key: tuple[sa.ColumnElement[Any], ...]
    """The key of the record that has the region."""
    table: sa.Table
    """With the pixels of each key."""


def region_bytes(regions: Regions, node: RegionLiteral | EncodedRegionLiteral) -> bytes:
    """Return the bytes of a literal's region; `InvalidInputError` if the geometry knows none such."""
    if isinstance(node, RegionLiteral):
        return regions.construct(node.shape, node.values)
    return regions.check(node.encoded)


class LiteralPixels:
    """The pixels of a region literal, as parameters of a statement.

    Parameters
    ----------
    database
        Whose SQL it is for.
    regions
        Covers the region.
    name
        What the names of the parameters begin with.
    """

    def __init__(self, database: Database, regions: Regions, name: str) -> None:
        self._regions = regions
        self._rows: InlineRows = database.inline_rows(name, ("int", "int"))

    @property
    def converters(self) -> Mapping[str, Callable[[Any], Any]]:
        """How to make the value of each parameter of the literal."""
        return {name: self._make_converter(n) for n, name in enumerate(self._rows.parameters)}

    def _make_converter(self, position: int) -> Callable[[Any], Any]:
        def convert(node: RegionLiteral | EncodedRegionLiteral) -> Any:
            ranges = self._regions.common_ranges(region_bytes(self._regions, node))
            return self._rows.bind(ranges)[position]

        return convert

    def hold(self, rows: RegionRows) -> sa.ColumnElement[bool]:
        """Return whether a record's region shares a pixel with the literal's.

        Each column of the key is looked for by itself, so that the database can begin there, and then all of them together.
        The whole key in one IN would say the same, but SQLite (3.40 at least) loses rows if it uses that for two tables.
        """
        ranges, pixel = self._rows.source, rows.table.c[PIXEL]
        inside = ranges.join(rows.table, sa.and_(pixel >= ranges.c.c0, pixel < ranges.c.c1))
        found = {column: rows.table.c[column.name] for column in rows.key}
        holds: list[sa.ColumnElement[bool]] = [
            column.in_(sa.select(same).select_from(inside)) for column, same in found.items()
        ]
        if len(found) > 1:
            same_key = [column == same for column, same in found.items()]
            together: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(inside).where(*same_key)
            holds.append(sa.exists(together.correlate(*{column.table for column in found})))
        return sa.and_(*holds)


def spoken_overlaps(where: Expr | None, names: QueryNames) -> dict[int, OverlapJoin]:
    """Return the comparisons of two elements that must hold, by the `id` of the node: they join them by themselves."""
    found: dict[int, OverlapJoin] = {}
    for node in _overlaps_in(where):
        one, other = _find_side(node.left, names), _find_side(node.right, names)
        if one is None or other is None:
            continue
        (kind, left), (other_kind, right) = one, other
        if kind == other_kind and left != right:
            found[id(node)] = OverlapJoin(kind, left, right)
    return found


def _overlaps_in(where: Expr | None) -> Iterable[Overlaps]:
    """Yield what must hold if a condition holds."""
    if isinstance(where, Overlaps):
        yield where
    elif isinstance(where, And):
        for operand in where.operands:
            yield from _overlaps_in(operand)


def _find_side(node: Expr, names: QueryNames) -> tuple[Any, str] | None:
    """Return whether a name is a region or a timespan, and of which element."""
    if not isinstance(node, Name):
        return None
    target = names[node.name]
    if isinstance(target, PixelTarget):
        return "spatial", target.name
    if isinstance(target, ColumnTarget) and not target.bound and target.info.name in ("region", "timespan"):
        return ("spatial" if target.info.name == "region" else "temporal"), target.element
    return None
