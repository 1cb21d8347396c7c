"""How much of what was set aside is waiting for somebody to look at it."""

from __future__ import annotations

from butler_core.contracts.datastore import Datastore
from butler_core.models.reports import SetAside


def count_set_aside(datastore: Datastore) -> tuple[SetAside, ...]:
    """Return how much lies aside in a datastore: nothing at all if there is none."""
    artifacts, size_bytes, oldest = 0, 0, None
    for stat in datastore.stat_set_aside():
        artifacts += 1
        size_bytes += stat.size_bytes
        if stat.modified is not None:
            oldest = stat.modified if oldest is None else min(oldest, stat.modified)
    if not artifacts:
        return ()
    return (
        SetAside(
            datastore=datastore.bridge.datastore_id, artifacts=artifacts, size_bytes=size_bytes, oldest=oldest
        ),
    )
