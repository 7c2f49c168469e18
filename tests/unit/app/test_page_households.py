"""Pages of many households: each request sees its own, few are kept, and codes tell whose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from copdns.app.account_chores import AccountChores
from copdns.app.many_households import page_households
from copdns.app.many_households.minutes_journal import MinutesJournal
from copdns.app.many_households.page_households import PageHouseholds
from copdns.app.many_households.subscriber_minutes import SubscriberMinutes
from copdns.household.token_edits import add_token
from copdns.model.device_tokens import token_digest
from copdns.model.household import Band, Device, Household, Profile
from copdns.model.matchers import Matcher
from copdns.model.times import Budget
from copdns.model.verdict import Requestor
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.subscribers import NOBODYS
from copdns.store.connection import SqlConnection
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.provider_usage import ProviderUsage
from copdns.store.postgres.connection import LOG_SCHEMA, PostgresPool
from copdns.store.postgres.outbox import Moved
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.time.days import budget_day, zone_of
from copdns.time.minutes import NARROW, NO_MINUTES, DayBitmaps, Usage
from copdns.time.plan import NO_INPUTS
from copdns.web.many_households.family_door import CHOSEN, DEVICE, DoorEntry, FamilyDoor
from copdns.web.person import LINE
from tests.fakes import FakeClock
from tests.household import DEFAULTS, NOW, library
from tests.postgres_server import empty
from tests.unit.store.conftest import postgres, postgres_server  # noqa: F401 - fixtures

HERE = Requestor("192.0.2.1", "192.0.2.9", "tcp")
MIA = Profile("mia", "Mia", Band.TO_9)


@pytest.fixture
async def pages(postgres: str) -> AsyncIterator[PageHouseholds]:  # noqa: F811
    with ProviderStore.connect(PostgresPool(postgres)) as store:
        for name in ("ada", "bo"):
            home = Household(name, f"{name}'s", profiles=(MIA,), guest="mia")
            await store.create(home, "test", int(NOW))
        thread = StoreThread(store)
        base = build_snapshot(None, library(), DEFAULTS, [], NOW)
        chores = AccountChores(thread, lambda: NOW, lambda: False, keeps_last=True)
        yield PageHouseholds(thread, chores, lambda: base, lambda: NO_INPUTS, lambda: NOW)


async def test_a_request_sees_the_household_that_was_chosen_and_no_other(
    pages: PageHouseholds,
) -> None:
    for household in ("ada", "bo", "nobodys"):
        async with pages.hold(household) as is_there:
            assert is_there == (household != "nobodys")
    CHOSEN.set("")
    assert pages.snapshot().households == {}
    assert pages.identify(HERE).household == NOBODYS
    CHOSEN.set("bo")
    assert list(pages.snapshot().households) == ["bo"]
    assert pages.identify(HERE).household == "bo"
    assert pages.identify(replace(HERE, address="203.0.113.66")).household == ""


async def test_few_are_kept_and_one_that_moved_is_read_again(
    pages: PageHouseholds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_households, "MOST", 1)
    CHOSEN.set("ada")
    async with pages.hold("ada"):
        before = pages.snapshot()
        pages.forget([Moved("ada", 9)])
        async with pages.hold("ada"):
            assert pages.snapshot() is not before
        async with pages.hold("bo"):
            pass
        assert list(pages.snapshot().households) == ["ada"]  # its request still runs
    async with pages.hold("bo"):
        pass
    assert pages.snapshot().households == {}  # ada is not here any more


@pytest.mark.parametrize("is_another", [False, True])
async def test_one_that_moves_while_it_is_read_is_read_again(
    pages: PageHouseholds, monkeypatch: pytest.MonkeyPatch, is_another: bool
) -> None:
    """Nobody kept it yet, so there was nothing to be forgotten: neither a change nor a database."""
    read, store = pages._thread.read, pages._thread._store

    async def read_slowly(work: Callable[[SqlConnection], Any]) -> Any:
        found = await read(work)
        monkeypatch.setattr(pages._thread, "read", read)
        edit = partial(replace, name="Another")
        changed = await store.change("ada", edit, author="", what="", now=int(NOW))
        if is_another:
            pages.forget_all()
        else:
            pages.forget([Moved("ada", changed.revision)])
        return found

    monkeypatch.setattr(pages._thread, "read", read_slowly)
    for _ in range(2):
        async with pages.hold("ada"):
            CHOSEN.set("ada")
            name = pages.snapshot().households["ada"].name
    assert name == "Another"
    assert not pages._under_way


async def test_a_code_is_one_households_and_guesses_wait(pages: PageHouseholds) -> None:
    code = await pages._codes.of("ada")
    door = FamilyDoor(pages, lambda: 0.0)
    assert await door.enter(code.lower().replace("-", " "), "192.0.2.9") == DoorEntry("ada")
    other = await pages._codes.renew("ada", "Ada", int(NOW))
    assert other != code
    assert await door.enter(code, "192.0.2.9") == DoorEntry("")
    found = [await door.enter("K7QF-2M9D-4TXA", "192.0.2.66") for _ in range(8)]
    assert found[0] == DoorEntry("")
    assert found[-1] == DoorEntry("", waits=True)
    assert await door.enter(other, "192.0.2.66") == DoorEntry("", waits=True)
    assert await door.enter(other, "192.0.2.9") == DoorEntry("ada")


async def test_guesses_at_once_count_each_and_a_right_code_buys_no_others(
    pages: PageHouseholds,
) -> None:
    code = await pages._codes.of("ada")
    door = FamilyDoor(pages, lambda: 0.0)
    guesses = (door.enter(f"K7QF-2M9D-4T{number:02}", "192.0.2.66") for number in range(30))
    found = await asyncio.gather(*guesses)
    assert sum(not each.waits for each in found) == 5
    for _ in range(30):
        assert await door.enter(code, "192.0.2.9") == DoorEntry("ada")
    for _ in range(5):
        assert await door.enter("K7QF-2M9D-4TXA", "192.0.2.9") == DoorEntry("")
        entered = await door.enter(code, "192.0.2.9")
    assert entered.waits


async def test_a_device_is_known_by_its_token_and_by_no_address(pages: PageHouseholds) -> None:
    token = "mfzwizltoq2dmnjwgy3tqojqge"
    phone = Device("mia-phone", "", "mia", (HERE.address,))
    edit = partial(replace, devices=(phone,))
    await pages._thread._store.change("ada", edit, author="", what="", now=int(NOW))
    assert await pages.find_device(token_digest(token)) == ""
    async with pages.hold("ada"):
        pass
    CHOSEN.set("ada")
    assert pages.identify(HERE).device == LINE, "by its address it is not known"
    edit = partial(add_token, device_id="mia-phone", digest=token_digest(token))
    await pages._thread._store.change("ada", edit, author="", what="", now=int(NOW))
    pages.forget([Moved("ada", 9)])
    async with pages.hold("ada"):
        pass
    door = FamilyDoor(pages, lambda: 0.0)
    assert await door.enter(f" {token.upper()} ", "192.0.2.9") == DoorEntry("ada", is_device=True)
    assert await door.enter("a" * 26, "192.0.2.9") == DoorEntry("", is_device=True)
    DEVICE.set(token_digest(token))
    assert (pages.identify(HERE).household, pages.identify(HERE).device) == ("ada", "mia-phone")
    elsewhere = replace(HERE, address="192.0.2.77")
    assert pages.identify(elsewhere).device == "mia-phone"
    async with pages.hold("bo"):
        pass
    CHOSEN.set("bo")
    assert pages.identify(HERE).device == LINE, "of another household it is none"


async def test_a_page_has_the_minutes_of_its_household_and_of_no_other(
    pages: PageHouseholds,
    postgres: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    with closing(PostgresPool(postgres)) as pool:
        apply_own_steps(pool, PROVIDER)
    limit = Budget("tube", "mia", (("daily", 30),), (Matcher("tube.example"),))
    for each in ("ada", "bo"):
        edit = partial(replace, budgets=(limit,))
        await pages._thread._store.change(each, edit, author="", what="", now=int(NOW))
    clock = FakeClock(NOW)
    journal = MinutesJournal(tmp_path)
    minutes = SubscriberMinutes(postgres, 10, clock, lambda: False, journal)  # type: ignore[arg-type]
    minutes.follow(pages)
    pages._minutes = minutes
    node = ProviderUsage(postgres, lambda *_: NARROW)

    async def used(household: str) -> int:
        async with pages.hold(household):
            CHOSEN.set(household)
            found = pages.policy_inputs().used.get((household, "mia"), {})
            return found.get("tube", NO_MINUTES).likely

    await minutes.exchange()
    assert await used("ada") == 0
    day = budget_day(NOW, zone_of("UTC"), 0)
    marks = DayBitmaps(0b11111, 0b11111)
    node.save([Usage("ada", "mia", "tube", day.day, int(day.start), marks)], NOW)
    await minutes.exchange()
    assert (await used("ada"), await used("bo")) == (5, 0)
    CHOSEN.set("")
    assert pages.policy_inputs().used == {}
    node.close()
    await minutes.close()
    empty(postgres, LOG_SCHEMA)


async def test_a_read_that_ends_later_than_a_newer_one_is_not_shown(
    pages: PageHouseholds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the revisions are: a database that was set back has smaller ones."""
    begun, first_waits, read = asyncio.Event(), asyncio.Event(), pages._thread.read
    old = await read(partial(page_households._load, "ada"))

    async def read_late(work: object) -> Household | None:
        begun.set()
        await first_waits.wait()
        return replace(old, name="Old", revision=99) if old is not None else None

    monkeypatch.setattr(pages._thread, "read", read_late)
    late = asyncio.ensure_future(pages._read("ada"))
    await begun.wait()
    monkeypatch.setattr(pages._thread, "read", read)
    async with pages.hold("ada"):
        CHOSEN.set("ada")
        first_waits.set()
        await late
        assert pages.snapshot().households["ada"].name == "ada's"
