"""Making a datastore's directory, and opening what is in it."""

from __future__ import annotations

import os

from butler_core.contracts.datastore import DatastoreAbilities
from butler_core.contracts.journal import JournalStore
from butler_core.errors import ConfigurationError, NotFoundError
from butler_core.files.bridge import JOURNALS, FileBridge, FormatterChoices
from butler_core.files.datastore import FileDatastore
from butler_core.files.local import explain
from butler_core.files.names import RESERVED
from butler_core.hookspecs import OpenContext
from butler_posix import _io
from butler_posix._config import PosixDatastoreConfig, PosixJournalConfig, find_root
from butler_posix._directories import Directories
from butler_posix._journals import COMPLETIONS, PosixJournalStore
from butler_posix._owner import check_owner, claim
from butler_posix._staging import STAGING, Staging
from butler_posix._store import PosixStore

ABILITIES = DatastoreAbilities(
    conditional_write=True,
    delete_on_identity=True,
    consistent_listing=True,
    range_reads=True,
    signs=frozenset(),
    has_artifacts=True,
    bars_writers=True,
    is_ephemeral=False,
)


def create_datastore(config: PosixDatastoreConfig, context: OpenContext) -> None:
    """Make the directory, and try what the datastore relies on.

    Raises
    ------
    ForbiddenError, UnavailableError
        If it cannot be made or written to; it is named.
    ConfigurationError
        If its file system has no hard links, if it is another datastore's directory, or a template names what the universe
        does not have.
    """
    config.check_templates(context.universe)
    root = find_root(config.root, context.root)
    durable = context.durability == "power-loss"
    try:
        _make_with_parents(f"{root}/{RESERVED}", durable)
        directories = Directories(root, durable=durable)
        for directory in (STAGING, JOURNALS, COMPLETIONS):
            directories.prepare(directory)
        _try_links(f"{root}/{STAGING}")
        directories.sync((STAGING, JOURNALS, COMPLETIONS))
        claim(directories, config.datastore_id)
    except OSError as error:
        raise explain(error, "make a datastore in", root) from error


def _make_with_parents(directory: str, durable: bool) -> None:
    """Make a directory and what is missing above it, each durable in the directory above."""
    missing = []
    while not os.path.isdir(directory):
        missing.append(directory)
        directory = os.path.dirname(directory)
    for path in reversed(missing):
        try:
            _io.mkdir(path)
        except FileExistsError:
            if not os.path.isdir(path):
                raise
        if durable:
            _io.fsync(os.path.dirname(path))


def _try_links(directory: str) -> None:
    """Refuse a file system without hard links, with which nothing can be written without replacing anything."""
    name = f"{directory}/.{os.urandom(8).hex()}"
    _io.write_new(name, b"")
    try:
        _io.link(name, f"{name}.link")
        _io.unlink(f"{name}.link")
    except OSError as error:
        raise ConfigurationError(
            f"The file system of {directory} has no hard links ({error.strerror}).",
            remedy="Expected: a file system with hard links, such as ext4, XFS, NFS or Lustre.",
            key="datastore.root",
            expected="a directory in a file system with hard links",
        ) from error
    finally:
        _io.unlink(name)


def open_datastore(config: PosixDatastoreConfig, context: OpenContext) -> FileDatastore:
    """Open a datastore.

    Raises
    ------
    NotFoundError
        If its directory is not there.
    ConfigurationError
        If it is another datastore's.
    """
    directories = _open_directories(config.root, context)
    try:
        check_owner(directories, config.datastore_id)
    except OSError as error:
        raise explain(error, "open the datastore in", directories.root) from error
    staging = Staging(directories)
    bridge = FileBridge(
        config.datastore_id,
        templates=config.templates,
        chosen=FormatterChoices(config.formatters, context.get_formatter, config.write_parameters),
        offered=FormatterChoices(context.default_formatters, context.get_formatter, config.write_parameters),
    )
    return FileDatastore(
        config,
        bridge,
        PosixJournalStore(directories, staging, config.datastore_id),
        PosixStore(directories, staging, find_root(os.curdir, context.root)),
        abilities=ABILITIES,
        storage_classes=context.storage_classes,
        get_formatter=context.get_formatter,
    )


def open_journals(config: PosixJournalConfig, context: OpenContext | None) -> JournalStore:
    """Open the journals of a datastore, without it."""
    directories = _open_directories(config.root, context)
    return PosixJournalStore(directories, Staging(directories), config.datastore_id)


def _open_directories(root: str | os.PathLike[str], context: OpenContext | None) -> Directories:
    path = find_root(root, os.curdir if context is None else context.root)
    if not os.path.isdir(path):
        raise NotFoundError(
            f"There is no datastore in {path}: it is no directory.",
            remedy="Check 'datastore.root' in butler.yaml, and that its file system is mounted.",
            path=path,
        )
    return Directories(path, durable=context is None or context.durability == "power-loss")
