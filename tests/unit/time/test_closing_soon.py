"""Tests of warnings: at 15, 5 and 1 minutes, each once, whatever the looks and the clock do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copdns.model.verdict import Reason
from copdns.time.closing_soon import ClosureWarning, UpcomingClosure, WarningState, due_warnings

NINE = 1_795_636_800.0
MINUTE = 60.0
BEDTIME = UpcomingClosure("home", "mia", Reason.SCHEDULE, "bedtime", NINE, closes_everything=True)


def play(left: float, now: float, day: float = NINE - 75_600) -> UpcomingClosure:
    """Return a budget that is in use and has some minutes left."""
    return UpcomingClosure("home", "mia", Reason.BUDGET, "play", now + left * MINUTE, day)


class Watch:
    """Somebody who looks again and again."""

    def __init__(self, told: WarningState | None = None) -> None:
        self.told = told or WarningState()

    def look(self, now: float, *coming: UpcomingClosure) -> list[int]:
        """Return in how many minutes what is coming closes, as far as that is to be told."""
        return [each.minutes for each in self.warnings(now, coming)]

    def warnings(
        self, now: float, coming: Sequence[UpcomingClosure] = (BEDTIME,)
    ) -> tuple[ClosureWarning, ...]:
        warnings, self.told = due_warnings(coming, self.told, now)
        return warnings

    def before_nine(self, *minutes: float) -> list[list[int]]:
        """Return what each look tells of bedtime, so many minutes before nine."""
        return [self.look(NINE - each * MINUTE, BEDTIME) for each in minutes]


def test_a_child_is_warned_at_15_5_and_1_minutes() -> None:
    looks = Watch().before_nine(60, 15.02, 15, 14.98, 5.02, 5, 4, 1.02, 1, 0.5, 0, -1)
    assert looks == [[], [], [15], [], [], [5], [], [], [1], [], [], []]


def test_a_warning_says_what_it_is_of() -> None:
    watch = Watch()
    assert watch.warnings(NINE - 900) == (ClosureWarning(BEDTIME, 15),)


def test_of_several_that_passed_since_the_last_look_the_nearest_is_told() -> None:
    assert Watch().before_nine(60, 4, 0.5) == [[], [4], [1]]
    assert Watch().before_nine(60, 0.9) == [[], [1]]


def test_what_began_before_anybody_looked_is_not_warned_of() -> None:
    assert Watch().before_nine(60, 0) == [[], []]
    assert Watch().before_nine(60, -3) == [[], []]


def test_what_begins_in_less_than_15_minutes_when_it_is_made_is_told_at_once() -> None:
    watch = Watch()
    assert watch.look(NINE - 600) == []
    assert watch.look(NINE - 590, BEDTIME) == [10]
    assert watch.look(NINE - 580, BEDTIME) == []
    assert watch.look(NINE - 300, BEDTIME) == [5]


def test_a_clock_that_is_set_back_tells_nothing_twice() -> None:
    assert Watch().before_nine(15, 5, 16, 15, 6, 5, 1, 30, 1) == [[15], [5], *[[]] * 4, [1], [], []]
    assert Watch().before_nine(1, -10, 1) == [[1], [], []]  # back from after it began


def test_a_clock_that_ran_ahead_and_is_mended_leaves_the_nearer_ones() -> None:
    assert Watch().before_nine(40, 4, 40, 15, 5, 1) == [[], [4], [], [], [], [1]]


def test_another_moment_is_another_warning() -> None:
    watch = Watch()
    assert watch.before_nine(15, 5) == [[15], [5]]
    later = BEDTIME._replace(at=NINE + 1800)  # half an hour more today
    assert [watch.look(later.at - each * MINUTE, later) for each in (33, 15, 5)] == [[], [15], [5]]
    assert watch.look(NINE - 240, BEDTIME) == []  # taken back


@pytest.mark.parametrize(
    "other",
    [
        BEDTIME._replace(profile="tom"),
        BEDTIME._replace(household="other"),
        BEDTIME._replace(id="games"),
        BEDTIME._replace(reason=Reason.PAUSED, id=""),
    ],
)
def test_each_closing_and_each_profile_has_its_own(other: UpcomingClosure) -> None:
    watch = Watch()
    assert watch.look(NINE - 900, BEDTIME) == [15]
    assert watch.warnings(NINE - 890, (BEDTIME, other)) == (ClosureWarning(other, 15),)


# --- budgets, whose end moves with their use -----------------------------------------------------


def test_minutes_that_are_left_are_told_once_though_their_end_moves() -> None:
    watch = Watch()
    told = [
        watch.look(NINE + at * MINUTE, play(left, NINE + at * MINUTE))
        for at, left in ((0, 16), (1, 15), (2, 15), (9, 15), (10, 14), (19, 5), (20, 5), (30, 1))
    ]
    assert told == [[], [15], [], [], [], [5], [], [1]]


@pytest.mark.parametrize("left", [15, 5, 1])
def test_a_moment_that_is_a_sum_is_not_taken_for_a_little_later(left: int) -> None:
    now = NINE + 0.1 + 0.2
    assert Watch().look(now, play(left, now)) == [left]


def test_a_budget_that_rests_is_not_told_again_when_it_is_used_again() -> None:
    watch = Watch()
    assert watch.look(NINE, play(5, NINE)) == [5]
    assert watch.look(NINE + 60) == []
    assert watch.look(NINE + 3600, play(5, NINE + 3600)) == []


def test_after_a_bonus_the_end_is_told_again_when_it_comes_near_again() -> None:
    watch = Watch()
    assert watch.look(NINE, play(1, NINE)) == [1]
    assert watch.look(NINE + 1, play(11, NINE + 1)) == []  # who just got more is not hurried
    assert watch.look(NINE + 361, play(5, NINE + 361)) == [5]
    assert watch.look(NINE + 362, play(65, NINE + 362)) == []
    assert watch.look(NINE + 3362, play(15, NINE + 3362)) == [15]


def test_a_short_budget_is_told_on_its_next_day_too() -> None:
    watch = Watch()
    assert watch.look(NINE, play(10, NINE)) == [10]
    assert watch.look(NINE + 86_400, play(10, NINE + 86_400, day=NINE + 10_800)) == [10]


# --- a restart, and what is remembered -----------------------------------------------------------


def test_a_restart_tells_what_came_due_meanwhile_and_nothing_again() -> None:
    """An earlier run looked last 6 minutes before nine, and so told of 15."""
    before = WarningState(warned_until=NINE - 360)
    assert Watch(before).before_nine(5.5, 5, 1) == [[], [5], [1]]
    assert Watch(before).before_nine(4, 1) == [[4], [1]]
    assert Watch(before).before_nine(0.5) == [[1]]


def test_what_is_made_after_a_restart_is_told_at_once() -> None:
    watch = Watch(WarningState(warned_until=NINE - 360))
    assert watch.look(NINE - 350) == []
    assert watch.look(NINE - 340, BEDTIME) == [6]


def test_what_was_told_is_forgotten_after_days() -> None:
    watch = Watch()
    for day in range(100):
        bedtime = BEDTIME._replace(at=NINE + day * 86_400)
        assert watch.look(bedtime.at - 900, bedtime) == [15]
    assert len(watch.told.nearest) <= 3


@given(st.lists(st.integers(-1200, 1800), max_size=40))
def test_whatever_the_clock_does_each_threshold_is_told_once_and_the_nearer_last(
    seconds_before: list[int],
) -> None:
    watch, told = Watch(), []
    for each in seconds_before:
        told += watch.look(NINE - each, BEDTIME)
    thresholds = [next(mark for mark in (1, 5, 15) if minutes <= mark) for minutes in told]
    assert thresholds == sorted(set(thresholds), reverse=True)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=60))
def test_nothing_is_lost_however_late_the_looks_come(steps: list[int]) -> None:
    """After each look while it is open, the threshold that is in force was told."""
    watch, told, left = Watch(), [16], 1800
    for step in steps:
        left -= step
        told += watch.look(NINE - left, BEDTIME)
        if 0 < left <= 900:
            assert min(told) <= next(mark for mark in (1, 5, 15) if left <= mark * 60)
