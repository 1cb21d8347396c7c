"""Results as tables, CSV, JSON and Arrow."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from itertools import chain, islice
from pathlib import PurePath
from typing import Any, Literal, NamedTuple, get_args

import click

from butler_core.cli.arrow_files import check_arrow, write_arrow
from butler_core.cli.destination import Destination, opened
from butler_core.models.names import ArrowReader

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

Format = Literal["table", "json", "csv", "arrow"]
"""What rows can be printed as."""

_ENDINGS: Mapping[str, Format] = {".json": "json", ".csv": "csv", ".arrow": "arrow", ".feather": "arrow"}

_PLAIN_ROWS = 1000
"""Column widths come from this many rows, so that any number of rows can be streamed."""
_FLOAT_DIGITS = 12
"""What a table shows of a float; JSON has all digits."""


class Output(NamedTuple):
    """How results are to be printed, and where."""

    format: Format
    file: str | None
    """None: standard output."""

    def print(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        *,
        arrow: Callable[[], ArrowReader],
        arrow_columns: Sequence[str] | None = None,
        objects: Iterable[Mapping[str, Any]] | None = None,
    ) -> int:
        """Print rows, and return their number.

        ``objects`` is for JSON what ``rows`` is for all else, ``arrow`` makes the same for Arrow, of which ``arrow_columns`` are
        printed.
        """
        with opened(self.file) as to:
            if self.format == "arrow":
                return write_arrow(arrow(), arrow_columns, to)
            if self.format == "json":
                if objects is None:
                    objects = (dict(zip(columns, row, strict=True)) for row in rows)
                return print_json_array(objects, to)
            return print_csv(columns, rows, to) if self.format == "csv" else print_table(columns, rows, to)


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --format, --json that says the same briefly, and --output; the command gets them as ``output``."""

    @wraps(command)
    def with_output(
        *args: Any, format_name: Format | None, as_json: bool, file: str | None, **kwargs: Any
    ) -> Any:
        if as_json and format_name not in (None, "json"):
            raise click.UsageError(f"--json and --format {format_name} contradict each other.")
        if as_json:
            format_name = "json"
        elif format_name is None:
            format_name = _ENDINGS.get(PurePath(file or "").suffix.lower(), "table")
        if format_name == "arrow":
            check_arrow(file)
        return command(*args, output=Output(format_name, file), **kwargs)

    result: Callable[..., Any] = with_output
    for option in (
        click.option(
            "--output",
            "-o",
            "file",
            type=click.Path(dir_okay=False),
            default=None,
            metavar="FILE",
            help="Write to FILE, which appears when all of it is there, instead of standard output.",
        ),
        click.option("--json", "as_json", is_flag=True, help="As --format json."),
        click.option(
            "--format",
            "format_name",
            type=click.Choice(get_args(Format)),
            default=None,
            help="For people, or for programs; else FILE's ending says.  [default: table]",
        ),
    ):
        result = option(result)
    return result


def to_json(value: Any) -> str:
    """Write JSON; what it has no type for becomes text."""
    return json.dumps(value, default=str, ensure_ascii=False)


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, as_json: bool) -> int:
    """Print rows on standard output, as JSON or as a table; return their number."""
    with opened(None) as to:
        if as_json:
            return print_json_array((dict(zip(columns, row, strict=True)) for row in rows), to)
        return print_table(columns, rows, to)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], to: Destination) -> int:
    """Print a table and return its number of rows.

    On a terminal up to a thousand rows come in a frame or, if that would be too wide, as blocks of a line for each column.
    All else is plain text in columns.  Everything but frame and blocks streams.
    """
    iterator = iter(rows)
    first = list(islice(iterator, _PLAIN_ROWS))
    following = next(iterator, None)
    numeric = [_is_numeric(row[index] for row in first) for index in range(len(columns))]
    cells = [[_cell(value) for value in row] for row in first]
    if following is None and to.is_terminal:
        _print_for_people(columns, cells, numeric, to)
        return len(cells)
    rest = iterator if following is None else chain([following], iterator)
    return _print_plain(columns, cells, ([_cell(value) for value in row] for row in rest), numeric, to)


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], to: Destination) -> int:
    """Print comma-separated values with a header while they come; return the number of rows.

    Missing values are empty; several values in one are separated by commas, within quotes.
    """
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    count = 0
    for count, row in enumerate(chain([columns], rows)):  # noqa: B007 - it is returned
        writer.writerow(map(_csv_cell, row))
        to.write(line.getvalue())
        line.seek(0)
        line.truncate()
    return count


