"""What the names of a query are in SQL; joins what they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from butler_core.errors import InternalError, InvalidInputError
from butler_core.models.universe import DimensionUniverse
from butler_core.sql.queries.joins import Joins
from butler_core.sql.queries.names import DimensionTarget, FieldTarget, PixelTarget, QueryNames, RecordTarget
from butler_core.sql.queries.region_conditions import RegionRows
from butler_core.sql.queries.search_sources import SearchSource
from butler_core.sql.queries.typed_values import Typed
from butler_core.sql.schema.element_tables import UNBOUNDED_BEGIN, UNBOUNDED_END
from butler_core.sql.schema.tables import Schema


class NameResolver:
    """Says what the names of a query are in SQL, and joins what they need.

    Parameters
    ----------
    schema
        The tables.
    universe
        Of the dimensions.
    names
        What the names stand for.
    joins
        What is joined.
    sources
        What is joined of each search; None if that is nothing but its data IDs.
    """

    def __init__(
        self,
        schema: Schema,
        universe: DimensionUniverse,
        names: QueryNames,
        joins: Joins,
        sources: Sequence[SearchSource | None],
    ) -> None:
        self._schema = schema
        self._universe = universe
        self._names = names
        self._joins = joins
        self._sources = sources
        self._aliases: dict[tuple[int, str], sa.FromClause] = {}
        self.multiplies = False
        """Whether a name was used of which one row has several values."""

    def get(self, name: str) -> Typed:
        """Return what a name is."""
        target = self._names[name]
        if isinstance(target, DimensionTarget):
            column = self._joins.column(target.name)
            key = self._universe.dimensions[target.name].primary_key
            assert key is not None  # every dimension has one
            return Typed(key.type, column, nullable=self._joins.is_nullable(target.name))
        if isinstance(target, FieldTarget):
            return self._field(target)
        if isinstance(target, RecordTarget):
            return self._record(target)
        if isinstance(target, PixelTarget):
            if self._universe.geometry is None:
                raise InvalidInputError(
                    f"{name} is the region of a pixel, and universe {self._universe.namespace!r} names no geometry.",
                    remedy=f"Compare the number of the pixel: {target.name}.",
                )
            region = self._schema.database.pixel_region(target.name, self._joins.column(target.name))
            return Typed("region", region)
        table = self._joins.add_element(target.element)
        columns, info = table.columns[target.info.name], target.info
        nullable = info.nullable or self._joins.is_outer(target.element)
        if info.name == "region" and table.overlaps is not None:
            return Typed(
                "region", columns[0], nullable=nullable, pixels=RegionRows(table.key, table.overlaps)
            )
        if info.type != "timespan":
            return Typed(info.type, columns[0], nullable=nullable)
        if not target.bound:
            return Typed("timespan", columns[0], columns[1], nullable=nullable)
        return Typed("time", _bound(columns, target.bound))

    def _source(self, search: int) -> SearchSource:
        source = self._sources[search]
        if source is None:
            raise InternalError(f"Search {search} was joined without its fields.", remedy="Report a bug.")
        return source

    def _field(self, target: FieldTarget) -> Typed:
        source = self._source(target.search)
        if target.name == "uuid":
            return Typed("uuid", source.uuid, nullable=False)
        if target.name == "ingest_date":
            return Typed("time", self._dataset(target.search).c.ingest_date, nullable=False)
        if target.name == "timespan":
            if not target.bound:
                return Typed("timespan", source.begin, source.end, nullable=False)
            return Typed("time", _bound((source.begin, source.end), target.bound))
        if target.name == "collection":
            if source.collection_name:
                return Typed("string", self._text(source.collection_name), nullable=False)
            name = self._name_of(target.search, "collection", source.collection)
            return Typed("string", name, nullable=False)
        if source.run_name:
            return Typed("string", self._text(source.run_name), nullable=False)
        run = self._dataset(target.search).c.run
        return Typed("string", self._name_of(target.search, "run", run), nullable=False)

    def _text(self, parameter: str) -> Any:
        return sa.bindparam(parameter, type_=self._schema.database.column_type("string"))

    def _join_once(
        self,
        key: tuple[int, str],
        table: sa.Table,
        on: Callable[[sa.FromClause], Any],
        *,
        is_outer: bool = False,
    ) -> sa.FromClause:
        alias = self._aliases.get(key)
        if alias is None:
            alias = self._aliases[key] = table.alias(f"{key[1]}_{key[0]}")
            self._joins.add_table(alias, on(alias), is_outer=is_outer)
        return alias

    def _dataset(self, search: int) -> sa.FromClause:
        uuid = self._source(search).uuid
        return self._join_once((search, "dataset"), self._schema.dataset, lambda alias: alias.c.uuid == uuid)

    def _name_of(self, search: int, role: str, id_: Any) -> Any:
        return self._join_once(
            (search, role), self._schema.collection, lambda alias: alias.c.id == id_
        ).c.name

    def _record(self, target: RecordTarget) -> Typed:
        self.multiplies = self.multiplies or bool(target.table.key)
        uuid = self._source(target.search).uuid
        alias = self._join_once(
            (target.search, f"records_{target.table.name}"),
            self._schema.opaque[target.table.name],
            lambda alias: alias.c.dataset_uuid == uuid,
            is_outer=True,
        )
        type_ = next(column.type for column in target.table.columns if column.name == target.name)
        return Typed(type_, alias.c[target.name])


def _bound(columns: Sequence[sa.ColumnElement[Any]], which: str) -> Any:
    """Return the begin or end of a timespan: NULL if it is open, or the timespan empty or missing."""
    begin, end = columns
    bound, unbounded = (begin, UNBOUNDED_BEGIN) if which == "begin" else (end, UNBOUNDED_END)
    return sa.case((sa.and_(begin < end, bound != unbounded), bound))
