"""A node of a provider as it is run: `copdns node` keeps what dnsdist reads, from PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import dns.message
import dns.query
import psycopg
import pytest
from pyrad.packet import AccountingRequest, AcctPacket

from copdns.appeals.review import DecisionReason
from copdns.model.household import Band, Household, Profile
from copdns.provider.bindings import DOUBT
from copdns.provider.law.edits import add_name, confirm_name, confirm_order, enter_order
from copdns.provider.law.events import HandLayer, NameAdded
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.provider.plane.files import PlaneFiles
from copdns.provider.plane.rows import PlaneRows, PlaneTable
from copdns.provider.plane.snapshot import address_key
from copdns.provider.radius_accounting import Attribute
from copdns.provider.staff.desk import (
    CaseOrigin,
    CaseReason,
    DeskCase,
    DeskDecision,
)
from copdns.store.household_db.provider import open_provider
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.register_rows import RegisterStore
from tests.conftest import find_tool
from tests.e2e.house import POINTS_HOME, House, eventually, house
from tests.e2e.plane import SAFE_SOURCE, told
from tests.e2e.started import started
from tests.e2e.test_provider import postgres, server  # noqa: F401 - fixtures
from tests.e2e.visitor import PASSWORD, Visitor
from tests.postgres_server import PostgresServer
from tests.provider_staff import ADA as ADMIN
from tests.provider_staff import BO as OTHER
from tests.provider_staff import SPECIAL, STAFF, order, staff_added
from tests.running import COPDNS, PATIENCE, free_port, run_here

pytestmark = pytest.mark.tools

OPEN = "127.0.0.80"
TOKEN = "a token of a provider"
MACHINE, SECRET = "127.0.0.9", "a secret of sixteen"
ADA, BO = "127.0.0.21", "127.0.0.22"  # lines of two families
STRANGER = "127.0.0.66"
DATING = "parship.de"  # of the bundled lists
HELP = "www.childline.org.uk"


def family(household: str) -> Household:
    profile = Profile("mia", "Mia", Band.TO_9, categories=frozenset({"dating"}))
    return Household(household, "Home", profiles=(profile,), guest="mia")


@dataclass
class ProviderNode:
    """The programs of a node.  home: the copdns that answers.  port: of dnsdist.  resolver: of
    unbound."""

    home: House
    port: int
    bindings: int
    resolver: int
    environment: Mapping[str, str]
    programs: dict[str, subprocess.Popen[str]]
    start: Callable[..., None]

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
def provider_node(folder: Path, postgres: PostgresServer) -> Iterator[ProviderNode]:  # noqa: F811
    """Run PostgreSQL's copdns, both programs of the node, unbound and dnsdist."""
    port, bindings, unbound = free_port(), free_port(), free_port()
    data = folder / "copdns"
    data.mkdir()
    ProviderKeys(data / "data" / KEYS_FOLDER).make()  # where `house` has its databases
    settings = {
        **POINTS_HOME,
        "COPDNS_PROVIDER__DATABASE": postgres.conninfo,
        "COPDNS_PROVIDER__KEPT": "100",
        "COPDNS_DNS__FORWARDERS": json.dumps([{"network": "127.0.0.1", "proxy": True}]),
        "COPDNS_NODE__FOLDER": str(folder / "tables"),
        "COPDNS_NODE__NETWORKS": '["127.0.0.0/8"]',
        "COPDNS_NODE__LISTEN": f'["127.0.0.1:{port}"]',
        "COPDNS_NODE__RESOLVERS": f'["127.0.0.1:{unbound}"]',
        "COPDNS_NODE__SAFE_SOURCE": SAFE_SOURCE,
        "COPDNS_NODE__UNBOUND_CONTROL": str(folder / "unbound.sock"),
        "COPDNS_NODE__BINDINGS_LISTEN": f"127.0.0.1:{bindings}",
        "COPDNS_NODE__BINDINGS_TOKEN": TOKEN,
        "COPDNS_NODE__RADIUS_LISTEN": f"127.0.0.1:{free_port()}",
        "COPDNS_NODE__RADIUS": json.dumps([{"address": MACHINE, "secret": SECRET}]),
    }
    with ExitStack() as stack:
        home = stack.enter_context(house(data, environment=settings))
        environment = {
            **os.environ,
            **home.program.environment,
            "COPDNS_NODE__COPDNS": f'["127.0.0.1:{home.program.port}"]',
        }
        words = [*COPDNS, *map(str, home.program.options), "node"]
        programs: dict[str, subprocess.Popen[str]] = {}

        def start(name: str, ready: str = "") -> None:
            ready = ready or {"run": "up to date", "bindings": "taken in"}[name]
            begun = started([*words, name], ready, folder, environment)
            programs[name] = stack.enter_context(begun)

        start("run")
        start("bindings")
        written = _written(folder, home, environment)
        stack.enter_context(
            started([find_tool("unbound"), "-d", "-c", written["unbound"]], "start of service")
        )
        command = [find_tool("dnsdist"), "--supervised", "--disable-syslog"]
        stack.enter_context(started([*command, "-C", written["dnsdist"]], "as 'up'", folder))
        yield ProviderNode(home, port, bindings, unbound, environment, programs, start)


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
    server: PostgresServer,  # noqa: F811
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


