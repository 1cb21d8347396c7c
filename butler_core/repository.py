"""Repositories: creating one, finding its configuration, and opening the plugins that it names."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from pydantic import BaseModel, ValidationError

from butler_core import discovery
from butler_core.contracts.datastore import Datastore
from butler_core.contracts.formatter import Formatter
from butler_core.contracts.registry import Registry
from butler_core.errors import (
    ConfigurationError,
    ConflictError,
    ForbiddenError,
    IncompatibleError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)
from butler_core.hookspecs import DatastoreBackend, OpenContext, RegistryBackend
from butler_core.models.columns import check_text
from butler_core.models.config import CONFIG_VERSION, RepositoryConfig
from butler_core.models.dataset_ref import new_uuid
from butler_core.models.names import Durability, Uri, UriExpression
from butler_core.models.universe import DimensionUniverse

CONFIG_NAME = "butler.yaml"
INDEX_VARIABLE = "BUTLER_REPOSITORY_INDEX"
"""Environment variable with the path of the repository index: a YAML mapping from label to path or URI."""

DEFAULT_REGISTRY: Mapping[str, Any] = {"type": "sqlite"}
DEFAULT_DATASTORE: Mapping[str, Any] = {"type": "posix"}


class Opened(NamedTuple):
    """A repository's parts, opened."""

    config: RepositoryConfig
    universe: DimensionUniverse
    registry: Registry
    datastore: Datastore


# -- finding configurations


def local_path(uri: UriExpression) -> str:
    """Return the absolute path that a path or ``file`` URI names; `InvalidInputError` for another scheme."""
    text = os.fspath(uri)
    parts = urlsplit(text)
    if parts.scheme == "file":
        return os.path.abspath(unquote(parts.path))
    if "://" in text:
        raise InvalidInputError(
            f"{text!r} is not on a file system.",
            remedy="Give a path, a file:// URI, or a label of the repository index.",
        )
    return os.path.abspath(os.path.expanduser(text))


def read_index() -> dict[str, Uri]:
    """Return the repository index: URIs by label; empty if `INDEX_VARIABLE` is not set."""
    path = os.environ.get(INDEX_VARIABLE)
    if not path:
        return {}
    try:
        content = _read_yaml(Path(local_path(path)))
    except NotFoundError as error:
        raise NotFoundError(
            f"There is no repository index {path}, which {INDEX_VARIABLE} names.",
            remedy=f"Write it, or unset {INDEX_VARIABLE}.",
        ) from error
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise ConfigurationError(
            f"The repository index {path} is not a mapping from label to path.",
            remedy="Write lines such as 'label: /path/of/repository'.",
            file=path,
            key="",
            expected="a mapping from label to path",
        )
    return {str(label): uri for label, uri in content.items()}


def find_config(source: UriExpression, search_paths: Sequence[UriExpression] = ()) -> Path:
    """Find a repository's configuration file by directory, file, URI or label.

    Raises `NotFoundError`, which says where it was looked for.
    """
    text = os.fspath(source)
    index = read_index() if "/" not in text else {}
    if text in index:
        text = index[text]
    tried = []
    for base in ("", *search_paths):
        path = Path(local_path(os.path.join(os.fspath(base), text) if base else text))
        candidate = path / CONFIG_NAME if path.is_dir() else path
        if candidate.is_file():
            return candidate
        tried.append(str(candidate))
    labels = f" Known labels: {', '.join(sorted(index))}." if index else ""
    raise NotFoundError(
        f"There is no repository at {text!r}: looked for {', '.join(tried)}.",
        remedy=f"Check the path, or create one: butler create {text} --universe NAME.{labels}",
    )


def read_config(
    source: RepositoryConfig | Mapping[str, Any] | UriExpression, search_paths: Sequence[UriExpression] = ()
) -> RepositoryConfig:
    """Read and check a repository's configuration.

    Raises `ConfigurationError` with file, key and what was expected.
    """
    if isinstance(source, RepositoryConfig):
        return source
    if isinstance(source, Mapping):
        return _check_config(dict(source), "the configuration given")
    path = find_config(source, search_paths)
    content = _read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path} is not a repository's configuration.",
            remedy="Expected a mapping with version, repository_id, registry and datastore.",
            file=str(path),
            key="",
            expected="a mapping",
        )
    content.setdefault("root", str(path.parent))
    version = content.get("version")
    if isinstance(version, int) and version > CONFIG_VERSION:
        raise IncompatibleError(
            f"{path} has configuration version {version}; this butler knows {CONFIG_VERSION}.",
            remedy="Install a newer one: pip install --upgrade butler-core.",
        )
    return _check_config(content, str(path))


def _check_config(content: dict[str, Any], place: str) -> RepositoryConfig:
    try:
        return RepositoryConfig.model_validate(content)
    except ValidationError as error:
        raise _configuration_error(error, place, "", RepositoryConfig) from error


