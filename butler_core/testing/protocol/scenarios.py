"""Who runs beside whom: the cases that the model explores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from butler_core.testing.protocol.bringing_back import BringBack
from butler_core.testing.protocol.explorer import System
from butler_core.testing.protocol.graphs import JOURNAL, Attempt, Transfer
from butler_core.testing.protocol.guards import ALL, REUSED_NAMES, Guards
from butler_core.testing.protocol.recovering import Recover
from butler_core.testing.protocol.removing import Remove
from butler_core.testing.protocol.verifying import IngestInPlace, Verify
from butler_core.testing.protocol.world import Artifact, Journal, Record, Stores
from butler_core.testing.protocol.writing import Write


class Output(NamedTuple):
    """An artifact that a write makes."""

    place: str
    """Its name, but for its batch's token; the first part may be that of a child of a chained datastore."""
    datasets: tuple[str, ...] = ("d",)
    """The datasets in it: several may share a file."""
    run: str = "run"


def put(name: str, guards: Guards, outputs: Iterable[Output], **options: bool) -> Write:
    """Return a write of some outputs, whose names contain its batch's token or, without that guard, do not."""
    token = f".{name}" if guards.token else ""
    records = [
        Record(dataset, Artifact(f"{output.place}{token}", name), output.run)
        for output in outputs
        for dataset in output.datasets
    ]
    return Write(name, guards, records, **options)


OLD = Artifact("x.old", "old")
STORED = Stores(
    artifacts=frozenset({OLD}),
    datasets=frozenset({"d0"}),
    records=frozenset({Record("d0", OLD, "run")}),
    committed=frozenset({"old"}),
)
"""One dataset is there."""
SHARED = STORED.add(datasets=["d1"], records=[Record("d1", OLD, "run")])
"""Two datasets are there, in one file."""
REUSED = Artifact("x", "old")
STORED_AT_REUSED = STORED._replace(
    artifacts=frozenset({REUSED}), records=frozenset({Record("d0", REUSED, "run")})
)
D, TWO_RUNS = (Output("y"),), (Output("y", ("d",), "run a"), Output("z", ("e",), "run b"))
CHAINED = (Output("A/y", ("d",), "run in A"), Output("B/y", ("d",), "run in B"))


@dataclass(frozen=True)
class Scenario:
    """A case: what is there, who runs, and what of it exists in code."""

    make: Callable[[Guards], System]
    guards: Guards = ALL
    is_ahead: bool = False
    """Design ahead of code: no backend here does this yet."""
    is_large: bool = False
    """Takes too long for every run of the tests."""

    @property
    def says(self) -> str:
        """Return it in words."""
        words = (self.make.__doc__ or "").rstrip(".")
        return f"{words}; names are reused" if not self.guards.token else words


def _stored(guards: Guards) -> Stores:
    return STORED if guards.token else STORED_AT_REUSED


def two_writers(g: Guards) -> System:
    """Two puts of one data ID, and a recovery."""
    return System([put("put 1", g, D), put("put 2", g, D), Recover("recover", g)], Stores())


def one_writer(g: Guards) -> System:
    """A put, and two recoveries."""
    return System([put("put", g, D), Recover("recover 1", g), Recover("recover 2", g)], Stores())


def forgetting(g: Guards) -> System:
    """A put, and a recovery that lets outcomes be forgotten in the end."""
    return System([put("put", g, D), Recover("recover", g, forgets=True)], Stores())


def two_runs(g: Guards) -> System:
    """A put of two artifacts in two RUNs, with a journal for each, and a recovery of both."""
    return System([put("put", g, TWO_RUNS), Recover("recover", g, journals=2)], Stores())


def two_runs_two_recoveries(g: Guards) -> System:
    """A put of two artifacts in two RUNs, and two recoveries."""
    programs = [
        put("put", g, TWO_RUNS),
        Recover("recover 1", g, journals=2),
        Recover("recover 2", g, journals=2),
    ]
    return System(programs, Stores())


def move(g: Guards) -> System:
    """An ingest by move, and a recovery."""
    return System([put("ingest", g, D, move=True), Recover("recover", g)], Stores().add(sources=["ingest"]))


def remove_and_put(g: Guards) -> System:
    """An unstore, a put of the same dataset, and a recovery."""
    again = put("put", g, [Output("x", ("d0",))], again=True)
    return System([Remove("unstore", g, ["d0"]), again, Recover("recover", g)], _stored(g))


