"""The two errors that every formatter has: bytes that are not its format, and objects that its format cannot hold."""

from __future__ import annotations

from butler_core.errors import CorruptError, InvalidInputError
from butler_core.models.dataset_ref import DatasetRef


def damaged(ref: DatasetRef, what: str, error: Exception) -> CorruptError:
    """Return the error for bytes that are not of their format."""
    return CorruptError(
        f"What is stored for {ref} is not {what}: {error}",
        remedy="Restore the file, or ingest it with the formatter that it needs.",
        uuid=str(ref.uuid),
    )


def refuse(ref: DatasetRef, what: str, error: Exception, expected: str) -> InvalidInputError:
    """Return the error for an object that a format cannot hold."""
    return InvalidInputError(
        f"The object for {ref} cannot be written as {what}: {error}",
        remedy=f"Give {expected}; or choose another formatter.",
        uuid=str(ref.uuid),
    )
