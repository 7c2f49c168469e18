"""A provider's node as it is run, over a real PostgreSQL: what a question with personal rules costs
copdns, and how long a change takes from the page to dnsdist while others make theirs.

copdns keeps the households that are asked for, and is asked as dnsdist asks it: with a PROXY header
that has the subscriber's address and the household's id.  `copdns node run` keeps the tables.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import NamedTuple

import dns.message
import dns.rcode
import psycopg

from copdns.household.file import parse
from copdns.provider.plane.road import HOUSEHOLD_TLV
from copdns.store.household_db.provider import open_provider
from copdns.store.postgres.lines import BindingStore
from tests.bench import households
from tests.bench.build import BenchError, Programs
from tests.bench.front import beside_load, front, in_memory, processor_time
from tests.bench.households import FORWARDER
from tests.bench.load import Generator, kind_of
from tests.bench.machine import Machine
from tests.bench.ours import Build
from tests.bench.run import say
from tests.e2e.started import started
from tests.e2e.visitor import PASSWORD, Visitor
from tests.forwarding import proxied
from tests.postgres_server import running_postgres
from tests.running import COPDNS, Program, free_port, run_here, running
from tests.unit.households import shipped_known

FIRST = "127.0.0.0"  # the address of the first household: the sources of the load are among them
PAGE_HOME, PAGE_ADDRESS = "page", "127.200.9.9"  # the household of the page, and its address
AT_ONCE = 64  # questions on their way
SOURCES, RATE = 2_000, 2_000  # addresses that ask dnsdist; questions a second
FEW = 100  # names that are in the cache
LOST = 10.0  # seconds after which an answer does not come, or a change is not in force
LOOK = 0.001  # seconds between two questions whether a change is in force
WRITERS = 2  # programs that change households


@dataclass(frozen=True, slots=True)
class Amount:
    """there: households in PostgreSQL.  ruled: so many have rules.  kept: by copdns, at most.

    questions: of each kind.  changes: of the page.  every: seconds between two.  a_second: changes
    of others.
    """

    there: int = 200_000
    ruled: int = 2_500
    kept: int = 50_000
    questions: int = 100_000
    changes: int = 200
    a_second: float = 205.0  # a little more: what is late at the end counts for nothing
    every: float = 1.0


QUICK = Amount(10_000, 1_000, questions=20_000, changes=20)


class Stored(NamedTuple):
    """What was found.

    ruled, open, sent: microseconds of processor time of copdns for a question that a rule of the
    household blocks, for one about a name of others that is in the cache, and for one that is sent
    to the upstream.  from_start, from_return: milliseconds from when the page was sent, and from
    when it had said that the change is stored, to dnsdist's first answer by it, each sorted.
    a_second: changes of the others.
    """

    ruled: float
    open: float
    sent: float
    from_start: list[float]
    from_return: list[float]
    a_second: float


def measure(
    here: Machine,
    programs: Programs,
    folder: Path,
    amount: Amount,
    build: Build | None,
    options: Sequence[str] = (),
) -> Stored:
    """Run all parts, and measure both.

    build: the copdns; None: this one, which begins sooner.  options: of PostgreSQL; none: as it
    comes, so that what is confirmed is on the disk.
    """
    folder.mkdir(parents=True)
    program_words = COPDNS if build is None else build.program()
    with ExitStack() as stack:
        conninfo = stack.enter_context(running_postgres(options))
        households.fill(conninfo, households.Amount(amount.there, amount.ruled, amount.ruled))
        _bind(conninfo, amount.there)
        upstream, port = free_port(), free_port()
        stack.enter_context(beside_load(here, [programs.upstream, str(upstream)], folder))
        tables = stack.enter_context(in_memory("copdns-store-bench"))
        environment = {
            "PYTHONSAFEPATH": "1",  # else it would be the copdns of the folder that we are in
            "COPDNS_PROVIDER__DATABASE": conninfo,
            "COPDNS_PROVIDER__KEPT": str(amount.kept),
            "COPDNS_DNS__FORWARDERS": _json({"network": "127.0.0.0/24", "proxy": True}),
            "COPDNS_NODE__FOLDER": str(tables),
            "COPDNS_NODE__NETWORKS": _json("127.0.0.0/8"),
            "COPDNS_NODE__LISTEN": _json(f"127.0.0.1:{port}"),
            "COPDNS_NODE__RESOLVERS": _json(f"127.0.0.1:{upstream}"),
            "COPDNS_NODE__UNBOUND_CONTROL": "",
        }
        run = running(
            folder,
            upstreams=[upstream],
            environment=environment,
            forked=build is None,
            command=program_words,
        )
        program = stack.enter_context(run)
        say(program.get("/readyz").replace("\n", " "))  # whether the core is compiled
        costs = _costs(program, amount)
        say("copdns node run reads all households")
        words = [*program_words, *program.options, "node"]
        settings = {
            **program.environment,
            "COPDNS_NODE__COPDNS": _json(f"127.0.0.1:{program.port}"),
        }
        stack.enter_context(started([*words, "run"], "up to date", folder, settings, forked=False))
        config = run_here([*map(str, program.options), "node", "dnsdist"], settings).stdout
        stack.enter_context(front(here, folder / "dnsdist", config, port))
        guardian = Visitor(PAGE_ADDRESS)
        _sign_in(program, guardian)
        say(f"{amount.a_second:g} changes a second, and one of the page")
        load = Generator(programs.load, here)
        asked = ["-u", "0", "-a", "-q", str(RATE), "-s", str(SOURCES), "-l", "3600"]
        process = load.begin(port, *asked)
        try:
            with _others(conninfo, amount) as reports:
                took = list(_page_changes(program, guardian, port, amount))
        finally:
            load.stop(process)
        from_start, from_return = (sorted(each) for each in zip(*took, strict=True))
        _tell(reports, from_start, from_return)
        a_second = sum(each["changes"] for each in reports) / reports[0]["seconds"]
        return Stored(*costs, from_start, from_return, a_second)


def _json(each: object) -> str:
    """Return a setting that is a list of one."""
    return json.dumps([each])


def _bind(conninfo: str, many: int) -> None:
    """Make the household of the page, and give each household a line and an address."""
    text = {"id": PAGE_HOME, "guest": "child", "profiles": {"child": {"band": "13-15"}}}
    home = parse(json.dumps(text), "bench", shipped_known())
    with open_provider(conninfo) as store:
        asyncio.run(store.create(home, "bench", 1))
        # As a program that writes addresses leaves it: before one did, they are nobody's.
        writer = BindingStore(store.pool)
        writer.put(at=time.time(), database=writer.database())
    options = "-c search_path=copdns"
    with closing(psycopg.connect(conninfo, autocommit=True, options=options)) as connection:
        numbers = f"generate_series(0, {many - 1}) as n"
        connection.execute(
            f"""
            insert into line (line, household, number)
            select 'l' || n, 'h' || n, nextval('line_number') from {numbers}
             union all select 'lpage', '{PAGE_HOME}', nextval('line_number')
            """.encode()
        )
        connection.execute(
            f"""
            insert into line_address (block, line, number)
            select host('{FIRST}'::inet + n), 'l' || n, nextval('line_number') from {numbers}
             union all select '{PAGE_ADDRESS}', 'lpage', nextval('line_number')
            """.encode()
        )
        connection.execute("analyze")


# --- what a question costs ------------------------------------------------------------------------


def _costs(program: Program, amount: Amount) -> tuple[float, float, float]:
    """Return the microseconds of `Stored`: blocked by a rule, from the cache, and sent on."""
    say(f"{amount.ruled:,} households with {households.RULES} rules each are asked for")
    ruled = amount.ruled

    def blocked(turn: int) -> str:
        return f"h{turn % ruled}-{turn // ruled % households.RULES}.example"

    def cached(turn: int) -> str:  # a neighbour has a rule about it
        return f"h{(turn + 1) % ruled % FEW}-0.example"

    def fresh(turn: int) -> str:
        return f"h{(turn + 1) % ruled}-0.t{turn}.example"

    for each in (blocked, cached):  # households are read, and answers come into the cache
        _ask(program, ruled, ruled, each, None)
    return (
        _ask(program, ruled, amount.questions, blocked, dns.rcode.NOERROR),
        _ask(program, ruled, amount.questions, cached, dns.rcode.NOERROR),
        _ask(program, ruled, amount.questions, fresh, dns.rcode.NOERROR),
    )


def _ask(
    program: Program, ruled: int, many: int, name: Callable[[int], str], wanted: int | None
) -> float:
    """Ask for one household after the other; return the microseconds of copdns for an answer.

    wanted: the rcode that all must have; None for any.
    """
    questions = [_question(turn, turn % ruled, name(turn)) for turn in range(many)]
    process = program.process.pid
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((FORWARDER, 0))
        sock.connect(("127.0.0.1", program.port))
        sock.settimeout(LOST)
        before = processor_time(process)
        for turn in range(many + AT_ONCE):
            if turn < many:
                sock.send(questions[turn])
            if turn >= AT_ONCE:
                rcode = sock.recv(4096)[3] & 0xF
                if wanted is not None and rcode != wanted:
                    raise BenchError(f"copdns answered {dns.rcode.to_text(dns.rcode.Rcode(rcode))}")
        return (processor_time(process) - before) / many * 1e6


def _question(turn: int, number: int, name: str) -> bytes:
    """Return a question as dnsdist sends it for a household."""
    household = f"h{number}".encode()
    field = HOUSEHOLD_TLV.to_bytes() + len(household).to_bytes(2, "big") + household
    query = dns.message.make_query(name, "A", id=turn % 0x10000)
    return proxied(str(IPv4Address(FIRST) + number), tlvs=field) + query.to_wire()


# --- how long a change takes ----------------------------------------------------------------------


def _sign_in(program: Program, guardian: Visitor) -> None:
    """Let a guardian of the page's household sign in as a subscriber's does for the first time."""
    chosen = {**program.environment, "COPDNS_PROVIDER__HOUSEHOLD": PAGE_HOME}

    def said(*words: str) -> str:
        return run_here([*map(str, program.options), *words], chosen).stdout

    if guardian.send(program, "/family", code=said("household", "code").strip()).status != 303:
        raise BenchError("the household's code was not taken")
    code = json.loads(said("account", "code", "--json"))["code"]
    fields = {"code": code, "name": "Ada", "password": PASSWORD, "again": PASSWORD}
    if guardian.send(program, "/guardian/setup", **fields).status != 303:
        raise BenchError("the guardian's account could not be made")


@contextmanager
def _others(conninfo: str, amount: Amount) -> Iterator[list[dict[str, float]]]:
    """Change other households meanwhile; what the programs tell is there in the end."""
    reports: list[dict[str, float]] = []
    each = (amount.there - amount.ruled) // WRITERS
    rate = amount.a_second / WRITERS
    command = [sys.executable, "-m", "tests.bench.changing", conninfo]
    processes = [
        subprocess.Popen(
            [*command, str(amount.ruled + number * each), str(each), str(rate)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()  # ready
        yield reports
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        said = [process.communicate()[0] for process in processes]
    reports += map(json.loads, said)


def _page_changes(
    program: Program, guardian: Visitor, port: int, amount: Amount
) -> Iterator[tuple[float, float]]:
    """Block a site on the page, and then take the rule away, in turns.

    Yield how many milliseconds it took until dnsdist answered so, from when the page was sent, and
    from its reply on.
    """
    query = dns.message.make_query("film.example", "A", use_edns=False).to_wire()
    path = "/guardian/people/child/rules"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(LOST)
        sock.bind((PAGE_ADDRESS, 0))
        sock.connect(("127.0.0.1", port))
        began = time.monotonic()
        for turn in range(amount.changes):
            wanted = "blocked" if turn % 2 == 0 else "address"
            fields = {"target": "film.example", "action": "block"}
            to = path
            if wanted == "address":
                found = re.search(rf"{path}/\w+/remove", guardian.open(program, path).text)
                if found is None:
                    raise BenchError("the page does not show the rule")
                to, fields = found[0], {}
            time.sleep(max(0.0, began + turn * amount.every - time.monotonic()))
            start = time.monotonic()
            page = guardian.send(program, to, **fields)
            if page.status != 303:
                raise BenchError(f"the page answered {page.status}")
            stored = time.monotonic()
            while True:
                sock.send(query)
                if kind_of(dns.message.from_wire(sock.recv(4096))) == wanted:
                    break
                if time.monotonic() > stored + LOST:
                    raise BenchError(f"a change is not in force after {LOST:g} s")
                time.sleep(LOOK)
            now = time.monotonic()
            yield (now - start) * 1e3, (now - stored) * 1e3


def percentile(took: Sequence[float], part: float) -> float:
    """Return the time within which a part of all was done.  took: sorted."""
    return took[max(0, math.ceil(len(took) * part) - 1)]


def _tell(
    reports: Sequence[dict[str, float]], from_start: Sequence[float], from_return: Sequence[float]
) -> None:
    late = max(each["late"] for each in reports)
    say(f"the changes of others began at most {late:.2f} s late")
    for what, took in (("sent", from_start), ("answered", from_return)):
        parts = ", ".join(f"{percentile(took, part):.0f}" for part in (0.5, 0.9, 0.99, 1))
        say(f"in force after the page was {what}: half, 90 %, 99 %, all within {parts} ms")
