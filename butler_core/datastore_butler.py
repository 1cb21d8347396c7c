"""A butler over a datastore: everything about reading that needs no Registry once refs are expanded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from butler_core.arguments import listed_refs
from butler_core.contracts.datastore import Datastore, GetRequest
from butler_core.errors import DatasetNotStoredError, InvalidInputError
from butler_core.limited_butler import LimitedButler
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.names import Parameters
from butler_core.models.results import DatasetExistence, GetResult, UriResult


class DatastoreButler(LimitedButler):
    """Reads through a datastore.  Subclasses say where datastore records come from, and how to write."""

    _datastore: Datastore

    def _with_records(self, refs: Sequence[DatasetRef]) -> list[DatasetRef | None]:
        """Return refs with their datastore records, in order; None for a dataset that is not known."""
        for ref in refs:
            if ref.datastore_records is None:
                raise InvalidInputError(
                    f"{ref} is not expanded.", remedy="Expand it with a full butler first."
                )
        return list(refs)

    def get_many(self, arg: Iterable[GetRequest], /) -> Iterator[GetResult]:
        """Read many, in any order: see `LimitedButler.get_many`."""
        requests = list(arg)
        refs = self._with_records([ref for ref, _ in requests])
        ready: list[tuple[DatasetRef, Parameters | None]] = []
        for (given, parameters), ref in zip(requests, refs, strict=True):
            if ref is None or not ref.datastore_records:
                break
            ready.append((_as_asked(given, ref), parameters))
        yield from self._datastore.get_many(ready)
        if len(ready) < len(requests):
            # What comes after cannot be read out of turn without hiding that this one cannot be read at all.
            raise self._not_stored(requests[len(ready)][0], refs[len(ready)])

    def get_many_uris(self, refs: Iterable[DatasetRef], *, signed: bool = False) -> Iterator[UriResult]:
        """Return all URIs: see `LimitedButler.get_many_uris`."""
        stored: list[tuple[int, DatasetRef]] = []
        given = listed_refs(refs)
        for index, ref in enumerate(self._with_records(given)):
            if ref is not None and ref.datastore_records:
                stored.append((index, _as_asked(given[index], ref)))
        for result in self._datastore.get_many_uris([ref for _, ref in stored], signed=signed):
            yield result._replace(index=stored[result.index][0])

    def exists_many(
        self, refs: Iterable[DatasetRef], *, check_artifact: bool = False
    ) -> list[DatasetExistence]:
        """Say where each dataset stands: see `LimitedButler.exists_many`."""
        found = self._with_records(list(refs))
        existences = [_recorded(ref) for ref in found]
        if check_artifact:
            artifacts = [
                self._artifacts(ref) if existence else ()
                for ref, existence in zip(found, existences, strict=True)
            ]
            wanted = {artifact for names in artifacts for artifact in names}
            there = {stat.artifact for stat in self._datastore.stat_artifacts(wanted) if not stat.is_dangling}
            for index, names in enumerate(artifacts):
                if not there.issuperset(names):
                    existences[index] = DatasetExistence.MISSING_ARTIFACT
        return existences

    def _artifacts(self, ref: DatasetRef | None) -> Sequence[str]:
        records: Mapping[str, object] = (ref.datastore_records if ref is not None else None) or {}
        names = []
        for table_name, table in self._datastore.bridge.tables.items():
            if table.artifact_column is not None and table_name in records and ref is not None:
                rows = self._datastore.bridge.opaque_values_to_raw(
                    table_name, {ref.uuid: records[table_name]}
                )
                names += [row[table.artifact_column] for row in rows]
        return names

    def _not_stored(self, given: DatasetRef, ref: DatasetRef | None) -> Exception:
        return DatasetNotStoredError(
            f"{given} is {'not known' if ref is None else 'registered, but its bytes are not kept'} here.",
            remedy="Look in other collections, or make it again: it was dropped, or imported without its files.",
            uuid=str(given.uuid),
        )

    def close(self) -> None:
        """Release what the datastore holds."""
        self._datastore.close()


def _recorded(ref: DatasetRef | None) -> DatasetExistence:
    if ref is None:
        return DatasetExistence.NONE
    return DatasetExistence.STORED if ref.datastore_records else DatasetExistence.REGISTERED


def _as_asked(given: DatasetRef, ref: DatasetRef) -> DatasetRef:
    """Carry the records over to the ref that was given, which may be of a component or ask for another type."""
    if given is ref:
        return ref
    return given.with_datastore_records(ref.datastore_records)
