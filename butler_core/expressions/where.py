"""What users give as ``where`` and as ``order_by``, text or `Expression`, made into checked trees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from butler_core.errors import InvalidInputError, QueryError
from butler_core.expressions.columns import Expression, tree_of
from butler_core.expressions.printer import to_text
from butler_core.expressions.tree import Condition, Expr, Sign, is_condition
from butler_core.models.checking import read_items, read_mapping

Where: TypeAlias = str | Expression
OrderBy: TypeAlias = Where | Iterable[Where]
"""What to sort by; ``-name`` descends."""


class WhereClause(NamedTuple):
    """A condition, and the text to show when something in it turns out wrong."""

    tree: Condition
    text: str
    """As the user wrote it, or in canonical form if it was no text."""


class OrderKey(NamedTuple):
    """One thing to sort by."""

    tree: Expr
    descending: bool
    text: str
    """As the user wrote it, or in canonical form if it was no text."""


def parse(text: str, bind: Mapping[str, Any] | None = None) -> Expr:
    """Parse a text of the ``where`` language, with bind values for its ``:name``.

    Raises `QueryError`, whose details tell the text, the position and what is valid there.
    """
    # Late, for lark's sake: whoever builds conditions in Python, or gets them as trees, never loads it.
    from butler_core.expressions.builder import build_tree

    return build_tree(text, bind or {})


def read_where(where: Where, bind: Mapping[str, Any] | None = None) -> WhereClause | None:
    """Make a condition of what a user gave as ``where``; None if it is blank and so demands nothing.

    Raises `QueryError` if it cannot be understood, is no condition, lacks a bind value or leaves one unused.
    """
    values = read_mapping(bind, "bind")
    if isinstance(where, str) and (where.strip() or values):
        tree, text = parse(where, values), where
    elif isinstance(where, str):
        return None
    elif values:
        raise InvalidInputError(
            f"bind values {', '.join(sorted(values))} were given with a condition that is no text",
            remedy="Use the values themselves in Python expressions.",
        )
    else:
        tree, text = _tree_of(where, "where")
    if not is_condition(tree):
        raise QueryError(
            f"{text!r} is a value and no condition",
            remedy="Compare it with something.",
            text=text,
            position=0,
            valid=[],
        )
    return WhereClause(tree, text)


def read_order_by(order_by: OrderBy) -> tuple[OrderKey, ...]:
    """Make sort keys of what a user gave as ``order_by``; ``-`` before all of a key makes it descend.

    Raises `QueryError` if one cannot be understood.
    """
    terms = (order_by,) if isinstance(order_by, str | Expression) else read_items(order_by, "sort keys")
    return tuple(map(_order_key, terms))


def _order_key(term: Where) -> OrderKey:
    tree, text = (parse(term), term) if isinstance(term, str) else _tree_of(term, "order_by")
    if isinstance(tree, Sign) and tree.op == "-":
        return OrderKey(tree.operand, True, text)
    return OrderKey(tree, False, text)


def _tree_of(expression: object, argument: str) -> tuple[Expr, str]:
    if not isinstance(expression, Expression):
        raise InvalidInputError(
            f"{argument} {expression!r} is of type {type(expression).__name__}",
            remedy="Give text, or an expression made of butler_core.columns.",
        )
    tree = tree_of(expression)
    return tree, to_text(tree)
