"""The limit of the query benchmarks: bare SELECTs of as many rows."""

from __future__ import annotations

import os

from tests.benchmarks import workload
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


if __name__ == "__main__":
    serve(LimitQueries)
