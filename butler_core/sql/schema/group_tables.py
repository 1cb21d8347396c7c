"""Tables of dimension groups: which datasets are in which collections, by data ID.

There is a pair of them for each group of dimensions that some dataset type has: one for RUN and TAGGED collections,
where a data ID occurs once for a type and collection, and one for CALIBRATION collections, where it occurs once at any time.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql import quoted_name

from butler_core.models.universe import DimensionGroup
from butler_core.sql.database import ColumnKind, Database
from butler_core.sql.schema.element_tables import foreign_keys


def key_kinds(group: DimensionGroup) -> tuple[ColumnKind, ...]:
    """Return what the columns of a group's required dimensions hold."""
    return tuple(dimension_kind(group, name) for name in group.required)


def dimension_kind(group: DimensionGroup, name: str) -> ColumnKind:
    """Return what a column for the values of a dimension holds."""
    key = group.universe.dimensions[name].primary_key
    assert key is not None  # every dimension has one
    return "int" if key.type == "int" else "string"


def membership_columns(database: Database, name: str, group: DimensionGroup) -> list[SchemaItem]:
    """Return what a table of RUN and TAGGED membership is made of."""
    return [
        *_key(database, group),
        sa.Column("_uuid", database.column_type("uuid"), nullable=False),
        *_constraints(name, group),
    ]


def validity_columns(database: Database, name: str, group: DimensionGroup) -> list[SchemaItem]:
    """Return what a table of CALIBRATION membership is made of."""
    time = database.column_type("time")
    return [
        *_key(database, group),
        sa.Column("_begin", time, primary_key=True, nullable=False),
        sa.Column("_end", time, nullable=False),
        sa.Column("_uuid", database.column_type("uuid"), nullable=False),
        *_constraints(name, group),
        *database.never_overlapping(["_type", "_collection", *group.required], "_begin", "_end"),
    ]


def _key(database: Database, group: DimensionGroup) -> list[sa.Column[object]]:
    kinds = {"_type": "int", "_collection": "int"} | dict(zip(group.required, key_kinds(group), strict=True))
    return [
        sa.Column(quoted_name(name, True), database.column_type(kind), primary_key=True, nullable=False)  # type: ignore[arg-type]
        for name, kind in kinds.items()
    ]


def _constraints(name: str, group: DimensionGroup) -> list[SchemaItem]:
    return [
        # Through this row of the summaries to type and collection: so summaries never say too little.
        sa.ForeignKeyConstraint(
            ["_type", "_collection"], ["collection_type.type", "collection_type.collection"]
        ),
        sa.ForeignKeyConstraint(["_uuid"], ["dataset.uuid"]),
        *foreign_keys(group.universe, group.required),
        sa.Index(f"{name}_uuid", "_uuid"),
    ]
