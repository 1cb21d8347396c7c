"""Taking in files that exist: for `ingest`, in batches too, and for each chunk of an import."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from butler_core.contracts.datastore import Datastore, Received
from butler_core.contracts.registry import Registry
from butler_core.errors import IncompatibleError, InvalidInputError
from butler_core.models.batch import RawBatch
from butler_core.models.bulk import unwatched
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import JournalPathMap, TransferMode, UriExpression
from butler_core.models.opaque import OpaqueTableBatch
from butler_core.transactions import Transactions


class Files(NamedTuple):
    """Files to take in, as one call of `ingest` asks for it; checked as far as that needs neither Registry nor datastore."""

    datasets: Sequence[FileDataset]
    directory: str
    """Where relative paths begin; absolute."""
    transfer: TransferMode
    record_validation_info: bool

    @property
    def refs(self) -> list[DatasetRef]:
        """The datasets in the files."""
        return [ref for file in self.datasets for ref in file.refs]

    @property
    def makes_artifacts(self) -> bool:
        """False for files that stay where they are: there is no name to predict, and nothing to journal."""
        return self.transfer != "direct"


def check_files(
    datasets: Sequence[FileDataset],
    *,
    directory: UriExpression | None,
    transfer: TransferMode | None,
    own_absolute: bool = False,
    record_validation_info: bool = True,
) -> Files:
    """Check the arguments of `butler_core.butler.Butler.ingest`."""
    if own_absolute:
        raise IncompatibleError(
            "No datastore here can own files outside its root.",
            remedy="Leave own_absolute out, or move the files in.",
        )
    if transfer in (None, "none"):
        raise InvalidInputError(
            "Files that lie in a datastore's root already can only be taken in with a whole repository.",
            remedy='Pass transfer="copy", or "direct" to leave files where they are.',
        )
    root = os.path.abspath(os.fspath(directory) if directory is not None else os.curdir)
    files = Files(datasets, root, transfer, record_validation_info)
    _refuse_shared(files.refs)
    return files


class Incoming:
    """Files about to be taken in by one batch.

    Parameters
    ----------
    registry
        Expands the refs.
    datastore
        Takes the files in.
    files
        What to take in.
    batch
        Gets the datasets.
    """

    def __init__(self, registry: Registry, datastore: Datastore, files: Files, batch: RawBatch) -> None:
        self._datastore = datastore
        self._files = files
        self._batch_id = batch.batch_id
        self._received: Received | None = None
        given = files.refs
        expansion = registry.expand_new_dataset_refs(
            given, batch_id=batch.batch_id, files=files.datasets, predict=files.makes_artifacts
        )
        self.refs = expansion.refs
        """The datasets, expanded."""
        self.generation = expansion.generation
        """The Registry's."""
        self.journal_paths: JournalPathMap = expansion.journal_paths
        """Where to journal."""
        with unwatched():
            batch.dataset_insertions.include(expansion.refs)
            expanded = iter(expansion.refs)
            self._expanded = [file.with_refs([next(expanded) for _ in file.refs]) for file in files.datasets]

    @property
    def journaled(self) -> Sequence[DatasetRef]:
        """The datasets that get artifacts."""
        return self.refs if self._files.makes_artifacts else ()

    def receive(self) -> OpaqueTableBatch:
        """Take the files in; return the records."""
        files = self._files
        with unwatched():
            self._received = self._datastore.receive(
                {files.directory: self._expanded},
                batch_id=self._batch_id,
                transfer=files.transfer,
                record_validation_info=files.record_validation_info,
            )
        return self._received.records

    def finish(self) -> None:
        """After the commit: remove files that were moved in."""
        if self._received is not None:
            self._received.remove_sources()


def ingest(
    registry: Registry,
    datastore: Datastore,
    transactions: Transactions,
    files: Files,
    *,
    batch: RawBatch | None = None,
    check: Callable[[int, Iterable[DatasetRef]], None] | None = None,
) -> list[DatasetRef]:
    """Register the datasets of files and take the files in: see `butler_core.butler.Butler.ingest`.

    ``batch`` may bring more to apply in the same transaction; ``check`` looks at refs, given the Registry's generation.
    """
    batch = batch if batch is not None else RawBatch()
    incoming = Incoming(registry, datastore, files, batch)
    if check is not None:
        check(incoming.generation, files.refs)
    records, _ = transactions.write(batch, incoming.journaled, incoming.journal_paths, incoming.receive)
    incoming.finish()
    with unwatched():
        return records.attach_to(incoming.refs)


def _refuse_shared(refs: Iterable[DatasetRef]) -> None:
    seen: set[int] = set()
    for ref in refs:
        number = ref.uuid.int
        if number in seen:
            raise InvalidInputError(f"{ref} is given twice.", remedy="Give each dataset in one file.")
        seen.add(number)
