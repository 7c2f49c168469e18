"""Roles that tests connect as have their rights, whatever a test before did to them."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from copdns.store.postgres.connection import LOG_SCHEMA, SCHEMA, PostgresPool
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.role_rights import read_duties, read_rights
from tests import database_roles
from tests.database_roles import reach_as
from tests.postgres_server import empty

pytestmark = pytest.mark.once

FAMILIES = RoleDuty.FAMILIES
CHANGES = (
    f"revoke insert on {SCHEMA}.household from {FAMILIES.role}",
    f"grant truncate on {SCHEMA}.household to {FAMILIES.role}",
    f"grant select (staff) on {SCHEMA}.staff_session to {FAMILIES.role}",
    f"revoke usage on schema {SCHEMA} from {FAMILIES.role}",
    f"revoke all on all sequences in schema {SCHEMA} from {FAMILIES.role}",
    f"drop owned by {FAMILIES.role} cascade; drop role {FAMILIES.role}",
    f"drop schema {SCHEMA} cascade",
    f"drop schema {LOG_SCHEMA} cascade",
)


def has_its_rights(postgres: str) -> bool:
    with closing(PostgresPool(postgres, most=1)) as pool:
        there = read_duties(pool) == {each.role: each for each in RoleDuty}
        return there and all(read_rights(pool, each, each.role).is_right for each in RoleDuty)


def run(postgres: str, statements: str) -> None:
    with psycopg.connect(postgres) as connection:
        connection.execute(statements.encode())


@pytest.mark.parametrize("change", CHANGES)
def test_rights_that_changed_are_given_anew(postgres: str, change: str) -> None:
    reach_as(postgres, FAMILIES)
    run(postgres, change)
    assert reach_as(postgres, FAMILIES) == make_conninfo(postgres, user=FAMILIES.role)
    assert has_its_rights(postgres)


def test_where_nothing_changed_only_rows_are_put_back(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reach_as(postgres, FAMILIES)
    channel = f"select name from {SCHEMA}.outbox_channel"
    with psycopg.connect(postgres) as connection:
        before = connection.execute(channel.encode()).fetchone()
    empty(postgres, SCHEMA)
    monkeypatch.setattr(database_roles, "give_roles", None)
    reach_as(postgres, FAMILIES)
    assert has_its_rights(postgres)
    with psycopg.connect(postgres) as connection:
        assert connection.execute(channel.encode()).fetchone() == before
