"""`copdns provider roles`: the database role of the staff's program, apart from the families'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, printable
from copdns.cli.provider.open_register import open_register
from copdns.model.errors import EXIT_FAILED

if TYPE_CHECKING:
    from copdns.store.postgres.connection import PostgresPool
    from copdns.store.provider_db.staff_role import RoleRights

_STAFF_ROLE = "copdns_staff"


@click.group()
def roles() -> None:
    """Keep the staff's program away from families' tables."""


@roles.command()
@click.argument("role", metavar="ROLE", default=_STAFF_ROLE)
@pass_home
def grant(home: Home, role: str) -> None:
    """Give a role of PostgreSQL what the staff's program needs, and take what else it was given.

    ROLE is copdns_staff where none is named. Whoever runs PostgreSQL makes it once (createuser
    copdns_staff). Run this as the role of the families, which owns the tables.

    \b
    Example:  copdns provider roles grant
    """
    from copdns.store.provider_db.staff_role import grant_staff

    with _open_pool(home) as pool:
        grant_staff(pool, role)
    click.echo(printable(f"{role}: what the staff's program needs, and nothing else"))


@roles.command()
@click.argument("role", metavar="[ROLE]", default="")
@json_option
@pass_home
def check(home: Home, role: str, as_json: bool) -> None:
    """Tell whether a role may do what the staff's program needs, and nothing else.

    Without ROLE it looks at each role that `grant` was run for, or else at the one that this copdns
    connects as. The exit code is 1 where one is not right.

    \b
    Example:  copdns provider roles check
    """
    from copdns.store.provider_db.staff_role import read_rights, staff_roles

    with _open_pool(home) as pool:
        found = [
            read_rights(pool, each) for each in ([role] if role else staff_roles(pool) or [""])
        ]
    if as_json:
        keys = ("role", "owns", "lacks", "has")
        print_json([dict(zip(keys, each, strict=True)) for each in found])
    else:
        for each in found:
            click.echo(printable(f"{each.role}: {describe_rights(each)}"))
    are_right = all(each.is_right for each in found)
    click.get_current_context().exit(0 if are_right else EXIT_FAILED)


def describe_rights(rights: RoleRights) -> str:
    """Return what a role may do, in words."""
    from copdns.store.provider_db.staff_role import name_some

    if rights.owns:
        return "it may read what families have; give the staff's program another one"
    told = []
    if rights.lacks:
        told.append(f"it lacks {name_some(rights.lacks)}")
    if rights.has:
        told.append(f"it has more than the staff's program needs: {name_some(rights.has)}")
    return "; ".join(told) or "what the staff's program needs, and nothing else"


@contextmanager
def _open_pool(home: Home) -> Iterator[PostgresPool]:
    with open_register(home) as register:  # which makes the tables that are missing
        yield register.pool
