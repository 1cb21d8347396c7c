"""One chunk of an export: a batch, and the files of its datasets; complete in itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from butler_core.models.batch import RawBatch
from butler_core.models.model_config import OPEN
from butler_core.models.names import FormatterName


class RawBatchExport(BaseModel):
    """One chunk of an export file; it can be applied by itself once those before it were."""

    model_config = OPEN

    datastore_config: dict[str, Any] | None = None
    """Of the datastore that wrote the records in the batch; None without records."""
    batch: RawBatch = Field(default_factory=RawBatch)
    files: dict[str, tuple[FormatterName | None, frozenset[UUID]]] = Field(default_factory=dict)
    """Formatter and datasets, by path relative to the export's directory, or absolute URI."""
