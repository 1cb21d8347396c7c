"""Refs by UUID alone: of what type a dataset is, in which RUN, and its data ID."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from butler_core.models.dataset_ref import DatasetRef, refs_from_rows
from butler_core.models.universe import DimensionGroup
from butler_core.sql.context import SqlContext
from butler_core.sql.lookups.dataset_finder import DatasetFinder
from butler_core.sql.statement import Statement


class RefFinder:
    """Finds refs.

    Parameters
    ----------
    context
        The registry's parts.
    """

    def __init__(self, context: SqlContext) -> None:
        self._context = context
        self._finder = DatasetFinder(context.schema)

    def find(self, uuids: Iterable[UUID]) -> list[DatasetRef]:
        """Return unexpanded refs of those datasets that exist, in order: see `Registry.find_datasets`."""
        keys = [uuid.bytes for uuid in uuids]
        context, database = self._context, self._context.database
        found: dict[bytes, DatasetRef] = {}
        with database.read(context.catalogs.question) as cursor:
            catalog = context.catalogs.answered(cursor)
            collections, types = catalog.collections_by_id, catalog.dataset_types_by_id
            groups: dict[tuple[int, DimensionGroup], list[Any]] = defaultdict(list)
            for uuid, type_id, _ in self._finder.find(cursor, list(dict.fromkeys(keys))):
                registered = types[type_id]
                groups[registered.group_id, registered.dataset_type.dimensions].append(uuid)
            bind = database.inline_values("uuids", "uuid").bind
            rows: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
            for (group_id, group), members in groups.items():
                statement = self._statement(group_id, group)
                for type_id, uuid, run_id, *values in statement.all(cursor, (bind(members),)):
                    rows[type_id].append((uuid, collections[run_id].name, *values))
        for type_id, of_type in rows.items():
            refs = refs_from_rows(types[type_id].dataset_type, of_type)
            found.update(zip((database.uuid_bytes(row[0]) for row in of_type), refs, strict=True))
        return [found[key] for key in keys if key in found]

    def _statement(self, group_id: int, group: DimensionGroup) -> Statement:
        """Return the statement that takes UUIDs of datasets of a group; its rows are type, UUID, run and required values."""
        statement: Statement = self._context.plans.get(
            ("refs by UUID", group_id), lambda: _make_statement(self._context, group_id, group)
        )
        return statement


def _make_statement(context: SqlContext, group_id: int, group: DimensionGroup) -> Statement:
    dataset, table = context.schema.dataset, context.schema.membership(group_id, group)
    # A dataset is in its own RUN, and may be in TAGGED collections besides.
    source = dataset.join(
        table, sa.and_(table.c["_uuid"] == dataset.c.uuid, table.c["_collection"] == dataset.c.run)
    )
    uuids = context.database.inline_values("uuids", "uuid")
    columns = [dataset.c.type, dataset.c.uuid, dataset.c.run, *(table.c[name] for name in group.required)]
    labelled = [column.label(f"s{position}") for position, column in enumerate(columns)]
    select = sa.select(*labelled).select_from(source).where(dataset.c.uuid.in_(uuids.select))
    return Statement(context.database, select, ["uuids"])
