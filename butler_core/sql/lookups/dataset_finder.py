"""Looking datasets up by UUID."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from butler_core.sql.database import Cursor
from butler_core.sql.schema.tables import Schema
from butler_core.sql.statement import Statement


class DatasetFinder:
    """Finds datasets.

    Parameters
    ----------
    schema
        Where they are.
    """

    def __init__(self, schema: Schema) -> None:
        database, table = schema.database, schema.dataset
        self._to_value = database.uuid_to_value
        uuids = database.inline_values("uuids", "uuid")
        self._bind = uuids.bind
        select = sa.select(table.c.uuid, table.c.type, table.c.run)
        self._one = Statement(database, select.where(table.c.uuid == sa.bindparam("one")), ["one"])
        self._many = Statement(database, select.where(table.c.uuid.in_(uuids.select)), ["uuids"])

    def find(self, cursor: Cursor, uuids: Sequence[bytes]) -> list[tuple[Any, int, int]]:
        """Return UUID (as the database has it), type and RUN of those datasets that exist, in any order."""
        if len(uuids) == 1:
            return self._one.all(cursor, (self._to_value(uuids[0]),))
        return self._many.all(cursor, (self._bind(map(self._to_value, uuids)),)) if uuids else []