BLOCKED = "NOERROR 17 category: dating (list starter-dating)"


def test_a_subscriber_gets_the_rules_of_the_household_and_no_stranger_does(
    node: ProviderNode,
) -> None:
    eventually(lambda: node.ask(DATING, ADA) == BLOCKED)
    assert node.ask(DATING, BO) == BLOCKED
    assert node.ask("open.example", ADA) == OPEN
    assert node.ask(HELP, ADA) == OPEN
    node.command("bo", "profile", "set", "mia", "--no-category", "dating")
    took = eventually(lambda: node.ask(DATING, BO) == OPEN)
    assert took < 1.0
    assert node.ask(DATING, ADA) == BLOCKED
    assert node.ask(DATING, STRANGER) == OPEN


def test_a_rule_is_in_force_within_a_second_and_for_no_neighbour(node: ProviderNode) -> None:
    assert node.ask("film.example", ADA) == OPEN
    node.command("ada", "rule", "add", "block", "film.example")
    took = eventually(lambda: node.ask("film.example", ADA) == "NOERROR 17 rule: film.example")
    assert took < 1.0
    assert node.ask("film.example", BO) == OPEN
    # Where only counts are kept, a rule of their own counts as any look-up does.
    eventually(lambda: "default" in node.command("ada", "log", "counts"))
    assert "default" not in node.command("bo", "log", "counts")
    node.command("ada", "rule", "remove", "film.example")
    eventually(lambda: node.ask("film.example", ADA) == OPEN)


def test_a_pause_closes_a_line_and_ends(node: ProviderNode) -> None:
    node.command("bo", "pause", "mia")
    took = eventually(lambda: node.ask("school.example", BO) == "NOERROR 17 paused")
    assert took < 1.0
    assert node.ask(HELP, BO) == OPEN
    assert node.ask("school.example", ADA) == OPEN
    node.command("bo", "pause", "mia", "--end")
    eventually(lambda: node.ask("school.example", BO) == OPEN)


def test_an_address_that_goes_to_another_family_brings_none_of_its_rules(
    node: ProviderNode,
) -> None:
    """By RADIUS; one stop is lost, and the programs are ended and started meanwhile."""
    address = "127.0.0.40"
    node.command("bo", "rule", "add", "block", "blog.example")
    rule = "NOERROR 17 rule: blog.example"
    account(node, "start", "l2", address)
    eventually(lambda: node.ask("blog.example", address) == rule)
    for program in ("bindings", "run"):
        node.programs[program].kill()
        node.programs[program].wait(PATIENCE)
        assert node.ask("blog.example", address) == rule  # the tables stay
        node.start(program)
        assert node.ask("blog.example", address) == rule
    account(node, "start", "l1", address, after=5)  # the stop of the other line is lost
    eventually(lambda: node.ask("blog.example", address) == OPEN)
    assert node.ask(DATING, address) == BLOCKED  # by the rules of the new family
    account(node, "stop", "l1", address, after=6)
    eventually(lambda: node.ask(DATING, address) == OPEN)  # a stranger's
    with pytest.raises(HTTPError):
        node.tell("/v1/sessions", [], "another token")


