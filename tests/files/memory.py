"""The least that the file toolkit can stand on: artifacts and journals in dictionaries."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from butler_core.contracts.datastore import ArtifactStat, DatastoreAbilities
from butler_core.contracts.formatter import ArtifactSink, ArtifactSource
from butler_core.contracts.journal import JournalStore
from butler_core.errors import (
    BatchFencedError,
    ConflictError,
    CorruptError,
    DatasetExistsError,
    NotFoundError,
)
from butler_core.files.bridge import FileBridge, FormatterChoices
from butler_core.files.checksums import algorithm_of, checksum_of_bytes
from butler_core.files.config import FileDatastoreConfig
from butler_core.files.datastore import FileDatastore
from butler_core.files.local import LocalSource, file_identity, uri_to_path
from butler_core.files.names import check_artifact, is_absolute
from butler_core.files.store import AdoptMode, ArtifactBatch, ArtifactStore, Written
from butler_core.hookspecs import OpenContext
from butler_core.models.journal import Journal
from butler_core.models.names import ChecksumAlgorithm
from butler_core.testing.datastores.formatters import MemorySink, MemorySource


class _Source(MemorySource):
    """Finds its bytes when they are asked for."""

    def __init__(
        self,
        store: MemoryStore,
        artifact: str,
        size_bytes: int | None,
        member: str | None,
        checksum: str | None,
    ) -> None:
        self._store, self._artifact, self._size, self._sum = store, artifact, size_bytes, checksum
        self.member = member

    @property
    def data(self) -> bytes:  # type: ignore[override]
        data = self._store.artifacts.get(self._artifact)
        if data is None or self._size not in (None, len(data)):
            raise CorruptError(f"{self._artifact} is not there, or changed.")
        if self._sum is not None and self._sum != checksum_of_bytes(data, algorithm_of(self._sum)):
            raise CorruptError(f"{self._artifact} has another checksum.")
        return data


class _Batch(ArtifactBatch):
    def __init__(self, store: MemoryStore, batch_id: UUID, checksums: ChecksumAlgorithm | None) -> None:
        self._store, self._batch_id, self._checksums = store, batch_id, checksums
        self._written: dict[str, bytes] = {}

    def write(self, artifact: str, fill: Callable[[ArtifactSink], None]) -> Written:
        sink = MemorySink()
        fill(sink)
        return self._stage(artifact, sink.data or b"")

    def adopt(self, artifact: str, path: str, mode: AdoptMode) -> Written:
        return self._stage(artifact, Path(path).read_bytes())

    def _stage(self, artifact: str, data: bytes) -> Written:
        self._written[check_artifact(artifact)] = data
        return Written(len(data), checksum_of_bytes(data, self._checksums) if self._checksums else None)

    def publish(self) -> None:
        with self._store.lock:
            self._store.check(self._batch_id)
            for artifact, data in self._written.items():
                if artifact in self._store.artifacts:
                    raise DatasetExistsError(f"{artifact} is there.")
                self._store.put(artifact, data)


class MemoryStore(ArtifactStore):
    root = "memory://root"

    def __init__(self) -> None:
        self.artifacts: dict[str, bytes] = {}
        self.generations: dict[str, int] = {}
        self.lost: dict[str, bytes] = {}
        self.lock = threading.RLock()
        self._barred: set[UUID] = set()
        self._counter = itertools.count()

    def put(self, artifact: str, data: bytes) -> None:
        self.artifacts[artifact] = data
        self.generations[artifact] = next(self._counter)

    def check(self, batch_id: UUID) -> None:
        if batch_id in self._barred:
            raise BatchFencedError(f"{batch_id} was barred.")

    def begin(self, batch_id: UUID, *, checksums: ChecksumAlgorithm | None = None) -> ArtifactBatch:
        self.check(batch_id)
        return _Batch(self, batch_id, checksums)

    def bar(self, batch_id: UUID) -> None:
        with self.lock:
            self._barred.add(batch_id)

    def source(
        self, artifact: str, size_bytes: int | None, member: str | None, checksum: str | None = None
    ) -> ArtifactSource:
        if is_absolute(artifact):
            return LocalSource(uri_to_path(artifact), artifact, size_bytes, member, checksum)
        return _Source(self, check_artifact(artifact), size_bytes, member, checksum)

    def delete(self, artifacts: Iterable[tuple[str, str | None]]) -> None:
        for artifact, identity in artifacts:
            found = self.generations.get(check_artifact(artifact))
            if identity is None or identity == str(found):
                self.artifacts.pop(artifact, None)

    def stat(
        self, artifacts: Iterable[str], *, checksums: ChecksumAlgorithm | None = None
    ) -> Iterator[ArtifactStat]:
        for artifact in artifacts:
            data = self.artifacts.get(check_artifact(artifact))
            if data is not None:
                checksum = checksum_of_bytes(data, checksums) if checksums else None
                identity = str(self.generations[artifact])
                yield ArtifactStat(artifact, len(data), checksum, identity, datetime(2026, 1, 1, tzinfo=UTC))

    def list(self, *, checksums: ChecksumAlgorithm | None = None, after: str = "") -> Iterator[ArtifactStat]:
        return self.stat(sorted(name for name in self.artifacts if name > after), checksums=checksums)

    def set_aside(self, artifacts: Iterable[tuple[str, str | None]]) -> set[str]:
        moved = set()
        with self.lock:
            for artifact, identity in artifacts:
                found = str(self.generations.get(check_artifact(artifact)))
                if artifact in self.artifacts and identity in (None, found):
                    self.lost[artifact] = self.artifacts.pop(artifact)
                    moved.add(artifact)
        return moved

    def bring_back(self, artifacts: Iterable[str], *, batch_id: UUID) -> set[str]:
        with self.lock:
            self.check(batch_id)
            moved = {name for name in artifacts if name in self.lost and name not in self.artifacts}
            for name in moved:
                self.put(name, self.lost.pop(name))
        return moved

    def stat_set_aside(self) -> Iterator[ArtifactStat]:
        for name, data in sorted(self.lost.items()):
            yield ArtifactStat(name, len(data), None, "", datetime(2026, 1, 1, tzinfo=UTC))

    def uri(self, artifact: str) -> str:
        return f"{self.root}/{artifact}"

    def contains(self, path: str) -> bool:
        return False

    def fetch(self, artifact: str, path: str, mode: AdoptMode) -> None:
        if os.path.exists(path):
            raise ConflictError(f"{path} is there.")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(self.source(artifact, None, None).read())

    def remove_sources(self, files: Iterable[tuple[str, str]]) -> None:
        changed = []
        for path, identity in files:
            if not os.path.exists(path):
                continue
            if file_identity(os.stat(path)) == identity:
                Path(path).unlink()
            else:
                changed.append(path)
        if changed:
            raise ConflictError(f"{changed} have changed.")

    def close(self) -> None:
        pass


class MemoryJournals(JournalStore):
    def __init__(self) -> None:
        self.journals: dict[str, Journal] = {}
        self._counter = itertools.count()

    def create(self, location: str, journal: Journal) -> str:
        name = f"20260101-{next(self._counter):06d}"
        self.journals[name] = journal
        return name

    def renew(
        self, name: str, *, requests_until: datetime | None = None, uploads: Sequence[str] = ()
    ) -> None:
        update = {"requests_until": requests_until, "uploads": tuple(uploads)}
        self.journals[name] = self.read(name).model_copy(update=update)

    def list(self) -> Iterator[str]:
        return iter(sorted(self.journals))

    def read(self, name: str) -> Journal:
        if name not in self.journals:
            raise NotFoundError(f"{name} is gone.")
        return self.journals[name]

    def drop(self, name: str) -> None:
        self.journals.pop(name, None)

    def publish(self, batch_id: UUID, key: str, record: bytes) -> bool:
        raise NotImplementedError

    def published(self, batch_id: UUID) -> Iterator[tuple[str, bytes]]:
        raise NotImplementedError


def open_memory(context: OpenContext, **config: object) -> FileDatastore:
    """Open a datastore in memory."""
    checked = FileDatastoreConfig.model_validate({"type": "memory", "datastore_id": "testing", **config})
    get_formatter = context.get_formatter
    bridge = FileBridge(
        checked.datastore_id,
        templates=checked.templates,
        chosen=FormatterChoices(checked.formatters, get_formatter, checked.write_parameters),
        offered=FormatterChoices(context.default_formatters, get_formatter, checked.write_parameters),
    )
    abilities = DatastoreAbilities(
        conditional_write=True,
        delete_on_identity=True,
        consistent_listing=True,
        range_reads=True,
        signs=frozenset(),
        has_artifacts=True,
        bars_writers=True,
        is_ephemeral=True,
    )
    return FileDatastore(
        checked,
        bridge,
        MemoryJournals(),
        MemoryStore(),
        abilities=abilities,
        storage_classes=context.storage_classes,
        get_formatter=get_formatter,
    )
