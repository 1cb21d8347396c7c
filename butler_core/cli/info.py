"""``butler info``: what a repository is made of."""

from __future__ import annotations

import click

from butler_core.cli.common import open_butler, root_argument
from butler_core.cli.output import json_option, print_facts
from butler_core.repository import find_config


@click.command("info")
@root_argument
@json_option
def command(root: str, as_json: bool) -> None:
    """Show universe, backends, durability and versions of the repository ROOT.

    Example: butler info repo --json
    """
    with open_butler(root) as butler:
        facts = {"configuration": str(find_config(root))} | butler.info().model_dump(mode="json")
    if not as_json:
        namespace, version = facts["universe"]
        facts["universe"] = f"{namespace} {version}"
    print_facts(facts, as_json=as_json)