def test_an_order_begins_and_ends_at_its_second_and_reviewers_open_and_close(
    node: ProviderNode,
    server: PostgresServer,  # noqa: F811
) -> None:
    """Nobody does anything at these seconds.  unbound knows it, too, for what CNAMEs lead to."""
    law = "NXDOMAIN 16 legal"
    with closing(PostgresPool(server.conninfo, most=1)) as pool:
        register = RegisterStore(pool, ProviderKeys(node.home.data / KEYS_FOLDER))
        for who in STAFF:
            register.write("console", int(time.time()), lambda _, who=who: staff_added(who))  # type: ignore[misc]
        assert node.ask("bad.example", STRANGER) == OPEN
        now = int(time.time())
        new = order("bad.example", begins=now + 2, ends=now + 6)
        entry = register.write("ada", now, lambda found: enter_order(found, new, ADMIN, now))
        assert entry is not None
        number = entry.number
        register.write("bo", now, lambda found: confirm_order(found, number, SPECIAL, OTHER, now))
        eventually(lambda: node.ask("bad.example", STRANGER) == law)
        assert time.time() >= now + 2
        eventually(lambda: node.ask_resolver("bad.example") == "NXDOMAIN")
        eventually(lambda: node.ask("bad.example", STRANGER) == OPEN)
        assert time.time() >= now + 6
        eventually(lambda: node.ask_resolver("bad.example") == OPEN)

        broken = NameAdded(HandLayer.ANCHOR, "broken.example", "Its keys are over.", now + 60)
        entry = register.write("ada", now, lambda _: add_name(broken, ADMIN, SPECIAL, now))
        assert entry is not None
        anchor = entry.number
        register.write("bo", now, lambda found: confirm_name(found, anchor, OTHER, now))
        eventually(lambda: "broken.example" in node.insecure())

        desk = DeskStore(pool)
        kind = CaseOrigin.STAFF, DATING, "starter-dating", DATING, CaseReason.CHANGED
        case = desk.add(DeskCase(0, "", *kind, now, now, ("rev", "ada")))
        error = DecisionReason.LIST_ERROR
        decided = tuple(DeskDecision(each, now, error) for each in ("rev", "ada"))
        line = "127.0.0.29"
        assert node.tell("/v1/lines", [{"line": "l9", "household": "ada"}]) == 204
        assert node.tell("/v1/sessions", [session("l9", line)]) == 204
        # About the second one copdns decides: the family has a rule above it.
        node.command("ada", "rule", "add", "block", f"=ads.{DATING}")
        names = DATING, f"www.ads.{DATING}"
        for expected, decisions in ((BLOCKED, ()), (OPEN, decided), (BLOCKED, ())):
            change = partial(replace, decisions=decisions)
            desk.change(case.number, change)
            for name in names:
                eventually(lambda at=name, said=expected: node.ask(at, line) == said)  # type: ignore[misc]
        node.command("ada", "rule", "remove", f"=ads.{DATING}")


def test_two_families_behind_one_address_have_their_own_rules(node: ProviderNode) -> None:
    """By the ports that each has of it, also for what copdns decides; all others are strangers."""
    shared = "127.0.0.41"
    ours, theirs, nobodys = 2100, 4200, 9000  # one port of each
    lines = [{"line": "l7", "household": "ada"}, {"line": "l8", "household": "bo"}]
    assert node.tell("/v1/lines", lines) == 204
    told = [session("l7", f"{shared}:2048-4095"), session("l8", f"{shared}:4096-8191")]
    assert node.tell("/v1/sessions", told) == 204
    node.command("bo", "rule", "add", "block", "novel.example")
    node.command("bo", "profile", "set", "mia", "--no-category", "dating")
    rule = "NOERROR 17 rule: novel.example"
    eventually(lambda: node.ask(DATING, shared, ours) == BLOCKED)
    eventually(lambda: node.ask("novel.example", shared, theirs) == rule)
    assert node.ask(DATING, shared, theirs) == OPEN  # this family lets it be
    assert node.ask("novel.example", shared, ours) == OPEN
    for port in (2047, nobodys, 1):
        assert node.ask(DATING, shared, port) == OPEN
        assert node.ask("novel.example", shared, port) == OPEN
    assert node.ask(DATING, shared, 2048) == node.ask(DATING, shared, 4095) == BLOCKED

    # While tables change, the address may still have a row of who had it alone: it tells nothing.
    with closing(PlaneFiles(Path(node.environment["COPDNS_NODE__FOLDER"]))) as files:
        files.write(PlaneRows({PlaneTable.PERSONAL: [(address_key(shared), b"ada")]}))
        assert node.ask("novel.example", shared, theirs) == rule
        files.write(PlaneRows({}, {PlaneTable.PERSONAL: [address_key(shared)]}))

    # The same ports go to the other family, of which the first line was told first.
    moved = [session("l8", f"{shared}:2048-4095", after=DOUBT)]
    assert node.tell("/v1/sessions", moved) == 204
    eventually(lambda: node.ask("novel.example", shared, ours) == rule)
    assert node.ask(DATING, shared, ours) == OPEN
    assert node.ask("novel.example", shared, theirs) == OPEN  # a stranger's by now


