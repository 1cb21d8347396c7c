"""From a name in a configuration to the plugin's object: imports one plugin at a time, when its name is first needed.

Importing this module imports no plugin.  It answers what models ask of plugins (`butler_core.models.lookup`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, overload

from butler_core.contracts.formatter import Formatter
from butler_core.contracts.geometry import Geometry
from butler_core.contracts.journal import JournalStore
from butler_core.contracts.reader import ForeignExportReader
from butler_core.contracts.universe import UniverseProvider
from butler_core.errors import ButlerError, InvalidInputError, NotFoundError, PluginError
from butler_core.forks import guarded
from butler_core.hookspecs import Backend, DatastoreBackend, RegistryBackend, StorageClassDescription
from butler_core.installed import Announcement, Installed, PluginInfo, PluginKind
from butler_core.models import lookup
from butler_core.models.names import FormatterName, StorageClassName, Uri
from butler_core.models.storage_class import StorageClass
from butler_core.plugin_calls import STORAGE_CLASSES, ask, describe


class Plugins:
    """The plugins of one process: what is installed, and what was loaded of it.  Safe to use from several threads.

    Parameters
    ----------
    scan
        Finds out what is installed.  Called on first use, and again when a name is not found, so that what was installed
        meanwhile can be used at once.
    """

    def __init__(self, scan: Callable[[], Installed] = Installed.scan) -> None:
        self._scan = scan
        self._installed: Installed | None = None
        self._descriptions: dict[tuple[str, str], Any] = {}
        self._opened: dict[tuple[str, str], Any] = {}
        self._lock = guarded(threading.RLock())
        self.storage_classes = StorageClasses(self)
        self.default_formatters = DefaultFormatters(self)

    @property
    def installed(self) -> Installed:
        """What is announced, from metadata."""
        with self._lock:
            if self._installed is None:
                self._installed = self._scan()
            return self._installed

    def rescan(self) -> Installed:
        """Look again at what is installed; what was loaded stays."""
        with self._lock:
            self._installed = None
            return self.installed

    def load(self, kind: PluginKind, name: str) -> Any:
        """Return the description of a name, importing its plugin on first use.

        Raises `PluginError` if nothing announces it, two distributions do, or its plugin cannot be used.
        """
        if (kind, name) not in self._descriptions:
            with self._lock:
                announcement = self.installed.find(kind, name) or self.rescan().find(kind, name)
                if announcement is None:
                    self.installed.refuse_unknown(kind, name)
                self._descriptions[kind, name] = describe(announcement)
        return self._descriptions[kind, name]

    def open(self, kind: PluginKind, name: str) -> Any:
        """Return the one object of a name that belongs to no repository, with the plugin's default configuration."""
        if (kind, name) not in self._opened:
            with self._lock:
                backend: Backend[Any] = self.load(kind, name)
                config = backend.config_model() if backend.config_model is not None else None
                self._opened[kind, name] = backend.open(config, None)
        return self._opened[kind, name]

    def find_formatter(self, storage_class: StorageClassName, extension: str) -> FormatterName:
        """Return the name of a formatter; see `find_formatter`."""
        problems: list[PluginError] = []
        matching: list[tuple[bool, FormatterName]] = []
        for name, formatter in self.formatters(problems):
            writes_it = storage_class in formatter.abilities.storage_classes
            if formatter.extension({}) == extension if extension else writes_it:
                matching.append((writes_it, name))
        if matching:
            return max(matching, key=lambda found: found[0])[1]  # the first of the best
        wanted = f"files that end in {extension!r}" if extension else f"the storage class {storage_class!r}"
        raise _with_causes(
            NotFoundError(
                f"No installed formatter is for {wanted}.",
                remedy=f"Choose one of {', '.join(self.installed.names('formatter'))}, or install a plugin that has one.",
            ),
            problems,
        )

    def formatters(self, problems: list[PluginError]) -> Iterator[tuple[FormatterName, Formatter]]:
        """Yield every formatter that can be used, the core's first, then by name; note what cannot be used."""
        usable = self.installed.of_kind("formatter", problems)
        for announcement in sorted(usable, key=lambda announcement: not announcement.is_core):
            try:
                yield announcement.name, self.open("formatter", announcement.name)
            except PluginError as error:
                problems.append(error)

    def find_reader(self, path: Uri, header: bytes) -> ForeignExportReader:
        """Return the reader of a foreign export, chosen by its name and first bytes; see `find_reader`."""
        problems: list[PluginError] = []
        for announcement in self.rescan().of_kind("reader", problems):
            try:
                reader: ForeignExportReader = self.open("reader", announcement.name)
            except PluginError as error:
                problems.append(error)
                continue
            if reader.matches(path, header):
                return reader
        names = self.installed.names("reader")
        raise _with_causes(
            InvalidInputError(
                f"{path} is of no export format that is known here (known: {', '.join(names) or 'only our own'}).",
                remedy="Check that it is an export, or install the plugin that reads it.",
                file=path,
                known=names,
            ),
            problems,
        )

    def check(self) -> list[PluginInfo]:
        """Import everything and say what is wrong with it; see `check_plugins`."""
        return [*map(self._check, self.rescan()), *self.storage_classes.check()]

    def _check(self, info: PluginInfo) -> PluginInfo:
        if info.state != "ok":
            return info
        try:
            announcement = self.installed.find(info.kind, info.name)
            if announcement is not None:
                describe(announcement)
        except PluginError as error:
            return info._replace(state="broken", reason=f"{error} {error.remedy}")
        return info

    # What `butler_core.models.lookup` asks.

    def get_storage_class(self, name: StorageClassName) -> StorageClass:
        """Return a storage class; `NotFoundError` if no plugin offers it."""
        return self.storage_classes[name]

    def get_universe_source(self, name: str, version: int | None) -> Mapping[str, Any]:
        """Return the definition of a universe by its plugin's name; None is the newest version."""
        provider: UniverseProvider = self.open("universe", name)
        return provider.load(version)

    def get_geometry(self, name: str) -> Geometry:
        """Return the geometry of a name."""
        geometry: Geometry = self.open("geometry", name)
        return geometry


