"""Removals as the model sees them: `butler_core.transactions`, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from butler_core.testing.protocol.guards import Guards
from butler_core.testing.protocol.world import Artifact, Memory, Move, Record, Stores, View
from butler_core.testing.protocol.writing import Operation

Read = tuple[Record, ...]
Doomed = tuple[Artifact, ...]


class Remove(Operation):
    """`Transactions.remove`: journals for what the records name, one transaction, and what no record names any more goes.

    Parameters
    ----------
    name
        The process's name, which is its batch's too.
    guards
        Which are obeyed.
    datasets
        Whose bytes go.
    """

    kind = "remove"
    start = "read"

    def __init__(self, name: str, guards: Guards, datasets: Iterable[str]) -> None:
        super().__init__(name, guards)
        self.datasets = tuple(datasets)

    def _recorded(self, stores: Stores) -> Read:
        mine = sorted(record for record in stores.records if record.dataset in self.datasets)
        return tuple(sorted(mine, key=lambda record: self.datasets.index(record.dataset)))

    def refusal(self, stores: Stores, memory: Memory) -> str:
        """Say why the Registry refuses the batch."""
        if self.name in stores.fenced:
            return "fenced"
        if self.guards.as_read and not set(self._recorded(stores)) <= set(memory[0]):
            return "refused: there are other records"
        return ""

    def applied(self, stores: Stores, memory: Memory) -> Stores:
        """Return the stores without the records of the datasets, whichever they are now."""
        return stores.take(records=self._recorded(stores)).add(committed=[self.name])

    def goes_on(self, call: str, result: str, stores: Stores, memory: Memory) -> Move:
        """Return the step after which artifacts may go."""
        return Move(call, result, stores, "decide", memory)

    def goes_back(self, call: str, result: str, stores: Stores, memory: Memory) -> Move:
        """Return the step after which only journals have to go."""
        return Move(call, result, stores, "undo", (memory[0],))

    # -- steps

    def read(self, view: View) -> Iterator[Move]:
        """`Registry.expand_existing_dataset_refs`: which records there are."""
        call, stores = "registry.expand_existing_dataset_refs", view.stores
        read = self._recorded(stores)
        if not read:
            yield Move(call, "nothing is stored", stores, "ended")
            return
        names = ", ".join(dict.fromkeys(record.artifact.name for record in read))
        yield Move(
            call, f"reads {names}", stores, "open_journals", (read, self._decided_now(stores, read), 0)
        )

    def _decided_now(self, stores: Stores, read: Read) -> Doomed | None:
        """Return the artifacts that nothing but these records names, if that is decided before the commit."""
        if self.guards.decide_last:
            return None
        others = {record.artifact for record in stores.records.difference(read)}
        return tuple(sorted({record.artifact for record in read} - others))

    def open_journals(self, view: View, read: Read, last: Doomed | None, n: int) -> Iterator[Move]:
        """`_open_journals`: one journal after the other."""
        call, journals = "journals.create", self.journals(read)
        stores = view.stores.add(journals=[journals[n]])
        what = f"for {journals[n].run}, names {', '.join(journals[n].names)}"
        if n + 1 < len(journals):
            yield Move(call, what, stores, "open_journals", (read, last, n + 1))
        elif self.guards.delete_last:
            yield Move(call, what, stores, "commit", (read, last))
        else:
            doomed = tuple(sorted({record.artifact for record in read}))
            yield Move(call, what, stores, "delete", (read, doomed, "commit"))
        yield Move(call, "fails", view.stores, "undo", (read, n))

    def decide(self, view: View, read: Read, last: Doomed | None) -> Iterator[Move]:
        """`delete_unreferenced`: ask which of the artifacts a record still names."""
        artifacts = {record.artifact for record in read}
        kept = view.stores.referenced(artifact.name for artifact in artifacts)
        doomed = tuple(sorted(artifact for artifact in artifacts if artifact.name not in kept))
        if last is not None:
            doomed = last
        names = ", ".join(artifact.name for artifact in doomed)
        what = f"unreferenced: {names}" if doomed else "all are referenced"
        yield Move("registry.referenced", what, view.stores, "delete", (read, doomed, "drop"))

    def delete(self, view: View, read: Read, doomed: Doomed, following: str) -> Iterator[Move]:
        """`Datastore.delete_artifacts`: one artifact after the other."""
        call, stores = "datastore.delete_artifacts", view.stores.add(barred=[self.name])
        memory: Memory = (read, 0, len(self.journals(read))) if following == "drop" else (read, ())
        if not doomed:
            yield Move(call, f"bars {self.name}", stores, following, memory)
            return
        if doomed[1:]:
            memory, then = (read, doomed[1:], following), "delete"
        else:
            then = following
        yield Move(call, f"deletes {doomed[0].name}", self.erase(stores, doomed[0]), then, memory)
        yield Move(call, "fails", view.stores, "ended")

    def undo(self, view: View, read: Read, opened: int | None = None) -> Iterator[Move]:
        """`_undo`: there is nothing to take back but journals."""
        stores, call = view.stores.add(barred=[self.name]), "datastore.delete_artifacts"
        opened = len(self.journals(read)) if opened is None else opened
        following = ("drop", (read, 0, opened)) if opened else ("ended", ())
        yield Move(call, f"bars {self.name}", stores, *following)

    def drop(self, view: View, read: Read, n: int, opened: int) -> Iterator[Move]:
        """`_drop`: one journal after the other."""
        journal = self.journals(read)[n]
        following = ("drop", (read, n + 1, opened)) if n + 1 < opened else ("ended", ())
        stores = view.stores.take(journals=[journal])
        yield Move("journals.drop", f"for {journal.run}", stores, *following)
        yield Move("journals.drop", "fails", view.stores, "ended")
