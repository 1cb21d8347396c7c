"""Taking in files that exist: for `ingest`, and for each chunk of an import."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from butler_core.contracts.datastore import Datastore, Received
from butler_core.contracts.registry import Registry
from butler_core.errors import IncompatibleError, InvalidInputError
from butler_core.models.batch import RawBatch
from butler_core.models.bulk import unwatched
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import TransferMode, UriExpression
from butler_core.models.opaque import OpaqueTableBatch
from butler_core.transactions import Transactions


def ingest(
    registry: Registry,
    datastore: Datastore,
    transactions: Transactions,
    datasets: Sequence[FileDataset],
    *,
    directory: UriExpression | None,
    transfer: TransferMode | None,
    own_absolute: bool = False,
    record_validation_info: bool = True,
    batch: RawBatch | None = None,
    check: Callable[[int, Iterable[DatasetRef]], None] | None = None,
) -> list[DatasetRef]:
    """Register the datasets of files and take the files in: see `butler_core.butler.Butler.ingest`.

    ``batch`` may bring more to apply in the same transaction; ``check`` looks at refs, given the Registry's generation.
    """
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
    given = [ref for file in datasets for ref in file.refs]
    _refuse_shared(given)
    batch = batch if batch is not None else RawBatch()
    # Files that stay where they are make no artifact: there is no name to predict, and nothing to journal.
    makes_artifacts = transfer != "direct"
    expansion = registry.expand_new_dataset_refs(
        given, batch_id=batch.batch_id, files=datasets, predict=makes_artifacts
    )
    if check is not None:
        check(expansion.generation, given)
    with unwatched():
        batch.dataset_insertions.include(expansion.refs)
        expanded = iter(expansion.refs)
        files = [file.with_refs([next(expanded) for _ in file.refs]) for file in datasets]
    received: list[Received] = []

    def receive() -> OpaqueTableBatch:
        with unwatched():
            received.append(
                datastore.receive(
                    {root: files},
                    batch_id=batch.batch_id,
                    transfer=transfer,
                    own_absolute=own_absolute,
                    record_validation_info=record_validation_info,
                )
            )
        return received[0].records

    journaled = expansion.refs if makes_artifacts else []
    records, _ = transactions.write(batch, journaled, expansion.journal_paths, receive)
    received[0].remove_sources()
    with unwatched():
        return records.attach_to(expansion.refs)


def _refuse_shared(refs: Iterable[DatasetRef]) -> None:
    seen: set[int] = set()
    for ref in refs:
        number = ref.uuid.int
        if number in seen:
            raise InvalidInputError(f"{ref} is given twice.", remedy="Give each dataset in one file.")
        seen.add(number)
