"""The code has the signatures that ``public_api.pyi`` says: what users call changes only where that file changes."""

from __future__ import annotations

import ast
import enum
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin, get_overloads, get_type_hints

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import butler_core
from butler_core import errors
from butler_core.lazy import lazy_property
from butler_core.queries.base import _T_co

COPY = Path(__file__).with_name("public_api.pyi")
TREE = ast.parse(COPY.read_text())
CLASSES = {node.name: node for node in TREE.body if isinstance(node, ast.ClassDef)}
VALUES = {
    node.target.id: node.annotation
    for node in TREE.body
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
}
ERRORS = {
    name
    for name, value in vars(errors).items()
    if not name.startswith("_") and inspect.isclass(value) and value.__module__ == errors.__name__
}
PUBLIC = {*butler_core.__all__, *ERRORS}

# What modules of the core and of plugins use of these classes besides.  Users are not promised it.
INTERNAL: Mapping[str, set[str]] = {
    "BatchHelper": {"apply"},
    "Butler": {"repair", "verify_in_parts"},
    "ButlerError": {"from_dict", "to_dict"},
    "DataCoordinate": {"from_full", "from_required", "full_values", "required_values", "values"},
    "DatasetRef": {"required_values", "uuid_bytes", "with_data_id", "with_datastore_records"},
    "DimensionElement": {"columns"},
    "DimensionGroup": {"integer_keys", "lookup_order", "positions"},
    "DimensionRecord": {"key", "shape", "to_raw", "values"},
    "DimensionUniverse": {"geometry", "get_element", "key_types", "sort", "topology"},
    "FileDataset": {"with_refs"},
    "RemovalHelper": {"carry_out", "check", "chosen", "make_batch"},
    "Timespan": {"from_raw", "to_raw"},
}


class Signature(NamedTuple):
    """What a caller sees of a function."""

    parameters: list[tuple[str, str, Any, Any]]
    """Name, kind, default and type of each."""
    returns: Any


# ---- what the copy says


def _find(name: str) -> Any:
    return getattr(errors if name in ERRORS else butler_core, name)


def _make_namespace() -> dict[str, Any]:
    """Return what names mean in the copy: its imports, and the code's own for what it writes down."""
    namespace: dict[str, Any] = {}
    imports: list[ast.stmt] = [n for n in TREE.body if isinstance(n, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(imports, []), COPY.name, "exec"), namespace)
    written = {name: _find(name) for name in (*CLASSES, *VALUES) if name in PUBLIC}
    # A type variable equals no other, not even one of its name.
    return {**namespace, **written, "_T_co": _T_co}


NAMESPACE = _make_namespace()


def _evaluate(node: ast.expr, owner: type | None = None) -> Any:
    return eval(compile(ast.Expression(node), COPY.name, "eval"), NAMESPACE, {"Self": owner})


def _evaluate_type(node: ast.expr, owner: type | None = None) -> Any:
    """Return a type as `get_type_hints` gives those of the code."""

    def holder() -> None: ...

    holder.__annotations__ = {"it": _evaluate(node, owner)}
    return get_type_hints(holder)["it"]


def _functions(name: str) -> dict[str, list[ast.FunctionDef]]:
    """Return the functions of a class in the copy: several of one name are overloads."""
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in CLASSES[name].body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.Assign) and ast.unparse(node.value) in found:  # __le__ = __gt__ = __lt__
            found.update({ast.unparse(target): found[ast.unparse(node.value)] for target in node.targets})
    return found


def _fields(name: str) -> list[tuple[str, ast.expr, ast.expr | None]]:
    """Return name, type and default of what a class in the copy annotates."""
    return [
        (node.target.id, node.annotation, node.value)
        for node in CLASSES[name].body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]


def _decorators(node: ast.FunctionDef) -> set[str]:
    return {ast.unparse(decorator) for decorator in node.decorator_list}


def _make_function(node: ast.FunctionDef) -> Callable[..., Any]:
    """Make a function without decorators of its definition in the copy."""
    bare = ast.FunctionDef(**{**dict(ast.iter_fields(node)), "decorator_list": []})
    module = ast.fix_missing_locations(ast.Module([bare], []))
    made: dict[str, Any] = {}
    exec(compile(module, COPY.name, "exec"), NAMESPACE, made)  # annotations stay text here too
    function: Callable[..., Any] = made[node.name]
    return function


# ---- what the code says


def _describe(function: Callable[..., Any], owner: type) -> Signature:
    hints = get_type_hints(function, localns={"Self": owner})
    returns = hints.get("return")
    if hasattr(function, "__wrapped__") and get_origin(returns) is Iterator:  # by contextlib.contextmanager
        returns = AbstractContextManager[get_args(returns)[0]]  # type: ignore[misc]
    parameters = inspect.signature(function).parameters.values()
    return Signature(
        [(p.name, p.kind.description, p.default, hints.get(p.name)) for p in parameters], returns
    )


def _own(cls: type) -> list[type]:
    """Return a class and those of its bases that are butler's."""
    return [base for base in cls.__mro__ if base.__module__.partition(".")[0] == butler_core.__name__]


