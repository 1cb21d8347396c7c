"""Recovery as the model sees it: `butler_core.recovery`, step by step."""

from __future__ import annotations

from collections.abc import Iterator

from butler_core.testing.protocol.guards import Guards
from butler_core.testing.protocol.world import (
    Artifact,
    Journal,
    Memory,
    Move,
    Program,
    Stores,
    View,
    is_named,
)

Doomed = tuple[Artifact, ...]
SEAL = ("seal", "")


class Recover(Program):
    """`recover`: takes any journal, whether or not its writer lives, and then perhaps the next.

    Parameters
    ----------
    name
        The process's name.
    guards
        Which are obeyed.
    journals
        How many journals it takes.
    can_bar
        Whether the store bars writers.
    only
        The one journal that it takes; None: any.
    dry_run
        Whether it only says what it would do.
    forgets
        Whether it lets the Registry forget outcomes in the end.
    """

    start = "take"

    def __init__(
        self,
        name: str,
        guards: Guards,
        *,
        journals: int = 1,
        can_bar: bool = True,
        only: Journal | None = None,
        dry_run: bool = False,
        forgets: bool = False,
    ) -> None:
        self.name = name
        self.guards = guards
        self.can_bar = can_bar
        self.only = only
        self.dry_run = dry_run
        self.forgets = forgets
        self.memory = (journals,)
        self._reuses = not guards.token

    def _next(self, left: int) -> tuple[str, tuple[int, ...]]:
        if left > 1:
            return "take", (left - 1,)
        return ("forget" if self.forgets else "ended"), ()

    def take(self, view: View, left: int) -> Iterator[Move]:
        """`JournalStore.read`: any journal that is there."""
        if self.forgets:
            yield Move("(no more journals)", "", view.stores, "forget")
        for journal in sorted(view.stores.journals):
            if self.only not in (None, journal):
                continue
            what = f"of {journal.writer}, for {journal.run}"
            if self.guards.own_names and self._is_foreign(journal):
                # It is reported, and never obeyed.
                yield Move("journals.read", what, view.stores, *self._next(left))
                continue
            then = "seal" if journal.kind == "graph" and self.guards.sealed else "look"
            yield Move("journals.read", what, view.stores, then, (left, journal))

    def _is_foreign(self, journal: Journal) -> bool:
        """Whether a write's journal names what its batch cannot have written."""
        if journal.kind != "write" or not self.guards.token:
            return False
        return not all(name.endswith(f".{journal.writer}") for name in journal.names)

    def seal(self, view: View, left: int, journal: Journal) -> Iterator[Move]:
        """Let no attempt of a graph begin any more."""
        stores = publish(view.stores, *SEAL)
        yield Move("journals.publish", "seals the graph", stores, "look", (left, journal))

    def look(self, view: View, left: int, journal: Journal) -> Iterator[Move]:
        """`find_writer_state`: it may be known to live, or to be gone; or nobody can tell, and patience is over."""
        call = "(find_writer_state)"
        if journal.writer in view.over and self._attempts_over(view, journal):
            yield Move(
                call, "gone", view.stores, "fence", (left, journal, self._is_final(view, journal, True))
            )
        else:
            yield Move(call, "alive", view.stores, *self._next(left))
        yield Move(
            call,
            "nobody can tell",
            view.stores,
            "fence",
            (left, journal, self._is_final(view, journal, False)),
        )

    def _attempts_over(self, view: View, journal: Journal) -> bool:
        if journal.kind != "graph" or not self.guards.attempts_dead:
            return True
        return all_attempts_over(view)

    def _is_final(self, view: View, journal: Journal, is_gone: bool) -> bool:
        under_way = any(
            request.call == "datastore.put_many" and request.process == journal.writer
            for request in view.stores.requests
        )
        if under_way and self.guards.requests_over:
            return False
        return is_gone or self.can_bar or not self.guards.until_dead

    def fence(self, view: View, left: int, journal: Journal, final: bool) -> Iterator[Move]:
        """`Registry.fence`: the key decides between the batch's commit and this."""
        stores, then = view.stores, "bar" if self.guards.bar else "identify"
        memory = (left, journal, final)
        if self.dry_run:
            yield Move("(registry.outcomes)", "looks only", stores, "ask", memory)
        elif not self.guards.fence or not self.guards.fence_first:
            yield Move("registry.outcomes", "looks only", stores, then, memory)
        elif journal.batch in stores.committed:
            yield Move("registry.fence", f"{journal.batch} is committed", stores, then, memory)
        else:
            fenced = stores.add(fenced=[journal.batch])
            yield Move("registry.fence", f"{journal.batch} is fenced", fenced, then, memory)

    def bar(self, view: View, left: int, journal: Journal, final: bool) -> Iterator[Move]:
        """`Datastore.delete_artifacts` of nothing: the writer can make nothing any more."""
        stores, what = self._barred(view.stores, journal), f"bars {journal.writer}"
        yield Move("datastore.delete_artifacts", what, stores, "identify", (left, journal, final))

    def _barred(self, stores: Stores, journal: Journal) -> Stores:
        return stores.add(barred=[journal.writer]) if self.can_bar and self.guards.bar else stores

    def identify(self, view: View, left: int, journal: Journal, final: bool) -> Iterator[Move]:
        """Where names are reused: `Datastore.stat_artifacts`, then what other journals name, before records."""
        stores = view.stores
        if not self._reuses or not self.guards.identity_first:
            yield from self.ask(view, left, journal, final)
            return
        found = tuple(sorted(a for a in stores.artifacts if is_named(a.name, journal)))
        yield Move(
            "datastore.stat_artifacts", "identities", stores, "look_around", (left, journal, final, found)
        )

    def look_around(
        self, view: View, left: int, journal: Journal, final: bool, found: Doomed
    ) -> Iterator[Move]:
        """`JournalStore.list`, where names are reused: what a journal of an undecided batch names too is left to that."""
        stores = view.stores
        undecided = [
            other for other in stores.journals if other.batch not in stores.committed | stores.fenced
        ]
        if self.guards.leave_to_others and any(
            is_named(a, other) for a in journal.names for other in undecided
        ):
            yield Move("journals.list", "another names it: leaves it", stores, *self._next(left))
        else:
            yield Move("journals.list", "no other names it", stores, "ask", (left, journal, final, found))

    def ask(
        self, view: View, left: int, journal: Journal, final: bool, found: Doomed | None = None
    ) -> Iterator[Move]:
        """`Registry.referenced`: the one rule of recovery."""
        stores = view.stores
        names = journal.names
        if journal.kind == "graph":
            names = tuple(sorted(a.name for a in stores.artifacts if is_named(a.name, journal)))
        kept = stores.referenced(names)
        doomed = tuple(name for name in names if name not in kept)
        what = f"unreferenced: {', '.join(doomed)}" if doomed else "all are referenced"
        if found is None:
            memory: Memory = (left, journal, final, doomed)
            then = "stat" if doomed else "delete"
            if self.dry_run and not doomed:
                then, memory = self._next(left)
        else:
            gone = tuple(a for a in found if a.name in doomed)
            memory = (left, journal, final, gone)
            then = "delete"
        if not self.guards.fence_first and self.guards.fence:
            memory, then = (*memory, then), "fence_late"
        yield Move("registry.referenced", what, stores, then, memory)

    def fence_late(self, view: View, left: int, journal: Journal, *memory: object) -> Iterator[Move]:
        """Fence after the records were read, as it should not be."""
        stores, then = view.stores, str(memory[-1])
        if journal.batch not in stores.committed:
            stores = stores.add(fenced=[journal.batch])
        yield Move("registry.fence", "too late", stores, then, (left, journal, *memory[:-1]))

    def _after_delete(self, final: bool) -> str:
        return "look_again" if not self.guards.proof_first else "drop" if final else "leave"

    def stat(
        self, view: View, left: int, journal: Journal, final: bool, doomed: tuple[str, ...]
    ) -> Iterator[Move]:
        """`Datastore.stat_artifacts`: which of them are there."""
        found = tuple(sorted(a for a in view.stores.artifacts if a.name in doomed))
        what = f"there: {', '.join(a.name for a in found)}" if found else "none is there"
        if self.dry_run:
            yield Move("datastore.stat_artifacts", what, view.stores, *self._next(left))
            return
        yield Move("datastore.stat_artifacts", what, view.stores, "delete", (left, journal, final, found))

    def delete(self, view: View, left: int, journal: Journal, final: bool, doomed: Doomed) -> Iterator[Move]:
        """`Datastore.delete_artifacts`: one artifact after the other."""
        if not doomed:
            stores = self._barred(view.stores, journal)
            then = self._after_delete(final)
            yield Move(
                "datastore.delete_artifacts", f"bars {journal.writer}", stores, then, (left, journal, final)
            )
            return
        first, rest = doomed[0], doomed[1:]
        is_conditional = self._reuses and self.guards.identity
        stores = view.stores.take(artifacts=[first] if is_conditional else view.stores.at(first.name))
        then = "delete" if rest else self._after_delete(final)
        yield Move(
            "datastore.delete_artifacts", f"deletes {first.name}", stores, then, (left, journal, final, rest)
        )

    def look_again(self, view: View, left: int, journal: Journal, *rest: object) -> Iterator[Move]:
        """Ask for proof of death only now, as it should not be."""
        final = self._is_final(view, journal, journal.writer in view.over)
        yield Move(
            "(find_writer_state)", "only now", view.stores, "drop" if final else "leave", (left, journal)
        )

    def leave(self, view: View, left: int, *rest: object) -> Iterator[Move]:
        """Leave the journal, fenced, to a later recovery."""
        yield Move("(leaves the journal)", "fenced, for later", view.stores, *self._next(left))

    def drop(self, view: View, left: int, journal: Journal, *rest: object) -> Iterator[Move]:
        """`JournalStore.drop`."""
        stores = view.stores.take(journals=[journal])
        if not self.guards.fence_lasts:
            stores = stores.take(fenced=[journal.batch])
        what = f"of {journal.writer}, for {journal.run}"
        yield Move("journals.drop", what, stores, *self._next(left))

    def forget(self, view: View) -> Iterator[Move]:
        """`Registry.forget_outcomes`: of batches that no journal names, and for which nobody can wait any more."""
        call, stores = "registry.forget_outcomes", view.stores
        named = {journal.batch for journal in stores.journals}
        yield Move("(forgets no more)", "", stores, "ended")
        yield Move(call, "forgets nothing", stores, "ended")
        for batch in sorted(stores.committed - named):
            if batch in view.over or not self.guards.forget_late:
                left = stores.take(committed=[batch]).add(forgotten=[batch])
                yield Move(call, f"forgets {batch}", left, "forget")


def publish(stores: Stores, key: str, record: str) -> Stores:
    """`JournalStore.publish`: only the first of a key counts."""
    if key in dict(stores.published):
        return stores
    return stores._replace(published=tuple(sorted((*stores.published, (key, record)))))


def all_attempts_over(view: View) -> bool:
    """Whether every attempt of the graph has ended, or cannot begin any more because the graph is sealed."""
    is_sealed = SEAL in view.stores.published
    return all(name in view.over or (is_sealed and name in view.idle) for name in view.attempts)
