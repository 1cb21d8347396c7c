"""Writes as the model sees them: `butler_core.transactions`, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from butler_core.testing.protocol.guards import Guards
from butler_core.testing.protocol.world import (
    Artifact,
    Goto,
    Journal,
    Memory,
    Move,
    Process,
    Program,
    Record,
    Request,
    Stores,
    View,
)


class Operation(Program):
    """What writes and removals have in common: journals, a commit that may lose its answer, the way back.

    Parameters
    ----------
    name
        The process's name, which is its batch's too.
    guards
        Which are obeyed.
    """

    kind = ""

    def __init__(self, name: str, guards: Guards) -> None:
        self.name = name
        self.guards = guards

    def journals(self, records: Iterable[Record]) -> list[Journal]:
        """Return the operation's journals, one for each RUN, from what it expects to record or has read."""
        by_run: dict[str, dict[str, None]] = {}
        for record in records:
            by_run.setdefault(record.run, {})[record.artifact.name] = None
        return [
            Journal(self._bears(number), run, self.kind, tuple(names), self.name, number)
            for number, (run, names) in enumerate(by_run.items())
        ]

    def _bears(self, number: int) -> str:
        return self.name if self.guards.one_batch_id or not number else f"{self.name}/{number}"

    def erase(self, stores: Stores, artifact: Artifact) -> Stores:
        """Delete what stands at a name; only the one that was meant, where deletes are conditional on identity."""
        is_conditional = not self.guards.token and self.guards.identity
        return stores.take(artifacts=[artifact] if is_conditional else stores.at(artifact.name))

    def refusal(self, stores: Stores, memory: Memory) -> str:
        """Say why the Registry refuses the batch; an empty text if it does not."""
        raise NotImplementedError

    def applied(self, stores: Stores, memory: Memory) -> Stores:
        """Return the stores after the batch's transaction."""
        raise NotImplementedError

    def goes_on(self, call: str, result: str, stores: Stores, memory: Memory) -> Move:
        """Return the step after which it is known that the batch is applied."""
        raise NotImplementedError

    def goes_back(self, call: str, result: str, stores: Stores, memory: Memory) -> Move:
        """Return the step after which it is known that it never will be."""
        raise NotImplementedError

    def arrives(self, stores: Stores, request: Request) -> tuple[str, Stores]:
        """Let a late request take effect, or be refused."""
        stores = stores.take(requests=[request])
        if request.call == "datastore.put_many":
            if stores.at(request.artifact):
                return f"arrives late: {request.artifact} is there", stores
            made = stores.add(artifacts=[Artifact(request.artifact, self.name)])
            return f"arrives late: makes {request.artifact}", made
        problem = self.refusal(stores, request.memory)
        if problem:
            return f"arrives late: {problem}", stores
        return "arrives late: committed", self.applied(stores, request.memory)

    # -- steps

    def commit(self, view: View, *memory: Any) -> Iterator[Move]:
        """`_commit`: the Registry answers, or its answer is lost and the batch is still under way."""
        stores, call = view.stores, "registry.apply_batch"
        problem = self.refusal(stores, memory)
        if problem:
            yield self.goes_back(call, problem, stores, memory)
        else:
            yield self.goes_on(call, "committed", self.applied(stores, memory), memory)
            yield self.goes_back(call, "refused", stores, memory)
        request = Request(call, self.name, memory=memory)
        yield Move(call, "no answer", stores.add(requests=[request]), "find_outcome", memory)

    def find_outcome(self, view: View, *memory: Any) -> Iterator[Move]:
        """`_find_outcome`: fence, and so learn what became of the batch."""
        stores = view.stores
        if self.name in stores.committed:
            yield self.goes_on("registry.fence", "committed", stores, memory)
        elif self.guards.self_fence:
            fenced = stores.add(fenced=[self.name])
            yield self.goes_back("registry.fence", "fenced", fenced, memory)
        else:
            yield self.goes_back("registry.outcomes", "unknown", stores, memory)
        yield Move("registry.fence", "cannot be reached", stores, "gone")


