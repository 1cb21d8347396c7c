"""How a registry in an SQLite file is configured."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from butler_core.models.model_config import FROZEN


class SqliteRegistryConfig(BaseModel):
    """The part ``registry`` of a repository's configuration."""

    model_config = FROZEN

    type: Literal["sqlite"] = "sqlite"
    path: str = Field(default="registry.sqlite3", min_length=1)
    """The file: absolute, or relative to the repository's root."""
