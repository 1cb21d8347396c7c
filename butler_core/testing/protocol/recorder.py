"""Records what operations ask of a butler's Registry, datastore and journals, in the model's words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self
from uuid import UUID

from butler_core.butler import Butler
from butler_core.contracts.datastore import Received
from butler_core.errors import (
    BatchFencedError,
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    OutcomeUnknownError,
)
from butler_core.files.names import batch_token
from butler_core.models.batch import RawBatch
from butler_core.models.journal import BatchOutcome, Journal as RealJournal
from butler_core.models.opaque import OpaqueTableBatch
from butler_core.testing.protocol.world import Artifact, Journal, Record, Stores
from butler_core.transactions import is_ours

_REFUSED = (ConflictError, ForbiddenError, InvalidInputError, NotFoundError)
CALLS = {
    "registry": (*("apply_batch", "fence", "referenced", "expand_existing_dataset_refs", "forget_outcomes"),),
    "datastore": ("put_many", "receive", "delete_artifacts", "stat_artifacts", "set_aside", "bring_back"),
    "journals": ("create", "list", "read", "drop"),
}
"""The methods that the model knows; all others only look."""
WATCHED = frozenset(f"{part}.{call}" for part, calls in CALLS.items() for call in calls)


class Event(NamedTuple):
    """What one call came to."""

    process: str
    call: str
    result: str
    """In the model's words; of a call that does several things, what it does to each of ``names``."""
    names: tuple[str, ...] = ()


