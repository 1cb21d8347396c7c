"""What the verbs that remove something share: showing what would go, asking, and refusing what would break."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import click

from butler_core.butler import Butler
from butler_core.cli.common import parse_data_id, split_names
from butler_core.cli.output import json_option, print_facts, print_rows
from butler_core.client_cache import is_glob
from butler_core.errors import InUseError, InvalidInputError
from butler_core.models.collection import CollectionType
from butler_core.models.names import CollectionName
from butler_core.queries.chain import DatasetQueryChain
from butler_core.removal import RemovalHelper

Command = Callable[..., Any]

unlink_option = click.option("--unlink", is_flag=True, help="Also take them out of chains that stay.")
associations_option = click.option(
    "--associations", is_flag=True, help="Also take the datasets out of TAGGED and CALIBRATION collections."
)

searched_option = click.option(
    "--collections",
    "-c",
    multiple=True,
    required=True,
    metavar="NAME,NAME",
    help="Collections, searched in this order; may be repeated.",
)
find_all_option = click.option("--find-all", is_flag=True, help="Also what earlier collections hide.")


def removal_options(command: Command) -> Command:
    """Add the options that every removal has: --dry-run, --yes and --json."""
    dry_run = click.option("--dry-run", is_flag=True, help="Show what would go, and remove nothing.")
    yes = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
    return dry_run(yes(json_option(command)))


def choose_collections(
    butler: Butler, patterns: Sequence[str], wanted: Iterable[CollectionType], remedy: str
) -> list[CollectionName]:
    """Return the collections that names and globs stand for; a glob finds those of the wanted types only.

    Raises `InvalidInputError` if one that is named is of another type.
    """
    types, chosen = set(wanted), list[CollectionName]()
    for pattern in split_names(patterns):
        for info in butler.query_collections(pattern).details():
            if info.type in types:
                chosen.append(info.name)
            elif not is_glob(pattern):
                raise InvalidInputError(f"{info.name!r} is {info.type.value.upper()}.", remedy=remedy)
    return list(dict.fromkeys(chosen))


def find_datasets(
    butler: Butler,
    dataset_types: str,
    data_id: Sequence[str],
    collections: Sequence[str],
    where: str,
    find_all: bool,
) -> DatasetQueryChain:
    """Find datasets as ``butler query-datasets`` does with the same arguments."""
    return butler.query_datasets(
        split_names(dataset_types),
        split_names(collections),
        find_first=not find_all,
        where=where,
        data_id=parse_data_id(butler.dimensions, data_id),
    )


def settle(
    removal: RemovalHelper, *, unlink: bool, dry_run: bool, yes: bool, as_json: bool
) -> Callable[[], None]:
    """Show what would go, raise what refuses it, and ask; return what prints the result when all is done.

    After --dry-run, and if the answer is no, nothing is left to remove.
    """
    facts = _describe(removal)
    if not as_json and (dry_run or not yes):
        print_rows(["action", "name", "what", "datasets"], _rows(removal), as_json=False)
        click.echo()
    if removal.chain_links and not unlink:
        chain, children = next(iter(removal.chain_links.items()))
        raise InUseError(
            f"{', '.join(map(repr, sorted(children)))} would be missing in chain {chain!r}.",
            remedy="Pass --unlink to take it out of all chains, or remove the chain first.",
            chain=chain,
        )
    removal.check()
    if dry_run:
        removal.cancel()
    elif removal:
        ask(_question(facts), yes=yes)
    done = "would remove" if dry_run else "removed"
    counts = f"{facts['datasets']} datasets, {len(facts['collections'])} collections"
    shown = facts | {"dry_run": dry_run} if as_json else {done: counts, "bytes": facts["size_bytes"]}
    return lambda: print_facts(shown, as_json=as_json)


def ask(question: str, *, yes: bool) -> None:
    """Ask before something goes for good, unless ``--yes`` was given; end the process if the answer is no."""
    if yes:
        return
    if not _can_ask():
        raise InvalidInputError(
            "What is removed is gone for good, and nobody can be asked: the input is no terminal.",
            remedy="Look with --dry-run first, then pass --yes.",
        )
    if not click.confirm(question, err=True):
        click.echo("Nothing was removed.", err=True)
        raise click.exceptions.Exit(1)


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()  # None: the caller closed it


def _question(facts: dict[str, Any]) -> str:
    things = [f"{facts['datasets']} datasets"] if facts["datasets"] else []
    things += [f"{len(facts['collections'])} collections"] if facts["collections"] else []
    size = "" if not facts["size_bytes"] else f" ({facts['size_bytes']} bytes)"
    return f"Remove {' and '.join(things)}{size} for good?"


def _describe(removal: RemovalHelper) -> dict[str, Any]:
    return {
        "datasets": len(removal.datasets),
        "size_bytes": removal.size_bytes,
        "collections": sorted(removal.collections),
        "chain_links": {chain: sorted(children) for chain, children in removal.chain_links.items()},
        "associations": {name: len(refs) for name, refs in removal.associations.items()},
        "orphaned": sorted(removal.orphaned),
    }


def _rows(removal: RemovalHelper) -> Iterator[Sequence[Any]]:
    counts = Counter(
        (row[1], dataset_type.name)
        for dataset_type, rows in removal.chosen.by_type.items()
        for row in rows.values()
    )
    for (run, dataset_type), count in sorted(counts.items()):
        yield "remove", run, dataset_type, count
    for name in sorted(removal.collections):
        yield "remove", name, "the collection", None
    for chain, children in sorted(removal.chain_links.items()):
        for child in sorted(children):
            yield "unlink", chain, child, None
    for name, refs in sorted(removal.associations.items()):
        yield "dissociate", name, "", len(refs)
    for name in sorted(removal.orphaned):
        yield "leave", name, "in no chain then", None
