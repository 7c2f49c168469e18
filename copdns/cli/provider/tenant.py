"""`copdns provider tenant`: brands or regions whose staff and subscribers are apart."""

from __future__ import annotations

import click

from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_listing, printable
from copdns.cli.provider.open_register import load_register, write_as_console
from copdns.provider.law import edits


@click.group()
def tenant() -> None:
    """Manage brands or regions."""


@tenant.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List tenants.

    \b
    Example:  copdns provider tenant list
    """
    print_listing(
        load_register(home).tenants.values(),
        as_json,
        lambda each: {"id": each.tenant, "name": each.name, "country": each.country},
        ("id", "name", "country"),
        lambda each: (each.tenant, each.name, each.country),
    )


@tenant.command()
@click.argument("new", metavar="ID")
@click.option("--name", metavar="TEXT", required=True, help="The name that customers know.")
@click.option("--country", metavar="CC", required=True, help="Where its customers are.")
@pass_home
def add(home: Home, new: str, name: str, country: str) -> None:
    """Add a tenant.

    \b
    Example:  copdns provider tenant add north --name "North" --country FR
    """
    write_as_console(home, lambda register: edits.add_tenant(register, new, name, country))
    click.echo(printable(f"{new}: {name}"))


@tenant.command("set")
@click.argument("which", metavar="ID")
@click.option(
    "--portal-key", metavar="BASE64", required=True, help="The public key of its portal (Ed25519)."
)
@pass_home
def set_(home: Home, which: str, portal_key: str) -> None:
    """Say which key a tenant's portal signs its links with.

    \b
    Example:  copdns provider tenant set north --portal-key "..."
    """
    write_as_console(home, lambda register: edits.set_portal_key(register, which, portal_key))
    click.echo(printable(f"{which}: its portal's key is set"))
