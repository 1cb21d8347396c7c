"""How dimension records behind data IDs are read: the statements, in which order, and what follows from what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from butler_core.models.bulk import picker
from butler_core.models.names import DataIdValue, DimensionElementName
from butler_core.models.universe import DimensionGroup
from butler_core.sql.database import InlineRows
from butler_core.sql.schema.element_tables import ElementTable, column_kind
from butler_core.sql.schema.group_tables import key_kinds
from butler_core.sql.schema.tables import Schema
from butler_core.sql.statement import Statement

Key = tuple[DataIdValue, ...]


class ElementReader(NamedTuple):
    """How to read records of one element."""

    table: ElementTable
    one: Statement
    """By one key."""
    many: Statement
    """By many keys."""
    rows: InlineRows
    """How `many` takes the keys."""


class Step(NamedTuple):
    """One element's turn when everything behind data IDs of a group is read."""

    name: DimensionElementName
    reader: ElementReader
    pick: Callable[[Sequence[Any]], Key]
    """Takes the key out of full values (as far as they are known)."""
    sources: tuple[int, ...]
    """The positions in full values that `pick` takes."""
    implied: tuple[tuple[int, int, int], ...]
    """For each implied dimension: position in the record's values, in a row of all elements, and in full values."""
    columns: slice
    """Of a row that has all elements side by side."""
    place: int
    """Among the group's elements."""
    roots: tuple[int, ...]
    """The positions of those required values that the key follows from."""


class ReadingPlan(NamedTuple):
    """How to read everything behind data IDs of a group."""

    group: DimensionGroup
    steps: tuple[Step, ...]
    readers: Mapping[DimensionElementName, tuple[ElementTable, slice] | None]
    """For each element of the group its columns in a row of all elements; None for one without a table."""
    one: Statement
    """For one data ID: the rows of all steps side by side, then the generation; takes the required values."""
    blanks: tuple[None, ...]
    """In place of the implied values, before they are known."""
    projections: tuple[tuple[int, ...], ...]
    """The distinct `Step.roots`, and for each value that several elements imply all that it follows from."""


def make_plan(
    schema: Schema, group: DimensionGroup, get_reader: Callable[[DimensionElementName], ElementReader]
) -> ReadingPlan:
    """Return how to read everything behind data IDs of a group; ``get_reader`` returns the reader of an element with a table."""
    steps: list[Step] = []
    width = 0
    roots: dict[int, frozenset[int]] = {n: frozenset([n]) for n in range(len(group.required))}
    for name in group.lookup_order:
        if name in schema.elements:
            reader = get_reader(name)
            element, index = reader.table.element, reader.table.shape.index
            sources = tuple(group.positions[dimension] for dimension in element.required)
            columns = slice(width, width + len(reader.table.table.columns))
            offsets = list(reader.table.table.columns)
            implied = tuple(
                (
                    index[dimension],
                    width + offsets.index(reader.table.columns[dimension][0]),
                    group.positions[dimension],
                )
                for dimension in element.implied
            )
            width = columns.stop
            origin = frozenset().union(*(roots[source] for source in sources))
            for *_, target in implied:
                roots[target] = roots.get(target, frozenset()) | origin
            place, order = group.elements.index(name), tuple(sorted(origin))
            steps.append(Step(name, reader, picker(sources), sources, implied, columns, place, order))
    readers: dict[DimensionElementName, tuple[ElementTable, slice] | None]
    readers = dict.fromkeys(group.elements)
    readers.update({step.name: (step.reader.table, step.columns) for step in steps})
    one = _make_side_by_side(schema, group, steps)
    blanks = (None,) * len(group.implied)
    implied_roots = [tuple(sorted(roots[target])) for step in steps for *_, target in step.implied]
    projections = dict.fromkeys([*(step.roots for step in steps), *implied_roots])
    return ReadingPlan(group, tuple(steps), readers, one, blanks, tuple(sorted(projections, key=len)))


def make_reader(schema: Schema, table: ElementTable) -> ElementReader:
    """Return how to read the records of an element."""
    database = schema.database
    kinds = [column_kind(info.type) for info in table.shape.columns[: table.shape.key_length]]
    rows = database.inline_rows("keys", kinds)
    names = [f"key{position}" for position in range(len(table.key))]
    same = [column == sa.bindparam(name) for column, name in zip(table.key, names, strict=True)]
    matches = [column == rows.source.c[f"c{position}"] for position, column in enumerate(table.key)]
    return ElementReader(
        table,
        Statement(database, sa.select(table.table).where(*same), names),
        Statement(
            database,
            sa.select(table.table).select_from(rows.source.join(table.table, sa.and_(*matches))),
            rows.parameters,
        ),
        rows,
    )


def _make_side_by_side(schema: Schema, group: DimensionGroup, steps: Sequence[Step]) -> Statement:
    """Return the statement that reads the records of one data ID, each element's NULL where there is none, and the generation."""
    database, kinds = schema.database, key_kinds(group)
    generation = schema.generation.c.current
    given = sa.select(
        generation,
        *(
            sa.bindparam(f"value{position}", type_=database.column_type(kind)).label(f"c{position}")
            for position, kind in enumerate(kinds)
        ),
    ).subquery("given")
    known: dict[int, sa.ColumnElement[Any]] = {
        position: given.c[f"c{position}"] for position in range(len(kinds))
    }
    source: sa.FromClause = given
    for step in steps:
        table = step.reader.table
        matches = [
            column == known[position] for column, position in zip(table.key, step.sources, strict=True)
        ]
        source = source.outerjoin(table.table, sa.and_(*matches))
        columns = list(table.columns.values())
        for position, _, target in step.implied:
            known.setdefault(target, columns[position][0])
    # Two elements may have columns of one name: labels keep SQLAlchemy from dropping or renaming any.
    selected = [column for step in steps for column in step.reader.table.table.columns]
    labelled = [column.label(f"s{position}") for position, column in enumerate(selected)]
    names = [f"value{position}" for position in range(len(kinds))]
    return Statement(database, sa.select(*labelled, given.c[generation.name]).select_from(source), names)