def _assigned(cls: type) -> set[str]:
    """Return the attributes that methods of a class give to ``self``."""
    return {
        node.attr
        for base in _own(cls)
        for node in ast.walk(ast.parse(inspect.getsource(base)))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    }


def _attribute_type(cls: type, name: str) -> Any:
    """Return an attribute's type: None if the code does not say; `AttributeError` if there is no such attribute."""
    found = inspect.getattr_static(cls, name, None)
    function = found.fget if isinstance(found, property) else getattr(found, "func", None)
    if isinstance(found, property | lazy_property) and function is not None:
        return get_type_hints(function, localns={"Self": cls})["return"]
    for base in _own(cls):
        if name in inspect.get_annotations(base):
            return get_type_hints(base)[name]
    if name not in _assigned(cls):
        raise AttributeError(f"{cls.__name__} has no attribute {name!r}")
    return None


# ---- the two agree


def test_every_public_name_is_written_down():
    assert {*CLASSES, *VALUES} == PUBLIC


@pytest.mark.parametrize("name", VALUES)
def test_a_value_has_the_type_that_is_written(name):
    assert isinstance(_find(name), _evaluate_type(VALUES[name]))


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_the_bases_that_are_written(name):
    bases = [_evaluate(base) for base in CLASSES[name].bases]
    assert all(issubclass(_find(name), get_origin(base) or base) for base in bases if inspect.isclass(base))
    ancestors = {base.__name__ for base in _find(name).__mro__[1:] if base in map(_find, CLASSES)}
    assert ancestors == _written_ancestors(name)


def _written_ancestors(name: str) -> set[str]:
    bases = {ast.unparse(base).partition("[")[0] for base in CLASSES[name].bases} & CLASSES.keys()
    return bases.union(*map(_written_ancestors, bases))


FUNCTIONS = [(name, function) for name in CLASSES for function in _functions(name)]


@pytest.mark.parametrize(("name", "function"), FUNCTIONS)
def test_a_method_has_the_signature_that_is_written(name, function):
    cls, written = _find(name), _functions(name)[function]
    found = inspect.getattr_static(cls, function)
    for kind in (staticmethod, classmethod):
        assert isinstance(found, kind) is (kind.__name__ in _decorators(written[0]))
    code = getattr(cls, function)
    code = getattr(code, "__func__", code)
    overloads = get_overloads(code)
    assert len(overloads) == (len(written) if "overload" in _decorators(written[0]) else 0)
    assert [_describe(f, cls) for f in overloads or [code]] == [
        _describe(_make_function(node), cls) for node in written
    ]
    for overload in overloads:
        _check_accepts(code, overload)


def _check_accepts(implementation: Callable[..., Any], overload: Callable[..., Any]) -> None:
    """Check that a function takes the arguments of one of its overloads, by position and by name."""
    accepts, parameters = inspect.signature(implementation), inspect.signature(overload).parameters.values()
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    assert {p.name for p in named} - {"self"} <= accepts.parameters.keys() | {"self"}
    accepts.bind(*[None for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)])
    if len(named) == len([p for p in parameters if p.kind is not p.VAR_KEYWORD]):
        accepts.bind(**{p.name: None for p in named})


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_has_the_attributes_fields_and_members_that_are_written(name):
    cls = _find(name)
    if issubclass(cls, enum.Enum):
        written = [n for n in CLASSES[name].body if isinstance(n, ast.Assign)]
        members = [(ast.unparse(node.targets[0]), _evaluate(node.value)) for node in written]
        assert [(member.name, member.value) for member in cls] == members
    elif issubclass(cls, BaseModel):
        hints = get_type_hints(cls)
        assert [(f, hints[f], _field_default(info)) for f, info in cls.model_fields.items()] == [
            (f, _evaluate_type(kind), _field_default(FieldInfo() if default is None else _evaluate(default)))
            for f, kind, default in _fields(name)
        ]
    elif issubclass(cls, tuple):
        hints = get_type_hints(cls)
        found = [(field, hints[field], cls._field_defaults.get(field, "none")) for field in cls._fields]
        assert found == [
            (field, _evaluate_type(kind), "none" if default is None else _evaluate(default))
            for field, kind, default in _fields(name)
        ]
    else:
        for attribute, kind, _ in _fields(name):
            assert _attribute_type(cls, attribute) in (_evaluate_type(kind, cls), None), attribute


def _field_default(field: Any) -> Any:
    """Return a field's default, or what makes it; of a bare value, the value."""
    if isinstance(field, FieldInfo):
        return field.default_factory or field.default
    return field


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_member_of_a_class_is_written_down(name):
    """What begins with no underscore looks like a promise: it is one, or is listed in `INTERNAL`."""
    cls, inherited = _find(name), _written_ancestors(name)
    written = {m for one in (name, *inherited) for m in (*_functions(one), *(f for f, *_ in _fields(one)))}
    bases = [base for base in _own(cls) if base is cls or base.__name__ not in CLASSES]
    found = {m for base in bases for m in (*vars(base), *_assigned(base)) if not m.startswith("_")}
    if issubclass(cls, enum.Enum):
        written.update(cls.__members__)  # compared above
    assert found - written - {"model_config"} == INTERNAL.get(name, set())
