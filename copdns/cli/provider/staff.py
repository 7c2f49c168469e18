"""`copdns provider staff`: who works at a provider."""

from __future__ import annotations

import click

from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_listing, printable
from copdns.cli.provider.open_register import (
    load_register,
    write_as_console,
    write_as_staff,
)
from copdns.provider.law import edits
from copdns.provider.law.register_json import staff_json
from copdns.provider.staff.duties import StaffMember, StaffRole


@click.group()
def staff() -> None:
    """Manage who works here."""


@staff.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List who works here, and who did.

    \b
    Example:  copdns provider staff list
    """
    print_listing(
        load_register(home).staff.values(),
        as_json,
        staff_json,
        ("id", "name", "role", "tenant", "login"),
        lambda each: (
            each.id,
            each.name,
            "gone" if each.is_gone else str(each.role),
            each.tenant,
            each.subject,
        ),
    )


@staff.command()
@click.argument("new", metavar="ID")
@click.option("--name", metavar="TEXT", required=True, help="The name that others see.")
@click.option(
    "--role",
    type=click.Choice([str(each) for each in StaffRole]),
    required=True,
    help="What the person does.",
)
@click.option("--tenant", metavar="ID", default="", help="Works for this tenant alone.")
@click.option(
    "--login",
    metavar="TEXT",
    default="",
    help="What the single sign-on calls the person (the claim `sub`).",
)
@click.option(
    "--as", "by", metavar="ID", default="", help="Who adds it. Default: the machine itself."
)
@pass_home
def add(home: Home, new: str, name: str, role: str, tenant: str, login: str, by: str) -> None:
    """Add somebody, or give somebody another role.

    Only the machine itself, so without --as, adds an administrator.

    \b
    Example:  copdns provider staff add ada --name Ada --role administrator
    """
    member = StaffMember(new, name, StaffRole(role), tenant, login)
    if by:
        write_as_staff(home, by, lambda register, who: edits.add_staff(register, member, who))
    else:
        write_as_console(home, lambda register: edits.add_staff(register, member, None))
    click.echo(printable(f"{new}: {role}"))


@staff.command()
@click.argument("who", metavar="ID")
@click.option(
    "--as", "by", metavar="ID", default="", help="Who removes it. Default: the machine itself."
)
@pass_home
def remove(home: Home, who: str, by: str) -> None:
    """Let somebody go: no login and no entry from then on.

    \b
    Example:  copdns provider staff remove rev
    """
    if by:
        write_as_staff(home, by, lambda register, member: edits.remove_staff(register, who, member))
    else:
        write_as_console(home, lambda register: edits.remove_staff(register, who, None))
    click.echo(printable(f"{who}: gone"))
