"""The rehearsal of `docs/runbook.md`, "The database is restored from a backup".

A provider lives and changes, its PostgreSQL is lost with all files, and another one is made from a
dump.  Nodes go on meanwhile with what they had; what was confirmed after the dump is lost and told;
nobody keeps it in silence, also not where the same numbers and revisions come again.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from copdns.provider.law.edits import confirm_order, enter_order
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.store.household_db.provider import open_provider
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.store.provider_db.role_grants import RoleDuty
from tests.database_roles import make_role
from tests.e2e.house import eventually
from tests.e2e.provider_nodes import (
    ADA,
    BLOCKED,
    BO,
    DATING,
    OPEN,
    ProviderNode,
    block,
    family,
    provider_node,
    session,
)
from tests.e2e.started import started
from tests.e2e.test_killed_node import changing
from tests.e2e.test_provider import postgres, server  # noqa: F401 - fixtures
from tests.postgres_server import PostgresServer
from tests.provider_staff import ADA as ADMIN
from tests.provider_staff import BO as OTHER
from tests.provider_staff import SPECIAL, STAFF, order, staff_added
from tests.running import COPDNS, PATIENCE, run_here

pytestmark = [pytest.mark.tools, pytest.mark.once]

MOVED, CY = "127.0.0.40", "127.0.0.23"  # an address that goes to another family; a new family's
FRESH = "127.0.0.41"  # of a line that the portal tells after the dump
LAW = "NXDOMAIN 16 legal"


def blocked(name: str) -> str:
    return f"NOERROR 17 rule: {name}"


def put_order(register: RegisterStore, name: str) -> None:
    """Put an order in force, by two people."""
    now = int(time.time())
    new = order(name, begins=now, ends=now + 3600)
    entry = register.write("ada", now, lambda found: enter_order(found, new, ADMIN, now))
    assert entry is not None
    number = entry.number
    register.write("bo", now, lambda found: confirm_order(found, number, SPECIAL, OTHER, now))


def command(node: ProviderNode, duty: RoleDuty, *words: str) -> tuple[int, str]:
    """Run a command of the provider; return its status and what it said."""
    done = run_here([*map(str, node.home.program.options), *words], node.as_role(duty))
    return done.returncode, done.stdout + done.stderr


def restored(node: ProviderNode) -> str:
    """Return what the program that keeps the tables says of a backup."""
    text = (Path(node.environment["COPDNS_NODE__FOLDER"]) / "status.json").read_text()
    return str(json.loads(text)["restored"])


def dump(server: PostgresServer, file: Path) -> None:  # noqa: F811
    server.run("pg_dump", "-Fc", "-n", "copdns", "-n", "copdns_log", "-f", file, server.conninfo)


def bring_back(server: PostgresServer, file: Path) -> None:  # noqa: F811
    """Make another server from a dump: roles first, since rights are in it."""
    server.lose()
    for duty in RoleDuty:
        make_role(server.conninfo, duty.role)
    server.run("pg_restore", "--single-transaction", "-d", server.conninfo, file)


def test_a_provider_is_brought_back_from_a_dump_and_what_is_lost_is_told(
    tmp_path: Path,
    server: PostgresServer,  # noqa: F811
    postgres: PostgresServer,  # noqa: F811
) -> None:
    del postgres  # it begins empty
    backup = server.folder / "nightly.dump"  # where PostgreSQL's user may write
    with ExitStack() as stack:
        with open_provider(server.conninfo) as store:
            for each in ("ada", "bo"):
                asyncio.run(store.create(family(each), "test", 1))
            block(store, "ada", "early.example")
        (tmp_path / "node").mkdir()
        node = stack.enter_context(provider_node(tmp_path / "node", server))
        owners = ("ada", "bo", "ada", "bo")
        lines = [{"line": f"l{n}", "household": who} for n, who in enumerate(owners)]
        assert node.tell("/v1/lines", lines) == 204
        told = [session("l0", ADA), session("l1", BO), session("l2", MOVED)]
        assert node.tell("/v1/sessions", told) == 204
        keys = ProviderKeys(node.home.data / KEYS_FOLDER)
        with closing(PostgresPool(server.conninfo, most=1)) as pool:
            register = RegisterStore(pool, keys)
            now = int(time.time())
            for who in STAFF:
                register.write("console", now, lambda _, who=who: staff_added(who))  # type: ignore[misc]
            put_order(register, "ordered.example")
        eventually(lambda: node.ask("ordered.example", BO) == LAW)
        eventually(lambda: node.ask("early.example", MOVED) == blocked("early.example"))

        # A dump of a provider that changes meanwhile.
        with open_provider(server.conninfo) as store, changing(store):
            dump(server, backup)

        # All of this is confirmed after it.
        with open_provider(server.conninfo) as store:
            late = block(store, "ada", "late.example")
            asyncio.run(store.create(family("cy"), "test", 1))
            block(store, "cy", "club.example")
        with closing(PostgresPool(server.conninfo, most=1)) as pool:
            put_order(RegisterStore(pool, keys), "lost.example")
        new = {"line": "l4", "household": "cy"}, {"line": "l5", "household": "bo"}
        assert node.tell("/v1/lines", list(new)) == 204
        again = [session("l2", MOVED, "stop", 2), session("l3", MOVED, after=3)]
        again += [session("l4", CY), session("l5", FRESH)]
        assert node.tell("/v1/sessions", again) == 204

        def has_all(node: ProviderNode) -> bool:
            return (
                node.ask("late.example", ADA) == blocked("late.example")
                and node.ask("club.example", CY) == blocked("club.example")
                and node.ask("lost.example", BO) == LAW
                and node.ask("early.example", MOVED) == OPEN
                and node.ask(DATING, MOVED) == node.ask(DATING, FRESH) == BLOCKED
            )

        eventually(lambda: has_all(node))

        # 1. `copdns run` is stopped; nodes go on with what they had.
        server.kill()
        node.home.program.process.terminate()
        node.home.program.process.wait(PATIENCE)
        assert node.ask("lost.example", BO) == LAW
        assert node.ask(DATING, MOVED) == BLOCKED
        assert node.ask(DATING, BO) == BLOCKED

        # 2. Another PostgreSQL, from the dump; nobody ever has another family's rules.
        bring_back(server, backup)
        assert command(node, RoleDuty.FAMILIES, "provider", "roles", "check")[0] == 0
        eventually(lambda: "from a backup" in restored(node), 30)
        eventually(lambda: node.ask(DATING, CY) == OPEN)  # of a household that is not there
        eventually(lambda: node.ask(DATING, MOVED) == BLOCKED)  # by what the network was answered
        assert node.ask("early.example", MOVED) == OPEN  # not by the family of the backup
        assert node.ask(DATING, BO) == BLOCKED

        # The portal tells again whose lines are: what was told after the dump is lost.
        assert node.ask(DATING, FRESH) == OPEN
        assert node.tell("/v1/lines", [*lines, new[1]]) == 204
        eventually(lambda: node.ask(DATING, FRESH) == BLOCKED)

        # 3. The law: what was in force stays until somebody accepts that lines are lost.
        assert node.ask("lost.example", BO) == LAW
        status, said = command(node, RoleDuty.STAFF, "provider", "law", "check")
        assert (status, "lines are missing" in said) == (1, True)
        assert command(node, RoleDuty.STAFF, "provider", "law", "check", "--restored")[0] == 0
        assert command(node, RoleDuty.STAFF, "provider", "law", "check")[0] == 0
        eventually(lambda: node.ask("lost.example", BO) == OPEN)
        assert node.ask("ordered.example", BO) == LAW

        # 4. `copdns run` starts, and nothing that it kept counts, also where the same revision
        # comes again with another change.
        with open_provider(server.conninfo) as store:
            while block(store, "ada", f"again-{time.monotonic_ns()}.example") < late:
                pass
        words = [*COPDNS, *map(str, node.home.program.options), "run"]
        stack.enter_context(started(words, "ready", tmp_path / "node", node.environment))
        assert "brought back from a backup" in node.home.program.get("/readyz")
        eventually(lambda: node.ask("early.example", ADA) == blocked("early.example"))
        eventually(lambda: node.ask("late.example", ADA) == OPEN)

        # 5. It is over: a change is in force.
        with open_provider(server.conninfo) as store:
            block(store, "ada", "new.example")
        eventually(lambda: node.ask("new.example", ADA) == blocked("new.example"))