class StorageClasses(Mapping[StorageClassName, StorageClass]):
    """Storage classes by name, each looked up when it is asked for.

    Their names are in no metadata.  So the core's own are asked for first, which needs no other import; then all other plugins
    that have formatters or storage classes, because only all of them can tell that no two offer one name.
    """

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._found: dict[StorageClassName, StorageClass] = {}

    def __getitem__(self, name: StorageClassName) -> StorageClass:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = _make_storage_class(self._find(name))
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._found or name in set(self)

    def get(self, name: StorageClassName, default: Any = None) -> Any:
        """Return a storage class, or something else if there is none of this name."""
        try:
            return self[name]
        except NotFoundError:
            return default

    def __iter__(self) -> Iterator[StorageClassName]:
        return iter(sorted({*self._offers(True, []), *self._offers(False, [])}))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _find(self, name: StorageClassName) -> StorageClassDescription:
        problems: list[PluginError] = []
        own = self._offers(True, problems)
        if name in own:
            return next(iter(own[name].values()))
        self._plugins.rescan()
        others = self._offers(False, problems)
        those = others.get(name, {})
        if len(those) == 1:
            return next(iter(those.values()))
        if those:
            raise _storage_class_clash(name, those)
        known = sorted({*own, *others})
        raise _with_causes(
            NotFoundError(
                f"No installed plugin offers the storage class {name!r} (known: {', '.join(known) or 'none'}).",
                remedy="Install the plugin that offers it; `butler plugins --check` tells of those that are broken.",
                known=known,
            ),
            problems,
        )

    def check(self) -> Iterator[PluginInfo]:
        """Report every storage class that two distributions offer."""
        own, others = self._offers(True, []), self._offers(False, [])
        for name in sorted(others):
            those = {*own.get(name, ()), *others[name]}
            if len(those) > 1:
                error = _storage_class_clash(name, those)
                origin = ", ".join(sorted(those))
                yield PluginInfo("storage class", name, origin, "", "clash", f"{error} {error.remedy}")

    def _offers(
        self, of_core: bool, problems: list[PluginError]
    ) -> dict[StorageClassName, dict[str, StorageClassDescription]]:
        """Return what the core, or everybody else, offers: by name, then by distribution; note who cannot be asked."""
        offers: dict[StorageClassName, dict[str, StorageClassDescription]] = {}
        for module in self._modules(problems):
            try:
                answers = ask(module, STORAGE_CLASSES) if module.is_core == of_core else []
            except PluginError as error:
                problems.append(error)
                continue
            for answer in answers:
                offers.setdefault(answer.name, {})[module.distribution] = answer
        return offers

    def _modules(self, problems: list[PluginError]) -> Iterable[Announcement]:
        """Return one announcement for each module in the group of formatters and storage classes."""
        modules: dict[tuple[str, str], Announcement] = {}
        for announcement in self._plugins.installed.of_kind("formatter", problems):
            modules[announcement.distribution, announcement.target] = announcement
        return modules.values()


