"""The command line: `copdns [-c FILE] [--data DIR] COMMAND`.

Each command stands in a module of its own that is imported when it is called, so that a short
one starts fast.  What goes wrong on purpose (`CopdnsError`) is told in its own words.
"""

from __future__ import annotations

import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

import click

from copdns import __version__
from copdns.cli.base import Options
from copdns.cli.group import Commands, TellingGroup

# In the order of the help; those that share a module say which.
COMMANDS = (
    "run",
    "check",
    "profile",
    "device",
    "rule",
    "service",
    "schedule",
    "budget",
    "usage",
    "report",
    "pause",
    "bonus",
    "grant",
    "ticket",
    "account",
    "appeal",
    "household",
    "lists",
    "log",
    "config",
    "doctor",
    "local",
    "rewrite",
    "split",
    "backup",
    "restore",
)
_MODULES: dict[str, str] = {
    "local": "names",
    "rewrite": "names",
    "split": "names",
    "restore": "backup",
}


def _load(name: str) -> click.Command:
    command = getattr(import_module(f"copdns.cli.commands.{_MODULES.get(name, name)}"), name)
    assert isinstance(command, click.Command)
    return command


@click.group(
    cls=TellingGroup,
    commands=Commands(COMMANDS, _load),
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
@click.version_option(__version__, prog_name="copdns")
@click.pass_context
def main(context: click.Context, file: Path | None, data: Path | None) -> None:
    """A DNS filter for families that explains every block, and lets children ask for more.

    \b
    Try:  copdns check games.example --profile mia
          copdns rule add allow chess.example --profile mia --note "For the club."
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that lacks a letter gets a stand-in
            stream.reconfigure(errors="backslashreplace")
    context.obj = Options(file, data)
