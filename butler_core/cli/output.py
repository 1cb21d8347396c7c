"""Tables and JSON on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

_PLAIN_ROWS = 1000
"""Column widths come from this many rows, so that any number of rows can be streamed."""


def to_json(value: Any) -> str:
    """Write JSON; what it has no type for becomes text."""
    return json.dumps(value, default=str, ensure_ascii=False)


def print_rows(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, as_json: bool, title: str = ""
) -> int:
    """Print a table and return its number of rows.

    JSON is an array of objects; on a terminal up to a thousand rows come in a frame; all else is plain text in columns.
    Everything but the frame streams.
    """
    if as_json:
        return print_json_array(dict(zip(columns, row, strict=True)) for row in rows)
    iterator = iter(rows)
    first = [[_cell(value) for value in row] for row in islice(iterator, _PLAIN_ROWS)]
    following = next(iterator, None)
    if following is None and sys.stdout.isatty():
        _print_framed(columns, first, title)
        return len(first)
    rest = iterator if following is None else chain([following], iterator)
    return _print_plain(columns, first, ([_cell(value) for value in row] for row in rest))


def print_json_array(objects: Iterable[Any]) -> int:
    """Print an array, one element a line, while they come; return their number."""
    count = 0
    for item in objects:
        click.echo(f"{',' if count else '['}\n{to_json(item)}", nl=False)
        count += 1
    click.echo("\n]" if count else "[]")
    return count


def print_facts(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Print names and values, one a line."""
    if as_json:
        click.echo(json.dumps(dict(facts), default=str, ensure_ascii=False, indent=2))
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"{name:<{width}}  {_cell(value)}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={item}" for name, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(map(str, value))
    # A line break in a value must not look like another row.
    return str(value).replace("\n", "\\n")


def _print_plain(columns: Sequence[str], first: list[list[str]], rest: Iterable[list[str]]) -> int:
    widths = [max(len(cell) for cell in cells) for cells in zip(columns, *first, strict=True)]
    count = 0
    for number, row in enumerate(chain([list(columns)], first, rest)):
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
        count = number
    return count


def _print_framed(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))  # Text: brackets in a value are no markup
    Console().print(table)
