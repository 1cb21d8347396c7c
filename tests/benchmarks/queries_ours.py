"""Our side of the query benchmarks: datasets are registered in bulk, without files."""

from __future__ import annotations

from typing import Any

from butler_core.models.batch import RawBatch
from tests.benchmarks import workload
from tests.benchmarks.harness import Timed, serve
from tests.benchmarks.side_ours import Ours, _exhaust


class OurQueries(Ours):
    """A repository with many datasets that have no artifacts."""

    def _ingest(self, run: str, which: range, transfer: Any) -> Timed:
        data_ids = workload.data_ids(which.stop)[which.start :]
        batch = RawBatch()
        batch.dataset_insertions.include(self.butler.make_refs(workload.DATASET_TYPE, data_ids, run=run))

        def registered() -> int:
            # Users have no need to register what is not stored, so there is no public way but an import.
            self.butler._registry.apply_batch(batch)
            return len(data_ids)

        return registered

    def query_arrow(self, n: int) -> Timed:
        """Make an Arrow table."""
        results = self._query(self._all)

        def timed() -> int:
            rows: int = results.to_arrow().num_rows
            return rows

        return timed

    def query_where(self, n: int) -> Timed:
        """Find few datasets among many."""
        run = self._all
        return lambda: _exhaust(self._query(run).where(workload.WHERE, instrument=workload.INSTRUMENT))

    def query_first(self, n: int) -> Timed:
        """Find the first datasets in an order that an index has."""
        run = self._all
        return lambda: _exhaust(self._query(run).sorted(("exposure", "detector")).sliced(0, n))

    def query_count(self, n: int) -> Timed:
        """Count."""
        run = self._all

        def timed() -> int:
            number: int = self._query(run).count()
            return number

        return timed


if __name__ == "__main__":
    serve(OurQueries)
