"""Making refs whole: dimension records and datastore records, predicted for new datasets and read for existing ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from butler_core.contracts.registry import Expansion
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import JournalPathMap
from butler_core.models.opaque import OpaqueTableBatch
from butler_core.models.universe import DimensionGroup
from butler_core.sql.catalog import Catalog
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.dataset_finder import DatasetFinder


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
        self, refs: Iterable[DatasetRef], *, batch_id: UUID, files: Iterable[FileDataset]
    ) -> Expansion:
        """Expand refs of datasets not yet written: all come back, in order."""
        refs = list(refs)
        with self._context.database.read() as cursor:
            generation = self._context.catalogs.current(cursor).generation
            expanded = self._with_dimension_records(cursor, refs)
        files = tuple(files)
        predicted = OpaqueTableBatch()
        for bridge in self._context.bridges:
            predicted.update(bridge.make_opaque_values(expanded, batch_id=batch_id, files=files))
        return Expansion(predicted.attach_to(expanded), self._journal_paths(expanded), generation)

    def expand_existing(self, refs: Iterable[DatasetRef], *, trust: bool) -> Expansion:
        """Expand refs of existing datasets: those that are not there are left out.

        Parameters
        ----------
        refs
            Any refs.
        trust
            Whether refs that are expanded already are returned as they are; else their datastore records are read again.
        """
        refs = list(refs)
        with self._context.database.read() as cursor:
            catalog = self._context.catalogs.current(cursor)
            asked = [ref for ref in refs if not (trust and ref.is_expanded)]
            there = self._find(cursor, catalog, asked)
            kept = [ref for ref in refs if ref.uuid_bytes in there or (trust and ref.is_expanded)]
            kept = self._with_dimension_records(cursor, kept)
            expanded = self._with_datastore_records(cursor, kept, trust=trust)
        return Expansion(expanded, self._journal_paths(expanded), catalog.generation)

    def _find(self, cursor: Cursor, catalog: Catalog, refs: Sequence[DatasetRef]) -> set[bytes]:
        """Return the UUIDs of those refs whose datasets exist, in the RUN and of the type that they say."""
        said = {}
        for ref in refs:
            run = catalog.collections.get(ref.run)
            registered = catalog.dataset_types.get(ref.dataset_type.name.partition(".")[0])
            if run is not None and registered is not None:
                said[ref.uuid_bytes] = (registered.id, run.id)
        uuid_from_value = self._context.database.uuid_from_value
        there = set()
        for value, type_id, run_id in self._finder.find(cursor, list(said)):
            uuid = uuid_from_value(value)
            key = uuid if isinstance(uuid, bytes) else uuid.bytes
            if said[key] == (type_id, run_id):
                there.add(key)
        return there

    def _with_dimension_records(self, cursor: Cursor, refs: Sequence[DatasetRef]) -> list[DatasetRef]:
        """Return refs with expanded data IDs, in order; those that have one keep it."""
        by_group: dict[DimensionGroup, list[int]] = defaultdict(list)
        for position, ref in enumerate(refs):
            if not ref.data_id.is_expanded:
                by_group[ref.dataset_type.dimensions].append(position)
        result = list(refs)
        for group, positions in by_group.items():
            data_ids = [refs[position].data_id for position in positions]
            expanded = self._context.records.expand(cursor, group, data_ids)
            for position, data_id in zip(positions, expanded, strict=True):
                result[position] = refs[position].with_data_id(data_id)
        return result

    def _with_datastore_records(
        self, cursor: Cursor, refs: Sequence[DatasetRef], *, trust: bool
    ) -> list[DatasetRef]:
        asked = [ref for ref in refs if not trust or ref.datastore_records is None]
        batch = self._context.opaque.fetch(cursor, list({ref.uuid_bytes for ref in asked}))
        attached = iter(batch.attach_to(asked))
        return [next(attached) if not trust or ref.datastore_records is None else ref for ref in refs]

    def _journal_paths(self, refs: Iterable[DatasetRef]) -> JournalPathMap:
        runs = {ref.run for ref in refs}
        return {bridge.datastore_id: bridge.journal_paths(runs) for bridge in self._context.bridges}
