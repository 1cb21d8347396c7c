"""Templates of artifact names: a small grammar over what a dataset is, never Python's own formatting.

A template is text with fields in braces::

    {run}/{dataset_type}/{instrument}/{visit.day_obs?}/{visit}_{detector?}

``run``, ``dataset_type``, ``component``, a dimension's name, or a column of a dimension's record as
``element.column``.  A field with a question mark may have no value: then it leaves nothing, and the separators
(``_ - . + , =``) directly before it go too.  A part without any text is left out.  Values are escaped, so that no value
adds a directory; a RUN's slashes alone do.  The batch's token and the extension are added by whoever uses the name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

from butler_core.errors import ConfigurationError, InvalidInputError
from butler_core.files.names import escape_dots, quote_part, quote_path
from butler_core.models.columns import to_raw
from butler_core.models.dataset_ref import DatasetRef
from butler_core.models.dataset_type import DatasetType
from butler_core.models.universe import DimensionGroup, DimensionUniverse, column_names

_MAX_TEMPLATE = 1000
_FIELD = re.compile(r"([a-z][a-z0-9_]*)(?:\.([a-z][a-z0-9_]*))?(\?)?")
_LITERAL = re.compile(r"[A-Za-z0-9_.,=+@~/-]*")
_SEPARATORS = "_-.+,="
_RUN, _VALUE = "\0", "\1"  # what no name contains, where the RUN and values go
_OF_DATASET = ("run", "dataset_type", "component")

Stems: TypeAlias = Callable[[Iterable[DatasetRef]], list[str]]
"""Makes the names of datasets of one type, but for token and extension."""


class Field(NamedTuple):
    """One field of a template."""

    name: str
    column: str | None
    optional: bool

    def __str__(self) -> str:
        column = f".{self.column}" if self.column else ""
        return f"{{{self.name}{column}{'?' if self.optional else ''}}}"


class Template:
    """A checked template.

    Parameters
    ----------
    text
        As in the module's description.

    Raises
    ------
    ConfigurationError
        If it does not follow the grammar, or could leave the root.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.pieces = tuple(_parse(text))

    def __repr__(self) -> str:
        return f"Template({self.text!r})"

    def check(self, universe: DimensionUniverse) -> None:
        """Raise `ConfigurationError` if a field names what the universe does not have."""
        for piece in self.pieces:
            if isinstance(piece, Field):
                _check_field(self.text, piece, universe)

    def compile(self, dataset_type: DatasetType) -> Stems:
        """Return the function that makes names for one dataset type.

        Raises `InvalidInputError` if a field that is not optional can have no value for it.
        """
        self.check(dataset_type.dimensions.universe)
        pieces: list[str | Field] = []
        for piece in self.pieces:
            if isinstance(piece, str) or _applies(piece, dataset_type):
                pieces.append(piece)
            elif piece.optional:
                _strip_separators(pieces)
            else:
                raise InvalidInputError(
                    f"Template {self.text!r} has the field {piece}, which dataset type {dataset_type.name!r} "
                    f"{dataset_type.dimensions} does not have.",
                    remedy="Add '?' to the field, or give this dataset type a template of its own.",
                )
        return _compile(self.text, pieces, dataset_type)


def default_template(dimensions: DimensionGroup) -> Template:
    """Return the template of a dataset type that has none: a directory for all but the last required dimension."""
    names = [f"{{{name}}}" for name in dimensions.required]
    return Template("/".join(["{run}/{dataset_type}", *names[:-1], "_".join(["{dataset_type}", *names])]))


# -- parsing


def _parse(text: str) -> Iterable[str | Field]:
    if not text or len(text) > _MAX_TEMPLATE:
        raise _malformed(text, "is empty" if not text else f"is longer than {_MAX_TEMPLATE} characters")
    if text.startswith("/") or text.endswith("/") or "//" in text:
        raise _malformed(text, "has an empty part")
    if any(part.startswith(".") for part in text.split("/")):
        raise _malformed(text, "has a part that begins with a dot")
    position = 0
    while position < len(text):
        if text[position] == "{":
            end = text.find("}", position)
            match = _FIELD.fullmatch(text, position + 1, end) if end > 0 else None
            if match is None:
                raise _malformed(text, f"has no field at character {position}")
            name, column, optional = match.groups()
            if column is not None and name in _OF_DATASET:
                raise _malformed(text, f"asks for a column of {name!r}")
            yield Field(name, column, optional is not None)
            position = end + 1
        else:
            end = text.find("{", position)
            end = len(text) if end < 0 else end
            if _LITERAL.fullmatch(text, position, end) is None:
                raise _malformed(text, f"has a character that is not allowed in {text[position:end]!r}")
            yield text[position:end]
            position = end


def _malformed(text: str, problem: str) -> ConfigurationError:
    expected = "fields such as {run}, {dataset_type}, {visit} or {visit.name?}, with letters, digits and _-.,=+@~/ between"
    return ConfigurationError(
        f"Template {text[:200]!r} {problem}.",
        remedy=f"Expected: {expected}.",
        key="templates",
        expected=expected,
    )