def print_json_array(objects: Iterable[Any], to: Destination) -> int:
    """Print an array, one element a line, while they come; return their number."""
    count = 0
    for item in objects:
        to.write(f"{',' if count else '['}\n{to_json(item)}")
        count += 1
    to.write("\n]\n" if count else "[]\n")
    return count


def print_facts(facts: Mapping[str, Any], *, as_json: bool) -> None:
    """Print names and values, one a line; what has no value is left out, except of JSON."""
    if as_json:
        click.echo(json.dumps(dict(facts), default=str, ensure_ascii=False, indent=2))
        return
    shown = {name: _cell(value) for name, value in facts.items() if value is not None}
    width = max(map(len, shown), default=0)
    for name, text in shown.items():
        click.echo(f"{name:<{width}}  {text or '-'}")


def _is_numeric(values: Iterable[Any]) -> bool:
    """Whether a column is of numbers, which stand at its right."""
    kinds = {type(value) for value in values if value is not None}
    return bool(kinds) and kinds <= {int, float}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        text = repr(value)
        return text if len(text) <= _FLOAT_DIGITS + 2 else f"{value:.{_FLOAT_DIGITS}g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={item}" for name, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(map(str, value))
    # A line break in a value must not look like another row.
    return str(value).replace("\n", "\\n")


def _csv_cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, (list, tuple, set, frozenset)) else value


def _print_plain(
    columns: Sequence[str],
    first: list[list[str]],
    rest: Iterable[list[str]],
    numeric: Sequence[bool],
    to: Destination,
) -> int:
    widths = [max(len(cell) for cell in cells) for cells in zip(columns, *first, strict=True)]
    formats = [f"{'>' if right else '<'}{width}" for right, width in zip(numeric, widths, strict=True)]
    count = 0
    for number, row in enumerate(chain([list(columns)], first, rest)):
        cells = [format(cell, how) for cell, how in zip(row, formats, strict=True)]
        to.write("  ".join(cells).rstrip() + "\n")
        count = number
    return count


def _print_for_people(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[bool], to: Destination
) -> None:
    longest, whole = [], []
    for cells in zip(columns, *rows, strict=True):
        longest.append(max(len(word) for cell in cells for word in cell.split(" ")))
        whole.append(max(map(len, cells)))
    space = shutil.get_terminal_size().columns
    # A frame takes two blanks and a line for each column, and the last line; plain columns take two blanks between them.
    if sum(longest) + 3 * len(columns) + 1 <= space:
        _print_framed(columns, rows, numeric, longest)
    elif not rows or sum(whole) + 2 * (len(columns) - 1) <= space:
        _print_plain(columns, list(map(list, rows)), [], numeric, to)
    else:
        _print_blocks(columns, rows, to)


def _print_framed(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    numeric: Sequence[bool],
    min_widths: Sequence[int],
) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold")
    for name, right, width in zip(columns, numeric, min_widths, strict=True):
        # Text: brackets in a name or value are no markup
        table.add_column(Text(name), justify="right" if right else "left", min_width=width, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def _print_blocks(columns: Sequence[str], rows: Iterable[Sequence[str]], to: Destination) -> None:
    """Print each row as a block, so that no value is cut into pieces that nobody can read or copy."""
    width = max(map(len, columns))
    for number, row in enumerate(rows):
        if number:
            to.write("\n")
        for name, cell in zip(columns, row, strict=True):
            if cell:
                to.write(f"{name:<{width}}  {cell}\n")
