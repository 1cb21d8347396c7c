"""Searches for datasets: which collections remain to be looked at, and what a search is in SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.errors import InvalidInputError
from butler_core.expressions.query import DatasetSearch
from butler_core.models.collection import CollectionType
from butler_core.models.names import DataIdValue, DimensionName
from butler_core.sql.catalog import Catalog, Collection, RegisteredType
from butler_core.sql.database import Database
from butler_core.sql.schema import Schema


class Branch(NamedTuple):
    """The part of a search that looks at one collection."""

    collection: Collection
    avoid: str
    """What rows of collections before it hide: those of the same ``key`` (data ID), of the same ``uuid``, or nothing."""
    earlier: tuple[int, ...]
    """RUN and TAGGED collections before it, which may hide rows."""
    earlier_validity: tuple[int, ...]
    """CALIBRATION collections before it, which may hide rows."""

    @property
    def shape(self) -> tuple[str, str, bool, bool]:
        """What two branches that the same statement serves have in common."""
        return self.collection.type.value, self.avoid, bool(self.earlier), bool(self.earlier_validity)


def find_members(catalog: Catalog, search: DatasetSearch) -> tuple[Collection, ...]:
    """Return the collections that may hold the type, chains flattened, in search order.

    Raises
    ------
    CollectionNotFoundError, DatasetTypeNotFoundError
        For names that are unknown.
    InvalidInputError
        If a CALIBRATION collection would take part in a find-first search.
    """
    type_id = catalog.get_dataset_type(search.dataset_type).id
    members = tuple(
        collection
        for collection in catalog.flatten(search.collections)
        if type_id in catalog.types_in.get(collection.id, ())
    )
    if search.find_first:
        for collection in members:
            if collection.type is CollectionType.CALIBRATION:
                raise InvalidInputError(
                    f"A find-first search of {search.dataset_type!r} in CALIBRATION collection {collection.name!r} needs "
                    "a temporal join, which is not possible yet.",
                    remedy="Search with find_first=False, or name the RUN that has the dataset.",
                    collection=collection.name,
                )
    return members


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
    """Take a search apart, such that no dataset is found twice; in the order of the collections' integers.

    That order stays the same while chains are edited, so pages that follow one another agree about it.
    """
    result = []
    is_calibration = [collection.type is CollectionType.CALIBRATION for collection in members]
    for rank, collection in enumerate(members):
        before = [other for other, no in zip(members[:rank], is_calibration, strict=False) if not no]
        validity = tuple(
            [other.id for other, yes in zip(members[:rank], is_calibration, strict=False) if yes]
        )
        if find_first:
            earlier = tuple([other.id for other in before])
        elif collection.type is CollectionType.RUN:  # no other RUN has the same datasets
            earlier = tuple([other.id for other in before if other.type is not CollectionType.RUN])
        else:
            earlier = tuple([other.id for other in before])
        hides = bool(earlier or validity)
        avoid = ("key" if find_first else "uuid") if hides else ""
        result.append(Branch(collection, avoid, earlier, validity))
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
    database: Database,
    table: sa.FromClause,
    other: sa.Table,
    keys: Iterable[DimensionName],
    parameter: str,
    avoid: str,
) -> sa.ColumnElement[bool]:
    """Return whether a row of a table is hidden by one of earlier collections."""
    before = other.alias()
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


def data_ids_of(database: Database, tables: GroupTables, name: str, members: str) -> sa.FromClause:
    """Return the distinct data IDs for which a search finds anything.

    Parameters
    ----------
    database
        Whose SQL it is for.
    tables
        Of the dataset type.
    name
        What the names of parameters begin with: ``{name}_type``, ``{name}_members``, ``{name}_validity``.
    members
        What is searched: ``one`` RUN or TAGGED collection, ``several``, ``validity`` (CALIBRATION), or ``both``.
    """
    selects = []
    if members != "validity":
        selects.append(_distinct_keys(database, tables.membership, tables, name, "members", members == "one"))
    if members in ("validity", "both") and tables.validity is not None:
        selects.append(_distinct_keys(database, tables.validity, tables, name, "validity", False))
    return (selects[0] if len(selects) == 1 else sa.union(*selects)).subquery(name)


def _distinct_keys(
    database: Database, table: sa.Table, tables: GroupTables, name: str, parameter: str, is_one: bool
) -> sa.Select[Any]:
    collection = table.c["_collection"]
    if is_one:
        chosen = collection == sa.bindparam(f"{name}_{parameter}", type_=collection.type)
    else:
        chosen = collection.in_(database.inline_values(f"{name}_{parameter}", "int").select)
    columns: list[Any] = [table.c[key] for key in tables.keys] or [sa.literal_column("1").label("_one")]
    is_type = table.c["_type"] == sa.bindparam(f"{name}_type", type_=table.c["_type"].type)
    return sa.select(*columns).where(is_type, chosen).distinct()


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
