"""Mistakes in the protocol, made on purpose in a child: each takes one guard out of the real code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from butler_core import transactions
from butler_core.files.datastore import FileDatastore
from butler_core.models.journal import BatchOutcome
from butler_core.sql.registry import SqlRegistry
from butler_core.transactions import Transactions
from butler_posix._directories import Directories
from butler_posix._journals import PosixJournalStore
from butler_posix._staging import Staging
from butler_posix._store import PosixBatch
from butler_sqlite import database


def _replace(owner: Any, name: str, new: Callable[..., Any]) -> None:
    setattr(owner, name, new)


def journal_dropped_early() -> None:
    real = Transactions._commit

    def commit(self: Transactions, batch: Any, made: Any = (), journals: Sequence[str] = ()) -> Any:
        self._drop(journals)
        return real(self, batch, made, journals)

    _replace(Transactions, "_commit", commit)


def no_journal() -> None:
    def create(self: PosixJournalStore, location: str, journal: Any) -> str:
        self._staging.begin(journal.batch_id, journal.writer)
        return f"20260101T000000000000Z-{journal.batch_id.hex}-00000000.json@{location.rpartition('/')[2]}"

    _replace(PosixJournalStore, "create", create)


def commit_before_write() -> None:
    publish, commit = PosixBatch.publish, Transactions._commit
    late: list[PosixBatch] = []

    def commit_then_publish(self: Transactions, *args: Any) -> Any:
        committed = commit(self, *args)
        for batch in late:
            publish(batch)
        return committed

    _replace(PosixBatch, "publish", lambda self: late.append(self))
    _replace(Transactions, "_commit", commit_then_publish)


def no_fence() -> None:
    def fence(self: SqlRegistry, batch_ids: Iterable[UUID]) -> Mapping[UUID, BatchOutcome]:
        return dict.fromkeys(batch_ids, BatchOutcome.FENCED)

    _replace(SqlRegistry, "fence", fence)


def fence_after_the_read() -> None:
    fence, stat_artifacts = SqlRegistry.fence, FileDatastore.stat_artifacts
    late: list[tuple[SqlRegistry, list[UUID]]] = []

    def fence_later(self: SqlRegistry, batch_ids: Iterable[UUID]) -> Mapping[UUID, BatchOutcome]:
        late.append((self, list(batch_ids)))
        return self.outcomes(late[-1][1])

    def fence_then_stat(self: FileDatastore, *args: Any, **kwargs: Any) -> Any:
        while late:
            fence(*late.pop())
        return stat_artifacts(self, *args, **kwargs)

    _replace(SqlRegistry, "fence", fence_later)
    _replace(FileDatastore, "stat_artifacts", fence_then_stat)


def writers_not_barred() -> None:
    _replace(Staging, "bar", lambda self, batch_id: None)


def files_not_synced() -> None:
    _replace(Directories, "sync_files", lambda self, paths: None)


def directories_not_synced() -> None:
    _replace(Directories, "sync", lambda self, directories: None)


def commit_not_synced() -> None:
    connect = database.SqliteDatabase._connect

    def connect_without_syncs(self: Any) -> Any:
        self._synchronous = "NORMAL"
        return connect(self)

    _replace(database.SqliteDatabase, "_connect", connect_without_syncs)


def last_of_file_decided_before_the_commit() -> None:
    commit = Transactions._commit
    kept: set[str] = set()

    def ask_then_commit(self: Transactions, batch: Any, *args: Any) -> Any:
        artifacts = [stat.artifact for stat in self._datastore.stat_artifacts(None)]
        kept.update(self._registry.referenced(self._datastore.bridge.datastore_id, artifacts))
        return commit(self, batch, *args)

    def delete(registry: Any, datastore: Any, batch: Any, entries: Iterable[Any]) -> None:
        doomed = [(entry.artifact, None) for entry in entries if entry.artifact not in kept]
        datastore.delete_artifacts(doomed, batch_id=batch.batch_id)

    _replace(Transactions, "_commit", ask_then_commit)
    _replace(transactions, "delete_unreferenced", delete)


def deleted_without_asking() -> None:
    _replace(SqlRegistry, "referenced", lambda self, datastore, artifacts: set())


def deleted_before_the_commit() -> None:
    commit = Transactions._commit

    def delete_then_commit(self: Transactions, batch: Any, *args: Any) -> Any:
        doomed = [stat.artifact for stat in self._datastore.stat_artifacts(None)]
        if batch.opaque_table_removals.tables:
            self._datastore.delete_artifacts([(name, None) for name in doomed], batch_id=batch.batch_id)
        return commit(self, batch, *args)

    _replace(Transactions, "_commit", delete_then_commit)


def source_of_a_move_removed_early() -> None:
    receive = FileDatastore.receive

    def receive_and_remove(self: FileDatastore, *args: Any, **kwargs: Any) -> Any:
        received = receive(self, *args, **kwargs)
        received.remove_sources()
        return received

    _replace(FileDatastore, "receive", receive_and_remove)
