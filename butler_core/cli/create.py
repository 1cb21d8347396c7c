"""``butler create``: a new repository."""

from __future__ import annotations

import click

from butler_core.butler import Butler
from butler_core.cli.common import root_argument
from butler_core.cli.output import json_option, print_facts


@click.command("create")
@root_argument
@click.option(
    "--universe",
    default=None,
    metavar="NAME|FILE",
    help="Dimension universe: a plugin's name, or a YAML file.",
)
@click.option("--config", default=None, metavar="FILE", help="Configuration; without it SQLite and POSIX.")
@click.option(
    "--outfile", default=None, metavar="FILE", help="Where to write the configuration, if not into ROOT."
)
@click.option("--overwrite", is_flag=True, help="Replace a configuration file that is there.")
@click.option(
    "--durability",
    type=click.Choice(["power-loss", "process"]),
    default="power-loss",
    show_default=True,
    help="What a finished write survives.",
)
@json_option
def command(
    root: str,
    universe: str | None,
    config: str | None,
    outfile: str | None,
    overwrite: bool,
    durability: str,
    as_json: bool,
) -> None:
    """Create a repository in ROOT."""
    made = Butler.make_repo(
        root,
        config=config,
        dimensions=universe,
        outfile=outfile,
        overwrite=overwrite,
        durability="process" if durability == "process" else "power-loss",
    )
    facts = {
        "repository": made.root,
        "repository_id": made.repository_id,
        "registry": made.registry["type"],
        "datastore": made.datastore["type"],
        "durability": made.durability,
    }
    print_facts(facts, as_json=as_json)
