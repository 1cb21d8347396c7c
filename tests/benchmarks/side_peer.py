"""The peer's side, ``lsst-daf-butler``; run by an interpreter that has it.

Each operation is done in the fastest way that its public API offers.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from tests.benchmarks import workload
from tests.benchmarks.harness import Setting, Timed, serve

# Only the peer's environment has these, so type checkers know nothing of them.
astropy_time: Any = importlib.import_module("astropy.time")
daf_butler: Any = importlib.import_module("lsst.daf.butler")


class Peer:
    """A repository of the peer's on SQLite and files.

    Its dictionaries are written as JSON: its default is YAML, which is slower.
    """

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        root = str(setting.place / "repo")
        config = daf_butler.Config()
        config["datastore", "formatters", workload.STORAGE_CLASS] = (
            "lsst.daf.butler.formatters.json.JsonFormatter"
        )
        daf_butler.Butler.makeRepo(root, config=config)
        self.butler = daf_butler.Butler.from_config(root, writeable=True)
        universe = self.butler.dimensions
        self._group = universe.conform(workload.DIMENSIONS)
        self._type = daf_butler.DatasetType(workload.DATASET_TYPE, self._group, workload.STORAGE_CLASS)
        for element, records in workload.small_records():
            self.butler.registry.insertDimensionData(element, *records)
        self.butler.registry.insertDimensionData(
            "exposure", *_exposures(1, workload.exposures_for(setting.n))
        )
        self.butler.registry.registerDatasetType(self._type)

    def versions(self) -> dict[str, str]:
        """Return what was measured."""
        return {name: importlib.metadata.version(name) for name in ("lsst-daf-butler", "sqlalchemy")}

    def count(self, operation: str) -> int:
        """Return how many datasets an operation left in its RUN."""
        if workload.run_of(operation) not in self.butler.collections.query("*"):
            return 0
        return len(self._query(workload.run_of(operation)))

    # -- writing

    def insert_exposures(self, n: int) -> Timed:
        """Insert exposure records."""
        records = _exposures(workload.MORE_EXPOSURES, n)

        def timed() -> int:
            self.butler.registry.insertDimensionData("exposure", *records)
            return len(records)

        return timed

    def put(self, n: int) -> Timed:
        """Put by data ID, each by itself."""
        run, pairs = self._run(workload.run_of(f"put@{n}")), _pairs(n)

        def timed() -> int:
            for obj, data_id in pairs:
                self.butler.put(obj, workload.DATASET_TYPE, data_id, run=run)
            return n

        return timed

    def put_many(self, n: int) -> Timed:
        """Put in one transaction: what comes nearest to putting many at once."""
        run, pairs = self._run(workload.run_of(f"put_many@{n}")), _pairs(n)

        def timed() -> int:
            with self.butler.transaction():
                for obj, data_id in pairs:
                    self.butler.put(obj, workload.DATASET_TYPE, data_id, run=run)
            return n

        return timed

    def ingest_direct(self, n: int) -> Timed:
        """Ingest files in place."""
        return self._ingest(self._run(workload.run_of(f"ingest_direct@{n}")), range(n), "direct")

    def ingest_copy(self, n: int) -> Timed:
        """Ingest copies of files."""
        return self._ingest(self._run(workload.run_of(f"ingest_copy@{n}")), range(n), "copy")

    def _ingest(self, run: str, which: range, transfer: str) -> Timed:
        files = workload.file_paths(self._setting.files, which.stop)[which.start :]
        refs = self._make_refs(run, workload.data_ids(which.stop, which.start))
        datasets = [daf_butler.FileDataset(str(path), [ref]) for path, ref in zip(files, refs, strict=True)]

        def timed() -> int:
            self.butler.ingest(*datasets, transfer=transfer)
            return len(datasets)

        return timed

    def remove_run(self, n: int) -> Timed:
        """Remove a RUN with its datasets and files."""
        run = self._run(workload.run_of(f"remove_run@{n}"))
        self._ingest(run, range(n), "copy")()

        def timed() -> int:
            self.butler.removeRuns([run])
            return n

        return timed

    # -- reading

    def get_expanded_ref(self, n: int) -> Timed:
        """Get by refs whose data IDs have their records."""
        return self._get_refs(self._query(self._stored, with_dimension_records=True)[:n])

    def get_plain_ref(self, n: int) -> Timed:
        """Get by refs as they are made."""
        return self._get_refs(self._query(self._stored)[:n])

    def get_many(self, n: int) -> Timed:
        """Get one by one: it has no other way."""
        return self.get_expanded_ref(n)

    def _get_refs(self, refs: list[Any]) -> Timed:
        _check(self.butler.get(refs[0]), refs[0].dataId)

        def timed() -> int:
            return sum("exposure" in self.butler.get(ref) for ref in refs)

        return timed

    def get_data_id(self, n: int) -> Timed:
        """Get by data ID."""
        run, data_ids = self._stored, workload.data_ids(n)

        def timed() -> int:
            get = self.butler.get
            return sum(
                "exposure" in get(workload.DATASET_TYPE, data_id, collections=run) for data_id in data_ids
            )

        return timed

    def find(self, n: int) -> Timed:
        """Find one dataset at a time."""
        run, data_ids = self._all, workload.data_ids(n)

        def timed() -> int:
            find = self.butler.find_dataset
            return sum(
                find(workload.DATASET_TYPE, data_id, collections=run) is not None for data_id in data_ids
            )

        return timed

    def query(self, n: int) -> Timed:
        """Find many datasets, and look at nothing of them."""
        run = self._all
        return lambda: _exhaust(self._query(run))

    def query_values(self, n: int) -> Timed:
        """Find many datasets, and read what refs are for."""
        run = self._all
        return lambda: _read_values(self._query(run))

    def query_expanded(self, n: int) -> Timed:
        """Find many datasets with the records of their data IDs, and read from two of these."""
        run = self._all
        return lambda: _read_records(self._query(run, with_dimension_records=True))

    def query_chain(self, n: int) -> Timed:
        """Find the first dataset of each data ID in a chain."""
        chain = self._chain
        return lambda: _exhaust(self._query(chain))

    # -- what the operations work on

    @cached_property
    def _all(self) -> str:
        run = self._run(workload.ALL)
        self._ingest(run, range(self._setting.n), "direct")()
        return run

    @cached_property
    def _stored(self) -> str:
        run = self._run(workload.STORED)
        self._ingest(run, range(self._setting.n // 10), "copy")()
        return run

    @cached_property
    def _chain(self) -> str:
        for run, which in workload.chain_links(self._setting.n):
            self._ingest(self._run(run), which, "direct")()
        self.butler.collections.register(workload.CHAIN, daf_butler.CollectionType.CHAINED)
        self.butler.collections.redefine_chain(workload.CHAIN, workload.CHAIN_RUNS)
        return workload.CHAIN

    def _run(self, name: str) -> str:
        self.butler.collections.register(name)
        return name

    def _make_refs(self, run: str, data_ids: list[workload.DataId]) -> list[Any]:
        make: Callable[..., Any] = daf_butler.DataCoordinate.standardize
        return [
            daf_butler.DatasetRef(self._type, make(data_id, dimensions=self._group), run)
            for data_id in data_ids
        ]

    def _query(self, collections: str, **options: bool) -> Any:
        return self.butler.query_datasets(workload.DATASET_TYPE, collections, limit=None, **options)


def _exposures(first: int, n: int) -> list[workload.Record]:
    """Return exposure records with timespans; times are made all at once, since astropy is slow with single ones."""
    records = workload.exposure_records(first, n)
    begins = astropy_time.Time(
        [record.pop("begin") / 1e9 for record in records], format="unix_tai", scale="tai"
    )
    ends = astropy_time.Time([record.pop("end") / 1e9 for record in records], format="unix_tai", scale="tai")
    for record, begin, end in zip(records, begins, ends, strict=True):
        record["timespan"] = daf_butler.Timespan(begin, end)
    return records


def _pairs(n: int) -> list[tuple[dict[str, Any], workload.DataId]]:
    return [(workload.payload(data_id), data_id) for data_id in workload.data_ids(n)]


def _check(dataset: Any, data_id: Any) -> None:
    expected = workload.payload({name: data_id[name] for name in workload.DIMENSIONS})
    if dataset != json.loads(json.dumps(expected)):
        raise SystemExit(f"{data_id}: {dataset} came back")


def _exhaust(found: Iterable[Any]) -> int:
    count = 0
    for _ in found:
        count += 1
    return count


def _read_values(refs: Iterable[Any]) -> int:
    count = 0
    for ref in refs:
        data_id = ref.dataId
        if (
            ref.id.int
            and ref.run
            and data_id["instrument"]
            and data_id["exposure"]
            and data_id["detector"] >= 0
        ):
            count += 1
    return count


def _read_records(refs: Iterable[Any]) -> int:
    count = 0
    for ref in refs:
        records = ref.dataId.records
        if records["exposure"].exposure_time and records["detector"].full_name:
            count += 1
    return count


if __name__ == "__main__":
    serve(Peer)
