"""What the verbs that query share: condition, order, slice, explanation and format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import click

from butler_core.cli.common import MOST_ROWS, limit_option, order_option, split_names, where_option
from butler_core.cli.destination import opened
from butler_core.cli.output import Output, output_options
from butler_core.cli.results import Explains, explain_if_empty
from butler_core.models.names import ArrowReader

Command = Callable[..., Any]

offset_option = click.option(
    "--offset", type=click.IntRange(0, MOST_ROWS), default=0, metavar="N", help="Pass over the first N."
)
explain_option = click.option(
    "--explain",
    is_flag=True,
    help="Show the statements and the database's plan instead of results; if there are none, why.",
)


class Results(Explains, Protocol):
    """A query's result."""

    def sorted(self, order_by: Sequence[str]) -> Self:
        """Return it in an order."""

    def sliced(self, start: int = 0, stop: int | None = None) -> Self:
        """Return a part of it."""

    def explain(self) -> str:
        """Return the statements and the database's plan."""

    def to_arrow_reader(self) -> ArrowReader:
        """Return it as batches of Arrow."""


_R = TypeVar("_R", bound=Results)


class Wanted(NamedTuple):
    """What the options of a query say."""

    where: str
    order_by: str
    limit: int | None
    offset: int
    explain: bool
    output: Output

    def choose(self, results: _R) -> _R:
        """Put results into the order that is wanted, and return the part that is wanted."""
        if self.order_by:
            results = results.sorted(split_names(self.order_by))
        return results.sliced(self.offset, None if self.limit is None else self.offset + self.limit)

    def show(
        self,
        results: Results,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        objects: Iterable[Mapping[str, Any]],
        *,
        arrow: Callable[[], ArrowReader] | None = None,
        arrow_columns: Sequence[str] | None = None,
    ) -> None:
        """Print results, or what explains them: see `Output.print`."""
        if self.explain:
            with opened(self.output.file) as to:
                to.write(f"{results.explain()}\n")
            explain_if_empty(0, results, self.limit)
            return
        arrow = arrow or results.to_arrow_reader
        count = self.output.print(columns, rows, arrow=arrow, arrow_columns=arrow_columns, objects=objects)
        explain_if_empty(count, results, self.limit)


def query_options(command: Command) -> Command:
    """Add the options that all queries have; the command gets them as ``wanted``."""

    @wraps(command)
    def with_wanted(
        *args: Any,
        where: str,
        order_by: str,
        limit: int | None,
        offset: int,
        explain: bool,
        output: Output,
        **kwargs: Any,
    ) -> Any:
        wanted = Wanted(where, order_by, limit, offset, explain, output)
        return command(*args, wanted=wanted, **kwargs)

    result: Command = with_wanted
    for option in (output_options, explain_option, offset_option, limit_option, order_option, where_option):
        result = option(result)
    return result