def _configuration_error(
    error: ValidationError, place: str, prefix: str, model: type[BaseModel]
) -> ConfigurationError:
    first = error.errors()[0]
    # Of a value that may be of several types pydantic adds which of them it speaks of.
    parts = [str(part) for part in first["loc"] if part not in ("str", "int", "float", "bool")]
    key = ".".join([*([prefix] if prefix else []), *parts])
    if first["type"] == "extra_forbidden":
        expected = f"one of the keys {', '.join(model.model_fields)}"
        problem = f"{place}: {key} is no key of this configuration."
    else:
        expected = first["msg"].removeprefix("Input should be ")
        said = "is missing" if first["type"] == "missing" else f"cannot be {first.get('input')!r}"
        problem = f"{place}: {key} {said}."
    return ConfigurationError(
        problem, remedy=f"Expected: {expected}.", file=place, key=key, expected=expected
    )


def _read_yaml(path: Path) -> Any:
    import yaml

    try:
        return yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no file {path}.", remedy="Check the path.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as YAML: {error}",
            remedy="Mend the file.",
            file=str(path),
            key="",
            expected="YAML",
        ) from error


def plugin_config(section: Mapping[str, Any], model: type[BaseModel], key: str, place: str) -> Any:
    """Check one section of a configuration by its plugin's own model."""
    try:
        return model.model_validate(dict(section))
    except ValidationError as error:
        raise _configuration_error(error, place, key, model) from error


def _type_of(section: Mapping[str, Any], key: str, place: str) -> str:
    name = section.get("type")
    if not isinstance(name, str):
        raise ConfigurationError(
            f"{place}: {key}.type is missing.",
            remedy="Expected: the name of an installed plugin; 'butler plugins' lists them.",
            file=place,
            key=f"{key}.type",
            expected="the name of an installed plugin",
        )
    return name


# -- opening


def _context(
    root: Uri, universe: DimensionUniverse | None, config: RepositoryConfig, writeable: bool
) -> OpenContext:
    def get_formatter(name: str) -> Formatter:
        formatter: Formatter = discovery.get_formatter(name)
        if not formatter.abilities.is_safe and not config.allow_pickle:
            raise ForbiddenError(
                f"Reading with formatter {name!r} can run code, and this repository does not allow that.",
                remedy="If you trust everyone who writes to it, set 'allow_pickle: true' in its configuration.",
            )
        return formatter

    def get_geometry() -> Any:
        if universe is None or universe.geometry is None:
            return None
        return discovery.get_geometry(universe.geometry)

    return OpenContext(
        root=root,
        universe=universe,
        durability=config.durability,
        writeable=writeable,
        storage_classes=discovery.storage_classes(),
        get_formatter=get_formatter,
        get_geometry=get_geometry,
        get_signer=discovery.get_signer,
        default_formatters=discovery.default_formatters(),
    )


def open_repository(config: RepositoryConfig, writeable: bool) -> Opened:
    """Open a repository's datastore and registry, by the plugins that its configuration names."""
    place = os.path.join(config.root, CONFIG_NAME)
    datastore_backend: DatastoreBackend = discovery.load(
        "datastore", _type_of(config.datastore, "datastore", place)
    )
    registry_backend: RegistryBackend = discovery.load(
        "registry", _type_of(config.registry, "registry", place)
    )
    context = _context(config.root, None, config, writeable)
    datastore = datastore_backend.open(
        plugin_config(config.datastore, datastore_backend.config_model, "datastore", place), context
    )
    try:
        registry = registry_backend.open(
            plugin_config(config.registry, registry_backend.config_model, "registry", place),
            context,
            [datastore.bridge],
        )
        universe = DimensionUniverse.load(registry.info().universe)
    except BaseException:
        datastore.close()
        raise
    return Opened(config, universe, registry, datastore)


# -- creating


def make_repository(
    root: UriExpression,
    config: RepositoryConfig | Mapping[str, Any] | UriExpression | None,
    dimensions: DimensionUniverse | str | UriExpression | None,
    *,
    search_paths: Sequence[UriExpression] = (),
    outfile: UriExpression | None = None,
    overwrite: bool = False,
    durability: Durability = "power-loss",
) -> RepositoryConfig:
    """Create a repository: see `butler_core.butler.Butler.make_repo`.  If it fails, what it made is taken away again."""
    base = Path(check_text(local_path(root), "The root"))
    target = Path(local_path(outfile)) if outfile is not None else base / CONFIG_NAME
    if target.exists() and not overwrite:
        raise ConflictError(
            f"{target} exists: there is a repository already.",
            remedy="Choose another place, or pass overwrite=True to replace that file.",
        )
    universe = _choose_universe(dimensions)
    made, place = _complete_config(base, config, search_paths, durability)
    datastore_backend: DatastoreBackend = discovery.load(
        "datastore", _type_of(made.datastore, "datastore", place)
    )
    registry_backend: RegistryBackend = discovery.load("registry", _type_of(made.registry, "registry", place))
    datastore_config = plugin_config(made.datastore, datastore_backend.config_model, "datastore", place)
    registry_config = plugin_config(made.registry, registry_backend.config_model, "registry", place)
    made = made.model_copy(
        update={
            "datastore": datastore_config.model_dump(mode="json"),
            "registry": registry_config.model_dump(mode="json"),
        }
    )
    with contextlib.ExitStack() as undo:
        _make_directory(base, undo)
        context = _context(str(base), universe, made, True)
        datastore_backend.create(datastore_config, context)
        datastore = datastore_backend.open(datastore_config, context)
        try:
            registry_backend.create(registry_config, context, [datastore.bridge])
        finally:
            datastore.close()
        _write_config(target, made, keep_root=outfile is not None)
        undo.pop_all()
    return made


