"""Households in a provider's PostgreSQL: what two programs see of each other, and what is lost."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Thread
from time import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import dns.message
import dns.rcode
import psycopg
import pytest

from copdns.model.household import Band, Household, Profile, Rule, RuleAction
from copdns.model.matchers import parse_matcher
from copdns.store.household_db.provider import open_provider
from copdns.store.provider_db.role_grants import RoleDuty
from tests.database_roles import reach_as
from tests.e2e.house import MIA, POINTS_HOME, TOM, House, eventually, house
from tests.fake_clock import clock_environment, set_ahead
from tests.forwarding import DGRAM, STREAM, proxied
from tests.postgres_server import PostgresServer, postgres_server
from tests.replies import ede_of
from tests.running import PATIENCE, run_here

FAMILY = {
    "id": "home",
    "timezone": "Europe/Berlin",
    "profiles": {
        "mia": {
            "band": "7-9",
            "devices": {"mia-tablet": [MIA]},
            "schedules": {"bedtime": "21:00-07:00"},
        },
        "tom": {"band": "13-15", "devices": {"tom-phone": [TOM]}},
    },
}
HALF_PAST_EIGHT = datetime.fromisoformat("2026-03-27T20:30:00+01:00").timestamp()

# Confirms each change on a line of its own, for as long as it lives.
WRITER = """
import asyncio, itertools, sys
from dataclasses import replace
from copdns.store.household_db.provider import open_provider

async def main(store):
    for number in itertools.count():
        rename = lambda home: replace(home, name=f"n{number}")
        home = await store.change("home", rename, author="ada", what="", now=1)
        print(home.revision, flush=True)

with open_provider(sys.argv[1]) as store:
    asyncio.run(main(store))
"""

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres(server: PostgresServer) -> PostgresServer:
    """A server that runs, and has no household."""
    if server.process is None:
        server.start()
    with closing(psycopg.connect(server.conninfo, autocommit=True)) as connection:
        connection.execute("drop schema if exists copdns cascade")
    return server


@contextmanager
def node(
    folder: Path, postgres: PostgresServer, more: dict[str, str] | None = None
) -> Iterator[House]:
    """Run a copdns with a data folder of its own, and the household in PostgreSQL."""
    folder.mkdir(exist_ok=True)
    database = reach_as(postgres.conninfo, RoleDuty.FAMILIES)
    environment = {**POINTS_HOME, "COPDNS_PROVIDER__DATABASE": database, **(more or {})}
    with house(folder, household=FAMILY, environment=environment) as found:
        yield found


def blocks(home: House, name: str, source: str = TOM) -> bool:
    return home.ask(name, source=source).ede == (17, f"rule: {name}")


def page(home: House, path: str, cookie: str = "") -> str:
    """Return a page, also one that says that something is wrong."""
    url = f"http://127.0.0.1:{home.program.web_port}{path}"
    try:
        with urlopen(Request(url, headers={"Accept": "text/html", "Cookie": cookie})) as reply:
            return str(reply.read().decode())
    except HTTPError as error:
        return error.read().decode()


def revision(postgres: PostgresServer) -> int:
    with closing(psycopg.connect(postgres.conninfo)) as connection:
        row = connection.execute("select revision from copdns.household").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def writing(postgres: PostgresServer) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Run the writer; yield it and the revisions that it confirmed so far."""
    confirmed: list[int] = []
    command = [sys.executable, "-c", WRITER, postgres.conninfo]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        lines = process.stdout
        reader = Thread(target=lambda: confirmed.extend(map(int, lines)))
        reader.start()
        try:
            yield process, confirmed
        finally:
            process.kill()
            reader.join()


