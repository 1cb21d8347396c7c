"""Governors must be fixed where it matters: detector 5 means nothing as long as nobody says of which instrument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from butler_core.expressions.normal import branches
from butler_core.expressions.tree import (
    And,
    Comparison,
    Condition,
    Expr,
    In,
    IntLiteral,
    Name,
    StringLiteral,
    walk,
)
from butler_core.expressions.written import Written
from butler_core.models.names import DimensionName
from butler_core.models.universe import DimensionUniverse
from butler_core.sql.queries.names import ColumnTarget, DimensionTarget, QueryNames, Target

_Fact: TypeAlias = tuple[bool, DimensionName, str]
"""Whether a governor is fixed or else used; the governor; the name that uses it."""


def check_governors(
    universe: DimensionUniverse,
    where: Condition,
    written: Written,
    names: QueryNames,
    given: Iterable[DimensionName],
) -> None:
    """Raise `QueryError` if some branch of a condition constrains what a governor scopes, and nothing fixes that.

    Parameters
    ----------
    universe
        Of the dimensions.
    where
        The condition.
    written
        The condition and its text, for errors.
    names
        What its names stand for.
    given
        Dimensions whose values the data ID fixes.
    """
    fixed = frozenset(given)

    def find_unscoped(only: Name | None = None) -> tuple[DimensionName, str] | None:
        """Return a governor that is missing and the name that needs it; ``only`` asks about one of the names."""

        def facts(test: Condition, wanted: bool) -> Iterable[_Fact]:
            governor = _fixed_by(test, wanted, names, universe)
            if governor is not None:
                yield (True, governor, "")
            for part in walk(test):
                if isinstance(part, Name) and (only is None or part is only):
                    for used in _scopes(universe, names[part.name]):
                        if used not in fixed:
                            yield (False, used, part.name)

        for branch in branches(where, facts):
            known = {governor for is_fixed, governor, _ in branch if is_fixed}
            for _, governor, name in sorted(fact for fact in branch if not fact[0]):
                if governor not in known:
                    return governor, name
        return None

    if find_unscoped() is None:
        return
    # The same name may be all right elsewhere in the condition, so each is asked about until one is to blame.
    for node in walk(where):
        unscoped = find_unscoped(node) if isinstance(node, Name) else None
        if unscoped is not None:
            governor, name = unscoped
            raise written.error(
                node,
                f"{name} means nothing without a value of {governor}, which nothing fixes here",
                remedy=f"Add {governor} = '...' to the condition, or give {governor}=... as a data ID value.",
                valid=[governor],
            )


def _scopes(universe: DimensionUniverse, target: Target) -> list[DimensionName]:
    """Return the governors that give a meaning to what a name stands for."""
    if isinstance(target, DimensionTarget):
        element = universe.dimensions[target.name]
    elif (
        isinstance(target, ColumnTarget) and target.info.type != "region"
    ):  # the sky is the same for everyone
        element = universe.elements[target.element]
    else:
        return []
    return [
        name for name in element.required if name in universe.governor_dimensions and name != element.name
    ]


def _fixed_by(
    test: Condition, wanted: bool, names: QueryNames, universe: DimensionUniverse
) -> DimensionName | None:
    """Return the governor that is fixed if a test is as wanted; a list fixes it too, since it stands for branches."""
    name: Expr | None = None
    if isinstance(test, Comparison) and test.op == ("=" if wanted else "!="):
        sides = [test.left, test.right]
        if any(isinstance(side, StringLiteral | IntLiteral) for side in sides):
            name = next((side for side in sides if isinstance(side, Name)), None)
    elif isinstance(test, In) and wanted:
        name = test.operand
    return _governor(name, names, universe)


def _governor(node: Expr | None, names: QueryNames, universe: DimensionUniverse) -> DimensionName | None:
    if isinstance(node, Name):
        target = names[node.name]
        if isinstance(target, DimensionTarget) and target.name in universe.governor_dimensions:
            return target.name
    return None


def fixed_slots(
    where: Condition | None, names: QueryNames, universe: DimensionUniverse, slots: Mapping[int, int]
) -> list[tuple[DimensionName, int]]:
    """Return the governors that a whole condition fixes by ``=``, and the position of each one's value."""
    found = []
    for part in where.operands if isinstance(where, And) else (where,):
        if isinstance(part, Comparison) and part.op == "=":
            for name, value in ((part.left, part.right), (part.right, part.left)):
                governor = _governor(name, names, universe)
                if governor is not None and isinstance(value, StringLiteral | IntLiteral):
                    found.append((governor, slots[id(value)]))
    return found
