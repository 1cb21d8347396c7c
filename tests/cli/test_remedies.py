"""No text of the project that names Python reaches the command line as it is: all of them are gone through here."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from butler_core import BatchHelper, Butler, Query, QueryBase, RemovalHelper
from butler_core.cli.main import _VERBS
from butler_core.cli.remedies import TABLE, for_command_line

PROJECT = Path(__file__).parents[2]
NEVER_SEEN = {
    "End a child within the context by os._exit(), or begin a batch of its own there.": "no verb forks",
    "Call sync_dimension_data() in the same batch.": "a verb's batch changes records in one way",
    "Records of X are synchronised with update=X in this batch.": "a verb's batch changes records in one way",
    "Pass element=.": "verbs make records of an element that was named",
    "Make the refs with the dataset type that register_dataset_type() returns.": "no verb both registers and puts",
    "FileDataset('X', 'X', formatter='X')": "the representation of a file",
    "Butler('X', collections=X, run='X')": "the representation of a butler",
    "Open it with writeable=True, or with run=.": "verbs that write open so",
    "Open the repository again with writeable=True.": "verbs that write open so",
    "Open the butler with writeable=True.": "verbs that write open so",
    "Use &, | and ~ instead of and, or and not, is_in() instead of in, and two comparisons for a < b < c.": (
        "of conditions in Python"
    ),
    "Use is_in() for several values.": "of conditions in Python",
    "Ask for unsigned ones: signed=False.": "no verb asks for URIs",
    "Use get_many_uris(): it returns those of all components.": "no verb asks for URIs",
    "Ask for .expanded() on the query that finds it.": "verbs look at no records of data IDs",
    ", is_calibration=True": "the representation of a dataset type",
    "{v}.__class__ is str and {v}.isascii() and '\\0' not in {v}": "code that is compiled",
    "X() offers X, not the 'X' that was announced": "for authors of plugins",
    "X() answers with X, not X": "for authors of plugins",
    "Use what the bridge's journal_paths() returns.": "for authors of datastores",
    "Take the results of one type: by_dataset_type[...].": "verbs sort once, slice last and take no snapshot",
    "Slice last, or run() it first.": "verbs sort once, slice last and take no snapshot",
    "Take list(...) of it, or run() the results of each type in by_dataset_type.": (
        "verbs sort once, slice last and take no snapshot"
    ),
    "Join first and slice last, or go on with materialized().": "verbs join nothing",
    "Give uuid=('summary', ref.uuid).": "verbs find no dataset by UUID",
    "timespan='X' is no Timespan.": "verbs make timespans themselves",
}
"""Texts that name Python and that no verb shows, and why; values in them stand as X."""


def _parameters() -> Iterator[str]:
    for kind in (Butler, BatchHelper, Query, QueryBase, RemovalHelper):
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if name == "__init__" or not name.startswith("_"):
                yield from inspect.signature(method).parameters


_NAMES = "|".join(sorted({*_parameters()} - {"self", "args", "kwargs"}))
PYTHON = re.compile(
    r"(?<!')\bbutler\.(?!yaml)\w+|\bButler\(|\w\(\)|\(\.\.\.\)|\b[A-Z]+_OR_[A-Z]+\b|\bOverlapJoinPolicy|by_dataset_type"
    rf"|\b(?:{_NAMES})=|\bFileDataset\b"
)
"""What shows that a text is written for Python: calls, arguments of methods of the butler, enumerations."""


class Text(NamedTuple):
    """A text in the code, with X for each value in it."""

    place: str
    text: str


def _texts() -> Iterator[Text]:
    for folder in ("butler_core", "plugins/*/src", "contrib/*/src"):
        for path in PROJECT.glob(f"{folder}/**/*.py"):
            parts = path.relative_to(PROJECT).parts
            if parts[:2] not in (("butler_core", "testing"), ("butler_core", "cli")):
                for line, text in _strings(ast.parse(path.read_text())):
                    yield Text(f"{'/'.join(parts)}:{line}", text)


def _strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Return the strings of a module that are no documentation."""
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    passed |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(map(_part, node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
            yield node.lineno, node.value


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.FormattedValue)
    return "'X'" if node.conversion == ord("r") else "X"


FOUND = sorted(
    found for found in _texts() if re.fullmatch(r".* .*", found.text) and PYTHON.search(found.text)
)
"""Texts of one line, as all remedies are."""


@pytest.mark.parametrize("found", FOUND, ids=lambda found: found.place)
def test_a_text_for_python_is_turned_into_words_of_the_command_line(found: Text) -> None:
    if found.text in NEVER_SEEN:
        return
    said = for_command_line(found.text, _VERBS)
    assert not PYTHON.search(said), "add it to cli.remedies.TABLE, or to NEVER_SEEN with the reason"


def test_nothing_is_kept_for_what_nobody_says_any_more() -> None:
    texts = [found.text for found in FOUND]
    assert set(NEVER_SEEN) <= set(texts)
    everything = "\n".join(text.text for text in _texts())
    for pattern, _ in TABLE:
        assert re.search(pattern, everything) or re.search(pattern, _applied(everything, pattern)), pattern


def _applied(text: str, until: str) -> str:
    """Return what the rules before one make of a text."""
    for pattern, said in TABLE:
        if pattern == until:
            break
        text = re.sub(pattern, said, text)
    return text


@pytest.mark.parametrize(
    ("remedy", "said"),
    [
        (
            "Insert it first: butler.insert_dimension_data('visit', ...).",
            "butler insert-dimension-records ROOT visit.",
        ),
        ("give the dataset up: butler.unstore([ref]).", "give the dataset up: butler unstore."),
        (
            "Take it out of that collection too: butler.removal(), find_associations_in=...",
            "too: --associations",
        ),
        ("Leave it out, or use INSERT_OR_REPLACE or INSERT_OR_SKIP.", "--mode insert-or-skip."),
        ("Give it: bind={'x': ...}.", "Write the value itself in its place."),
        ("Name the collections, or pass find_first=False.", "Name the collections, or use --find-all."),
    ],
)
def test_what_is_said(remedy: str, said: str) -> None:
    assert for_command_line(remedy, _VERBS).endswith(said)
