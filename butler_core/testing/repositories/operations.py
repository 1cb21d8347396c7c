"""The writes that a crash may interrupt: what each needs, and what it does.

What must hold afterwards is not said here.  It follows from running an operation undisturbed: a batch leaves all as it was
before, or all as it is then.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from butler_core import discovery
from butler_core.butler import Butler
from butler_core.models.batch import CollectionRegistration, RawBatch
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.export import RawBatchExport
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import TransferMode
from butler_core.models.universe import DimensionUniverse
from butler_core.testing.repositories.small_repository import RUN, data_ids, populate
from butler_core.testing.repositories.system_calls import fork, wait
from butler_core.transactions import journal_entries

MANY = 20
TAGGED = "u/test/tagged"
_NEW = data_ids()[2 : 2 + MANY]
_EXIT_KILLED = 66


class Operation(ABC):
    """One write, in a repository with two stored datasets and three files beside it."""

    name: ClassVar[str]
    batches: ClassVar[int] = 1
    """In how many batches it is done: with more than one, a part of what it does may be left."""

    def prepare(self, butler: Butler, files: Path) -> None:  # noqa: B027 (most need nothing else)
        """Make what else it needs, once."""

    @abstractmethod
    def act(self, butler: Butler, files: Path) -> object:
        """Do it."""

    def settle(self, butler: Butler, files: Path) -> bool:
        """After it was killed: end what no recovery ends; return whether it is done then."""
        return False

    def find_lost(self, butler: Butler) -> Iterator[str]:
        """Say what was lost that neither users nor the Registry see."""
        return iter(())


def prepare_repository(butler: Butler, files: Path) -> None:
    """Make what every operation finds: two datasets of ``summary`` in `RUN`, tagged, and ``file0.json`` to ``file2.json``."""
    populate(butler)
    butler.register_collection(TAGGED, CollectionType.TAGGED)
    for number in (0, 1):
        butler.put({"old": number}, "summary", data_ids()[number])
    for number in range(3):
        (files / f"file{number}.json").write_text(json.dumps({"file": number}))


class Put(Operation):
    """One dataset, the first in a RUN of its own, so that all directories have to be made."""

    name = "put"

    def prepare(self, butler: Butler, files: Path) -> None:
        butler.register_collection("u/test/new")

    def act(self, butler: Butler, files: Path) -> object:
        return butler.put({"new": 0}, "summary", _NEW[0], run="u/test/new")


class PutMany(Operation):
    """Twenty datasets in one batch."""

    name = "put_many"

    def act(self, butler: Butler, files: Path) -> object:
        refs = butler.make_refs("summary", _NEW)
        return butler.put_many([({"new": number}, ref) for number, ref in enumerate(refs)])


def files_to_ingest(butler: Butler, files: Path) -> list[FileDataset]:
    """Three files, the first with two datasets in it."""
    refs = butler.make_refs("summary", _NEW[:4])
    return [FileDataset(files / f"file{n}.json", refs[:2] if n == 0 else refs[n + 1]) for n in range(3)]


class Ingest(Operation):
    """Files with datasets; two share one."""

    transfer: ClassVar[TransferMode]

    def act(self, butler: Butler, files: Path) -> object:
        return butler.ingest(*files_to_ingest(butler, files), transfer=self.transfer)


class IngestCopy(Ingest):
    """Copied in."""

    name = "ingest-copy"
    transfer = "copy"


class IngestMove(Ingest):
    """Moved in: a source goes after the commit only."""

    name = "ingest-move"
    transfer = "move"


class IngestHardlink(Ingest):
    """Linked in."""

    name = "ingest-hardlink"
    transfer = "hardlink"


class IngestSymlink(Ingest):
    """Pointed to from within."""

    name = "ingest-symlink"
    transfer = "symlink"


class IngestDirect(Ingest):
    """Left where they are."""

    name = "ingest-direct"
    transfer = "direct"


class _Reader:
    """Reads an export that is made when it is read."""

    def __init__(self, butler: Butler, files: Path) -> None:
        self._butler, self._files = butler, files

    def read(self, path: str, universe: DimensionUniverse) -> Iterator[RawBatchExport]:
        files = files_to_ingest(self._butler, self._files)
        batch = RawBatch()
        batch.collection_registrations["u/test/imported"] = CollectionRegistration(
            name="u/test/imported", type=CollectionType.TAGGED
        )
        batch.dataset_insertions.include(ref for file in files for ref in file.refs)
        named = {
            os.path.basename(os.fspath(file.path)): (file.formatter, frozenset(ref.uuid for ref in file.refs))
            for file in files
        }
        yield RawBatchExport(batch=batch, files=named)


class Import(Operation):
    """An export with files; definitions first, then the datasets."""

    name = "import"
    batches = 2

    def act(self, butler: Butler, files: Path) -> object:
        # Formats of exports are plugins' matter: whatever is installed, this one is read.
        found = discovery.find_reader
        discovery.find_reader = lambda path, header: _Reader(butler, files)  # type: ignore[assignment, return-value]
        try:
            return butler.import_(files / "file0.json", directory=files, transfer="copy")
        finally:
            discovery.find_reader = found


class Unstore(Operation):
    """Two datasets of two artifacts."""

    name = "unstore"

    def act(self, butler: Butler, files: Path) -> None:
        butler.unstore(list(butler.query_datasets("summary", RUN)))


class UnstoreShared(Operation):
    """Two datasets in one after the other of which the first shares its artifact with a third that stays."""

    name = "unstore-shared"
    batches = 2

    def prepare(self, butler: Butler, files: Path) -> None:
        butler.ingest(*files_to_ingest(butler, files), transfer="copy")

    def act(self, butler: Butler, files: Path) -> None:
        for number in (2, 3):  # the last of the two takes the file along
            ref = butler.resolve_dataset("summary", data_ids()[number])
            butler.unstore([ref])


class RemoveDatasets(Operation):
    """One dataset of a file that another one keeps, and one that is tagged."""

    name = "remove-datasets"

    def prepare(self, butler: Butler, files: Path) -> None:
        butler.ingest(*files_to_ingest(butler, files), transfer="copy")

    def act(self, butler: Butler, files: Path) -> None:
        refs = [butler.resolve_dataset("summary", data_ids()[number]) for number in (0, 2)]
        with butler.removal() as removal:
            removal.include_datasets(refs, find_associations_in=...)


class RemoveCollections(Operation):
    """A RUN with all its datasets, one of them tagged, and the chain that it is in."""

    name = "remove-collections"

    def prepare(self, butler: Butler, files: Path) -> None:
        butler.register_collection("u/test/going")
        refs = [butler.put({"n": n}, "summary", data_ids()[n], run="u/test/going") for n in (2, 3)]
        butler.edit_associations(TAGGED, refs[:1], SetEditMode.INSERT_OR_FAIL)
        butler.register_collection("u/test/chain", CollectionType.CHAINED)
        butler.edit_collection_chain("u/test/chain", ["u/test/going", RUN], SequenceEditMode.ASSIGN)

    def act(self, butler: Butler, files: Path) -> None:
        with butler.removal() as removal:
            removal.include_collections(["u/test/chain", "u/test/going"], find_associations_in=...)


def leave_behind(butler: Butler, files: Path, operation: Operation, step: str) -> None:
    """Let a child begin an operation and die where ``step`` of registry, datastore or journals is called."""

    def begin() -> None:
        parts = (butler._registry, butler._datastore, butler._datastore.journals)
        target = next(part for part in parts if hasattr(part, step))
        setattr(target, step, lambda *_, **__: os._exit(_EXIT_KILLED))
        operation.act(butler, files)

    code = wait(fork(begin))
    if code != _EXIT_KILLED:
        raise AssertionError(f"{operation.name} ended with {code} instead of dying in {step}()")


class Recover(Operation):
    """What a put of twenty left that died before its commit, an unstore after its own, and a put whose journal stayed."""

    name = "recover"
    batches = 0

    def prepare(self, butler: Butler, files: Path) -> None:
        put = Put()
        put.prepare(butler, files)
        leave_behind(butler, files, put, "drop")
        leave_behind(butler, files, PutMany(), "apply_batch")
        leave_behind(butler, files, Unstore(), "delete_artifacts")

    def act(self, butler: Butler, files: Path) -> object:
        return butler.recover()


class VerifyRepair(Operation):
    """Sets an artifact aside that nobody knows of, and brings one back that was set aside although a dataset needs it."""

    name = "verify-repair"

    def prepare(self, butler: Butler, files: Path) -> None:
        datastore = butler._datastore
        put = Put()
        put.prepare(butler, files)
        leave_behind(butler, files, put, "apply_batch")
        (name,) = datastore.journals.list()
        journal = datastore.journals.read(name)
        datastore.delete_artifacts((), batch_id=journal.batch_id)  # bars the writer, as a recovery does first
        datastore.journals.drop(name)
        self._unknown = sorted(entry.artifact for entry in journal.entries)
        (ref,) = butler.query_datasets("summary", RUN, data_id=data_ids()[0]).expanded()
        records = ref.datastore_records or {}
        needed = [entry.artifact for entry in journal_entries(datastore, [ref])]
        if len(needed) != len(records) or datastore.set_aside([(needed[0], None)]) != set(needed):
            raise AssertionError(f"{needed} could not be set aside")

    def act(self, butler: Butler, files: Path) -> object:
        return butler.verify(repair=True)

    def settle(self, butler: Butler, files: Path) -> bool:
        self.act(butler, files)
        return True

    def find_lost(self, butler: Butler) -> Iterator[str]:
        datastore = butler._datastore
        found = [*datastore.stat_artifacts(self._unknown), *datastore.stat_set_aside()]
        for artifact in self._unknown:
            sizes = [stat.size_bytes for stat in found if stat.artifact == artifact]
            if not sizes:
                yield f"artifact {artifact} was neither left where it was nor set aside"
            elif not all(sizes):
                yield f"artifact {artifact} lost what was in it"


OPERATIONS: tuple[Operation, ...] = (
    Put(),
    PutMany(),
    IngestCopy(),
    IngestMove(),
    IngestHardlink(),
    IngestSymlink(),
    IngestDirect(),
    Import(),
    Unstore(),
    UnstoreShared(),
    RemoveDatasets(),
    RemoveCollections(),
    Recover(),
    VerifyRepair(),
)
