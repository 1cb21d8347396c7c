"""Artifacts and the records that name them, side by side in one order, read page by page."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.contracts.datastore import ArtifactStat
from butler_core.contracts.registry import Registry
from butler_core.models.names import ArtifactName, CollectionName, DatasetTypeName, OpaqueTableName
from butler_core.models.opaque import OpaqueTable


class Scope(NamedTuple):
    """Which datasets count; None: all."""

    collections: tuple[CollectionName, ...] | None = None
    dataset_types: tuple[DatasetTypeName, ...] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all datasets count: only then does an artifact without any belong here too."""
        return self.collections is None and self.dataset_types is None


class Record(NamedTuple):
    """What one dataset's record says of its artifact."""

    uuid: UUID
    run: CollectionName
    size_bytes: int | None
    checksum: str | None


class Recorded(NamedTuple):
    """An artifact, and all records that name it."""

    artifact: ArtifactName
    records: tuple[Record, ...]


class Pair(NamedTuple):
    """An artifact with what the listing says of it, and what records do."""

    artifact: ArtifactName
    stat: ArtifactStat | None
    """None: not listed."""
    records: tuple[Record, ...]

    @property
    def uuids(self) -> tuple[UUID, ...]:
        """The datasets in it."""
        return tuple(dict.fromkeys(record.uuid for record in self.records))


def read_recorded(
    registry: Registry, bridge: DatastoreBridge, scope: Scope, *, after: ArtifactName, page: int
) -> Iterator[Recorded]:
    """Read records by artifact, in the order of the artifacts' names, from behind ``after`` on, so many at a time."""
    streams = [
        _read_table(registry, name, table, scope, after, page)
        for name, table in bridge.tables.items()
        if table.artifact_column is not None
    ]
    for artifact, rows in groupby(merge(*streams, key=itemgetter(0)), key=itemgetter(0)):
        yield Recorded(artifact, tuple(record for _, record in rows))


def _read_table(
    registry: Registry,
    name: OpaqueTableName,
    table: OpaqueTable,
    scope: Scope,
    after: ArtifactName,
    page: int,
) -> Iterator[tuple[ArtifactName, Record]]:
    # The two columns by which a datastore may let its artifacts be verified; any other is its own business.
    having = {column.name for column in table.columns}
    columns = [column for column in ("size_bytes", "checksum") if column in having]
    begin: ArtifactName | None = after
    while begin is not None:
        found = registry.records_by_artifact(
            name,
            columns,
            after=begin,
            limit=page,
            collections=scope.collections,
            dataset_types=scope.dataset_types,
        )
        for artifact, uuid, run, *values in found.rows:
            known = dict(zip(columns, values, strict=True))
            yield artifact, Record(uuid, run, known.get("size_bytes"), known.get("checksum"))
        begin = found.next_after


def pair(listing: Iterable[ArtifactStat], recorded: Iterable[Recorded]) -> Iterator[Pair]:
    """Put two streams side by side, which both are in the order of names."""
    stats, records = iter(listing), iter(recorded)
    stat, record = next(stats, None), next(records, None)
    while stat is not None or record is not None:
        if record is None or (stat is not None and stat.artifact < record.artifact):
            assert stat is not None  # one of the two is there
            yield Pair(stat.artifact, stat, ())
            stat = next(stats, None)
        elif stat is None or record.artifact < stat.artifact:
            yield Pair(record.artifact, None, record.records)
            record = next(records, None)
        else:
            yield Pair(record.artifact, stat, record.records)
            stat, record = next(stats, None), next(records, None)


def is_sampled(each: Pair, fraction: float) -> bool:
    """Whether a pair is in the sample: by the UUIDs of its datasets, or its name if it has none, so always alike."""
    if fraction >= 1:
        return True
    keys = [uuid.bytes for uuid in each.uuids] or [each.artifact.encode("utf-8", "surrogateescape")]
    return any(zlib.crc32(key) < fraction * 2**32 for key in keys)