def _choose_universe(dimensions: DimensionUniverse | str | UriExpression | None) -> DimensionUniverse:
    if isinstance(dimensions, DimensionUniverse):
        return dimensions
    if dimensions is not None:
        return DimensionUniverse.load(dimensions)
    names = sorted({plugin.name for plugin in discovery.list_plugins() if plugin.kind == "universe"})
    if len(names) == 1:
        return DimensionUniverse.load(names[0])
    raise InvalidInputError(
        f"A repository needs a dimension universe, and {len(names)} are installed: {', '.join(names) or 'none'}.",
        remedy="Pass dimensions=NAME (a plugin's name) or dimensions=FILE.yaml.",
    )


def _complete_config(
    base: Path,
    config: RepositoryConfig | Mapping[str, Any] | UriExpression | None,
    search_paths: Sequence[UriExpression],
    durability: Durability,
) -> tuple[RepositoryConfig, str]:
    """Fill in what a new repository's configuration leaves out; return it and where it comes from."""
    place = "the configuration given"
    if isinstance(config, RepositoryConfig):
        content: dict[str, Any] = config.model_dump()
    elif isinstance(config, Mapping):
        content = dict(config)
    elif config is not None:
        content, place = _read_template(config, search_paths)
    else:
        content = {}
    content = {
        "version": CONFIG_VERSION,
        "repository_id": new_uuid(),
        "registry": DEFAULT_REGISTRY,
        "datastore": DEFAULT_DATASTORE,
        "durability": durability,
        **content,
        "root": str(base),
    }
    made = _check_config(content, place)
    datastore = dict(made.datastore)
    if not datastore.get("datastore_id"):
        datastore["datastore_id"] = f"{_type_of(datastore, 'datastore', place)}_{uuid4().hex[:8]}"
    return made.model_copy(update={"datastore": datastore}), place


def _read_template(
    source: UriExpression, search_paths: Sequence[UriExpression]
) -> tuple[dict[str, Any], str]:
    try:
        path = find_config(source, search_paths)
    except NotFoundError as error:
        raise NotFoundError(
            f"There is no configuration file {os.fspath(source)}.",
            remedy="Check the path, or leave it out for SQLite and POSIX.",
        ) from error
    content = _read_yaml(path)
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path} is no mapping.",
            remedy="Write keys such as 'registry: {type: sqlite}'; docs/configuration.md has them all.",
            file=str(path),
            key="",
            expected="a mapping",
        )
    return content, str(path)


def _make_directory(base: Path, undo: contextlib.ExitStack) -> None:
    """Make the root, and plan to empty it again: only what was made here, so only if it was empty before."""
    try:
        missing = [path for path in (base, *base.parents) if not path.exists()]
        if missing:
            base.mkdir(parents=True)
            undo.callback(_remove_tree, base, keep_root=False)
            for path in missing:
                _sync_directory(path.parent)
        elif not any(base.iterdir()):
            undo.callback(_remove_tree, base, keep_root=True)
        if not os.access(base, os.W_OK | os.X_OK):
            raise PermissionError(f"no permission to write in {base}")
    except OSError as error:
        raise UnavailableError(
            f"A repository cannot be made in {base}: {error}.",
            remedy="Choose a directory that you can write in.",
        ) from error


def _remove_tree(base: Path, *, keep_root: bool) -> None:
    import shutil

    for entry in list(base.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    if not keep_root:
        base.rmdir()


def _write_config(target: Path, config: RepositoryConfig, *, keep_root: bool) -> None:
    """Write the configuration whole or not at all: it is what makes a directory a repository."""
    import yaml

    content = config.model_dump(mode="json")
    if not keep_root:
        del content["root"]  # it is where the file lies, so the directory can be moved
    text = f"# A butler repository.  Keys: docs/configuration.md\n{yaml.safe_dump(content, sort_keys=False)}"
    aside = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        with open(aside, "x", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, target)
        _sync_directory(target.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise UnavailableError(
            f"{target} cannot be written: {error}.", remedy="Check the directory."
        ) from error


def _sync_directory(path: Path) -> None:
    """Make the entries of a directory outlive a power cut."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def look_up_label(index: Mapping[str, Uri], label: str) -> Uri:
    """Return a label's URI; `NotFoundError` lists the labels there are."""
    try:
        return index[label]
    except KeyError:
        raise NotFoundError(
            f"The repository index has no label {label!r}.",
            remedy=f"It has: {', '.join(sorted(index)) or f'nothing; set {INDEX_VARIABLE} to its path'}.",
        ) from None
