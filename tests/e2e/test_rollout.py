"""A rollout on two real nodes: dnsdist, `copdns node run` and PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dns.message
import dns.query
import pytest

from copdns.app.node.announcer import Announcer
from copdns.model.household import Band, Household, Profile
from copdns.provider.law.edits import close_family, open_family
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.provider.plane.announcements import FALLS
from copdns.provider.rollout.rollouts import COPDNS as COPDNS_ITSELF
from copdns.provider.rollout.rollouts import RolloutKind, RolloutStage, RolloutState, RolloutStep
from copdns.settings.config import Settings
from copdns.settings.node import NodeSection
from copdns.settings.provider import ProviderSettings
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.lines import BindingRow, BindingStore, LineRow
from copdns.store.provider_db.register_rows import RegisterStore
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.rollout_rows import RolloutStore
from tests.conftest import find_tool
from tests.database_roles import reach_as
from tests.e2e.house import eventually
from tests.e2e.plane import told
from tests.e2e.started import DNSDIST_UP, started
from tests.e2e.upstream import upstream
from tests.fetched_list import put_list
from tests.postgres_server import running_postgres
from tests.provider_staff import ADA as ADMIN
from tests.provider_staff import STAFF, staff_added
from tests.running import COPDNS, PATIENCE, free_port, run_here
from tests.serving import serving
from tests.upstream_server import UpstreamServer, silent

pytestmark = [pytest.mark.tools, pytest.mark.once]

DATABASE = "COPDNS_PROVIDER__DATABASE"
LINE = "127.0.0.31"
OPEN = "127.0.0.80"
BLOCKED = "NOERROR 17 category: dating (list casinos)"
SOURCE = {
    "slug": "casinos",
    "url": "https://lists.example/casinos",
    "category": "dating",
    "format": "domains",
    "match": "subtree",
}


@dataclass
class Node:
    """A node.  port: of its dnsdist, which is a process."""

    port: int
    dnsdist: subprocess.Popen[str]


class StaffServer(ThreadingHTTPServer):
    """A web server of the provider's.  came: what was posted to it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.came: list[dict[str, object]] = []


