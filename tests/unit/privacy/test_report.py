"""The report of a month: counts, and nothing by which anybody could be watched."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from copdns.appeals.appeal import (
    Appeal,
    AppealAnswer,
    AppealKind,
    AppealRequest,
    AppealState,
    ContestedVerdict,
    Decider,
)
from copdns.appeals.review import DecisionReason
from copdns.model.household import Band, PrivacyMode, Profile
from copdns.model.verdict import Action, Reason
from copdns.privacy.report import (
    appeals_of,
    counted_from,
    lookups_of_children,
    month_of,
    people_of,
    reportable,
    requests_of_children,
)
from copdns.privacy.retention import CountKey
from copdns.time.minutes import DayBitmaps, Minutes, Usage
from tests.household import ADA, MIA, TOM, family

ZONE = "Europe/Paris"
MONTH = month_of(date(2026, 3, 17), ZONE)
HOUR = int(MONTH.start) // 3600
NOW = MONTH.end - 1
HOUSE = family(MIA, TOM, ADA)


def count(
    profile: str, n: int, category: str = "", hour: int = HOUR, action: str = "block"
) -> tuple[CountKey, int]:
    reason = "category" if category else "schedule"
    return CountKey("home", profile, hour, action, reason, category), n


def appeal(
    asked: float, hours: float | None = None, state: AppealState = AppealState.GRANTED
) -> Appeal:
    to = ContestedVerdict(Action.BLOCK, Reason.CATEGORY)
    at = int(asked + (hours or 0) * 3600)
    answer = AppealAnswer(at, state, DecisionReason.FAIR_ENOUGH, Decider("owner", "Ada"))
    return Appeal(
        "x",
        AppealRequest("mia", "tablet", AppealKind.NAME, to, name="games.example"),
        int(asked),
        int(asked),
        state if hours is not None else AppealState.OPEN,
        answers=(answer,) if hours is not None else (),
    )


def test_a_month_is_that_of_the_households_calendar() -> None:
    # From 1 March 00:00 in Paris (+1) to 1 April 00:00 (+2): an hour of it was skipped.
    assert (MONTH.end - MONTH.start) / 3600 == 31 * 24 - 1
    assert str(MONTH) == "2026-03"
    assert str(month_of(date(2026, 12, 31), ZONE)) == "2026-12"


@pytest.mark.parametrize(("n", "shown"), [(0, 0), (1, None), (4, None), (5, 5)])
def test_a_small_number_is_not_told(n: int, shown: int | None) -> None:
    assert reportable(n) == shown


def test_blocks_are_counted_by_person_and_category() -> None:
    counts = [
        count("mia", 3, "games"),
        count("mia", 4, "games", HOUR + 1),
        count("mia", 9),
        count("mia", 100, action="allow"),
        count("mia", 99, "games", HOUR - 1),  # of the month before
        count("tom", 2, "gambling"),
    ]
    mia, tom = people_of(HOUSE, counts, (), MONTH, NOW)
    assert (mia.asked, mia.blocked) == (116, 16)
    assert mia.closed == (("schedule", 9), ("games", 7))
    assert (tom.blocked, tom.closed) == (None, (("gambling", None),))


@pytest.mark.parametrize(
    ("counts", "blocked", "leaves_out"),
    [
        ((9, 4), 9, True),  # 13 would give the 4 away
        ((9, 2, 2), 9, True),  # and so would 13 that there were few of each
        ((9, 3, 4), 16, False),  # of two that are 7 together nobody can tell which is which
        ((4,), None, False),
        ((3, 4), 7, False),
        ((), 0, False),
    ],
)
def test_no_small_number_is_what_is_left_of_a_sum(
    counts: tuple[int, ...], blocked: int | None, leaves_out: bool
) -> None:
    named = zip(counts, ("games", "gambling", "adult"), strict=False)
    found = [count("mia", n, category) for n, category in named]
    mia, *_ = people_of(HOUSE, found, (), MONTH, NOW)
    assert (mia.blocked, mia.leaves_out) == (blocked, leaves_out), "and a total says so"


def test_a_person_reads_small_numbers_of_their_own() -> None:
    found = [count("mia", 9, "games"), count("mia", 4, "gambling")]
    mia, *_ = people_of(HOUSE, found, (), MONTH, NOW, exact=True)
    assert (mia.asked, mia.blocked) == (13, 13)
    assert mia.closed == (("games", 9), ("gambling", 4))


def test_adults_and_whoever_has_nothing_kept_are_not_in_it() -> None:
    house = family(replace(MIA, privacy=PrivacyMode.OFF), TOM, ADA)
    used = Usage("home", "mia", "b1", date(2026, 3, 2), 0, DayBitmaps(0, 0), Minutes(1, 50, 99))
    counts = [count("mia", 50, "games"), count("ada", 70, "games"), count("guest", 70, "games")]
    mia, tom = people_of(house, counts, [used], MONTH, NOW)
    assert (mia.asked, mia.blocked, mia.closed, mia.minutes) == (None, None, (), ())
    assert (tom.profile, tom.asked) == ("tom", 0)


def test_minutes_are_added_up_by_budget() -> None:
    days = [date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 1)]
    used = [
        Usage("home", "mia", "b1", day, 0, DayBitmaps(0, 0), Minutes(1, 20, 99)) for day in days
    ]
    mia, _ = people_of(HOUSE, (), used, MONTH, NOW)
    assert mia.minutes == (("b1", 40),)


def test_appeals_say_how_they_ended_and_how_fast() -> None:
    asked = MONTH.start + 3600
    found = appeals_of(
        [
            appeal(asked, 1),
            appeal(asked, 5, AppealState.REFUSED),
            appeal(asked, 30, AppealState.LIMITED),
            replace(appeal(asked), overdue=1),
            appeal(MONTH.start - 1, 1),
            appeal(MONTH.end, 1),
        ],
        MONTH,
    )
    assert (found.asked, found.answered, found.hours, found.overdue) == (4, 3, 5.0, 1)
    assert found.states == {"granted": 1, "limited": 1, "open": 1, "refused": 1}
    assert found.granted_percent == 67


def test_a_month_without_appeals_has_no_share_and_no_hours() -> None:
    found = appeals_of((), MONTH)
    assert (found.asked, found.granted_percent, found.hours) == (0, None, None)


def test_counts_begin_where_those_before_were_deleted() -> None:
    assert counted_from(MONTH, NOW, 30) == NOW - 30 * 86_400
    assert counted_from(MONTH, NOW, 60) == MONTH.start


# --- sums that a child may read -------------------------------------------------------------------

THIRD = Profile("third", "Third child", Band.TO_12)
THREE = family(MIA, TOM, ADA)
THREE = replace(THREE, profiles=(*THREE.profiles, THIRD))


def sums(*counts: tuple[CountKey, int], off: str = "") -> tuple[int, int] | None:
    people = tuple(
        replace(each, privacy=PrivacyMode.OFF) if each.id == off else each
        for each in THREE.profiles
    )
    return lookups_of_children(replace(THREE, profiles=people), counts, MONTH, NOW)


def test_a_sum_is_of_three_children_and_in_tens() -> None:
    counts = [count("mia", 14), count("tom", 31, action="allow"), count("third", 6, "games")]
    assert sums(*counts) == (50, 20)
    assert sums(*counts, count("ada", 9_000)) == (50, 20)
    assert sums(*counts, count("mia", 900, hour=HOUR - 1)) == (50, 20)


@pytest.mark.parametrize("n", [0, 1, 4])
def test_a_child_of_whom_little_is_counted_hides_nobody(n: int) -> None:
    assert sums(count("mia", 500), count("tom", 31), count("third", n)) is None


def test_whoever_has_nothing_kept_is_in_no_sum_and_makes_none_possible() -> None:
    counts = [count(who, 500) for who in ("mia", "tom", "third")]
    assert sums(*counts, off="tom") is None


def sent(**counts: int) -> list[Appeal]:
    """Return so many requests by profile, all of the first hours of the month."""
    return [
        replace(each, ask=replace(each.ask, profile=who))
        for who, n in counts.items()
        for each in [appeal(MONTH.start + 3600)] * n
    ]


def test_requests_of_all_are_told_in_tens_where_three_children_sent_several() -> None:
    assert requests_of_children(THREE, sent(mia=5, tom=5, third=6), MONTH, NOW) == 20
    assert requests_of_children(THREE, sent(mia=50, tom=5, third=4), MONTH, NOW) is None
    assert requests_of_children(THREE, sent(mia=1, tom=1, third=1), MONTH, NOW) is None
    assert requests_of_children(THREE, sent(mia=5, tom=5, ada=6), MONTH, NOW) is None


def test_requests_of_all_leave_out_today_and_what_may_be_of_somebody_else() -> None:
    before = sent(mia=5, tom=5, third=5)
    today = [replace(each, asked=int(NOW) - 60) for each in sent(mia=30)]
    another = [replace(each, asked=int(MONTH.end)) for each in sent(mia=30)]
    unlinked = [replace(each, ask=replace(each.ask, paired=False)) for each in sent(mia=30)]
    found = requests_of_children(THREE, [*before, *today, *another, *unlinked], MONTH, NOW)
    assert found == requests_of_children(THREE, before, MONTH, NOW) == 20
