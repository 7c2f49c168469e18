"""Which devices are told apart: a day of each is stored, and nothing of who wants no records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from copdns.app.many_households.heard_devices import DeviceMarks
from copdns.model.household import Band, Device, Household, PrivacyMode, Profile
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from tests.unit.store.conftest import postgres, postgres_server  # noqa: F401 - fixtures

DAY = 86_400
MIA = Profile("mia", "Mia", Band.TO_9)
TOM = Profile("tom", "Tom", Band.TO_15, privacy=PrivacyMode.OFF)
HOME = Household(
    "ada",
    "Home",
    profiles=(MIA, TOM),
    devices=(
        Device("tablet", "", "mia", (), tokens=("a" * 64,)),
        Device("console", "", "mia", (), ("02:00:00:00:00:01",)),
        Device("phone", "", "tom", (), tokens=("b" * 64,)),
        Device("tv", "", "mia", ("192.0.2.7",)),
    ),
)


class Node:
    def __init__(self, pool: PostgresPool) -> None:
        self.now, self.is_here, self.is_away = 20_000.0 * DAY, True, False
        self.marks = DeviceMarks(
            pool, lambda: self.now, lambda _: self.is_here, lambda: self.is_away
        )

    async def days(self) -> dict[str, int]:
        await self.marks.note()
        return dict(await self.marks.days_of("ada"))


@pytest.fixture
async def pool(postgres: str) -> AsyncIterator[PostgresPool]:  # noqa: F811
    with ExitStack() as stack:
        store = stack.enter_context(ProviderStore.connect(PostgresPool(postgres)))
        apply_own_steps(store.pool, PROVIDER)
        await store.create(HOME, "test", 1)
        yield store.pool


async def test_the_last_day_is_kept_for_a_week_and_nothing_of_who_wants_no_records(
    pool: PostgresPool,
) -> None:
    node, other = Node(pool), Node(pool)
    marks = node.marks.of(HOME)
    assert {device for _, _, device in marks} == {"tablet", "console"}
    assert await node.days() == {}
    marks["ada", "mia", "tablet"].lately = True
    node.is_away = True
    assert await node.days() == {}
    node.is_away = False
    assert await node.days() == await other.days() == {"tablet": 20_000}
    # A household that is read again has the same marks; another day is stored again.
    again = node.marks.of(replace(HOME, name="Other"))
    again["ada", "mia", "tablet"].lately = True
    node.now += DAY
    assert await node.days() == {"tablet": 20_001}
    again["ada", "mia", "console"].lately = True
    node.now += 6 * DAY
    assert await node.days() == {"tablet": 20_001, "console": 20_007}
    again["ada", "mia", "console"].lately = True
    node.now += DAY
    assert await node.days() == {"console": 20_008}
    node.is_here = False
    await node.marks.note()
    assert await node.days() == {"console": 20_008}
