"""The physical limit: the same rows and files by bare system calls and bare SQL, with no butler at all.

It prepares nothing that a butler could not have prepared: an expanded ref knows its artifact, a plain one its UUID, and
JSON is written and parsed within the time.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import Any
from uuid import UUID

from tests.benchmarks import workload
from tests.benchmarks.bare import Bare, Row, copy_file, new_uuid, read_file, write_file
from tests.benchmarks.harness import Setting, Timed, serve

_KEY = "m.type = 1 AND m.collection = ? AND m.instrument = ? AND m.exposure = ? AND m.detector = ?"
_FIND = f"SELECT uuid FROM membership m WHERE {_KEY}"
_FIND_ARTIFACT = f"SELECT r.artifact FROM membership m JOIN record r USING (uuid) WHERE {_KEY}"
_ARTIFACT = "SELECT artifact FROM record WHERE uuid = ?"
_REFS = """SELECT uuid, collection, instrument, exposure, detector FROM membership
    WHERE type = 1 AND collection = ? ORDER BY instrument, exposure, detector"""


class Limit:
    """A `Bare` repository with the workload's rows."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._bare = Bare(setting.place, syncs=setting.durability == "power-loss")
        self._runs: dict[str, int] = {}
        columns = list(workload.exposure_records(1, 1)[0])
        self._insert_exposure = f"INSERT INTO exposure VALUES ({', '.join('?' * len(columns))})"
        names = ", ".join(f'"{name}"' for name in columns)
        execute = self._bare.database.execute
        execute(f"CREATE TABLE exposure ({names}, PRIMARY KEY (instrument, id)) WITHOUT ROWID")
        execute("CREATE TABLE detector (instrument TEXT, id INTEGER, full_name TEXT, purpose TEXT)")
        self._insert_exposures(workload.exposure_records(1, workload.exposures_for(setting.n)))
        for record in dict(workload.small_records())["detector"]:
            execute("INSERT INTO detector VALUES (?, ?, ?, ?)", tuple(record.values()))

    def versions(self) -> dict[str, str]:
        """Return what was measured."""
        return {"python": sys.version.split()[0], "sqlite": sqlite3.sqlite_version}

    def count(self, operation: str) -> int:
        """Return how many datasets an operation left in its RUN."""
        run = self._runs[workload.run_of(operation)]
        return int(
            self._bare.database.execute("SELECT count(*) FROM dataset WHERE run = ?", (run,)).fetchone()[0]
        )

    # -- writing

    def insert_exposures(self, n: int) -> Timed:
        """Insert exposure records in one transaction."""
        records = workload.exposure_records(workload.MORE_EXPOSURES, n)
        return lambda: self._insert_exposures(records)

    def _insert_exposures(self, records: list[workload.Record]) -> int:
        cursor = self._bare.database.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        cursor.executemany(self._insert_exposure, [tuple(record.values()) for record in records])
        cursor.execute("COMMIT")
        return len(records)

    def put(self, n: int) -> Timed:
        """Write datasets, each as a batch by itself."""
        run, rows, objects = self._run(workload.run_of(f"put@{n}")), _rows(range(n)), _objects(n)

        def timed() -> int:
            for row, obj in zip(rows, objects, strict=True):
                self._bare.write(run, [row], [partial(_write_json, obj)])
            return n

        return timed

    def put_many(self, n: int) -> Timed:
        """Write datasets as one batch."""
        run, rows, objects = self._run(workload.run_of(f"put_many@{n}")), _rows(range(n)), _objects(n)

        def timed() -> int:
            self._bare.write(run, rows, [partial(_write_json, obj) for obj in objects])
            return n

        return timed

    def ingest_direct(self, n: int) -> Timed:
        """Look at files and insert their rows: what is not in the repository needs no journal."""
        return self._ingest_direct(self._run(workload.run_of(f"ingest_direct@{n}")), range(n))

    def _ingest_direct(self, run: int, which: range) -> Timed:
        rows = _rows(which)
        paths = [str(path) for path in workload.file_paths(self._setting.files, which.stop)[which.start :]]

        def timed() -> int:
            sizes = [os.stat(path).st_size for path in paths]
            self._bare.register(run, rows, [f"file://{path}" for path in paths], sizes, os.urandom(16))
            return len(rows)

        return timed

    def ingest_copy(self, n: int) -> Timed:
        """Copy files as one batch."""
        return self._ingest_copy(self._run(workload.run_of(f"ingest_copy@{n}")), n)

    def _ingest_copy(self, run: int, n: int) -> Timed:
        rows, paths = _rows(range(n)), workload.file_paths(self._setting.files, n)

        def timed() -> int:
            self._bare.write(run, rows, [partial(copy_file, str(path)) for path in paths])
            return n

        return timed

    def remove_run(self, n: int) -> Timed:
        """Remove the rows and files of a RUN as one batch."""
        run = self._run(workload.run_of(f"remove_run@{n}"))
        self._ingest_copy(run, n)()
        return lambda: self._bare.remove(run)

    # -- reading

    def get_expanded_ref(self, n: int) -> Timed:
        """Read the files of known artifacts."""
        root, run = self._bare.root, self._stored
        query = "SELECT artifact FROM membership JOIN record USING (uuid) WHERE collection = ?"
        paths = [f"{root}/{artifact}" for (artifact,) in self._bare.database.execute(query, (run,))][:n]
        return lambda: sum("exposure" in json.loads(read_file(path)) for path in paths)

    def get_many(self, n: int) -> Timed:
        """Read the files of known artifacts."""
        return self.get_expanded_ref(n)

    def get_plain_ref(self, n: int) -> Timed:
        """Find artifacts by UUID and read them."""
        query = "SELECT uuid FROM dataset WHERE run = ?"
        uuids = self._bare.database.execute(query, (self._stored,)).fetchall()[:n]
        return self._get(_ARTIFACT, uuids)

    def get_data_id(self, n: int) -> Timed:
        """Find artifacts by data ID and read them."""
        return self._get(_FIND_ARTIFACT, self._keys(self._stored, n))

    def _get(self, statement: str, keys: list[tuple[Any, ...]]) -> Timed:
        root, execute = self._bare.root, self._bare.database.execute

        def timed() -> int:
            count = 0
            for key in keys:
                (artifact,) = execute(statement, key).fetchone()
                count += "exposure" in json.loads(read_file(f"{root}/{artifact}"))
            return count

        return timed

    def find(self, n: int) -> Timed:
        """Find one dataset at a time."""
        keys, execute = self._keys(self._all, n), self._bare.database.execute
        return lambda: sum(execute(_FIND, key).fetchone() is not None for key in keys)

    def query(self, n: int) -> Timed:
        """Select the rows of many datasets."""
        return self._select(_REFS, (self._all,), _exhaust)

    def query_values(self, n: int) -> Timed:
        """Select the rows of many datasets, and make a UUID of each."""
        return self._select(_REFS, (self._all,), _read_values)

    def query_expanded(self, n: int) -> Timed:
        """Select the rows of many datasets, and the records that they share once."""
        execute, run = self._bare.database.execute, self._all

        def timed() -> int:
            exposures = {
                row[1]: row
                for row in execute("SELECT * FROM exposure WHERE id < ?", (workload.MORE_EXPOSURES,))
            }
            detectors = {row[1]: row for row in execute("SELECT * FROM detector")}
            return sum(
                bool(exposures[exposure] and detectors[detector])
                for _, _, _, exposure, detector in execute(_REFS, (run,))
            )

        return timed

    def query_chain(self, n: int) -> Timed:
        """Select from the last RUN to the first, and keep what comes last of each data ID: faster here than a grouping in SQL."""
        execute, runs = self._bare.database.execute, self._chain()

        def timed() -> int:
            return len({row[2:]: row for run in reversed(runs) for row in execute(_REFS, (run,))})

        return timed

    def _select(
        self, statement: str, values: tuple[Any, ...], read: Callable[[Iterable[tuple[Any, ...]]], int]
    ) -> Timed:
        execute = self._bare.database.execute
        return lambda: read(execute(statement, values))

    # -- what the operations work on

    @cached_property
    def _all(self) -> int:
        run = self._run(workload.ALL)
        self._ingest_direct(run, range(self._setting.n))()
        return run

    @cached_property
    def _stored(self) -> int:
        run = self._run(workload.STORED)
        self._ingest_copy(run, self._setting.n // 10)()
        return run

    def _chain(self) -> list[int]:
        for name, which in workload.chain_links(self._setting.n):
            self._ingest_direct(self._run(name), which)()
        return [self._runs[name] for name in workload.CHAIN_RUNS]

    def _run(self, name: str) -> int:
        run = self._runs[name] = self._bare.add_collection(name)
        return run

    def _keys(self, run: int, n: int) -> list[tuple[Any, ...]]:
        return [(run, *data_id.values()) for data_id in workload.data_ids(n)]


def _rows(which: range) -> list[Row]:
    data_ids = workload.data_ids(which.stop, which.start)
    return [Row(new_uuid(), str(d["instrument"]), int(d["exposure"]), int(d["detector"])) for d in data_ids]


def _objects(n: int) -> list[dict[str, Any]]:
    return [workload.payload(data_id) for data_id in workload.data_ids(n)]


def _write_json(obj: dict[str, Any], path: str) -> int:
    return write_file(path, json.dumps(obj).encode())


def _exhaust(rows: Iterable[tuple[Any, ...]]) -> int:
    count = 0
    for _ in rows:
        count += 1
    return count


def _read_values(rows: Iterable[tuple[Any, ...]]) -> int:
    count = 0
    for uuid, run, instrument, exposure, detector in rows:
        if UUID(bytes=uuid).int and run and instrument and exposure and detector >= 0:
            count += 1
    return count


if __name__ == "__main__":
    serve(Limit)
