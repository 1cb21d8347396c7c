"""The tables of a registry, as SQLAlchemy describes them: those that every repository has, and those of its datastores.

Names of columns that are ours begin with an underscore wherever a universe names columns too; names from universes never
do, so none collide.  Tables of dimension elements are in `butler_core.sql.schema.element_tables`, those of dimension groups in
`butler_core.sql.schema.group_tables`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable, SchemaItem
from sqlalchemy.sql import quoted_name

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.forks import guarded
from butler_core.models.names import DimensionElementName, OpaqueTableName
from butler_core.models.opaque import OpaqueTable
from butler_core.models.universe import DimensionGroup, DimensionUniverse
from butler_core.sql.database import ColumnKind, Cursor, Database
from butler_core.sql.schema.element_tables import ElementTable
from butler_core.sql.schema.group_tables import membership_columns, validity_columns

SCHEMA_VERSION = 2
"""The version of the tables that this code makes and understands."""


class Schema:
    """Every table of one registry.

    Parameters
    ----------
    database
        Whose column types to use.
    universe
        The repository's dimension universe.
    bridges
        Of its datastores, which say what tables they need.
    """

    def __init__(
        self, database: Database, universe: DimensionUniverse, bridges: Iterable[DatastoreBridge] = ()
    ) -> None:
        self.database = database
        self.universe = universe
        self.metadata = sa.MetaData()
        self._make_definition_tables()
        self._make_collection_tables()
        self._make_dataset_tables()
        self.elements: Mapping[DimensionElementName, ElementTable] = _ElementTables(
            database, self.metadata, universe
        )
        """Tables of the elements that have one."""
        self.opaque: Mapping[OpaqueTableName, sa.Table] = MappingProxyType(
            {name: self._opaque_table(table) for bridge in bridges for name, table in bridge.tables.items()}
        )
        """Tables of the datastores' records."""
        self._group_tables: dict[tuple[str, DimensionGroup], sa.Table] = {}
        self._lock = guarded(threading.Lock())

    # -- fixed tables

    def _column(
        self, name: str, kind: ColumnKind, *, nullable: bool = False, key: bool = False
    ) -> sa.Column[object]:
        return sa.Column(name, self.database.column_type(kind), nullable=nullable, primary_key=key)

    def _surrogate(self) -> sa.Column[object]:
        return sa.Column("id", self.database.column_type("int"), sa.Identity(), primary_key=True)

    def _table(
        self, name: str, *items: SchemaItem, is_small: bool = False, has_surrogate: bool = False
    ) -> sa.Table:
        options = self.database.table_options(is_small=is_small, has_surrogate=has_surrogate)
        return sa.Table(name, self.metadata, *items, **options)

    def _make_definition_tables(self) -> None:
        column = self._column
        self.meta = self._table(
            "meta", column("key", "string", key=True), column("value", "string"), is_small=True
        )
        """The universe, and versions of the schema's parts (``version:...``)."""
        self.generation = self._table(
            "generation", column("id", "int", key=True), column("current", "int"), column("removed", "int")
        )
        """One row: the generation, and the last one in which anything was removed."""
        self.outcome = self._table(
            "outcome",
            column("batch_id", "uuid", key=True),
            column("outcome", "string"),
            column("at", "time"),
            column("datasets", "int"),
            column("syncs", "json", nullable=True),
            is_small=True,
        )
        """What became of batches, and what they answered."""
        self.dataset_group = self._table(
            "dataset_group",
            self._surrogate(),
            column("dimensions", "json"),
            column("has_validity", "bool"),
            sa.UniqueConstraint("dimensions"),
            has_surrogate=True,
        )
        """Dimension groups of dataset types, by their required dimensions."""
        self.dataset_type = self._table(
            "dataset_type",
            self._surrogate(),
            column("name", "string"),
            sa.Column(
                "dataset_group",
                self.database.column_type("int"),
                sa.ForeignKey("dataset_group.id"),
                nullable=False,
            ),
            column("storage_class", "string"),
            column("is_calibration", "bool"),
            column("changed", "int"),
            sa.UniqueConstraint("name"),
            has_surrogate=True,
        )

    def _make_collection_tables(self) -> None:
        column = self._column
        self.collection = self._table(
            "collection",
            self._surrogate(),
            column("name", "string"),
            column("type", "string"),
            column("doc", "string"),
            column("changed", "int"),
            sa.UniqueConstraint("name"),
            sa.Index("collection_changed", "changed"),
            has_surrogate=True,
        )
        """``changed`` is the generation of the last change, of a chain's children too."""
        self.collection_chain = self._table(
            "collection_chain",
            column("parent", "int", key=True),
            column("position", "int", key=True),
            column("child", "int"),
            sa.ForeignKeyConstraint(["parent"], ["collection.id"]),
            sa.ForeignKeyConstraint(["child"], ["collection.id"]),
            sa.Index("collection_chain_child", "child"),
            is_small=True,
        )
        self.collection_type = self._table(
            "collection_type",
            column("type", "int", key=True),
            column("collection", "int", key=True),
            column("changed", "int"),
            sa.ForeignKeyConstraint(["type"], ["dataset_type.id"]),
            sa.ForeignKeyConstraint(["collection"], ["collection.id"]),
            sa.Index("collection_type_changed", "changed"),
            sa.Index("collection_type_collection", "collection"),
            is_small=True,
        )
        """Which dataset types a collection may hold; no membership is without its row here."""
        self.collection_governor = self._table(
            "collection_governor",
            column("collection", "int", key=True),
            column("dimension", "string", key=True),
            column("value", "json", key=True),
            column("changed", "int"),
            sa.ForeignKeyConstraint(["collection"], ["collection.id"]),
            sa.Index("collection_governor_changed", "changed"),
            is_small=True,
        )
        """Which values of governor dimensions a collection's data IDs may have."""

    def _make_dataset_tables(self) -> None:
        column = self._column
        # No foreign keys: the row of its RUN's membership, which has them, comes and goes with it; indexes to check
        # them when types and collections are removed would cost every insertion.
        self.dataset = self._table(
            "dataset",
            column("uuid", "uuid", key=True),
            column("type", "int"),
            column("run", "int"),
            column("ingest_date", "time"),
            is_small=True,
        )

    def _opaque_table(self, table: OpaqueTable) -> sa.Table:
        name = f"opaque_{table.name}"
        items: list[SchemaItem] = [self._column("dataset_uuid", "uuid", key=True)]
        items += [
            sa.Column(
                quoted_name(column.name, True),
                self.database.column_type(column.type),
                nullable=column.nullable,
                primary_key=column.name in table.key,
            )
            for column in table.columns
        ]
        items.append(sa.ForeignKeyConstraint(["dataset_uuid"], ["dataset.uuid"]))
        if table.artifact_column is not None:
            items.append(sa.Index(quoted_name(f"{name}_artifact", True), table.artifact_column))
        return self._table(quoted_name(name, True), *items, is_small=True)

    # -- tables of dimension groups

    def membership(self, group_id: int, group: DimensionGroup) -> sa.Table:
        """Return the table of RUN and TAGGED membership for datasets of a group of dimensions.

        Its columns: ``_type``, ``_collection``, the required dimensions, ``_uuid``.
        """
        return self._group_table(f"membership_{group_id}", group, membership_columns)

    def validity(self, group_id: int, group: DimensionGroup) -> sa.Table:
        """Return the table of CALIBRATION membership; it exists if a calibration type of the group was registered.

        Its columns: ``_type``, ``_collection``, the required dimensions, ``_begin``, ``_end``, ``_uuid``.
        """
        return self._group_table(f"validity_{group_id}", group, validity_columns)

    def _group_table(
        self,
        name: str,
        group: DimensionGroup,
        columns: Callable[[Database, str, DimensionGroup], list[SchemaItem]],
    ) -> sa.Table:
        table = self._group_tables.get((name, group))
        if table is None:
            with self._lock:
                table = self._group_tables.get((name, group))
                if table is None:
                    if (
                        name in self.metadata.tables
                    ):  # of a registration that was rolled back: its number is given again
                        self.metadata.remove(self.metadata.tables[name])
                    table = self._table(name, *columns(self.database, name, group), is_small=True)
                    self._group_tables[name, group] = table
        return table

    # -- making them

    def create_all(self, cursor: Cursor) -> None:
        """Make the tables that every repository has, and those of its elements and datastores."""
        self._describe_elements()
        for table in self.metadata.sorted_tables:
            self.create(cursor, table)

    def create(self, cursor: Cursor, table: sa.Table) -> None:
        """Make one table with its indexes, within the transaction."""
        self._describe_elements()
        dialect = self.database.dialect
        cursor.execute(str(CreateTable(table).compile(dialect=dialect)))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            cursor.execute(str(CreateIndex(index).compile(dialect=dialect)))

    def _describe_elements(self) -> None:
        """Describe the tables of all elements, which the foreign keys of others name."""
        for name in self.elements:
            self.elements[name]


class _ElementTables(Mapping[DimensionElementName, ElementTable]):
    """The tables of a universe's elements, each described when it is first asked for: a process uses few of them."""

    def __init__(self, database: Database, metadata: sa.MetaData, universe: DimensionUniverse) -> None:
        self._make = partial(ElementTable, database, metadata, universe)
        self._elements = {name: each for name, each in universe.elements.items() if each.has_table}
        self._made: dict[DimensionElementName, ElementTable] = {}
        self._lock = guarded(threading.Lock())

    def __getitem__(self, name: DimensionElementName) -> ElementTable:
        table = self._made.get(name)
        if table is None:
            with self._lock:
                table = self._made.get(name)
                if table is None:
                    table = self._made[name] = self._make(self._elements[name])
        return table

    def __contains__(self, name: object) -> bool:
        return name in self._elements

    def __iter__(self) -> Iterator[DimensionElementName]:
        return iter(self._elements)

    def __len__(self) -> int:
        return len(self._elements)
