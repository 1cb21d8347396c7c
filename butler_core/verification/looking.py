"""Looking at many artifacts at once, in threads; what does not let itself be looked at is noted, and stops nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from butler_core.contracts.datastore import ArtifactStat, Datastore
from butler_core.errors import ButlerError
from butler_core.models.names import ArtifactName

_STATS_PER_TASK = 64
_CHECKSUMS_PER_TASK = 4  # a file may be of many gigabytes


class Look(NamedTuple):
    """What was seen; an artifact that is in neither is not there."""

    stats: dict[ArtifactName, ArtifactStat]
    problems: dict[ArtifactName, str]
    """Why an artifact could not be looked at."""


def look(
    datastore: Datastore,
    threads: Executor,
    artifacts: Iterable[ArtifactName],
    *,
    checksums: str | None = None,
) -> Look:
    """Look at artifacts.

    Parameters
    ----------
    datastore
        Where they are.
    threads
        Do the work.
    artifacts
        Which.
    checksums
        Compute checksums by this algorithm, so read all of each.
    """
    names = list(artifacts)
    size = _STATS_PER_TASK if checksums is None else _CHECKSUMS_PER_TASK
    tasks = [names[begin : begin + size] for begin in range(0, len(names), size)]
    result = Look({}, {})
    for seen in threads.map(lambda task: look_at(datastore, task, checksums), tasks):
        result.stats.update(seen.stats)
        result.problems.update(seen.problems)
    return result


def look_at(datastore: Datastore, artifacts: Sequence[ArtifactName], checksums: str | None = None) -> Look:
    """Look at artifacts in this thread."""
    try:
        # An algorithm that came from a record may be one that nobody knows: the datastore says so.
        found = list(datastore.stat_artifacts(artifacts, checksums=checksums))  # type: ignore[arg-type]
    except (ButlerError, OSError) as error:
        if len(artifacts) == 1:
            return Look({}, {artifacts[0]: str(error)})
        # One of them is to blame: each by itself.
        result = Look({}, {})
        for artifact in artifacts:
            seen = look_at(datastore, [artifact], checksums)
            result.stats.update(seen.stats)
            result.problems.update(seen.problems)
        return result
    return Look({stat.artifact: stat for stat in found}, {})