def _check_field(text: str, field: Field, universe: DimensionUniverse) -> None:
    if field.column is None:
        known = sorted([*_OF_DATASET, *(n for n in universe.elements if n in universe.dimensions)])
        good = field.name in _OF_DATASET or field.name in universe.dimensions
    else:
        element = universe.elements.get(field.name)
        if element is None:
            known, good = sorted(universe.elements), False
        else:
            useless = {
                column.name for column in element.columns if column.type in ("region", "timespan", "bytes")
            }
            known = [name for name in column_names(element) if name not in useless]
            good = field.column in known
    if not good:
        raise ConfigurationError(
            f"Template {text!r}: universe {universe.namespace} {universe.version} has nothing called {field}.",
            remedy=f"Expected one of: {', '.join(known)}.",
            key="templates",
            expected=", ".join(known),
        )


# -- compiling


def _applies(field: Field, dataset_type: DatasetType) -> bool:
    if field.name in _OF_DATASET:
        return field.name != "component" or dataset_type.component is not None
    if field.column is None:
        return field.name in dataset_type.dimensions
    return field.name in dataset_type.dimensions.elements


def _strip_separators(pieces: list[str | Field]) -> None:
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] = pieces[-1].rstrip(_SEPARATORS)


def _compile(text: str, pieces: Sequence[str | Field], dataset_type: DatasetType) -> Stems:
    """Choose the quick way, where a name depends on nothing but the RUN and values that every data ID has."""
    fields = [piece for piece in pieces if isinstance(piece, Field)]
    required = dataset_type.dimensions.required
    plain = all(field.column is None for field in fields)
    if plain and all(field.name in _OF_DATASET or field.name in required for field in fields):
        return _compile_plain(pieces, dataset_type)
    return _compile_any(text, pieces, dataset_type)


def _compile_plain(pieces: Sequence[str | Field], dataset_type: DatasetType) -> Stems:
    parent, component = _names_of(dataset_type)
    required = dataset_type.dimensions.required
    constants = {"run": _RUN, "dataset_type": parent, "component": component}
    parts: list[str] = []
    positions: list[int] = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
        elif piece.name in constants:
            parts.append(constants[piece.name])
        else:
            parts.append(_VALUE)
            positions.append(required.index(piece.name))
    text = escape_dots("".join(parts)) or "%"
    pattern = text.replace("%", "%%").replace(_VALUE, "%s")

    def make(refs: Iterable[DatasetRef]) -> list[str]:
        by_run: dict[str, str] = {}
        stems = []
        for ref in refs:
            run_pattern = by_run.get(ref.run)
            if run_pattern is None:
                run_pattern = by_run[ref.run] = pattern.replace(_RUN, quote_path(ref.run).replace("%", "%%"))
            values = ref.required_values
            stems.append(
                run_pattern
                % tuple([v if (v := values[i]).__class__ is int else quote_part(str(v)) for i in positions])
            )
        return stems

    return make


def _compile_any(text: str, pieces: Sequence[str | Field], dataset_type: DatasetType) -> Stems:
    parent, component = _names_of(dataset_type)
    steps = list(_steps(pieces))

    def value_of(ref: DatasetRef, field: Field) -> str | None:
        if field.name == "run":
            return quote_path(ref.run)
        if field.name in _OF_DATASET:
            return parent if field.name == "dataset_type" else component
        value = _look_up(ref, field)
        return None if value is None else quote_part(str(to_raw(value)))

    def make_one(ref: DatasetRef) -> str:
        made = []
        for literal, separators, field in steps:
            made.append(literal)
            value = value_of(ref, field) if field is not None else ""
            if value is not None:
                made += separators, value
            elif field is not None and not field.optional:
                raise InvalidInputError(
                    f"{ref} has no value for the field {field} of template {text!r}.",
                    remedy="Expand the ref, give the dimension record this value, or add '?' to the field.",
                )
        return escape_dots("".join(made)) or "%"

    return lambda refs: [make_one(ref) for ref in refs]


def _steps(pieces: Sequence[str | Field]) -> Iterable[tuple[str, str, Field | None]]:
    """Yield each field with the text before it, cut where the separators begin that go if it has no value."""
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
        else:
            kept = text.rstrip(_SEPARATORS)
            yield kept, text[len(kept) :], piece
            text = ""
    yield text, "", None


def _names_of(dataset_type: DatasetType) -> tuple[str, str]:
    parent, _, component = dataset_type.name.partition(".")
    return quote_part(parent), quote_part(component)


def _look_up(ref: DatasetRef, field: Field) -> Any:
    data_id = ref.data_id
    if field.column is None:
        # Not get(): on the way to its default it would compose an error.
        return data_id[field.name] if field.name in data_id else None  # noqa: SIM401
    record = data_id.records.get(field.name) if data_id.is_expanded else None
    return None if record is None else record[field.column]
