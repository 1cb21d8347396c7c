"""Values of rows as the objects that they stand for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from butler_core.models.dataset_ref import uuid_from_bytes


def as_uuid(value: Any) -> UUID:
    """Return the UUID that a row has as such or as its bytes."""
    return value if isinstance(value, UUID) else uuid_from_bytes(value)
