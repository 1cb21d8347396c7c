"""The text of a dimension universe: where it is read from, overlays merged, and everything in it checked.

The format is described in ``docs/universes.md``.  `read_universe` returns one checked mapping, from which
`butler_core.models.universe.DimensionUniverse` is built without further questions.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from butler_core.errors import ConfigurationError, NotFoundError
from butler_core.models import lookup
from butler_core.models.columns import ColumnInfo, ColumnType
from butler_core.models.model_config import FROZEN

_NAME = r"^[a-z][a-z0-9_]*$"


class _Key(BaseModel):
    model_config = FROZEN
    name: str = Field(pattern=_NAME)
    type: Literal["int", "string"]
    doc: str = ""


class _AlternateKey(BaseModel):
    model_config = FROZEN
    name: str = Field(pattern=_NAME)
    type: Literal["int", "string", "bytes"]
    doc: str = ""
    nullable: bool = True


class _Metadata(BaseModel):
    model_config = FROZEN
    name: str = Field(pattern=_NAME)
    type: ColumnType
    unit: str = ""
    doc: str = ""
    nullable: bool = True


class _Element(BaseModel):
    model_config = FROZEN
    doc: str = ""
    governor: bool = False
    table: bool = True
    joins: bool = False
    populated_by: str | None = None
    key: _Key | None = None
    alternate_keys: tuple[_AlternateKey, ...] = ()
    metadata: tuple[_Metadata, ...] = ()
    requires: tuple[str, ...] = ()
    implies: tuple[str, ...] = ()


class _Skypix(BaseModel):
    model_config = FROZEN
    common: str | None = None
    systems: dict[str, int] = Field(default_factory=dict)


class _Topology(BaseModel):
    model_config = FROZEN
    spatial: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    temporal: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class _Source(BaseModel):
    model_config = FROZEN
    namespace: str = Field(pattern=_NAME)
    version: int = Field(ge=0)
    geometry: str | None = None
    skypix: _Skypix = Field(default_factory=_Skypix)
    elements: dict[str, _Element]
    topology: _Topology = Field(default_factory=_Topology)


class _Reader:
    """Reads one source and what it extends; `place` says where it is for errors."""

    def __init__(self, source: str | os.PathLike[str] | Mapping[str, Any], version: int | None) -> None:
        self.base: Path | None = None
        if isinstance(source, Mapping):
            self.place = "the universe"
            self.content: Any = copy.deepcopy(dict(source))
        else:
            self.place, self.content = self._find(os.fspath(source), version)

    def _find(self, name: str, version: int | None) -> tuple[str, Any]:
        path = Path(name)
        if path.suffix in (".yaml", ".yml") or os.sep in name:
            self.base = path.parent
            return str(path), _load_yaml(path)
        found = dict(lookup.universe_source(name, version))
        return f"universe {name!r}", found

    def refuse(self, key: str, problem: str, expected: str) -> ConfigurationError:
        """Make the error for one key."""
        return ConfigurationError(
            f"{self.place}: {key}: {problem}.",
            remedy=f"Expected: {expected}.",
            file=self.place,
            key=key,
            expected=expected,
        )

    def merged(self, depth: int = 0) -> dict[str, Any]:
        """Return the content with every overlay applied."""
        content = self.content
        if not isinstance(content, dict):
            raise self.refuse(
                "(whole file)",
                f"is a {type(content).__name__}",
                "a mapping with namespace, version and elements",
            )
        extends = content.pop("extends", None)
        if extends is None:
            if "drop" in content:
                raise self.refuse("drop", "there is nothing to drop from", "'extends' beside it")
            return content
        if depth > 20:
            raise self.refuse("extends", "more than 20 overlays on one another", "no circle of overlays")
        spec = dict(extends) if isinstance(extends, Mapping) else {"name": extends}
        name = spec.pop("name", None)
        version = spec.pop("version", None)
        if not isinstance(name, str) or spec or not isinstance(version, int | None):
            raise self.refuse(
                "extends", f"cannot be {extends!r}", "a name or path, or {name: ..., version: ...}"
            )
        if self.base is not None and name.endswith((".yaml", ".yml")):
            name = str(self.base / name)
        below = _Reader(name, version).merged(depth + 1)
        return self._overlay(below, content)

    def _overlay(self, below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
        for key in ("namespace", "version"):
            if key not in above:
                raise self.refuse(key, "an overlay is a universe of its own and needs one", f"a {key}")
        result = {**below, **{k: v for k, v in above.items() if k not in ("elements", "drop", "topology")}}
        elements = copy.deepcopy(below["elements"])
        topology = copy.deepcopy(below.get("topology", {}))
        for name in above.get("drop", ()):
            if elements.pop(name, None) is None:
                raise self.refuse("drop", f"there is no element {name!r}", f"one of {', '.join(elements)}")
            for families in topology.values():
                for family, members in families.items():
                    families[family] = [member for member in members if member != name]
        for name, spec in above.get("elements", {}).items():
            elements[name] = _merge_element(elements.get(name), spec)
        for kind, families in above.get("topology", {}).items():
            topology.setdefault(kind, {}).update(families)
        return {**result, "elements": elements, "topology": topology}


def _merge_element(below: Mapping[str, Any] | None, above: Any) -> Any:
    if below is None or not isinstance(above, Mapping):
        return above
    result = {**below, **{key: value for key, value in above.items() if key != "metadata"}}
    columns = {column["name"]: column for column in below.get("metadata", ())}
    columns.update((column["name"], column) for column in above.get("metadata", ()))
    return {**result, "metadata": list(columns.values())}


def _load_yaml(path: Path) -> Any:
    import yaml

    try:
        return yaml.load(path.read_text("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError as error:
        raise NotFoundError(f"There is no universe file {path}.", remedy="Check the path.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as YAML: {error}",
            remedy="Mend the file.",
            file=str(path),
            key="",
            expected="YAML",
        ) from error


def read_universe(
    source: str | os.PathLike[str] | Mapping[str, Any], version: int | None = None
) -> dict[str, Any]:
    """Read a universe by plugin name, from a YAML file or a mapping; merge overlays and check everything.

    Under ``source`` it returns the merged text itself, which can be given to it again; the other keys are what
    `butler_core.models.universe.DimensionUniverse` is made of.

    Raises
    ------
    ConfigurationError
        If something in it is malformed or refers to what is not there; the file and the key are named.
    NotFoundError
        If there is no such plugin or file.
    """
    reader = _Reader(source, version)
    content = reader.merged()
    try:
        checked = _Source.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise reader.refuse(key, first["msg"], "what docs/universes.md describes") from error
    if version is not None and checked.version != version:
        raise reader.refuse("version", f"is {checked.version}, not {version}", f"version {version}")
    order = _topological(reader, checked)
    families = {kind: _families(reader, checked, kind) for kind in ("spatial", "temporal")}
    _check_skypix(reader, checked)
    return {
        "source": checked.model_dump(mode="json", exclude_defaults=True, exclude_unset=False)
        | {"namespace": checked.namespace, "version": checked.version},
        "namespace": checked.namespace,
        "version": checked.version,
        "geometry": checked.geometry,
        "skypix": {"common": checked.skypix.common, "systems": dict(checked.skypix.systems)},
        "elements": {name: _element(reader, checked, name, families) for name in order},
        "topology": {"spatial": dict(checked.topology.spatial), "temporal": dict(checked.topology.temporal)},
    }


def _topological(reader: _Reader, source: _Source) -> list[str]:
    """Order elements so that what one needs comes before it, else as they are written."""
    done: dict[str, None] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in done:
            return
        if name in path:
            raise reader.refuse(
                f"elements.{name}", f"needs itself: {' -> '.join((*path, name))}", "no circle"
            )
        element = source.elements[name]
        for key, others in (("requires", element.requires), ("implies", element.implies)):
            for other in others:
                if other not in source.elements or source.elements[other].key is None:
                    raise reader.refuse(
                        f"elements.{name}.{key}", f"{other!r} is no dimension", "names of dimensions"
                    )
                visit(other, (*path, name))
        done[name] = None

    for name in source.elements:
        visit(name, ())
    return list(done)


def _families(reader: _Reader, source: _Source, kind: str) -> dict[str, str]:
    result: dict[str, str] = {}
    for family, members in getattr(source.topology, kind).items():
        for member in members:
            if member not in source.elements:
                raise reader.refuse(
                    f"topology.{kind}.{family}", f"{member!r} is no element", "names of elements"
                )
            if member in result:
                raise reader.refuse(
                    f"topology.{kind}.{family}", f"{member!r} is in two families", "one family each"
                )
            result[member] = family
    return result


def _check_skypix(reader: _Reader, source: _Source) -> None:
    common = source.skypix.common
    names = {
        f"{system}{level}" for system, finest in source.skypix.systems.items() for level in range(finest + 1)
    }
    if common is not None and common not in names:
        raise reader.refuse("skypix.common", f"{common!r} is a level of no system", "such as 'htm7'")
    for name in names.intersection(source.elements):
        raise reader.refuse(f"elements.{name}", "is a level of a skypix system too", "another name")


def _element(
    reader: _Reader, source: _Source, name: str, families: dict[str, dict[str, str]]
) -> dict[str, Any]:
    spec = source.elements[name]
    place = f"elements.{name}"
    if spec.key is None and (spec.governor or not spec.requires):
        raise reader.refuse(
            place, "has neither a key nor requires anything", "a 'key', or 'requires' for a join table"
        )
    if spec.key is not None and spec.joins:
        raise reader.refuse(f"{place}.joins", "is for join tables only", "an element without a key")
    if spec.governor and spec.requires:
        raise reader.refuse(f"{place}.governor", "a governor requires nothing", "no 'requires'")
    if not spec.table and (spec.metadata or spec.alternate_keys or spec.requires or spec.implies):
        raise reader.refuse(
            f"{place}.table", "without a table there are no columns", "a key and nothing else"
        )
    required = _required(source, name)
    key = ColumnInfo(spec.key.name, spec.key.type, doc=spec.key.doc, nullable=False) if spec.key else None
    alternates = tuple(
        ColumnInfo(c.name, c.type, doc=c.doc, nullable=c.nullable) for c in spec.alternate_keys
    )
    metadata = tuple(ColumnInfo(c.name, c.type, c.unit, c.doc, c.nullable) for c in spec.metadata)
    columns = [*required, *spec.implies, *(c.name for c in (*alternates, *metadata))]
    taken = {c for c in columns if columns.count(c) > 1} | ({"region", "timespan"} & set(columns))
    if taken:
        raise reader.refuse(
            place, f"the name {min(taken)!r} is taken", "column names that differ from one another"
        )
    return {
        "name": name,
        "doc": spec.doc.strip(),
        "is_dimension": spec.key is not None,
        "is_governor": spec.governor,
        "has_table": spec.table,
        "joins": spec.joins,
        "populated_by": spec.populated_by,
        "required": required,
        "implied": spec.implies,
        "primary_key": key,
        "alternate_keys": alternates,
        "metadata": metadata,
        "spatial_family": families["spatial"].get(name),
        "temporal_family": families["temporal"].get(name),
    }


def _required(source: _Source, name: str) -> tuple[str, ...]:
    """Return everything that an element requires, requirements of requirements first, its own name last."""
    result: dict[str, None] = {}
    for other in source.elements[name].requires:
        result.update(dict.fromkeys(_required(source, other)))
    if source.elements[name].key is not None:
        result[name] = None
    return tuple(result)
