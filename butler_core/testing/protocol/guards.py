"""The guards of the protocol: each a switch, so that the model can show what happens without it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace


def _guard(number: int, says: str) -> bool:
    """Declare a guard, by its number in the design and what it says."""
    value: bool = field(default=True, metadata={"number": number, "says": says})
    return value


@dataclass(frozen=True)
class Guards:
    """What the protocol obeys.  Number 0 is the bare order of steps."""

    journal_first: bool = _guard(0, "the journal is written before what it names")
    drop_last: bool = _guard(0, "a write's journal is dropped after its commit")
    delete_last: bool = _guard(0, "a removal deletes after its commit")
    sources_last: bool = _guard(0, "an ingest by move removes its sources after its commit")
    fence: bool = _guard(1, "recovery fences a batch, so that it can commit no more")
    fence_first: bool = _guard(1, "it does so before it reads records")
    one_batch_id: bool = _guard(1, "all journals of a batch bear the ID that its transaction claims")
    fence_lasts: bool = _guard(1, "a fence outlasts the journal, for a commit that is still under way")
    forget_late: bool = _guard(
        1, "that a batch was committed is forgotten only when nobody waits for the answer any more"
    )
    token: bool = _guard(2, "a name contains its batch's token: a place is written once in its life")
    own_names: bool = _guard(2, "an entry of a write journal without its batch's token is not obeyed")
    identity: bool = _guard(2, "where names are reused: deletes are conditional on identity")
    leave_to_others: bool = _guard(2, "where names are reused: recovery leaves what another journal names")
    identity_first: bool = _guard(
        2, "where names are reused: recovery reads identities, then journals, then records"
    )
    bar: bool = _guard(3, "recovery bars the writer before it reads records")
    until_dead: bool = _guard(3, "where nothing bars a writer, its journal stays until it is proved dead")
    proof_first: bool = _guard(3, "the proof of death comes before records are read")
    requests_over: bool = _guard(3, "a journal stays while a request of its writer may take effect")
    own_requests: bool = _guard(
        3, "a writer keeps its own journal while a request that it gave up may take effect"
    )
    self_fence: bool = _guard(4, "a commit without an answer is fenced before it is asked about")
    decide_last: bool = _guard(5, "which artifacts of a removal go is decided after its commit")
    refuse_inside: bool = _guard(5, "a file inside the root is not ingested")
    as_read: bool = _guard(5, "a removal is refused if its datasets have other records than it has journaled")
    graph_batch: bool = _guard(
        6, "the transaction of a graph's outputs carries the ID of the graph's journal"
    )
    completions: bool = _guard(6, "it reads what attempts have published, not what lies there")
    attempts_dead: bool = _guard(6, "a graph's journal stays until all attempts are proved dead")
    sealed: bool = _guard(6, "a graph is sealed, so that no attempt begins, before they are")
    returns_journaled: bool = _guard(
        7, "what comes back is journaled, and deleted again if no record names it by then"
    )
    returns_barred: bool = _guard(7, "what was set aside comes back through its batch's staging directory")
    reading_order: bool = _guard(7, "verify reads artifacts, then journals, then records")

    def without(self, *names: str) -> Guards:
        """Return the same guards but for some."""
        return replace(self, **dict.fromkeys(names, False))


def describe(name: str) -> tuple[int, str]:
    """Return the number of a guard and what it says."""
    (metadata,) = (guard.metadata for guard in fields(Guards) if guard.name == name)
    return metadata["number"], metadata["says"]


ALL = Guards()
NAMES = tuple(guard.name for guard in fields(Guards))
REUSED_NAMES = ALL.without("token")
"""As a store may have it whose deletes are conditional on identity; elsewhere these three guards are not needed."""
