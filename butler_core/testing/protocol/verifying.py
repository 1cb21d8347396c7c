"""`verify --repair` and the mistake of ingesting a file in place from inside the root, as the model sees them."""

from __future__ import annotations

from collections.abc import Iterator

from butler_core.testing.protocol.guards import Guards
from butler_core.testing.protocol.world import Artifact, Journal, Move, Program, Record, View, is_named

ORDER = ("artifacts", "journals", "records")
WRONG_ORDER = ("records", "artifacts", "journals")


class Verify(Program):
    """`verify --repair`: what neither records nor journals name goes, as in a removal.

    Parameters
    ----------
    name
        The process's name, which is its batch's too.
    guards
        Which are obeyed.
    order
        In which it reads, if the guard of the reading order is left out.
    """

    start = "look"
    memory = (0, ())

    def __init__(self, name: str, guards: Guards, order: tuple[str, ...] = WRONG_ORDER) -> None:
        self.name = name
        self.guards = guards
        self.order = ORDER if guards.reading_order else order
        self._calls = {
            "artifacts": "datastore.stat_artifacts",
            "journals": "journals.list",
            "records": "registry.referenced",
        }

    def look(self, view: View, n: int, seen: tuple[frozenset[str], ...]) -> Iterator[Move]:
        """`Datastore.stat_artifacts`, `JournalStore.list` and `Registry.referenced`, in this order."""
        stores, kind = view.stores, self.order[n]
        if kind == "artifacts":
            found = frozenset(artifact.name for artifact in stores.artifacts)
        elif kind == "journals":
            found = frozenset(
                artifact.name
                for artifact in stores.artifacts
                if any(is_named(artifact.name, journal) for journal in stores.journals)
            )
        else:
            found = frozenset(record.artifact.name for record in stores.records)
        seen = (*seen, found)
        if n < 2:
            yield Move(self._calls[kind], f"reads {kind}", stores, "look", (n + 1, seen))
            return
        by_kind = dict(zip(self.order, seen, strict=True))
        unknown = tuple(sorted(by_kind["artifacts"] - by_kind["journals"] - by_kind["records"]))
        what = f"reads {kind}; unknown: {', '.join(unknown)}" if unknown else f"reads {kind}; all is known"
        yield Move(self._calls[kind], what, stores, "open_journal" if unknown else "ended", unknown)

    def _journal(self, unknown: tuple[str, ...]) -> Journal:
        return Journal(self.name, "run", "remove", unknown, self.name)

    def open_journal(self, view: View, *unknown: str) -> Iterator[Move]:
        """`JournalStore.create`."""
        stores = view.stores.add(journals=[self._journal(unknown)])
        yield Move("journals.create", f"names {', '.join(unknown)}", stores, "commit", unknown)

    def commit(self, view: View, *unknown: str) -> Iterator[Move]:
        """`Registry.apply_batch`: removes no record; whoever recovers its journal meanwhile fences it."""
        if self.name in view.stores.fenced:
            yield Move("registry.apply_batch", "fenced", view.stores, "drop", unknown)
        else:
            stores = view.stores.add(committed=[self.name])
            yield Move("registry.apply_batch", "committed", stores, "delete", unknown)

    def delete(self, view: View, *unknown: str) -> Iterator[Move]:
        """`Datastore.delete_artifacts`."""
        stores = view.stores.take(artifacts=[a for name in unknown for a in view.stores.at(name)])
        yield Move("datastore.delete_artifacts", f"deletes {', '.join(unknown)}", stores, "drop", unknown)

    def drop(self, view: View, *unknown: str) -> Iterator[Move]:
        """`JournalStore.drop`."""
        stores = view.stores.take(journals=[self._journal(unknown)])
        yield Move("journals.drop", f"names {', '.join(unknown)}", stores, "ended")


class IngestInPlace(Program):
    """An ingest, without transfer, of a file that lies inside the root already; it is refused in every mode.

    Parameters
    ----------
    name
        The process's name, which is its batch's too.
    guards
        Which are obeyed.
    artifact
        Which file.
    """

    start = "look"

    def __init__(self, name: str, guards: Guards, artifact: Artifact) -> None:
        self.name = name
        self.guards = guards
        self.artifact = artifact

    def look(self, view: View) -> Iterator[Move]:
        """`Datastore.receive`: finds the file."""
        if self.guards.refuse_inside:
            yield Move("datastore.receive", "refused: it lies inside the root", view.stores, "ended")
        elif self.artifact in view.stores.artifacts:
            yield Move("datastore.receive", f"finds {self.artifact.name}", view.stores, "commit")
        else:
            yield Move("datastore.receive", "it is not there", view.stores, "ended")

    def commit(self, view: View) -> Iterator[Move]:
        """`Registry.apply_batch`."""
        record = Record("another", self.artifact, "run")
        stores = view.stores.add(records=[record], committed=[self.name])
        yield Move("registry.apply_batch", "committed", stores, "ended")
