"""Warnings before something closes, at a provider: for whom a browser asked, and nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.accounts.account import Account
from copdns.accounts.codes import secret_digest
from copdns.accounts.roles import Role
from copdns.app.account_chores import AccountChores
from copdns.app.many_households.minutes_journal import MinutesJournal
from copdns.app.many_households.subscriber_minutes import SubscriberMinutes
from copdns.app.many_households.subscriber_warnings import SubscriberWarnings
from copdns.model.errors import OddRowError, StoreAwayError
from copdns.model.events import Event, TimeEvent
from copdns.model.household import Band, Household, PrivacyMode, Profile
from copdns.model.push import PushBrowser, PushKind
from copdns.model.times import FailureChoices, OnFailure, Schedule, Slot
from copdns.policy.build_snapshot import build_snapshot
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.push import PushStore
from copdns.store.household_db.sessions import Sessions
from copdns.store.household_db.thread import StoreThread
from copdns.store.postgres.connection import LOG_SCHEMA, PostgresPool
from copdns.store.postgres.outbox import Moved
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.time.plan import NO_INPUTS
from tests.fakes import FakeClock
from tests.household import DEFAULTS, NOW, library
from tests.postgres_server import empty
from tests.unit.app.test_subscriber_minutes import MIA, Node, subscriber
from tests.unit.store.conftest import postgres, postgres_server  # noqa: F401 - fixtures

AT = int(NOW)
TOM = Profile("tom", "Tom", Band.TO_15)


def night(person: str, after: int) -> Schedule:
    """Return a bedtime that begins some minutes after NOW, and lasts an hour."""
    start = (AT % 86_400) // 60 + after
    return Schedule(f"{person}-night", person, (Slot(frozenset({"daily"}), start, 60),))


class Program:
    """The program that does the chores of all, beside a node that answers.  told: its warnings."""

    def __init__(
        self,
        store: ProviderStore,
        thread: StoreThread,
        node: Node,
        url: str,
        journal: MinutesJournal,
    ) -> None:
        self.told: list[tuple[str, str, str, int | None]] = []
        self.is_away = False  # from the second event on
        clock: FakeClock = node.clock
        self.minutes = SubscriberMinutes(
            url,
            10,
            clock,  # type: ignore[arg-type]
            lambda: False,
            journal,
        )
        chores = AccountChores(thread, lambda: clock.wall, lambda: False, keeps_last=True)
        base = build_snapshot(None, library(), DEFAULTS, [], NOW)

        async def tell(event: Event) -> None:
            assert isinstance(event, TimeEvent)
            if self.is_away and self.told:
                raise StoreAwayError("PostgreSQL is away")
            self.told.append((event.household, event.profile, event.id, event.minutes))

        self.warnings = SubscriberWarnings(
            store,
            PushStore(thread),
            chores,
            clock,  # type: ignore[arg-type]
            lambda: base,
            lambda: NO_INPUTS,
            self.minutes,
            lambda: False,
            tell,
        )
        self.minutes.follow(self.warnings)
        self.on_moved = self.warnings.forget_after(lambda _: None)

    async def look(self) -> list[tuple[str, str, str, int | None]]:
        await self.minutes.count()
        await self.minutes.exchange()
        await self.warnings.run_once()
        said, self.told = self.told, []
        return said


class House:
    def __init__(
        self, store: ProviderStore, thread: StoreThread, node: Node, url: str, folder: Path
    ) -> None:
        self._journal = MinutesJournal(folder)
        self.store, self.thread, self.node, self.url = store, thread, node, url

    def program(self) -> Program:
        return Program(self.store, self.thread, self.node, self.url, self._journal)

    async def ask_for_warnings(self, household: str, *kinds: PushKind) -> None:
        accounts = Accounts(self.thread)
        ada = await accounts.add(Account(household, "", "Ada", Role.OWNER, ""), None, AT)
        cookie = await Sessions(self.thread).begin(ada, AT)
        browser = PushBrowser(f"https://push.example/{household}", "BA" + "A" * 85, "A" * 22)
        push = PushStore(self.thread)
        await push.add_guardians(ada, secret_digest(cookie), browser, kinds, "en", "", AT)


@pytest.fixture
async def house(postgres: str, tmp_path: Path) -> AsyncIterator[House]:  # noqa: F811
    with ExitStack() as stack:
        store = stack.enter_context(ProviderStore.connect(PostgresPool(postgres)))
        apply_own_steps(store.pool, PROVIDER)
        for household in (limited("home"), limited("bos")):
            await store.create(with_nights(household), "test", AT)
        node = Node(postgres, FakeClock(NOW), tmp_path / "node")
        yield House(store, StoreThread(store), node, postgres, tmp_path)
        await node.minutes.close()
    empty(postgres, LOG_SCHEMA)


def limited(household: str) -> Household:
    """Return one whose limit is about a site: of it others hear only in this privacy mode."""
    mia = replace(MIA, privacy=PrivacyMode.BLOCKED)
    return subscriber(household, profiles=(mia,))


def with_nights(household: Household) -> Household:
    mia = household.profiles[0]
    schedules = (night("mia", 100), night("tom", 100))
    return replace(household, profiles=(mia, TOM), schedules=schedules, timezone="UTC")


async def test_a_bedtime_is_warned_of_three_times_where_a_browser_asked(house: House) -> None:
    """Not in another household, nor for Tom, whose times hold for no device of the line."""
    await house.ask_for_warnings("home", PushKind.REQUESTS, PushKind.WARNINGS)
    await house.ask_for_warnings("bos", PushKind.REQUESTS)
    program, said = house.program(), []
    for _ in range(110):
        said += await program.look()
        house.node.clock.wait(60)
    assert said == [("home", "mia", "mia-night", left) for left in (15, 5, 1)]


async def test_a_limit_is_warned_of_that_is_used_at_another_node(house: House) -> None:
    await house.ask_for_warnings("home", PushKind.WARNINGS)
    program, said = house.program(), []
    await house.node.look()
    await house.node.read(limited("home"))
    assert await program.look() == []
    for _ in range(32):
        await house.node.use(1)
        said += await program.look()
    assert [each[:3] for each in said] == [("home", "mia", "tube")] * 3
    assert [left for *_, left in said] == [15, 5, 1]


async def test_what_changed_counts_and_another_program_repeats_nothing(house: House) -> None:
    await house.ask_for_warnings("home", PushKind.WARNINGS)
    program, said = house.program(), []
    for _ in range(87):
        said += await program.look()
        house.node.clock.wait(60)
    assert said == [("home", "mia", "mia-night", 15)]
    other = house.program()  # the first one is gone
    assert await other.look() == []
    house.node.clock.wait(60 * 8)
    off = FailureChoices(devices=OnFailure.OPEN)

    def switch_off(found: Household) -> Household:
        return replace(found, failures=off)

    await house.store.change("home", switch_off, author="Ada", what="test", now=AT)
    other.on_moved([Moved("home", 9)])
    assert await other.look() == []
    assert other.warnings.has("home")
    assert not other.warnings.has("bos")


async def test_a_household_that_cannot_be_read_holds_up_no_warning_of_another(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("bos", "home"):
        await house.ask_for_warnings(each, PushKind.WARNINGS)
    read, tries = house.store.household, []

    async def read_or_not(household: str) -> Household | None:
        if household == "bos":
            tries.append(house.node.clock.wall)
            raise OddRowError("an odd band")
        return await read(household)

    monkeypatch.setattr(house.store, "household", read_or_not)
    program = house.program()
    house.node.clock.wait(84 * 60)
    await program.look()
    house.node.clock.wait(60)
    assert await program.look() == [("home", "mia", "mia-night", 15)]
    assert await program.look() == []
    assert len(tries) == 2  # it rests for a minute
    monkeypatch.undo()
    program.on_moved([Moved("bos", 2)])
    assert await program.look() == [("bos", "mia", "mia-night", 15)]


async def test_what_moves_while_it_is_read_is_read_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.ask_for_warnings("home", PushKind.WARNINGS)
    program, read = house.program(), house.store.household
    house.node.clock.wait(85 * 60)

    async def read_and_move(household: str) -> Household | None:
        found = await read(household)
        await house.store.change(household, without_nights, author="Ada", what="test", now=AT)
        program.on_moved([Moved(household, 2)])
        return found

    monkeypatch.setattr(house.store, "household", read_and_move)
    await program.look()
    monkeypatch.undo()
    said = []
    for _ in range(16):
        house.node.clock.wait(60)
        said += await program.look()
    assert said == []


async def test_who_cannot_be_told_now_is_told_at_the_next_look(house: House) -> None:
    for each in ("bos", "home"):
        await house.ask_for_warnings(each, PushKind.WARNINGS)
    program = house.program()
    house.node.clock.wait(84 * 60)
    await program.look()
    house.node.clock.wait(60)
    program.is_away = True
    with pytest.raises(StoreAwayError):
        await program.look()
    assert program.told == [("bos", "mia", "mia-night", 15)]
    program.is_away, program.told = False, []
    house.node.clock.wait(60)
    assert await program.look() == [("home", "mia", "mia-night", 14)]
    assert await program.look() == []


def without_nights(household: Household) -> Household:
    return replace(household, schedules=())
