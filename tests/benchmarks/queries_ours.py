"""Our side of the query benchmarks: datasets are registered in bulk, without files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lsst import sphgeom

from butler_core import CollectionType, DatasetRef, Timespan
from butler_core.models.batch import RawBatch
from tests.benchmarks import survey, workload
from tests.benchmarks.harness import Timed, serve
from tests.benchmarks.side_ours import Ours, _exhaust


class OurQueries(Ours):
    """A repository with many datasets that have no artifacts."""

    def _ingest(self, run: str, which: range, transfer: Any) -> Timed:
        data_ids = workload.data_ids(which.stop, which.start)
        return self._register(self.butler.make_refs(workload.DATASET_TYPE, data_ids, run=run))

    def _register(self, refs: Sequence[DatasetRef]) -> Timed:
        batch = RawBatch()
        batch.dataset_insertions.include(refs)

        def registered() -> int:
            # Users have no need to register what is not stored, so there is no public way but an import.
            self.butler._registry.apply_batch(batch)
            return len(refs)

        return registered

    def fill(self, n: int, at_once: int) -> None:
        """Register n datasets in the RUN that queries search, not all of them in one batch."""
        run = self._run(workload.ALL)
        for first in range(0, n, at_once):
            self._ingest(run, range(first, min(n, first + at_once)), "direct")()

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

    def query_calibrations(self, n: int) -> Timed:
        """Find the bias of each detector and exposure."""
        self._certify(n)

        def timed() -> int:
            query = self.butler.query().join_dimensions(["exposure", "detector"])
            query = query.join_datasets(survey.BIAS, survey.CALIBRATIONS)
            rows = query.where(survey.exposures_where(n), instrument=workload.INSTRUMENT)
            return sum(row["bias.uuid"] is not None for row in rows)

        return timed

    def query_overlaps(self, n: int) -> Timed:
        """Find the patches that detectors saw."""
        for element, records in survey.sky_records(n):
            self.butler.insert_dimension_data(element, survey.with_polygons(sphgeom, records))

        def timed() -> int:
            return _exhaust(
                self.butler.query_data_ids(
                    ["visit", "detector", "patch"], instrument=workload.INSTRUMENT, skymap=survey.SKYMAP
                )
            )

        return timed

    def _certify(self, n: int) -> None:
        butler, data_ids = self.butler, survey.bias_data_ids()
        butler.register_dataset_type(
            survey.BIAS, ("instrument", "detector"), workload.STORAGE_CLASS, is_calibration=True
        )
        butler.register_collection(survey.CALIBRATIONS, CollectionType.CALIBRATION)
        for run, first, last in survey.validities(n):
            refs = butler.make_refs(survey.BIAS, data_ids, run=self._run(run))
            self._register(refs)()
            butler.certify(survey.CALIBRATIONS, refs, Timespan(*survey.times(first, last)))


if __name__ == "__main__":
    serve(OurQueries)
