"""Choosing what to remove, and seeing what goes along and what would break, before anything does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import Any
from uuid import UUID

from butler_core.client_cache import ClientCache, Definitions
from butler_core.contracts.datastore import Datastore
from butler_core.contracts.registry import Registry
from butler_core.errors import ButlerError, InUseError, InvalidInputError
from butler_core.expressions.query import DatasetSearch, QueryDescription
from butler_core.models.batch import ChainedCollectionEdit, Decertification, RawBatch, TaggedCollectionEdit
from butler_core.models.bulk import unwatched
from butler_core.models.collection import CollectionType, SequenceEditMode, SetEditMode
from butler_core.models.dataset_ref import DatasetRef, refs_from_rows, uuid_from_bytes
from butler_core.models.dataset_rows import DatasetRows, Row
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import ArtifactName, CollectionName, CollectionPattern, Progress
from butler_core.removing import STEP, look_up, remove
from butler_core.transactions import Transactions, journal_entries

_ASSOCIATING = (CollectionType.TAGGED, CollectionType.CALIBRATION)


class RemovalHelper:
    """Shows what would go and what would break, before anything does.

    Nothing happens before the context ends without error.  Then all is refused (`InUseError`), before anything is touched, if
    a dataset that goes is in a TAGGED or CALIBRATION collection that stays and that association is not included.
    """

    def __init__(
        self,
        butler: Any,
        registry: Registry,
        datastore: Datastore,
        cache: ClientCache,
        default_collections: Sequence[CollectionName],
    ) -> None:
        self.butler = butler
        """The butler that it belongs to."""
        self._registry = registry
        self._datastore = datastore
        self._cache = cache
        self._default_collections = default_collections
        self.cancel()

    def cancel(self) -> None:
        """Forget everything that was included."""
        self._datasets = DatasetRows()
        self._collections: dict[CollectionName, None] = {}
        self._links: dict[CollectionName, set[CollectionName]] = {}
        self._associations: dict[CollectionName, DatasetRows] = {}
        self._orphaned: set[CollectionName] = set()
        self._size: tuple[int, int | None] = (0, 0)

    # -- what goes

    @property
    def datasets(self) -> Set[DatasetRef]:
        """The datasets that go; all of a RUN's, where the RUN goes."""
        return self._datasets

    @property
    def collections(self) -> Set[CollectionName]:
        """The collections that go."""
        return self._collections.keys()

    @property
    def chain_links(self) -> Mapping[CollectionName, Set[CollectionName]]:
        """The children that chains which stay lose, by chain."""
        return {chain: children for chain, children in self._links.items() if chain not in self._collections}

    @property
    def associations(self) -> Mapping[CollectionName, Set[DatasetRef]]:
        """The datasets that TAGGED and CALIBRATION collections lose, as far as these were looked through."""
        return {name: rows for name, rows in self._associations.items() if rows}

    @property
    def orphaned(self) -> Set[CollectionName]:
        """Children of chains that go, which no chain holds afterwards; they stay unless included."""
        return self._orphaned

    @property
    def size_bytes(self) -> int | None:
        """What would be freed; None if some sizes are not recorded.

        A file that several datasets share counts only if all of them go.  This reads the records of all datasets.
        """
        if self._size[0] != len(self._datasets):
            self._size = (len(self._datasets), self._add_sizes())
        return self._size[1]

    def __bool__(self) -> bool:
        return bool(self._datasets or self._collections)

    # -- choosing

    def include_datasets(
        self, refs: Iterable[DatasetRef], find_associations_in: CollectionPattern = ()
    ) -> None:
        """Add datasets, and their associations in the collections given (``...`` for all).

        Raises `InvalidInputError` if an associated dataset has another RUN or data ID than its ref says.
        """
        definitions = self._cache.refresh()
        names = self._match(definitions, find_associations_in)
        by_type: dict[str, list[Row]] = {}
        for ref in refs:
            by_type.setdefault(ref.dataset_type.name.partition(".")[0], []).append(
                (ref.uuid_bytes, ref.run, *ref.required_values)
            )
        added = DatasetRows()
        for name, rows in by_type.items():
            added.add_rows(definitions.get_dataset_type(name), rows)
        self._add(definitions, added, names)

    def include_collections(
        self,
        wildcard: CollectionPattern,
        find_orphaned: bool = False,
        find_associations_in: CollectionPattern = (),
    ) -> dict[CollectionName, Set[DatasetRef]]:
        """Add collections, the datasets of RUNs, and links from chains; return what was added.

        Parameters
        ----------
        wildcard
            Names and globs; None the butler's defaults, ``...`` all.
        find_orphaned
            Look which children of chains that go no chain holds afterwards: see `orphaned`.
        find_associations_in
            Add what the datasets are associated with in these collections too (``...`` for all).

        Returns
        -------
        dict
            The collections that were not included before; of a RUN the datasets, else none.
        """
        definitions = self._cache.refresh()
        wanted = self._default_collections if wildcard is None else definitions.match_collections(wildcard)
        names = self._match(definitions, find_associations_in)
        added = {name: self._read_run(definitions, name) for name in wanted if name not in self._collections}
        datasets = DatasetRows()
        for rows in added.values():
            datasets.add_all(rows)
        self._add(definitions, datasets, names)
        self._collections.update(dict.fromkeys(added))
        self._links = _find_links(definitions, self._collections)
        self._orphaned.difference_update(added)
        if find_orphaned:
            self._orphaned |= _find_orphans(definitions, self._collections, added)
        return dict(added)

    def include_orphaned(
        self,
        find_orphaned: bool = True,
        recurse: bool = False,
        find_associations_in: CollectionPattern = (),
    ) -> None:
        """Add `orphaned`; with ``recurse`` also what that orphans, and so on."""
        while self._orphaned:
            orphans = sorted(self._orphaned)
            self.include_collections(orphans, find_orphaned or recurse, find_associations_in)
            if not recurse:
                return

    # -- used by whoever carries it out

    @property
    def chosen(self) -> DatasetRows:
        """The datasets that go, as rows."""
        return self._datasets

    def check(self) -> None:
        """Raise `InUseError` if something that stays would break, as far as that can be seen now.

        What comes up between this and the commit is refused in the transaction.
        """
        definitions = self._cache.refresh()
        for chain, children in _find_links(definitions, self._collections).items():
            new = children - self._links.get(chain, set())
            if new and chain not in self._collections:
                raise InUseError(
                    f"Chain {chain!r} holds {', '.join(map(repr, sorted(new)))} since the removal was looked at.",
                    remedy="Look again: include the collections once more.",
                    chain=chain,
                )
        everywhere = self._match(definitions, ...)
        for name, found in self._find_associated(definitions, self._datasets, everywhere).items():
            if name in self._collections:
                self._associations.setdefault(name, DatasetRows()).add_all(found)
            elif missing := found.without(self._associations.get(name, DatasetRows())):
                raise _refusal(definitions, name, missing)

    def make_batch(self, datasets: DatasetRows, *, with_collections: bool) -> RawBatch:
        """Return the edits that free some of the datasets, and those that concern collections if they are to go as well."""
        batch = RawBatch()
        for name, associated in self._associations.items():
            for dataset_type, rows in associated.select(datasets).by_type.items():
                uuids = frozenset(map(uuid_from_bytes, rows))
                batch.collection_edits.append(self._dissociate(name, dataset_type, uuids))
        if with_collections:
            for chain, children in self.chain_links.items():
                batch.collection_edits.append(
                    ChainedCollectionEdit(
                        chain=chain, children=tuple(sorted(children)), mode=SequenceEditMode.REMOVE
                    )
                )
            batch.collection_removals.update(self._collections)
        return batch

    def _dissociate(
        self, name: CollectionName, dataset_type: DatasetType, uuids: frozenset[UUID]
    ) -> TaggedCollectionEdit | Decertification:
        if self._cache.current().get_collection(name).type is CollectionType.TAGGED:
            return TaggedCollectionEdit(collection=name, datasets=uuids, mode=SetEditMode.DISCARD)
        return Decertification(
            collection=name, dataset_type=dataset_type.name, timespan=(None, None), datasets=uuids
        )

    def carry_out(self, transactions: Transactions, progress: Progress | None) -> None:
        """Remove it all: datasets first, a bounded number in each transaction, collections with the last of them.

        Each transaction leaves a repository in order.  After an interruption the same removal, begun anew, goes on with the rest.
        """
        if not self:
            return
        self.check()
        total, done = len(self._datasets), 0
        for piece in self._datasets.pieces(STEP):
            batch = self.make_batch(piece, with_collections=done + len(piece) == total)
            try:
                remove(self._registry, self._datastore, transactions, piece, batch)
            except ButlerError as error:
                if done:
                    error.add_note(
                        f"{done} of {total} datasets were removed before this; the rest is as it was."
                    )
                raise
            done += len(piece)
            if progress is not None and total:
                progress("remove", done, total)

    # -- looking

    def _add(self, definitions: Definitions, datasets: DatasetRows, names: Iterable[CollectionName]) -> None:
        for name, found in self._find_associated(definitions, datasets, names).items():
            _refuse_others(datasets, found)
            self._associations.setdefault(name, DatasetRows()).add_all(found)
        self._datasets.add_all(datasets)

    def _match(self, definitions: Definitions, pattern: CollectionPattern) -> list[CollectionName]:
        """Return the TAGGED and CALIBRATION collections that a pattern stands for, also in chains."""
        names = self._default_collections if pattern is None else definitions.match_collections(pattern)
        return [
            name for name in definitions.flatten(names) if definitions.collections[name].type in _ASSOCIATING
        ]

    def _read_run(self, definitions: Definitions, name: CollectionName) -> DatasetRows:
        datasets = DatasetRows()
        if definitions.get_collection(name).type is CollectionType.RUN:
            for dataset_type in _types_in(definitions, name):
                for rows in self._pages(dataset_type, name):
                    datasets.add_rows(dataset_type, rows)
        return datasets

    def _find_associated(
        self, definitions: Definitions, datasets: DatasetRows, names: Iterable[CollectionName]
    ) -> dict[CollectionName, DatasetRows]:
        """Return which of some datasets are in which of some TAGGED and CALIBRATION collections."""
        associated: dict[CollectionName, DatasetRows] = {}
        for name in names:
            found = DatasetRows()
            for dataset_type in _types_in(definitions, name):
                for piece in datasets.of_type(dataset_type).pieces(STEP):
                    uuids = frozenset(map(uuid_from_bytes, piece.keys()))
                    for rows in self._pages(dataset_type, name, uuids) if uuids else ():
                        found.add_rows(dataset_type, rows)
            if found:
                associated[name] = found
        return associated

    def _pages(
        self, dataset_type: DatasetType, name: CollectionName, uuids: frozenset[UUID] | None = None
    ) -> Iterator[Sequence[Row]]:
        query = QueryDescription(
            kind="datasets",
            dimensions=dataset_type.dimensions.names,
            dataset_type=dataset_type.name,
            searches=(DatasetSearch(dataset_type=dataset_type.name, collections=(name,), find_first=False),),
            uuids=uuids,
        )
        page: str | None = None
        while True:
            with unwatched():
                answer = self._registry.execute(query, page=page)
            yield answer.rows
            page = answer.next_page
            if page is None:
                return

    def _add_sizes(self) -> int | None:
        sizes: dict[ArtifactName, int | None] = {}
        for piece in self._datasets.pieces(STEP):
            with unwatched():
                found = look_up(self._registry, piece)
                entries = journal_entries(self._datastore, found.refs)
                sizes.update((entry.artifact, entry.size_bytes) for entry in entries)
        doomed = map(uuid_from_bytes, self._datasets.keys())
        store = self._datastore.bridge.datastore_id
        for artifact in self._registry.referenced(store, sizes, excluding=doomed) if sizes else ():
            del sizes[artifact]
        known = [size for size in sizes.values() if size is not None]
        return sum(known) if len(known) == len(sizes) else None


