"""Limits of a provider's households: two nodes over one PostgreSQL, with a clock of ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from math import inf
from pathlib import Path

import pytest

from copdns.app.many_households.minutes_journal import MinutesJournal
from copdns.app.many_households.subscriber_minutes import SubscriberMinutes
from copdns.model.household import Band, Household, PrivacyMode, Profile
from copdns.model.matchers import Matcher
from copdns.model.times import Bonus, Budget
from copdns.model.verdict import Requestor
from copdns.policy.decide import charged_budgets, decide
from copdns.policy.subscribers import CompiledHousehold, SharedPolicies, Subscribers
from copdns.store.household_db.provider import ProviderStore
from copdns.store.log_db.provider_log import ProviderLog
from copdns.store.postgres.connection import LOG_SCHEMA, PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.time.days import budget_day, zone_of
from tests.fakes import FakeClock
from tests.household import DEFAULTS, NOW, library
from tests.postgres_server import empty
from tests.unit.store.conftest import postgres, postgres_server  # noqa: F401 - fixtures

A = 1
VIDEO = ("tube.example", "img.tube.example", "cdn.tube.example")
HALF_HOUR = Budget("tube", "mia", (("daily", 30),), (Matcher("tube.example"),))
MIA = Profile("mia", "Mia", Band.TO_9, privacy=PrivacyMode.COUNTS)


def subscriber(household: str, **fields: object) -> Household:
    home = Household(household, "", profiles=(MIA,), guest="mia", budgets=(HALF_HOUR,))
    return replace(home, **fields)  # type: ignore[arg-type]


class Node:
    """One of the nodes.  is_away: PostgreSQL cannot be reached from it.  folder: of its data."""

    def __init__(self, conninfo: str, clock: FakeClock, folder: Path) -> None:
        self.clock = clock
        self.is_away = False
        shared = SharedPolicies(library(), DEFAULTS)

        def compile_household(household: Household) -> CompiledHousehold:
            from copdns.time.plan import NO_INPUTS

            inputs = self.minutes.inputs_of(household, NO_INPUTS)
            return shared.compile(household, clock.wall, inputs)

        self.here = Subscribers(10, compile_household)
        self.folder = folder
        self.minutes = SubscriberMinutes(
            conninfo,
            10,
            clock,  # type: ignore[arg-type]
            lambda: self.is_away,
            MinutesJournal(folder),
        )
        self.minutes.follow(self.here)

    async def read(self, *households: Household) -> None:
        for each in households:
            await self.minutes.take(each)
            self.here.put(each, inf)

    async def use(self, minutes: int, household: str = "home") -> None:
        """Have somebody watch for some minutes."""
        for _ in range(minutes):
            for name in VIDEO:
                self._ask(household, name)
            await self.wait()

    def _ask(self, household: str, name: str) -> bool:
        """Ask as a packet does; tell whether it was answered."""
        self.here.follow(self.clock.wall, can_read=not self.is_away)
        policy = self.here.identify(Requestor("", "", "udp", household=household)).policy
        now = self.clock.wall
        verdict = decide(policy, name, A, now)
        budgets = charged_budgets(policy, name, verdict, now)
        if budgets is not None:
            self.minutes.ledger.record(policy.household, policy.profile, budgets, name, now)
        return not verdict.blocks

    def is_open(self, household: str = "home", name: str = "tube.example") -> bool:
        self.here.follow(self.clock.wall, can_read=True)
        policy = self.here.identify(Requestor("", "", "udp", household=household)).policy
        return not decide(policy, name, A, self.clock.wall).blocks

    async def wait(self, seconds: float = 60) -> None:
        self.clock.wait(seconds)
        await self.look()

    async def look(self) -> None:
        await self.minutes.count()
        await self.minutes.exchange()


@pytest.fixture
async def nodes(
    postgres: str,  # noqa: F811
    tmp_path: Path,
) -> AsyncIterator[tuple[Node, Node]]:
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        apply_own_steps(store.pool, PROVIDER)
    clock = FakeClock(NOW)
    one, two = [Node(postgres, clock, tmp_path / name) for name in ("one", "two")]
    for each in (one, two):
        await each.look()
        await each.read(subscriber("home"), subscriber("bos"))
    yield one, two
    for each in (one, two):
        await each.minutes.close()
    empty(postgres, LOG_SCHEMA)


async def test_a_limit_that_is_used_half_on_each_node_closes_on_both_and_for_nobody_else(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    await one.use(15)
    await two.look()
    await two.use(14)
    await one.look()
    assert one.is_open()
    assert two.is_open()
    await two.use(1)
    assert not two.is_open()
    await one.look()
    assert not one.is_open()
    assert one.is_open("bos")
    # Fifteen more, given by a guardian, are there on both.
    day = budget_day(one.clock.wall, zone_of("UTC"), 0)
    more = subscriber("home", bonuses=(Bonus("b", "mia", "tube", day.day, 15),), revision=2)
    for each in nodes:
        await each.read(more)
        assert each.is_open()
    await one.use(15)
    await two.look()
    assert not two.is_open()
    one.clock.wait(day.end - one.clock.wall)
    for each in nodes:
        await each.look()
        assert each.is_open()


async def test_without_postgresql_each_node_counts_alone_and_both_catch_up(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    one.is_away = two.is_away = True
    await one.use(20)
    await two.use(15)
    assert one.is_open()
    assert two.is_open()
    one.is_away = two.is_away = False
    for each in (one, two, one):
        await each.look()
    assert not one.is_open()
    assert not two.is_open()


async def test_a_node_that_starts_anew_knows_what_was_used(
    nodes: tuple[Node, Node],
    postgres: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    one, _ = nodes
    await one.use(30)
    assert not one.is_open()
    late = Node(postgres, one.clock, tmp_path / "late")
    await late.read(subscriber("home"))
    assert not late.is_open()
    # Households that nobody asks for any more leave nothing here, and come back as they were.
    one.here._here.clear()
    await one.wait(3600)
    await one.minutes.forget()
    assert not one.minutes.ledger._days
    await one.read(subscriber("home"))
    assert not one.is_open()
    await late.minutes.close()


async def test_what_a_node_had_not_stored_when_it_was_killed_counts_once_after_it_starts_again(
    nodes: tuple[Node, Node],
    postgres: str,  # noqa: F811
) -> None:
    one, two = nodes
    one.is_away = True
    await one.use(20)
    kept = one.minutes._journal.path.read_bytes()
    assert b"tube.example" not in kept
    assert one.minutes._journal.path.stat().st_mode & 0o777 == 0o600
    late = Node(postgres, one.clock, one.folder)  # nothing was closed
    late.is_away = True
    await late.read(subscriber("home"))
    await late.use(9)
    assert late.is_open()
    await late.use(1)
    assert not late.is_open(), "the twenty minutes count, also while PostgreSQL is away"
    last = Node(postgres, one.clock, one.folder)  # killed again; nobody asks it for the household
    await last.look()
    assert not last.minutes._journal.path.exists()
    for folder in (one.folder, one.folder):  # the file came back twice
        last.minutes._journal.path.write_bytes(kept)
        last = Node(postgres, one.clock, folder)
        await last.look()
    await two.look()
    assert not two.is_open()
    (stored,) = two.minutes._store.load(["home"], date.min)
    assert stored.minutes.likely == 30
    await last.minutes.close()
    await late.minutes.close()


async def test_a_clock_that_is_ahead_throws_away_nothing_that_was_counted(
    nodes: tuple[Node, Node],
    postgres: str,  # noqa: F811
) -> None:
    """Neither what waits in the file, nor what is not stored yet."""
    one, two = nodes
    one.clock.wall = time.time() // 86_400 * 86_400 + 43_200  # as PostgreSQL's clock, at noon
    one.is_away = True
    await one.use(20)
    right = one.clock.wall
    ahead = FakeClock(right + 9 * 86_400)
    late = Node(postgres, ahead, one.folder)  # the machine starts again, with a wrong clock
    late.is_away = True
    await late.read(subscriber("home"))
    await late.look()
    await late.minutes.forget()
    late.is_away = False
    await late.look()
    assert not late.minutes._journal.path.exists()
    await two.look()
    (stored,) = two.minutes._store.load(["home"], date.min)
    assert stored.minutes.likely == 20
    await two.use(5)
    two.is_away = True
    await two.use(4)
    two.clock.wait(9 * 86_400)  # it is set while the program runs
    await two.minutes.forget()
    two.clock.wait(-9 * 86_400)
    two.is_away = False
    await two.use(1)
    assert not two.is_open(), "twenty and ten"
    await late.minutes.close()


async def test_a_node_that_ends_in_good_order_keeps_the_minute_that_ran(
    nodes: tuple[Node, Node],
    postgres: str,  # noqa: F811
) -> None:
    one, two = nodes
    one.is_away = True
    await one.use(29)
    for name in VIDEO:
        one._ask("home", name)
    await one.minutes.close()
    late = Node(postgres, one.clock, one.folder)
    await late.look()
    await two.look()
    assert not two.is_open()
    await late.minutes.close()


async def test_what_was_kept_of_who_was_deleted_meanwhile_is_not_stored(
    nodes: tuple[Node, Node],
    postgres: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    one, two = nodes
    one.is_away = True
    await one.use(20)
    path = one.minutes._journal.path
    path.write_bytes(path.read_bytes() + b'{"of": ["home"]}\nno line at all\n')
    with closing(ProviderLog(tmp_path, postgres)) as log:
        log.erase("home", "mia", int(one.clock.wall))
    late = Node(postgres, one.clock, one.folder)
    await late.look()
    await late.read(subscriber("home"))
    assert late.minutes.ledger.usages_on([date(1970, 1, 1)]) == ()
    assert two.minutes._store.load(["home"], date.min) == ()
    assert not path.exists()
    await late.minutes.close()


async def test_what_is_in_use_stays_for_the_grace_period_and_nothing_else(
    nodes: tuple[Node, Node],
) -> None:
    one, two = nodes
    limit = replace(HALF_HOUR, grace=5)
    for each in nodes:
        await each.read(subscriber("home", budgets=(limit,), revision=2))
    await one.use(30)
    assert one.is_open()
    assert not one.is_open(name="new.tube.example")
    await two.look()
    assert not two.is_open(), "nobody watches there"
    await one.wait(4 * 60)
    assert one.is_open()
    await one.wait(60)
    assert not one.is_open()
    assert not one.minutes._grants, "names are forgotten"


async def test_what_is_deleted_of_a_person_is_gone_from_each_node(
    nodes: tuple[Node, Node],
    postgres: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    one, two = nodes
    await one.use(30)
    await two.look()
    assert not two.is_open()
    with closing(ProviderLog(tmp_path, postgres)) as log:
        log.erase("home", "mia", NOW)
        for each in (two, one, two):
            await each.look()
            assert each.is_open()
        assert log.usage("home", None, date(2026, 3, 1)) == ()


async def test_minutes_in_which_all_was_closed_are_no_use(nodes: tuple[Node, Node]) -> None:
    one, _ = nodes
    await one.use(30)
    for _ in range(4):
        await one.wait()
    day = budget_day(one.clock.wall, zone_of("UTC"), 0)
    bonus = Bonus("b", "mia", "tube", day.day, 3)
    await one.read(subscriber("home", bonuses=(bonus,), revision=2))
    await one.use(2)
    assert one.is_open(), "the four minutes before were no use"


async def test_queries_are_answered_while_the_minute_of_many_people_is_counted(
    tmp_path: Path,
) -> None:
    clock, loop, turns = FakeClock(NOW), asyncio.get_running_loop(), 0
    minutes = SubscriberMinutes("", 1_000, clock, lambda: True, MinutesJournal(tmp_path))  # type: ignore[arg-type]
    for number in range(1_000):
        minutes.ledger.record(f"h-{number}", "mia", ("tube",), "tube.example", clock.wall)
    clock.wait(60)
    counting = asyncio.create_task(minutes.count())

    def turn() -> None:  # of the loop, in which it would take packets
        nonlocal turns
        turns += 1
        if not counting.done():
            loop.call_soon(turn)

    loop.call_soon(turn)
    await counting
    assert turns > 5
    assert len(minutes.ledger.take_unsaved()) == 1_000
