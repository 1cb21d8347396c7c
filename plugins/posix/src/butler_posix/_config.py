"""What can be configured of the datastore."""

from __future__ import annotations

import os
from typing import Literal

from pydantic import BaseModel

from butler_core.files.config import FileDatastoreConfig
from butler_core.files.local import uri_to_path
from butler_core.models.model_config import FROZEN
from butler_core.models.names import DatastoreId, Uri, UriExpression


class PosixDatastoreConfig(FileDatastoreConfig):
    """A datastore in a directory."""

    type: Literal["posix"] = "posix"
    root: UriExpression = "data"
    """The directory: absolute, or relative to the repository's root."""


class PosixJournalConfig(BaseModel):
    """Journals in a directory, without a datastore."""

    model_config = FROZEN

    type: Literal["posix"] = "posix"
    datastore_id: DatastoreId = ""
    """Whose journals they are."""
    root: UriExpression = "data"
    """The datastore's directory: absolute, or relative to the repository's root."""


def find_root(root: UriExpression, repository: Uri) -> str:
    """Return the absolute path of a datastore's directory; symbolic links that lead to it are resolved."""
    return os.path.realpath(os.path.join(uri_to_path(repository), uri_to_path(root)))
