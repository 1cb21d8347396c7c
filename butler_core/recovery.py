"""Recovery: bring artifacts in step with the Registry, for every journal whose writer is gone.

One rule serves every kind of failure: for each artifact that a journal names, if any record names it too, it stays; if
none does, it is deleted.  The Registry is asked only after the batch was fenced and its writer barred, so nothing that
wakes up late can make the answer untrue.  Recovery may be killed and run again, and runs beside live writers.  In the
end it lets the Registry forget what became of batches long ago.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from butler_core.contracts.datastore import Datastore
from butler_core.contracts.registry import Registry
from butler_core.errors import ButlerError, NotFoundError
from butler_core.files.names import batch_token
from butler_core.models.journal import BatchOutcome, Journal
from butler_core.models.reports import JournalInfo, RecoveryReport
from butler_core.transactions import is_over
from butler_core.writer import WriterState, find_writer_state

PATIENCE = timedelta(hours=1)
"""How old a journal must be before recovery stops a writer of which nobody can tell whether it lives.  Courtesy, not safety:
a writer that is stopped finds out, takes back what it made and reports it."""

OUTCOMES_KEPT = timedelta(days=30)
"""How long the Registry remembers that a batch was committed, once no journal names it: longer than anybody waits for the
answer to a commit, or repeats a request.  That a batch was fenced it remembers for ever."""

_STORE_ERRORS = (ButlerError, OSError)


class _Tally:
    """Collects what one recovery did."""

    def __init__(self) -> None:
        self.finished: list[JournalInfo] = []
        self.waiting: list[JournalInfo] = []
        self.left_alone: list[JournalInfo] = []
        self.kept = 0
        self.deleted = 0
        self.freed_bytes = 0

    def report(self) -> RecoveryReport:
        return RecoveryReport(
            finished=tuple(self.finished),
            waiting=tuple(self.waiting),
            left_alone=tuple(self.left_alone),
            kept=self.kept,
            deleted=self.deleted,
            freed_bytes=self.freed_bytes,
        )


def list_journals(registry: Registry, datastores: Iterable[Datastore]) -> list[JournalInfo]:
    """Describe every open journal of several datastores, oldest first; damaged and foreign ones too, marked so."""
    found = [(datastore, *read) for datastore in datastores for read in _read_all(datastore)]
    outcomes = registry.outcomes([journal.batch_id for _, _, journal, _ in found if journal is not None])
    infos = [
        _describe(
            datastore, name, journal, problem, outcomes[journal.batch_id] if journal else BatchOutcome.UNKNOWN
        )
        for datastore, name, journal, problem in found
    ]
    return sorted(infos, key=lambda info: info.name)  # names begin with the time


def recover(registry: Registry, datastores: Iterable[Datastore], *, dry_run: bool = False) -> RecoveryReport:
    """Finish or take back what dead writers left.

    Parameters
    ----------
    registry
        Decides.
    datastores
        Have the journals and the artifacts: all whose batches the Registry applies, since what no journal of theirs names
        may be forgotten.
    dry_run
        Say what would be done, and do nothing.
    """
    tally = _Tally()
    long_ago = datetime.now(UTC) - OUTCOMES_KEPT
    named: set[UUID] = set()
    all_readable = True
    for datastore in datastores:
        for name, journal, problem in _read_all(datastore):
            if journal is None:
                all_readable = False
            else:
                named.add(journal.batch_id)
            if journal is None or problem:
                tally.left_alone.append(_describe(datastore, name, journal, problem, BatchOutcome.UNKNOWN))
            else:
                problem = _recover_one(registry, datastore, name, journal, tally, dry_run)
                if problem:
                    # It stays; those that come after it must not wait until somebody mends this.
                    outcome = registry.outcomes([journal.batch_id])[journal.batch_id]
                    tally.left_alone.append(_describe(datastore, name, journal, problem, outcome))
    # A journal that cannot be read may name any batch.
    if all_readable and not dry_run:
        registry.forget_outcomes(long_ago, keep=named)
    return tally.report()


def _recover_one(
    registry: Registry, datastore: Datastore, name: str, journal: Journal, tally: _Tally, dry_run: bool
) -> str:
    """Finish one journal, or count it among those that wait; return the store's problem if it does not let us."""
    # Proof of death comes before anything else is read.
    now = datetime.now(UTC)
    state = find_writer_state(journal.writer)
    gone = state is WriterState.GONE or (state is WriterState.ALIVE and is_over(journal))
    requests_over = journal.requests_until is None or now > journal.requests_until
    alive = state is WriterState.ALIVE and not gone
    # A time to come says no more than one long past: clocks differ, and nobody shall wait for ever.
    patient = state is WriterState.UNKNOWN and abs(now - journal.begun) < PATIENCE
    batch_id = journal.batch_id
    if alive or patient:
        tally.waiting.append(_describe(datastore, name, journal, "", registry.outcomes([batch_id])[batch_id]))
        return ""
    final = requests_over and (gone or datastore.abilities.bars_writers)
    outcomes = registry.outcomes([batch_id]) if dry_run else registry.fence([batch_id])
    artifacts = list(dict.fromkeys(entry.artifact for entry in journal.entries))
    try:
        if not dry_run:
            datastore.delete_artifacts((), batch_id=batch_id)
    except _STORE_ERRORS as error:
        return str(error)
    kept = registry.referenced(datastore.bridge.datastore_id, artifacts)
    try:
        doomed = list(datastore.stat_artifacts([artifact for artifact in artifacts if artifact not in kept]))
        if not dry_run:
            # By name: it is used once, and a file that was linked in may change under its other name at any time.
            datastore.delete_artifacts([(stat.artifact, None) for stat in doomed], batch_id=batch_id)
            if final:
                datastore.journals.drop(name)
    except _STORE_ERRORS as error:
        return str(error)
    tally.kept += len(kept)
    tally.deleted += len(doomed)
    tally.freed_bytes += sum(stat.size_bytes for stat in doomed)
    info = _describe(datastore, name, journal, "", outcomes[batch_id])
    (tally.finished if final else tally.waiting).append(info)
    return ""


