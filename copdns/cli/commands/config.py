"""`copdns config`: check the settings file, and say what may stand in it."""

from __future__ import annotations

from pathlib import Path

import click
from pydantic import BaseModel

from copdns.as_json.plain import plain
from copdns.cli.base import Options, json_option, pass_options
from copdns.cli.fetched import Fetched
from copdns.cli.home import Home
from copdns.cli.output import print_json
from copdns.config import schema as settings_schema
from copdns.list_files.copies import NOT_HERE
from copdns.model.errors import ConfigError


@click.group()
def config() -> None:
    """Check the settings of this machine, and show what can be set."""


@config.command()
@json_option
@pass_options
def check(options: Options, as_json: bool) -> None:
    """Report every error in the settings.

    Settings are read as `run` reads them. The lists they name are read too, and before the first
    start also the household file. --json prints the active settings, environment included. The exit
    code is 78 if there is an error.

    \b
    Example:  copdns -c /etc/copdns/copdns.yaml config check
    """
    home = Home(options.settings())
    if not home.has_database:
        _ = home.household  # later changes to its file do nothing, so nor do mistakes in it
    errors = [(each.info.slug, each.error) for each in home.library.statuses if each.error]
    broken = [(slug, error) for slug, error in errors if error != NOT_HERE]  # no mistake of anyone
    if as_json:
        file = str(options.path) if options.path.exists() else None
        settings = as_written(home.settings)
        print_json(
            {
                "file": file,
                "settings": settings,
                "broken_lists": dict(broken),
                "unknown_lists": home.chosen.unknown,
            }
        )
    for slug, error in broken:
        click.echo(f"list {slug} is not loaded: {error}", err=True)
    if unknown := Fetched.of(home).unknown:
        raise ConfigError(f"{unknown}; see docs/lists.md")
    if not as_json:
        click.echo(_said(options.path))


def _said(path: Path) -> str:
    if not path.exists():
        return f"{path} does not exist; the defaults are used, and they are valid"
    return f"{path}: valid"


def as_written(settings: BaseModel) -> dict[str, object]:
    """Return settings as they would stand in a file."""
    return {
        name: as_written(value) if isinstance(value, BaseModel) else _values(value)
        for name, value in settings
    }


def _values(value: object) -> object:
    if isinstance(value, tuple):
        return [as_written(each) if isinstance(each, BaseModel) else plain(each) for each in value]
    return plain(value)


@config.command()
def schema() -> None:
    """Print the JSON schema of the settings.

    \b
    Example:  copdns config schema > copdns.schema.json
    """
    print_json(settings_schema())
