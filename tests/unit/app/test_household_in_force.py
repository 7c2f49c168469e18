"""What is stored is put in force; and a test of the filter that begins in the future is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from copdns.app.household_in_force import HouseholdInForce
from copdns.model.household import Device
from copdns.model.times import FilterBreak
from copdns.privacy.recent_blocks import RecentBlocks
from copdns.store.household_db.household import HouseholdStore
from tests.household import ADA, MIA, NOW, TOM, family, live

HOUSE = replace(
    family(MIA, TOM, ADA),
    devices=(
        Device("tablet", "Tablet", "mia", ("192.0.2.8",)),
        Device("phone", "Phone", "tom", ("192.0.2.9",)),
    ),
    filter_breaks=(
        FilterBreak("tablet", "mia", int(NOW), int(NOW) + 600),
        FilterBreak("phone", "tom", int(NOW) - 7200, int(NOW) - 6600),
    ),
)


class Unchanged:
    """A source whose household nothing else changes."""

    does_chores = True

    def __init__(self, store: HouseholdStore) -> None:
        self.store = store

    async def is_changed(self) -> bool:
        return False


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[HouseholdStore]:
    with HouseholdStore.open(tmp_path) as made:
        await made.create(HOUSE, "Ada", int(NOW))
        yield made


@pytest.mark.parametrize(("ahead", "left"), [(1, 2), (-1, 2), (-3600, 1)])
async def test_a_test_of_the_filter_ends_for_good_when_the_clock_is_set_back(
    store: HouseholdStore, ahead: int, left: int
) -> None:
    found = await store.household(HOUSE.id)
    assert found is not None
    now = NOW + ahead
    resolver: Any = SimpleNamespace(snapshot=replace_built_at(live(found, now=NOW), now))
    guests: Any = SimpleNamespace(is_guest_due=False)
    nothing: Any = SimpleNamespace()
    source: Any = Unchanged(store)
    in_force = HouseholdInForce(source, nothing, resolver, guests, nothing, nothing, lambda: now)
    await in_force.poll()
    found = await store.household(HOUSE.id)
    assert found is not None
    assert len(found.filter_breaks) == left
    lines = [each.what for each in await store.changes(HOUSE.id)]
    assert ("device tablet: the test of the filter ended" in lines) is (left == 1)


@pytest.mark.parametrize("is_on_demand", [False, True])
async def test_blocks_of_households_on_demand_stay_when_a_snapshot_is_built(
    *, is_on_demand: bool
) -> None:
    snapshot: Any = live(now=NOW)
    snapshot.subscribers = SimpleNamespace() if is_on_demand else None

    async def none_of_them(*_: object) -> tuple[()]:
        return ()

    async def build(*_: object) -> Any:
        return snapshot

    recent = RecentBlocks(lambda: "code")
    ring = recent.ring_of(("home", "mia", "tablet"))
    resolver: Any = SimpleNamespace(snapshot=snapshot)
    source: Any = SimpleNamespace(households=none_of_them)
    guests: Any = SimpleNamespace(with_guests=none_of_them)
    snapshots: Any = SimpleNamespace(changing=asyncio.Lock(), build=build)
    nothing: Any = SimpleNamespace()
    await HouseholdInForce(
        source, snapshots, resolver, guests, nothing, recent, lambda: NOW
    ).apply()
    assert ring.is_dropped is not is_on_demand


def replace_built_at(snapshot: Any, at: float) -> Any:
    """Return a snapshot as one that was built at another moment."""
    snapshot.built_at = at
    return snapshot
