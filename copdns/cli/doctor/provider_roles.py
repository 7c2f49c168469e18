"""`copdns doctor`: a provider's roles of PostgreSQL, and who else gets at the tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from copdns.cli.doctor.finding import Finding, fail, ok, warn
from copdns.cli.home import Home
from copdns.cli.output import count_text
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.role_rights import (
    describe_rights,
    find_outsiders,
    name_some,
    read_duties,
    read_rights,
)

ABOUT = "database roles"
_TODO = "see `copdns provider roles check`; `copdns provider roles grant` takes what is too much"


def check_roles(home: Home) -> Iterator[Finding]:
    """Check that each role of a provider's database may do what its duty takes, and nobody else
    gets at the tables."""
    with closing(PostgresPool(home.settings.provider.database, most=1)) as pool:
        yield from _look(pool)


def _look(pool: PostgresPool) -> Iterator[Finding]:
    duties = read_duties(pool)
    for role, duty in duties.items():
        rights = read_rights(pool, duty, role)
        if not rights.is_right:
            yield fail(ABOUT, f"{role}: {describe_rights(rights)}", _TODO)
    for other in find_outsiders(pool):
        yield fail(ABOUT, f"{other.role} has no duty, and {name_some(other.how)}", _TODO)
    if missing := [each for each in RoleDuty if each not in duties.values()]:
        names = ", ".join(missing)
        todo = "createuser copdns_DUTY; copdns provider roles grant; name it in provider.database"
        yield warn(ABOUT, f"no role is for {names}: such programs need the one of the owner", todo)
    yield ok(ABOUT, f"{count_text(len(duties), 'role')} with a duty")
