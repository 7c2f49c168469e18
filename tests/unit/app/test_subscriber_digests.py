"""Weekly summaries by email at a provider: to whoever chose one, once, by one of all programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from copdns.accounts.account import Account
from copdns.accounts.roles import Role
from copdns.app import digest_chores
from copdns.app.digest_chores import SummaryWriter
from copdns.app.many_households import subscriber_digests
from copdns.app.many_households.subscriber_digests import IN_A_ROW, REST, WITHIN, SubscriberDigests
from copdns.events.mail import Mail
from copdns.events.ways import DeliveryTimes
from copdns.model.errors import StoreError
from copdns.model.household import Band, Household, Profile
from copdns.privacy.digest import CUT_OFF, WEEK, DigestChoice
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.digests import Digests
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.provider_log import ProviderLog
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.schema import apply_own_steps
from copdns.store.provider_db.register_schema import PROVIDER
from tests.fakes import FakeClock
from tests.reading import has_word
from tests.running import PATIENCE
from tests.unit.store.conftest import postgres, postgres_server  # noqa: F401 - fixtures

DESK = "https://family.provider.example/guardian/"


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


SUNDAY = moment("2026-11-22T18:00+01:00")  # on the clocks of Berlin


class WrongClock(FakeClock):
    is_wrong = True  # type: ignore[assignment]


class Programs:
    """The programs that share a database.  sent: who was sent what."""

    def __init__(self, store: ProviderStore, thread: StoreThread, log: ProviderLog) -> None:
        self.store, self.thread, self.log = store, thread, log
        self.clock = FakeClock(SUNDAY - 3600)
        self.sent: list[tuple[str, Mail]] = []
        self.trouble = ""
        self.refused: set[str] = set()
        self.is_on = True
        self.ends = False  # whether PostgreSQL goes away while one is written
        self.database: Callable[[], int] | None = None  # its clock; None: that of the programs

    def program(self) -> SubscriberDigests:
        writer = SummaryWriter(
            AppealStore(self.store), self.log, Path("nowhere"), ("mailto://x",), DESK, True
        )
        clock, on = self.clock, lambda: writer if self.is_on else None
        database = self.database or (lambda: int(self.clock.wall))
        return SubscriberDigests(self.store, self.thread, clock, on, database)  # type: ignore[arg-type]

    async def choose(
        self, household: str, timezone: str = "Europe/Berlin", minute: int = 1080
    ) -> None:
        """Make a household whose guardian chose a summary, on Sundays."""
        people = (Profile("mia", "Mia", Band.TO_9),)
        home = Household(household, "Home", timezone=timezone, profiles=people)
        await self.store.create(home, "test", int(self.clock.wall))
        account = Account(household, "", "Ada", Role.OWNER, "")
        ada = await Accounts(self.thread).add(account, None, int(self.clock.wall))
        choice = (household, ada.id, f"{household}@mail.example", 6, minute, "en")
        await Digests(self.thread).choose(DigestChoice(*choice, int(self.clock.wall)), "Ada", 1)

    def take(self) -> list[str]:
        """Return who was sent one, in the order of their names: some are sent together."""
        told, self.sent = sorted(recipient for recipient, _ in self.sent), []
        return told


@pytest.fixture
async def programs(
    postgres: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Programs]:
    with ExitStack() as stack:
        store = stack.enter_context(ProviderStore.connect(PostgresPool(postgres)))
        apply_own_steps(store.pool, PROVIDER)
        log = ProviderLog(tmp_path, postgres)
        stack.callback(log.close)
        found = Programs(store, StoreThread(store), log)

        async def post(_notices: object, recipient: str, mail: Mail, _times: object) -> str:
            if found.ends:
                raise StoreError("PostgreSQL went away")
            found.sent.append((recipient, mail))
            return "it was not accepted" if recipient in found.refused else found.trouble

        monkeypatch.setattr(digest_chores, "send_mail", post)
        monkeypatch.setattr(subscriber_digests, "AT_ONCE", 2)  # so that there are several parts
        yield found


async def test_each_is_sent_once_at_its_time_in_its_zone_whoever_looks(programs: Programs) -> None:
    for number in range(5):
        await programs.choose(f"h{number}")
    await programs.choose("lisbon", "Europe/Lisbon")
    one, other = programs.program(), programs.program()
    for each in (one, other):
        await each.send_due()
    assert programs.take() == []
    programs.clock.wall = SUNDAY
    for each in (one, other, one):
        await each.send_due()
    ((_, mail), *_) = programs.sent
    assert programs.take() == [f"h{number}@mail.example" for number in range(5)]
    assert f'<a href="{DESK}">' in mail.html
    assert "What your provider answers without copdns isn" in mail.html
    assert "New devices" not in mail.html
    assert not has_word(mail.html, "Mia")
    programs.clock.wall = SUNDAY + 3600
    await other.send_due()
    assert programs.take() == ["lisbon@mail.example"]
    programs.clock.wall = SUNDAY + WEEK
    await other.send_due()
    assert len(programs.take()) == 5


async def test_a_mail_server_that_refuses_is_left_alone_for_a_while(programs: Programs) -> None:
    for number in range(6):
        await programs.choose(f"h{number}")
    program = programs.program()
    programs.clock.wall, programs.trouble = SUNDAY, "the server is away"
    for _ in range(2):
        await program.send_due()
    assert programs.take() == [f"h{number}@mail.example" for number in range(IN_A_ROW)]
    (choice,) = await Digests(programs.thread).all("h0")
    assert choice.trouble == "the server is away"
    programs.clock.wall = SUNDAY + REST
    await program.send_due()
    assert programs.take() == ["h3@mail.example"]
    # Each rest is twice as long as the one before, up to an hour, until one is sent.
    programs.clock.wall = SUNDAY + 3 * REST - 1
    await program.send_due()
    assert programs.take() == []
    programs.clock.wall, programs.trouble = SUNDAY + 3 * REST, ""
    await program.send_due()
    assert programs.take() == ["h4@mail.example", "h5@mail.example"]


async def test_a_mail_server_that_hangs_costs_one_wait_and_holds_up_nobody_else(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        await programs.choose(f"h{number}")
    waiting: list[float] = []
    others = asyncio.Event()

    async def post(_: object, recipient: str, mail: Mail, times: DeliveryTimes) -> str:
        if recipient == "h0@mail.example":  # it hangs until those beside it were sent
            waiting.append(times.notice)
            async with asyncio.timeout(PATIENCE):
                await others.wait()
            return "it could not be sent"
        programs.sent.append((recipient, mail))
        others.set()
        return ""

    monkeypatch.setattr(digest_chores, "send_mail", post)
    programs.clock.wall = SUNDAY
    await programs.program().send_due()
    assert programs.take() == [f"h{number}@mail.example" for number in range(1, 7)]
    assert waiting == [WITHIN]


async def test_addresses_that_the_mail_server_refuses_hold_up_no_others(programs: Programs) -> None:
    for number in range(9):
        await programs.choose(f"h{number}")
    programs.refused = {f"h{number}@mail.example" for number in (0, 1, 3, 4, 6)}
    # More guardians of one household, whose addresses are refused, count as one.
    for name in ("Bo", "Cy", "Di"):
        bo = await Accounts(programs.thread).add(
            Account("h1", "", name, Role.GUARDIAN, ""), None, int(programs.clock.wall)
        )
        choice = DigestChoice("h1", bo.id, "h1@mail.example", 6, 1080, "en", SUNDAY - 3600)
        await Digests(programs.thread).choose(choice, name, 1)
    programs.clock.wall = SUNDAY
    await programs.program().send_due()
    assert {f"h{number}@mail.example" for number in range(9)} == set(programs.take())


async def test_a_clock_that_is_ahead_takes_no_familys_mail(programs: Programs) -> None:
    await programs.choose("h0")
    programs.database = lambda: SUNDAY - 1800
    ahead = programs.program()
    programs.clock.wall = SUNDAY + 52 * WEEK
    for _ in range(2):
        await ahead.send_due()
    assert programs.take() == []
    programs.database = None
    programs.clock.wall = SUNDAY
    await programs.program().send_due()
    assert programs.take() == ["h0@mail.example"], "by another one, whose clock is right"


async def test_one_that_was_cut_off_is_said_to_be(programs: Programs) -> None:
    names = ["h0", "h1", "h2"]  # one more than are sent together
    for name in names:
        await programs.choose(name)
    programs.clock.wall, programs.ends = SUNDAY, True
    with pytest.raises(StoreError):
        await programs.program().send_due()
    programs.ends = False
    await programs.program().send_due()
    assert programs.take() == [f"{names[-1]}@mail.example"]
    ((cut_off,), *_, (sent,)) = [await Digests(programs.thread).all(each) for each in names]
    assert (cut_off.trouble, sent.trouble) == (CUT_OFF, "")


async def test_nothing_is_sent_by_a_wrong_clock_or_where_nothing_can_be(programs: Programs) -> None:
    await programs.choose("h0")
    right, programs.clock = programs.clock, WrongClock(SUNDAY)
    await programs.program().send_due()
    programs.clock = right
    program = programs.program()
    programs.clock.wall, programs.is_on = SUNDAY, False
    await program.send_due()
    assert programs.take() == []
    programs.is_on = True
    await program.send_due()
    assert programs.take() == ["h0@mail.example"]


@pytest.mark.parametrize(
    ("day", "minute"),
    [
        ("2026-03-29", 90),  # before the clocks of Berlin go forward, at 02:00
        ("2026-03-29", 150),  # a time that there is not on this day
        ("2026-03-29", 1080),
        ("2026-10-25", 150),  # a time that there is twice
        ("2026-10-25", 1080),
    ],
)
async def test_where_clocks_change_it_is_sent_once(
    programs: Programs, day: str, minute: int
) -> None:
    midnight = moment(f"{day}T00:00+{'01' if '-03-' in day else '02'}:00")
    programs.clock.wall = midnight - 86_400
    await programs.choose("h0", minute=minute)
    program = programs.program()
    for hour in range(24, 72):
        programs.clock.wall = midnight - 86_400 + hour * 3600
        await program.send_due()
    assert programs.take() == ["h0@mail.example"]
