"""What became of batches: one row each, whose key decides between the writer's commit and a recovery's fence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

import orjson
import sqlalchemy as sa

from butler_core import tai
from butler_core.errors import BatchFencedError
from butler_core.models.batch import BatchResults, RawBatch
from butler_core.models.journal import BatchOutcome
from butler_core.models.results import SyncResult, SyncStatus
from butler_core.sql.database import Cursor, Database
from butler_core.sql.schema.tables import Schema
from butler_core.sql.statement import Statement


class Outcomes:
    """Reads and writes outcomes of batches.

    Parameters
    ----------
    schema
        Where they are.
    """

    def __init__(self, schema: Schema) -> None:
        database: Database = schema.database
        self._database = database
        table, batch_id = schema.outcome, schema.outcome.c.batch_id
        several = database.inline_values("batch_ids", "uuid")
        self._bind = several.bind
        names = [column.name for column in table.columns]
        self._insert = Statement(database, database.insert(table).on_conflict_do_nothing(), names)
        self._read_one = Statement(
            database,
            sa.select(table.c.outcome, table.c.datasets, table.c.syncs).where(batch_id == sa.bindparam("id")),
            ["id"],
        )
        self._read = Statement(
            database, sa.select(batch_id, table.c.outcome).where(batch_id.in_(several.select)), ["batch_ids"]
        )
        self._set_syncs = Statement(
            database,
            sa.update(table).where(batch_id == sa.bindparam("id")).values(syncs=sa.bindparam("found")),
            ["found", "id"],
        )

    def claim(self, cursor: Cursor, batch: RawBatch) -> BatchResults | None:
        """Insert that a batch is committed, which holds if its transaction is; return the answer if it was before.

        Raises `BatchFencedError` if a recovery came first.
        """
        key = self._database.uuid_to_value(batch.batch_id.bytes)
        committed = BatchOutcome.COMMITTED.value
        self._insert.execute(cursor, (key, committed, tai.now(), len(batch.dataset_insertions), None))
        if cursor.rowcount == 1:
            return None
        outcome, datasets, syncs = self._read_one.first(cursor, (key,))
        if outcome != committed:
            raise BatchFencedError(
                f"Batch {batch.batch_id} was fenced by a recovery, which took its writer for dead.",
                remedy="Nothing of it was applied; run it again.",
                batch_id=str(batch.batch_id),
            )
        return BatchResults(batch_id=batch.batch_id, syncs=_read_syncs(syncs), datasets=datasets)

    def keep_syncs(self, cursor: Cursor, results: BatchResults) -> None:
        """Keep what synchronisations found, for the same question again."""
        found = orjson.dumps(
            [[sync.element, sync.key, sync.status.value, sync.old_values] for sync in results.syncs]
        )
        key = self._database.uuid_to_value(results.batch_id.bytes)
        self._set_syncs.execute(cursor, (found.decode(), key))

    def fence(self, cursor: Cursor, batch_ids: Iterable[UUID]) -> None:
        """Insert that batches never will be applied, where there is no outcome yet."""
        now, to_value = tai.now(), self._database.uuid_to_value
        fenced = BatchOutcome.FENCED.value
        self._insert.execute_many(
            cursor, [(to_value(uuid.bytes), fenced, now, 0, None) for uuid in batch_ids]
        )

    def read(self, cursor: Cursor, batch_ids: Iterable[UUID]) -> Mapping[UUID, BatchOutcome]:
        """Return what is known of batches."""
        result = dict.fromkeys(batch_ids, BatchOutcome.UNKNOWN)
        values = [self._database.uuid_to_value(uuid.bytes) for uuid in result]
        for key, outcome in self._read.all(cursor, (self._bind(values),)):
            result[self._database.make_uuid(key)] = BatchOutcome(outcome)
        return result


def _read_syncs(text: str | None) -> tuple[SyncResult, ...]:
    if text is None:
        return ()
    return tuple(
        SyncResult(element, tuple(key), SyncStatus(status), old_values)
        for element, key, status, old_values in orjson.loads(text)
    )
