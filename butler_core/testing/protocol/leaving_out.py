"""What goes wrong without each guard: in which scenario, and which invariant breaks."""

from __future__ import annotations

from typing import NamedTuple

from butler_core.testing.protocol.explorer import Finding, System, explore
from butler_core.testing.protocol.guards import Guards
from butler_core.testing.protocol.scenarios import SCENARIOS


class LeftOut(NamedTuple):
    """A guard that is left out."""

    guard: str
    scenario: str
    kind: str
    """Of the invariant that breaks."""
    with_it: tuple[str, ...] = ()
    """Guards that would do instead, and are left out too."""

    def guards(self) -> Guards:
        """Return all guards of the scenario but this."""
        return SCENARIOS[self.scenario].guards.without(self.guard, *self.with_it)

    def make(self) -> System:
        """Return the scenario without the guard."""
        return SCENARIOS[self.scenario].make(self.guards())

    def find(self) -> Finding:
        """Return the shortest schedule that goes wrong."""
        return explore(self.make())


LEFT_OUT = (
    LeftOut("journal_first", "two runs", "ORPHAN"),
    LeftOut("drop_last", "one writer", "ORPHAN"),
    LeftOut("delete_last", "remove and put", "LOST"),
    LeftOut("sources_last", "move", "LOST"),
    LeftOut("fence", "one writer", "LOST"),
    LeftOut("fence_first", "one writer", "LOST"),
    LeftOut("one_batch_id", "two runs", "LOST"),
    LeftOut("one_batch_id", "chained", "LOST"),
    LeftOut("fence_lasts", "one writer", "LOST"),
    LeftOut("token", "two writers", "LOST", ("identity", "leave_to_others", "identity_first")),
    LeftOut("own_names", "foreign journal", "LOST"),
    LeftOut("identity", "remove and put, names reused", "LOST"),
    LeftOut("leave_to_others", "two writers, names reused", "LOST"),
    LeftOut("identity_first", "two writers, names reused", "LOST"),
    LeftOut("bar", "one writer", "ORPHAN"),
    LeftOut("until_dead", "objects", "ORPHAN"),
    LeftOut("proof_first", "objects", "ORPHAN"),
    LeftOut("requests_over", "objects", "ORPHAN"),
    LeftOut("own_requests", "objects", "ORPHAN"),
    LeftOut("self_fence", "one writer", "LOST"),
    LeftOut("decide_last", "shared file", "ORPHAN"),
    LeftOut("refuse_inside", "inside the root", "LOST"),
    LeftOut("as_read", "remove twice and put", "ORPHAN"),
    LeftOut("graph_batch", "graph", "LOST"),
    LeftOut("completions", "graph", "LOST"),
    LeftOut("attempts_dead", "graph", "ORPHAN"),
    LeftOut("sealed", "graph", "ORPHAN"),
    LeftOut("forget_late", "forgetting", "FALSE FAILURE"),
    LeftOut("returns_journaled", "bring back", "ORPHAN"),
    LeftOut("returns_barred", "bring back", "ORPHAN"),
    LeftOut("reading_order", "verify", "LOST"),
)
"""Each guard, at least once."""