def remove_and_put_two_recoveries(g: Guards) -> System:
    """An unstore, a put of the same dataset, and two recoveries."""
    again = put("put", g, [Output("x", ("d0",))], again=True)
    programs = [Remove("unstore", g, ["d0"]), again, Recover("recover 1", g), Recover("recover 2", g)]
    return System(programs, _stored(g))


def remove_twice_and_put(g: Guards) -> System:
    """Two unstores of one dataset, and a put of it."""
    again = put("put", g, [Output("x", ("d0",))], again=True)
    return System([Remove("unstore 1", g, ["d0"]), Remove("unstore 2", g, ["d0"]), again], _stored(g))


def shared_file(g: Guards) -> System:
    """The datasets of a shared file are unstored one by one, beside a recovery."""
    programs = [Remove("unstore 1", g, ["d0"]), Remove("unstore 2", g, ["d1"]), Recover("recover", g)]
    return System(programs, SHARED)


def inside_the_root(g: Guards) -> System:
    """An unstore, and an ingest in place of its file."""
    return System([Remove("unstore", g, ["d0"]), IngestInPlace("ingest", g, OLD)], STORED)


def foreign_journal(g: Guards) -> System:
    """A put, and a planted journal that names its artifact."""
    planted = Journal("nobody", "run", "write", ("y.put",), "nobody")
    return System([put("put", g, D), Recover("recover", g)], Stores().add(journals=[planted]))


def everything(g: Guards) -> System:
    """Two puts, an unstore and a recovery."""
    programs = [
        put("put 1", g, D),
        put("put 2", g, D),
        Remove("unstore", g, ["d0"]),
        Recover("recover", g),
    ]
    return System(programs, _stored(g))


def chained(g: Guards) -> System:
    """A put into a chained datastore, with a journal in each child."""
    return System([put("put", g, CHAINED), Recover("recover", g)], Stores())


def objects(g: Guards) -> System:
    """A put by requests that may outlive it, where nothing bars a writer."""
    programs = [put("put", g, D, has_requests=True), Recover("recover", g, can_bar=False)]
    return System(programs, Stores())


def objects_two_recoveries(g: Guards) -> System:
    """A put by requests that may outlive it, and two recoveries."""
    recoveries = [Recover(f"recover {n}", g, can_bar=False) for n in (1, 2)]
    return System([put("put", g, D, has_requests=True), *recoveries], Stores())


def graph(g: Guards) -> System:
    """Two attempts at a quantum, their transfer, and a recovery."""
    programs = [
        Attempt("1", g),
        Attempt("2", g),
        Transfer("transfer", g),
        Recover("recover", g, can_bar=False),
    ]
    return System(programs, Stores().add(journals=[JOURNAL]))


def verify(g: Guards) -> System:
    """A put, verify --repair, and a recovery."""
    return System([put("put", g, D), Verify("verify", g), Recover("recover", g)], Stores())


def verify_and_remove(g: Guards) -> System:
    """An unstore, and two verify --repair."""
    return System([Remove("unstore", g, ["d0"]), Verify("verify 1", g), Verify("verify 2", g)], STORED)


def bring_back(g: Guards) -> System:
    """An unstore, and verify --repair that brings back what had been set aside, and a recovery."""
    aside = STORED._replace(artifacts=frozenset(), aside=frozenset({OLD}))
    programs = [
        Remove("unstore", g, ["d0"]),
        BringBack("verify", g, sorted(STORED.records)),
        Recover("recover", g),
    ]
    return System(programs, aside)


SCENARIOS = {
    scenario.make.__name__.replace("_", " "): scenario
    for scenario in (
        Scenario(two_writers),
        Scenario(one_writer),
        Scenario(forgetting),
        Scenario(two_runs),
        Scenario(two_runs_two_recoveries, is_large=True),
        Scenario(move),
        Scenario(remove_and_put),
        Scenario(remove_and_put_two_recoveries, is_large=True),
        Scenario(remove_twice_and_put),
        Scenario(shared_file),
        Scenario(inside_the_root),
        Scenario(foreign_journal),
        Scenario(everything, is_large=True),
        Scenario(chained, is_ahead=True),
        Scenario(objects, is_ahead=True),
        Scenario(objects_two_recoveries, is_ahead=True, is_large=True),
        Scenario(graph, is_ahead=True),
        Scenario(verify),
        Scenario(verify_and_remove),
        Scenario(bring_back),
    )
} | {
    f"{make.__name__.replace('_', ' ')}, names reused": Scenario(make, REUSED_NAMES, is_ahead=True)
    for make in (two_writers, remove_and_put)
}