class Write(Operation):
    """`Transactions.write`: journals, artifacts, one transaction, and the journals go.

    Parameters
    ----------
    name
        The process's name, which is its batch's too.
    guards
        Which are obeyed.
    records
        Of what it makes.
    again
        Whether its datasets are registered already, and only their bytes are not kept.
    move
        Whether it ingests by move.
    has_requests
        Whether an artifact is made by a request that may outlive its answer.
    """

    kind = "write"
    killed = "gone"

    def __init__(
        self,
        name: str,
        guards: Guards,
        records: Iterable[Record],
        *,
        again: bool = False,
        move: bool = False,
        has_requests: bool = False,
    ) -> None:
        super().__init__(name, guards)
        self.again, self.move, self.has_requests = again, move, has_requests
        self.records = list(records)
        self.artifacts = list(dict.fromkeys(record.artifact for record in self.records))
        self.opened = self.journals(self.records)
        if not self.opened:
            self.start, self.memory = "commit", ()
        elif guards.journal_first:
            self.start, self.memory = "open_journals", (0,)
        else:
            self.start, self.memory = "make", (0,)

    def refusal(self, stores: Stores, memory: Memory) -> str:
        """Say why the Registry refuses the batch: its unique keys decide."""
        if self.name in stores.fenced:
            return "fenced"
        wanted = {record.dataset for record in self.records}
        if not self.again and wanted & stores.datasets:
            return "refused: its data ID is taken"
        if any(record.dataset in wanted for record in stores.records):
            return "refused: its data ID is taken"
        if stores.referenced(artifact.name for artifact in self.artifacts):
            return "refused: its place is taken"
        return ""

    def applied(self, stores: Stores, memory: Memory) -> Stores:
        """Return the stores with datasets, records and outcome."""
        return stores.add(
            records=self.records,
            committed=[self.name],
            datasets=() if self.again else {record.dataset for record in self.records},
        )

    def goes_on(self, call: str, result: str, stores: Stores, memory: Memory) -> Move:
        """Return the step after which the journals may go."""
        if self.guards.drop_last and self.opened:
            return Move(call, result, stores, "drop", (0, len(self.opened), "stored"))
        return Move(call, result, stores, "stored")

    def goes_back(self, call: str, result: str, stores: Stores, memory: Memory) -> Move:
        """Return the step after which all has to be taken back."""
        return Move(call, result, stores, "undo", (0, len(self.opened)))

    def find_false_answer(self, stores: Stores, process: Process) -> str:
        """Compare what was answered with what holds."""
        committed = self.name in stores.committed | stores.forgotten
        if process.at == "stored" and not committed:
            return f"FALSE SUCCESS: {self.name} was told that it is stored, and it is not"
        if process.at == "failed" and committed:
            return f"FALSE FAILURE: {self.name} was told that nothing of it is kept, and it is stored"
        if self.move and not committed and self.name not in stores.sources:
            return f"LOST: the source of {self.name} is gone, and it is not stored"
        return ""

    # -- steps

    def open_journals(self, view: View, n: int) -> Iterator[Move]:
        """`_open_journals`: one journal after the other."""
        stores = view.stores.add(journals=[self.opened[n]])
        names = f"for {self.opened[n].run}, names {', '.join(self.opened[n].names)}"
        following = ("open_journals", (n + 1,)) if n + 1 < len(self.opened) else self._after_journals()
        yield Move("journals.create", names, stores, *following)
        yield Move("journals.create", "fails", view.stores, "undo", (0, n))

    def _after_journals(self) -> Goto:
        return ("make", (0,)) if self.guards.journal_first else ("commit", ())

    def make(self, view: View, n: int) -> Iterator[Move]:
        """`make`: `Datastore.put_many` or `receive`, one artifact after the other."""
        stores, artifact, call = view.stores, self.artifacts[n], "datastore.put_many"
        undo = ("undo", (0, len(self.opened)))
        if self.name in stores.barred:
            yield Move(call, "barred", stores, *undo)
            return
        if stores.at(artifact.name):
            # It knows that what lies there is another's, and makes no more; what it has made goes.
            yield Move(call, "fails", stores, "undo", (0, len(self.opened), False, n))
            return
        following = ("make", (n + 1,)) if n + 1 < len(self.artifacts) else self._after_make()
        made = stores.add(artifacts=[artifact])
        if self.move and not self.guards.sources_last:
            made = made.take(sources=[self.name])
        yield Move(call, f"makes {artifact.name}", made, *following)
        if not self.has_requests:
            yield Move(call, "fails", stores, *undo)
        else:
            # It cannot know whether all that it sent was answered.
            keep = self.guards.own_requests
            yield Move(call, "fails", stores, "undo", (0, len(self.opened), keep))
            sent = stores.add(requests=[Request(call, self.name, artifact.name)])
            yield Move(call, f"no answer for {artifact.name}", sent, "undo", (0, len(self.opened), keep))

    def _after_make(self) -> Goto:
        if not self.guards.journal_first:
            return "open_journals", (0,)
        return ("commit", ()) if self.guards.drop_last else ("drop", (0, len(self.opened), ""))

    def find_outcome(self, view: View, *memory: Any) -> Iterator[Move]:
        """`_find_outcome`: fence, and so learn what became of the batch."""
        for move in super().find_outcome(view, *memory):
            yield move._replace(at="ask", memory=()) if move.at == "undo" and self.artifacts else move

    def ask(self, view: View) -> Iterator[Move]:
        """`_undo` of a batch whose answer was lost: what a record names stays, all of it or nothing."""
        names = [artifact.name for artifact in self.artifacts]
        kept = view.stores.referenced(names)
        what = "all are referenced" if kept else f"unreferenced: {', '.join(names)}"
        undo = (0, len(self.opened), False, 0 if kept else None)
        yield Move("registry.referenced", what, view.stores, "undo", undo)

    def undo(
        self, view: View, n: int, opened: int, keep: bool = False, made: int | None = None
    ) -> Iterator[Move]:
        """`_undo`: bar, delete what was made, then drop the journals, unless a request may still take effect."""
        stores, call = view.stores, "datastore.delete_artifacts"
        following: Goto = ("failed", ()) if keep or not opened else ("drop", (0, opened, "failed"))
        doomed = self.artifacts if made is None else self.artifacts[:made]
        if opened < len(self.opened):
            doomed = []  # nothing was made yet
        barred = stores.add(barred=[self.name])
        if n == len(doomed):
            yield Move(call, f"bars {self.name}", barred, *following)
            return
        if n + 1 < len(doomed):
            following = ("undo", (n + 1, opened, keep, made))
        yield Move(call, f"deletes {doomed[n].name}", self.erase(barred, doomed[n]), *following)
        yield Move(call, "fails", stores, "failed")

    def drop(self, view: View, n: int, opened: int, end: str) -> Iterator[Move]:
        """`_drop`: one journal after the other; an ingest by move then removes its sources."""
        stores = view.stores.take(journals=[self.opened[n]])
        result = f"for {self.opened[n].run}"
        if n + 1 < opened:
            yield Move("journals.drop", result, stores, "drop", (n + 1, opened, end))
        else:
            yield Move("journals.drop", result, stores, *self._after_drop(end))
        yield Move("journals.drop", "fails", view.stores, *self._after_drop(end))

    def _after_drop(self, end: str) -> Goto:
        if not end:
            return "commit", ()
        return ("remove_sources", ()) if end == "stored" and self.move else (end, ())

    def remove_sources(self, view: View) -> Iterator[Move]:
        """`Received.remove_sources`."""
        stores = view.stores.take(sources=[self.name])
        yield Move("datastore.remove_sources", "removes its sources", stores, "stored")
