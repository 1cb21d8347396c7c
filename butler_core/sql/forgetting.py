"""Forgetting that batches were committed, long after anybody can ask: a few thousand rows in each short transaction."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from butler_core import tai
from butler_core.models.journal import BatchOutcome
from butler_core.sql.database import Cursor, Database
from butler_core.sql.schema.tables import Schema
from butler_core.sql.statement import Statement

PAGE = 5000
"""Rows that one transaction forgets, so that no writer waits for long."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Forgetting:
    """Removes rows of the outcome table.

    The IDs of batches begin with the time at which they were made, before they were committed.  So those in question are
    the first in the order of the table's key, and no index of the times is needed, which every commit would have to pay for.
    IDs of another kind that sort later are kept.

    Parameters
    ----------
    schema
        Where the rows are.
    """

    def __init__(self, schema: Schema) -> None:
        database: Database = schema.database
        self._database = database
        table, batch_id = schema.outcome, schema.outcome.c.batch_id
        several = database.inline_values("batch_ids", "uuid")
        self._bind = several.bind
        is_committed = table.c.outcome == BatchOutcome.COMMITTED.value
        self._find = Statement(
            database,
            sa.select(batch_id)
            .where(
                batch_id > sa.bindparam("after"),
                batch_id < sa.bindparam("until"),
                table.c.at < sa.bindparam("before"),
                is_committed,
            )
            .order_by(batch_id)
            .limit(sa.literal_column(str(PAGE))),
            ["after", "until", "before"],
        )
        self._remove = Statement(
            database, sa.delete(table).where(batch_id.in_(several.select), is_committed), ["batch_ids"]
        )

    def run(self, before: datetime, keep: Iterable[UUID]) -> int:
        """Forget batches that were committed before a time, but for some; return how many."""
        to_value = self._database.uuid_to_value
        kept = {to_value(uuid.bytes) for uuid in keep}
        until = to_value(_first_id(before))
        after, forgotten = to_value(bytes(16)), 0
        while found := self._find_page(after, until, tai.datetime_to_tai(before)):
            doomed = [key for key in found if key not in kept]
            if doomed:
                forgotten += self._database.transact(partial(self._forget, doomed))
            after = found[-1]
        return forgotten

    def _forget(self, doomed: Iterable[Any], cursor: Cursor) -> int:
        return self._remove.execute(cursor, (self._bind(doomed),)).rowcount

    def _find_page(self, after: Any, until: Any, before: int) -> list[Any]:
        with self._database.read() as cursor:
            return [key for (key,) in self._find.all(cursor, (after, until, before))]


def _first_id(time: datetime) -> bytes:
    """Return the bytes of the first version-7 UUID that could be made at a time."""
    milliseconds = int((time - _EPOCH).total_seconds() * 1000)
    return (milliseconds << 80).to_bytes(16, "big")
