"""One file and many users: threads, processes and forks; locks, lost answers, a full disk."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from butler_core.errors import (
    CorruptError,
    InvalidInputError,
    NotFoundError,
    OutcomeUnknownError,
    UnavailableError,
)
from butler_core.models.batch import RawBatch
from butler_core.models.journal import BatchOutcome
from butler_core.testing.context import make_context
from butler_core.testing.registries.bridge import PlainBridge
from butler_core.testing.registries.world import RUN, RegistryWorld
from butler_sqlite import database as sqlite_database
from butler_sqlite.config import SqliteRegistryConfig
from butler_sqlite.database import SqliteDatabase
from butler_sqlite.files import open_registry

FILE = "registry.sqlite3"


def _database(world: RegistryWorld) -> SqliteDatabase:
    return world.registry._context.database  # type: ignore[attr-defined, no-any-return]


def test_readers_do_not_wait_for_a_writer(world: RegistryWorld, open_again) -> None:
    reader = open_again()
    with _database(world).write() as cursor:
        cursor.execute("UPDATE generation SET current = current + 1")
        began = time.monotonic()
        assert reader.snapshot().generation == world.generation()
        assert time.monotonic() - began < 5


def test_a_reader_does_not_hold_a_writer_up_and_sees_one_state(world: RegistryWorld, open_again) -> None:
    reader = open_again()
    with reader._context.database.read() as cursor:
        before = reader._context.catalogs.current(cursor).generation
        world.register("meanwhile")
        assert reader._context.catalogs.current(cursor).generation == before
    assert reader.snapshot().generation > before


@pytest.mark.parametrize("change", ["removed", "moved", "replaced"])
def test_nothing_is_written_into_a_file_that_has_lost_its_name(
    world: RegistryWorld, tmp_path: Path, open_again, change: str
) -> None:
    """Nobody who opens the repository would ever find it."""
    world.register("before")
    path = tmp_path / FILE
    if change == "replaced":  # by a copy, as when a backup is restored
        source, target = sqlite3.connect(path), sqlite3.connect(tmp_path / "copy")
        source.backup(target)
        source.close()
        target.close()
        os.replace(tmp_path / "copy", path)
    elif change == "moved":
        path.rename(tmp_path / "elsewhere")
    else:
        path.unlink()
    batch = RawBatch()
    with pytest.raises(NotFoundError, match="is not the one"):
        world.registry.apply_batch(batch)
    # Nor does a new connection read anything: the definitions known here are the old file's.
    with pytest.raises(NotFoundError):
        world.registry.outcomes([batch.batch_id])
    if change == "replaced":
        again = open_again()
        again.apply_batch(batch)
        assert again.outcomes([batch.batch_id]) == {batch.batch_id: BatchOutcome.COMMITTED}


def test_a_lock_that_is_never_released_is_an_error(
    world: RegistryWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_database, "_PATIENCE_SECONDS", 0.05)
    holder = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnavailableError, match="locked"):
        world.register("another")
    holder.close()
    world.register("another")


def test_a_lock_that_is_released_is_waited_for(world: RegistryWorld, tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / FILE, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, holder.close)
    timer.start()
    world.register("another")
    timer.join()


def _put_many(path: str, first: int, count: int, answers: Any) -> None:
    world = RegistryWorld(_reopen(path), PlainBridge())
    longest = 0.0
    for number in range(first, first + count):
        began = time.monotonic()
        world.put(world.ref(exposure=number))
        longest = max(longest, time.monotonic() - began)
    answers.put(longest)


def _reopen(path: str) -> Any:
    return open_registry(SqliteRegistryConfig(), make_context(path), [PlainBridge()])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_processes_take_turns(world: RegistryWorld, tmp_path: Path) -> None:
    world.insert("exposure", *(world.exposure(number) for number in range(1000, 1120)))
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [
        context.Process(target=_put_many, args=(str(tmp_path), 1000 + 40 * k, 40, answers)) for k in range(3)
    ]
    for process in processes:
        process.start()
    assert all(answers.get(timeout=60) < 10 for _ in processes)
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert len(world.members(RUN)) == 120


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_fork_uses_connections_of_its_own(world: RegistryWorld) -> None:
    """Also while other threads are in the middle of transactions."""
    world.insert("exposure", *(world.exposure(number) for number in range(1000, 1300)))
    stop = threading.Event()

    def write() -> None:
        for number in range(1000, 1200):
            if stop.is_set():
                break
            world.put(world.ref(exposure=number))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        codes = []
        for number in range(1200, 1205):
            child = os.fork()
            if child == 0:  # no assertion, fixture or exit handler of pytest's may run here
                try:
                    world.put(world.ref(exposure=number))
                    os._exit(0 if len(world.members(RUN)) else 2)
                except BaseException:
                    os._exit(1)
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    finally:
        stop.set()
        thread.join()
    assert codes == [0] * 5
    assert {number for _, number in world.members(RUN)} >= set(range(1200, 1205))
    with _database(world).read() as cursor:
        assert cursor.execute("PRAGMA integrity_check").fetchone() == ("ok",)


class _Flaky(sqlite3.Connection):
    """A connection whose next COMMIT happens, or not, and is answered by an error."""

    happens: bool | None = None
    is_broken = False

    def cursor(self, *args: Any) -> Any:
        return super().cursor(_FlakyCursor)


class _FlakyCursor(sqlite3.Cursor):
    def execute(self, text: str, values: Any = ()) -> Any:
        happens = _Flaky.happens
        if text == "COMMIT" and happens is not None:
            _Flaky.happens = None
            if happens:
                super().execute(text)
            raise sqlite3.OperationalError("disk I/O error")
        if text == "ROLLBACK" and _Flaky.is_broken:
            _Flaky.is_broken = False
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(text, values)


@pytest.mark.parametrize(("happens", "is_broken"), [(True, False), (False, False), (False, True)])
def test_a_lost_answer_to_a_commit(
    world: RegistryWorld, monkeypatch: pytest.MonkeyPatch, happens: bool, is_broken: bool
) -> None:
    """Whoever handles the error can ask at once: its traceback keeps no lock."""
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=_Flaky, **kwargs))
    _database(world).close()
    batch = RawBatch()
    batch.dataset_insertions.include([world.ref()])
    world.generation()
    _Flaky.happens, _Flaky.is_broken = happens, is_broken
    with pytest.raises(OutcomeUnknownError) as caught:
        world.registry.apply_batch(batch)
    assert caught.value.details["batch_id"] == str(batch.batch_id)
    outcome = world.registry.fence([batch.batch_id])[batch.batch_id]
    assert outcome is (BatchOutcome.COMMITTED if happens else BatchOutcome.FENCED)
    assert len(world.members(RUN)) == happens


def test_a_full_disk(world: RegistryWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    with _database(world).read() as cursor:
        (pages,) = cursor.execute("PRAGMA page_count").fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages + 1}")  # of this one idle connection
    with pytest.raises(UnavailableError, match="full"):
        world.insert(
            "exposure", *(world.exposure(number, target_name="x" * 500) for number in range(1000, 1100))
        )
    _database(world).close()
    world.insert("exposure", *(world.exposure(number) for number in range(1000, 1100)))


def test_integers_beyond_64_bits_are_refused(world: RegistryWorld) -> None:
    batch = RawBatch()
    table = world.bridge.table_name
    ref = world.ref()
    batch.dataset_insertions.include([ref])
    batch.opaque_table_insertions.insert(table, [(ref.uuid, ("a", 2**64, None, True))])
    with pytest.raises(InvalidInputError, match="64 bits"):
        world.registry.apply_batch(batch)


def test_damage_is_reported_as_such(world: RegistryWorld, tmp_path: Path) -> None:
    world.registry.close()
    with (tmp_path / FILE).open("r+b") as file:
        file.write(b"overwritten" * 10)
    with pytest.raises(CorruptError, match=FILE):
        world.generation()
