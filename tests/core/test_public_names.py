"""The names that users import: handed out lazily, and the same for type checkers."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import click
import pytest

import butler_core
from butler_core.cli.main import command

STUB = Path(butler_core.__file__).with_suffix(".pyi")


def _stub_names() -> dict[str, str]:
    """Return the module of each name in the stub."""
    imports = [node for node in ast.parse(STUB.read_text()).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


@pytest.mark.parametrize("name", butler_core.__all__)
def test_a_public_name_comes_from_the_module_that_defines_it(name):
    value = getattr(butler_core, name)
    module = _stub_names()[name]
    assert value is getattr(importlib.import_module(module), name)
    assert getattr(value, "__module__", module) == module


def test_type_checkers_see_the_same_names():
    listed = ast.parse(STUB.read_text()).body[-1]
    assert isinstance(listed, ast.Assign)
    assert ast.literal_eval(listed.value) == butler_core.__all__
    assert sorted(_stub_names()) == butler_core.__all__


def test_an_unknown_name_is_an_attribute_error():
    name = "Butlr"
    with pytest.raises(AttributeError, match="no attribute 'Butlr'"):
        getattr(butler_core, name)


def test_names_are_listed_before_they_are_loaded():
    assert set(butler_core.__all__) <= set(dir(butler_core))


CONTEXT = click.Context(command)


@pytest.mark.parametrize("verb", command.list_commands(CONTEXT))
def test_each_verb_has_a_command_that_says_what_it_does(verb):
    found = command.get_command(CONTEXT, verb)
    assert found is not None
    assert found.name == verb
    assert found.help
