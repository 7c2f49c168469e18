"""`copdns provider tenant`: brands or regions whose staff and subscribers are apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_listing, printable
from copdns.cli.provider.open_register import load_register, open_register, write_as_console
from copdns.model.errors import RegisterError
from copdns.model.household import LANGUAGES
from copdns.provider.law import edits
from copdns.provider.tenant_look import TenantLook, check_look

if TYPE_CHECKING:
    from copdns.store.provider_db.tenants import HouseholdTenants


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


@tenant.command()
@click.argument("which", metavar="ID")
@click.option("--name", metavar="TEXT", required=True, help="What families read on their pages.")
@click.option("--light", metavar="COLOUR", required=True, help="Of links and buttons, by day.")
@click.option("--dark", metavar="COLOUR", required=True, help="The same by night.")
@click.option("--contact", metavar="URL", default="", help="Where its customers get help.")
@click.option(
    "--text",
    "texts",
    metavar="LANGUAGE TEXT",
    type=(str, str),
    multiple=True,
    help="A sentence at the end of each page in a language; repeatable.",
)
@pass_home
def look(
    home: Home,
    which: str,
    name: str,
    light: str,
    dark: str,
    contact: str,
    texts: tuple[tuple[str, str], ...],
) -> None:
    """Choose a tenant's name, colours and texts for the pages of its families.

    A colour that cannot be read well enough, by day or by night, is refused.

    \b
    Example:  copdns provider tenant look north --name North --light "#0a549c" --dark "#9cc9ff"
    """
    wanted = TenantLook(name, light.lower(), dark.lower(), contact, dict(texts))
    found = check_look(wanted, LANGUAGES)
    with _tenants(home, which) as tenants:
        tenants.set_look(which, found)
    click.echo(printable(f"{which}: {name}"))


@tenant.command()
@click.argument("which", metavar="ID")
@click.argument("household", metavar="HOUSEHOLD")
@pass_home
def assign(home: Home, which: str, household: str) -> None:
    """Say whose customer a household is that did not come from a portal.

    \b
    Example:  copdns provider tenant assign north adas
    """
    with _tenants(home, which) as tenants:
        tenants.assign(household, which)
    click.echo(printable(f"{household}: {which}"))


@contextmanager
def _tenants(home: Home, which: str) -> Iterator[HouseholdTenants]:
    """Give the table of tenants; raise RegisterError for a tenant that there is not."""
    from copdns.store.provider_db.tenants import HouseholdTenants  # no home has psycopg

    with open_register(home) as register:
        if which not in register.load().tenants:
            raise RegisterError(
                "there is no tenant %(which)s; see copdns provider tenant list", which=which
            )
        yield HouseholdTenants(register.pool)
