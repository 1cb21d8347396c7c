"""How a registry in a PostgreSQL database is configured."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from butler_core.models.model_config import FROZEN


class PostgresRegistryConfig(BaseModel):
    """The part ``registry`` of a repository's configuration."""

    model_config = FROZEN

    type: Literal["postgres"] = "postgres"
    url: str = Field(default="postgresql://", min_length=1)
    """Where the database is, as libpq reads it, without a password; what it leaves out comes from the environment
    (``PGHOST`` and its like), a service file and ``~/.pgpass``."""
    namespace: str = Field(default="butler", min_length=1, max_length=63)
    """The schema that has the tables: several repositories may share a database."""
