"""Timelines of closures: what holds at a moment, and until when."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from copdns.model.verdict import Reason
from copdns.policy.time_steps import Timeline, build_timeline
from copdns.time.plan import Closure


def closure(start: float, end: float, period: str = "bedtime") -> Closure:
    return Closure(Reason.SCHEDULE, start, end, (), period)


def test_a_timeline_of_nothing_is_open_for_ever() -> None:
    assert build_timeline([]) == Timeline((), (None,))
    assert build_timeline([]).state_at(5) is None
    assert build_timeline([]).next_change(5) is None


def test_a_stretch_holds_from_its_start_to_before_its_end() -> None:
    night = closure(10, 20)
    made = build_timeline([night])
    assert [made.state_at(each) for each in (9.9, 10, 19.9, 20)] == [None, night, night, None]
    assert [made.next_change(each) for each in (9.9, 10, 19.9, 20)] == [10, 20, 20, None]


def test_stretches_of_one_schedule_that_touch_have_no_edge_between_them() -> None:
    assert build_timeline([closure(10, 20), closure(20, 30)]).changes == (10, 30)


def test_two_schedules_that_touch_are_told_apart() -> None:
    bedtime, lessons = closure(10, 20), closure(20, 30, "lessons")
    made = build_timeline([bedtime, lessons])
    assert made.changes == (10, 20, 30)
    assert (made.state_at(19), made.state_at(20)) == (bedtime, lessons)


def test_of_stretches_that_overlap_the_first_one_written_counts() -> None:
    first, second = closure(15, 20, "first"), closure(10, 30, "second")
    made = build_timeline([first, second])
    assert [made.state_at(each) for each in (10, 15, 20)] == [second, first, second]


def test_what_never_ends_has_no_end_to_tell() -> None:
    made = build_timeline([closure(10, inf)])
    assert made.next_change(10) is None
    assert made.state_at(1e12) is not None


def test_a_stretch_without_a_moment_closes_nothing() -> None:
    assert build_timeline([closure(10, 10)]).state_at(10) is None


edges = st.integers(0, 12)
closures = st.lists(
    st.builds(
        lambda one, more, period: closure(one, one + more, period),
        edges,
        edges,
        st.sampled_from("ab"),
    ),
    max_size=6,
)


@given(closures)
def test_at_every_moment_the_first_closure_that_holds_counts(several: list[Closure]) -> None:
    made = build_timeline(several)
    for moment in (place / 2 for place in range(50)):
        holding = [each for each in several if each.start <= moment < each.end]
        found = made.state_at(moment)
        assert (found is None) is (not holding)
        assert found is None or found.period == holding[0].period


@given(closures)
def test_an_edge_is_where_something_changes(several: list[Closure]) -> None:
    made = build_timeline(several)
    assert list(made.changes) == sorted(set(made.changes))
    for edge in made.changes:
        before, after = made.state_at(edge - 0.5), made.state_at(edge)
        assert (before and before.period) != (after and after.period)
