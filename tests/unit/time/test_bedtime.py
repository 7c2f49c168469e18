"""When tonight's bedtime is, and what moving it for this night changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from copdns.household.time_edits import move_bedtime
from copdns.model.errors import HouseholdError
from copdns.model.household import Household
from copdns.model.times import MovedBedtime, Schedule, Topic, TopicKind
from copdns.time.bedtime import Bedtime, bedtime_choices, tonights_bedtime
from copdns.time.plan import build_time_plan
from copdns.time.schedule import parse_slots
from tests.household import MIA, TOM, family

ZONE = "Europe/Berlin"
GAMES = Topic(TopicKind.CATEGORY, "games")


def at(text: str, day: str = "2026-03-26") -> int:
    return int(datetime.fromisoformat(f"{day}T{text}").replace(tzinfo=ZoneInfo(ZONE)).timestamp())


MORNING = at("07:00", "2026-03-27")


def house(*written: str, **fields: object) -> Household:
    schedules = tuple(
        Schedule(f"s{place}", "mia", parse_slots(each)) for place, each in enumerate(written)
    )
    return family(MIA, TOM, timezone=ZONE, **{"schedules": schedules, **fields})


def tonight(home: Household, now: str = "18:00") -> Bedtime | None:
    return tonights_bedtime(home, MIA, at(now))


def closed_from(home: Household) -> list[int]:
    """Return when everything goes off in the night of the 26th, in order."""
    plan = build_time_plan(home, MIA, at("18:00"))
    night = at("12:00"), MORNING
    return sorted(int(e.start) for e in plan.closures if night[0] < e.start < night[1])


HOME = house("daily 21:00-07:00")


def test_it_is_the_time_from_which_everything_is_off_over_the_coming_night() -> None:
    assert tonight(HOME) == Bedtime(at("21:00"), at("21:00"), MORNING)
    assert tonight(HOME, "23:30") == tonight(HOME, "06:00"), "it lasts, and so it is tonight's"


def test_in_the_small_hours_of_a_free_night_it_is_that_of_the_coming_evening() -> None:
    # The 22nd is a Sunday: the night to it was free, and its evening is not.
    weekdays = house("sun mon tue wed thu 20:00-07:00")
    small_hours = at("01:36", "2026-03-22")
    sunday = at("20:00", "2026-03-22")
    found = tonights_bedtime(weekdays, MIA, small_hours)
    assert found == Bedtime(sunday, sunday, at("07:00", "2026-03-23"))
    moved = move_bedtime(weekdays, "mia", sunday + 1800, now=small_hours)
    assert tonights_bedtime(moved, MIA, sunday - 60) == Bedtime(
        sunday, sunday + 1800, at("07:00", "2026-03-23")
    )
    late = house("mon 02:00-07:00")
    assert tonights_bedtime(late, MIA, small_hours) is None, "it is more than a day away"


def test_off_times_of_the_day_and_of_some_sites_are_no_bedtime() -> None:
    school = house("daily 08:00-13:00")
    assert tonight(school, "07:00") is None
    both = house("daily 08:00-13:00", "daily 21:00-07:00")
    assert tonight(both, "07:00") == Bedtime(at("21:00"), at("21:00"), MORNING)
    games = Schedule("games", "mia", parse_slots("daily 20:00-07:00"), (GAMES,))
    assert tonight(family(MIA, timezone=ZONE, schedules=(games,))) is None


def test_a_bedtime_may_begin_after_midnight() -> None:
    found = tonight(house("daily 00:30-06:30"))
    assert found is not None
    assert found.start == at("00:30", "2026-03-27")


def test_what_is_off_for_longer_than_a_night_is_no_bedtime() -> None:
    assert tonight(house("daily 00:00-24:00")) is None
    assert tonight(house("daily 15:00-07:00")) is None


def test_one_schedule_after_the_other_is_one_bedtime() -> None:
    assert tonight(house("daily 20:30-21:00", "daily 21:00-07:00")) == Bedtime(
        at("20:30"), at("20:30"), MORNING
    )


@pytest.mark.parametrize("begins", ["19:30", "20:30", "22:30", "00:15"])
def test_it_begins_when_it_was_moved_to_in_this_night_alone(begins: str) -> None:
    moment = at(begins, "2026-03-27" if begins < "12" else "2026-03-26")
    moved = move_bedtime(HOME, "mia", moment, now=at("18:00"), author="Ada")
    assert closed_from(HOME) == [at("21:00")]
    assert closed_from(moved) == [moment]
    assert tonight(moved) == Bedtime(at("21:00"), moment, MORNING)
    assert moved.moved_bedtimes == (MovedBedtime("mia", at("21:00"), moment, MORNING, "Ada"),)
    later = tonights_bedtime(moved, MIA, at("18:00", "2026-03-27"))
    assert later is not None
    assert not later.is_moved


def test_later_is_later_for_every_schedule_that_would_begin_before() -> None:
    home = house("daily 21:00-07:00", "daily 22:00-07:00", "daily 23:00-07:00")
    moved = move_bedtime(home, "mia", at("22:30"), now=at("18:00"))
    assert closed_from(moved) == [at("22:30"), at("22:30"), at("23:00")]


def test_only_the_person_whose_bedtime_it_is_is_meant() -> None:
    home = replace(HOME, schedules=(replace(HOME.schedules[0], scope=""),))
    moved = move_bedtime(home, "mia", at("22:30"), now=at("18:00"))
    assert tonights_bedtime(moved, TOM, at("18:00")) == tonight(home)


def test_it_can_be_moved_again_and_put_back() -> None:
    once = move_bedtime(HOME, "mia", at("21:30"), now=at("18:00"))
    twice = move_bedtime(once, "mia", at("22:30"), now=at("18:00"))
    assert closed_from(twice) == [at("22:30")]
    assert move_bedtime(twice, "mia", at("21:00"), now=at("22:00")) == HOME, "also when it is over"


def test_the_same_again_changes_nothing() -> None:
    once = move_bedtime(HOME, "mia", at("21:30"), now=at("18:00"), author="Ada")
    assert move_bedtime(once, "mia", at("21:30"), now=at("18:00"), author="Ben") is once


@pytest.mark.parametrize("begins", ["17:59", "18:00", "16:59"])
def test_a_time_that_is_over_is_refused(begins: str) -> None:
    with pytest.raises(HouseholdError, match="over already"):
        move_bedtime(HOME, "mia", at(begins), now=at("18:00"))


def test_it_moves_by_four_hours_at_most_and_never_past_its_end() -> None:
    last = at("01:00", "2026-03-27")
    assert closed_from(move_bedtime(HOME, "mia", last, now=at("18:00"))) == [last]
    with pytest.raises(HouseholdError, match="4 hours at most"):
        move_bedtime(HOME, "mia", last + 60, now=at("18:00"))
    short = house("daily 03:00-05:00")
    with pytest.raises(HouseholdError, match="not past its end"):
        move_bedtime(short, "mia", at("05:00", "2026-03-27"), now=at("18:00"))


def test_without_a_bedtime_there_is_nothing_to_move() -> None:
    with pytest.raises(HouseholdError, match="no bedtime tonight"):
        move_bedtime(house(), "mia", at("21:00"), now=at("18:00"))


def test_one_that_was_moved_before_the_schedule_was_changed_is_as_the_schedule_says() -> None:
    moved = move_bedtime(HOME, "mia", at("21:30"), now=at("18:00"))
    changed = replace(moved, schedules=house("daily 20:00-07:00").schedules)
    assert tonight(changed) == Bedtime(at("20:00"), at("20:00"), MORNING)
    assert closed_from(changed) == [at("20:00")]


@pytest.mark.parametrize(
    "written", [["daily 21:30-07:00"], ["daily 21:00-07:00", "daily 20:00-21:00"]]
)
def test_nor_does_a_later_one_open_what_a_schedule_of_later_closes(written: list[str]) -> None:
    moved = move_bedtime(HOME, "mia", at("23:00"), now=at("18:00"))
    changed = replace(moved, schedules=house(*written).schedules)
    found = tonight(changed)
    assert found is not None
    assert not found.is_moved
    assert min(closed_from(changed)) == found.start
    assert max(closed_from(changed)) < at("23:00")


def test_the_choices_are_near_and_still_to_come() -> None:
    bedtime = Bedtime(at("21:00"), at("21:00"), MORNING)
    shown = [at(each) for each in ("20:00", "20:30", "21:30", "22:00")]
    assert bedtime_choices(bedtime, at("18:00")) == tuple(shown)
    assert bedtime_choices(bedtime, at("20:40")) == tuple(shown[2:])
    moved = bedtime._replace(start=at("21:30"))
    assert at("21:00") in bedtime_choices(moved, at("21:10")), "as usual again"
    assert at("21:00") not in bedtime_choices(bedtime, at("21:10"))
