"""The limit of the query benchmarks: bare SELECTs of as many rows."""

from __future__ import annotations

import os

from tests.benchmarks import survey, workload
from tests.benchmarks.bare import new_uuid
from tests.benchmarks.harness import Timed, serve
from tests.benchmarks.side_limit import _REFS, Limit, _exhaust, _rows


class LimitQueries(Limit):
    """Tables with many rows, and no files."""

    def _ingest_direct(self, run: int, which: range) -> Timed:
        rows = _rows(which)

        def registered() -> int:
            self._bare.register(run, rows, [""] * len(rows), [0] * len(rows), os.urandom(16))
            return len(rows)

        return registered

    def query_arrow(self, n: int) -> Timed:
        """Fetch all rows at once."""
        run, execute = self._all, self._bare.database.execute
        return lambda: len(execute(_REFS, (run,)).fetchall())

    def query_where(self, n: int) -> Timed:
        """Select few rows among many."""
        return self._select(_REFS.replace("ORDER", f"AND {workload.WHERE} ORDER"), (self._all,), _exhaust)

    def query_first(self, n: int) -> Timed:
        """Select the first rows of the index."""
        return self._select(f"{_REFS} LIMIT {n}", (self._all,), _exhaust)

    def query_count(self, n: int) -> Timed:
        """Count rows."""
        statement = "SELECT count(*) FROM membership WHERE type = 1 AND collection = ?"
        run, execute = self._all, self._bare.database.execute
        return lambda: int(execute(statement, (run,)).fetchone()[0])

    def query_calibrations(self, n: int) -> Timed:
        """Join exposures with the times for which biases are valid."""
        execute, execute_many = self._bare.database.execute, self._bare.database.executemany
        execute(
            """CREATE TABLE certification (instrument TEXT, detector INTEGER, begin INTEGER, end INTEGER, uuid BLOB, run TEXT,
            PRIMARY KEY (instrument, detector, begin)) WITHOUT ROWID"""
        )
        certifications = [
            (*data_id.values(), *survey.times(first, last), new_uuid(), run)
            for run, first, last in survey.validities(n)
            for data_id in survey.bias_data_ids()
        ]
        execute_many("INSERT INTO certification VALUES (?, ?, ?, ?, ?, ?)", certifications)
        statement = f"""SELECT e.instrument, e.id, c.detector, c.uuid, c.run
            FROM certification c JOIN exposure e ON e.instrument = c.instrument AND e.begin < c.end AND e.end > c.begin
            WHERE e.instrument = ? AND {survey.exposures_where(n).replace("exposure", "e.id")}"""
        return self._select(statement, (workload.INSTRUMENT,), _exhaust)

    def query_overlaps(self, n: int) -> Timed:
        """Select pairs that somebody found before."""
        execute, execute_many = self._bare.database.execute, self._bare.database.executemany
        execute("CREATE TABLE pair (instrument TEXT, skymap TEXT, visit, detector, tract, patch)")
        pairs = [(workload.INSTRUMENT, survey.SKYMAP, *pair) for pair in survey.overlaps(n)]
        execute_many("INSERT INTO pair VALUES (?, ?, ?, ?, ?, ?)", pairs)
        return self._select("SELECT * FROM pair", (), _exhaust)


if __name__ == "__main__":
    serve(LimitQueries)
