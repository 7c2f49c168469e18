"""Households that are read when they are asked for, over a store that fails as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import dns.message
import dns.rcode
import pytest
from structlog.testing import capture_logs

from copdns.app.many_households import subscriber_chores
from copdns.app.many_households.subscriber_chores import SubscriberChores
from copdns.model.errors import OddRowError, StoreAwayError, StoreError
from copdns.model.household import Household
from copdns.model.verdict import Requestor
from copdns.server.household_wait import PATIENCE
from copdns.store.postgres.outbox import Moved
from copdns.time.plan import NO_INPUTS
from tests.home import Home
from tests.household import MIA, block, library


class Store:
    """One household, or the error that reading it ends with; with `hangs`, no end."""

    def __init__(self) -> None:
        self.revision = 1
        self.error: StoreError | None = None
        self.hangs = False
        self.is_there = True
        self.on_read: Callable[[], None] = lambda: None  # called before what was read is returned

    async def household(self, household: str) -> Household | None:
        found = await self._find(household)
        self.on_read()
        return found if self.is_there else None

    async def _find(self, household: str) -> Household:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        rules = (block(f"r{self.revision}.example"),)
        return Household(
            household, "", profiles=(MIA,), guest="mia", rules=rules, revision=self.revision
        )

    async def with_own_guests(self, household: Household) -> tuple[Household, float]:
        return household, float("inf")


class Provider:
    """A node whose household is asked for."""

    def __init__(self) -> None:
        self.home = Home(lists=library())
        self.store = Store()
        self.is_away = False
        self.replies: list[dns.message.Message] = []
        store: Any = self.store
        clock: Any = self.home.clock
        self.chores = SubscriberChores(
            10,
            self.home.resolver,
            store,
            store,
            clock,
            lambda: NO_INPUTS,
            lambda: self.is_away,
        )

    def ask(self, name: str) -> None:
        wire = dns.message.make_query(name, "A", use_edns=0).to_wire()
        requestor = Requestor("192.0.2.1", "192.0.2.8", "udp", household="h1")
        reply = self.home.resolver.answer(wire, requestor, self.home.clock(), self._note, None)
        if reply:
            self._note(reply, None)

    def _note(self, reply: bytes, _reply_to: None) -> None:
        self.replies.append(dns.message.from_wire(reply))

    async def read(self) -> None:
        """Read what is asked for."""
        for each in self.chores.subscribers.take_wanted(10):
            await self.chores._read(each)

    def outcome(self) -> list[str]:
        """Return what came since the last call: an rcode, or that it is blocked."""
        self.home.upstream.deliver()
        found = [
            "blocked"
            if each.rcode() == dns.rcode.NOERROR and not each.answer
            else dns.rcode.to_text(each.rcode())
            for each in self.replies
        ]
        self.replies.clear()
        return found


@pytest.fixture
async def there() -> Provider:
    """A household that is here, and that then moved."""
    provider = Provider()
    provider.ask("r1.example")
    await provider.read()
    assert provider.outcome() == ["blocked"]
    provider.store.revision = 2
    provider.chores.forget([Moved("h1", 2)])
    return provider


async def test_what_changed_is_in_force_once_it_is_read_and_nothing_else_before(
    there: Provider,
) -> None:
    there.ask("r1.example")
    assert there.outcome() == []
    await there.read()
    assert there.outcome() == ["NOERROR"]
    there.ask("r2.example")
    assert there.outcome() == ["blocked"]


async def test_what_is_read_of_another_database_than_the_one_now_is_not_kept(
    there: Provider,
) -> None:
    """The other one has the same revision, of another change, and tells that it moved."""

    def bring_another() -> None:
        there.store.on_read = lambda: None
        there.store.revision = 3
        there.chores.forget_all()
        there.chores.forget([Moved("h1", 2)])

    there.store.on_read = bring_another
    there.ask("r2.example")
    await there.read()
    assert there.outcome() == []
    there.chores._moved.clear()  # as before each round of reads
    await there.read()
    assert there.outcome() == ["NOERROR"]
    there.ask("r3.example")
    assert there.outcome() == ["blocked"]


async def test_a_household_that_is_made_while_it_is_looked_for_is_looked_for_again() -> None:
    provider = Provider()
    provider.store.is_there = False
    provider.store.on_read = lambda: provider.chores.forget([Moved("h1", 1)])
    provider.ask("r1.example")
    await provider.read()
    assert provider.outcome() == []
    provider.store.is_there = True
    await provider.read()
    assert provider.outcome() == ["blocked"]


async def test_a_change_just_before_postgresql_is_away_leaves_the_household_as_it_was(
    there: Provider,
) -> None:
    there.store.error = StoreAwayError("away")
    there.ask("r1.example")
    await there.read()  # before anybody noticed that it is away
    assert there.outcome() == ["blocked"]
    there.home.clock.wait(subscriber_chores.TRY_AGAIN)
    await there.chores.follow()
    there.ask("r1.example")
    assert there.outcome() == []
    there.is_away = True
    await there.chores.follow()
    assert there.outcome() == ["blocked"]
    there.ask("r1.example")
    assert there.outcome() == ["blocked"]
    there.is_away, there.store.error = False, None
    await there.chores.follow()
    there.ask("r1.example")
    await there.read()
    assert there.outcome() == ["NOERROR"]


async def test_only_rows_that_copdns_does_not_write_make_a_household_refused(
    there: Provider,
) -> None:
    with capture_logs() as logs:
        there.store.error = StoreError("permission denied for table profile")
        for _ in range(2):
            there.ask("r1.example")
            await there.read()
            assert there.outcome() == ["blocked"]
            there.home.clock.wait(subscriber_chores.TRY_AGAIN)
            await there.chores.follow()
        assert len(logs) == 1  # told once, until it works again
        there.store.error = OddRowError("an odd band")
        there.ask("r1.example")
        await there.read()
        assert there.outcome() == ["REFUSED"]
        assert [each["error"] for each in logs] == [
            "permission denied for table profile",
            "an odd band",
        ]


async def test_a_household_that_never_was_here_gets_servfail_and_asks_again() -> None:
    there = Provider()
    there.store.error = StoreError("permission denied")
    there.ask("free.example")
    await there.read()
    there.home.clock.wait(PATIENCE)
    await there.chores.follow()
    assert there.outcome() == ["SERVFAIL"]
    there.store.error = None
    there.ask("free.example")
    await there.read()
    assert there.outcome() == ["NOERROR"]


async def test_a_server_that_does_not_answer_counts_as_away(
    there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber_chores, "DEADLINE", 0.01)
    there.store.hangs = True
    there.ask("r1.example")
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            await there.read()
    assert there.outcome() == ["blocked"]
