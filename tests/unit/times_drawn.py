"""Households that say things about time, drawn at random; most of their weeks change the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from copdns.model.household import BlockMode, Household
from copdns.model.times import (
    DAY_WORDS,
    Bonus,
    Budget,
    DayType,
    Grant,
    PauseSpan,
    Schedule,
    SchoolCalendar,
    Slot,
    Subject,
    parse_subject,
)
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot
from copdns.time.days import local_time, zone_of
from copdns.time.minutes import Minutes
from copdns.time.plan import PolicyInputs
from tests.household import ADA, DEFAULTS, MIA, TOM, family, library

# A moment near which each zone changes its clock, or leaves out a date.
CHANGES = [
    ("Europe/Berlin", "2026-03-29T01:00"),
    ("Europe/Berlin", "2026-10-25T01:00"),
    ("America/New_York", "2026-03-08T07:00"),
    ("America/New_York", "2026-11-01T06:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("Africa/Casablanca", "2026-02-15T02:00"),
    ("Africa/Casablanca", "2026-03-22T02:00"),
    ("America/Havana", "2026-03-08T05:00"),
    ("Asia/Kolkata", "2026-06-01T00:00"),
    ("UTC", "2026-01-01T00:00"),
]
NAMES = [
    "games.example",
    "fair.games.example",
    "www.tube.example",
    "chat.tube.example",
    "music.example",
    "other.example",
    "wiki.example",
    "help.example",
]
LISTS = library(
    categories={"games": ["games.example", "!fair.games.example"]},
    services={"tube": ["tube.example"], "chat": ["chat.tube.example"]},
    protected={"child_helpline": ["help.example"], "education_reference": ["wiki.example"]},
    beacons=["push.tube.example"],
)
SUBJECTS = [
    parse_subject(each)
    for each in (
        *("category:games", "service:tube", "service:chat", "list:games-list"),
        *("music.example", "=other.example", "tube.example", "wiki.example"),
    )
]

Lifts = tuple[bool, bool]

abouts = st.just(()) | st.lists(st.sampled_from(SUBJECTS), max_size=2, unique=True).map(tuple)
words = st.frozensets(st.sampled_from(DAY_WORDS), min_size=1, max_size=3)
slots = st.builds(
    Slot,
    words,
    st.integers(0, 95).map(lambda quarter: 15 * quarter) | st.integers(0, 1439),
    st.sampled_from([1, 15, 60, 600, 1439, 1440]) | st.integers(1, 1440),
)


class Drawn(NamedTuple):
    """A household at a moment, and what was used of its budgets."""

    house: Household
    now: float
    readings: PolicyInputs

    def live(self, now: float | None = None, before: Snapshot | None = None) -> Snapshot:
        at = self.now if now is None else now
        return build_snapshot(before, LISTS, DEFAULTS, [self.house], at, self.readings)

    def policy(self, now: float | None = None) -> Policy:
        return self.live(now).policy("home", "mia")


plans = st.builds(
    Schedule,
    st.just("s"),
    st.sampled_from(["", "mia", "#children"]),
    st.lists(slots, min_size=1, max_size=3).map(tuple),
    abouts,
    st.booleans(),
)
limits = st.builds(
    Budget,
    st.just("b"),
    st.sampled_from(["", "mia"]),
    st.lists(
        st.tuples(st.sampled_from(DAY_WORDS), st.sampled_from([0, 1, 15, 60, 1440])),
        min_size=1,
        max_size=2,
        unique_by=lambda pair: pair[0],
    ).map(tuple),
    abouts,
    st.booleans(),
)


# What follows from the moment is made of these: to make a strategy takes longer than to draw.
pauses = st.lists(
    st.tuples(
        st.integers(-7200, 7200),
        st.none() | st.sampled_from([1, 60, 3600, 86_400]),
        st.booleans(),
    ),
    max_size=1,
)
permissions = st.tuples(
    st.none() | st.sampled_from(SUBJECTS),
    st.floats(-7200, 7200),
    st.sampled_from([0.5, 7.0, 60.0, 1800.0, 90_000.0]),
    st.floats(-7200, 7200),
    st.sampled_from([(True, False), (False, True), (True, True)]),
)
some_permissions = st.lists(permissions, max_size=2)
some_days = st.dictionaries(st.integers(-3, 9), st.sampled_from(DayType), max_size=3)
minutes_away = st.integers(-180, 180) | st.integers(-4 * 1440, 4 * 1440)


def grants(now: float) -> st.SearchStrategy[Grant]:
    return permissions.map(lambda drawn: _grant(now, *drawn))


def _grant(
    now: float, about: Subject | None, start: float, lasts: float, given: float, lifts: Lifts
) -> Grant:
    return Grant(
        about, now + start, now + start + lasts, now + given, *lifts, id="g", profile="mia"
    )


def _pause(now: float, start: int, lasts: int | None, homework: bool) -> PauseSpan:
    at = int(now) + start
    return PauseSpan("mia", at, lasts and at + lasts, homework)


def _calendar(today: date, found: dict[int, DayType]) -> SchoolCalendar:
    days = ((today + timedelta(days=away), kind) for away, kind in sorted(found.items()))
    return SchoolCalendar(days=tuple(days))


@st.composite
def drawn(draw: st.DrawFn, most_budgets: int = 2, endings: bool = True) -> Drawn:
    """endings: pauses and permissions too."""
    zone, text = draw(st.sampled_from(CHANGES))
    change = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    minutes = draw(minutes_away)
    now = change + 60 * minutes + draw(st.sampled_from([0.0, 0.0, 0.25, 17.0, 59.5]))
    today = local_time(now, zone_of(zone)).date()
    schedules = draw(st.lists(plans, max_size=3))
    budgets = [
        replace(each, id=f"b{place}")
        for place, each in enumerate(draw(st.lists(limits, max_size=most_budgets)))
    ]
    used = {each.id: draw(st.sampled_from([0, 1, 14, 15, 59, 60, 200])) for each in budgets}
    profile = replace(
        MIA,
        categories=draw(st.sampled_from([frozenset(), frozenset({"games"})])),
        services=draw(st.sampled_from([frozenset(), frozenset({"chat"})])),
        always=draw(abouts),
        homework=draw(abouts),
        block_mode=draw(st.sampled_from([BlockMode.NODATA, BlockMode.NXDOMAIN])),
    )
    house = family(
        profile,
        TOM,
        ADA,
        timezone=zone,
        calendar=_calendar(today, draw(some_days)),
        day_starts=draw(st.sampled_from([0, 0, 150, 240])),
        schedules=tuple(replace(each, id=f"s{place}") for place, each in enumerate(schedules)),
        budgets=tuple(budgets),
        bonuses=tuple(Bonus("b", "mia", each.id, today, 10) for each in draw(_some(budgets))),
        pauses=tuple(_pause(now, *each) for each in draw(pauses)) if endings else (),
        grants=tuple(_grant(now, *each) for each in draw(some_permissions)) if endings else (),
    )
    minutes_used = {key: Minutes(n, n, n) for key, n in used.items() if n}
    return Drawn(house, now, PolicyInputs(used={("home", "mia"): minutes_used}))


def _some(budgets: list[Budget]) -> st.SearchStrategy[list[Budget]]:
    return st.lists(st.sampled_from(budgets), max_size=1) if budgets else st.just([])