def test_a_node_that_starts_without_postgresql_goes_on_and_so_does_time(
    node: ProviderNode,
    server: PostgresServer,  # noqa: F811
) -> None:
    line, law = "127.0.0.28", "NXDOMAIN 16 legal"
    assert node.tell("/v1/lines", [{"line": "l6", "household": "ada"}]) == 204
    assert node.tell("/v1/sessions", [session("l6", line)]) == 204
    eventually(lambda: node.ask(DATING, line) == BLOCKED)
    with closing(PostgresPool(server.conninfo, most=1)) as pool:
        register = RegisterStore(pool, ProviderKeys(node.home.data / KEYS_FOLDER))
        for who in STAFF:
            register.write("console", int(time.time()), lambda _, who=who: staff_added(who))  # type: ignore[misc]
        now = int(time.time())
        new = order("worse.example", begins=now + 3, ends=now + 600)
        entry = register.write("ada", now, lambda found: enter_order(found, new, ADMIN, now))
        assert entry is not None
        number = entry.number
        register.write("bo", now, lambda found: confirm_order(found, number, SPECIAL, OTHER, now))
    kept = Path(node.environment["COPDNS_NODE__FOLDER"]) / "law.json"
    eventually(
        lambda: "worse.example" in kept.read_text() and "order confirmed" in kept.read_text()
    )
    server.kill()
    node.programs["run"].kill()
    node.programs["run"].wait(PATIENCE)
    assert node.ask(DATING, line) == BLOCKED
    node.start("run", "the tables stay, and time goes on")
    eventually(lambda: node.ask("worse.example", line) == law)
    assert time.time() >= now + 3
    assert node.ask(DATING, line) == BLOCKED
    assert node.ask("open.example", line) == OPEN
    assert node.ask(DATING, STRANGER) == OPEN
    server.start()
    eventually(lambda: run_ok(node, "rule", "add", "block", "poem.example"))
    eventually(lambda: node.ask("poem.example", line) == "NOERROR 17 rule: poem.example")
    assert node.ask("worse.example", line) == law


def run_ok(node: ProviderNode, *words: str) -> bool:
    """Run a command for the first household; tell whether it went well."""
    chosen = {**node.environment, "COPDNS_PROVIDER__HOUSEHOLD": "ada"}
    return run_here([*map(str, node.home.program.options), *words], chosen).returncode == 0


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


def test_a_guardian_blocks_a_child_asks_with_the_code_and_a_yes_opens(node: ProviderNode) -> None:
    """From page to dig, each within a second, and the neighbour notices nothing."""
    program = node.home.program
    ada, mia, stranger = Visitor("127.0.0.50"), Visitor("127.0.0.51"), Visitor("127.0.0.52")
    codes = {each: node.command(each, "household", "code").strip() for each in ("ada", "bo")}
    assert "/family" in ada.open(program, "/guardian/login").text
    assert ada.send(program, "/family", code=codes["ada"].lower()).status == 303
    assert stranger.send(program, "/family", code="K7QF-2M9D-4TXA").status == 400
    setup = json.loads(node.command("ada", "account", "code", "--json"))["code"]
    fields = {"code": setup, "name": "Ada", "password": PASSWORD, "again": PASSWORD}
    assert ada.send(program, "/guardian/setup", **fields).status == 303
    # Later than what other tests told by more than two clocks may be apart, or nobody has it.
    told = [session("l1", ADA, after=DOUBT), session("l2", BO, after=DOUBT)]
    assert node.tell("/v1/sessions", told) == 204
    eventually(lambda: node.ask(DATING, ADA) == BLOCKED)
    assert node.ask("chess.example", ADA) == OPEN

    rule = {"target": "chess.example", "action": "block", "scope": "mia"}
    page = ada.send(program, "/guardian/people/mia/rules", **rule)
    assert page.status == 303, page.text
    took = eventually(lambda: node.ask("chess.example", ADA) == "NOERROR 17 rule: chess.example")
    assert took < 1.0
    assert node.ask("chess.example", BO) == OPEN

    assert mia.send(program, "/family", code=codes["ada"]).status == 303
    page = mia.send(program, "/ask", name="chess.example", wanted="1h")
    assert page.status == 200, page.text
    (asked,) = json.loads(node.command("ada", "appeal", "list", "--json"))
    assert "chess.example" in ada.open(program, "/guardian/inbox").text
    yes = {"state": "granted", "reason": "fair_enough", "for": "1h"}
    page = ada.send(program, f"/guardian/appeals/{asked['id']}/decide", **yes)
    assert page.status == 303, page.text
    assert eventually(lambda: node.ask("chess.example", ADA) == OPEN) < 1.0
    assert node.ask("chess.example", BO) == OPEN

    bos = Visitor("127.0.0.53")  # somebody of the other family
    bos.send(program, "/family", code=codes["bo"])
    assert "chess.example" not in bos.open(program, "/rules").text
    assert bos.open(program, f"/ask/{asked['id']}").status == 404
    assert bos.open(program, "/guardian/inbox").location.startswith("/guardian/login")
    node.command("ada", "household", "code", "--new")
    assert "/family" in mia.open(program, "/").text  # the former code is worth nothing
