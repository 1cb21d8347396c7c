"""Hooks that a plugin implements to lend the butler a backend.

A plugin announces names as entry points, one group for each kind (`butler_core.installed` has the list).  An entry point's
name is the name that configurations use; its target is a module with implementations of the hooks below, imported when
one of its names is first needed.  So keep that module small, and let it import what is heavy when something is opened.

A hook answers with frozen descriptions and never with live connections: it opens nothing and needs no network, disk or
credentials.  One module may announce several names and kinds; only the descriptions whose names were announced count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import pluggy
from pydantic import BaseModel

from butler_core.contracts.bridge import DatastoreBridge
from butler_core.contracts.datastore import Datastore
from butler_core.contracts.formatter import Formatter
from butler_core.contracts.geometry import Geometry
from butler_core.contracts.journal import JournalStore
from butler_core.contracts.reader import ForeignExportReader
from butler_core.contracts.registry import Registry
from butler_core.contracts.universe import UniverseProvider
from butler_core.models.names import Durability, FormatterName, GetParameter, StorageClassName, Uri
from butler_core.models.storage_class import StorageClass
from butler_core.models.universe import DimensionUniverse

_T = TypeVar("_T")

hookspec = pluggy.HookspecMarker("butler")
hookimpl = pluggy.HookimplMarker("butler")
"""What plugins decorate their hook implementations with."""


class OpenContext(NamedTuple):
    """What the core hands to a backend that is made or opened for one repository."""

    root: Uri
    """Where the repository lies; relative places in configurations count from here."""
    universe: DimensionUniverse | None
    """The universe of a repository that is being made.  None when one is opened: its Registry keeps the universe, and says so
    in `butler_core.contracts.registry.RegistryInfo`."""
    durability: Durability
    """What a finished write must survive."""
    writeable: bool
    """False: nothing may be changed, so locks and temporary files are not needed either."""
    storage_classes: Mapping[StorageClassName, StorageClass]
    """Looked up on access, so whatever is not asked for is not imported."""
    get_formatter: Callable[[FormatterName], Formatter]
    get_geometry: Callable[[], Geometry | None]
    """The universe's geometry; None if there is none."""
    get_signer: Callable[[str], Any]
    """The URL signer of a name."""
    default_formatters: Mapping[StorageClassName, FormatterName]
    """Who writes a storage class where the configuration names nobody; looked up on access."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Backend(Generic[_T]):
    """Something that needs no preparation: a formatter, a journal store, a universe, a geometry, a reader."""

    name: str
    """As announced, and as configurations have it."""
    summary: str
    """One line for listings."""
    config_model: type[BaseModel] | None = None
    """Checks the configuration before `open` gets it; None: there is nothing to configure, and `open` gets None."""
    open: Callable[[Any, OpenContext | None], _T]
    """Make it, from its checked configuration; the context is None outside any repository."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RegistryBackend:
    """A kind of Registry."""

    name: str
    summary: str
    config_model: type[BaseModel]
    """Checks the part ``registry`` of a repository's configuration."""
    create: Callable[[Any, OpenContext, Sequence[DatastoreBridge]], None]
    """Make the schema, with the bridges' tables; once in a repository's life.  `ConflictError` if it is there already."""
    open: Callable[[Any, OpenContext, Sequence[DatastoreBridge]], Registry]
    """Open what `create` made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatastoreBackend:
    """A kind of datastore."""

    name: str
    summary: str
    config_model: type[BaseModel]
    """Checks the part ``datastore`` of a repository's configuration; derives from `DatastoreConfig`."""
    create: Callable[[Any, OpenContext], None]
    """Prepare the place; once in a repository's life."""
    open: Callable[[Any, OpenContext], Datastore]
    """Open what `create` prepared."""
    open_bridge: Callable[[Mapping[str, Any]], DatastoreBridge]
    """Make the bridge alone, from its ``config``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageClassDescription:
    """A storage class, told by names: its plugin can be asked without the packages that define the types.

    Types and functions are written ``module:name``, built-in types by their bare names.
    """

    name: StorageClassName
    pytype: str
    components: Mapping[str, StorageClassName] = field(default_factory=dict)
    """Parts stored with it, that can be written apart."""
    derived_components: Mapping[str, StorageClassName] = field(default_factory=dict)
    """Parts computed on read."""
    parameters: frozenset[GetParameter] = frozenset()
    """What may be said on reading."""
    converters: Mapping[str, str] = field(default_factory=dict)
    """From another type to the function that makes this one's of it."""
    delegate: str | None = None
    """A `butler_core.contracts.formatter.StorageClassDelegate`; None if the type needs none."""


@hookspec
def butler_registries() -> Sequence[RegistryBackend]:  # type: ignore[empty-body]
    """Offer registries, one for each configuration name (``sqlite``); group ``butler.registries``."""


@hookspec
def butler_datastores() -> Sequence[DatastoreBackend]:  # type: ignore[empty-body]
    """Offer datastores, one for each configuration name (``posix``); group ``butler.datastores``."""


@hookspec
def butler_formatters() -> Sequence[Backend[Formatter]]:  # type: ignore[empty-body]
    """Offer formatters, one for each name that datastore records bear (``json``); group ``butler.formatters``."""


@hookspec
def butler_storage_classes() -> Sequence[StorageClassDescription]:  # type: ignore[empty-body]
    """Offer storage classes; asked of modules in the group ``butler.formatters``.

    The names need not be announced.  A name that the core does not know is looked for in all modules of the group, and
    one that two distributions offer is refused.
    """


@hookspec
def butler_journals() -> Sequence[Backend[JournalStore]]:  # type: ignore[empty-body]
    """Offer places for journals, one for each configuration name; group ``butler.journals``."""


@hookspec
def butler_universes() -> Sequence[Backend[UniverseProvider]]:  # type: ignore[empty-body]
    """Offer dimension universes, one for each name that a repository is made with; group ``butler.universes``."""


@hookspec
def butler_geometries() -> Sequence[Backend[Geometry]]:  # type: ignore[empty-body]
    """Offer geometries, one for each name that universes use; group ``butler.geometries``."""


@hookspec
def butler_readers() -> Sequence[Backend[ForeignExportReader]]:  # type: ignore[empty-body]
    """Offer readers of foreign export formats; group ``butler.readers``."""
