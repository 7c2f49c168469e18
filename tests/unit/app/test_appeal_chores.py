"""Beside the answering: appeals are told of, brought up and tidied, also across restarts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from copdns.app.appeal_chores import AppealChores
from copdns.appeals.appeal import AppealState, ContestedVerdict, WantedLength
from copdns.appeals.life import DAY, HOUR
from copdns.appeals.review import DecisionReason
from copdns.events.bus import EventBus
from copdns.model.events import AppealEvent, Event, EventKind
from copdns.model.verdict import Action, Reason
from copdns.settings.config import AppealSettings, EventSettings, Settings
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import HouseholdStore
from copdns.time.clock import Clock, LastSeen
from tests.household import library
from tests.reading import has_word
from tests.unit.appealing import ADA, AT, KNOWN, SERVICES, ask, home, no, yes

LISTS = library(categories={"games": ["games.example"]})
HARMLESS = replace(LISTS, categories={"games": replace(LISTS.categories["games"], low_harm=True)})


class Running:
    """A running copdns, as far as it is about appeals.  now: what its clock says."""

    def __init__(self, households: HouseholdStore) -> None:
        self.households = households
        self.store = AppealStore(households)
        self.now = float(AT)
        self.heard: list[Event] = []
        self.settings, self.library = Settings(), LISTS
        self.start()

    def start(self, clock: Clock | None = None) -> None:
        self.events = EventBus(lambda *_: False)
        self.events.subscribe(self.heard.append)
        self.clock = clock or Clock(lambda: self.now, lambda: self.now, lambda: True)
        self.reminders = AppealChores(
            self.store, lambda: self.library, lambda: self.settings, self.clock, self.events
        )

    async def kinds(self, hours: float = 0) -> list[EventKind]:
        """Let time pass and the program look; return what it told."""
        self.now += hours * HOUR
        self.heard.clear()
        await self.reminders.raise_overdue()
        await self.reminders.tell()
        return [each.kind for each in self.heard]

    async def file(self, name: str = "games.example") -> str:
        return (await self.store.file("home", ask(name), int(self.now))).appeal.id

    async def grants(self) -> int:
        found = await self.households.household("home")
        assert found is not None
        return len(found.grants)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    with HouseholdStore.open(tmp_path) as households:
        await households.create(home(), "ada", AT)
        yield Running(households)


async def test_each_step_is_told_once_and_a_restart_repeats_none(running: Running) -> None:
    appeal = await running.file()
    assert await running.kinds() == [EventKind.APPEAL_MADE]
    running.start()
    assert await running.kinds() == []
    assert await running.kinds(24) == [EventKind.APPEAL_WAITING]
    assert await running.kinds(48) == [EventKind.APPEAL_OVERDUE]
    await running.store.decide("home", appeal, no(), ADA, KNOWN, SERVICES, int(running.now))
    running.start()
    assert await running.kinds() == [EventKind.APPEAL_ANSWERED]
    assert await running.kinds(1000) == []


async def test_what_nobody_answers_in_three_days_opens_if_a_list_says_that_is_harmless(
    running: Running,
) -> None:
    await running.file()
    await running.kinds(72)
    assert await running.grants() == 0  # nobody said that games do little harm here
    running.library = HARMLESS
    await running.file("chess.games.example")
    await running.kinds(72)
    assert await running.grants() == 1


async def test_the_settings_say_how_long_is_too_long(running: Running) -> None:
    running.settings = Settings(appeals=AppealSettings(reminder_hours=1, target_hours=2))
    await running.file()
    await running.kinds()
    assert await running.kinds(1) == [EventKind.APPEAL_WAITING]
    assert await running.kinds(1) == [EventKind.APPEAL_OVERDUE]


async def test_a_wrong_clock_brings_nothing_up(running: Running) -> None:
    await running.file()
    clock = Clock(lambda: running.now, lambda: running.now, lambda: False)
    clock.begin(LastSeen(running.now + 400 * DAY), continues=True)
    running.start(clock)
    assert running.clock.is_wrong
    assert await running.kinds(100) == [EventKind.APPEAL_MADE]


async def test_events_say_whose_and_what_only_if_somebody_chose_that_and_the_log_never_does(
    running: Running,
) -> None:
    await running.file("private.example")
    with capture_logs() as logs:
        await running.kinds()
    (event,) = running.heard
    assert isinstance(event, AppealEvent)
    assert (event.profile, event.name) == ("", "")
    running.settings = Settings(events=EventSettings(appeal_names=True))
    await running.file("secret.example")
    with capture_logs() as more:
        await running.kinds()
    (event,) = running.heard
    assert isinstance(event, AppealEvent)
    assert (event.profile, event.name) == ("mia", "secret.example")
    text = str([*logs, *more])
    assert "appeal made" in text
    told = [each for each in ("private.example", "secret.example", "mia") if has_word(text, each)]
    assert told == []


async def test_how_many_there_are_is_counted_by_state(running: Running) -> None:
    await running.file()
    await running.kinds()
    assert running.reminders.counts == {AppealState.OPEN: 1}


async def test_texts_of_old_ones_are_deleted(running: Running) -> None:
    appeal = await running.file("private.example")
    await running.store.decide("home", appeal, no(), ADA, KNOWN, SERVICES, AT)
    running.settings = Settings(appeals=AppealSettings(texts_days=2))
    running.now = AT + 2 * DAY + 1
    await running.reminders.tidy()
    found = await running.store.appeal("home", appeal)
    assert found is not None
    assert found.ask.name == ""


async def test_a_list_that_names_its_mistake_again_is_told_without_the_name(
    running: Running,
) -> None:
    to = ContestedVerdict(Action.BLOCK, Reason.CATEGORY, list="games-list", category="games")
    filed = await running.store.file("home", ask(to=to), int(running.now))
    decision = replace(
        yes(lasts=WantedLength.ALWAYS, everyone=True), reason=DecisionReason.LIST_ERROR
    )
    await running.store.decide(
        "home", filed.appeal.id, decision, ADA, KNOWN, SERVICES, int(running.now)
    )
    running.heard.clear()
    await running.reminders.tell_mistakes(library(categories={"games": ["other.example"]}))
    await running.reminders.tell_mistakes(LISTS)  # as it was: not told again
    (event,) = [each for each in running.heard if each.kind is EventKind.MISTAKE_AGAIN]
    assert (event.list, event.names) == ("games-list", 1)  # type: ignore[union-attr]
    assert "games.example" not in str(event)
