"""The command line: `copdns [-c FILE] [--data DIR] COMMAND`.

Each command is a module in `commands/` that is imported when it is called, so that short commands
start fast.  A `CopdnsError` is printed as its own text; other exceptions are bugs.
"""

from __future__ import annotations

import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

import click

from copdns import __version__
from copdns.app.memory_use import import_structlog, leave_out_plugins
from copdns.cli.base import Options
from copdns.cli.group import ErrorReportingGroup, LazyCommands
from copdns.model.build import core_text

# In the order of the help.  _MODULES: the module, where it is not that of its name in `commands/`.
COMMANDS = (
    "run",
    "check",
    "query",
    "cache",
    "profile",
    "device",
    "rule",
    "service",
    "schedule",
    "budget",
    "usage",
    "signs",
    "report",
    "pause",
    "timer",
    "bonus",
    "bedtime",
    "grant",
    "ticket",
    "account",
    "appeal",
    "household",
    "lists",
    "facts",
    "log",
    "config",
    "doctor",
    "local",
    "rewrite",
    "split",
    "upstream",
    "encrypted",
    "firewall",
    "node",
    "dhcp",
    "follow",
    "follower",
    "homes",
    "backup",
    "restore",
    "rollback",
    "provider",
)
_MODULES: dict[str, str] = {
    "local": "commands.names",
    "rewrite": "commands.names",
    "split": "commands.names",
    "restore": "commands.backup",
    "rollback": "commands.backup",
    "timer": "commands.pause",
    "provider": "provider.group",
    "node": "provider.node",
    "follow": "commands.second_box.follow",
    "follower": "commands.second_box.follower",
    "homes": "two_homes",
}


def _load(name: str) -> click.Command:
    import_structlog()
    leave_out_plugins()
    module = _MODULES.get(name, f"commands.{name}")
    command = getattr(import_module(f"copdns.cli.{module}"), name)
    assert isinstance(command, click.Command)
    return command


def _show_version(context: click.Context, _option: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        click.echo(f"copdns, version {__version__}; {core_text()}")
        context.exit()


@click.group(
    cls=ErrorReportingGroup,
    commands=LazyCommands(COMMANDS, _load),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "-c",
    "--config",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The settings file. Default: /etc/copdns/copdns.yaml, if it exists.",
)
@click.option(
    "--data",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False, readable=False),
    help="The folder for the databases, instead of the `data` setting.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version, and whether the core is compiled, and exit.",
)
@click.pass_context
def main(context: click.Context, file: Path | None, data: Path | None) -> None:
    """A DNS filter for families that explains every block, and lets children ask for more.

    \b
    Try:  copdns check games.example --profile mia
          copdns rule add allow chess.example --profile mia --note "For the club."
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without a letter gets its escape
            stream.reconfigure(errors="backslashreplace")
    context.obj = Options(file, data)
