"""`copdns provider roles`: what each program may do in the database, apart from the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import click

from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, printable
from copdns.cli.provider.open_register import open_register
from copdns.model.errors import EXIT_FAILED, StoreError

if TYPE_CHECKING:
    from copdns.store.postgres.connection import PostgresPool
    from copdns.store.provider_db.role_grants import RoleDuty
    from copdns.store.provider_db.role_rights import OutsideRole, RoleRights

_DUTIES = ("families", "nodes", "bindings", "welcome", "operator", "staff")


@click.group()
def roles() -> None:
    """Let each program do in the database what it needs, and nothing else."""


@roles.command()
@click.argument("duties", metavar="[DUTY]...", nargs=-1, type=click.Choice(_DUTIES))
@click.option("--role", metavar="NAME", default="", help="The role; by default copdns_DUTY.")
@pass_home
def grant(home: Home, duties: tuple[str, ...], role: str) -> None:
    """Give roles of PostgreSQL what their duty takes, and take what else they were given.

    DUTY is families, nodes, bindings, welcome, operator or staff; without one, it is done for each
    whose role is there. Whoever runs PostgreSQL makes roles once (createuser copdns_staff). Run
    this as the role that owns the tables; it makes tables that are missing.

    \b
    Example:  copdns provider roles grant
    """
    from copdns.store.provider_db.role_grants import RoleDuty
    from copdns.store.provider_db.role_rights import grant_duty

    if role and len(duties) != 1:
        raise click.UsageError("--role is for one DUTY")
    with _open_pool(home) as pool:
        _make_log(home)
        chosen = [RoleDuty(each) for each in duties] or _find_there(pool)
        for each in chosen:
            grant_duty(pool, each, role or each.role)
            click.echo(printable(f"{role or each.role}: what {each} takes, and nothing else"))


@roles.command()
@click.argument("role", metavar="[ROLE]", default="")
@json_option
@pass_home
def check(home: Home, role: str, as_json: bool) -> None:
    """Tell whether roles may do what their duty takes, and nothing else.

    Without ROLE it looks at each that `grant` was run for, or else at the one that this copdns
    connects as; and at all other roles of the server, which must have no right here. The exit code
    is 1 where one is not right.

    \b
    Example:  copdns provider roles check
    """
    from copdns.store.provider_db.role_grants import RoleDuty
    from copdns.store.provider_db.role_rights import (
        describe_rights,
        find_outsiders,
        name_some,
        read_duties,
        read_rights,
    )

    with _open_pool(home) as pool:
        duties = read_duties(pool)
        wanted = [role] if role else [*duties] or [""]
        found = [read_rights(pool, duties.get(each, RoleDuty.STAFF), each) for each in wanted]
        others = () if role else find_outsiders(pool)
    if as_json:
        print_json(_as_json(found, others))
    else:
        for each in found:
            click.echo(printable(f"{each.role}: {describe_rights(each)}"))
        for other in others:
            click.echo(
                printable(
                    f"{other.role}: it has no duty here, and this: {name_some(other.how)}; take "
                    "that from it, or give it a duty (copdns provider roles grant)"
                )
            )
    are_right = all(each.is_right for each in found) and not others
    click.get_current_context().exit(0 if are_right else EXIT_FAILED)


def _as_json(found: Sequence[RoleRights], others: Sequence[OutsideRole]) -> object:
    return {
        "roles": [each._asdict() for each in found],
        "others": [each._asdict() for each in others],
    }


def _find_there(pool: PostgresPool) -> list[RoleDuty]:
    """Return the duties whose role is there by its usual name; raise StoreError where none is."""
    from copdns.store.provider_db.role_grants import RoleDuty
    from copdns.store.provider_db.role_rights import find_usual_roles

    found = find_usual_roles(pool)
    if not found:
        raise StoreError(
            "PostgreSQL: none of these roles is there: "
            f"{', '.join(each.role for each in RoleDuty)}; make them once, as whoever runs "
            "PostgreSQL: createuser NAME"
        )
    return found


def _make_log(home: Home) -> None:
    """Make the tables of the log, which only their owner can, where they are missing."""
    from copdns.store.log_db.migrations import LOG
    from copdns.store.postgres.connection import LOG_SCHEMA, PostgresPool
    from copdns.store.postgres.schema import migrate

    with closing(PostgresPool(home.settings.provider.database, LOG_SCHEMA, most=1)) as pool:
        migrate(pool, LOG)


@contextmanager
def _open_pool(home: Home) -> Iterator[PostgresPool]:
    with open_register(home) as register:  # which makes the tables that are missing
        yield register.pool
