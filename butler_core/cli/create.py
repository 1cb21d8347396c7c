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
    help="Dimension universe: a plugin's name, or a YAML file.  Needed unless just one is installed.",
)
@click.option(
    "--config",
    default=None,
    metavar="FILE",
    help="What butler.yaml is to say; without it SQLite and POSIX.",
)
@click.option(
    "--outfile", default=None, metavar="FILE", help="Where to write the configuration, if not into ROOT."
)
@click.option("--overwrite", is_flag=True, help="Replace a configuration file that is there.")
@click.option(
    "--durability",
    type=click.Choice(["power-loss", "process"]),
    default="power-loss",
    show_default=True,
    help="What a finished write survives: a power cut, or (faster) the end of the process.",
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
    """Create a repository in ROOT.

    Example: butler create repo --universe rubin
    """
    made = Butler.make_repo(
        root,
        config=config,
        dimensions=universe,
        outfile=outfile,
        overwrite=overwrite,
        durability="process" if durability == "process" else "power-loss",
    )
    with Butler(made) as butler:
        universe_made = butler.dimensions
    facts = {
        "repository": made.root,
        "repository_id": made.repository_id,
        "universe": f"{universe_made.namespace} {universe_made.version}",
        "registry": made.registry["type"],
        "datastore": made.datastore["type"],
        "durability": made.durability,
    }
    print_facts(facts, as_json=as_json)
