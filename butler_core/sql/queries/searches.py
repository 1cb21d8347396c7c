"""Searches for datasets: which collections remain to be looked at, and what a search is in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.expressions.query import DatasetSearch
from butler_core.models.collection import CollectionType
from butler_core.models.names import DataIdValue, DimensionName
from butler_core.sql.catalog import Catalog, Collection, RegisteredType
from butler_core.sql.database import Database
from butler_core.sql.schema.tables import Schema


class Branch(NamedTuple):
    """The part of a search in RUN and TAGGED collections that looks at one of them."""

    collection: Collection
    avoid: str
    """What rows of collections before it hide: those of the same ``key`` (data ID), of the same ``uuid``, or nothing."""
    earlier: tuple[int, ...]
    """Collections before it, which may hide rows."""

    @property
    def shape(self) -> tuple[str, str, bool]:
        """What two branches that the same statement serves have in common."""
        return self.collection.type.value, self.avoid, bool(self.earlier)


def kind_of(members: Sequence[Collection]) -> str:
    """Return which kinds of collections a search looks at.

    ``one`` or ``several`` RUN and TAGGED ones, one ``calibration`` or several ``calibrations``, or ``both``.
    """
    calibrations = sum([1 for collection in members if collection.type is CollectionType.CALIBRATION])
    if not calibrations:
        return "one" if len(members) == 1 else "several"
    if calibrations < len(members):
        return "both"
    return "calibration" if calibrations == 1 else "calibrations"


def find_members(catalog: Catalog, search: DatasetSearch) -> tuple[Collection, ...]:
    """Return the collections that may hold the type, chains flattened, in search order.

    Raises
    ------
    CollectionNotFoundError, DatasetTypeNotFoundError
        For names that are unknown.
    """
    type_id = catalog.get_dataset_type(search.dataset_type).id
    return tuple(
        collection
        for collection in catalog.flatten(search.collections)
        if type_id in catalog.types_in.get(collection.id, ())
    )


def prune(
    catalog: Catalog,
    registered: RegisteredType,
    members: Sequence[Collection],
    fixed: Mapping[DimensionName, Any],
) -> Sequence[Collection]:
    """Return those collections that may hold data IDs with these values of governors."""
    relevant = {
        name: value for name, value in fixed.items() if name in registered.dataset_type.dimensions.governors
    }
    if not relevant:
        return members
    none: frozenset[DataIdValue] = frozenset()
    return [
        collection
        for collection in members
        if all(
            value in catalog.governors_in.get(collection.id, {}).get(name, none)
            for name, value in relevant.items()
        )
    ]


def branches(members: Sequence[Collection], *, find_first: bool) -> list[Branch]:
    """Take a search in RUN and TAGGED collections apart, such that no dataset is found twice.

    The branches are in the order of the collections' integers.  That stays the same while chains are edited, so pages that
    follow one another agree about it.
    """
    result = []
    for rank, collection in enumerate(members):
        before = members[:rank]
        if not find_first and collection.type is CollectionType.RUN:  # no other RUN has the same datasets
            before = [other for other in before if other.type is not CollectionType.RUN]
        earlier = tuple([other.id for other in before])
        avoid = ("key" if find_first else "uuid") if earlier else ""
        result.append(Branch(collection, avoid, earlier))
    result.sort(key=_by_id)
    return result


def _by_id(branch: Branch) -> int:
    return branch.collection.id


class GroupTables(NamedTuple):
    """The tables with the members of a dataset type."""

    membership: sa.Table
    validity: sa.Table | None
    """None if the group has none."""
    keys: tuple[DimensionName, ...]

    @classmethod
    def of(cls, schema: Schema, catalog: Catalog, registered: RegisteredType) -> GroupTables:
        """Find them."""
        group = registered.dataset_type.dimensions
        _, has_validity = catalog.groups[group]
        return cls(
            schema.membership(registered.group_id, group),
            schema.validity(registered.group_id, group) if has_validity else None,
            group.required,
        )


def hidden(
    database: Database, table: sa.Table, keys: Iterable[DimensionName], parameter: str, avoid: str
) -> sa.ColumnElement[bool]:
    """Return whether a row of a table is hidden by one of earlier collections."""
    before = table.alias()
    conditions = [
        before.c["_type"] == table.c["_type"],
        before.c["_collection"].in_(database.inline_values(parameter, "int").select),
        *(before.c[name] == table.c[name] for name in keys),
    ]
    if avoid == "uuid":
        conditions.append(before.c["_uuid"] == table.c["_uuid"])
    return sa.exists(sa.select(sa.literal_column("1")).select_from(before).where(*conditions))


def data_id_not_in(tables: GroupTables) -> sa.Select[Any]:
    """Return whether a collection has any data ID that an earlier one lacks, as one row or none.

    Its parameters are ``type``, ``collection`` and ``first``, the earlier one.
    """
    table = tables.membership
    keys: list[Any] = [table.c[key] for key in tables.keys] or [sa.literal_column("1").label("_one")]
    is_type = table.c["_type"] == sa.bindparam("type", type_=table.c["_type"].type)
    here, there = (
        sa.select(*keys).where(
            is_type, table.c["_collection"] == sa.bindparam(name, type_=table.c["_type"].type)
        )
        for name in ("collection", "first")
    )
    # Sorted, both sides come in the order of the primary key and the first difference ends it.
    order: list[Any] = [sa.literal_column(str(position)) for position in range(1, len(keys) + 1)]
    found = sa.except_(here, there).order_by(*order).limit(1).subquery()
    return sa.select(sa.literal_column("1")).select_from(found)


def data_ids_of(
    database: Database,
    tables: GroupTables,
    name: str,
    kind: str,
    fixed: Mapping[DimensionName, str] = MappingProxyType({}),
) -> sa.FromClause:
    """Return the distinct data IDs for which a search finds anything, at any time.

    Parameters
    ----------
    database
        Whose SQL it is for.
    tables
        Of the dataset type.
    name
        What the names of parameters begin with: ``{name}_type``, ``{name}_members``, ``{name}_validity``.
    kind
        What is searched, see `kind_of`.
    fixed
        Dimensions of which only one value is wanted, and the parameter that has it.
    """
    looks: list[tuple[sa.Table, str, bool]] = []
    if kind in ("one", "several", "both"):
        looks.append((tables.membership, "members", kind == "one"))
    if kind not in ("one", "several") and tables.validity is not None:
        looks.append((tables.validity, "validity", False))
    selects = []
    for table, parameter, is_one in looks:
        chosen = _in_collections(database, table, f"{name}_{parameter}", is_one)
        columns: list[Any] = [table.c[key] for key in tables.keys] or [sa.literal_column("1").label("_one")]
        values = {"_type": f"{name}_type", **fixed}
        wanted = [
            table.c[key] == sa.bindparam(value, type_=table.c[key].type) for key, value in values.items()
        ]
        selects.append(sa.select(*columns).where(*wanted, chosen).distinct())
    return (selects[0] if len(selects) == 1 else sa.union(*selects)).subquery(name)


def _in_collections(
    database: Database, table: sa.Table, parameter: str, is_one: bool
) -> sa.ColumnElement[bool]:
    collection = table.c["_collection"]
    if is_one:
        return collection == sa.bindparam(parameter, type_=collection.type)
    return collection.in_(database.inline_values(parameter, "int").select)


def datasets_of(database: Database, tables: GroupTables, name: str, *, find_first: bool) -> sa.FromClause:
    """Return what a search finds in RUN and TAGGED collections: required dimensions, ``_uuid``, ``_collection``.

    Its parameters are ``{name}_type`` and those of rows (collection, rank), which are called ``{name}_ranks`` and, for a
    find-first search, ``{name}_winners``.
    """
    table = tables.membership.alias()
    is_type = sa.bindparam(f"{name}_type", type_=table.c["_type"].type)
    ranks = database.inline_rows(f"{name}_ranks", ("int", "int")).source
    keys = [table.c[key] for key in tables.keys]
    columns = [*keys, table.c["_uuid"], table.c["_collection"]]
    if not find_first:
        source: sa.FromClause = table.join(ranks, table.c["_collection"] == ranks.c.c0)
        return sa.select(*columns).select_from(source).where(table.c["_type"] == is_type).subquery(name)
    inner = tables.membership.alias()
    inner_keys = [inner.c[key] for key in tables.keys]
    best = (
        sa.select(*inner_keys, sa.func.min(ranks.c.c1).label("_rank"))
        .select_from(inner.join(ranks, inner.c["_collection"] == ranks.c.c0))
        .where(inner.c["_type"] == is_type)
        .group_by(*inner_keys)
        .subquery()
    )
    winners = database.inline_rows(f"{name}_winners", ("int", "int")).source
    source = best.join(winners, winners.c.c1 == best.c["_rank"]).join(
        table,
        sa.and_(
            table.c["_collection"] == winners.c.c0, *(table.c[key] == best.c[key] for key in tables.keys)
        ),
    )
    return sa.select(*columns).select_from(source).where(table.c["_type"] == is_type).subquery(name)
