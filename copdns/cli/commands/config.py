"""`copdns config`: check the settings file, and print its schema."""

from __future__ import annotations

from pathlib import Path

import click
from pydantic import BaseModel

from copdns.as_json.plain import plain
from copdns.cli.base import Options, json_option, pass_options
from copdns.cli.home import Home
from copdns.cli.list_downloads import ListDownloads
from copdns.cli.output import print_json
from copdns.list_files.copies import NOT_HERE
from copdns.model.errors import ConfigError
from copdns.settings.config import schema as settings_schema


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
    home = Home(options.settings_to_run())
    if not home.has_database:
        _ = home.household  # raises for errors in its file, which only the first start reads
    errors = [(each.info.slug, each.error) for each in home.catalogue.statuses if each.error]
    broken = [
        (slug, error) for slug, error in errors if error != NOT_HERE
    ]  # not an error: it is not downloaded yet
    if as_json:
        file = str(options.path) if options.path.exists() else None
        settings = dump_settings(home.settings)
        print_json(
            {
                "file": file,
                "settings": settings,
                "broken_lists": dict(broken),
                "unknown_lists": home.chosen_lists.unknown,
            }
        )
    for slug, error in broken:
        click.echo(f"list {slug} is not loaded: {error}", err=True)
    if unknown := ListDownloads.of(home).unknown:
        raise ConfigError(f"{unknown}; see docs/lists.md")
    if not as_json:
        click.echo(_validity_text(options.path))


def _validity_text(path: Path) -> str:
    if not path.exists():
        return f"{path} does not exist; the defaults are used, and they are valid"
    return f"{path}: valid"


def dump_settings(settings: BaseModel) -> dict[str, object]:
    """Return settings as they would be written in a file."""
    return {
        name: dump_settings(value) if isinstance(value, BaseModel) else _dump_value(value)
        for name, value in settings
    }


def _dump_value(value: object) -> object:
    if isinstance(value, tuple):
        return [
            dump_settings(each) if isinstance(each, BaseModel) else plain(each) for each in value
        ]
    return plain(value)


@config.command()
def schema() -> None:
    """Print the JSON schema of the settings.

    \b
    Example:  copdns config schema > copdns.schema.json
    """
    print_json(settings_schema())
