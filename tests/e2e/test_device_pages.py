"""Children's pages at a provider: a device's own token says whose they are, and no address does."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from copdns.model.household import Band, Device, Household, Profile
from copdns.provider.tenant_look import TenantLook
from copdns.store.household_db.provider import open_provider
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.tenants import HouseholdTenants
from tests.database_roles import reach_as
from tests.e2e.house import POINTS_HOME, eventually, house
from tests.e2e.test_provider import postgres, server  # noqa: F401 - fixtures
from tests.e2e.visitor import Visitor
from tests.postgres_server import PostgresServer
from tests.running import run_here

pytestmark = pytest.mark.tools

SHARED = "127.0.0.60"  # one address, as a family behind a router has


def family(household: str) -> Household:
    people = (Profile("mia", "Mia", Band.TO_9), Profile("tom", "Tom", Band.TO_15))
    devices = (
        Device("mia-phone", "", "mia", (SHARED,)),
        Device("tom-phone", "", "tom", ("192.0.2.15",)),
    )
    return Household(household, "Home", profiles=people, devices=devices)


def test_a_childs_page_is_its_own_by_the_token_of_the_device(
    postgres: PostgresServer,  # noqa: F811
    tmp_path: Path,
) -> None:
    settings = {
        **POINTS_HOME,
        "COPDNS_PROVIDER__DATABASE": reach_as(postgres.conninfo, RoleDuty.FAMILIES),
        "COPDNS_PROVIDER__KEPT": "100",
        "COPDNS_DNS__FORWARDERS": json.dumps([{"network": "127.0.0.1", "proxy": True}]),
    }
    with open_provider(postgres.conninfo) as store:
        for each in ("ada", "bo"):
            asyncio.run(store.create(family(each), "test", 1_790_000_000))
    with house(tmp_path, environment=settings) as home:
        environment = {**os.environ, **home.program.environment}

        def command(*words: str) -> str:
            chosen = {**environment, "COPDNS_PROVIDER__HOUSEHOLD": "ada"}
            done = run_here([*map(str, home.program.options), *words], chosen)
            assert done.returncode == 0, done.stderr
            return done.stdout

        code = command("household", "code").strip()
        tokens = {each: _token(command, f"{each}-phone") for each in ("mia", "tom")}
        # All of them come from one address, which Mia's phone has in the household's own list.
        mia, tom, somebody = Visitor(SHARED), Visitor(SHARED), Visitor(SHARED)
        program = home.program
        assert "/family" in mia.open(program, "/").text
        assert somebody.send(program, "/family", code=code).status == 303
        assert "mia-phone" not in somebody.open(program, "/").text
        for visitor, name in ((mia, "mia"), (tom, "tom")):
            sent = visitor.send(program, "/family", code=tokens[name].upper())
            assert sent.status == 303
        eventually(lambda: _is_of(mia.open(program, "/").text, "mia-phone"))
        eventually(lambda: _is_of(tom.open(program, "/").text, "tom-phone"))
        away = Visitor("127.0.0.61", dict(mia.cookies))
        assert _is_of(away.open(program, "/").text, "mia-phone"), "wherever it is"
        _give_a_look(postgres)
        shown = mia.open(program, "/").text
        assert "You have copdns from <bdi>North</bdi>." in shown or "from North." in shown
        assert "Call us." in shown
        assert 'href="/static/look-0a549c-9cc9ff.css"' in shown
        assert "#0a549c" in mia.open(program, "/static/look-0a549c-9cc9ff.css").text
        command("device", "token", "revoke", "mia-phone")
        eventually(lambda: "/family" in mia.open(program, "/").text)
        assert _is_of(tom.open(program, "/").text, "tom-phone")


def _give_a_look(postgres: PostgresServer) -> None:  # noqa: F811
    look = TenantLook("North", "#0a549c", "#9cc9ff", texts={"en": "Call us."})
    with open_provider(postgres.conninfo) as store:
        tenants = HouseholdTenants(store.pool)
        tenants.set_look("north", look)
        tenants.assign("ada", "north")


def _token(command: Callable[..., str], device: str) -> str:
    printed = command("device", "token", "add", device)
    found = re.search(r"^([a-z2-7]{26})  \(shown once\)", printed, re.MULTILINE)
    assert found
    return found[1]


def _is_of(page: str, name: str) -> bool:
    return name in page and "/family" not in page
