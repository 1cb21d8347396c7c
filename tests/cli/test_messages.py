"""What the command line prints and ends with, whatever the verb."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from butler_core import errors
from butler_core.cli import destination
from butler_core.cli.main import command
from butler_core.cli.output import print_facts, print_rows
from butler_core.cli.remedies import for_command_line
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


@pytest.mark.parametrize(
    ("error", "code", "problem"),
    [
        (FileNotFoundError(2, "No such file or directory", "a b"), 3, "a b: No such file or directory."),
        (PermissionError(13, "Permission denied", "x"), 6, "x: Permission denied."),
        (OSError(28, "No space left on device"), 5, "No space left on device."),
    ],
)
def test_what_the_system_refuses_names_the_place(monkeypatch, error, code, problem):
    _raise(monkeypatch, error)
    result = CliRunner().invoke(command, ["plugins"])
    assert result.exit_code == code
    assert result.stderr.startswith(f"error: {problem}\nremedy: ")


def test_an_interruption_says_what_to_do_and_ends_as_shells_expect(monkeypatch):
    _raise(monkeypatch, KeyboardInterrupt())
    result = CliRunner().invoke(command, ["plugins"])
    assert result.exit_code == 130
    assert "butler recover" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "verb"),
    [
        (["no-such-verb"], ""),
        (["--no-such-option"], ""),
        (["plugins", "--no-such-option"], " plugins"),
        (["create"], " create"),
        (["get", "repo", "summary"], " get"),
    ],
)
def test_wrong_usage_ends_with_2_and_shows_the_usage(arguments, verb):
    result = CliRunner().invoke(command, arguments, prog_name="butler")
    assert result.exit_code == 2
    problem, usage, remedy = result.stderr.splitlines()
    assert problem.startswith("error: ")
    assert usage.startswith(f"usage: butler{verb} ")
    assert remedy == f"remedy: `butler{verb} --help` describes it."


def test_a_mistyped_verb_is_guessed():
    assert "'query-datasets'" in CliRunner().invoke(command, ["query-dataset"]).stderr


@pytest.mark.parametrize(
    ("remedy", "said"),
    [
        ("Or register it: butler.register_dataset_type().", "Or register it: butler register-dataset-type."),
        (
            "No collection has one; butler.query_datasets() shows.",
            "No collection has one; butler query-datasets shows.",
        ),
        ("Choose another place, or pass overwrite=True.", "Choose another place, or use --overwrite."),
        ('Pass transfer="copy", or "direct".', 'Use --transfer copy, or "direct".'),
        ("Pass dimensions=NAME.", "Use --universe NAME."),
        ("butler.removal() does it.", "butler.removal() does it."),
    ],
)
def test_remedies_speak_of_verbs_and_options(remedy, said):
    assert for_command_line(remedy, {"register-dataset-type", "query-datasets"}) == said


def test_rows_without_a_terminal_are_aligned_text(capsys):
    assert print_rows(["name", "n"], [("a", 1), ("longer", None), ("two\nlines", [1, 2])], as_json=False) == 3
    assert capsys.readouterr().out.splitlines() == [
        "name        n",
        "a           1",
        "longer",
        "two\\nlines  1, 2",
    ]


def test_numbers_stand_at_the_right_and_floats_without_noise(capsys):
    rows = [(1, 0.1 + 0.2, True), (100, None, False)]
    assert print_rows(["n", "x", "b"], rows, as_json=False) == 2
    assert capsys.readouterr().out.splitlines() == ["  n    x  b", "  1  0.3  True", "100       False"]
    print_rows(["x"], [(0.1 + 0.2,)], as_json=True)
    assert json.loads(capsys.readouterr().out) == [{"x": 0.1 + 0.2}]


@pytest.mark.parametrize(("width", "looks"), [(80, "frame"), (23, "plain"), (22, "blocks")])
def test_a_terminal_gets_what_fits(monkeypatch, capsys, width, looks):
    monkeypatch.setattr(destination, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    rows = [("a/long/name", 1, ""), ("[b]", 22, "why")]
    assert print_rows(["name", "no", "reason"], rows, as_json=False) == 2
    shown = capsys.readouterr().out
    if looks == "frame":
        assert "┏" in shown
        assert "[b]" in shown
    elif looks == "plain":
        assert shown.splitlines() == ["name         no  reason", "a/long/name   1", "[b]          22  why"]
    else:
        assert shown == "name    a/long/name\nno      1\n\nname    [b]\nno      22\nreason  why\n"


def test_standard_output_may_be_closed(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert print_rows(["n"], [(1,)], as_json=False) == 1


def test_facts_without_a_value_are_left_out_except_of_json(capsys):
    print_facts({"a": None, "bc": [], "d": 1}, as_json=False)
    assert capsys.readouterr().out == "bc  -\nd   1\n"
    print_facts({"a": None}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"a": None}


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