class _Taking(BaseHTTPRequestHandler):
    server: StaffServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append(json.loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def staff_server() -> Iterator[StaffServer]:
    with serving(StaffServer()) as server:
        yield server


@dataclass
class Provider:
    """A provider with two nodes, of which the first is the canary."""

    folder: Path
    pool: PostgresPool
    settings: dict[str, str]
    nodes: dict[str, Node]
    resolver: UpstreamServer
    staff: StaffServer
    operator: str  # how the database is reached as whoever begins rollouts

    @property
    def rollouts(self) -> RolloutStore:
        return RolloutStore(self.pool)

    def command(self, *words: str, database: str = "") -> str:
        """Call a command of the machine that fetches lists.

        database: how it is reached; as the operator where nothing is said.
        """
        options = ["--data", str(self.folder / "maker"), "provider", *words]
        chosen = {DATABASE: database or self.operator}
        done = run_here(options, {**os.environ, **self.settings, **chosen})
        assert done.returncode == 0, done.stderr
        return done.stdout

    def begin(self, text: str) -> str:
        put_list(self.folder / "maker", text)
        return str(json.loads(self.command("rollout", "begin", "lists", "--json"))["number"])

    def ask(self, name: str) -> list[str]:
        """Return what each node says."""
        found = []
        for each in self.nodes.values():
            query = dns.message.make_query(name, "A", use_edns=0)
            reply = dns.query.udp(query, "127.0.0.1", PATIENCE, each.port, source=LINE)
            found.append(told(reply))
        return found


def family() -> Household:
    profile = Profile("mia", "Mia", Band.TO_9, categories=frozenset({"dating"}))
    return Household("ada", "Home", profiles=(profile,), guest="mia")


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    folder = tmp_path_factory.mktemp("rollout")
    with ExitStack() as stack:
        database = stack.enter_context(running_postgres())
        households = stack.enter_context(ProviderStore.connect(PostgresPool(database)))
        staff = stack.enter_context(staff_server())
        settings = {
            DATABASE: reach_as(database, RoleDuty.NODES),
            "COPDNS_PROVIDER__ROLLOUTS__WEBHOOK": f"http://127.0.0.1:{staff.server_port}/",
            "COPDNS_PROVIDER__ROLLOUTS__CANARY_SECONDS": "0",
            "COPDNS_PROVIDER__ROLLOUTS__SITE_SECONDS": "0",
            "COPDNS_PROVIDER__ROLLOUTS__ALL_SECONDS": "0",
            "COPDNS_PROVIDER__ROLLOUTS__FEWEST_QUERIES": "1",
            "COPDNS_PROVIDER__ROLLOUTS__BLOCK_POINTS": "100",
            "COPDNS_SOURCES__USE": "none",
            "COPDNS_SOURCES__OWN": json.dumps([SOURCE]),
        }
        asyncio.run(households.create(family(), "test", 1))
        lines = BindingStore(households.pool)
        lines.put([BindingRow(LINE, "l1")], lines=[LineRow("l1", "ada")], at=time.time())
        ProviderKeys(folder / "keys").make()
        to = stack.enter_context(upstream())
        nodes = {}
        for name in ("n1", "n2"):
            (folder / name).mkdir()
            nodes[name] = stack.enter_context(node(folder / name, to.address.port, settings))
        operator = reach_as(database, RoleDuty.OPERATOR)
        yield Provider(folder, households.pool, settings, nodes, to, staff, operator)


@contextmanager
def node(folder: Path, upstream_port: int, settings: dict[str, str]) -> Iterator[Node]:
    """Run one node, its dnsdist with it."""
    port = free_port()
    shutil.copytree(folder.parent / "keys", folder / "data" / KEYS_FOLDER)
    environment = {
        **os.environ,
        **settings,
        "COPDNS_NODE__NAME": folder.name,
        "COPDNS_NODE__SITE": f"at-{folder.name}",
        "COPDNS_NODE__CANARY": "true" if folder.name == "n1" else "false",
        "COPDNS_NODE__FOLDER": str(folder / "tables"),
        "COPDNS_NODE__NETWORKS": '["127.0.0.16/28"]',
        "COPDNS_NODE__LISTEN": f'["127.0.0.1:{port}"]',
        "COPDNS_NODE__RESOLVERS": f'["127.0.0.1:{upstream_port}"]',
        "COPDNS_NODE__UNBOUND_CONTROL": "",
    }
    options = ["--data", str(folder / "data")]
    written = run_here([*options, "node", "dnsdist"], environment)
    assert written.returncode == 0, written.stderr
    path = folder / "dnsdist.conf"
    path.write_text(written.stdout)
    running = started([*COPDNS, *options, "node", "run"], "up to date", folder, environment)
    dnsdist = [find_tool("dnsdist"), "--supervised", "--disable-syslog", "-C", str(path)]
    with running, started(dnsdist, DNSDIST_UP, folder) as process:
        yield Node(port, process)


def test_a_list_goes_to_the_canary_first_and_an_undo_is_in_force_within_a_minute(
    provider: Provider,
) -> None:
    first = int(provider.begin("one.example\n"))
    done = RolloutStep(int(time.time()), COPDNS_ITSELF, RolloutStage.DONE, RolloutState.GOING)
    provider.rollouts.add_step(first, lambda _: done)
    eventually(lambda: provider.ask("one.example") == [BLOCKED, BLOCKED], 60)
    provider.command("rollout", "stop", number := provider.begin("two.example\n"), "--why", "Wait.")
    eventually(lambda: provider.ask("two.example") == [BLOCKED, OPEN], 60)
    assert provider.ask("one.example") == [OPEN, BLOCKED]
    provider.command("rollout", "undo", number, "--why", "A school is blocked.")
    took = eventually(lambda: provider.ask("two.example") == [OPEN, OPEN], 60)
    assert took < 60
    assert provider.ask("one.example") == [BLOCKED, BLOCKED]
    told = {(first, "done"), (int(number), "stopped"), (int(number), "undone")}
    eventually(lambda: {(each["number"], each["what"]) for each in provider.staff.came} == told, 60)
    assert len(provider.staff.came) == len(told), "of two nodes, one tells it"


def test_a_running_node_has_the_schema_that_its_program_knows(provider: Provider) -> None:
    schema = "rollout", "begin", "schema", "--label", "1.5", "--json"

    def have() -> list[int]:
        return [each.has_taken(RolloutKind.SCHEMA).number for each in provider.rollouts.fleet()]

    before = have()
    begun = provider.command(*schema, database=provider.pool.conninfo)  # as the owner
    number = json.loads(begun)["number"]
    assert number not in before
    eventually(lambda: have() == [number, number], 60)


def test_the_layer_of_families_opens_for_all_and_comes_back(provider: Provider) -> None:
    eventually(lambda: provider.ask("one.example") == [BLOCKED, BLOCKED], 60)
    register = RegisterStore(provider.pool, ProviderKeys(provider.folder / "keys"))
    now = int(time.time())
    for who in STAFF:
        register.write("console", now, lambda _, who=who: staff_added(who))  # type: ignore[misc]
    register.write("ada", now, lambda all_: open_family(all_, "A list.", now + 900, ADMIN, now))
    took = eventually(lambda: provider.ask("one.example") == [OPEN, OPEN], 60)
    assert took < 60
    register.write("ada", now, lambda all_: close_family(all_, "It is right.", ADMIN, now))
    eventually(lambda: provider.ask("one.example") == [BLOCKED, BLOCKED], 60)


def test_a_dead_resolver_withdraws_nothing_and_a_dead_dnsdist_not_the_last_address(
    provider: Provider,
) -> None:
    said: dict[str, list[str]] = {each: [] for each in provider.nodes}
    announcers = {
        name: Announcer(
            Settings(
                node=NodeSection(name=name, listen=(f"127.0.0.1:{each.port}",)),
                provider=ProviderSettings(database=provider.settings[DATABASE]),
            ),
            time.time,
            said[name].append,
        )
        for name, each in provider.nodes.items()
    }

    async def look(*names: str) -> None:
        for _ in range(FALLS):
            for name in names:
                await announcers[name].look()

    up, down = (f"{each} route 127.0.0.1/32 next-hop self" for each in ("announce", "withdraw"))
    eventually(lambda: all(each.answers for each in provider.rollouts.fleet()), 60)
    provider.resolver.says[""] = silent  # also to the checks of dnsdist
    asyncio.run(look("n1", "n2"))
    assert said == {"n1": [up], "n2": [up]}
    for name in ("n1", "n2"):
        provider.nodes[name].dnsdist.kill()
        provider.nodes[name].dnsdist.wait(PATIENCE)
        asyncio.run(look(name))
    assert said == {"n1": [up, down], "n2": [up]}, "the second is the last one"
