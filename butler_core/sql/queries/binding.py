"""The values of a statement's parameters: from the query, its collections, and the branch of the search that is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from butler_core.errors import InvalidInputError
from butler_core.expressions.query import QueryDescription
from butler_core.expressions.tree import EncodedRegionLiteral, RegionLiteral
from butler_core.expressions.written import Written
from butler_core.sql.catalog import Collection
from butler_core.sql.context import SqlContext
from butler_core.sql.queries.plans import Compiled, Plan
from butler_core.sql.queries.search_values import search_values
from butler_core.sql.queries.searches import Branch
from butler_core.sql.queries.uploads import upload_values


class Binder:
    """Gives the statements of one run of a query their values.

    Parameters
    ----------
    context
        The registry's parts.
    query
        What is asked.
    plan
        Of the query.
    data_id, where_values
        The query's values, checked, in their order.
    members
        For each search the collections that it looks at.
    apart
        Position of the search that is taken apart, whose values are those of a branch; None if none is.
    """

    def __init__(
        self,
        context: SqlContext,
        query: QueryDescription,
        plan: Plan,
        data_id: Sequence[Any],
        where_values: Sequence[Any],
        members: Sequence[Sequence[Collection]],
        apart: int | None,
    ) -> None:
        self._context = context
        self._query = query
        self._plan = plan
        self._data_id = data_id
        self._where_values = where_values
        self._members = members
        self._apart = apart
        self._values: dict[str, Any] | None = None

    def bind(self, compiled: Compiled, branch: Branch | None, more: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the values of a statement's parameters."""
        if self._values is None:
            self._values = self._common()
        values = {**self._values, **more}
        if branch is not None and self._plan.main is not None:
            collection, bind = branch.collection, self._context.database.inline_values("x", "int").bind
            values["type"] = self._plan.types[self._plan.main].id
            values["collection"] = collection.id
            values["run_name"] = values["collection_name"] = collection.name
            if branch.earlier:
                values["earlier"] = bind(branch.earlier)
        converters = self._plan.converters
        for name, source in self._plan.copies.items():
            values[name] = values[source]
        if not converters:
            return tuple([values[name] for name in compiled.statement.parameters])
        return tuple(
            [
                self._convert(name, values[name]) if name in converters else values[name]
                for name in compiled.statement.parameters
            ]
        )

    def _common(self) -> dict[str, Any]:
        """Return the values of all parameters that are the same for each statement."""
        values: dict[str, Any] = {}
        for position, value in enumerate(self._data_id):
            values[f"id{position}"] = value
        for slot, value in enumerate(self._where_values):
            values[f"w{slot}"] = value
        plan = self._plan
        for position, members in enumerate(self._members):
            if position == self._apart:
                continue  # the values are those of the branch
            found = search_values(
                self._context,
                f"s{position}",
                self._query.searches[position],
                plan.types[position],
                members,
                plan.dimensions,
                fields=position == plan.main or plan.uses_fields(position),
            )
            values.update(found)
        database = self._context.database
        values.update(upload_values(database, self._context.universe, self._query.uploads))
        if self._query.uuids is not None:
            uuids = database.inline_values("uuids", "uuid")
            values["uuids"] = uuids.bind(database.uuid_to_value(uuid.bytes) for uuid in self._query.uuids)
        return values

    def _convert(self, name: str, value: Any) -> Any:
        try:
            return self._plan.converters[name](value)
        except InvalidInputError as error:
            if not isinstance(value, RegionLiteral | EncodedRegionLiteral):
                raise
            written = Written(self._query.where_text, self._query.where)
            raise written.error(value, str(error), remedy=error.remedy) from error
