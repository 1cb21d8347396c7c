"""What the verbs that query say when they find nothing."""

from __future__ import annotations

from typing import Protocol

import click


class Explains(Protocol):
    """A query's result."""

    def explain_no_results(self) -> list[str]:
        """Say in words why there are no rows."""


def explain_if_empty(count: int, results: Explains) -> None:
    """Say on standard error why nothing was found, if nothing was."""
    if count == 0:
        for reason in results.explain_no_results():
            click.echo(f"nothing found: {reason}", err=True)
