"""Tables for notebooks: every text in them is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def html_table(heads: Sequence[str], rows: Iterable[Sequence[object]], note: str = "") -> str:
    """Return a table of HTML with a line of heads, and a note below it."""
    lines = [_line("th", heads), *(_line("td", row) for row in rows)]
    below = f"<p>{escape(note)}</p>" if note else ""
    return f"<table>{''.join(lines)}</table>{below}"


def _line(tag: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(str(cell))}</{tag}>' for cell in cells)}</tr>"
