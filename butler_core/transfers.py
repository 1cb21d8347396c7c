"""Taking in exports, chunk by chunk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from uuid import UUID

from butler_core import discovery
from butler_core.client_cache import ClientCache
from butler_core.contracts.datastore import Datastore
from butler_core.contracts.registry import Registry
from butler_core.errors import InvalidInputError, NotFoundError, PluginError
from butler_core.files_in import check_files, ingest
from butler_core.models.batch import DatasetInsertionBatch, RawBatch
from butler_core.models.collection import SetInsertMode
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetRef, new_uuid
from butler_core.models.dataset_type import DatasetType
from butler_core.models.export import RawBatchExport
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import Progress, TransferMode, UriExpression
from butler_core.models.reports import TransferReport
from butler_core.models.universe import DimensionUniverse
from butler_core.repository import local_path
from butler_core.transactions import Transactions

HEADER_BYTES = 4096
"""How much of an export its readers are shown, so that the right one is chosen."""
USUAL_NAMES = ("export.yaml", "export.yml")


class Importer:
    """Takes one export into a repository."""

    def __init__(
        self,
        registry: Registry,
        datastore: Datastore,
        transactions: Transactions,
        cache: ClientCache,
        universe: DimensionUniverse,
        progress: Progress | None,
    ) -> None:
        self._registry = registry
        self._datastore = datastore
        self._transactions = transactions
        self._cache = cache
        self._universe = universe
        self._progress = progress

    def run(
        self,
        filename: UriExpression | None,
        *,
        transfer: TransferMode | None,
        directory: UriExpression | None,
        dimension_insert_mode: SetInsertMode | None,
        record_validation_info: bool,
        skip_files: bool,
        dry_run: bool,
    ) -> TransferReport:
        """Take in an export: see `butler_core.butler.Butler.import_`."""
        path = _find_export(filename, directory)
        base = local_path(directory) if directory is not None else os.path.dirname(path)
        report = TransferReport(size_bytes=0)
        for chunk in self._read(path):
            for insertion in chunk.batch.dimension_insertions.values():
                insertion.mode = dimension_insert_mode or SetInsertMode.INSERT_OR_SKIP
            new, skipped = self._split(chunk.batch)
            files = {} if skip_files else _wanted(chunk, new)
            _refuse_missing(files, base)
            _refuse_unreadable(files.values())
            size_bytes = _total_size(files, base) if record_validation_info else None
            if not dry_run:
                self._apply(chunk.batch, new, files, base, transfer or "copy", record_validation_info)
            report = report.model_copy(
                update={
                    "datasets": report.datasets + len(new),
                    "skipped": report.skipped + skipped,
                    "files": report.files + len(files),
                    "size_bytes": None
                    if report.size_bytes is None or size_bytes is None
                    else report.size_bytes + size_bytes,
                    "chunks": report.chunks + 1,
                }
            )
            if self._progress is not None:
                self._progress("import", report.datasets + report.skipped, None)
        return report

    def _read(self, path: str) -> Iterator[RawBatchExport]:
        try:
            with open(path, "rb") as stream:
                header = stream.read(HEADER_BYTES)
        except OSError as error:
            raise NotFoundError(
                f"The export {path} cannot be read: {error}.", remedy="Check the path."
            ) from error
        return discovery.find_reader(path, header).read(path, self._universe)

    def _split(self, batch: RawBatch) -> tuple[dict[UUID, DatasetRef], int]:
        """Return the datasets that are new, as refs, and how many are here already."""
        known = self._cache.refresh()
        refs: dict[UUID, DatasetRef] = {}
        for name, runs in batch.dataset_insertions.datasets.items():
            registration = batch.dataset_type_registrations.get(name)
            if registration is not None:
                group = self._universe.conform(registration.dimensions)
                dataset_type = DatasetType(
                    name, group, registration.storage_class_name, is_calibration=registration.is_calibration
                )
            else:
                dataset_type = known.get_dataset_type(name)
            for run, rows in runs.items():
                for uuid, values in rows.items():
                    data_id = DataCoordinate.from_required(dataset_type.dimensions, values)
                    refs[uuid] = DatasetRef(uuid, dataset_type, data_id, run)
        registered = [ref for ref in refs.values() if ref.dataset_type.name in known.dataset_types]
        here = {
            ref.uuid
            for ref in self._registry.expand_existing_dataset_refs(registered, dimension_records=False).refs
        }
        return {uuid: ref for uuid, ref in refs.items() if uuid not in here}, len(here)

    def _apply(
        self,
        batch: RawBatch,
        new: dict[UUID, DatasetRef],
        files: dict[str, FileDataset],
        base: str,
        transfer: TransferMode,
        record_validation_info: bool,
    ) -> None:
        # An export may be taken in more than once, by several at a time too, and each time is a batch of its own.
        batch.batch_id = new_uuid()
        with_files = {ref.uuid for file in files.values() for ref in file.refs}
        without_files = DatasetInsertionBatch()
        without_files.include(ref for uuid, ref in new.items() if uuid not in with_files)
        batch.dataset_insertions = without_files
        if not files:
            self._transactions.apply(batch)
            return
        # Names of artifacts are made from dimension records, so what defines the datasets has to be there before them.
        definitions = RawBatch(
            dataset_type_registrations=batch.dataset_type_registrations,
            collection_registrations=batch.collection_registrations,
            dimension_syncs=batch.dimension_syncs,
            dimension_insertions=batch.dimension_insertions,
        )
        self._transactions.apply(definitions)
        ingest(
            self._registry,
            self._datastore,
            self._transactions,
            check_files(
                list(files.values()),
                directory=base,
                transfer=transfer,
                record_validation_info=record_validation_info,
            ),
            batch=batch,
        )


def _refuse_missing(files: Iterable[str], base: str) -> None:
    """Refuse a chunk of which a file is not there, before anything of it is applied."""
    for path in files:
        if "://" not in path and not os.path.isfile(os.path.join(base, path)):
            raise InvalidInputError(
                f"The export names the file {path!r}, which is not in {base}.",
                remedy="Name the directory of its files, or import with skip_files=True.",
                path=path,
            )


def _refuse_unreadable(files: Iterable[FileDataset]) -> None:
    """Refuse a chunk with a file that no formatter here could read, before anything of it is applied."""
    paths = {file.formatter: file.path for file in files if file.formatter is not None}
    for formatter, path in paths.items():
        try:
            discovery.get_formatter(formatter)
        except PluginError as error:
            raise PluginError(
                f"The export names a formatter for the file {str(path)!r} that cannot be used here: {error}",
                remedy=f"{error.remedy} Or import with skip_files=True.",
                formatter=formatter,
                path=str(path),
            ) from error


def _total_size(files: Iterable[str], base: str) -> int | None:
    """Return the size of files in bytes, before they move; None if some are not on this machine."""
    if any("://" in path for path in files):
        return None
    return sum(os.path.getsize(os.path.join(base, path)) for path in files)


def _refuse_escape(path: str) -> None:
    """Refuse a relative path that leads out of the export's directory: an export may come from anybody."""
    if "://" not in path and not path.startswith("/") and os.path.normpath(path).split("/")[0] == "..":
        raise InvalidInputError(
            f"The export names the file {path!r}, which lies outside its directory.",
            remedy="Ask whoever made the export; import with skip_files=True to take in what it says of the datasets.",
        )


def _find_export(filename: UriExpression | None, directory: UriExpression | None) -> str:
    if filename is not None:
        path = local_path(filename)
        beside = os.path.join(local_path(directory), os.fspath(filename)) if directory is not None else path
        return path if os.path.exists(path) or not os.path.exists(beside) else beside
    if directory is None:
        raise InvalidInputError(
            "There is nothing to import.", remedy="Name the export file, or its directory."
        )
    for name in USUAL_NAMES:
        path = os.path.join(local_path(directory), name)
        if os.path.exists(path):
            return path
    raise NotFoundError(
        f"There is no export in {directory}: looked for {', '.join(USUAL_NAMES)}.",
        remedy="Name the export file.",
    )


def _wanted(chunk: RawBatchExport, new: dict[UUID, DatasetRef]) -> dict[str, FileDataset]:
    """Return the files of new datasets.  A file of which some datasets are here already cannot be taken in again for the rest."""
    files = {}
    for path, (formatter, uuids) in chunk.files.items():
        refs = [new[uuid] for uuid in uuids if uuid in new]
        if refs:
            _refuse_escape(path)
            files[path] = FileDataset(path, refs, formatter)
    return files
