"""Making refs whole: dimension records and datastore records, predicted for new datasets and read for existing ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from butler_core.contracts.registry import Expansion
from butler_core.errors import DataIdError, IncompatibleError
from butler_core.models.data_id import DataCoordinate
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.file_dataset import FileDataset
from butler_core.models.names import JournalPathMap
from butler_core.models.opaque import OpaqueTableBatch
from butler_core.models.universe import DimensionGroup
from butler_core.sql.context import SqlContext
from butler_core.sql.database import Cursor
from butler_core.sql.datasets import DatasetWriter


class Expander:
    """Expands refs.

    Parameters
    ----------
    context
        The registry's parts.
    """

    def __init__(self, context: SqlContext) -> None:
        self._context = context

    def expand_new(
        self, refs: Iterable[DatasetRef], *, batch_id: UUID, files: Iterable[FileDataset], sign: bool
    ) -> Expansion:
        """Expand refs of datasets not yet written, see `butler_core.contracts.registry.Registry.expand_new_dataset_refs`."""
        _refuse_signing(sign)
        refs = list(refs)
        with self._context.database.read() as cursor:
            generation = self._context.catalogs.current(cursor).generation
            expanded = self._with_records(cursor, refs)
        files = tuple(files)
        predicted = OpaqueTableBatch()
        for bridge in self._context.bridges:
            predicted.update(bridge.make_opaque_values(expanded, batch_id=batch_id, files=files))
        return Expansion(predicted.attach_to(expanded), self._journal_paths(expanded), generation)

    def expand_existing(
        self, refs: Iterable[DatasetRef], *, sign_for_get: bool, sign_for_unstore: bool
    ) -> Expansion:
        """Expand refs of existing datasets, see `butler_core.contracts.registry.Registry.expand_existing_dataset_refs`."""
        _refuse_signing(sign_for_get or sign_for_unstore)
        refs = list(refs)
        asked = [ref for ref in refs if not ref.is_expanded]
        with self._context.database.read() as cursor:
            generation = self._context.catalogs.current(cursor).generation
            found = self._read(cursor, asked) if asked else {}
        expanded = [found.get(id(ref)) if not ref.is_expanded else ref for ref in refs]
        present = [ref for ref in expanded if ref is not None]
        return Expansion(present, self._journal_paths(present), generation)
