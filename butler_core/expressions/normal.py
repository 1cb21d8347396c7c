"""What each branch of a condition demands: its disjunctive normal form, boiled down to the facts that matter."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeAlias, TypeVar

from butler_core.errors import QueryError
from butler_core.expressions.printer import to_text
from butler_core.expressions.tree import And, BoolLiteral, Condition, Not, NullLiteral, Or

_FactT = TypeVar("_FactT", bound=Hashable)
Branches: TypeAlias = frozenset[frozenset[_FactT]]

MAX_BRANCHES = 1024
"""The most different branches that are told apart."""


def branches(
    tree: Condition, facts: Callable[[Condition, bool], Iterable[_FactT]], *, limit: int = MAX_BRANCHES
) -> Branches[_FactT]:
    """Return, for each branch of a condition's disjunctive normal form, the facts of all tests that are and-ed in it.

    `facts` is called with each test (a node that is no AND, OR or NOT) and with whether it must be true or false.  Branches with
    the same facts are one, and ``instrument = 'A' AND visit = 1`` gives the same few facts whatever the values are: so the result
    stays small where the normal form itself grows exponentially.  No branch is left of what can never be true.

    Raises `QueryError` if there are more than `limit` different branches all the same.
    """

    def expand(node: Condition, wanted: bool) -> Branches[_FactT]:
        match node:
            case Not(operand=operand):
                return expand(operand, not wanted)
            case And(operands=operands) | Or(operands=operands):
                parts = (expand(operand, wanted) for operand in operands)
                return any_of(parts) if isinstance(node, Or) == wanted else all_of(parts)
            case BoolLiteral(value=value):
                return frozenset([frozenset[_FactT]()] if value == wanted else [])
            case NullLiteral():
                return frozenset()
        return frozenset([frozenset(facts(node, wanted))])

    def any_of(parts: Iterable[Branches[_FactT]]) -> Branches[_FactT]:
        found: set[frozenset[_FactT]] = set()
        for part in parts:
            found |= part
            check(len(found))
        return frozenset(found)

    def all_of(parts: Iterable[Branches[_FactT]]) -> Branches[_FactT]:
        found: set[frozenset[_FactT]] = {frozenset()}
        for part in parts:
            joined: set[frozenset[_FactT]] = set()
            for first in found:
                joined.update(first | second for second in part)
                check(len(joined))
            found = joined
        return frozenset(found)

    def check(count: int) -> None:
        if count > limit:
            text = to_text(tree)
            raise QueryError(
                f"the condition has more than {limit} branches that differ: {text[:200]}",
                remedy="Write it with fewer ORs within ANDs, for instance with IN and a list.",
                text=text,
                position=None,
                valid=[],
            )

    return expand(tree, True)
