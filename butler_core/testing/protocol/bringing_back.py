"""What had been set aside comes back, as the model sees it: `butler_core.transactions.Transactions.bring_back`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from butler_core.testing.protocol.guards import Guards
from butler_core.testing.protocol.world import Memory, Move, Record, View
from butler_core.testing.protocol.writing import Operation


class BringBack(Operation):
    """Artifacts that records name come back under a journal, since a removal of the records may go on beside it.

    Parameters
    ----------
    name
        The process's name, which is its batch's too.
    guards
        Which are obeyed.
    records
        Of what shall come back.
    """

    kind = "remove"
    start = "open_journals"
    memory: Memory = (0,)

    def __init__(self, name: str, guards: Guards, records: Sequence[Record]) -> None:
        super().__init__(name, guards)
        self.names = tuple(sorted({record.artifact.name for record in records}))
        self.opened = self.journals(records)
        if not guards.returns_journaled:
            self.start, self.memory = "bring_back", self.names

    def open_journals(self, view: View, n: int) -> Iterator[Move]:
        """`_open_journals`: one journal after the other."""
        journal = self.opened[n]
        stores = view.stores.add(journals=[journal])
        following = ("open_journals", (n + 1,)) if n + 1 < len(self.opened) else ("fence", ())
        yield Move(
            "journals.create", f"for {journal.run}, names {', '.join(journal.names)}", stores, *following
        )

    def fence(self, view: View) -> Iterator[Move]:
        """`Registry.fence` of its own batch, which commits nothing."""
        stores = view.stores.add(fenced=[self.name])
        yield Move("registry.fence", "fenced", stores, "bring_back", self.names)

    def bring_back(self, view: View, *names: str) -> Iterator[Move]:
        """`Datastore.bring_back`: one artifact after the other, if its place is free."""
        stores, call = view.stores, "datastore.bring_back"
        if self.name in stores.barred and self.guards.returns_barred:
            yield Move(call, "barred", stores, "ended")
            return
        there = [a for a in sorted(stores.aside) if a.name in names and not stores.at(a.name)]
        if not there:
            yield Move(call, "nothing is there", stores, "ask")
            return
        first, rest = there[0], tuple(artifact.name for artifact in there[1:])
        back = stores.take(aside=[first]).add(artifacts=[first])
        following = ("bring_back", rest) if rest else ("ask", ())
        yield Move(call, f"brings back {first.name}", back, *following)

    def ask(self, view: View) -> Iterator[Move]:
        """`delete_unreferenced`: a removal may have dropped the records meanwhile."""
        if not self.guards.returns_journaled:
            yield Move("(asks nothing)", "", view.stores, "ended")
            return
        kept = view.stores.referenced(self.names)
        doomed = tuple(name for name in self.names if name not in kept)
        what = f"unreferenced: {', '.join(doomed)}" if doomed else "all are referenced"
        yield Move("registry.referenced", what, view.stores, "delete", doomed)

    def delete(self, view: View, *doomed: str) -> Iterator[Move]:
        """`Datastore.delete_artifacts`: one artifact after the other."""
        call, stores = "datastore.delete_artifacts", view.stores.add(barred=[self.name])
        if not doomed:
            yield Move(call, f"bars {self.name}", stores, "drop", (0,))
            return
        following = ("delete", doomed[1:]) if doomed[1:] else ("drop", (0,))
        yield Move(call, f"deletes {doomed[0]}", stores.take(artifacts=stores.at(doomed[0])), *following)

    def drop(self, view: View, n: int) -> Iterator[Move]:
        """`_drop`: one journal after the other."""
        stores = view.stores.take(journals=[self.opened[n]])
        following = ("drop", (n + 1,)) if n + 1 < len(self.opened) else ("ended", ())
        yield Move("journals.drop", f"for {self.opened[n].run}", stores, *following)
