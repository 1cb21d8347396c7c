"""The fewest system calls and the smallest SQL that keep a journalled repository's promises.

One batch: make its staging directory, write the journal aside and move it, write the artifacts aside and link them, insert
and commit, remove staging directory and journal.  A removal writes the journal, deletes rows and commits, deletes files and
removes the journal.  With syncs: journal and its directory before the artifacts; artifacts and
their directories before the commit; the commit's log.  Many files are synced by one ``syncfs`` where the system has it.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

SCHEMA = """
CREATE TABLE collection (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE dataset (uuid BLOB PRIMARY KEY, type INTEGER, run INTEGER, ingest_date INTEGER) WITHOUT ROWID;
CREATE TABLE membership (type INTEGER, collection INTEGER, instrument TEXT, exposure INTEGER, detector INTEGER, uuid BLOB,
    PRIMARY KEY (type, collection, instrument, exposure, detector)) WITHOUT ROWID;
CREATE TABLE record (uuid BLOB PRIMARY KEY, artifact TEXT, formatter TEXT, size INTEGER) WITHOUT ROWID;
CREATE TABLE outcome (batch BLOB PRIMARY KEY, outcome TEXT) WITHOUT ROWID;
"""

Fill = Callable[[str], int]
"""Makes a file at a path and returns its size in bytes."""


class Row(NamedTuple):
    """A dataset to be written."""

    uuid: bytes
    instrument: str
    exposure: int
    detector: int


class Bare:
    """A directory with a database, journals and artifacts.

    Parameters
    ----------
    root
        An empty directory.
    syncs
        Whether what is written outlives a power cut.
    """

    def __init__(self, root: Path, *, syncs: bool) -> None:
        self.root = root
        self.syncs = syncs
        self._made: set[str] = set()
        self._synced: set[str] = {str(root)}
        for name in ("staging", "journals"):
            (root / name).mkdir()
        self.database = sqlite3.connect(root / "registry.sqlite3", isolation_level=None)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute(f"PRAGMA synchronous = {'FULL' if syncs else 'NORMAL'}")
        self.database.executescript(SCHEMA)

    def add_collection(self, name: str) -> int:
        """Add a collection and return its number."""
        cursor = self.database.execute("INSERT INTO collection (name) VALUES (?)", (name,))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def write(self, run: int, rows: Sequence[Row], fills: Sequence[Fill]) -> None:
        """Write datasets as one batch."""
        batch = os.urandom(16)
        artifacts = [f"data/{run}/{row.exposure}/{row.detector}-{batch.hex()}.json" for row in rows]
        staging = f"{self.root}/staging/{batch.hex()}"
        os.mkdir(staging)
        journal = self._write_journal(staging, batch, [row.uuid for row in rows], artifacts)
        sizes = self._write_artifacts(staging, artifacts, fills)
        self.register(run, rows, artifacts, sizes, batch)
        os.rmdir(staging)
        os.unlink(journal)

    def register(
        self, run: int, rows: Sequence[Row], artifacts: Sequence[str], sizes: Sequence[int], batch: bytes
    ) -> None:
        """Insert the rows of datasets in one transaction."""
        datasets = [(row.uuid, 1, run, 0) for row in rows]
        memberships = [(1, run, row.instrument, row.exposure, row.detector, row.uuid) for row in rows]
        records = [
            (row.uuid, artifact, "json", size)
            for row, artifact, size in zip(rows, artifacts, sizes, strict=True)
        ]
        cursor = self.database.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("INSERT INTO outcome VALUES (?, 'committed')", (batch,))
        cursor.executemany("INSERT INTO dataset VALUES (?, ?, ?, ?)", datasets)
        cursor.executemany("INSERT INTO membership VALUES (?, ?, ?, ?, ?, ?)", memberships)
        cursor.executemany("INSERT INTO record VALUES (?, ?, ?, ?)", records)
        cursor.execute("COMMIT")

    def remove(self, run: int) -> int:
        """Remove a collection with its datasets as one batch; return their number."""
        batch = os.urandom(16)
        found = "SELECT uuid, artifact FROM record JOIN dataset USING (uuid) WHERE run = ?"
        rows = self.database.execute(found, (run,)).fetchall()
        uuids, artifacts = [uuid for uuid, _ in rows], [artifact for _, artifact in rows]
        staging = f"{self.root}/staging/{batch.hex()}"
        os.mkdir(staging)
        journal = self._write_journal(staging, batch, uuids, artifacts)
        os.rmdir(staging)
        cursor = self.database.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        cursor.execute("INSERT INTO outcome VALUES (?, 'committed')", (batch,))
        for table in ("record", "dataset"):
            cursor.executemany(f"DELETE FROM {table} WHERE uuid = ?", [(uuid,) for uuid in uuids])
        cursor.execute("DELETE FROM membership WHERE type = 1 AND collection = ?", (run,))
        cursor.execute("DELETE FROM collection WHERE id = ?", (run,))
        cursor.execute("COMMIT")
        for artifact in artifacts:
            os.unlink(f"{self.root}/{artifact}")
        self._sync(list(dict.fromkeys(f"{self.root}/{name.rpartition('/')[0]}" for name in artifacts)))
        os.unlink(journal)
        return len(rows)

    # -- files

    def _write_journal(
        self, staging: str, batch: bytes, uuids: Sequence[bytes], artifacts: Sequence[str]
    ) -> str:
        aside, journal = f"{staging}/journal", f"{self.root}/journals/{batch.hex()}"
        entries = [f"{uuid.hex()} {artifact}" for uuid, artifact in zip(uuids, artifacts, strict=True)]
        write_file(aside, "\n".join(entries).encode())
        self._sync([aside])
        os.rename(aside, journal)
        self._sync([f"{self.root}/journals"])
        return journal

    def _write_artifacts(self, staging: str, artifacts: Sequence[str], fills: Sequence[Fill]) -> list[int]:
        asides = [f"{staging}/{k}" for k in range(len(artifacts))]
        sizes = [fill(aside) for fill, aside in zip(fills, asides, strict=True)]
        self._sync(asides)
        directories: dict[str, None] = {}
        for aside, artifact in zip(asides, artifacts, strict=True):
            target = f"{self.root}/{artifact}"
            directory = target.rpartition("/")[0]
            if directory not in directories:
                directories[directory] = None
                self._make_directory(directory)
            os.link(aside, target)
            os.unlink(aside)
        self._sync(self._with_new_parents(directories))
        return sizes

    def _make_directory(self, directory: str) -> None:
        if directory not in self._made:
            os.makedirs(directory, exist_ok=True)
            self._made.add(directory)

    def _with_new_parents(self, directories: dict[str, None]) -> list[str]:
        """Add the directories above by which new ones are reached, once each."""
        todo = dict(directories)
        for name in directories:
            directory = name
            while directory not in self._synced:
                self._synced.add(directory)
                directory = directory.rpartition("/")[0]
                todo[directory] = None
        return list(todo)

    def _sync(self, paths: Sequence[str]) -> None:
        if not self.syncs:
            return
        sync: Callable[[int], object] = os.fsync
        if len(paths) > 4 and _syncfs is not None:
            sync, paths = _syncfs, [str(self.root)]
        for path in paths:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                sync(descriptor)
            finally:
                os.close(descriptor)


def _find_syncfs() -> Callable[[int], None] | None:
    function = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if function is None:
        return None

    def syncfs(descriptor: int) -> None:
        if function(descriptor):
            raise OSError(ctypes.get_errno(), "syncfs failed")

    return syncfs


_syncfs = _find_syncfs()


def write_file(path: str, data: bytes) -> int:
    """Make a file and return its size."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        return os.write(descriptor, data)
    finally:
        os.close(descriptor)


def copy_file(source: str, target: str) -> int:
    """Copy a file and return its size."""
    shutil.copyfile(source, target)
    return os.stat(target).st_size


def read_file(path: str) -> bytes:
    """Return a file's content."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 20)
    finally:
        os.close(descriptor)


_serial = itertools.count(1)


def new_uuid() -> bytes:
    """Return the bytes of a UUID: one that sorts after all before, as those of version 7 do."""
    return next(_serial).to_bytes(16)