class Recorder:
    """Watches a butler: a context manager; all in it that runs in `process` is recorded.

    A call without an answer, or one that comes late, can be arranged by `lose_answer`.

    Parameters
    ----------
    butler
        Whose Registry, datastore and journals are watched.
    """

    def __init__(self, butler: Butler) -> None:
        self.events: list[Event] = []
        self.journals: dict[str, list[Journal]] = {}
        """What each process has journaled, or tried to."""
        self.records: dict[str, list[Record]] = {}
        """What each process has committed, or tried to; of a removal, what it has read."""
        self.moves: set[str] = set()
        """Processes that ingest by move."""
        self.before: Callable[[str, str], None] | None = None
        """Told process and call before each call."""
        self._butler = butler
        self._parts: dict[str, Any] = {
            "registry": butler._registry,
            "datastore": butler._datastore,
            "journals": butler._datastore.journals,
        }
        self._bridge = butler._datastore.bridge
        self._here = threading.local()
        self._undo: list[tuple[Any, str, dict[str, Any]]] = []
        self._batches: dict[UUID, str] = {}
        self._journal_names: dict[str, Journal] = {}
        self._datasets: dict[UUID, str] = {}
        self._lost: dict[str, bool] = {}
        self._late: dict[str, RawBatch] = {}
        self.stores = self._look()

    def _look(self) -> Stores:
        """Return what is there now."""
        datastore, records = self._parts["datastore"], []
        journals = list(self._leftovers())
        refs = list(self._butler.query_datasets(..., ..., find_first=False).expanded())
        for ref in refs:
            self._datasets[ref.uuid] = f"{ref.dataset_type.name} {ref.data_id} {ref.run}"
        batch = OpaqueTableBatch()
        for ref in refs:
            for table, values in (ref.datastore_records or {}).items():
                batch.insert(table, [(ref.uuid, values)])
        runs = {ref.uuid: ref.run for ref in refs}
        records = [record._replace(run=runs[uuid]) for uuid, record in self._rows(batch, "")]
        names = [self.rename(stat.artifact) for stat in datastore.stat_artifacts(None)]
        return Stores(
            journals=frozenset(journals),
            artifacts=frozenset(Artifact(name, "") for name in names),
            datasets=frozenset(self._datasets[ref.uuid] for ref in refs),
            records=frozenset(records),
            committed=frozenset(self._committed(journals)),
            aside=frozenset(Artifact(self.rename(s.artifact), "") for s in datastore.stat_set_aside()),
        )

    def _leftovers(self) -> Iterator[Journal]:
        journals = self._parts["journals"]
        for number, name in enumerate(journals.list(), 1):
            real = journals.read(name)
            self._batches.setdefault(real.batch_id, f"earlier {number}")
            yield self._note_journal(name, self._batches[real.batch_id], real)

    def _committed(self, journals: Iterable[Journal]) -> Iterator[str]:
        names = {journal.batch for journal in journals}
        ids = [uuid for uuid, name in self._batches.items() if name in names]
        outcomes = self._parts["registry"].outcomes(ids)
        return (self._batches[uuid] for uuid in ids if outcomes[uuid] is BatchOutcome.COMMITTED)

    # -- watching

    def __enter__(self) -> Self:
        for part, calls in CALLS.items():
            for call in calls:
                self._watch(part, call)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for thing, call, own in reversed(self._undo):
            delattr(thing, call)
            vars(thing).update(own)

    def _watch(self, part: str, call: str) -> None:
        thing = self._parts[part]
        real, note = getattr(thing, call), getattr(self, f"_{part}_{call}")

        def watched(*args: Any, **kwargs: Any) -> Any:
            process: str | None = getattr(self._here, "process", None)
            if process is None:
                return real(*args, **kwargs)
            if self.before is not None:
                self.before(process, f"{part}.{call}")
            return note(process, real, *args, **kwargs)

        own = {call: vars(thing)[call]} if call in vars(thing) else {}
        self._undo.append((thing, call, own))
        setattr(thing, call, watched)

    @contextmanager
    def process(self, name: str) -> Iterator[None]:
        """Record what this thread does under a process's name, and how it ends; within one, another may have its own."""
        outer = getattr(self._here, "process", None)
        self._here.process = name
        try:
            yield
        except BaseException:
            self._note(name, "(raises)", "")
            raise
        else:
            self._note(name, "(returns)", "")
        finally:
            self._here.process = outer

    def note_killed(self, process: str) -> None:
        """Record that a process is killed."""
        self._note(process, "(killed)", "")

    def lose_answer(self, process: str, *, arrives: bool) -> None:
        """Let the process's next batch get no answer: it is applied all the same, or only when `deliver` says so."""
        self._lost[process] = arrives

    def deliver(self, process: str) -> None:
        """Let a batch arrive whose answer was lost before."""
        batch = self._late.pop(process)
        try:
            # In a thread without a process's name nothing else is recorded.
            self._parts["registry"].apply_batch(batch)
            result = "committed"
        except BatchFencedError:
            result = "fenced"
        except _REFUSED:
            result = "refused"
        self._note(process, "registry.apply_batch", f"arrives late: {result}")

    def _note(self, process: str, call: str, result: str, names: Iterable[str] = ()) -> None:
        self.events.append(Event(process, call, result, tuple(dict.fromkeys(names))))

    def rename(self, artifact: str) -> str:
        """Return an artifact's name with its process's in place of its batch's token."""
        for batch_id, process in self._batches.items():
            token = batch_token(batch_id)
            if token in artifact:
                return f"{artifact.replace(token, '*')}.{process}"
        return artifact

    def _note_journal(self, name: str, process: str, real: RealJournal) -> Journal:
        journal = self._journal(process, real)
        self._journal_names[name] = journal
        return journal

    def _journal(self, process: str, real: RealJournal) -> Journal:
        names = dict.fromkeys(self.rename(entry.artifact) for entry in real.entries)
        run = real.entries[0].run if real.entries else ""
        return Journal(self._batches[real.batch_id], run, real.kind, tuple(names), process)

    def _rows(self, batch: OpaqueTableBatch, maker: str) -> Iterator[tuple[UUID, Record]]:
        for name, values in batch:
            column = self._bridge.tables[name].artifact_column
            if column is None:
                continue
            for row in self._bridge.opaque_values_to_raw(name, values):
                if is_ours(row[column]):
                    uuid = row["dataset_uuid"]
                    artifact = Artifact(self.rename(row[column]), maker)
                    yield uuid, Record(self._datasets.get(uuid, str(uuid)), artifact, "")

    # -- what each call says

    def _journals_create(self, process: str, real: Any, location: str, journal: RealJournal) -> str:
        self._batches.setdefault(journal.batch_id, process)
        made = self._journal(process, journal)
        self.journals.setdefault(process, []).append(made)
        try:
            name: str = real(location, journal)
        except BaseException:
            self._note(process, "journals.create", "fails")
            raise
        self._journal_names[name] = made
        self._note(process, "journals.create", f"for {made.run}, names", made.names)
        return name

    def _journals_list(self, process: str, real: Any) -> Iterator[str]:
        listed = list(real())
        with self._unwatched():
            journals = [self._parts["journals"].read(name) for name in listed]
        names = {self.rename(entry.artifact) for journal in journals for entry in journal.entries}
        self._note(process, "journals.list", "name:" if names else "none is open", sorted(names))
        return iter(listed)

    def _journals_read(self, process: str, real: Any, name: str) -> RealJournal:
        journal: RealJournal = real(name)
        self._batches.setdefault(journal.batch_id, f"batch {len(self._batches)}")
        made = self._journal_names.get(name) or self._note_journal(
            name, self._batches[journal.batch_id], journal
        )
        self._note(process, "journals.read", f"of {made.writer}, for {made.run}")
        return journal

    def _journals_drop(self, process: str, real: Any, name: str) -> None:
        made = self._journal_names[name]
        what = f"for {made.run}" if made.writer == process else f"of {made.writer}, for {made.run}"
        try:
            real(name)
        except BaseException:
            self._note(process, "journals.drop", "fails")
            raise
        self._note(process, "journals.drop", what)

    def _datastore_put_many(self, process: str, real: Any, *args: Any, **kwargs: Any) -> Any:
        return self._make(process, lambda: real(*args, **kwargs))

    def _datastore_receive(self, process: str, real: Any, *args: Any, **kwargs: Any) -> Received:
        received: Received = self._make(process, lambda: real(*args, **kwargs))
        if kwargs.get("transfer") != "move":
            return received
        self.moves.add(process)

        def remove_sources() -> None:
            received.remove_sources()
            self._note(process, "datastore.remove_sources", "removes its sources")

        return received._replace(remove_sources=remove_sources)

    def _make(self, process: str, make: Callable[[], Any]) -> Any:
        before = self._there()
        try:
            made = make()
        except BaseException as error:
            if names := self._there() - before:
                self._note(process, "datastore.put_many", "makes", sorted(names))
            what = "barred" if isinstance(error, BatchFencedError) else "fails"
            self._note(process, "datastore.put_many", what)
            raise
        if names := self._there() - before:
            self._note(process, "datastore.put_many", "makes", sorted(names))
        return made

    def _there(self) -> set[str]:
        with self._unwatched():
            return {self.rename(stat.artifact) for stat in self._parts["datastore"].stat_artifacts(None)}

    @contextmanager
    def _unwatched(self) -> Iterator[None]:
        process, self._here.process = self._here.process, None
        try:
            yield
        finally:
            self._here.process = process

    def _datastore_delete_artifacts(
        self, process: str, real: Any, artifacts: Iterable[tuple[str, str | None]], *, batch_id: UUID
    ) -> None:
        doomed = list(artifacts)
        try:
            real(doomed, batch_id=batch_id)
        except BaseException:
            self._note(process, "datastore.delete_artifacts", "fails")
            raise
        if doomed:
            names = [self.rename(artifact) for artifact, _ in doomed]
            self._note(process, "datastore.delete_artifacts", "deletes", names)
        else:
            self._note(process, "datastore.delete_artifacts", f"bars {self._batches[batch_id]}")

    def _datastore_stat_artifacts(
        self, process: str, real: Any, artifacts: Iterable[str] | None, **kwargs: Any
    ) -> Iterator[Any]:
        asked = None if artifacts is None else list(artifacts)
        found = list(real(asked, **kwargs))
        names = [self.rename(stat.artifact) for stat in found]
        if asked is None or asked:
            self._note(process, "datastore.stat_artifacts", "there:" if names else "none is there", names)
        return iter(found)

    def _datastore_set_aside(self, process: str, real: Any, artifacts: Any) -> set[str]:
        moved: set[str] = real(artifacts)
        names = sorted(map(self.rename, moved))
        self._note(process, "datastore.set_aside", "sets aside" if names else "nothing is there", names)
        return moved

    def _datastore_bring_back(self, process: str, real: Any, artifacts: Any, **batch: Any) -> set[str]:
        try:
            moved: set[str] = real(artifacts, **batch)
        except BatchFencedError:
            self._note(process, "datastore.bring_back", "barred")
            raise
        names = sorted(map(self.rename, moved))
        self._note(process, "datastore.bring_back", "brings back" if names else "nothing is there", names)
        return moved

    def _registry_forget_outcomes(self, process: str, real: Any, *args: Any, **kwargs: Any) -> Any:
        before = self._find_committed()
        count = real(*args, **kwargs)
        names = sorted(before - self._find_committed())
        what = "forgets" if names else "forgets nothing"
        self._note(process, "registry.forget_outcomes", what, names)
        return count

    def _find_committed(self) -> set[str]:
        outcomes = self._parts["registry"].outcomes(list(self._batches))
        return {self._batches[b] for b, outcome in outcomes.items() if outcome is BatchOutcome.COMMITTED}

    def _registry_expand_existing_dataset_refs(
        self, process: str, real: Any, refs: Any, **kwargs: Any
    ) -> Any:
        expansion = real(refs, **kwargs)
        if kwargs.get("sign_for_unstore"):
            batch = OpaqueTableBatch()
            for ref in expansion.refs:
                for table, values in (ref.datastore_records or {}).items():
                    batch.insert(table, [(ref.uuid, values)])
            read = [record for _, record in self._rows(batch, "")]
            self.records[process] = read
            names = [record.artifact.name for record in read]
            what = "reads" if names else "nothing is stored"
            self._note(process, "registry.expand_existing_dataset_refs", what, names)
        return expansion

    def _registry_apply_batch(self, process: str, real: Any, batch: RawBatch) -> Any:
        call = "registry.apply_batch"
        self._batches.setdefault(batch.batch_id, process)
        for uuid, dataset_type, values, run in batch.dataset_insertions:
            self._datasets[uuid] = f"{dataset_type} {values} {run}"
        if batch.dataset_insertions:
            self.records[process] = [
                record for _, record in self._rows(batch.opaque_table_insertions, process)
            ]
        arrives = self._lost.pop(process, None)
        if arrives is False:
            self._late[process] = batch
            self._note(process, call, "no answer")
            raise OutcomeUnknownError("The answer was lost, as the test wants it.", remedy="None.")
        try:
            results = real(batch)
        except _REFUSED as error:
            self._note(process, call, "fenced" if isinstance(error, BatchFencedError) else "refused")
            raise
        except BaseException:
            self._note(process, call, "no answer")
            raise
        if arrives:
            self._note(process, call, "no answer")
            self._note(process, call, "arrives late: committed")
            raise OutcomeUnknownError("The answer was lost, as the test wants it.", remedy="None.")
        self._note(process, call, "committed")
        return results

    def _registry_fence(self, process: str, real: Any, batch_ids: Iterable[UUID]) -> Any:
        ids = list(batch_ids)
        try:
            outcomes = real(ids)
        except BaseException:
            self._note(process, "registry.fence", "cannot be reached")
            raise
        for uuid in ids:
            batch, outcome = self._batches[uuid], outcomes[uuid].value
            own = batch == process
            self._note(process, "registry.fence", outcome if own else f"{batch} is {outcome}")
        return outcomes

    def _registry_referenced(self, process: str, real: Any, datastore: str, artifacts: Iterable[str]) -> Any:
        asked = list(artifacts)
        kept = real(datastore, asked)
        names = [self.rename(name) for name in asked if name not in kept]
        what = "unreferenced:" if names else "all are referenced"
        self._note(process, "registry.referenced", what, names)
        return kept
