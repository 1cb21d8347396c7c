"""What the verbs that query say when they find nothing."""

from __future__ import annotations

from typing import Protocol

import click


class Explains(Protocol):
    """A query's result."""

    def explain_no_results(self) -> list[str]:
        """Say in words why there are no rows."""


def explain_if_empty(count: int, results: Explains, limit: int | None) -> None:
    """Say on standard error why nothing was found, if something was wanted and nothing was."""
    if count == 0 and limit != 0:
        for reason in results.explain_no_results():
            click.echo(f"nothing found: {reason}", err=True)


def say_if_no_match(count: int, what: str) -> None:
    """Say on standard error that no name matched, if none did."""
    if count == 0:
        click.echo(f"nothing found: No {what} matches.", err=True)
