"""A provider's households: the memory of copdns with some in use, of a million in PostgreSQL.

The real program over a real PostgreSQL, asked as a forwarder asks that names the household.  Four
households are made as copdns makes them, one for each of four presets, and copied by SQL; some get
rules of their own, about names that nobody else has.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import dns.message
import dns.rcode
import psycopg

from copdns.household.file import parse
from copdns.model.household import Household, Rule, RuleAction
from copdns.model.matchers import Matcher
from copdns.store.household_db.provider import open_provider
from tests.bench import machine
from tests.bench.run import say
from tests.bench.table import aligned
from tests.forwarding import proxied
from tests.postgres_server import running_postgres
from tests.running import running
from tests.unit.households import shipped_known

FORWARDER = "127.0.0.91"
BANDS = ("7-9", "10-12", "13-15", "adult")
RULES = 20  # of each household that has any
AT_ONCE = 24  # questions on their way
LOST = 10.0  # seconds after which a reply does not come
AT_MOST = 300  # MB


@dataclass(frozen=True, slots=True)
class Amount:
    """How many households there are, how many are asked for, and how many of these have rules."""

    there: int = 1_000_000
    in_use: int = 50_000
    ruled: int = 2_500


QUICK = Amount(10_000, 1_000, 50)


@dataclass(frozen=True, slots=True)
class Taken:
    """Memory in MB, before the first question and after the last; seconds for all of them.

    failed: questions answered by SERVFAIL, since a household was not read in time, or not at all.
    """

    empty: machine.Memory
    full: machine.Memory
    seconds: float
    failed: int


def measure(amount: Amount, folder: Path) -> Taken:
    """Make the households, and ask one question for each of those in use."""
    folder.mkdir(parents=True)
    with running_postgres() as conninfo:
        fill(conninfo, amount)
        environment = {
            "COPDNS_PROVIDER__DATABASE": conninfo,
            "COPDNS_PROVIDER__KEPT": str(amount.in_use),
            "COPDNS_DNS__FORWARDERS": json.dumps([{"network": FORWARDER, "proxy": True}]),
        }
        with running(folder, environment=environment, forked=False) as program:
            process = program.process.pid
            empty = machine.memory(process)
            say(f"{amount.in_use:,} households are asked for")
            began = monotonic()
            rcodes = _ask(program.port, amount.in_use)
            seconds = monotonic() - began
            failed = amount.in_use - rcodes[dns.rcode.NOERROR]
            return Taken(empty, machine.memory(process), seconds, failed)


def report(amount: Amount, taken: Taken) -> str:
    head = ["households", "in use", "with rules", "RSS", "PSS", "RSS before", "s", "failed"]
    row = [
        *(f"{each:,}" for each in (amount.there, amount.in_use, amount.ruled)),
        *(f"{each:.0f}" for each in (taken.full.rss, taken.full.pss, taken.empty.rss)),
        f"{taken.seconds:.0f}",
        str(taken.failed),
    ]
    return f"households of a provider; memory in MB, at most {AT_MOST}\n{aligned([head, row])}"


def _ask(port: int, in_use: int) -> Counter[int]:
    """Ask a question for each of the first households; return how often there was which rcode."""
    rcodes: Counter[int] = Counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((FORWARDER, 0))
        sock.connect(("127.0.0.1", port))
        sock.settimeout(LOST)
        for number in range(in_use + AT_ONCE):
            if number < in_use:
                sock.send(_question(number))
            if number >= AT_ONCE:
                try:
                    rcodes[sock.recv(4096)[3] & 0xF] += 1
                except TimeoutError:
                    return rcodes
    return rcodes


def _question(number: int) -> bytes:
    household = f"h{number}".encode()
    field = b"\xe0" + len(household).to_bytes(2, "big") + household
    query = dns.message.make_query("site.example", "A", id=number % 0x10000)
    return proxied("198.51.100.7", tlvs=field) + query.to_wire()


def fill(conninfo: str, amount: Amount) -> None:
    """Make households `h0`, `h1` ...; the first have rules, `h7` about `h7-0.example` and so on."""
    say(f"{amount.there:,} households are made")
    with open_provider(conninfo) as store:
        for number, band in enumerate(BANDS):
            asyncio.run(store.create(_model(number, band), "bench", 1))
    options = "-c search_path=copdns -c session_replication_role=replica"
    with closing(psycopg.connect(conninfo, autocommit=True, options=options)) as connection:
        for table in ("household", "profile", "schedule"):
            _copy(connection, table, amount.there, f"'m' || n % {len(BANDS)}")
        connection.execute(_NOTE)
        connection.execute("update outbox set number = nextval('outbox_number')")
    with open_provider(conninfo) as store:
        rules = tuple(
            Rule(f"r{each}", RuleAction.BLOCK, Matcher(f"own-{each}.example"))
            for each in range(RULES)
        )
        ruled = replace(_model(0, BANDS[0]), id="ruled", rules=rules)
        asyncio.run(store.create(ruled, "bench", 1))
    with closing(psycopg.connect(conninfo, autocommit=True, options=options)) as connection:
        _copy(connection, "rule", amount.ruled, "'ruled'")
        connection.execute(
            "update rule set target = replace(target, 'own', household) where household <> 'ruled'"
        )
        connection.execute("analyze")


_NOTE = """
    insert into outbox select household, revision, null from household on conflict do nothing"""


def _copy(connection: psycopg.Connection, table: str, most: int, model: str) -> None:
    """Give each of the first households the rows that its model has in a table.

    model: SQL for its id, by the number n.
    """
    found = connection.execute(
        """
        select column_name from information_schema.columns
         where table_schema = 'copdns' and table_name = %s and is_identity = 'NO'
           and column_name <> 'household'
        """,
        (table,),
    )
    columns = ", ".join(f'"{each}"' for (each,) in found)
    connection.execute(
        f"""
        insert into {table} (household, {columns})
        select 'h' || n, {columns}
          from generate_series(0, {most - 1}) as n join {table} on household = {model}
        """.encode()
    )


def zone_at_noon() -> str:
    """Return a time zone in which it is about noon: at night another answer is measured."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}"  # names of these zones have the sign the other way round


def _model(number: int, band: str) -> Household:
    times = {"schedules": {"bedtime": "21:00-07:00"}} if band != "adult" else {}
    text = {
        "id": f"m{number}",
        "guest": "child",
        "timezone": zone_at_noon(),
        "profiles": {"child": {"band": band, **times}},
    }
    return parse(json.dumps(text), "bench", shipped_known())
