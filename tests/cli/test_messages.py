"""What the command line prints and ends with, whatever the verb."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from butler_core import errors
from butler_core.cli.main import command
from butler_core.cli.output import print_rows
from butler_core.installed import Installed


def _raise(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the verb ``plugins`` fail with an error."""

    def scan() -> Installed:
        raise error

    monkeypatch.setattr(Installed, "scan", scan)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ButlerError, 1),
        (errors.InternalError, 1),
        (errors.DataIdError, 2),
        (errors.ConfigurationError, 2),
        (errors.DatasetNotFoundError, 3),
        (errors.DatasetExistsError, 4),
        (errors.OutcomeUnknownError, 5),
        (errors.ForbiddenError, 6),
        (errors.CorruptError, 7),
        (errors.IncompatibleError, 8),
        (errors.PluginError, 8),
    ],
)
def test_an_error_is_told_in_words_and_by_its_exit_code(monkeypatch, kind, code):
    error = kind("flat@{detector: 7} is odd.", remedy="Make it even.")
    error.add_note("It was even yesterday.")
    _raise(monkeypatch, error)
    result = CliRunner().invoke(command, ["plugins"])
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "error: flat@{detector: 7} is odd.",
        "note: It was even yesterday.",
        "remedy: Make it even.",
    ]


def test_an_unforeseen_error_has_no_traceback_unless_asked_for(monkeypatch):
    _raise(monkeypatch, ZeroDivisionError("oh"))
    result = CliRunner().invoke(command, ["plugins"])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ZeroDivisionError: oh\nremedy: ")
    assert isinstance(CliRunner().invoke(command, ["--traceback", "plugins"]).exception, ZeroDivisionError)


@pytest.mark.parametrize("arguments", [["no-such-verb"], ["plugins", "--no-such-option"], ["create"]])
def test_wrong_usage_ends_with_2(arguments):
    assert CliRunner().invoke(command, arguments).exit_code == 2


def test_rows_without_a_terminal_are_aligned_text(capsys):
    assert print_rows(["name", "n"], [("a", 1), ("longer", None), ("two\nlines", [1, 2])], as_json=False) == 3
    assert capsys.readouterr().out.splitlines() == [
        "name        n",
        "a           1",
        "longer",
        "two\\nlines  1, 2",
    ]


def test_many_rows_are_streamed(capsys):
    taken = []

    def rows():
        for number in range(3000):
            taken.append(len(capsys.readouterr().out))
            yield (number,)

    assert print_rows(["n"], rows(), as_json=False) == 3000
    assert sum(taken) > 10_000


def test_json_is_one_array(capsys):
    assert print_rows(["name", "n"], iter([("a", 1), ("ä", None)]), as_json=True) == 2
    assert json.loads(capsys.readouterr().out) == [{"name": "a", "n": 1}, {"name": "ä", "n": None}]
    assert print_rows(["name"], [], as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_an_empty_table_still_has_its_header(capsys):
    assert print_rows(["name", "n"], [], as_json=False) == 0
    assert capsys.readouterr().out == "name  n\n"
