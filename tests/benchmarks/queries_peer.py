"""The peer's side of the query benchmarks: datasets are registered in bulk, without files."""

from __future__ import annotations

from tests.benchmarks import workload
from tests.benchmarks.harness import Timed, serve
from tests.benchmarks.side_peer import Peer, _exhaust


class PeerQueries(Peer):
    """A repository with many datasets that have no artifacts."""

    def _ingest(self, run: str, which: range, transfer: str) -> Timed:
        data_ids = workload.data_ids(which.stop)[which.start :]
        return lambda: len(self.butler.registry.insertDatasets(self._type, data_ids, run=run, expand=False))

    def query_where(self, n: int) -> Timed:
        """Find few datasets among many."""
        run = self._all

        def timed() -> int:
            return _exhaust(
                self.butler.query_datasets(
                    workload.DATASET_TYPE,
                    run,
                    where=workload.WHERE,
                    instrument=workload.INSTRUMENT,
                    limit=None,
                )
            )

        return timed

    def query_first(self, n: int) -> Timed:
        """Find the first datasets in an order that an index has."""
        run = self._all

        def timed() -> int:
            return _exhaust(
                self.butler.query_datasets(
                    workload.DATASET_TYPE, run, order_by=("exposure", "detector"), limit=n
                )
            )

        return timed

    def query_count(self, n: int) -> Timed:
        """Count."""
        run = self._all

        def timed() -> int:
            with self.butler.query() as query:
                return int(query.datasets(workload.DATASET_TYPE, run).count())

        return timed


if __name__ == "__main__":
    serve(PeerQueries)
