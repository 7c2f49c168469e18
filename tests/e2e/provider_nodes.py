"""A node of a provider as it is run: dnsdist, unbound, programs of copdns, and two families."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from urllib.request import Request, urlopen

import dns.exception
import dns.message
import dns.query
import psycopg
import pytest
from pyrad.packet import AccountingRequest, AcctPacket

from copdns.model.household import Band, Household, Profile, Rule, RuleAction
from copdns.model.matchers import Matcher
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.provider.radius_accounting import Attribute
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.provider import open_provider
from copdns.store.provider_db.role_grants import RoleDuty
from tests.conftest import find_tool
from tests.database_roles import reach_as
from tests.e2e.house import POINTS_HOME, House, house
from tests.e2e.plane import SAFE_SOURCE, told
from tests.e2e.started import DNSDIST_UP, Process, started
from tests.postgres_server import PostgresServer
from tests.running import COPDNS, PATIENCE, free_port, run_here

OPEN = "127.0.0.80"
TOKEN = "a token of a provider"
DATABASE = "COPDNS_PROVIDER__DATABASE"
MACHINE, SECRET = "127.0.0.9", "a secret of sixteen"
ADA, BO = "127.0.0.21", "127.0.0.22"  # lines of two families
STRANGER = "127.0.0.66"
DATING = "parship.de"  # of the bundled lists
HELP = "www.childline.org.uk"
BLOCKED = "NOERROR 17 category: dating (list starter-dating)"
LOST = "lost"


def family(household: str) -> Household:
    profile = Profile("mia", "Mia", Band.TO_9, categories=frozenset({"dating"}))
    return Household(household, "Home", profiles=(profile,), guest="mia")


def change(store: HouseholdStore, household: str, edit: Callable[[Household], Household]) -> int:
    """Change a household; return its revision."""
    changed = store.change(household, edit, author="Ada", what="test", now=1)
    return asyncio.run(changed).revision


def block(store: HouseholdStore, household: str, name: str) -> int:
    """Block a name for a household, by a rule with its first label as id; return the revision."""
    rule = Rule(name.partition(".")[0], RuleAction.BLOCK, Matcher(name))
    return change(store, household, lambda home: replace(home, rules=(*home.rules, rule)))


def ask_or_lose(port: int, name: str, line: str, patience: float) -> str:
    """Return what a dnsdist says; LOST where nothing comes within `patience` seconds."""
    query = dns.message.make_query(name, "A", use_edns=0)
    try:
        return told(dns.query.udp(query, "127.0.0.1", patience, port, source=line))
    except (dns.exception.Timeout, OSError):
        return LOST


@dataclass
class ProviderNode:
    """The programs of a node.  home: the copdns that answers.  port: of dnsdist.  resolver: of
    unbound."""

    home: House
    port: int
    bindings: int
    resolver: int
    environment: Mapping[str, str]
    programs: dict[str, Process]
    start: Callable[..., None]
    database: str  # as the role that owns it

    def as_role(self, duty: RoleDuty) -> dict[str, str]:
        """Return the environment of a program that connects as the role of a duty."""
        return {**self.environment, DATABASE: reach_as(self.database, duty)}

    @property
    def radius(self) -> int:
        return int(self.environment["COPDNS_NODE__RADIUS_LISTEN"].rpartition(":")[2])

    def ask(self, name: str, source: str, source_port: int = 0) -> str:
        query = dns.message.make_query(name, "A", use_edns=0)
        reply = dns.query.udp(
            query, "127.0.0.1", PATIENCE, self.port, source=source, source_port=source_port
        )
        return told(reply)

    def ask_resolver(self, name: str) -> str:
        query = dns.message.make_query(name, "A", use_edns=0)
        return told(dns.query.udp(query, "127.0.0.1", PATIENCE, self.resolver))

    def insecure(self) -> str:
        """Return the domains that unbound does not validate."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(self.environment["COPDNS_NODE__UNBOUND_CONTROL"])
            sock.sendall(b"UBCT1 list_insecure\n")
            return sock.makefile().read()

    def tell(self, path: str, entries: object, token: str = TOKEN) -> int:
        method = "PUT" if path == "/v1/lines" else "POST"
        head = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{self.bindings}{path}"
        asked = Request(url, json.dumps(entries).encode(), head, method=method)
        with urlopen(asked, timeout=PATIENCE) as reply:
            return int(reply.status)

    def command(self, household: str, *words: str) -> str:
        chosen = {**self.environment, "COPDNS_PROVIDER__HOUSEHOLD": household}
        done = run_here([*map(str, self.home.program.options), *words], chosen)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def provider_node(
    folder: Path,
    postgres: PostgresServer,
    other_networks: object = (),
    more: Mapping[str, str] | None = None,
) -> Iterator[ProviderNode]:
    """Run PostgreSQL's copdns, both programs of the node, unbound and dnsdist.

    more: settings, by the names of their variables.
    """
    port, bindings, unbound = free_port(), free_port(), free_port()
    data = folder / "copdns"
    data.mkdir()
    ProviderKeys(data / "data" / KEYS_FOLDER).make()  # where `house` has its databases
    settings = {
        **POINTS_HOME,
        DATABASE: reach_as(postgres.conninfo, RoleDuty.FAMILIES),
        "COPDNS_PROVIDER__KEPT": "100",
        "COPDNS_DNS__FORWARDERS": json.dumps([{"network": "127.0.0.1", "proxy": True}]),
        "COPDNS_NODE__OTHER_NETWORKS": json.dumps(other_networks),
        **_node_settings(folder, port, bindings, unbound),
        **(more or {}),
    }
    with ExitStack() as stack:
        home = stack.enter_context(house(data, environment=settings))
        environment = {
            **os.environ,
            **home.program.environment,
            "COPDNS_NODE__COPDNS": f'["127.0.0.1:{home.program.port}"]',
        }
        words = [*COPDNS, *map(str, home.program.options), "node"]
        programs: dict[str, Process] = {}

        def start(name: str, ready: str = "") -> None:
            ready = ready or {"run": "up to date", "bindings": "taken in"}[name]
            duty = RoleDuty.BINDINGS if name == "bindings" else RoleDuty.NODES
            own = {**environment, DATABASE: reach_as(postgres.conninfo, duty)}
            begun = started([*words, name], ready, folder, own)
            programs[name] = stack.enter_context(begun)

        start("run")
        start("bindings")
        written = _written(folder, home, environment)
        stack.enter_context(
            started([find_tool("unbound"), "-d", "-c", written["unbound"]], "start of service")
        )
        command = [find_tool("dnsdist"), "--supervised", "--disable-syslog"]
        begun = started([*command, "-C", written["dnsdist"]], DNSDIST_UP, folder)
        programs["dnsdist"] = stack.enter_context(begun)
        parts = home, port, bindings, unbound, environment, programs, start
        yield ProviderNode(*parts, postgres.conninfo)


