"""``butler remove-dataset-type``: definitions that nothing uses."""

from __future__ import annotations

import click

from butler_core.cli.common import open_butler, root_argument, split_names
from butler_core.cli.output import print_facts
from butler_core.cli.removing import ask, removal_options
from butler_core.cli.results import say_if_no_match
from butler_core.errors import InUseError


@click.command("remove-dataset-type")
@root_argument
@click.argument("names", metavar="NAME|GLOB...", nargs=-1, required=True)
@removal_options
def command(root: str, names: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool) -> None:
    """Remove dataset types; refused while there are datasets of one.

    Example: butler remove-dataset-type repo 'test_*'
    """
    with open_butler(root, writeable=True) as butler:
        found = sorted(butler.query_dataset_types(split_names(names)))
        for name in found:
            count = butler.query_datasets(name, ..., find_first=False).count()
            if count:
                raise InUseError(
                    f"There are {count} datasets of type {name!r}.",
                    remedy=f"Remove them first: `butler remove-datasets ROOT {name} -c '*' --find-all`.",
                    name=name,
                )
        if found and not dry_run:
            ask(f"Remove {', '.join(found)}?", yes=yes)
            with butler.batched() as batch:
                for name in found:
                    batch.remove_dataset_type(name)
    say_if_no_match(len(found), "dataset type")
    if as_json:
        print_facts({"dataset_types": found, "dry_run": dry_run}, as_json=True)
    elif found:
        print_facts({"would remove" if dry_run else "removed": found}, as_json=False)
