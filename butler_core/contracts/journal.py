"""Where journals are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from butler_core.models.journal import Journal
from butler_core.models.names import Uri


class JournalStore(ABC):
    """Durable notes, outside any Registry transaction.

    Names begin with a UTC timestamp and have random characters, so that listing gives the oldest first and no two collide.
    """

    @abstractmethod
    def create(self, location: Uri, journal: Journal) -> str:
        """Write a journal under a new name, complete and durable before it can be listed; return the name.

        ``location`` is one of the bridge's ``journal_paths``.
        """

    @abstractmethod
    def renew(
        self, name: str, *, requests_until: datetime | None = None, uploads: Sequence[str] = ()
    ) -> None:
        """Note later requests and uploads; `NotFoundError` if the journal was dropped meanwhile."""

    @abstractmethod
    def list(self) -> Iterator[str]:
        """Return the names of all journals, oldest first, none left out.

        For some that cannot be listed there is a name too, which `read` refuses.
        """

    @abstractmethod
    def read(self, name: str) -> Journal:
        """Read one.

        Raises
        ------
        CorruptError
            If it is damaged or truncated, or lies where its RUN does not belong.
        IncompatibleError
            If its format is newer than this code.
        ForbiddenError, UnavailableError
            If the store does not let it be read.
        NotFoundError
            If it was dropped meanwhile.
        """

    @abstractmethod
    def drop(self, name: str) -> None:
        """Remove one; an absent one is fine."""

    @abstractmethod
    def publish(self, batch_id: UUID, key: str, record: bytes) -> bool:
        """Publish the completion of a quantum: True to the first of a key, False to the others."""

    @abstractmethod
    def published(self, batch_id: UUID) -> Iterator[tuple[str, bytes]]:
        """Return what was published for a batch."""
