"""`verify --repair` and the mistake of ingesting a file in place from inside the root, as the model sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from butler_core.testing.protocol.guards import Guards
from butler_core.testing.protocol.world import (
    Artifact,
    Move,
    Process,
    Program,
    Record,
    Stores,
    View,
    is_named,
)

ORDER = ("artifacts", "journals", "records")
WRONG_ORDER = ("records", "artifacts", "journals")

Names = tuple[str, ...]


class Verify(Program):
    """`verify --repair`: what neither records nor journals name is set aside.

    Parameters
    ----------
    name
        The process's name.
    guards
        Which are obeyed.
    order
        In which it reads, if the guard of the reading order is left out.
    """

    start = "look"
    memory = ((), None)

    def __init__(self, name: str, guards: Guards, order: tuple[str, ...] = WRONG_ORDER) -> None:
        self.name = name
        self.guards = guards
        self.order = ORDER if guards.reading_order else order

    def look(self, view: View, seen: tuple[frozenset[str], ...], only: Names | None) -> Iterator[Move]:
        """`Datastore.stat_artifacts`, `JournalStore.list` and `Registry.referenced`, in this order."""
        kind = self.order[len(seen)]
        call, what, found = self._read(view, kind, only)
        if seen:
            yield Move("(is done)", "looks no further", view.stores, "ended")
        if seen and self.order == ORDER and {r.artifact.name for r in view.stores.records} - seen[0]:
            # What a record names and is not there is missed, if a record names it after that.
            yield Move("registry.referenced", "all are referenced", view.stores, "look", (seen, only))
        seen = (*seen, found)
        if len(seen) < len(self.order):
            yield Move(call, what, view.stores, "look", (seen, only))
            return
        by_kind = dict(zip(self.order, seen, strict=True))
        unknown = tuple(sorted(by_kind["artifacts"] - by_kind["journals"] - by_kind["records"]))
        if kind == "records":
            what = _said("unreferenced:", unknown, "all are referenced")
        yield Move(call, what, view.stores, *(("look_around", unknown) if unknown else ("ended", ())))

    def _read(self, view: View, kind: str, only: Names | None) -> tuple[str, str, frozenset[str]]:
        stores = view.stores
        there = {artifact.name for artifact in stores.artifacts if only is None or artifact.name in only}
        if kind == "artifacts":
            said = _said("there:", there, "none is there")
            return "datastore.stat_artifacts", said, frozenset(there)
        if kind == "journals":
            return self._list_journals(view, there)
        recorded = frozenset(record.artifact.name for record in stores.records)
        return "registry.referenced", "reads records", recorded

    @staticmethod
    def _list_journals(view: View, there: set[str]) -> tuple[str, str, frozenset[str]]:
        journals = view.stores.journals
        said = _said("name:", {name for journal in journals for name in journal.names}, "none is open")
        named = (name for name in there if any(is_named(name, journal) for journal in journals))
        return "journals.list", said, frozenset(named)

    def look_around(self, view: View, *unknown: str) -> Iterator[Move]:
        """`JournalStore.list` once more: a removal may have begun since."""
        call, said, named = self._list_journals(view, set(unknown))
        left = tuple(name for name in unknown if name not in named)
        yield Move(call, said, view.stores, *(("look_again", left) if left else ("ended", ())))

    def look_again(self, view: View, *unknown: str) -> Iterator[Move]:
        """`Datastore.stat_artifacts` once more, of these: then all begins anew, or they are set aside."""
        call, said, there = self._read(view, "artifacts", unknown)
        left = tuple(sorted(there))
        yield Move(call, said, view.stores, *(("set_aside", (left, left)) if left else ("ended", ())))
        if left:
            yield Move(call, said, view.stores, "look", ((), left))

    def set_aside(self, view: View, left: Names, unknown: Names) -> Iterator[Move]:
        """`Datastore.set_aside`: one artifact after the other, unless it has gone."""
        found = [artifact for name in left for artifact in view.stores.at(name)]
        if not found:
            yield Move("datastore.set_aside", "nothing is there", view.stores, "ask", unknown)
            return
        first, rest = found[0], tuple(artifact.name for artifact in found[1:])
        stores = view.stores.take(artifacts=[first]).add(aside=[first])
        following = ("set_aside", (rest, unknown)) if rest else ("ask", unknown)
        yield Move("datastore.set_aside", f"sets aside {first.name}", stores, *following)

    def ask(self, view: View, *unknown: str) -> Iterator[Move]:
        """`Registry.referenced`: by now it may be known, if somebody threw its journal away; then see `BringBack`."""
        left = set(unknown) - view.stores.referenced(unknown)
        said = _said("unreferenced:", left, "all are referenced")
        yield Move("registry.referenced", said, view.stores, "ended")

    def find_false_answer(self, stores: Stores, process: Process) -> str:
        """Find what must never be set aside."""
        for record in sorted(stores.records):
            if record.artifact in stores.aside:
                return f"LOST: {record.dataset} is recorded at {record.artifact.name}, which was set aside"
        return ""


def _said(what: str, names: Collection[str], nothing: str) -> str:
    return f"{what} {', '.join(sorted(names))}" if names else nothing


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
