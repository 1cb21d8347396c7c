"""Data IDs that constrain a query: values of dimensions are fixed, other keys are conditions like any; nothing is looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from butler_core.errors import DataIdError
from butler_core.expressions.literals import to_literal
from butler_core.expressions.printer import to_text
from butler_core.expressions.tree import Comparison, Condition, Name, disjunction
from butler_core.expressions.where import WhereClause
from butler_core.models.data_id import check_value
from butler_core.models.data_id_keys import find_dimension, find_record_keys, is_plain, unknown_key_error
from butler_core.models.names import ColumnName, DataIdValue, DimensionName
from butler_core.models.universe import DimensionUniverse


def read_data_id(
    universe: DimensionUniverse, given: Mapping[str, Any]
) -> tuple[dict[DimensionName, DataIdValue], tuple[WhereClause, ...]]:
    """Return the values that are fixed, and the conditions that all other keys stand for.

    A name of a column means what it means in a condition, besides that one which only one dimension has needs no other
    dimension beside it.

    Raises `DataIdError` for a key that nobody knows, or a value of another type.
    """
    fixed: dict[DimensionName, DataIdValue] = {}
    clauses = []
    for name, value in given.items():
        dimension = find_dimension(universe, name)
        keys = find_record_keys(universe, name, value)
        if dimension is not None and (not keys or is_plain(universe, {dimension: value})):
            checked = check_value(universe, dimension, value)
            if fixed.setdefault(dimension, checked) != checked:
                raise DataIdError(
                    f"The data ID gives {dimension} twice, as {fixed[dimension]!r} and as {checked!r}.",
                    remedy="Give it once.",
                    name=dimension,
                )
            continue
        if not keys:
            raise unknown_key_error(universe, name)
        if dimension is None and len(keys) > 1:  # which it is depends on what else is joined
            is_clear = len({key.column.type for key in keys}) == 1
            tree: Condition = _equals(name, keys[0].convert(value) if is_clear else value)
        else:
            tree = disjunction(_equals(key.name, key.convert(value)) for key in keys)
        clauses.append(WhereClause(tree, to_text(tree)))
    return fixed, tuple(clauses)


def _equals(name: ColumnName, value: Any) -> Condition:
    return Comparison(op="=", left=Name(name=name), right=to_literal(value, name))


def constrained(universe: DimensionUniverse, names: Iterable[ColumnName]) -> set[DimensionName]:
    """Return the dimensions whose values a condition constrains that mentions these names: themselves, or an alternate key."""
    found = set()
    for name in names:
        dimension = find_dimension(universe, name)
        if dimension is not None:
            found.add(dimension)
        elif "." in name:
            keys = find_record_keys(universe, name, None)
            found.update(
                k.dimension for k in keys if k.column in universe.elements[k.dimension].alternate_keys
            )
    return found


def owners(universe: DimensionUniverse, names: Iterable[ColumnName]) -> set[DimensionName]:
    """Return the dimensions of the elements whose columns these names are, as far as they say so."""
    found: set[DimensionName] = set()
    for name in names:
        element = universe.elements.get(name.partition(".")[0])
        if element is not None:
            found.update(element.required)
    return found
