"""Making refs whole: dimension records and datastore records, predicted for new datasets and read for existing ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from butler_core.contracts.registry import Expansion
from butler_core.models.bulk import unwatched
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import CollectionName, DatasetTypeName, JournalPathMap
from butler_core.models.opaque import OpaqueTableBatch
from butler_core.models.universe import DimensionGroup
from butler_core.sql.catalog import Catalog
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.lookups.dataset_finder import DatasetFinder
from butler_core.sql.lookups.dataset_lookups import look_up_ref


class Expander:
    """Expands refs.

    Parameters
    ----------
    context
        The registry's parts.
    """

    def __init__(self, context: SqlContext) -> None:
        self._context = context
        self._finder = DatasetFinder(context.schema)

    def expand_new(
        self, refs: Iterable[DatasetRef], *, batch_id: UUID, files: Iterable[FileDataset], predict: bool
    ) -> Expansion:
        """Expand refs of datasets not yet written: all come back, in order."""
        refs, files = list(refs), tuple(files)
        with unwatched():
            if len(refs) == 1 and not refs[0].data_id.is_expanded:
                data_id, generation = self._context.records.expand_one(refs[0].data_id)
                expanded = [refs[0].with_data_id(data_id)]
            else:
                catalogs = self._context.catalogs
                with self._context.database.read(catalogs.question) as cursor:
                    generation = catalogs.answered(cursor).generation
                    expanded = self._with_dimension_records(cursor, refs)
            if not predict:
                return Expansion(expanded, {}, generation)
            predicted = OpaqueTableBatch()
            for bridge in self._context.bridges:
                values = bridge.make_opaque_values(expanded, batch_id=batch_id, files=files)
                if predicted:
                    predicted.update(values)
                else:
                    predicted = values
            return Expansion(predicted.attach_to(expanded), self._journal_paths(expanded), generation)

    def expand_existing(
        self, refs: Iterable[DatasetRef], *, trust: bool, dimension_records: bool = True
    ) -> Expansion:
        """Expand refs of existing datasets: those that are not there are left out.

        Parameters
        ----------
        refs
            Any refs.
        trust
            Whether refs that are expanded already are returned as they are; else their datastore records are read again.
        dimension_records
            Whether dimension records are wanted at all.
        """
        refs = list(refs)
        if len(refs) == 1 and not dimension_records:
            expansion = self._expand_existing_one(refs[0], trust=trust)
            if expansion is not None:
                return expansion
        with unwatched():
            catalogs = self._context.catalogs
            with self._context.database.read(catalogs.question) as cursor:
                catalog = catalogs.answered(cursor)
                asked = [ref for ref in refs if not (trust and ref.is_expanded)]
                there = self._find(cursor, catalog, asked)
                if len(there) < len(asked):
                    refs = [ref for ref in refs if (trust and ref.is_expanded) or ref.uuid_bytes in there]
                if dimension_records:
                    refs = self._with_dimension_records(cursor, refs)
                refs = self._with_datastore_records(cursor, refs, trust=trust)
            return Expansion(refs, self._journal_paths(refs), catalog.generation)

    def _expand_existing_one(self, ref: DatasetRef, *, trust: bool) -> Expansion | None:
        """Add the datastore records of one dataset, in one statement that says the generation too; None if that is not enough."""
        context = self._context
        catalog, database = context.catalogs.known, context.database
        if context.opaque.only_table is None or (trust and ref.datastore_records is not None):
            return None
        found = look_up_ref(
            context, lambda statement, values: statement.ask_all(database, values), catalog, ref.uuid_bytes
        )
        if found is None:
            return None
        is_there = (found.type_id, found.run_id) == _ids_of(catalog, ref.dataset_type.name, ref.run)
        refs = found.records.attach_to([ref]) if is_there else []
        return Expansion(refs, self._journal_paths(refs), catalog.generation)

    def _find(self, cursor: Cursor, catalog: Catalog, refs: Sequence[DatasetRef]) -> set[bytes]:
        """Return the UUIDs of those refs whose datasets exist, in the RUN and of the type that they say."""
        ids: dict[tuple[DatasetTypeName, CollectionName], tuple[int, int]] = {}
        said = {}
        for ref in refs:
            names = (ref.dataset_type.name, ref.run)
            if names not in ids:
                ids[names] = _ids_of(catalog, *names)
            said[ref.uuid_bytes] = ids[names]
        uuid_bytes = self._context.database.uuid_bytes
        return {
            key
            for value, type_id, run_id in self._finder.find(cursor, list(said))
            if said[key := uuid_bytes(value)] == (type_id, run_id)
        }

    def _with_dimension_records(self, cursor: Cursor, refs: Sequence[DatasetRef]) -> list[DatasetRef]:
        """Return refs with expanded data IDs, in order; those that have one keep it."""
        by_group: dict[DimensionGroup, list[int]] = defaultdict(list)
        data_ids = [ref.data_id for ref in refs]
        for position, data_id in enumerate(data_ids):
            if not data_id.is_expanded:
                by_group[data_id.dimensions].append(position)
        result = list(refs)
        for group, positions in by_group.items():
            expanded = self._context.records.expand(
                cursor, group, [data_ids[position] for position in positions]
            )
            for position, data_id in zip(positions, expanded, strict=True):
                result[position] = refs[position].with_data_id(data_id)
        return result

    def _with_datastore_records(
        self, cursor: Cursor, refs: Sequence[DatasetRef], *, trust: bool
    ) -> list[DatasetRef]:
        asked = [ref for ref in refs if not trust or ref.datastore_records is None]
        records = self._context.opaque.fetch(cursor, [ref.uuid_bytes for ref in asked])
        # Who trusts nothing is about to remove them all; others may never look at most of them.
        attached = records.attach_to(asked) if trust else records.to_batch().attach_to(asked)
        if len(asked) == len(refs):
            return attached
        answers = iter(attached)
        return [next(answers) if ref.datastore_records is None else ref for ref in refs]

    def _journal_paths(self, refs: Iterable[DatasetRef]) -> JournalPathMap:
        runs = {ref.run for ref in refs}
        return {bridge.datastore_id: bridge.journal_paths(runs) for bridge in self._context.bridges}


def _ids_of(catalog: Catalog, type_name: DatasetTypeName, run_name: CollectionName) -> tuple[int, int]:
    """Return the integers of a dataset type (a component's: its parent's) and a RUN; -1 for what there is not."""
    registered = catalog.dataset_types.get(type_name.partition(".")[0])
    run = catalog.collections.get(run_name)
    return -1 if registered is None else registered.id, -1 if run is None else run.id
