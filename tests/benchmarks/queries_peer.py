"""The peer's side of the query benchmarks: datasets are registered in bulk, without files."""

from __future__ import annotations

import importlib
from typing import Any

from tests.benchmarks import survey, workload
from tests.benchmarks.harness import Timed, serve
from tests.benchmarks.side_peer import Peer, _exhaust, astropy_time, daf_butler

sphgeom: Any = importlib.import_module("lsst.sphgeom")


class PeerQueries(Peer):
    """A repository with many datasets that have no artifacts."""

    def _ingest(self, run: str, which: range, transfer: str) -> Timed:
        data_ids = workload.data_ids(which.stop, which.start)
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

    def query_calibrations(self, n: int) -> Timed:
        """Find the bias of each detector and exposure."""
        self._certify(n)
        fields = {survey.BIAS: {"dataset_id", "run"}}

        def timed() -> int:
            with self.butler.query() as query:
                query = query.join_dimensions(["exposure", "detector"])
                query = query.join_dataset_search(survey.BIAS, survey.CALIBRATIONS)
                query = query.where(survey.exposures_where(n), instrument=workload.INSTRUMENT)
                rows = query.general(["exposure", "detector"], dataset_fields=fields, find_first=True)
                return sum(row["bias.dataset_id"] is not None for row in rows)

        return timed

    def query_overlaps(self, n: int) -> Timed:
        """Find the patches that detectors saw."""
        for element, records in survey.sky_records(n):
            self.butler.registry.insertDimensionData(element, *survey.with_polygons(sphgeom, records))

        def timed() -> int:
            return _exhaust(
                self.butler.query_data_ids(
                    ["visit", "detector", "patch"],
                    instrument=workload.INSTRUMENT,
                    skymap=survey.SKYMAP,
                    limit=None,
                )
            )

        return timed

    def _certify(self, n: int) -> None:
        registry, data_ids = self.butler.registry, survey.bias_data_ids()
        group = self.butler.dimensions.conform(("instrument", "detector"))
        bias = daf_butler.DatasetType(survey.BIAS, group, workload.STORAGE_CLASS, isCalibration=True)
        registry.registerDatasetType(bias)
        registry.registerCollection(survey.CALIBRATIONS, daf_butler.CollectionType.CALIBRATION)
        for run, first, last in survey.validities(n):
            refs = registry.insertDatasets(bias, data_ids, run=self._run(run), expand=False)
            begin, end = astropy_time.Time(
                [time / 1e9 for time in survey.times(first, last)], format="unix_tai", scale="tai"
            )
            registry.certify(survey.CALIBRATIONS, refs, daf_butler.Timespan(begin, end))


if __name__ == "__main__":
    serve(PeerQueries)
