"""Collections, dataset types and summaries as a registry keeps them in memory: exact for one generation, never longer.

Every change of them raises the generation within its transaction and marks the rows that it touches with the new number,
so that a refresh reads only what changed since.  After a removal everything is read again.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.errors import (
    CollectionNotFoundError,
    CorruptError,
    DatasetTypeNotFoundError,
    InvalidInputError,
)
from butler_core.models.collection import CollectionType
from butler_core.models.dataset_type import DatasetType
from butler_core.models.names import (
    CollectionDocumentation,
    CollectionName,
    DataIdValue,
    DatasetTypeName,
    DimensionName,
)
from butler_core.models.universe import DimensionGroup
from butler_core.sql.database import Cursor, Database
from butler_core.sql.schema.tables import Schema
from butler_core.sql.statement import Statement


class Collection(NamedTuple):
    """One collection, with the integer that stands for it in tables."""

    id: int
    name: CollectionName
    type: CollectionType
    doc: CollectionDocumentation
    children: tuple[int, ...] | None
    """Direct children in search order; None unless CHAINED."""


class RegisteredType(NamedTuple):
    """One dataset type, with the integers that stand for it and for its dimension group in tables."""

    id: int
    dataset_type: DatasetType
    group_id: int


class Catalog:
    """What rarely changes, as of one generation.  Treat it as immutable."""

    def __init__(self) -> None:
        self.generation = -1
        self.collections: dict[CollectionName, Collection] = {}
        self.collections_by_id: dict[int, Collection] = {}
        self.dataset_types: dict[DatasetTypeName, RegisteredType] = {}
        self.dataset_types_by_id: dict[int, RegisteredType] = {}
        self.groups: dict[DimensionGroup, tuple[int, bool]] = {}
        """For each group that has tables: its integer, and whether there is one for CALIBRATION collections."""
        self.types_in: dict[int, frozenset[int]] = {}
        """By collection, which dataset types it may hold.  Chains are not listed."""
        self.governors_in: dict[int, Mapping[DimensionName, frozenset[DataIdValue]]] = {}
        """By collection, which governor values its data IDs may have; says nothing of data IDs without that governor."""
        self.governor_values: dict[DimensionName, frozenset[DataIdValue]] = {}
        """By governor dimension, the keys of its records."""

    def copy(self) -> Catalog:
        """Return a catalog that can be brought up to date while others go on reading this one."""
        result = Catalog()
        for name, value in vars(self).items():
            setattr(result, name, value.copy() if isinstance(value, dict) else value)
        return result

    def get_collection(self, name: CollectionName, *, besides: CollectionName | None = None) -> Collection:
        """Return a collection; `CollectionNotFoundError` says what there is, ``besides`` one that would not do."""
        found = self.collections.get(name)
        if found is None:
            raise CollectionNotFoundError(
                f"There is no collection {name!r}.",
                remedy=_suggest(name, self.collections.keys() - {besides}, "collections"),
                name=name,
            )
        return found

    def get_dataset_type(self, name: DatasetTypeName) -> RegisteredType:
        """Return a dataset type, the parent's for a component; `DatasetTypeNotFoundError`."""
        found = self.dataset_types.get(name) or self.dataset_types.get(name.partition(".")[0])
        if found is None:
            raise DatasetTypeNotFoundError(
                f"There is no dataset type {name!r}.",
                remedy=_suggest(name, self.dataset_types, "dataset types"),
                name=name,
            )
        return found

    def flatten(self, names: Iterable[CollectionName]) -> list[Collection]:
        """Return collections with the children of chains in their place, each once, in search order.

        Raises `CollectionNotFoundError`.
        """
        seen: dict[int, Collection] = {}
        chains: set[int] = set()
        todo = [self.get_collection(name) for name in names][::-1]
        while todo:
            collection = todo.pop()
            if collection.children is None:
                seen.setdefault(collection.id, collection)
            elif collection.id not in chains:
                chains.add(collection.id)
                todo += [self.collections_by_id[child] for child in reversed(collection.children)]
        return list(seen.values())


