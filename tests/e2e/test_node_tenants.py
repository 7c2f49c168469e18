"""Whose line is not known gets the default of the tenant of that network, and no family's."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from pathlib import Path

import pytest

from copdns.provider.law.edits import add_name, confirm_name, confirm_order, enter_order
from copdns.provider.law.events import HandLayer, NameAdded
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.store.household_db.provider import open_provider
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.register_rows import RegisterStore
from tests.e2e.house import eventually
from tests.e2e.provider_nodes import BLOCKED, DATING, OPEN, family, provider_node, session
from tests.e2e.test_provider import postgres, server  # noqa: F401 - fixtures
from tests.postgres_server import PostgresServer
from tests.provider_staff import ADA as ADMIN
from tests.provider_staff import BO as OTHER
from tests.provider_staff import SPECIAL, STAFF, order, staff_added

pytestmark = [pytest.mark.tools, pytest.mark.once]

# Of south, of a part of it that is north's, and of nobody.
SOUTH, PART, ELSEWHERE = "127.0.1.9", "127.0.1.130", "127.0.2.9"
CAFE = "127.0.3.9"
FAMILY = "127.0.1.21"  # a line in south's network
TENANTS = [
    {"tenant": "south", "networks": ["127.0.1.0/24"], "security": False},
    {"tenant": "north", "networks": ["127.0.1.128/25"]},
]
SECURITY, LAW = "NOERROR 15 security: by-hand", "NXDOMAIN 16 legal"


def test_who_is_not_known_gets_the_default_of_the_tenant(
    tmp_path: Path,
    server: PostgresServer,  # noqa: F811
    postgres: PostgresServer,  # noqa: F811
) -> None:
    del postgres  # it begins empty
    with open_provider(server.conninfo) as store:
        asyncio.run(store.create(family("ada"), "test", 1))
    cafes = [{"name": "wifi", "networks": ["127.0.3.0/24"], "security": False}]
    more = {"COPDNS_NODE__TENANTS": json.dumps(TENANTS)}
    with provider_node(tmp_path, server, cafes, more) as node:
        lines = [{"line": f"l{number}", "household": "ada"} for number in (1, 2)]
        assert node.tell("/v1/lines", lines) == 204
        assert node.tell("/v1/sessions", [session("l1", FAMILY), session("l2", CAFE)]) == 204
        with closing(PostgresPool(server.conninfo, most=1)) as pool:
            register = RegisterStore(pool, ProviderKeys(node.home.data / KEYS_FOLDER))
            now = int(time.time())
            for who in STAFF:
                register.write("console", now, lambda _, who=who: staff_added(who))  # type: ignore[misc]
            new = order("bad.example", begins=now, ends=now + 3600)
            entry = register.write("ada", now, lambda found: enter_order(found, new, ADMIN, now))
            assert entry is not None
            law = entry.number
            register.write("bo", now, lambda found: confirm_order(found, law, SPECIAL, OTHER, now))
            phish = NameAdded(HandLayer.SECURITY, "phish.example", "It phishes.", now + 3600)
            entry = register.write("ada", now, lambda _: add_name(phish, ADMIN, SPECIAL, now))
            assert entry is not None
            name = entry.number
            register.write("bo", now, lambda found: confirm_name(found, name, OTHER, now))
        eventually(lambda: node.ask("phish.example", ELSEWHERE) == SECURITY)
        for source in (PART, FAMILY):  # a family's line has what the family chose
            assert node.ask("phish.example", source) == SECURITY, source
        for source in (SOUTH, CAFE):
            assert node.ask("phish.example", source) == OPEN, source
        for source in (SOUTH, PART, ELSEWHERE, FAMILY, CAFE):
            assert node.ask("bad.example", source) == LAW, source
        assert node.ask(DATING, FAMILY) == BLOCKED
        for source in (SOUTH, PART, ELSEWHERE, CAFE):
            assert node.ask(DATING, source) == OPEN, source
        # Its session is over: from then on the tenant's default holds there.
        assert node.tell("/v1/sessions", [session("l1", FAMILY, "stop", 1)]) == 204
        eventually(lambda: node.ask("phish.example", FAMILY) == OPEN)
        assert node.ask(DATING, FAMILY) == OPEN
        assert node.ask("bad.example", FAMILY) == LAW
