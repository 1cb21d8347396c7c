"""What this package offers: the datastore ``posix``, and its journals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.contracts.datastore import Datastore
from butler_core.contracts.journal import JournalStore
from butler_core.hookspecs import Backend, DatastoreBackend, OpenContext, hookimpl
from butler_posix._config import PosixDatastoreConfig, PosixJournalConfig


def _create(config: PosixDatastoreConfig, context: OpenContext) -> None:
    from butler_posix._open import create_datastore

    create_datastore(config, context)


def _open(config: PosixDatastoreConfig, context: OpenContext) -> Datastore:
    from butler_posix._open import open_datastore

    return open_datastore(config, context)


def _open_bridge(config: Mapping[str, Any]) -> DatastoreBridge:
    from butler_core.files.bridge import FileBridge

    return FileBridge.from_config(config)


def _open_journals(config: PosixJournalConfig, context: OpenContext | None) -> JournalStore:
    from butler_posix._open import open_journals

    return open_journals(config, context)


@hookimpl
def butler_datastores() -> Sequence[DatastoreBackend]:
    """Offer the datastore."""
    return [
        DatastoreBackend(
            name="posix",
            summary="Files in a directory.",
            config_model=PosixDatastoreConfig,
            create=_create,
            open=_open,
            open_bridge=_open_bridge,
        )
    ]


@hookimpl
def butler_journals() -> Sequence[Backend[JournalStore]]:
    """Offer its journals."""
    return [
        Backend(
            name="posix",
            summary="Files beside the data.",
            config_model=PosixJournalConfig,
            open=_open_journals,
        )
    ]
