"""A condition together with the text that it was made of, so that an error about a part of it shows the place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from butler_core.errors import QueryError
from butler_core.expressions.places import error_at
from butler_core.expressions.printer import to_text
from butler_core.expressions.tree import Expr, Name, RegionLiteral, names_in, walk


class Written(NamedTuple):
    """A tree, and what was written; where that is not known, the canonical form stands for it."""

    text: str
    tree: Expr | None

    @property
    def shown(self) -> str:
        """The text to show, which is empty if there is no tree."""
        return self.text or ("" if self.tree is None else to_text(self.tree))

    def mentions(self, name: str) -> bool:
        """Whether the tree has the name."""
        return self.tree is not None and name in names_in(self.tree)

    def error(self, node: Expr, problem: str, *, remedy: str = "", valid: Iterable[str] = ()) -> QueryError:
        """Make an error about a node; of one that is in no part of the tree, it shows the node alone."""
        if self.tree is None or all(part is not node for part in walk(self.tree)):
            return Written("", node).error(node, problem, remedy=remedy, valid=valid)
        for text in (self.text, to_text(self.tree)):
            position = _find(text, self.tree, node)
            if position is not None:
                return error_at(text, position, problem, remedy=remedy, valid=valid)
        return QueryError(problem, remedy=remedy, text=self.shown, position=None, valid=list(valid))


def _find(text: str, tree: Expr, node: Expr) -> int | None:
    """Return where the first name or region of a node stands in a text; None if the text is of another tree, or it has none."""
    # Late, for lark's sake: conditions that were built in Python never need it, unless there is something to show.
    from butler_core.expressions.builder import mark_positions

    try:
        marks = mark_positions(text)
    except QueryError:  # the text is for people: whoever sent it need not have made it of the tree
        return None
    parts = [part for part in walk(tree) if isinstance(part, Name | RegionLiteral)]
    if len(marks) != len(parts):
        return None
    within = {id(part) for part in walk(node)}
    return next((mark for mark, part in zip(marks, parts, strict=True) if id(part) in within), None)
