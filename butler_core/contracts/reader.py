"""Readers of foreign export formats: other systems' files as chunks that a butler can import."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from butler_core.models.export import RawBatchExport
from butler_core.models.names import Uri
from butler_core.models.universe import DimensionUniverse


class ForeignExportReader(ABC):
    """One foreign format of export files; stateless, so one serves all threads."""

    name: str
    """What the format is called, in messages and where a user chooses it."""

    @abstractmethod
    def matches(self, path: Uri, header: bytes) -> bool:
        """Whether a file is of this format, seen from its name and its first 4096 bytes; says no rather than guess."""

    @abstractmethod
    def read(self, path: Uri, universe: DimensionUniverse) -> Iterator[RawBatchExport]:
        """Yield the file's content chunk by chunk, each complete in itself once those before it were applied.

        Paths of files stay as the export has them: relative to its directory, or absolute URIs.

        Parameters
        ----------
        path
            The export file.
        universe
            The repository's universe; records of older versions are brought into it.

        Raises
        ------
        CorruptError
            If the file is damaged; place and line are named.
        IncompatibleError
            If the format is newer than this code, or its universe has nothing to do with the repository's.
        InvalidInputError
            If it names an element, column or value that the universe does not have.
        """
