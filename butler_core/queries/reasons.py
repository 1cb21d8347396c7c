"""Why a query finds nothing, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from butler_core.expressions.printer import to_text
from butler_core.expressions.tree import And, Condition, names_in
from butler_core.expressions.where import WhereClause
from butler_core.models.universe import DimensionUniverse
from butler_core.queries.services import Services
from butler_core.queries.specification import Specification


class Empty(Protocol):
    """A query without results, of which less can be asked."""

    @property
    def _specification(self) -> Specification:
        """What was asked."""

    @property
    def _services(self) -> Services:
        """Of the butler."""

    def _is_empty_with(self, specification: Specification) -> bool:
        """Whether the same of another specification has no rows."""


def find_reasons(query: Empty, foreseen: Sequence[str]) -> list[str]:
    """Return why a query has no rows; never nothing.

    Parameters
    ----------
    query
        The query, which has none.
    foreseen
        What the definitions tell already.
    """
    if foreseen:
        return list(foreseen)
    whole = replace(query._specification, offset=0, limit=None)
    if whole != query._specification and not query._is_empty_with(whole):
        return ["There are rows, but the slice lies behind the last of them."]
    bare = replace(whole, conditions=(), data_id=(), uuids=None, uploads=(), is_settled=True)
    if query._is_empty_with(bare):
        return _without_conditions(query, bare)
    parts = list(_parts(query, whole, bare))
    alone = [text for text, part in parts if query._is_empty_with(part)]
    if alone:
        return [f"There are rows, but none for which this holds: {text}." for text in alone]
    together = " AND ".join(text for text, _ in parts)
    return [f"There are rows for each part of the condition, but none for all of it: {together}."]


def _without_conditions(query: Empty, bare: Specification) -> list[str]:
    reasons = []
    if len(bare.searches) > 1:
        for search in bare.searches:
            if query._is_empty_with(replace(bare, searches=(search,))):
                name = search.dataset_type.name
                reasons.append(f"No dataset of type {name!r} fits what else is joined.")
    return reasons or [
        "Nothing there is fits the query, whatever its conditions: records or datasets for it are missing."
    ]


def _parts(query: Empty, whole: Specification, bare: Specification) -> Iterator[tuple[str, Specification]]:
    """Take the constraints apart: each in words, and as the only one."""
    fixed = dict(whole.data_id)
    defaults = dict(whole.defaults_used(query._services.universe, query._services.defaults))
    governors = tuple(
        (name, value)
        for name, value in (fixed | defaults).items()
        if name in query._services.universe.governor_dimensions
    )
    for name, value in fixed.items():
        yield f"{name} = {value!r}", replace(bare, data_id=tuple(dict((*governors, (name, value))).items()))
    for name, value in defaults.items():
        yield f"{name} = {value!r} (the butler's default)", replace(bare, data_id=((name, value),))
    conjuncts = [WhereClause(t, to_text(t)) for clause in whole.conditions for t in _conjuncts(clause.tree)]
    # What fixes a governor goes along with each: others may make no sense without it.
    fixing = tuple(clause for clause in conjuncts if _mentions_governor(query._services.universe, clause))
    for clause in conjuncts:
        conditions = fixing if clause in fixing else (*fixing, clause)
        yield clause.text, replace(bare, data_id=governors, conditions=conditions)
    for upload in whole.uploads:
        what = ", ".join((*upload.dimensions, *upload.dataset_types))
        yield f"one of {upload.length} given ({what})", replace(bare, uploads=(upload,))
    if whole.uuids is not None:
        yield f"one of {len(whole.uuids)} UUIDs", replace(bare, uuids=whole.uuids)


def _mentions_governor(universe: DimensionUniverse, clause: WhereClause) -> bool:
    return any(name.partition(".")[0] in universe.governor_dimensions for name in names_in(clause.tree))


def _conjuncts(tree: Condition) -> Iterator[Condition]:
    if isinstance(tree, And):
        for operand in tree.operands:
            yield from _conjuncts(operand)
    else:
        yield tree
