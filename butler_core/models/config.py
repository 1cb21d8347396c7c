"""A repository's configuration: what ``butler.yaml`` says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel

from butler_core.models.model_config import FROZEN
from butler_core.models.names import Durability, Uri

CONFIG_VERSION: Literal[1] = 1


class RepositoryConfig(BaseModel):
    """One repository: which plugins it is made of and how they are set up.

    The two mappings are checked by the plugins that their ``type`` names.
    """

    model_config = FROZEN

    version: Literal[1] = CONFIG_VERSION
    repository_id: UUID
    """Made once, with the repository; the same in every copy of its configuration."""
    root: Uri
    """Where it is; not written into a ``butler.yaml`` that lies there itself."""
    registry: Mapping[str, Any]
    datastore: Mapping[str, Any]
    durability: Durability = "power-loss"
    """What a finished write survives."""
    allow_pickle: bool = False
    """Whether formatters that can run code on reading may be used."""
