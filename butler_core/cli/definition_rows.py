"""What the verbs that list definitions share: their order, slice and format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import islice
from typing import Any, NamedTuple

from butler_core.cli.arrow_files import CellType, make_reader
from butler_core.cli.common import limit_option, order_option, split_names
from butler_core.cli.output import Output, output_options
from butler_core.cli.querying import offset_option
from butler_core.cli.results import say_if_no_match
from butler_core.errors import InvalidInputError


class Listing(NamedTuple):
    """What the options of a list say."""

    order_by: str
    limit: int | None
    offset: int
    output: Output

    def show(self, columns: Sequence[tuple[str, CellType]], rows: Sequence[Sequence[Any]], what: str) -> None:
        """Print the part that is wanted of all rows, in the order that is wanted; say if there is none."""
        names = [name for name, _ in columns]
        for key in reversed(split_names(self.order_by)):
            rows = _sorted(rows, names, key)
        stop = None if self.limit is None else self.offset + self.limit
        shown = list(islice(rows, self.offset, stop))
        self.output.print(names, shown, arrow=lambda: make_reader(columns, shown))
        say_if_no_match(len(rows), what)


def _sorted(rows: Sequence[Sequence[Any]], names: list[str], key: str) -> Sequence[Sequence[Any]]:
    """Sort by one column; what has no value comes last either way."""
    name = key.removeprefix("-")
    if name not in names:
        raise InvalidInputError(
            f"There is no column {name!r} to order by.", remedy=f"The columns are: {', '.join(names)}."
        )
    position = names.index(name)
    there = [row for row in rows if row[position] is not None]
    there.sort(key=lambda row: row[position], reverse=key.startswith("-"))
    return there + [row for row in rows if row[position] is None]


def listing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that all lists have; the command gets them as ``listing``."""

    @wraps(command)
    def with_listing(
        *args: Any, order_by: str, limit: int | None, offset: int, output: Output, **kwargs: Any
    ) -> Any:
        return command(*args, listing=Listing(order_by, limit, offset, output), **kwargs)

    result: Callable[..., Any] = with_listing
    for option in (output_options, offset_option, limit_option, order_option):
        result = option(result)
    return result
