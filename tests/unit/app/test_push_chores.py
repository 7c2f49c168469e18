"""From an event to a message in somebody's browser: whom, in which words, and not too often."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copdns.accounts.codes import secret_digest
from copdns.app.push_chores import PushChores
from copdns.events.push_sender import PushDelivery
from copdns.model.events import (
    AppealEvent,
    DeviceEvent,
    Event,
    EventKind,
    PersonEvent,
    TimeEvent,
)
from copdns.model.push import CHILDS_USUAL, PushBrowser, PushKind
from copdns.model.verdict import Reason
from copdns.settings.config import PushSettings
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.pairings import Pairings
from copdns.store.household_db.push import PushStore
from copdns.time.clock import Clock
from copdns.web.languages import phrases_in
from tests.unit.account_values import NOW, House
from tests.unit.appealing import ask

WARNING = TimeEvent(
    EventKind.TIME_WARNING, "home", "mia", Reason.SCHEDULE, "mia-night", NOW + 300.0, 5, True
)
MADE = AppealEvent(EventKind.APPEAL_MADE, "home", "k7", float(NOW), "open")
STRANGE = DeviceEvent(EventKind.UNKNOWN_DEVICE, "home", "v1")
NAMES = ("mia", "Mia", "tom", "Tom", "example", "mia-night", "Ada", "k7", "v1")


class Case:
    """Ada reads French, Mia Arabic.  taken: what the sender was given."""

    def __init__(self, house: House) -> None:
        self.house, self.now = house, float(NOW)
        self.settings = PushSettings()
        self.taken: list[PushDelivery] = []
        self.push = PushStore(house.thread)
        self.chores = PushChores(
            self.push,
            AppealStore(house.store),
            Path(house.folder),
            lambda: self.settings,
            Clock(lambda: self.now, lambda: self.now, lambda: True),
            lambda language: (
                phrases_in(language),
                phrases_in(language).tag,
                phrases_in(language).direction,
            ),
        )
        self.chores.sender.send = self.taken.append  # type: ignore[method-assign]

    async def prepare(self) -> None:
        ada = await self.house.account("Ada")
        cookie = await self.house.sessions.begin(ada, NOW)
        one, other = (
            PushBrowser(f"https://push.example/{n}", "BA" + "A" * 85, "A" * 22) for n in (1, 2)
        )
        await self.push.add_guardians(ada, secret_digest(cookie), one, [*PushKind], "fr", "", NOW)
        pairings = Pairings(self.house.thread)
        secret = await pairings.pair("home", "mia-phone", "mia", NOW)
        pairing = await pairings.find("home", "mia-phone", "mia", secret or "", NOW)
        assert pairing is not None
        await self.push.add_childs(pairing, other, CHILDS_USUAL, "ar", "", NOW)

    async def told(self, event: Event) -> list[dict[str, str]]:
        """Let an event happen; return what browsers are told, guardians' first."""
        self.taken.clear()
        await self.chores.tell(event)
        self.taken.sort(key=lambda each: each.subscription.account, reverse=True)
        return [json.loads(each.text) for each in self.taken]


@pytest.fixture
async def case(house: House) -> Case:
    made = Case(house)
    await made.prepare()
    return made


async def test_a_warning_reaches_the_child_and_guardians_in_their_own_words(case: Case) -> None:
    adas, mias = await case.told(WARNING)
    assert (adas["lang"], adas["dir"], adas["path"]) == ("fr", "ltr", "/guardian/time")
    assert (mias["lang"], mias["dir"], mias["path"]) == ("ar", "rtl", "/")
    assert "5" in adas["body"]
    assert "5" in mias["title"]
    assert adas["tag"] == mias["tag"] == "warnings"
    assert {each.ttl for each in case.taken} == {300}
    assert {each.urgency for each in case.taken} == {"high"}


async def test_an_answer_reaches_the_one_who_asked_though_no_event_says_who(case: Case) -> None:
    store = AppealStore(case.house.store)
    filed = await store.file("home", ask("games.example"), NOW)
    event = MADE._replace(kind=EventKind.APPEAL_ANSWERED, id=filed.appeal.id)
    adas, mias = await case.told(event)
    assert (adas["path"], mias["path"]) == ("/guardian/inbox", "/")
    (adas,) = await case.told(event._replace(id="gone"))
    assert adas["tag"] == "answers"


async def test_requests_and_devices_are_for_guardians(case: Case) -> None:
    (adas,) = await case.told(MADE)
    assert adas["path"] == "/guardian/inbox"
    (adas,) = await case.told(STRANGE)
    assert (adas["path"], case.taken[0].urgency) == ("/guardian/devices", "low")
    talk = PersonEvent(EventKind.WANTS_TO_TALK, "home", "mia", float(NOW))
    (adas,) = await case.told(talk)
    assert adas["path"] == "/guardian/notices"


@pytest.mark.parametrize(
    "event",
    [
        WARNING,
        WARNING._replace(reason=Reason.BUDGET, everything=False),
        MADE._replace(profile="mia", name="games.example", about="name"),  # the settings say it
        MADE._replace(kind=EventKind.APPEAL_DISPUTED),
        PersonEvent(EventKind.WANTS_TO_TALK, "home", "mia", float(NOW)),
        STRANGE,
    ],
)
async def test_no_text_names_a_person_a_site_or_a_device(case: Case, event: Event) -> None:
    for each in await case.told(event):
        said = " ".join((each["title"], each["body"]))
        assert not [name for name in NAMES if name in said]


async def test_the_same_is_told_once_and_much_of_anything_slowly(case: Case) -> None:
    assert await case.told(MADE)
    assert not await case.told(MADE)
    told = [await case.told(MADE._replace(id=f"a{number}")) for number in range(9)]
    assert sum(map(len, told)) == 5
    case.now += 600
    assert await case.told(MADE._replace(id="later"))


async def test_warnings_of_two_moments_are_not_the_same(case: Case) -> None:
    for minutes in (15, 5, 1):
        assert len(await case.told(WARNING._replace(minutes=minutes))) == 2


async def test_other_households_hear_nothing(case: Case) -> None:
    assert not await case.told(MADE._replace(household="bos"))


async def test_events_that_browsers_are_not_told_of_are_not_even_queued(case: Case) -> None:
    case.chores.on_event(WARNING._replace(kind=EventKind.TIME_CLOSED))
    case.settings = PushSettings(enabled=False)
    case.chores.on_event(WARNING)
    assert not case.chores._queue
