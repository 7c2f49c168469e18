"""Minutes, soft ends and events, as a running program keeps them from second to second."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from copdns.app.time_chores import TimeChores
from copdns.dns.records import A
from copdns.events.bus import EventBus
from copdns.model.events import Event, EventKind
from copdns.model.household import Household, OwnService, PrivacyMode, Profile
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.times import (
    Bonus,
    Budget,
    FailureChoices,
    Grant,
    OnFailure,
    Schedule,
    Slot,
    Subject,
    Topic,
    TopicKind,
)
from copdns.policy.decide import decide
from copdns.policy.guest import GUEST
from copdns.policy.snapshot import Snapshot
from copdns.policy.today import build_today
from copdns.privacy.own_numbers import hidden_limits
from copdns.store.log_db.querylog import FILE, QueryLog
from copdns.store.log_db.usage import load_clock
from copdns.time.clock import Clock, LastSeen
from copdns.time.minutes import NO_MARKS
from tests.household import ADA, NOW, TOM, library, live
from tests.household import MIA as PERSON
from tests.household import family as people

TUBE = (Matcher("tube.example"),)
# Of whom blocked names are kept: what a limit on one site tells is told.
CHILD = replace(PERSON, privacy=PrivacyMode.BLOCKED)
HALF_HOUR = Budget("tube", "mia", (("daily", 30),), TUBE)
MIA = "home", "mia"


def family(*profiles: Profile, **fields: Any) -> Household:
    return people(*(profiles or (CHILD, TOM, ADA)), **fields)


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


async def test_a_change_of_the_zone_gives_no_minutes_twice_and_takes_none(tmp_path: Path) -> None:
    """At four in the afternoon, UTC; in Auckland it is tomorrow already."""
    house = replace(family(), budgets=(HALF_HOUR,), timezone="UTC")
    home = await Running(tmp_path, house).begin()

    async def live_by(zone: str) -> None:
        child = replace(CHILD, timezone=zone)
        profiles = (child, *home.house.profiles[1:])
        home.house = replace(home.house, profiles=profiles, revision=home.house.revision + 1)
        home.build()
        await home.wait(60)
        home.build()

    def left() -> int:
        who = home.house.profiles[0]
        policy, inputs = home.live.policy(*MIA), home.keeper.policy_inputs
        (found,) = build_today(home.house, who, policy, inputs, home.now).minutes
        return found.left

    await home.use(*VIDEO, minutes=20)
    assert left() == 10
    for zone in ("America/New_York", "Pacific/Auckland", "Europe/Paris", ""):
        await live_by(zone)
        assert left() == 10
    await home.use(*VIDEO, minutes=10)
    for zone in ("Pacific/Auckland", "America/New_York", "Europe/Paris"):
        await live_by(zone)
        assert (left(), home.is_open()) == (0, False)
    home.now += 6 * 3600  # over midnight in Paris, and not yet at home
    await home.wait(60)
    assert (left(), home.is_open()) == (30, True)


async def test_a_budget_that_is_used_up_closes_and_is_told(tmp_path: Path) -> None:
    home = await Running(tmp_path, replace(family(), budgets=(HALF_HOUR,))).begin()
    await home.use(*VIDEO, minutes=29)
    assert home.is_open()
    await home.use(*VIDEO, minutes=2)
    assert not home.is_open()
    kinds = home.kinds()
    assert kinds == [*[EventKind.TIME_WARNING] * 3, EventKind.TIME_CLOSED]


OWN_CLUB = OwnService("club", "Club", TUBE)


@pytest.mark.parametrize(
    ("about", "told"),
    [
        (TUBE, False),
        ((Topic(TopicKind.SERVICE, "club"),), False),
        ((Topic(TopicKind.LIST, "games-list"), *TUBE), False),
        ((), True),  # everything: no more than counts tell
    ],
)
@pytest.mark.parametrize("mode", [PrivacyMode.COUNTS, PrivacyMode.OFF])
@pytest.mark.parametrize("scope", ["mia", "#children", ""])
async def test_of_whom_counts_are_kept_nobody_hears_of_a_limit_on_one_site(
    tmp_path: Path, about: tuple[Subject, ...], told: bool, mode: PrivacyMode, scope: str
) -> None:
    house = family(
        replace(CHILD, privacy=mode),
        services=(OWN_CLUB,),
        budgets=(Budget("tube", scope, (("daily", 3),), about),),
    )
    with structlog.testing.capture_logs() as logged:
        home = await Running(tmp_path, house).begin()
        names = VIDEO if about else tuple(f"n{each}.example" for each in range(6))
        await home.use(*names, minutes=5)
        assert not home.is_open()  # it works all the same
        await home.wait(DAY)
    events = {EventKind.TIME_WARNING, EventKind.TIME_CLOSED, EventKind.TIME_OPENED}
    assert set(home.kinds()) == (events if told else set())
    in_log = {each["event"] for each in logged if each.get("id") == "tube"}
    assert in_log == ({str(each) for each in events} if told else set())


async def test_what_a_permission_would_warn_of_does_not_tell_that_a_limit_is_used_up(
    tmp_path: Path,
) -> None:
    """Only a limit that is used up makes the end of this permission close something."""
    grant = Grant(TUBE[0], NOW, NOW + 900, NOW, content=False, time=True, id="g1", profile="mia")
    told = []
    for used in (0, 5):
        house = family(
            replace(CHILD, privacy=PrivacyMode.COUNTS), budgets=(replace(HALF_HOUR, minutes=FEW),)
        )
        home = await Running(tmp_path / str(used), house).begin()
        await home.use(*VIDEO, minutes=used)
        home.house = replace(house, grants=(replace(grant, end=home.now + 900),))
        home.build()
        for _ in range(14):
            await home.wait(60)
        told.append(home.kinds())
    assert told[0] == told[1] == [EventKind.GRANT_GIVEN]


FEW = (("daily", 3),)


async def test_minutes_that_were_a_persons_own_stay_so_whatever_becomes_of_the_limit(
    tmp_path: Path,
) -> None:
    mine = family(replace(CHILD, privacy=PrivacyMode.COUNTS), budgets=(HALF_HOUR,))
    home = await Running(tmp_path, mine).begin()
    await home.use(*VIDEO, minutes=5)
    # Now it is about a category, and the mode keeps names too.
    games = replace(HALF_HOUR, about=(Topic(TopicKind.CATEGORY, "games"),))
    home.house = family(budgets=(games,))
    home.build()
    await home.use(*VIDEO, minutes=1)
    inputs, child = home.keeper.policy_inputs, home.house.profiles[0]
    assert hidden_limits(home.house, child, inputs, home.now) == {"tube"}
    (row,) = QueryLog(tmp_path).usage("home", "mia", date(2026, 3, 1))
    assert row.own
    await home.wait(DAY)
    await home.use(*VIDEO, minutes=5)
    inputs = home.keeper.policy_inputs
    assert hidden_limits(home.house, child, inputs, home.now) == frozenset()
    rows = QueryLog(tmp_path).usage("home", "mia", date(2026, 3, 1))
    assert [each.own for each in rows] == [True, False]
    again = await Running(tmp_path, mine, home.now + 60).begin()
    assert again.keeper.policy_inputs.own == {MIA: frozenset({"tube"})}


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
    assert QueryLog(tmp_path).usage("home", "mia", date(2026, 3, 1)) == ()


async def test_of_a_day_that_is_over_only_numbers_are_on_the_disk(tmp_path: Path) -> None:
    home = await Running(tmp_path, replace(family(), budgets=(CARRIED,))).begin()
    await home.use(*VIDEO, minutes=5)
    await home.wait(DAY)
    (yesterday, _) = QueryLog(tmp_path).usage("home", "mia", date(2026, 3, 1))
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
    assert late.keeper.policy_inputs.clock_is_wrong
    await late.keeper.run_second()  # by now there is somebody who tells it
    assert late.kinds() == [EventKind.CLOCK_WRONG]
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
