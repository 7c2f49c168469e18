"""Figures of the quarterly report in PostgreSQL: families' choices, blocks and nodes' minutes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from copdns.app.many_households.block_report import BlockReport
from copdns.app.node.figures import MinuteBook, NodeReport
from copdns.model.errors import StoreError
from copdns.model.household import Band, Household, Profile
from copdns.model.verdict import Action, Reason
from copdns.policy.chosen_filter import is_filter_on, set_filter
from copdns.policy.guest import GUEST
from copdns.provider.law.figures import K
from copdns.provider.law.measurements import ALL, DAY, MINUTES, NodeDay, find_outages
from copdns.provider.plane.block_counts import UPTIME, BlockCount, block_metrics
from copdns.provider.rollout.figures import COUNTERS, END, STATISTICS_FILE, NodeFigures
from copdns.server.metrics import Counters
from copdns.settings.config import Settings
from copdns.settings.node import NodeSection
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.figure_rows import COUNTED_WITHIN, KEPT_DAYS, FigureRows
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.tenants import HouseholdTenants

pytestmark = pytest.mark.once

BEGIN = int(datetime(2021, 4, 1, tzinfo=UTC).timestamp())
END_OF_IT = int(datetime(2021, 7, 1, tzinfo=UTC).timestamp())
TODAY = BEGIN // DAY
FAMILY = BlockCount(is_layer=True, label="family")
GAMES = BlockCount(is_layer=False, label="games")


@pytest.fixture
def store(postgres: str) -> Iterator[ProviderStore]:
    with ProviderStore.connect(PostgresPool(postgres, most=2)) as households:
        apply_own_steps(households.pool, PROVIDER)
        yield households


def family(number: int, *categories: str, is_on: bool = True) -> Household:
    rules = Profile("all", "All", Band.TO_9, categories=frozenset(categories))
    found = Household(f"h{number}", "Home", guest="all", profiles=(rules,))
    return set_filter(found, is_on=is_on)


async def add(store: ProviderStore, tenant: str, *households: Household) -> None:
    for each in households:
        await store.create(each, "ada", BEGIN)
        if tenant:
            HouseholdTenants(store.pool).assign(each.id, tenant)


async def switch(store: ProviderStore, *, is_on: bool) -> None:
    def edit(found: Household) -> Household:
        return set_filter(found, is_on=is_on)

    await store.change("h0", edit, author="ada", what="the filter", now=BEGIN)


def by_day(store: ProviderStore) -> dict[BlockCount, int]:
    """Return all blocks that are stored, as no program of the staff's can read them."""
    with store.pool.connection() as connection:
        rows = connection.execute(
            """
            select kind, label, sum(number) from report_figure
             where kind in ('layer', 'category') group by kind, label
            """
        ).fetchall()
    return {BlockCount(kind == "layer", label): int(number) for kind, label, number in rows}


def least(_: int) -> int:
    return 0


async def test_households_with_a_filter_are_counted_once_after_a_quarter(
    store: ProviderStore,
) -> None:
    rows = FigureRows(store.pool)
    await add(store, "north", *(family(each, "games") for each in range(21)))
    await add(store, "south", *(family(each, "dating") for each in range(30, 49)))
    await add(store, "", family(60, is_on=False), Household("h61", "Home"))
    assert rows.count_households(END_OF_IT, least)
    found = rows.read(BEGIN)
    assert found.filters == {ALL: 40, "north": 20, "south": 0}
    assert found.choosers == {"games": 20, "dating": 0}
    # A family more or less, and somebody who asks again: the number stays as it was counted.
    await add(store, "north", *(family(each) for each in range(70, 110)))
    assert not rows.count_households(END_OF_IT + DAY, least)
    assert rows.read(BEGIN) == found
    after = END_OF_IT + 92 * DAY
    assert rows.read(END_OF_IT).filters is None, "of the next quarter nobody counted yet"
    assert rows.count_households(after, least)
    assert (rows.read(END_OF_IT).filters or {})["north"] == 60


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("guest", ["", "all"])
@pytest.mark.parametrize("own", [GUEST, "all"])
async def test_postgres_counts_whom_the_policy_calls_filtered(
    store: ProviderStore, own: str, guest: str, *, is_on: bool
) -> None:
    def make(number: int) -> Household:
        profiles = tuple(Profile(each, each, Band.TO_9) for each in dict.fromkeys((own, "all")))
        return set_filter(
            Household(f"h{number}", "Home", guest=guest, profiles=profiles), is_on=is_on
        )

    await add(store, "north", *map(make, range(20)))
    rows = FigureRows(store.pool)
    assert rows.count_households(END_OF_IT, least)
    expected = 20 if is_filter_on(make(0)) else 0
    assert (rows.read(BEGIN).filters or {})[ALL] == expected


