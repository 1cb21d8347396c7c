"""What the writers of one batch share while its transaction is open."""

from __future__ import annotations

import sqlalchemy as sa

from butler_core.sql.catalog import Catalog
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.statement import Statement


class Generation:
    """The statements that raise a registry's generation; made once.

    Parameters
    ----------
    context
        The registry's parts.
    """

    def __init__(self, context: SqlContext) -> None:
        table = context.schema.generation
        raised = (
            sa.update(table).values(current=table.c.current + 1).returning(table.c.current, table.c.removed)
        )
        self.start = Statement(context.database, sa.insert(table), ["id", "current", "removed"])
        self.raise_ = Statement(context.database, raised)
        self.note_removal = Statement(context.database, sa.update(table).values(removed=table.c.current))


class Transaction:
    """One open write transaction: its cursor, and the catalog as the batch has changed it so far.

    Parameters
    ----------
    context
        The registry's parts.
    generation
        How to raise the generation.
    cursor
        Of the transaction.
    is_careful
        Whether writers look for what would break a constraint before they write, so that the error can name it.
    """

    def __init__(
        self, context: SqlContext, generation: Generation, cursor: Cursor, *, is_careful: bool
    ) -> None:
        self.context = context
        self.cursor = cursor
        self.is_careful = is_careful
        self.catalog: Catalog = context.catalogs.current(cursor)
        self._statements = generation
        self._base = self.catalog
        self._raised: tuple[int, int] | None = None
        self._is_stale = False

    def mark_change(self) -> int:
        """Say that collections, dataset types, summaries or governors change; return the number to mark rows with.

        What is changed shows in `catalog` after `refresh`.
        """
        if self._raised is None:
            current, removed = self._statements.raise_.all(self.cursor)[0]
            self._raised = (current, removed)
        self._is_stale = True
        return self._raised[0]

    def mark_removal(self) -> None:
        """Say that a collection or dataset type goes, so that everybody reads all of them again."""
        current = self.mark_change()
        self._statements.note_removal.execute(self.cursor)
        self._raised = (current, current)

    def refresh(self) -> Catalog:
        """Bring `catalog` up to date with what this transaction changed, and return it."""
        if self._is_stale and self._raised is not None:
            self.catalog = self.context.catalogs.read(self.cursor, self._base, *self._raised)
            self._is_stale = False
        return self.catalog

    def publish(self) -> None:
        """After the commit: let others use the catalog."""
        if self._raised is not None and not self._is_stale:
            self.context.catalogs.publish(self.catalog)
