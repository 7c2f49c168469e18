"""What becomes of a node of a provider: addresses move, orders end, PostgreSQL is away."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.error import HTTPError

import dns.message
import pytest

from copdns.appeals.review import DecisionReason
from copdns.provider.bindings import DOUBT
from copdns.provider.law.edits import add_name, confirm_name, confirm_order, enter_order
from copdns.provider.law.events import HandLayer, NameAdded
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.provider.plane.files import PlaneFiles
from copdns.provider.plane.rows import PlaneRows, PlaneTable
from copdns.provider.plane.snapshot import address_key
from copdns.provider.staff.desk import (
    CaseOrigin,
    CaseReason,
    DeskCase,
    DeskDecision,
)
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.register_rows import RegisterStore
from tests.e2e.house import eventually
from tests.e2e.plane import told
from tests.e2e.provider_nodes import (
    BLOCKED,
    DATING,
    OPEN,
    STRANGER,
    ProviderNode,
    account,
    node,  # noqa: F401 - a fixture
    session,
)
from tests.e2e.test_provider import server  # noqa: F401 - a fixture
from tests.postgres_server import PostgresServer
from tests.provider_staff import ADA as ADMIN
from tests.provider_staff import BO as OTHER
from tests.provider_staff import SPECIAL, STAFF, order, staff_added
from tests.running import PATIENCE, run_here

pytestmark = pytest.mark.tools


def test_an_address_that_goes_to_another_family_brings_none_of_its_rules(
    node: ProviderNode,  # noqa: F811
) -> None:
    """By RADIUS; one stop is lost, and the programs are ended and started meanwhile."""
    address, line, before = "127.0.0.40", "l15", "l16"
    lines = [{"line": line, "household": "ada"}, {"line": before, "household": "bo"}]
    assert node.tell("/v1/lines", lines) == 204
    node.command("bo", "rule", "add", "block", "blog.example")
    rule = "NOERROR 17 rule: blog.example"
    # Further apart than `DOUBT`, also where both programs are back within a second.
    account(node, "start", before, address, after=-10)
    eventually(lambda: node.ask("blog.example", address) == rule)
    for program in ("bindings", "run"):
        node.programs[program].kill()
        node.programs[program].wait(PATIENCE)
        assert node.ask("blog.example", address) == rule  # the tables stay
        node.start(program)
        assert node.ask("blog.example", address) == rule
    account(node, "start", line, address)  # the stop of the other line is lost
    eventually(lambda: node.ask("blog.example", address) == OPEN)
    assert node.ask(DATING, address) == BLOCKED  # by the rules of the new family
    account(node, "stop", line, address, after=1)
    eventually(lambda: node.ask(DATING, address) == OPEN)  # a stranger's
    with pytest.raises(HTTPError):
        node.tell("/v1/sessions", [], "another token")


def test_an_address_that_moves_while_a_question_is_on_its_way_brings_no_answer_of_the_family_before(
    node: ProviderNode,  # noqa: F811
) -> None:
    """The question gets what it was asked under; whoever has the address by then, their own."""
    address, bos, upstream = "127.0.0.43", "127.0.0.44", node.home.upstream
    lines = [{"line": "l12", "household": "ada"}, {"line": "l13", "household": "bo"}]
    lines.append({"line": "l14", "household": "bo"})
    assert node.tell("/v1/lines", lines) == 204
    assert node.tell("/v1/sessions", [session("l12", address), session("l14", bos)]) == 204
    node.command("ada", "rule", "add", "allow", "essay.example")  # so that copdns decides
    node.command("ada", "rule", "add", "block", "x.quiz.example")  # which tells whose it is
    node.command("bo", "rule", "add", "block", "quiz.example")
    node.command("bo", "rule", "add", "block", "essay.example")
    ours, theirs, rule = (
        f"NOERROR 17 rule: {each}" for each in ("x.quiz.example", "quiz.example", "essay.example")
    )
    eventually(lambda: node.ask("essay.example", bos) == rule)
    eventually(lambda: node.ask("x.quiz.example", address) == ours)
    upstream.hold()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
            sock.settimeout(PATIENCE)
            query = dns.message.make_query("b.essay.example", "A", use_edns=0)
            sock.sendto(query.to_wire(), ("127.0.0.1", node.port))
            eventually(lambda: "b.essay.example" in upstream.names)
            moved = [session("l13", address, after=DOUBT)]
            assert node.tell("/v1/sessions", moved) == 204
            eventually(lambda: node.ask("x.quiz.example", address) == theirs)
            assert node.ask("b.essay.example", address) == rule  # the other one still waits
            upstream.release()
            assert told(dns.message.from_wire(sock.recv(4096))) == OPEN
    finally:
        upstream.release()
    assert node.ask("b.essay.example", address) == rule


def test_an_order_begins_and_ends_at_its_second_and_reviewers_open_and_close(
    node: ProviderNode,  # noqa: F811
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

        desk = DeskStore(pool, ProviderKeys(node.home.data / KEYS_FOLDER))
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


def test_two_families_behind_one_address_have_their_own_rules(node: ProviderNode) -> None:  # noqa: F811
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
    eventually(lambda: node.ask(DATING, shared, theirs) == OPEN)  # this family lets it be
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
    node: ProviderNode,  # noqa: F811
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
        many = register.size()
    # All lines: "order confirmed" stands there of an order of another test, too.
    kept = Path(node.environment["COPDNS_NODE__FOLDER"]) / "law.json"
    eventually(lambda: len(json.loads(kept.read_text())[0]) == many)
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


def run_ok(node: ProviderNode, *words: str) -> bool:  # noqa: F811
    """Run a command for the first household; tell whether it went well."""
    chosen = {**node.environment, "COPDNS_PROVIDER__HOUSEHOLD": "ada"}
    return run_here([*map(str, node.home.program.options), *words], chosen).returncode == 0
