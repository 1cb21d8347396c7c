"""``butler plugins``: what is installed, from metadata alone or with what importing it brings to light."""

from __future__ import annotations

import click

from butler_core.cli.output import json_option, print_rows
from butler_core.installed import Installed, PluginInfo


@click.command("plugins")
@click.option("--check", is_flag=True, help="Import every plugin, and say what is wrong with each.")
@json_option
@click.pass_context
def command(ctx: click.Context, check: bool, as_json: bool) -> None:
    """List installed plugins.

    Reads metadata only, and imports none of them, unless --check is given; then it ends with 8 if something cannot be used.

    Example: butler plugins --check
    """
    plugins = _check() if check else list(Installed.scan())
    print_rows(PluginInfo._fields, plugins, as_json=as_json)
    if check and any(plugin.state != "ok" for plugin in plugins):
        ctx.exit(8)


def _check() -> list[PluginInfo]:
    from butler_core.discovery import (
        check_plugins,
    )  # it imports every contract, which the plain listing does without

    return check_plugins()
