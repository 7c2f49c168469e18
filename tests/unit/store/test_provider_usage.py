"""Minutes of use in a provider's PostgreSQL, counted by two nodes and told to each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from copdns.model.errors import StoreError
from copdns.model.household import Band, Household, PrivacyMode, Profile
from copdns.store.household_db.provider import ProviderStore
from copdns.store.log_db.provider_log import ProviderLog
from copdns.store.log_db.provider_usage import MOVED_FOR, ProviderUsage
from copdns.store.postgres.connection import LOG_SCHEMA, PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.time.minutes import NARROW, DayBitmaps, Minutes, Usage, estimate
from tests.postgres_server import empty
from tests.unit.account_values import NOW
from tests.unit.store.conftest import postgres, postgres_server  # noqa: F401 - fixtures

DAY = date(2026, 3, 29)
START = 1_774_742_400
BEFORE = date(2026, 3, 27)


def used(minutes: range, profile: str = "mia", household: str = "home") -> Usage:
    """Return the use of each of these minutes."""
    bits = sum(1 << minute for minute in minutes)
    marks = DayBitmaps(bits, bits)
    return Usage(household, profile, "games", DAY, START, marks, estimate(marks))


@pytest.fixture
def nodes(postgres: str) -> Iterator[tuple[ProviderUsage, ProviderUsage]]:  # noqa: F811
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        apply_own_steps(store.pool, PROVIDER)

    def node() -> ProviderUsage:
        return ProviderUsage(postgres, lambda *_: NARROW)

    with closing(node()) as one, closing(node()) as two:
        one.take_moved()
        two.take_moved()
        yield one, two
    empty(postgres, LOG_SCHEMA)


def likely(node: ProviderUsage, household: str = "home") -> list[int]:
    return [each.minutes.likely for each in node.load([household], BEFORE)]


def test_what_two_nodes_count_is_one_and_what_is_sent_twice_counts_once(
    nodes: tuple[ProviderUsage, ProviderUsage],
) -> None:
    one, two = nodes
    one.save([used(range(20))], NOW)
    one.save([used(range(20))], NOW)
    two.save([used(range(20, 35)), used(range(3), household="bos")], NOW)
    assert (likely(one), likely(one, "bos")) == ([35], [3])
    two.save([used(range(10, 30))], NOW)  # two screens at once
    assert likely(one) == [35]


def test_a_node_is_told_whose_minutes_others_counted_and_not_its_own(
    nodes: tuple[ProviderUsage, ProviderUsage],
) -> None:
    one, two = nodes
    one.save([used(range(20)), used(range(3), household="bos")], NOW)
    assert two.take_moved().households == frozenset({"home", "bos"})
    assert one.take_moved().households == frozenset()
    two.save([used(range(5))], NOW)  # all of it is known
    assert one.take_moved().households == frozenset()


def test_who_was_deleted_is_written_by_no_node(
    nodes: tuple[ProviderUsage, ProviderUsage],
    postgres: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    one, two = nodes
    one.save([used(range(20)), used(range(20), "tom")], NOW)
    with closing(ProviderLog(tmp_path, postgres)) as log:
        assert [each.profile for each in log.usage("home", None, BEFORE)] == ["mia", "tom"]
        log.erase("home", "mia", NOW)
        assert one.save([used(range(25))], NOW) == {("home", "mia")}
        assert two.take_moved().erased == {("home", "mia")}
        assert [each.profile for each in log.usage("home", None, BEFORE)] == ["tom"]


def test_who_was_deleted_is_written_by_no_node_whose_attempt_failed(
    nodes: tuple[ProviderUsage, ProviderUsage],
    postgres: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    """A node that read of the deletion, and then lost PostgreSQL, has to read of it again."""
    one, two = nodes
    one.save([used(range(20))], NOW)
    with closing(ProviderLog(tmp_path, postgres)) as log, closing(PostgresPool(postgres)) as pool:
        log.erase("home", "mia", NOW)
        with pool.connection() as connection:
            connection.execute("alter table copdns.usage_moved rename to away")
        with pytest.raises(StoreError):
            one.save([used(range(25)), used(range(5), "tom")], NOW)
        with pool.connection() as connection:
            connection.execute("alter table copdns.away rename to usage_moved")
        assert one.save([used(range(25))], NOW) == {("home", "mia")}
        assert two.take_moved().erased == {("home", "mia")}
        assert not log.usage("home", None, BEFORE)


def test_who_was_deleted_is_written_by_no_node_that_could_not_reach_postgresql_so_far(
    nodes: tuple[ProviderUsage, ProviderUsage],
    postgres: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    with closing(ProviderLog(tmp_path, postgres)) as log:
        log.erase("home", "tom", NOW - 60)
        log.erase("home", "mia", NOW)
        with closing(ProviderUsage(postgres, lambda *_: NARROW, NOW - 30)) as cut_off:
            assert cut_off.save([used(range(25))], NOW) == {("home", "mia")}
        assert not log.usage("home", None, BEFORE)


def test_by_a_clock_that_is_ahead_nothing_is_old_before_its_time(
    nodes: tuple[ProviderUsage, ProviderUsage],
) -> None:
    one, two = nodes
    assert one.earlier_date(DAY) == DAY
    now = datetime.now(UTC)
    assert one.earlier_date(now.date() + timedelta(days=9)) in (
        *(now.date(), now.date() + timedelta(days=1)),
    )
    for minutes in (3, 5):
        one.save([used(range(minutes))], now.timestamp())
    one.forget_moved(now.timestamp() + 9 * MOVED_FOR)
    assert two.take_moved().households == frozenset({"home"}), "the first number is there still"


async def test_of_a_day_that_is_over_numbers_stay_and_of_some_nothing(
    nodes: tuple[ProviderUsage, ProviderUsage],
    postgres: str,  # noqa: F811
) -> None:
    one, _ = nodes
    unlogged = Profile("tom", "Tom", Band.TO_15, privacy=PrivacyMode.OFF)
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        await store.create(Household("home", "", profiles=(unlogged,)), "test", NOW)
    one.save([used(range(20)), used(range(20), "tom")], NOW)
    one.close_days(DAY)
    assert len(one.load(["home"], BEFORE)) == 2
    one.close_days(date(2026, 3, 30))
    (row,) = one.load(["home"], BEFORE)
    assert (row.profile, row.marks, row.minutes) == ("mia", DayBitmaps(), Minutes(20, 20, 20))