def _refusal(definitions: Definitions, name: CollectionName, missing: DatasetRows) -> InUseError:
    kind = definitions.collections[name].type.value.upper()
    return InUseError(
        f"{len(missing)} of the datasets are in {kind} collection {name!r}, such as {next(iter(missing))}.",
        remedy="Take them out of it too: find_associations_in=...",
        collection=name,
        uuids=[str(ref.uuid) for ref in islice(missing, 10)],
    )


def _types_in(definitions: Definitions, name: CollectionName) -> list[DatasetType]:
    """Return the dataset types that a collection may hold."""
    names, _ = definitions.snapshot.summaries.get(name, ((), {}))
    types = [definitions.dataset_types[each] for each in sorted(names)]
    if definitions.collections[name].type is CollectionType.CALIBRATION:
        return [dataset_type for dataset_type in types if dataset_type.is_calibration]
    return types


def _find_links(
    definitions: Definitions, names: Iterable[CollectionName]
) -> dict[CollectionName, set[CollectionName]]:
    """Return which of some collections are children of which chains."""
    wanted = set(names)
    found = {info.name: wanted.intersection(info.children or ()) for info in definitions.snapshot.collections}
    return {chain: children for chain, children in found.items() if children}


def _find_orphans(
    definitions: Definitions, doomed: Iterable[CollectionName], chains: Iterable[CollectionName]
) -> set[CollectionName]:
    """Return the children of chains that go, which no chain that stays holds and that do not go themselves."""
    gone = set(doomed)
    children = {child for chain in chains for child in definitions.collections[chain].children or ()}
    held = {
        child
        for info in definitions.snapshot.collections
        if info.name not in gone
        for child in info.children or ()
    }
    return children - held - gone


def _refuse_others(given: DatasetRows, found: DatasetRows) -> None:
    """Refuse refs that are of other datasets than they say: those would stay, and only lose their associations."""
    for dataset_type, rows in found.by_type.items():
        said = given.by_type.get(dataset_type, {})
        for key, row in rows.items():
            if key in said and tuple(said[key][1:]) != tuple(row[1:]):
                there, wrong = (next(iter(refs_from_rows(dataset_type, [each]))) for each in (row, said[key]))
                raise InvalidInputError(
                    f"There is no dataset {wrong}; its UUID is that of {there}.",
                    remedy="Remove datasets by refs that a query gave.",
                    uuid=str(there.uuid),
                )
