"""Our side: the butler as anybody uses it, by its public names alone, on a default repository."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from butler_core import Butler, CollectionType, DatasetRef, FileDataset, SequenceEditMode, Timespan
from tests.benchmarks import workload
from tests.benchmarks.harness import Setting, Timed, serve


class Ours:
    """A repository on SQLite and POSIX."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        root = setting.place / "repo"
        durability: Any = setting.durability  # one of the two words that make_repo takes
        Butler.make_repo(root, dimensions=workload.UNIVERSE, durability=durability)
        self.butler = Butler(root, writeable=True)
        for element, records in workload.small_records():
            self.butler.insert_dimension_data(element, records)
        self.butler.insert_dimension_data("exposure", _exposures(1, workload.exposures_for(setting.n)))
        self.butler.register_dataset_type(workload.DATASET_TYPE, workload.DIMENSIONS, workload.STORAGE_CLASS)

    def versions(self) -> dict[str, str]:
        """Return what was measured."""
        return {name: importlib.metadata.version(name) for name in ("butler-core", "sqlalchemy")}

    def count(self, operation: str) -> int:
        """Return how many datasets an operation left in its RUN."""
        if workload.run_of(operation) not in self.butler.query_collections():
            return 0
        return self.butler.query_datasets(workload.DATASET_TYPE, workload.run_of(operation)).count()

    # -- writing

    def insert_exposures(self, n: int) -> Timed:
        """Insert exposure records."""
        records = _exposures(workload.MORE_EXPOSURES, n)

        def timed() -> int:
            self.butler.insert_dimension_data("exposure", records)
            return len(records)

        return timed

    def put(self, n: int) -> Timed:
        """Put by data ID, each by itself."""
        run, data_ids = self._run(workload.run_of(f"put@{n}")), workload.data_ids(n)
        objects = [workload.payload(data_id) for data_id in data_ids]

        def timed() -> int:
            for obj, data_id in zip(objects, data_ids, strict=True):
                self.butler.put(obj, workload.DATASET_TYPE, data_id, run=run)
            return n

        return timed

    def put_many(self, n: int) -> Timed:
        """Make refs and put, all at once."""
        run, data_ids = self._run(workload.run_of(f"put_many@{n}")), workload.data_ids(n)
        objects = [workload.payload(data_id) for data_id in data_ids]

        def timed() -> int:
            refs = self.butler.make_refs(workload.DATASET_TYPE, data_ids, run=run)
            return len(self.butler.put_many(zip(objects, refs, strict=True)))

        return timed

    def ingest_direct(self, n: int) -> Timed:
        """Ingest files in place."""
        return self._ingest(self._run(workload.run_of(f"ingest_direct@{n}")), range(n), "direct")

    def ingest_copy(self, n: int) -> Timed:
        """Ingest copies of files."""
        return self._ingest(self._run(workload.run_of(f"ingest_copy@{n}")), range(n), "copy")

    def _ingest(self, run: str, which: range, transfer: Any) -> Timed:
        files = workload.file_paths(self._setting.files, which.stop)[which.start :]
        data_ids = workload.data_ids(which.stop, which.start)
        refs = self.butler.make_refs(workload.DATASET_TYPE, data_ids, run=run)
        datasets = [FileDataset(str(path), [ref]) for path, ref in zip(files, refs, strict=True)]
        return lambda: len(self.butler.ingest(*datasets, transfer=transfer))

    def remove_run(self, n: int) -> Timed:
        """Remove a RUN with its datasets and files, having looked what goes."""
        run = self._run(workload.run_of(f"remove_run@{n}"))
        self._ingest(run, range(n), "copy")()

        def timed() -> int:
            with self.butler.removal() as removal:
                removal.include_collections(run)
                return len(removal.datasets)

        return timed

    # -- reading

    def get_expanded_ref(self, n: int) -> Timed:
        """Get by refs that know their records."""
        return self._get_refs(list(self._query(self._stored).expanded())[:n])

    def get_plain_ref(self, n: int) -> Timed:
        """Get by refs as a query finds them."""
        return self._get_refs(list(self._query(self._stored))[:n])

    def _get_refs(self, refs: Sequence[DatasetRef]) -> Timed:
        self._check(refs[0])
        return lambda: sum("exposure" in self.butler.get(ref) for ref in refs)

    def get_data_id(self, n: int) -> Timed:
        """Get by data ID."""
        run, data_ids = self._stored, workload.data_ids(n)

        def timed() -> int:
            get = self.butler.get
            return sum(
                "exposure" in get(workload.DATASET_TYPE, data_id, collections=run) for data_id in data_ids
            )

        return timed

    def get_many(self, n: int) -> Timed:
        """Get many at once."""
        requests = [(ref, None) for ref in list(self._query(self._stored).expanded())[:n]]
        return lambda: sum("exposure" in result.dataset for result in self.butler.get_many(requests))

    def find(self, n: int) -> Timed:
        """Find one dataset at a time; unexpanded, as the peer finds it."""
        run, data_ids = self._all, workload.data_ids(n)

        def timed() -> int:
            find = self.butler.resolve_dataset
            return sum(
                find(workload.DATASET_TYPE, data_id, collections=run, expand=False) is not None
                for data_id in data_ids
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
        return lambda: _read_records(self._query(run).expanded())

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
        self.butler.register_collection(workload.CHAIN, CollectionType.CHAINED)
        self.butler.edit_collection_chain(workload.CHAIN, workload.CHAIN_RUNS, SequenceEditMode.ASSIGN)
        return workload.CHAIN

    def _run(self, name: str) -> str:
        self.butler.register_collection(name)
        return name

    def _query(self, collections: str) -> Any:
        return self.butler.query_datasets(workload.DATASET_TYPE, collections)

    def _check(self, ref: DatasetRef) -> None:
        dataset = self.butler.get(ref)
        if dataset != workload.payload({name: ref.data_id[name] for name in workload.DIMENSIONS}):
            raise SystemExit(f"{ref}: {dataset} came back")


def _exposures(first: int, n: int) -> list[workload.Record]:
    """Return exposure records with timespans."""
    records = workload.exposure_records(first, n)
    for record in records:
        record["timespan"] = Timespan(record.pop("begin"), record.pop("end"))
    return records


def _exhaust(found: Iterable[object]) -> int:
    count = 0
    for _ in found:
        count += 1
    return count


def _read_values(refs: Iterable[DatasetRef]) -> int:
    count = 0
    for ref in refs:
        data_id = ref.data_id
        if (
            ref.uuid.int
            and ref.run
            and data_id["instrument"]
            and data_id["exposure"]
            and int(data_id["detector"]) >= 0
        ):
            count += 1
    return count


def _read_records(refs: Iterable[DatasetRef]) -> int:
    count = 0
    for ref in refs:
        records = ref.data_id.records
        if records["exposure"].exposure_time and records["detector"].full_name:
            count += 1
    return count


if __name__ == "__main__":
    serve(Ours)
