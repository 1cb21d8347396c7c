"""What the model consists of: three stores, processes that take steps on them, and what must hold throughout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

Memory: TypeAlias = tuple[Any, ...]
"""What a process remembers; hashable."""
Goto: TypeAlias = tuple[str, Memory]
"""The step that comes next, and what is remembered for it."""

ENDS = frozenset({"stored", "failed", "gone", "ended"})
"""Where processes end: a write with its answer; anything killed, or left without an answer; all else."""


class Artifact(NamedTuple):
    """What stands at one place."""

    name: str
    maker: str
    """The process that made it: what a store calls its identity."""


class Record(NamedTuple):
    """What the Registry keeps of one dataset's artifact."""

    dataset: str
    artifact: Artifact
    run: str


class Journal(NamedTuple):
    """A journal, with what the protocol reads of it."""

    batch: str
    run: str
    kind: str
    """``write``, ``remove`` or ``graph``."""
    names: tuple[str, ...]
    """Of artifacts; those of a graph begin so."""
    writer: str
    number: int = 0
    """Tells apart the journals of one batch."""


class Request(NamedTuple):
    """Something that was sent and not answered: it takes effect later, or never."""

    call: str
    """``datastore.put_many`` or ``registry.apply_batch``."""
    process: str
    artifact: str = ""
    memory: Memory = ()
    """Of the process, when it sent it."""


class Stores(NamedTuple):
    """Journals, artifacts, and the Registry."""

    journals: frozenset[Journal] = frozenset()
    artifacts: frozenset[Artifact] = frozenset()
    barred: frozenset[str] = frozenset()
    """Batches whose writers can make nothing any more."""
    datasets: frozenset[str] = frozenset()
    """Data IDs that are taken."""
    records: frozenset[Record] = frozenset()
    committed: frozenset[str] = frozenset()
    """Batches: this and `fenced` are the table of outcomes."""
    forgotten: frozenset[str] = frozenset()
    """Batches that were committed, which the table does not say any more."""
    fenced: frozenset[str] = frozenset()
    requests: frozenset[Request] = frozenset()
    published: tuple[tuple[str, str], ...] = ()
    """What attempts of a graph have published: quantum, artifact; and the seal."""
    sources: frozenset[str] = frozenset()
    """Files outside that are to be moved in, by the artifact that they become."""
    aside: frozenset[Artifact] = frozenset()
    """What `verify --repair` has set aside."""

    def add(self, **more: Iterable[Any]) -> Stores:
        """Return stores with more in them."""
        return self._replace(**{name: getattr(self, name) | frozenset(items) for name, items in more.items()})

    def take(self, **less: Iterable[Any]) -> Stores:
        """Return stores with less in them."""
        return self._replace(**{name: getattr(self, name) - frozenset(items) for name, items in less.items()})

    def at(self, name: str) -> list[Artifact]:
        """Return the artifact at a place, if there is one."""
        return [artifact for artifact in self.artifacts if artifact.name == name]

    def referenced(self, names: Iterable[str]) -> frozenset[str]:
        """Return the names that a record has."""
        return frozenset(names) & {record.artifact.name for record in self.records}


class Process(NamedTuple):
    """Where one process stands."""

    at: str
    """The step that it takes next, a method of its program; or how it ended."""
    memory: Memory = ()

    @property
    def is_over(self) -> bool:
        """Whether it takes no more steps."""
        return self.at in ENDS


class State(NamedTuple):
    """Everything at one moment."""

    stores: Stores
    processes: tuple[Process, ...]
    """In the order of the scenario's programs."""


class Step(NamedTuple):
    """One thing that happened."""

    process: str
    call: str
    """A method of a contract, as ``registry.apply_batch``; in parentheses what only the model sees."""
    result: str


class Move(NamedTuple):
    """What a process may do next."""

    call: str
    result: str
    stores: Stores
    at: str
    memory: Memory = ()


class View(NamedTuple):
    """What a program's step may look at: the stores, and what is known of other processes."""

    stores: Stores
    over: frozenset[str]
    """Processes that have ended."""
    idle: frozenset[str]
    """Processes that have not begun."""
    attempts: frozenset[str]
    """Processes that are attempts at a quantum."""


class Program:
    """One operation: a method for each step, which yields what may happen next.

    Attributes
    ----------
    name
        The process's name, which is its batch's too.
    start
        Its first step.
    """

    name: str
    start: str
    memory: Memory = ()
    killed = "ended"
    """Where it ends when it is killed."""
    is_attempt = False

    def moves(self, view: View, process: Process) -> Iterator[Move]:
        """Yield what may happen next."""
        step = getattr(self, process.at)
        return step(view, *process.memory)  # type: ignore[no-any-return]

    def arrives(self, stores: Stores, request: Request) -> tuple[str, Stores]:
        """Return what a request does that arrives late, and the stores after it."""
        raise NotImplementedError

    def find_false_answer(self, stores: Stores, process: Process) -> str:
        """Say what is wrong with the answer that the process gave; an empty text if nothing is."""
        return ""


def find_violation(stores: Stores) -> str:
    """Say which invariant is broken, and how; an empty text if none is."""
    for record in sorted(stores.records):
        if record.artifact not in stores.artifacts | stores.aside:
            return f"LOST: {record.dataset} is recorded at {record.artifact.name}, whose bytes are gone"
    recorded = {record.artifact for record in stores.records}
    for artifact in sorted(stores.artifacts - recorded):
        if not any(is_named(artifact.name, journal) for journal in stores.journals):
            return f"ORPHAN: {artifact.name} stands in no record, and no journal names it"
    return ""


def is_named(name: str, journal: Journal) -> bool:
    """Whether a journal names an artifact."""
    if journal.kind == "graph":
        return name.startswith(journal.names)
    return name in journal.names
