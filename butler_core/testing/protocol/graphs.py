"""Batch execution as the model sees it: one journal for a graph, attempts at its quanta, one transfer of what they published.

Design ahead of code: nothing in the core runs a graph yet.
"""

from __future__ import annotations

from collections.abc import Iterator

from butler_core.testing.protocol.guards import Guards
from butler_core.testing.protocol.recovering import SEAL, all_attempts_over, publish
from butler_core.testing.protocol.world import Artifact, Journal, Move, Program, Record, View, is_named

GRAPH = "graph"
JOURNAL = Journal(GRAPH, "run", "graph", ("y.",), "transfer")
"""Written before the first quantum; it names a pattern."""


class Attempt(Program):
    """One attempt at a quantum: it writes under a name with a token of its own, and the first to publish wins.

    Parameters
    ----------
    name
        The process's name.
    guards
        Which are obeyed.
    """

    start = "begin"
    is_attempt = True

    def __init__(self, name: str, guards: Guards) -> None:
        self.name = name
        self.guards = guards
        self.output = Artifact(f"y.{name}", name)

    def begin(self, view: View) -> Iterator[Move]:
        """`JournalStore.published`: whether the graph is sealed already."""
        if SEAL in view.stores.published and self.guards.sealed:
            yield Move("journals.published", "sealed: does not begin", view.stores, "ended")
        else:
            yield Move("journals.published", "not sealed", view.stores, "make")

    def make(self, view: View) -> Iterator[Move]:
        """`Datastore.put_many`."""
        stores = view.stores.add(artifacts=[self.output])
        yield Move("datastore.put_many", f"makes {self.output.name}", stores, "publish")

    def publish(self, view: View) -> Iterator[Move]:
        """`JournalStore.publish`: no clobber."""
        stores = publish(view.stores, "quantum", self.output.name)
        if ("quantum", self.output.name) in stores.published:
            yield Move("journals.publish", "is the first", stores, "ended")
        else:
            yield Move("journals.publish", "is not the first", stores, "undo")

    def undo(self, view: View) -> Iterator[Move]:
        """`Datastore.delete_artifacts`: an attempt that lost takes back its own."""
        stores = view.stores.take(artifacts=[self.output])
        yield Move("datastore.delete_artifacts", f"deletes {self.output.name}", stores, "ended")


class Transfer(Program):
    """`transfer_from` of a graph's outputs: seal, read what is published, one transaction, and the journal goes.

    Parameters
    ----------
    name
        The process's name.
    guards
        Which are obeyed.
    """

    start = "seal"

    def __init__(self, name: str, guards: Guards) -> None:
        self.name = name
        self.guards = guards
        self.batch = GRAPH if guards.graph_batch else name

    def seal(self, view: View) -> Iterator[Move]:
        """`JournalStore.publish`: no attempt begins any more."""
        yield Move("journals.publish", "seals the graph", publish(view.stores, *SEAL), "read")

    def read(self, view: View) -> Iterator[Move]:
        """`JournalStore.published`: which outputs count."""
        if self.guards.completions:
            names = [name for key, name in view.stores.published if key == "quantum"]
        else:
            names = sorted(artifact.name for artifact in view.stores.artifacts)[:1]
        what = f"reads {', '.join(names) or 'nothing'}"
        yield Move("journals.published", what, view.stores, "commit" if names else "ended", tuple(names))

    def commit(self, view: View, *names: str) -> Iterator[Move]:
        """`Registry.apply_batch`, with the ID that the graph's journal bears."""
        stores, call = view.stores, "registry.apply_batch"
        if self.batch in stores.fenced:
            yield Move(call, "fenced", stores, "ended")
            return
        records = [Record(name, Artifact(name, name.removeprefix("y.")), "run") for name in names]
        done = stores.add(records=records, committed=[self.batch])
        yield Move(call, "committed", done, "look" if self.guards.attempts_dead else "ask")

    def look(self, view: View) -> Iterator[Move]:
        """`find_writer_state` of every attempt."""
        if all_attempts_over(view):
            yield Move("(find_writer_state)", "all attempts are gone", view.stores, "ask")
        else:
            yield Move("(find_writer_state)", "leaves the journal to recovery", view.stores, "ended")

    def ask(self, view: View) -> Iterator[Move]:
        """`Registry.referenced`: what was written and does not count."""
        names = {artifact.name for artifact in view.stores.artifacts if is_named(artifact.name, JOURNAL)}
        doomed = tuple(sorted(names - view.stores.referenced(names)))
        what = f"unreferenced: {', '.join(doomed)}" if doomed else "all are referenced"
        yield Move("registry.referenced", what, view.stores, "delete" if doomed else "drop", doomed)

    def delete(self, view: View, *doomed: str) -> Iterator[Move]:
        """`Datastore.delete_artifacts`: one artifact after the other."""
        stores = view.stores.take(artifacts=view.stores.at(doomed[0]))
        then = "delete" if doomed[1:] else "drop"
        yield Move("datastore.delete_artifacts", f"deletes {doomed[0]}", stores, then, doomed[1:])

    def drop(self, view: View) -> Iterator[Move]:
        """`JournalStore.drop`."""
        yield Move("journals.drop", "of the graph", view.stores.take(journals=[JOURNAL]), "ended")
