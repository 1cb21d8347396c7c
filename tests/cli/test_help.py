"""What each verb says of itself."""

from __future__ import annotations

import shlex

import click
import pytest
from click.testing import CliRunner

from butler_core.cli.main import _VERBS, command


@pytest.mark.parametrize("columns", ["40", "80", "200"])
@pytest.mark.parametrize("verb", _VERBS)
def test_the_help_of_a_verb_has_an_example_to_copy(
    verb: str, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for _ in range(2):
        result = CliRunner().invoke(command, [verb, "--help"])
        assert result.exit_code == 0
        assert result.output.count("Example:\n") == 1
    example = result.output.partition("Example:\n")[2].splitlines()[0]
    name, said, *arguments = shlex.split(example)
    assert (name, said) == ("butler", verb)
    group = click.Context(command)
    found = command.get_command(group, verb)
    assert found is not None
    options, rest, _ = found.make_parser(click.Context(found)).parse_args(arguments)
    assert rest == []
    missing = [p.name for p in found.params if p.required and options.get(p.name or "") in (None, ())]
    assert missing == []


def test_the_help_lists_all_verbs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = CliRunner().invoke(command, ["--help"]).output.splitlines()
    assert all(any(line.split()[:1] == [verb] for line in lines) for verb in _VERBS)
    assert max(map(len, lines)) <= 80
