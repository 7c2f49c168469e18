"""Minutes, soft ends and events, as a running program keeps them from second to second."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from copdns.app.time_chores import TimeChores
from copdns.dns.records import A
from copdns.events.bus import EventBus
from copdns.model.events import Event, EventKind
from copdns.model.household import Household, PrivacyMode
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.times import Bonus, Budget, FailureChoices, OnFailure, Schedule, Slot
from copdns.policy.decide import decide
from copdns.policy.snapshot import GUEST, Snapshot
from copdns.policy.today import build_today
from copdns.store.log_db.querylog import FILE
from copdns.store.log_db.usage import load_clock, load_history
from copdns.time.clock import Clock, LastSeen
from copdns.time.minutes import NO_MARKS
from tests.household import MIA as PERSON
from tests.household import NOW, family, library, live

TUBE = (Matcher("tube.example"),)
HALF_HOUR = Budget("tube", "mia", (("daily", 30),), TUBE)
MIA = "home", "mia"


class Running:
    """A program whose clock is ours: each second it looks, and builds policies where it must."""

    def __init__(self, folder: Path, house: Household, now: float = NOW) -> None:
        self.house = house
        self.now = now
        self.told: list[Event] = []
        events = EventBus(lambda *_: False)
        events.subscribe(self.told.append)
        self.clock = Clock(lambda: self.now, lambda: self.now - NOW + 500, lambda: False)
        self.keeper = TimeChores(folder, lambda: self.live, self.clock, events)
        self.live: Snapshot = live(house, now=now)

    @property
    def taken(self) -> float:
        """What `now` is taken for where the clock is wrong."""
        return self.clock().wall

    async def begin(self) -> Running:
        await self.keeper.begin([self.house])
        self.build()
        self.keeper.tell()
        return self

    def build(self) -> None:
        lists = library(categories={"games": ["games.example"]})
        self.live = live(
            self.house, now=self.taken, lists=lists, readings=self.keeper.policy_inputs
        )

    async def wait(self, seconds: float) -> None:
        self.now += seconds
        if await self.keeper.run_second():
            self.build()
        self.keeper.tell()

    async def use(self, *names: str, minutes: int) -> None:
        for _ in range(minutes):
            for name in names:
                self.keeper.ledger.record(*MIA, ["tube"], name, self.taken)
            await self.wait(60)

    def is_open(self, name: str = "tube.example") -> bool:
        policy = self.live.policy(*MIA)
        return not decide(policy, name, A, self.taken).blocks

    def kinds(self) -> list[EventKind]:
        return [each.kind for each in self.told]


VIDEO = ("tube.example", "img.tube.example", "cdn.tube.example")


async def test_a_budget_that_is_used_up_closes_and_is_told(tmp_path: Path) -> None:
    home = await Running(tmp_path, replace(family(), budgets=(HALF_HOUR,))).begin()
    await home.use(*VIDEO, minutes=29)
    assert home.is_open()
    await home.use(*VIDEO, minutes=2)
    assert not home.is_open()
    kinds = home.kinds()
    assert kinds == [*[EventKind.TIME_WARNING] * 3, EventKind.TIME_CLOSED]


async def test_a_restart_warns_of_no_budget_that_nobody_uses(tmp_path: Path) -> None:
    house = replace(family(), budgets=(HALF_HOUR,))
    home = await Running(tmp_path, house).begin()
    await home.use(*VIDEO, minutes=20)
    again = await Running(tmp_path, house, home.now + 5).begin()
    await again.wait(60)
    assert again.kinds() == []
    await again.use(*VIDEO, minutes=1)
    assert again.kinds() == [EventKind.TIME_WARNING]


async def test_guests_have_minutes_of_a_budget_for_everyone_too(tmp_path: Path) -> None:
    home = await Running(
        tmp_path, replace(family(), budgets=(replace(HALF_HOUR, scope=""),))
    ).begin()
    for _ in range(31):
        for name in VIDEO:
            home.keeper.ledger.record("home", GUEST, ["tube"], name, home.now)
        await home.wait(60)
    assert decide(home.live.policy("home", GUEST), "tube.example", A, home.now).blocks
    assert home.is_open()


async def test_a_silence_while_it_was_closed_is_no_use(tmp_path: Path) -> None:
    house = replace(family(), budgets=(HALF_HOUR,))
    home = await Running(tmp_path, house).begin()
    await home.use(*VIDEO, minutes=30)
    for _ in range(4):
        await home.wait(60)
    bonus = Bonus("b1", "mia", "tube", date(2026, 3, 29), 10)
    home.house = replace(house, bonuses=(bonus,))
    home.build()
    await home.use(*VIDEO, minutes=9)
    assert home.is_open()
    await home.use(*VIDEO, minutes=1)
    assert not home.is_open()


async def test_what_was_used_is_known_after_a_restart(tmp_path: Path) -> None:
    house = replace(family(), budgets=(HALF_HOUR,))
    home = await Running(tmp_path, house).begin()
    await home.use(*VIDEO, minutes=20)
    again = await Running(tmp_path, house, home.now + 5).begin()  # the first one was killed
    assert again.is_open()
    await again.use(*VIDEO, minutes=12)
    assert not again.is_open()


CARRIED = replace(HALF_HOUR, carry_over=True)
DAY = 86_400


def minutes_left(home: Running) -> int:
    house = home.live.households["home"]
    profile, policy = home.live.profile(*MIA), home.live.policy(*MIA)
    return build_today(house, profile, policy, home.keeper.policy_inputs, home.now).minutes[0].left


async def test_a_new_budget_begins_with_its_minutes_and_carries_over_from_then_on(
    tmp_path: Path,
) -> None:
    house = replace(family(), budgets=(CARRIED,))
    home = await Running(tmp_path, house).begin()
    assert minutes_left(home) == 30
    await home.wait(60)
    again = await Running(tmp_path, house, home.now + 60).begin()
    assert minutes_left(again) == 30
    await again.wait(DAY)
    assert minutes_left(again) == 60
    late = await Running(tmp_path, house, again.now + 60).begin()
    assert minutes_left(late) == 60


async def test_nothing_is_carried_over_where_nothing_is_kept(tmp_path: Path) -> None:
    house = replace(family(replace(PERSON, privacy=PrivacyMode.OFF)), budgets=(CARRIED,))
    home = await Running(tmp_path, house).begin()
    await home.use(*VIDEO, minutes=5)
    await home.wait(DAY)
    assert minutes_left(home) == 30
    assert load_history(tmp_path, "home", "mia", date(2026, 3, 1)) == ()


async def test_of_a_day_that_is_over_only_numbers_are_on_the_disk(tmp_path: Path) -> None:
    home = await Running(tmp_path, replace(family(), budgets=(CARRIED,))).begin()
    await home.use(*VIDEO, minutes=5)
    await home.wait(DAY)
    (yesterday, _) = load_history(tmp_path, "home", "mia", date(2026, 3, 1))
    assert (yesterday.marks, yesterday.minutes.likely) == (NO_MARKS, 5)


async def test_a_stop_keeps_the_minute_that_runs(tmp_path: Path) -> None:
    house = replace(family(), budgets=(HALF_HOUR,))
    home = await Running(tmp_path, house).begin()
    await home.use(*VIDEO, minutes=3)
    for name in VIDEO:
        home.keeper.ledger.record(*MIA, ["tube"], name, home.now)
    await home.keeper.close()
    again = await Running(tmp_path, house, home.now + 1).begin()
    assert again.keeper.policy_inputs.used[MIA]["tube"].likely == 4


async def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    home = await Running(tmp_path, replace(family(), budgets=(HALF_HOUR,))).begin()
    await home.use(*VIDEO, minutes=31)
    assert not home.is_open()


async def test_a_clock_before_what_was_seen_is_told_and_time_goes_on(tmp_path: Path) -> None:
    home = await Running(tmp_path, family()).begin()
    await home.wait(60)
    assert load_clock(tmp_path) == LastSeen(NOW + 60)
    late = await Running(tmp_path, family(), now=NOW - 86_400).begin()
    assert late.kinds() == [EventKind.CLOCK_WRONG]
    assert late.keeper.policy_inputs.clock_is_wrong
    assert load_clock(tmp_path) == LastSeen(NOW + 60, wrong_since=500 - 86_400)
    late.now = NOW + 100  # somebody sets it
    await late.wait(1)
    assert late.kinds() == [EventKind.CLOCK_WRONG, EventKind.CLOCK_RIGHT]
    assert not late.keeper.policy_inputs.clock_is_wrong
    await late.wait(60)
    assert load_clock(tmp_path) == LastSeen(NOW + 161)


async def used_up(folder: Path, house: Household) -> Running:
    """Return a program in which the minutes of this day are used up, and some of the day before."""
    home = await Running(folder, house, NOW - DAY).begin()
    await home.use(*VIDEO, minutes=5)
    home.now = NOW
    await home.use(*VIDEO, minutes=56)  # 25 are carried over
    assert not home.is_open()
    return home


@pytest.mark.parametrize("wrong", [NOW - 2 * DAY, NOW - 9000 * DAY, NOW + 2 * DAY, NOW + 900 * DAY])
@pytest.mark.parametrize("chosen", OnFailure)
async def test_a_start_with_a_wrong_clock_gives_no_minutes_anew(
    tmp_path: Path, wrong: float, chosen: OnFailure
) -> None:
    house = replace(family(), budgets=(CARRIED,), failures=FailureChoices(clock=chosen))
    home = await used_up(tmp_path, house)
    late = await Running(tmp_path, house, wrong).begin()
    await late.use(*VIDEO, minutes=2)
    late.now = home.now + 120  # somebody sets it
    await late.wait(60)
    assert not late.is_open()


TODAY = int(NOW) // 86_400 * 86_400
NINE = TODAY + 21 * 3600
SOFT = Schedule("bed", "mia", (Slot(frozenset({"daily"}), 21 * 60, 600),), grace=5)


@pytest.mark.parametrize(
    ("name", "after", "is_open"),
    [
        ("match.example", 0, True),
        ("match.example", 299, True),
        ("match.example", 300, False),
        ("new.example", 0, False),
    ],
)
async def test_what_was_in_use_ends_softly(
    tmp_path: Path, name: str, after: float, is_open: bool
) -> None:
    home = await Running(tmp_path, replace(family(), schedules=(SOFT,)), now=NINE - 30).begin()
    home.keeper.ledger.record(*MIA, [], "match.example", home.now)
    await home.wait(29)
    await home.wait(1 + after)
    assert home.is_open(name) is is_open


async def test_a_budget_can_end_softly_too(tmp_path: Path) -> None:
    soft = replace(HALF_HOUR, grace=5)
    home = await Running(tmp_path, replace(family(), budgets=(soft,))).begin()
    await home.use(*VIDEO, minutes=31)
    assert home.is_open("cdn.tube.example")
    assert not home.is_open("other.tube.example")
    await home.wait(300)
    assert not home.is_open("cdn.tube.example")
    (grant, *_) = home.keeper.policy_inputs.in_use.get(MIA) or (None,)
    assert grant is None or grant.about == Matcher("cdn.tube.example", MatchKind.EXACT)


async def test_categories_without_a_list_are_noted_once(tmp_path: Path) -> None:
    home = await Running(tmp_path, family()).begin()
    assert home.keeper.set_missing(frozenset({"games"}))
    assert not home.keeper.set_missing(frozenset({"games"}))
    assert home.keeper.policy_inputs.missing_categories == {"games"}
