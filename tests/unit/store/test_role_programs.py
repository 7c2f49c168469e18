"""Programs that look at their role of the database when they start, and the doctor, at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from structlog.testing import capture_logs

from copdns.app.node.announcer import Announcer
from copdns.app.node.take import take_version
from copdns.cli.doctor.finding import Finding, FindingStatus
from copdns.cli.doctor.provider_roles import check_roles
from copdns.cli.doctor.rollouts import check_rollouts
from copdns.cli.home import Home
from copdns.model.errors import RolloutError, StoreError
from copdns.settings.config import Settings
from copdns.settings.node import NodeSection
from copdns.settings.provider import ProviderSettings
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.role_grants import RoleDuty
from tests.database_roles import make_role, ready_roles
from tests.running import free_port

pytestmark = pytest.mark.once

STRANGER = "copdns_stranger"


@pytest.fixture
def owner(postgres: str) -> Iterator[PostgresPool]:
    """As the role that owns the tables, with all roles."""
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        ready_roles(postgres)
        make_role(postgres, STRANGER)
        yield store.pool


def run(conninfo: str, statement: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statement.encode())


def settings_as(postgres: str, role: str) -> Settings:
    return Settings(
        node=NodeSection(name="n1", site="s1", listen=(f"127.0.0.1:{free_port()}",)),
        provider=ProviderSettings(database=make_conninfo(postgres, user=role)),
    )


def announcer_as(postgres: str, role: str) -> Announcer:
    return Announcer(settings_as(postgres, role), time.time, lambda _: None)


def findings(postgres: str, duty: RoleDuty, of: str = "roles") -> list[Finding]:
    """Return what the doctor finds as the role of a duty."""
    check = {"roles": check_roles, "rollouts": check_rollouts}[of]
    return list(check(Home(settings_as(postgres, duty.role))))


def test_a_version_is_taken_as_a_nodes_role_or_the_owners_and_as_no_other(
    owner: PostgresPool, postgres: str
) -> None:
    with pytest.raises(RolloutError, match="no rollout of a package"):
        take_version(settings_as(postgres, "copdns_nodes"), "package", 1)
    with (
        capture_logs() as said,
        pytest.raises(RolloutError, match="no rollout of a package"),
    ):
        take_version(settings_as(postgres, "copdns"), "package", 1)
    assert "copdns provider roles grant nodes" in said[0]["event"]
    with pytest.raises(StoreError, match="is for operator, and this program is for nodes"):
        take_version(settings_as(postgres, "copdns_operator"), "package", 1)


async def test_addresses_are_announced_as_a_nodes_role_and_as_no_other(
    owner: PostgresPool, postgres: str
) -> None:
    with pytest.raises(StoreError, match="is for staff, and this program is for nodes"):
        await announcer_as(postgres, "copdns_staff").run()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(announcer_as(postgres, "copdns_nodes").run(), 2)


async def test_addresses_are_announced_while_nobody_can_look_at_the_role(tmp_path: Path) -> None:
    away = make_conninfo(host=str(tmp_path), dbname="copdns")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(announcer_as(away, "copdns_staff").run(), 2)


@pytest.mark.parametrize("duty", RoleDuty)
def test_the_doctor_finds_roles_that_are_right_as_whichever_it_runs(
    owner: PostgresPool, postgres: str, duty: RoleDuty
) -> None:
    assert [(each.status, each.what) for each in findings(postgres, duty)] == [
        (FindingStatus.OK, f"{len(RoleDuty)} roles with a duty")
    ]


def test_the_doctor_names_a_role_with_too_much_or_too_little_and_what_to_do(
    owner: PostgresPool, postgres: str
) -> None:
    run(postgres, "grant select on copdns.appeal to copdns_nodes")
    run(postgres, "revoke select on copdns.desk_case from copdns_staff")
    found = findings(postgres, RoleDuty.FAMILIES)
    assert [each.what for each in found if each.status is FindingStatus.FAIL] == [
        "copdns_nodes: it has more than nodes takes: select on appeal",
        "copdns_staff: it lacks select on desk_case",
    ]
    assert all("copdns provider roles" in each.todo for each in found[:2])


def test_the_doctor_names_who_gets_at_the_tables_without_a_duty(
    owner: PostgresPool, postgres: str
) -> None:
    run(postgres, f"grant copdns_families to {STRANGER}")
    try:
        found = findings(postgres, RoleDuty.FAMILIES)
    finally:
        run(postgres, f"revoke copdns_families from {STRANGER}")
    (trouble,) = [each for each in found if each.status is FindingStatus.FAIL]
    assert f"{STRANGER} has no duty, and membership of copdns_families" in trouble.what


def test_the_doctor_says_for_which_programs_there_is_no_role(
    owner: PostgresPool, postgres: str
) -> None:
    run(postgres, "delete from copdns.database_role where duty in ('nodes', 'staff')")
    found = findings(postgres, RoleDuty.FAMILIES)
    (warning,) = [each for each in found if each.status is FindingStatus.WARN]
    assert "no role is for nodes, staff" in warning.what
    assert "createuser" in warning.todo


@pytest.mark.parametrize("duty", [RoleDuty.FAMILIES, RoleDuty.NODES, RoleDuty.OPERATOR])
def test_the_doctor_looks_at_rollouts_as_the_roles_of_machines(
    owner: PostgresPool, postgres: str, duty: RoleDuty
) -> None:
    assert [each.what for each in findings(postgres, duty, "rollouts")] == [
        "there is none, and no node has a name"
    ]