class DefaultFormatters(Mapping[StorageClassName, FormatterName]):
    """Who writes a storage class when nobody chose: the first formatter that offers to, the core's before others."""

    def __init__(self, plugins: Plugins) -> None:
        self._plugins = plugins
        self._found: dict[StorageClassName, FormatterName] = {}

    def __getitem__(self, storage_class: StorageClassName) -> FormatterName:
        if storage_class not in self._found:
            try:
                self._found[storage_class] = self._plugins.find_formatter(storage_class, "")
            except NotFoundError as error:
                raise KeyError(storage_class) from error
        return self._found[storage_class]

    def __iter__(self) -> Iterator[StorageClassName]:
        formatters = self._plugins.formatters([])
        return iter(
            sorted({name for _, formatter in formatters for name in formatter.abilities.storage_classes})
        )

    def __len__(self) -> int:
        return len(list(iter(self)))


def _storage_class_clash(name: StorageClassName, distributions: Iterable[str]) -> PluginError:
    those = " and ".join(sorted(distributions))
    return PluginError(
        f"The storage class {name!r} cannot be used: {those} both claim it.",
        remedy=f"Uninstall one of {those}.",
        name=name,
        state="clash",
        distributions=sorted(distributions),
    )


def _make_storage_class(description: StorageClassDescription) -> StorageClass:
    return StorageClass(
        description.name,
        description.pytype,
        components=description.components,
        derived_components=description.derived_components,
        parameters=description.parameters,
        converters=description.converters,
        delegate=description.delegate,
    )


def _with_causes(error: ButlerError, causes: Iterable[PluginError]) -> ButlerError:
    """Return an error that tells, too, which plugins could not be asked."""
    for cause in causes:
        error.add_note(f"Not asked: {cause}")
        error.__cause__ = error.__cause__ or cause
    return error


_plugins = Plugins()
lookup.install(_plugins)


@contextmanager
def use(plugins: Plugins) -> Iterator[Plugins]:
    """Let other plugins be seen than those that are installed, in tests; for the whole process."""
    global _plugins
    before, _plugins = _plugins, plugins
    lookup.install(plugins)
    try:
        yield plugins
    finally:
        _plugins = before
        lookup.install(before)


def list_plugins() -> list[PluginInfo]:
    """Return every announced name and whether its metadata allow its use; imports nothing."""
    return list(_plugins.rescan())


def check_plugins() -> list[PluginInfo]:
    """Import every plugin, and return what `list_plugins` does with all that is wrong; opens nothing."""
    return _plugins.check()


@overload
def load(kind: Literal["registry"], name: str) -> RegistryBackend: ...
@overload
def load(kind: Literal["datastore"], name: str) -> DatastoreBackend: ...
@overload
def load(kind: Literal["journal"], name: str) -> Backend[JournalStore]: ...
@overload
def load(kind: PluginKind, name: str) -> Any: ...
def load(kind: PluginKind, name: str) -> Any:
    """Return the description of a name, importing its plugin on first use.

    Raises `PluginError` if nothing announces it, two distributions do, or its plugin is broken, too old or too new.
    """
    return _plugins.load(kind, name)


def get_formatter(name: FormatterName) -> Formatter:
    """Return the formatter of a name; one object serves the whole process."""
    formatter: Formatter = _plugins.open("formatter", name)
    return formatter


def get_geometry(name: str) -> Geometry:
    """Return the geometry of a name; one object serves the whole process."""
    return _plugins.get_geometry(name)


def get_signer(name: str) -> Any:
    """Return the URL signer of a name; one object serves the whole process."""
    return _plugins.open("signer", name)


def get_universe_provider(name: str) -> UniverseProvider:
    """Return the universe of a name, with what comes along with it."""
    provider: UniverseProvider = _plugins.open("universe", name)
    return provider


def find_formatter(storage_class: StorageClassName, extension: str = "") -> FormatterName:
    """Return the name of the formatter for files that end in ``extension`` (``.json``), or for a storage class.

    Where several would do, one that is made for the storage class is taken, and the core's before others.

    Raises `NotFoundError` if there is none.
    """
    return _plugins.find_formatter(storage_class, extension)


def find_reader(path: Uri, header: bytes) -> ForeignExportReader:
    """Return the reader of a foreign export, chosen by the file's name and its first 4096 bytes.

    Raises `InvalidInputError`, with the formats that are known, if no reader takes it.
    """
    return _plugins.find_reader(path, header)


def storage_classes() -> Mapping[StorageClassName, StorageClass]:
    """Return all storage classes by name; each is looked up when it is asked for."""
    return _plugins.storage_classes


def default_formatters() -> Mapping[StorageClassName, FormatterName]:
    """Return who writes each storage class when nobody chose; looked up when it is asked for."""
    return _plugins.default_formatters
