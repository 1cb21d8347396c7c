"""Many conditions joined in groups of groups: ``a AND b AND c`` are nested pairs to a database, which limits how deep they go."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.sql.elements import Grouping

_WIDEST = 64
"""How many conditions are joined without parentheses of their own."""


def join_balanced(
    join: Callable[..., sa.ColumnElement[bool]], conditions: Sequence[sa.ColumnElement[bool]]
) -> sa.ColumnElement[bool]:
    """Join one or more conditions by ``sa.and_`` or ``sa.or_``."""
    while len(conditions) > _WIDEST:
        conditions = [
            # Without the cast in Python, SQLAlchemy would see what is in the parentheses and take them away.
            sa.type_coerce(Grouping(join(*conditions[start : start + _WIDEST])), sa.Boolean())
            for start in range(0, len(conditions), _WIDEST)
        ]
    return join(*conditions)