def test_two_programs_see_what_each_of_them_changes(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with node(tmp_path / "one", postgres) as one, node(tmp_path / "two", postgres) as two:
        for at, name in ((one, "games.example"), (two, "film.example")):
            at.command("rule", "add", "block", name)
            for each in (one, two):
                eventually(partial(blocks, each, name))
        assert "film.example" in one.command("rule", "list")
        one.program.process.kill()  # the one that told of changes, or not
        two.command("rule", "add", "block", "music.example")
        eventually(lambda: blocks(two, "music.example"))


def test_a_program_that_is_killed_while_it_writes_loses_nothing_confirmed(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with node(tmp_path / "one", postgres) as home:
        with writing(postgres) as (process, confirmed):
            eventually(lambda: len(confirmed) > 50)
            process.send_signal(signal.SIGKILL)
        last = confirmed[-1]
        assert last <= revision(postgres) <= last + 1
        home.command("rule", "add", "block", "games.example")  # its lock died with it
        eventually(lambda: blocks(home, "games.example"))


def test_postgresql_that_is_killed_under_load_loses_nothing_confirmed(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with node(tmp_path / "one", postgres) as home:
        home.command("rule", "add", "block", "games.example")
        eventually(lambda: blocks(home, "games.example"))
        with writing(postgres) as (process, confirmed):
            eventually(lambda: len(confirmed) > 50)
            postgres.kill()
            process.wait(30)
        assert blocks(home, "games.example")  # answers go on
        postgres.start()
        last = confirmed[-1]
        assert last <= revision(postgres) <= last + 1
        home.command("rule", "add", "block", "film.example")
        eventually(lambda: blocks(home, "film.example"))


def test_for_an_hour_without_postgresql_answers_go_on_and_pages_say_so(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """The hour is from half past eight: a bedtime that nobody could read anew begins in it."""
    clock = tmp_path / "clock"
    ahead = round(HALF_PAST_EIGHT - time())
    set_ahead(clock, ahead)
    with node(tmp_path / "one", postgres, clock_environment(clock)) as home:
        home.command("rule", "add", "block", "games.example")
        eventually(lambda: blocks(home, "games.example"))
        assert home.program.get("/readyz").startswith("ready\n")
        postgres.stop()
        eventually(lambda: "PostgreSQL cannot be reached" in home.program.get("/readyz"))
        for minutes in range(0, 61, 10):
            set_ahead(clock, ahead + minutes * 60)
            assert blocks(home, "games.example")
            assert home.ask("chess.example", source=TOM).data
        eventually(lambda: home.ask("chess.example").ede is not None)  # Mia's bedtime
        told = home.program.command("rule", "add", "block", "film.example")
        assert told.returncode == 1
        assert "PostgreSQL" in told.stderr
        for path in ("/guardian/login", "/rules"):
            assert "Until then, all rules stay as they are." in page(home, path), path
        postgres.start()
        eventually(lambda: "PostgreSQL" not in home.program.get("/readyz"))
        assert blocks(home, "games.example")
        home.command("rule", "add", "block", "film.example")
        eventually(lambda: blocks(home, "film.example"))


# --- households on demand -------------------------------------------------------------------------

FORWARDER = "127.0.0.91"
SUBSCRIBER = "198.51.100.7"  # the address of several families, as behind a provider's NAT
KEPT = 2


def subscriber(number: int) -> Household:
    rule = Rule("r", RuleAction.BLOCK, parse_matcher(f"n{number}.example"))
    profile = Profile("mia", "Mia", Band.TO_9)
    return Household(f"h{number}", "Home", profiles=(profile,), guest="mia", rules=(rule,))


def ask_for(
    home: House, household: str, name: str, *, over_tcp: bool = False
) -> dns.message.Message:
    """Ask as the provider's forwarder does for a household."""
    query = dns.message.make_query(name, "A", use_edns=0)
    field = b"\xe0" + len(household).to_bytes(2, "big") + household.encode()
    over = STREAM if over_tcp else DGRAM
    header = proxied(SUBSCRIBER, over, field)
    kind = socket.SOCK_STREAM if over_tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(PATIENCE)
        sock.bind((FORWARDER, 0))
        sock.connect(("127.0.0.1", home.program.port))
        wire = query.to_wire()
        if not over_tcp:
            sock.send(header + wire)
            return dns.message.from_wire(sock.recv(4096))
        sock.sendall(header + len(wire).to_bytes(2, "big") + wire)
        with sock.makefile("rb") as stream:
            return dns.message.from_wire(stream.read(int.from_bytes(stream.read(2), "big")))


def is_blocked(home: House, household: str, name: str, *, over_tcp: bool = False) -> bool:
    reply = ask_for(home, household, name, over_tcp=over_tcp)
    assert reply.rcode() == dns.rcode.NOERROR, reply
    return ede_of(reply) == (17, f"rule: {name}")


@contextmanager
def on_demand(folder: Path, postgres: PostgresServer, **more: str) -> Iterator[House]:
    """Run a copdns that keeps two households of the five that there are."""
    with open_provider(postgres.conninfo) as store:
        for number in range(5):
            asyncio.run(store.create(subscriber(number), "test", 1))
    with again_on_demand(folder, postgres, **more) as home:
        yield home


@contextmanager
def again_on_demand(folder: Path, postgres: PostgresServer, **more: str) -> Iterator[House]:
    """Run it over the households that there are."""
    environment = {
        **POINTS_HOME,
        "COPDNS_PROVIDER__DATABASE": reach_as(postgres.conninfo, RoleDuty.FAMILIES),
        "COPDNS_PROVIDER__KEPT": str(KEPT),
        "COPDNS_DNS__FORWARDERS": json.dumps([{"network": FORWARDER, "proxy": True}]),
        **more,
    }
    folder.mkdir(exist_ok=True)
    with house(folder, environment=environment) as home:
        yield home


def test_a_node_without_pages_answers_as_a_role_that_reads_no_words(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    as_node = {
        "COPDNS_PROVIDER__DATABASE": reach_as(postgres.conninfo, RoleDuty.NODES),
        "COPDNS_PROVIDER__SHOW_PAGES": "false",
    }
    with on_demand(tmp_path / "one", postgres, **as_node) as home:
        for number in (0, 1):
            assert is_blocked(home, f"h{number}", f"n{number}.example")
            assert not is_blocked(home, f"h{number}", "n4.example")
        # Nobody leads, and a change by a command is in force all the same.
        chosen = {
            **home.program.environment,
            "COPDNS_PROVIDER__DATABASE": reach_as(postgres.conninfo, RoleDuty.FAMILIES),
            "COPDNS_PROVIDER__HOUSEHOLD": "h1",
        }
        rule = ("rule", "add", "block", "film.example")
        assert run_here([*map(str, home.program.options), *rule], chosen).returncode == 0
        eventually(lambda: is_blocked(home, "h1", "film.example"), within=5)
        assert home.program.get("/readyz").startswith("ready")
        for path in ("/", "/guardian/login", "/api/v1/status"):
            assert "404" in page(home, path), path

        def counted() -> int:
            with closing(psycopg.connect(postgres.conninfo)) as connection:
                sql = "select count(*) from copdns_log.lookup_count"
                ((found,),) = connection.execute(sql).fetchall()
            return int(found)

        eventually(lambda: counted() > 0)


def test_each_household_has_its_own_rules_from_its_first_question_on(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with on_demand(tmp_path / "one", postgres) as home:
        for _ in range(2):  # the second time others were asked for meanwhile
            for number in range(5):
                for other in range(5):
                    assert is_blocked(home, f"h{number}", f"n{other}.example") is (number == other)
        assert is_blocked(home, "h0", "n0.example", over_tcp=True)
        assert not is_blocked(home, "h4", "n0.example", over_tcp=True)
        assert ask_for(home, "nobodys", "n0.example").rcode() == dns.rcode.REFUSED
        assert home.ask("n0.example").rcode == "REFUSED"  # who comes without a household
        assert not is_blocked(home, "h1", "film.example")
        rule = ("rule", "add", "block", "film.example")
        chosen = {**home.program.environment, "COPDNS_PROVIDER__HOUSEHOLD": "h1"}
        assert run_here([*map(str, home.program.options), *rule], chosen).returncode == 0
        eventually(lambda: is_blocked(home, "h1", "film.example"), within=5)
        assert not is_blocked(home, "h2", "film.example")
        # Rows that copdns does not write, such as by hand, are one household's trouble.
        with closing(psycopg.connect(postgres.conninfo, autocommit=True)) as connection:
            connection.execute("update copdns.profile set band = 'odd' where household = 'h3'")
            connection.execute("update copdns.household set revision = 9 where household = 'h3'")
        refused = dns.rcode.REFUSED
        eventually(lambda: ask_for(home, "h3", "n3.example").rcode() == refused, within=10)
        assert is_blocked(home, "h2", "n2.example")


def test_without_postgresql_the_households_that_are_here_are_answered_and_no_other_is(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    with on_demand(tmp_path / "one", postgres) as home:
        assert is_blocked(home, "h1", "n1.example")
        postgres.stop()
        eventually(lambda: "PostgreSQL cannot be reached" in home.program.get("/readyz"))
        assert is_blocked(home, "h1", "n1.example")
        assert not is_blocked(home, "h1", "n2.example")
        reply = ask_for(home, "h2", "n2.example")  # whose rules nobody knows now
        assert reply.rcode() == dns.rcode.SERVFAIL
        assert ede_of(reply) == (14, "the rules of this household are being read")
        postgres.start()
        eventually(lambda: ask_for(home, "h2", "n2.example").rcode() == dns.rcode.NOERROR)
        assert is_blocked(home, "h2", "n2.example")


def test_a_household_moves_to_a_provider_and_back_by_commands(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    written = tmp_path / "household.yaml"
    written.write_text(json.dumps(FAMILY))

    def run(data: str, *words: str, **more: str) -> str:
        environment = {"COPDNS_SOURCES__USE": "none", **more}
        done = run_here(["--data", str(tmp_path / data), *words], environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    there = {"COPDNS_PROVIDER__DATABASE": postgres.conninfo}
    run("home", "rule", "add", "block", "games.example", COPDNS_HOUSEHOLD=str(written))
    run("home", "backup", str(tmp_path / "one"))
    run("node", "restore", str(tmp_path / "one"), "--yes", **there)
    assert "games.example" in run("node", "rule", "list", **there)
    run("node", "rule", "add", "block", "film.example", **there)
    run("node", "account", "add", "Ada", "--role", "owner", **there)
    assert "Ada" in run("node", "account", "list", **there)
    assert not (tmp_path / "node" / "household.db").exists()
    run("node", "backup", str(tmp_path / "two"), **there)
    run("back", "restore", str(tmp_path / "two"), "--yes")
    assert "film.example" in run("back", "rule", "list")
    # With a second household there, commands need to know whose they are.
    with open_provider(postgres.conninfo) as store:
        asyncio.run(store.create(Household("bos", "Bo's"), "bo", 0))
    done = run_here(["--data", str(tmp_path / "node"), "rule", "list"], there)
    assert done.returncode == 1
    assert "COPDNS_PROVIDER__HOUSEHOLD" in done.stderr
    chosen = {**there, "COPDNS_PROVIDER__HOUSEHOLD": "bos"}
    assert "games.example" not in run("node", "rule", "list", **chosen)
