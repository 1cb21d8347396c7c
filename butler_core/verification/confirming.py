"""The orders of reading that make a finding true although others write, remove and recover meanwhile.

*Unknown.*  An artifact was seen; then journals are read, then records.  Its writer's journal was there before it, and goes only
after the commit (then a record names it) or after the artifact: so a live write is always known.  A removal that began after
the journals were read has dropped its records and not yet the artifact; its journal goes after the artifact, so journals and
artifact are looked at once more.

*Missing.*  A record was read, and then its artifact was not there.  An artifact goes only after the last record that names it,
and no name is used twice: if a record still names it after that, it was missing all the while.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from butler_core.contracts.datastore import ArtifactStat, Datastore
from butler_core.contracts.registry import Registry
from butler_core.errors import ButlerError, NotFoundError
from butler_core.models.journal import Journal
from butler_core.models.names import ArtifactName
from butler_core.verification.looking import look_at


class Unknown(NamedTuple):
    """Artifacts that nothing knows of."""

    stats: list[ArtifactStat]
    unreadable_journals: tuple[str, ...]
    """Any of these might know them."""


def confirm_unknown(registry: Registry, datastore: Datastore, seen: Collection[ArtifactStat]) -> Unknown:
    """Return those of the artifacts, seen before, that neither a journal nor a record names, and that are still there."""
    names = {stat.artifact for stat in seen}
    unreadable = _drop_journaled(datastore, names)
    names -= find_recorded(registry, datastore, names)
    if not names:
        return Unknown([], unreadable)
    unreadable = tuple(dict.fromkeys((*unreadable, *_drop_journaled(datastore, names))))
    suspects = [stat for stat in seen if stat.artifact in names]
    there = _look_again(datastore, suspects)
    return Unknown([there[name] for name in sorted(names & there.keys())], unreadable)


def find_recorded(
    registry: Registry, datastore: Datastore, artifacts: Iterable[ArtifactName]
) -> set[ArtifactName]:
    """Return those of the artifacts that a record names at this moment."""
    # A file may have a name that is no text; no record has.
    names = [name for name in artifacts if is_text(name)]
    return registry.referenced(datastore.bridge.datastore_id, names) if names else set()


def is_text(name: str) -> bool:
    """Whether a name can be written in Unicode."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _drop_journaled(datastore: Datastore, names: set[ArtifactName]) -> tuple[str, ...]:
    """Take from a set what journals name; return the journals that cannot be read."""
    unreadable = []
    for name, journal in _read_journals(datastore):
        if journal is None:
            unreadable.append(name)
        elif journal.kind == "graph":
            stems = tuple(entry.artifact for entry in journal.entries)
            names -= {each for each in names if each.startswith(stems)}
        else:
            names.difference_update(entry.artifact for entry in journal.entries)
    return tuple(unreadable)


def _read_journals(datastore: Datastore) -> Iterator[tuple[str, Journal | None]]:
    for name in datastore.journals.list():
        try:
            yield name, datastore.journals.read(name)
        except NotFoundError:
            continue  # dropped meanwhile: by now a record names what it named, or it is not there
        except ButlerError:
            yield name, None


def _look_again(datastore: Datastore, suspects: Collection[ArtifactStat]) -> dict[ArtifactName, ArtifactStat]:
    seen = look_at(datastore, [stat.artifact for stat in suspects])
    # What does not let itself be looked at, as a name that no artifact can have, is still what the listing said.
    listed = {stat.artifact: stat for stat in suspects if stat.artifact in seen.problems}
    return {**listed, **seen.stats}
