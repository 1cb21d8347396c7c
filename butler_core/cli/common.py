"""What the verbs that open a repository share: their usual arguments and options, and reading KEY=VALUE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import wraps
from typing import Any, get_args

import click

from butler_core import tai
from butler_core.butler import Butler
from butler_core.errors import InvalidInputError
from butler_core.models.data_id_keys import find_dimension, find_record_keys
from butler_core.models.names import CollectionName, DataIdValue, DimensionName, Progress, TransferMode
from butler_core.models.timespan import Timespan
from butler_core.models.universe import DimensionUniverse
from butler_core.tai import TimeScale


def _check_root(context: click.Context, parameter: click.Parameter, root: str) -> str:
    if not root.strip():
        raise click.BadParameter("It is empty, and names no repository.", context, parameter)
    return root


root_argument = click.argument("root", callback=_check_root)
where_option = click.option(
    "--where", default="", metavar="EXPRESSION", help="Condition, such as \"visit > 5 AND band = 'r'\"."
)
order_option = click.option("--order-by", default="", metavar="NAME,-NAME", help="Sort; '-' descends.")
MOST_ROWS = 10**15
"""What --limit and --offset may be: far more than there can be, and few enough for any database's integers."""
limit_option = click.option(
    "--limit", type=click.IntRange(0, MOST_ROWS), default=None, metavar="N", help="Show no more than N."
)
collections_option = click.option(
    "--collections",
    "-c",
    multiple=True,
    metavar="NAME,NAME",
    help="Collections, searched in this order; may be repeated.",
)
run_option = click.option(
    "--run", required=True, metavar="NAME", help="RUN collection to write to; made if need be."
)
transfer_option = click.option(
    "--transfer",
    type=click.Choice(get_args(TransferMode)),
    default="auto",
    show_default=True,
    help="How files get in: auto is copy; link is a hard link, else a symbolic one; direct leaves them where they are.",
)
data_id_arguments = click.argument("data_id", nargs=-1, metavar="[KEY=VALUE]...")


def split_names(values: str | Iterable[str]) -> list[str]:
    """Split names at commas: ``a,b c`` given as one or several values.

    Each of several values must name something: an empty one is what a script passes by mistake, and never means all.
    """
    texts = [values] if isinstance(values, str) else list(values)
    if not isinstance(values, str) and not all(text.replace(",", "").strip() for text in texts):
        raise InvalidInputError(
            "An empty name was given.", remedy="Give a name, or leave the argument or option out."
        )
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def open_butler(
    root: str,
    *,
    writeable: bool = False,
    run: str | None = None,
    collections: Iterable[str] = (),
    progress: Progress | None = None,
) -> Butler:
    """Open a repository."""
    return Butler(
        root, writeable=writeable, run=run, collections=split_names(collections) or None, progress=progress
    )


@contextmanager
def opened_to_write(root: str, run: CollectionName, progress: Progress | None = None) -> Iterator[Butler]:
    """Open a repository to write into a RUN.

    A RUN that is not there is left for the verb to make (`Butler.register_collection`) once it knows that its input is sound:
    a mistyped command leaves no empty RUN behind.
    """
    with Butler(root, writeable=True, progress=progress) as butler:
        if run not in set(butler.query_collections(...)):
            yield butler
            return
        # Of a RUN that has datasets the instrument is known, so it need not be typed.
        with Butler(butler=butler, run=run, progress=progress) as with_defaults:
            yield with_defaults


def parse_data_id(universe: DimensionUniverse, items: Sequence[str]) -> dict[str, DataIdValue]:
    """Read KEY=VALUE arguments: a key may be whatever a data ID may have, and its value becomes what that takes.

    What does not look like it is left to the butler, which says what is wrong, or takes text for an alternate key.
    """
    data_id: dict[str, DataIdValue] = {}
    for item in items:
        key, separator, value = item.partition("=")
        if not separator or not key:
            raise InvalidInputError(
                f"{item!r} is no part of a data ID.", remedy="Write KEY=VALUE, such as detector=16."
            )
        if key in data_id:
            raise InvalidInputError(f"{key!r} is given twice.", remedy="Give each key once.")
        data_id[key] = _read_value(universe, key, value)
    return data_id


def _read_value(universe: DimensionUniverse, key: str, value: str) -> DataIdValue:
    """Read a value as what a key (``detector``, ``seq_num``, ``exposure.exposure_time``) takes, as far as that is clear."""
    dimension = find_dimension(universe, key)
    if dimension is not None:
        types = {universe.key_types[dimension]}
    else:
        types = {found.column.type for found in find_record_keys(universe, key, value)}
    if types == {"int"} and _looks_like_int(value):
        return int(value)
    if types == {"bool"}:
        return {"true": True, "false": False}.get(value.lower(), value)
    if types == {"float"}:
        with suppress(ValueError):
            return float(value)  # type: ignore[return-value] # what a column of a record may be
    return value


def _looks_like_int(value: str) -> bool:
    digits = value[1:] if value[:1] in ("-", "+") else value
    return digits.isascii() and digits.isdigit()


def format_data_id(data_id: Mapping[DimensionName, DataIdValue]) -> str:
    """Write a data ID as it can be typed."""
    return " ".join(f"{name}={value}" for name, value in data_id.items())


def span_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --begin, --end and --scale; the command gets them as ``timespan``, None if no bound is given."""

    @wraps(command)
    def with_timespan(*args: Any, begin: str | None, end: str | None, scale: TimeScale, **kwargs: Any) -> Any:
        timespan = None
        if begin is not None or end is not None:
            timespan = Timespan(_parse_time("--begin", begin, scale), _parse_time("--end", end, scale))
            if timespan.is_empty:
                raise InvalidInputError(
                    f"There is no time from {begin} to {end}.", remedy="Give an --end after --begin."
                )
        return command(*args, timespan=timespan, **kwargs)

    result: Callable[..., Any] = with_timespan
    for option in (
        click.option(
            "--scale",
            type=click.Choice(["tai", "utc"]),
            default="tai",
            show_default=True,
            help="What the times are in; a final Z means UTC anyway.",
        ),
        click.option(
            "--end", default=None, metavar="TIME", help="First instant after it; without it, for ever."
        ),
        click.option(
            "--begin",
            default=None,
            metavar="TIME",
            help="Such as 2026-03-21T12:00:00; without it, since ever.",
        ),
    ):
        result = option(result)
    return result


def _parse_time(option: str, text: str | None, scale: TimeScale) -> int | None:
    if text is None:
        return None
    try:
        return tai.parse_iso(text, "utc" if text.endswith("Z") else scale)
    except InvalidInputError as error:
        error.add_note(f"The mistake is in {option}.")
        raise


def format_timespan(timespan: Timespan | None) -> str:
    """Write a timespan in TAI; None is all time."""
    begin, end = (None, None) if timespan is None else timespan.to_iso()
    return f"{begin or '...'} / {end or '...'}"
