"""The tables that the benchmarks print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from tests.benchmarks.aims import Verdict
from tests.benchmarks.results import Row, Setting

_WIDTH = 150  # where output is no terminal
_QUIET = 0.05
_TITLES = {"start": "beginning", "scale": "more and more datasets; the limit is the first page of the fewest"}

_MARKS = {True: "[green]met[/]", False: "[red]missed[/]", None: "[yellow]unknown[/]"}


def show(
    tables: Mapping[Setting, Sequence[Row]], rounds: int, other_work: float | None, *, judge: bool
) -> None:
    """Print a table for each setting, and what came of the aims.

    Parameters
    ----------
    tables
        Rows by setting.
    rounds
        How many rounds there were.
    other_work
        What part of the processors' time other work took meanwhile; None if unknown.
    judge
        Whether the workload had the size that the aims are for.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    for setting, rows in tables.items():
        console.print(_table(setting, rows, judge=judge))
    for line in _notes(rounds, other_work):
        console.print(line, highlight=False)
    if not judge:
        console.print("The aims are for the full workload, so nothing is judged here.")
        return
    verdicts = [
        (setting, verdict) for setting, rows in tables.items() for row in rows for verdict in row.verdicts
    ]
    for is_met, word in ((True, "met"), (False, "missed"), (None, "not measured")):
        found = [f"{v.title} on {s.medium}: {_text(v)}" for s, v in verdicts if v.is_met is is_met]
        if found or is_met is not None:
            console.print(f"\n[bold]{len(found)} of {len(verdicts)} aims {word}[/]")
        for line in found:
            console.print(f"  {line}", highlight=False)


def _notes(rounds: int, other_work: float | None) -> Iterator[str]:
    yield f"Medians of {rounds} round{'s' * (rounds != 1)}, each side in a fresh process in turn."
    if rounds > 1:
        yield "In brackets the smallest and the largest ratio of a round."
    yield "peer: lsst-daf-butler, which has no durability setting; it syncs SQLite at each commit, and no file."
    yield "limit: bare system calls and bare SQL, with the syncs that a journalled batch needs if it is to outlive a power cut."
    if other_work is not None:
        doubt = "" if other_work < _QUIET else ": do not trust the figures far"
        yield f"Other work took {other_work:.0%} of the processors' time{doubt}."


def _table(setting: Setting, rows: Sequence[Row], *, judge: bool) -> Table:
    title = _TITLES.get(setting.medium) or f"{setting.medium}, durability {setting.durability}"
    table = Table(title=title, title_justify="left")
    table.add_column("operation")
    for name in ("n", "peer", "ours", "limit", "peer / ours", "ours / limit"):
        table.add_column(name, justify="right", no_wrap=True)
    if judge:
        table.add_column("aim")
    for row in rows:
        cell = row.cell
        cells = [
            row.operation.title,
            f"{cell.n:,}".replace(",", " "),
            *(_quantity(value, row.operation.unit) for value in (cell.peer, cell.ours, cell.limit)),
            _ratio(cell.peer, cell.ours, row.peer_range),
            _ratio(cell.ours, cell.limit, row.limit_range),
        ]
        if judge:
            cells.append("\n".join(f"{_text(verdict)} {_MARKS[verdict.is_met]}" for verdict in row.verdicts))
        table.add_row(*cells)
    return table


def _text(verdict: Verdict) -> str:
    if verdict.measured is None:
        return str(verdict.aim)
    return f"{verdict.aim}: {_number(verdict.measured)}"


def _quantity(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit != "s":
        return f"{_number(value)} {unit}"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.1f} ms"


def _ratio(above: float | None, below: float | None, spread: tuple[float, float] | None) -> str:
    if above is None or below is None:
        return "-"
    text = _number(above / below)
    if spread is not None and spread[0] < spread[1]:
        text += f" ({_number(spread[0])} to {_number(spread[1])})"
    return text


def _number(value: float) -> str:
    """Write a ratio with three digits, or as many as it has before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
