"""Whose a datastore's directory is: two repositories in one would each take the other's files for garbage."""

from __future__ import annotations

import os

from butler_core.errors import ConfigurationError
from butler_core.files.names import RESERVED
from butler_core.models.names import DatastoreId
from butler_posix import _io
from butler_posix._directories import Directories
from butler_posix._staging import STAGING

OWNER = f"{RESERVED}/owner"


def claim(directories: Directories, datastore_id: DatastoreId) -> None:
    """Note whose directory it is.  Raises `ConfigurationError` if it is another one's."""
    aside = f"{directories.root}/{STAGING}/.{os.urandom(8).hex()}"
    _io.write_new(aside, f"{datastore_id}\n".encode())
    try:
        directories.sync_files((aside,))
        _io.link(aside, f"{directories.root}/{OWNER}")
    except FileExistsError:
        check_owner(directories, datastore_id)
    finally:
        _io.unlink(aside)
    directories.sync((RESERVED,))


def check_owner(directories: Directories, datastore_id: DatastoreId) -> None:
    """Raise `ConfigurationError` if a directory is another datastore's; one that nobody has claimed is everybody's."""
    path = f"{directories.root}/{OWNER}"
    try:
        with open(path, "rb") as stream:
            owner = stream.read(1000).decode(errors="replace").strip()
    except FileNotFoundError:
        return
    if owner != datastore_id:
        raise ConfigurationError(
            f"{directories.root} has the files of datastore {owner!r}, and this repository's is {datastore_id!r}: "
            "each would take what the other wrote for garbage.",
            remedy=f"Give each repository a 'datastore.root' of its own.  If the other one is gone, remove {path}.",
            key="datastore.root",
            expected="a directory of its own",
        )
