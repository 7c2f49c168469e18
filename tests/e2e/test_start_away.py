"""A copdns of a provider that starts while PostgreSQL is away: it answers by what it knew last."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path

import dns.rcode
import psycopg
import pytest

from copdns.store.household_db.provider import open_provider
from copdns.store.provider_db.known_households import FILE, LastKnown
from tests.e2e.house import TOM, House, eventually
from tests.e2e.test_provider import (
    again_on_demand,
    ask_for,
    blocks,
    is_blocked,
    node,
    on_demand,
    page,
    postgres,  # noqa: F401 - a fixture
    server,  # noqa: F401 - a fixture
)
from tests.postgres_server import PostgresServer
from tests.running import COPDNS, run_here

pytestmark = pytest.mark.tools

AWAY = "PostgreSQL cannot be reached"


def knows(home: House, household: str, name: str) -> bool:
    """Tell whether a household is kept on the disk with a rule about a name."""
    known = LastKnown(home.data)
    try:
        found = known.some([household])
        return any(name in repr(each.household.rules) for each in found)
    finally:
        known.close()


def test_a_household_is_answered_by_its_rules_and_pages_say_that_nothing_can_be_changed(
    tmp_path: Path,
    postgres: PostgresServer,  # noqa: F811
) -> None:
    with node(tmp_path / "one", postgres) as home:
        home.command("rule", "add", "block", "games.example")
        eventually(lambda: knows(home, "home", "games.example"))
        assert (home.data / FILE).stat().st_mode & 0o777 == 0o600
    postgres.stop()
    with node(tmp_path / "one", postgres) as home:
        assert AWAY in home.program.get("/readyz")
        assert blocks(home, "games.example")
        assert home.ask("chess.example", source=TOM).data
        for path in ("/guardian/login", "/rules"):
            assert "Until then, all rules stay as they are." in page(home, path), path
        told = home.program.command("rule", "add", "block", "film.example")
        assert told.returncode == 1
        assert "PostgreSQL" in told.stderr
        postgres.start()
        # By another program, and before this one is back.
        with open_provider(postgres.conninfo) as store:
            assert asyncio.run(store.household("home"))
        eventually(lambda: AWAY not in home.program.get("/readyz"))
        home.command("rule", "add", "block", "film.example")
        eventually(lambda: blocks(home, "film.example"))
        assert blocks(home, "games.example")


def test_households_on_demand_are_answered_by_what_was_read_last_and_then_by_what_moved(
    tmp_path: Path,
    postgres: PostgresServer,  # noqa: F811
) -> None:
    with on_demand(tmp_path / "one", postgres) as home:
        for number in (1, 2, 3):  # more than the two that it keeps
            assert is_blocked(home, f"h{number}", f"n{number}.example")
        eventually(lambda: knows(home, "h3", "n3.example"))
        chosen = {**home.program.environment, "COPDNS_PROVIDER__HOUSEHOLD": "h2"}
    with closing(psycopg.connect(postgres.conninfo, autocommit=True)) as connection:
        connection.execute("delete from copdns.household where household = 'h3'")
    postgres.stop()
    with again_on_demand(tmp_path / "one", postgres) as home:
        assert AWAY in home.program.get("/readyz")
        for number in (2, 3):
            assert is_blocked(home, f"h{number}", f"n{number}.example")
            assert not is_blocked(home, f"h{number}", "n0.example")
        code = "copdns_family=9T3K-7M2Q-4XPA"
        assert "Until then, all rules stay as they are." in page(home, "/rules", code)
        reply = ask_for(home, "h4", "n4.example")  # nobody asked for it before
        assert reply.rcode() == dns.rcode.SERVFAIL
        postgres.start()
        rule = ("rule", "add", "block", "film.example")
        assert run_here([*map(str, home.program.options), *rule], chosen).returncode == 0
        eventually(partial(is_blocked, home, "h2", "film.example"), within=10)
        gone = dns.rcode.REFUSED
        eventually(lambda: ask_for(home, "h3", "n3.example").rcode() == gone, within=10)
        eventually(lambda: not knows(home, "h3", "n3.example"))


def test_a_first_start_without_postgresql_ends_and_says_why(
    tmp_path: Path,
    postgres: PostgresServer,  # noqa: F811
) -> None:
    postgres.stop()
    environment = {**os.environ, "COPDNS_PROVIDER__DATABASE": postgres.conninfo}
    # Not in this process, whose log would go where nobody reads it from then on.
    done = subprocess.run(
        [*COPDNS, "--data", str(tmp_path), "run"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PostgreSQL" in done.stderr
