"""`copdns provider operator`: who the provider is, as statements and pages say it."""

from __future__ import annotations

import click

from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, print_pairs, printable
from copdns.cli.provider.open_register import load_register, write_as_console
from copdns.provider.law import edits


@click.group()
def operator() -> None:
    """Say who the provider is."""


@operator.command()
@json_option
@pass_home
def show(home: Home, as_json: bool) -> None:
    """Show who the provider is.

    \b
    Example:  copdns provider operator show
    """
    found = load_register(home).operator
    values = (
        {"name": found.name, "country": found.country, "contact": found.contact} if found else {}
    )
    if as_json:
        print_json(values)
    else:
        print_pairs(list(values.items()))


@operator.command("set")
@click.option("--name", metavar="TEXT", required=True, help="The provider's name.")
@click.option("--country", metavar="CC", required=True, help="Its country, whose hotline is named.")
@click.option("--contact", metavar="TEXT", required=True, help="Where people write to.")
@pass_home
def set_(home: Home, name: str, country: str, contact: str) -> None:
    """Say who the provider is; statements and pages name it.

    \b
    Example:  copdns provider operator set --name "A provider" --country FR
              --contact contact@provider.example
    """
    write_as_console(home, lambda _: edits.describe_operator(name, country, contact))
    click.echo(printable(name))