async def test_a_tenant_of_21_says_the_same_before_and_after_one_family(
    store: ProviderStore,
) -> None:
    rows = FigureRows(store.pool)
    households = [family(each) for each in range(21)]
    await add(store, "north", *households)
    for lot in (0, 2, K - 1):
        with store.pool.connection() as connection:
            connection.execute("delete from report_figure")
        assert rows.count_households(END_OF_IT, lambda _, lot=lot: lot)
        before = rows.read(BEGIN).filters
        await switch(store, is_on=False)
        with store.pool.connection() as connection:
            connection.execute("delete from report_figure")
        assert rows.count_households(END_OF_IT, lambda _, lot=lot: lot)
        assert rows.read(BEGIN).filters == before
        await switch(store, is_on=True)


def test_nobody_counts_for_a_quarter_that_was_over_long_ago_or_is_not(
    store: ProviderStore,
) -> None:
    rows = FigureRows(store.pool)
    assert not rows.count_households(END_OF_IT + COUNTED_WITHIN * DAY, least)
    assert rows.read(BEGIN).filters is None


def test_blocks_are_added_up_by_day_and_kept_for_a_year(store: ProviderStore) -> None:
    rows = FigureRows(store.pool)
    rows.add({(TODAY, FAMILY): 5, (TODAY, GAMES): 2, (TODAY - 1, FAMILY): 9}, (), BEGIN)
    rows.add({(TODAY, FAMILY): 7, (TODAY + 1, FAMILY): 1}, (), BEGIN)
    assert by_day(store) == {FAMILY: 22, GAMES: 2}
    rows.add({}, (), BEGIN + KEPT_DAYS * DAY)
    assert by_day(store) == {FAMILY: 13, GAMES: 2}


