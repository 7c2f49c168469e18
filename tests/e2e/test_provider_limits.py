"""A daily limit of a provider's household: asked at two nodes, counted once, closed at both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import time

import psycopg
import pytest

from copdns.model.household import Band, Household, PrivacyMode, Profile
from copdns.model.matchers import Matcher
from copdns.model.times import Budget
from copdns.store.household_db.provider import open_provider
from copdns.store.postgres.connection import LOG_SCHEMA
from copdns.store.provider_db.role_grants import RoleDuty
from tests.database_roles import reach_as
from tests.e2e.house import POINTS_HOME, House, eventually, house
from tests.e2e.test_provider import FORWARDER, ask_for, postgres, server  # noqa: F401 - fixtures
from tests.fake_clock import clock_environment, set_ahead
from tests.postgres_server import PostgresServer, empty
from tests.replies import ede_of

pytestmark = pytest.mark.tools

NOON = datetime(2026, 3, 27, 12, tzinfo=UTC).timestamp()
VIDEO = ("tube.example", "img.tube.example", "cdn.tube.example")


def subscriber(household: str) -> Household:
    mia = Profile("mia", "Mia", Band.TO_9, privacy=PrivacyMode.COUNTS)
    limit = Budget("tube", "mia", (("daily", 3),), (Matcher("tube.example"),))
    return Household(
        household, "Home", timezone="UTC", profiles=(mia,), guest="mia", budgets=(limit,)
    )


class Clock:
    """The wall clock of both programs."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ahead = round(NOON - time())
        set_ahead(file, self._ahead)

    def to_next_minute(self) -> None:
        """Go on to the first second of the next minute."""
        self._ahead += 60 - int(time() + self._ahead) % 60
        set_ahead(self._file, self._ahead)

    def set_on(self, seconds: int) -> None:
        self._ahead += seconds
        set_ahead(self._file, self._ahead)


@contextmanager
def node(folder: Path, postgres: PostgresServer, clock: Path) -> Iterator[House]:  # noqa: F811
    folder.mkdir(exist_ok=True)
    environment = {
        **POINTS_HOME,
        **clock_environment(clock),
        "COPDNS_PROVIDER__DATABASE": reach_as(postgres.conninfo, RoleDuty.FAMILIES),
        "COPDNS_PROVIDER__KEPT": "10",
        "COPDNS_DNS__FORWARDERS": json.dumps([{"network": FORWARDER, "proxy": True}]),
    }
    with house(folder, environment=environment) as home:
        yield home


def is_used_up(home: House, household: str = "h1") -> bool:
    error = ede_of(ask_for(home, household, "tube.example"))
    return error is not None and error[0] == 17


def is_open(home: House) -> bool:
    return bool(ask_for(home, "h1", "tube.example").answer)


def stored(postgres: PostgresServer) -> int:  # noqa: F811
    """Return how many minutes are stored, of all people."""
    with closing(psycopg.connect(postgres.conninfo)) as connection:
        row = connection.execute("select coalesce(sum(likely), 0) from copdns_log.usage").fetchone()
    assert row is not None
    return int(row[0])


def test_a_limit_that_is_used_at_two_nodes_closes_at_both_also_after_postgresql_was_away(
    tmp_path: Path,
    postgres: PostgresServer,  # noqa: F811
) -> None:
    with open_provider(postgres.conninfo) as store:
        for each in ("h1", "h2"):
            asyncio.run(store.create(subscriber(each), "test", 1))
    clock = Clock(tmp_path / "clock")
    with ExitStack() as stack, ThreadPoolExecutor() as pool:

        def start(name: str) -> House:
            return stack.enter_context(node(tmp_path / name, postgres, tmp_path / "clock"))

        one, two = pool.map(start, ("one", "two"))  # at once: each takes seconds

        def use(home: House) -> None:
            for name in VIDEO:
                ask_for(home, "h1", name)
            clock.to_next_minute()

        clock.to_next_minute()
        assert not is_used_up(two)  # in the same minute as what follows, so that it costs none
        use(one)
        use(two)
        eventually(lambda: stored(postgres) == 2)  # none of them would be one without the other
        postgres.stop()
        eventually(lambda: "PostgreSQL cannot be reached" in one.program.get("/readyz"))
        use(one)
        assert not is_used_up(two)
        postgres.start()
        for home in (one, two):
            eventually(partial(is_used_up, home))
            assert not is_used_up(home, "h2")
        clock.set_on(86_400)
        for home in (one, two):
            eventually(partial(is_open, home))


def test_minutes_are_there_after_a_node_was_killed_with_postgresql_up_and_away(
    tmp_path: Path,
    postgres: PostgresServer,  # noqa: F811
) -> None:
    empty(postgres.conninfo, LOG_SCHEMA)  # of the test before, on the same day
    with open_provider(postgres.conninfo) as store:
        asyncio.run(store.create(subscriber("h1"), "test", 1))
    clock = Clock(tmp_path / "clock")

    def start() -> AbstractContextManager[House]:
        return node(tmp_path / "one", postgres, tmp_path / "clock")

    def use(home: House) -> None:
        for name in VIDEO:
            ask_for(home, "h1", name)
        clock.to_next_minute()

    with start() as home:
        clock.to_next_minute()
        use(home)
        use(home)
        eventually(lambda: stored(postgres) == 2)
        home.program.process.kill()
    with start() as home:
        assert not is_used_up(home)
        postgres.stop()
        eventually(lambda: "PostgreSQL cannot be reached" in home.program.get("/readyz"))
        use(home)
        eventually((home.data / "minutes.journal").exists)
        home.program.process.kill()
    with start() as home:
        eventually(partial(is_used_up, home))
        assert "PostgreSQL cannot be reached" in home.program.get("/readyz")
        postgres.start()
        eventually(lambda: not (home.data / "minutes.journal").exists())
        assert stored(postgres) == 3
        assert is_used_up(home)