class CatalogCache:
    """Keeps the `Catalog` that was read last.  Safe to share between threads: catalogs are replaced whole.

    Parameters
    ----------
    schema
        Where it is read from.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._catalog = Catalog()
        self._make_statements()

    def _make_statements(self) -> None:
        schema, database = self._schema, self._schema.database
        since = sa.bindparam("since", type_=sa.BigInteger)
        generation, collection, chain = schema.generation.c, schema.collection.c, schema.collection_chain.c
        dataset_type, group = schema.dataset_type.c, schema.dataset_group.c
        types, governors = schema.collection_type.c, schema.collection_governor.c

        def since_then(construct: sa.Select[Any]) -> Statement:
            return Statement(database, construct, ["since"])

        self._read_generation = Statement(database, sa.select(generation.current, generation.removed))
        self._read_collections = since_then(
            sa.select(collection.id, collection.name, collection.type, collection.doc).where(
                collection.changed > since
            )
        )
        self._read_children = since_then(
            sa.select(chain.parent, chain.child)
            .join_from(schema.collection, schema.collection_chain, chain.parent == collection.id)
            .where(collection.changed > since)
            .order_by(chain.parent, chain.position)
        )
        self._read_dataset_types = since_then(
            sa.select(
                dataset_type.id,
                dataset_type.name,
                dataset_type.dataset_group,
                group.dimensions,
                group.has_validity,
                dataset_type.storage_class,
                dataset_type.is_calibration,
            )
            .join_from(schema.dataset_type, schema.dataset_group, group.id == dataset_type.dataset_group)
            .where(dataset_type.changed > since)
        )
        self._read_types_in = since_then(sa.select(types.collection, types.type).where(types.changed > since))
        self._read_governors_in = since_then(
            sa.select(governors.collection, governors.dimension, governors.value).where(
                governors.changed > since
            )
        )
        self._read_governor_values = {
            name: Statement(database, sa.select(*schema.elements[name].key))
            for name in sorted(schema.universe.governor_dimensions)
            if name in schema.elements
        }

    def current(self, cursor: Cursor) -> Catalog:
        """Return what holds in the transaction of a cursor."""
        return self._bring_up_to_date(cursor, self._read_generation.first(cursor))

    @property
    def question(self) -> str:
        """The statement that a transaction begins with to call `answered`."""
        return self._read_generation.text

    @property
    def known(self) -> Catalog:
        """What held when it was read last: for those who ask for the generation, and then compare it, themselves."""
        return self._catalog

    def answered(self, cursor: Cursor) -> Catalog:
        """Return what holds in the transaction of a cursor, which has just run `question`."""
        return self._bring_up_to_date(cursor, cursor.fetchone())

    def _bring_up_to_date(self, cursor: Cursor, row: Any) -> Catalog:
        known = self._catalog
        if row is None:
            raise lost_generation(self._schema.database)
        current, removed = row
        if known.generation == current:
            return known
        fresh = self.read(cursor, known, current, removed)
        self._catalog = fresh
        return fresh

    def read(self, cursor: Cursor, known: Catalog, current: int, removed: int) -> Catalog:
        """Return what holds in the transaction of a cursor, not to be published before that is committed."""
        if known.generation < removed or known.generation > current:
            known = Catalog()
        fresh = known.copy()
        since = (known.generation,)
        self._update_collections(cursor, fresh, since)
        self._update_dataset_types(cursor, fresh, since)
        _update_sets(fresh.types_in, self._read_types_in.all(cursor, since))
        self._update_governors(cursor, fresh, since)
        fresh.generation = current
        return fresh

    def publish(self, catalog: Catalog) -> None:
        """Keep what a transaction read and then committed."""
        if catalog.generation > self._catalog.generation:
            self._catalog = catalog

    def _update_collections(self, cursor: Cursor, fresh: Catalog, since: tuple[int]) -> None:
        rows = self._read_collections.all(cursor, since)
        if not rows:
            return
        children: dict[int, list[int]] = {}
        for parent, child in self._read_children.all(cursor, since):
            children.setdefault(parent, []).append(child)
        for id_, name, type_name, doc in rows:
            collection_type = CollectionType(type_name)
            links = tuple(children.get(id_, ())) if collection_type is CollectionType.CHAINED else None
            collection = Collection(id_, name, collection_type, doc, links)
            fresh.collections[name] = fresh.collections_by_id[id_] = collection

    def _update_dataset_types(self, cursor: Cursor, fresh: Catalog, since: tuple[int]) -> None:
        universe = self._schema.universe
        rows = self._read_dataset_types.all(cursor, since)
        for id_, name, group_id, dimensions, has_validity, storage_class, is_calibration in rows:
            try:
                group = universe.conform(json.loads(dimensions))
            except InvalidInputError as error:
                raise CorruptError(
                    f"Dataset type {name!r} has dimensions {dimensions}, which the universe does not have.",
                    remedy="Restore the database from a backup.",
                ) from error
            dataset_type = DatasetType(name, group, storage_class, is_calibration=bool(is_calibration))
            registered = RegisteredType(id_, dataset_type, group_id)
            fresh.dataset_types[name] = fresh.dataset_types_by_id[id_] = registered
            fresh.groups[group] = (group_id, bool(has_validity))

    def _update_governors(self, cursor: Cursor, fresh: Catalog, since: tuple[int]) -> None:
        added: dict[int, dict[DimensionName, set[DataIdValue]]] = {}
        for collection, dimension, value in self._read_governors_in.all(cursor, since):
            added.setdefault(collection, {}).setdefault(dimension, set()).add(json.loads(value))
        for collection, values in added.items():
            known = fresh.governors_in.get(collection, {})
            fresh.governors_in[collection] = {
                name: known.get(name, frozenset()) | values.get(name, set())
                for name in known.keys() | values.keys()
            }
        for name, statement in self._read_governor_values.items():
            fresh.governor_values[name] = frozenset([key for (key,) in statement.all(cursor)])


def lost_generation(database: Database) -> CorruptError:
    """Return the error for a database without the one row that every registry has."""
    return CorruptError(
        f"{database.location} has lost its generation number.", remedy="Restore it from a backup."
    )


def _update_sets(sets: dict[int, frozenset[int]], rows: Iterable[tuple[int, int]]) -> None:
    added: dict[int, set[int]] = {}
    for key, value in rows:
        added.setdefault(key, set()).add(value)
    for key, values in added.items():
        sets[key] = sets.get(key, frozenset()) | values


def _suggest(name: str, names: Iterable[str], what: str) -> str:
    names = sorted(names)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"Did you mean {' or '.join(map(repr, close))}?"
    if len(names) <= 12:
        return f"The {what} are: {', '.join(names)}." if names else f"There are no {what} yet: register it."
    return f"There are {len(names)} {what}, such as {', '.join(names[:8])}."