async def test_of_a_quarter_that_is_over_the_staff_read_what_may_be_told(
    store: ProviderStore,
) -> None:
    rows, law = FigureRows(store.pool), BlockCount(is_layer=True, label="law")
    dating = BlockCount(is_layer=False, label="dating")
    counted = {FAMILY: 1234, law: 19, GAMES: 156, dating: 900}
    rows.add(
        {(TODAY + place, each): counted[each] for place, each in enumerate(counted)}, (), BEGIN
    )
    assert rows.read(BEGIN).blocks == {}, "the quarter is not over"
    rows.add({(END_OF_IT // DAY - 1, GAMES): 1}, (), END_OF_IT)
    # Nobody counted families yet, so neither their layer nor a category may be told.
    assert rows.read(BEGIN).blocks == {law: 0}
    await add(store, "", *(family(each, "games") for each in range(20)), family(30, "dating"))
    assert rows.count_households(END_OF_IT, least)
    assert rows.read(BEGIN).blocks == {FAMILY: 1200, law: 0, GAMES: 150}
    rows.add({(TODAY, GAMES): 10}, (), END_OF_IT + DAY)  # of a node that was cut off
    assert rows.read(BEGIN).blocks[GAMES] == 160
    rows.add({(TODAY, law): 5}, (), END_OF_IT + DAY)
    rows.add({(END_OF_IT // DAY, law): 500}, (), END_OF_IT + DAY)
    assert rows.read(BEGIN).blocks[law] == 24
    assert rows.read(END_OF_IT).blocks == {}
    rows.add({}, (), BEGIN + (KEPT_DAYS + 1) * DAY)
    assert rows.read(BEGIN).blocks == {}


def test_minutes_of_a_node_are_joined_whoever_hands_them_in_twice(store: ProviderStore) -> None:
    rows = FigureRows(store.pool)
    day = NodeDay("n1", "north", TODAY, 0b0011, 0b0010)
    rows.add({}, [day], BEGIN)
    rows.add({}, [day, replace(day, answered=0b1001, failing=0)], BEGIN)
    rows.add({}, [replace(day, day=TODAY + 1, answered=1 << (MINUTES - 1), failing=0)], BEGIN)
    nodes = rows.read(BEGIN).nodes
    assert nodes == (
        replace(day, answered=0b1011),
        replace(day, day=TODAY + 1, answered=1 << (MINUTES - 1), failing=0),
    )


# --- what a node hands in ---


class Node:
    """A node whose dnsdist counts as the test says."""

    def __init__(self, folder: Path, pool: PostgresPool) -> None:
        self.file = folder / STATISTICS_FILE
        self.clock = float(BEGIN)
        self.numbers = dict.fromkeys((*COUNTERS, *block_metrics(["games"]), UPTIME), 0)
        settings = Settings(node=NodeSection(name="n1", site="north", folder=str(folder)))
        self.report = NodeReport(
            FigureRows(pool), settings, lambda: self.clock, lambda: self.clock - BEGIN
        )
        self.written = 0

    def run(self, seconds: int, *, queries: int = 10, servfails: int = 0) -> None:
        for _ in range(0, seconds, 10):
            self.numbers["queries"] += queries
            self.numbers["frontend-servfail"] += servfails
            self.numbers["copdns-blocks-family"] += 3
            self.numbers["copdns-category-games"] += 2
            self.numbers[UPTIME] += 10
            self.write()
            self.report.follow()
            self.clock += 10

    def write(self) -> None:
        text = "".join(f"{name} {number}\n" for name, number in self.numbers.items())
        self.file.write_text(text + END)
        self.written += 1
        os.utime(self.file, ns=(self.written, self.written))

    def be_silent(self, seconds: int) -> None:
        for _ in range(0, seconds, 10):
            self.report.follow()
            self.clock += 10


def test_a_node_hands_in_its_blocks_and_the_minutes_in_which_it_answered(
    store: ProviderStore, tmp_path: Path
) -> None:
    node = Node(tmp_path, store.pool)
    node.run(180)
    node.be_silent(120)
    node.numbers = dict.fromkeys(node.numbers, 0)  # dnsdist is started again
    node.run(60)
    node.run(60, servfails=1)
    node.run(120)
    found = FigureRows(store.pool).read(BEGIN)
    (day,) = found.nodes
    # Minutes 3 and 4 were silent, and 6 failed.
    assert (day.answered & 0b1111111, day.failing) == (0b1100111, 0b1000000)
    many, (outage,) = find_outages(found.nodes, BEGIN, END_OF_IT)
    assert many == 2
    assert (outage.down, outage.silent, outage.failing) == (3, 2, 1)
    family, games = by_day(store)[FAMILY], by_day(store)[GAMES]
    assert family * 2 == games * 3
    assert 3 * 30 <= family <= 3 * 42


def test_what_postgres_could_not_take_is_handed_in_later(
    store: ProviderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("PostgreSQL cannot be reached")

    node, add_rows = Node(tmp_path, store.pool), FigureRows.add
    monkeypatch.setattr(FigureRows, "add", fail)
    with capture_logs() as logs:
        node.run(600)
    assert [each["event"] for each in logs] == ["figures of the quarterly report wait"]
    monkeypatch.setattr(FigureRows, "add", add_rows)
    node.run(120)
    found = FigureRows(store.pool).read(BEGIN)
    assert found.nodes[0].answered & ((1 << 10) - 1) == (1 << 10) - 1
    assert by_day(store)[FAMILY] >= 3 * 60


def test_minutes_in_which_nobody_looked_are_those_that_dnsdist_ran() -> None:
    book, counted = MinuteBook(), NodeFigures()
    book.look(0, counted, 5)
    book.look(600, counted, 200)  # `copdns node run` was away, and dnsdist began meanwhile
    book.look(660, counted, 260)
    assert book.days[0] == (0b11110000001, 0)


async def test_copdns_hands_in_what_it_blocked_itself(store: ProviderStore) -> None:
    counters, away = Counters(), True
    report = BlockReport(store.pool, counters, lambda: BEGIN, lambda: away)
    counters.verdicts[Action.BLOCK, Reason.RULE] = 4
    counters.verdicts[Action.ALLOW, Reason.DEFAULT] = 100
    counters.verdicts[Action.BLOCK, Reason.LEGAL] = 1
    counters.categories.update(games=3, malware=8)
    await report.hand_in()
    assert by_day(store) == {}
    away = False
    counters.verdicts[Action.BLOCK, Reason.RULE] = 6
    await asyncio.gather(report.hand_in())
    await report.hand_in()
    law = BlockCount(is_layer=True, label="law")
    assert by_day(store) == {FAMILY: 6, law: 1, GAMES: 3}