def _read_all(datastore: Datastore) -> Iterator[tuple[str, Journal | None, str]]:
    """Read every journal; say why one cannot be obeyed."""
    for name in datastore.journals.list():
        try:
            journal = datastore.journals.read(name)
        except NotFoundError:
            continue  # dropped meanwhile by its own operation, or by another recovery
        except ButlerError as error:
            yield name, None, str(error)
        else:
            yield name, journal, _find_problem(datastore, journal)


def _find_problem(datastore: Datastore, journal: Journal) -> str:
    if journal.datastore_id != datastore.bridge.datastore_id:
        return f"It belongs to datastore {journal.datastore_id!r}."
    if len({entry.run for entry in journal.entries}) > 1:
        return "It names artifacts of several RUNs."
    if journal.kind == "write":
        token = batch_token(journal.batch_id)
        foreign = [entry.artifact for entry in journal.entries if token not in entry.artifact]
        if foreign:
            return f"It names artifacts that its batch cannot have written, such as {foreign[0]!r}."
    if journal.kind == "graph":
        return "It belongs to a graph, which this version cannot recover."
    return ""


def _describe(
    datastore: Datastore, name: str, journal: Journal | None, problem: str, outcome: BatchOutcome
) -> JournalInfo:
    if journal is None:
        return JournalInfo(
            datastore=datastore.bridge.datastore_id,
            name=name,
            batch_id=None,
            kind=None,
            run=None,
            begun=None,
            writer=None,
            artifacts=0,
            size_bytes=None,
            outcome=BatchOutcome.UNKNOWN,
            problem=problem,
        )
    sizes = [entry.size_bytes for entry in journal.entries]
    return JournalInfo(
        datastore=datastore.bridge.datastore_id,
        name=name,
        batch_id=journal.batch_id,
        kind=journal.kind,
        run=journal.entries[0].run if journal.entries else None,
        begun=journal.begun,
        writer=journal.writer,
        artifacts=len(sizes),
        size_bytes=None if None in sizes else sum(size for size in sizes if size is not None),
        outcome=outcome,
        problem=problem,
    )
