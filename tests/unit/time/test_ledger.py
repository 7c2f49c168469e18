"""Tests of the ledger: what is noted becomes minutes, once, and names do not stay."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from copdns.time.ledger import (
    MAX_BUDGETS,
    MAX_DAYS,
    MAX_NAMES,
    MAX_PROFILES,
    MINUTES_WITH_NAMES,
    UsageLedger,
)
from copdns.time.minutes import (
    NARROW,
    NO_MARKS,
    WIDE,
    DayStart,
    Minutes,
    UseCriteria,
    minute_bitmaps,
)

HOUR, DAY = 3600, 86_400
NOON = 1_774_785_600  # 2026-03-29 12:00 UTC
TODAY = DayStart(date(2026, 3, 29), NOON - 12 * HOUR)
TOMORROW = DayStart(date(2026, 3, 30), TODAY.start + DAY)


def day_of(household: str, profile: str, at: float) -> DayStart:
    start = int(at) // DAY * DAY
    return DayStart(datetime.fromtimestamp(start, UTC).date(), start)


def sense_of(household: str, profile: str, budget: str) -> UseCriteria:
    return WIDE if budget == "all" else NARROW


def empty(most_profiles: int = MAX_PROFILES) -> UsageLedger:
    return UsageLedger(day_of, sense_of, most_profiles)


def play(ledger: UsageLedger, minutes: range, budget: str = "games", names: int = 2) -> None:
    """Have Mia use something in these minutes after noon."""
    for minute in minutes:
        for number in range(names):
            at = NOON + minute * 60 + number
            ledger.record("home", "mia", [budget], f"{number}.games.example", at)
        ledger.fold(NOON + (minute + 1) * 60)


def likely(
    ledger: UsageLedger, budget: str = "games", day: DayStart = TODAY, profile: str = "mia"
) -> int:
    return ledger.minutes_by_budget("home", profile, day).get(budget, Minutes()).likely


def test_minutes_of_use_are_counted_when_they_are_over() -> None:
    ledger = empty()
    play(ledger, range(30))
    assert ledger.minutes_by_budget("home", "mia", TODAY) == {"games": Minutes(30, 30, 30)}
    ledger.record("home", "mia", ["games"], "0.games.example", NOON + 30 * 60)
    ledger.record("home", "mia", ["games"], "1.games.example", NOON + 30 * 60)
    ledger.fold(NOON + 30 * 60 + 59)
    assert likely(ledger) == 30
    ledger.fold(NOON + 31 * 60)
    assert likely(ledger) == 31


def test_the_same_name_again_and_again_is_one_name() -> None:
    ledger = empty()
    for second in range(120):
        ledger.record("home", "mia", ["games"], "a.games.example", NOON + second)
    ledger.fold(NOON + 120)
    assert ledger.minutes_by_budget("home", "mia", TODAY) == {"games": Minutes(0, 0, 2)}


def test_a_name_counts_for_each_budget_it_is_about_and_for_no_other() -> None:
    ledger = empty()
    for second in range(0, 240, 30):
        ledger.record("home", "mia", ["games", "all"], f"{second}.games.example", NOON + second)
        ledger.record("home", "mia", ["all"], f"{second}.example", NOON + second)
        ledger.record("home", "mia", [], f"{second}.school.example", NOON + second)
    ledger.fold(NOON + 240)
    assert ledger.minutes_by_budget("home", "mia", TODAY) == {
        "games": Minutes(4, 4, 4),
        "all": Minutes(0, 0, 4),  # four names a minute: what a device may do by itself
    }


def test_a_stranger_and_a_brother_use_up_minutes_of_their_own() -> None:
    ledger = empty()
    play(ledger, range(5))
    for household, profile in (("there", "mia"), ("home", "tom")):
        ledger.record(household, profile, ["games"], "a.example", NOON)
    ledger.fold(NOON + 400)
    assert likely(ledger) == 5
    assert likely(ledger, profile="tom") == 0
    assert ledger.minutes_by_budget("there", "mia", TODAY)["games"].high == 1


def test_who_asks_learns_what_was_used_since_the_last_time() -> None:
    ledger = empty()
    ledger.record("home", "mia", ["games"], "a.example", NOON)
    ledger.record("home", "tom", [], "a.example", NOON)
    assert ledger.fold(NOON) == frozenset()
    assert ledger.fold(NOON + 60) == {("home", "mia", "games")}
    assert ledger.fold(NOON + 60) == frozenset()


def test_a_stop_counts_the_minute_that_runs() -> None:
    ledger = empty()
    play(ledger, range(3))
    ledger.record("home", "mia", ["games"], "a.games.example", NOON + 180)
    assert ledger.finish(NOON + 181) == {("home", "mia", "games")}
    assert likely(ledger) == 4


def test_what_is_closed_right_after_use_is_not_counted_when_it_opens_again() -> None:
    ledger = empty()
    play(ledger, range(10))
    for minute in range(10, 15):
        ledger.note_closed("home", "mia", ["games", "films"], NOON + minute * 60 + 59)
    play(ledger, range(15, 20))
    assert likely(ledger) == 15
    again = empty()
    again.load(ledger.take_unsaved())
    assert again.marks("home", "mia", "games", TODAY).closed.bit_count() == 5
    assert "films" not in ledger.minutes_by_budget("home", "mia", TODAY)


def test_a_clock_set_back_and_forth_counts_no_minute_twice() -> None:
    ledger = empty()
    play(ledger, range(30))
    play(ledger, range(10, 20))
    play(ledger, range(30))
    assert ledger.minutes_by_budget("home", "mia", TODAY) == {"games": Minutes(30, 30, 30)}


def test_a_clock_set_over_midnight_and_back_keeps_what_was_used() -> None:
    ledger = empty()
    play(ledger, range(30))
    play(ledger, range(12 * 60, 12 * 60 + 5))
    assert likely(ledger, day=TOMORROW) == 5
    play(ledger, range(30, 40))
    assert likely(ledger) == 40


def test_names_of_the_same_minute_are_put_together_however_the_clock_moved() -> None:
    ledger = empty()
    ledger.record("home", "mia", ["games"], "a.example", NOON + 60)
    ledger.record("home", "mia", ["games"], "c.example", NOON + 120)
    ledger.fold(NOON + 180)
    ledger.record("home", "mia", ["games"], "b.example", NOON + 60)
    ledger.fold(NOON + 180)
    assert ledger.marks("home", "mia", "games", TODAY).several == 1 << 12 * 60 + 1


def test_a_day_without_use_is_known_from_one_that_was_not_counted() -> None:
    ledger = empty()
    ledger.begin_day("home", "mia", ["games"], NOON)
    assert ledger.minutes_by_budget("home", "mia", TODAY) == {"games": Minutes()}
    (usage,) = ledger.take_unsaved()
    assert (usage.day, usage.minutes) == (TODAY.date, Minutes())
    ledger.begin_day("home", "mia", ["games"], NOON + 60)
    assert ledger.take_unsaved() == ()
    assert ledger.minutes_by_budget("home", "mia", TOMORROW) == {}


def test_a_new_day_begins_with_nothing() -> None:
    ledger = empty()
    play(ledger, range(12 * 60 - 10, 12 * 60 + 5))
    assert (likely(ledger), likely(ledger, day=TOMORROW)) == (10, 5)


def test_an_hour_moved_by_the_household_takes_the_minutes_along() -> None:
    start = TODAY.start
    ledger = UsageLedger(lambda *_: DayStart(TODAY.date, start), sense_of)
    play(ledger, range(30))
    start += 12 * HOUR + 10 * 60  # ten minutes past noon
    later = DayStart(TODAY.date, start)
    assert likely(ledger, day=later) == 20
    play(ledger, range(30, 31))
    assert likely(ledger, day=later) == 21
    assert ledger.marks("home", "mia", "games", later).some == (1 << 21) - 1


def test_a_date_that_changes_with_the_zone_gives_no_minutes_anew() -> None:
    east = 0  # hours

    def local(household: str, profile: str, at: float) -> DayStart:
        day = day_of(household, profile, at + east * HOUR)
        return DayStart(day.date, day.start - east * HOUR)

    ledger = UsageLedger(local, sense_of)
    play(ledger, range(30))
    east = 14  # it is tomorrow already
    play(ledger, range(30, 31))
    tomorrow = local("home", "mia", NOON)
    assert tomorrow.date == TOMORROW.date
    assert likely(ledger, day=tomorrow) == 31
    east = 0
    play(ledger, range(31, 32))
    assert likely(ledger) == 32


def test_a_date_that_comes_back_with_the_zone_has_the_minutes_of_both_dates() -> None:
    """Fourteen hours west it is yesterday again: what was used today belongs to that day."""
    west = 0  # hours

    def local(household: str, profile: str, at: float) -> DayStart:
        day = day_of(household, profile, at - west * HOUR)
        return DayStart(day.date, day.start + west * HOUR)

    ledger = UsageLedger(local, sense_of)
    play(ledger, range(-780, -775))  # from eleven o'clock yesterday evening
    play(ledger, range(30))
    assert likely(ledger, day=local("home", "mia", NOON)) == 30
    west = 14
    play(ledger, range(30, 31))
    yesterday = local("home", "mia", NOON)
    assert yesterday.date == date(2026, 3, 28)
    assert likely(ledger, day=yesterday) == 36
    # At home again, each minute is where it was, and none is there twice.
    west = 0
    play(ledger, range(31, 32))
    assert likely(ledger, day=local("home", "mia", NOON)) == 32


def test_a_day_that_is_to_begin_later_counts_each_minute_once_also_after_a_restart() -> None:
    """At noon a day begins at 13:00 in place of 04:00, so it is still yesterday until then."""
    starts = 4  # o'clock

    def local(household: str, profile: str, at: float) -> DayStart:
        day = day_of(household, profile, at - starts * HOUR)
        return DayStart(day.date, day.start + starts * HOUR)

    ledger = UsageLedger(local, sense_of)
    play(ledger, range(-60, 0))
    stored = ledger.take_unsaved()
    for again in (ledger, UsageLedger(local, sense_of)):
        starts = 4
        again.load(stored)
        starts = 13
        play(again, range(20))
        assert likely(again, day=local("home", "mia", NOON)) == 80
        at_two = local("home", "mia", NOON + 2 * HOUR)
        assert at_two.date == TODAY.date
        assert likely(again, day=at_two) == 0
        starts = 4  # it was a mistake, and is undone
        assert likely(again, day=local("home", "mia", NOON)) == 80
        starts = 13
        play(again, range(2 * 60, 2 * 60 + 5))
        assert likely(again, day=at_two) == 5


def test_what_another_box_counted_before_days_began_later_is_not_of_the_new_day() -> None:
    starts = 4

    def local(household: str, profile: str, at: float) -> DayStart:
        day = day_of(household, profile, at - starts * HOUR)
        return DayStart(day.date, day.start + starts * HOUR)

    ours, other = UsageLedger(local, sense_of), UsageLedger(local, sense_of)
    play(other, range(-60, 0))
    told = other.take_unsaved()
    starts = 13
    play(ours, range(2 * 60, 2 * 60 + 5))
    ours.merge(told)
    assert likely(ours, day=local("home", "mia", NOON + 2 * HOUR)) == 5


def test_names_are_in_use_for_two_minutes_and_a_part_of_one() -> None:
    ledger = empty()
    ledger.record("home", "mia", ["games"], "match.example", NOON + 59)
    ledger.record("home", "mia", [], "lesson.example", NOON + 60)
    ledger.record("home", "tom", [], "other.example", NOON + 60)

    def in_use(at: float, minutes: int = MINUTES_WITH_NAMES) -> set[str]:
        ledger.fold(at)
        return set(ledger.names_in_use("home", "mia", at, minutes))

    assert in_use(NOON + 60) == {"match.example", "lesson.example"}
    assert in_use(NOON + 60, minutes=0) == {"lesson.example"}
    assert in_use(NOON + 179) == {"match.example", "lesson.example"}
    assert in_use(NOON + 180) == {"lesson.example"}
    assert in_use(NOON + 240) == set()


def test_names_are_forgotten_when_nobody_asks_for_them_any_more() -> None:
    ledger = empty()
    for minute in range(100):
        ledger.record("home", "mia", ["games"], f"{minute}.example", NOON + minute * 60)
        assert len(ledger._names_by_minute) <= MINUTES_WITH_NAMES + 2  # also when nobody folds
    ledger.fold(NOON + 200 * 60)
    assert ledger._names_by_minute == {}
    assert ledger.minutes_by_budget("home", "mia", TODAY)["games"].high == 100


def test_what_was_stored_is_taken_up_again() -> None:
    first, second = empty(), empty()
    play(first, range(30))
    second.record("home", "mia", ["games"], "a.example", NOON + 30 * 60)
    second.load(first.take_unsaved())
    assert second.take_unsaved() == ()
    assert second.fold(NOON + 30 * 60) == frozenset()  # what was stored is not used anew
    assert second.fold(NOON + 31 * 60) == {("home", "mia", "games")}
    assert likely(second) == 31
    (usage,) = second.take_unsaved()
    assert usage.minutes == Minutes(31, 31, 31)


def test_minutes_whose_bitmaps_are_gone_still_count() -> None:
    first, second = empty(), empty()
    play(first, range(30))
    (usage,) = first.take_unsaved()
    second.load([usage._replace(marks=NO_MARKS)])
    play(second, range(30, 35))
    assert likely(second) == 30
    assert likely(second, day=TOMORROW) == 0


def test_only_what_changed_is_to_be_saved_and_again_when_it_could_not_be() -> None:
    ledger = empty()
    play(ledger, range(3))
    taken = ledger.take_unsaved()
    assert [(each.budget, each.day, each.start) for each in taken] == [("games", *TODAY)]
    assert ledger.take_unsaved() == ()
    ledger.put_back(taken)
    play(ledger, range(3, 4))
    (again,) = ledger.take_unsaved()
    assert again.minutes == Minutes(4, 4, 4)


def test_who_is_erased_is_forgotten_with_names_and_all() -> None:
    ledger = empty()
    play(ledger, range(3))
    ledger.record("home", "tom", ["games"], "a.example", NOON + 120)
    ledger.erase("home", "mia")
    assert ledger.fold(NOON + 180) == {("home", "tom", "games")}
    assert ledger.minutes_by_budget("home", "mia", TODAY) == {}
    assert ledger.names_in_use("home", "mia", NOON + 180) == frozenset()
    assert [each.profile for each in ledger.take_unsaved()] == ["tom"]


def test_old_days_go_and_so_do_people_who_ask_no_more() -> None:
    ledger = empty()
    play(ledger, range(3))
    ledger.forget(TOMORROW.start + 30 * 60)
    assert likely(ledger) == 3
    ledger.forget(TOMORROW.start + DAY + 1)
    assert likely(ledger) == 3, "it is not saved: by a clock that is ahead it would be lost"
    ledger.take_unsaved()
    ledger.forget(TOMORROW.start + DAY + 1)
    assert ledger.minutes_by_budget("home", "mia", TODAY) == {}
    assert ledger._days == {}


def test_old_days_go_some_people_at_a_time_whatever_happens_in_between() -> None:
    ledger = empty()
    people = [f"child-{number}" for number in range(10)]
    for each in people:
        ledger.record("home", each, ["games"], "a.example", NOON)
    ledger.fold(NOON + 60)
    ledger.take_unsaved()
    parts = 0
    for _ in ledger.forget_in_parts(TOMORROW.start + DAY + 1, 3):
        parts += 1
        ledger.erase("home", people[-1])
    assert parts == 4
    assert ledger._days == {}


def test_no_more_days_are_kept_than_are_asked_for() -> None:
    ledger = empty()
    for day in (0, 1, 500, 2, 3):
        at = NOON + day * DAY
        ledger.record("home", "mia", ["games"], "a.example", at)
        ledger.fold(at + 60)
    assert len(ledger._days["home", "mia"]["games"]) == MAX_DAYS


def test_a_profile_cannot_fill_the_memory() -> None:
    ledger = empty()
    for number in range(MAX_NAMES + 9):
        ledger.record("home", "mia", [f"b{number}", "games"], f"{number}.example", NOON)
    assert len(ledger.names_in_use("home", "mia", NOON)) == MAX_NAMES
    ledger.fold(NOON + 60)
    assert len(ledger.minutes_by_budget("home", "mia", TODAY)) == MAX_BUDGETS
    assert ledger.dropped == MAX_NAMES + 9 - (MAX_BUDGETS - 1)


def test_many_profiles_cannot_fill_the_memory() -> None:
    ledger = empty(3)
    for minute in range(2):
        for number in range(5):
            at = NOON + minute * 60
            ledger.record("home", f"p{number + minute}", ["games"], "a.example", at)
    ledger.fold(NOON + 180)
    assert len(ledger._days) == 3
    assert ledger.dropped == 2 + 2 + 1


moments = st.integers(0, 3 * 24 * 60).map(lambda minute: TODAY.start + minute * 60)


def test_minutes_of_tomorrow_are_none_of_today_when_the_clock_comes_back() -> None:
    ledger = empty()
    play(ledger, range(12 * 60, 12 * 60 + 5))
    play(ledger, range(1))
    assert ledger.marks("home", "mia", "games", TODAY).some == 1 << 12 * 60


@given(st.lists(st.tuples(moments, st.integers(1, 6)), max_size=30))
def test_the_order_in_which_minutes_come_changes_no_bitmap(
    heard: list[tuple[int, int]],
) -> None:
    """Each minute is folded right after it, as the clock jumps from one to another."""
    ledger = empty()
    wanted: dict[int, int] = {}
    for at, names in heard:
        for number in range(names):
            ledger.record("home", "mia", ["games"], f"{number}.example", at)
        ledger.fold(at + 60)
        wanted[at] = max(wanted.get(at, 0), names)
    newest = day_of("home", "mia", heard[-1][0]) if heard else TODAY
    marks = NO_MARKS
    for at, names in wanted.items():
        if day_of("home", "mia", at) == newest:
            marks |= minute_bitmaps((at - newest.start) // 60, names)
    found = ledger.marks("home", "mia", "games", newest)
    assert found.some | marks.some == marks.some  # nothing that was not heard
    if {day_of("home", "mia", at) for at in wanted} <= {newest}:
        assert found == marks


def test_minutes_of_another_box_add_up_and_none_counts_twice() -> None:
    here, there = empty(), empty()
    play(here, range(20))
    play(there, range(10, 30))
    assert here.merge(there.usages_on([TODAY.date]))
    assert likely(here) == 30
    assert not here.merge(there.usages_on([TODAY.date])), "nothing is new"
    assert there.merge(here.usages_on([TODAY.date]))
    assert likely(there) == 30
    assert {each.minutes.likely for each in here.take_unsaved()} == {30}


def test_a_minute_is_folded_in_parts_and_who_is_erased_in_between_stays_so() -> None:
    ledger = UsageLedger(lambda *_: TODAY, lambda *_: NARROW)
    people = [f"p{number}" for number in range(5)]
    for each in people:
        ledger.record("home", each, ("games",), "game.example", NOON)
    parts = ledger.fold_in_parts(NOON + 60, 2)
    assert next(parts) == {("home", each, "games") for each in people[:2]}
    ledger.erase("home", "p0")
    ledger.erase("home", "p4")
    assert list(parts) == [{("home", "p2", "games"), ("home", "p3", "games")}, frozenset()]
    assert [each.profile for each in ledger.take_unsaved()] == ["p1", "p2", "p3"]
    assert ledger.names_in_use("home", "p1", NOON + 60) == {"game.example"}
    assert list(ledger.fold_in_parts(NOON + 300, 2)) == [frozenset()] * 2
    assert not ledger.fold(NOON + 300)