def _node_settings(folder: Path, port: int, bindings: int, unbound: int) -> dict[str, str]:
    """Return the settings of a node with its tables in a folder.  port: of dnsdist.  bindings: of
    the program that takes addresses in."""
    return {
        "COPDNS_NODE__FOLDER": str(folder / "tables"),
        "COPDNS_NODE__NETWORKS": '["127.0.0.0/8"]',
        "COPDNS_NODE__LISTEN": f'["127.0.0.1:{port}"]',
        "COPDNS_NODE__RESOLVERS": f'["127.0.0.1:{unbound}"]',
        "COPDNS_NODE__SAFE_SOURCE": SAFE_SOURCE,
        "COPDNS_NODE__UNBOUND_CONTROL": str(folder / "unbound.sock"),
        "COPDNS_NODE__ROOT_KEY": "",  # nothing here is signed
        "COPDNS_NODE__BINDINGS_LISTEN": f"127.0.0.1:{bindings}",
        "COPDNS_NODE__BINDINGS_TOKEN": TOKEN,
        "COPDNS_NODE__RADIUS_LISTEN": f"127.0.0.1:{free_port()}",
        "COPDNS_NODE__RADIUS": json.dumps([{"address": MACHINE, "secret": SECRET}]),
    }


def _written(folder: Path, home: House, environment: Mapping[str, str]) -> dict[str, Path]:
    """Write the configurations that the commands print; unbound's for a user of this machine."""
    texts = {}
    for name in ("dnsdist", "unbound"):
        done = run_here([*map(str, home.program.options), "node", name], environment)
        assert done.returncode == 0, done.stderr
        texts[name] = done.stdout
    here = [
        *("do-ip6: no", "do-daemonize: no", "do-not-query-localhost: no", "use-syslog: no"),
        *('username: ""', 'chroot: ""', 'pidfile: ""', f'directory: "{folder}"'),
    ]
    more = "server:\n" + "".join(f"  {line}\n" for line in here)
    texts["unbound"] = texts["unbound"].replace("verbosity: 0", "verbosity: 1")
    texts["unbound"] = texts["unbound"].replace("server:\n", more, 1)
    paths = {name: folder / f"{name}.conf" for name in texts}
    for name, path in paths.items():
        path.write_text(texts[name])
    return paths


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory,
    server: PostgresServer,
) -> Iterator[ProviderNode]:
    with closing(psycopg.connect(server.conninfo, autocommit=True)) as connection:
        connection.execute("drop schema if exists copdns cascade")
    with open_provider(server.conninfo) as store:
        for each in ("ada", "bo"):
            asyncio.run(store.create(family(each), "test", 1))
    with provider_node(tmp_path_factory.mktemp("node"), server) as found:
        lines = [{"line": "l1", "household": "ada"}, {"line": "l2", "household": "bo"}]
        assert found.tell("/v1/lines", lines) == 204
        sessions = [session("l1", ADA), session("l2", BO)]
        assert found.tell("/v1/sessions", sessions) == 204
        yield found


def session(line: str, address: str, kind: str = "start", after: float = 0.0) -> dict[str, object]:
    """Return what is told of a session.  after: seconds from now."""
    at = {"at": time.time() + after, "addresses": [address]}
    return {"kind": kind, "machine": "bng", "session": line, "line": line, **at}


def account(node: ProviderNode, kind: str, line: str, address: str, after: int = 0) -> None:
    """Tell of a session by RADIUS; it has to be confirmed.  after: seconds from now, by then."""
    packet = AcctPacket(AccountingRequest, secret=SECRET.encode(), message_authenticator=True)
    told = {
        Attribute.STATUS_TYPE: {"start": 1, "stop": 2}[kind].to_bytes(4),
        Attribute.USER_NAME: line.encode(),
        Attribute.SESSION_ID: f"{line} {address}".encode(),
        Attribute.NAS_IDENTIFIER: b"bng",
        # In whole seconds, so the next one: else it is before what was just told over HTTP.
        Attribute.EVENT_TIMESTAMP: (int(time.time()) + 1 + after).to_bytes(4),
        Attribute.FRAMED_IP_ADDRESS: ip_address(address).packed,
    }
    for key, value in told.items():
        OrderedDict.__setitem__(packet, int(key), [value])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((MACHINE, 0))
        sock.settimeout(PATIENCE)
        sock.sendto(packet.RequestPacket(), ("127.0.0.1", node.radius))
        assert sock.recv(4096)
