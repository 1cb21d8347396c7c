"""Which pixels of the common skypix dimension the regions of records touch: kept beside the records, changed with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.errors import InternalError
from butler_core.models.collection import SetInsertMode
from butler_core.models.names import DimensionElementName
from butler_core.sql.database import Cursor, Database
from butler_core.sql.record_fetcher import RecordFetcher
from butler_core.sql.schema.element_tables import ElementTable
from butler_core.sql.schema.overlap_tables import PIXEL
from butler_core.sql.statement import Statement


class _Statements(NamedTuple):
    insertion: Statement
    deletion: Statement
    """Of all pixels of one key."""
    place: int
    """Of the region in rows of the element."""
    position: int
    """Of the region in values of records."""


class OverlapWriter:
    """Keeps the pixels of records up to date.

    Parameters
    ----------
    database
        Whose SQL to use, and whose `Database.regions` cover regions with pixels.
    records
        Reads records back.
    """

    def __init__(self, database: Database, records: RecordFetcher) -> None:
        self._database = database
        self._records = records
        self._statements: dict[DimensionElementName, _Statements] = {}

    def write(
        self, cursor: Cursor, table: ElementTable, rows: Sequence[tuple[Any, ...]], mode: SetInsertMode
    ) -> None:
        """Follow what was just done to rows of an element; nothing is done for one without regions.

        That takes one statement, and one more if records may have been replaced, or skipped: those that have another region
        than was given.
        """
        if table.overlaps is None or not rows:
            return
        statements = self._get_statements(table, table.overlaps)
        length = len(table.key)
        regions: dict[tuple[Any, ...], bytes | None] = {row[:length]: row[statements.place] for row in rows}
        if mode is SetInsertMode.INSERT_OR_REPLACE:
            statements.deletion.execute_many(cursor, regions)
        elif mode is SetInsertMode.INSERT_OR_SKIP:
            there = self._records.fetch(cursor, table.element.name, list(regions))
            position = statements.position
            regions = {
                key: region for key, region in regions.items() if there[key].values[position] == region
            }
        pixels = self._cover(regions)
        if pixels:
            statements.insertion.execute_many(cursor, pixels)

    def _cover(self, regions: Mapping[tuple[Any, ...], bytes | None]) -> list[tuple[Any, ...]]:
        answers = self._database.regions
        if answers is None:
            raise InternalError("Pixels of regions are kept, but nobody said of which geometry.")
        return [
            (*key, pixel)
            for key, region in regions.items()
            if region is not None
            for pixel in answers.common_cover(region)
        ]

    def _get_statements(self, table: ElementTable, overlaps: sa.Table) -> _Statements:
        found = self._statements.get(table.element.name)
        if found is None:
            database, key = self._database, [overlaps.c[c.name] for c in table.key]
            # What was skipped may be the same record, with the same pixels.
            insertion = database.insert(overlaps).on_conflict_do_nothing(
                index_elements=[*key, overlaps.c[PIXEL]]
            )
            names = [f"key{n}" for n in range(len(key))]
            same = [c == sa.bindparam(name, type_=c.type) for name, c in zip(names, key, strict=True)]
            found = self._statements[table.element.name] = _Statements(
                Statement(database, insertion, [c.name for c in overlaps.columns]),
                Statement(database, sa.delete(overlaps).where(*same), names),
                list(table.table.columns).index(table.columns["region"][0]),
                table.shape.names.index("region"),
            )
        return found
