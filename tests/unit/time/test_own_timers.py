"""Timers that people start for themselves: they turn off, open nothing, and leave nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.dns.records import A
from copdns.model.household import PrivacyMode, Profile
from copdns.model.times import Grant, PauseSpan
from copdns.model.verdict import Reason
from copdns.policy.decide import decide
from copdns.policy.today import build_today
from copdns.privacy.own_numbers import inputs_for_others, is_own_verdict, timers_for_others
from copdns.time.own_timers import OWN, OwnTimer, OwnTimers, TimerKind, TimerTopic
from copdns.time.plan import NO_INPUTS, NO_TIME_PLAN, PolicyInputs, build_time_plan
from tests.household import MIA, NOW, TOM, family, library, live

WHO = ("home", "mia")
AT = int(NOW)
LISTS = library(categories={"games": ["games.example"]})
HALF_HOUR = OwnTimer(TimerKind.STOP, TimerTopic.GAMES, AT, AT + 1800, AT + 7200)
FOCUS = OwnTimer(TimerKind.FOCUS, TimerTopic.ALL, AT, AT + 1800, AT + 1800)


def is_open(timer: OwnTimer, name: str, after: int, **fields: object) -> bool:
    inputs = PolicyInputs(own_timers={WHO: timer})
    there = live(family(MIA, TOM, **fields), now=NOW, lists=LISTS, readings=inputs)
    return not decide(there.policy(*WHO), name, A, NOW + after).blocks


def test_a_timer_lets_its_minutes_pass_and_then_turns_off_what_it_is_about() -> None:
    assert is_open(HALF_HOUR, "games.example", 1799)
    assert not is_open(HALF_HOUR, "games.example", 1800)
    assert is_open(HALF_HOUR, "other.example", 1800)
    assert is_open(HALF_HOUR, "games.example", 7200)  # the next day


def test_a_timer_to_focus_turns_off_at_once_until_its_end() -> None:
    assert not is_open(FOCUS, "other.example", 0)
    assert is_open(FOCUS, "other.example", 1800)


def test_a_timer_opens_nothing() -> None:
    pause = PauseSpan("mia", AT, AT + 3600)
    assert not is_open(HALF_HOUR, "games.example", 60, pauses=(pause,))
    assert not is_open(HALF_HOUR, "other.example", 60, pauses=(pause,))


def test_what_a_guardian_allows_now_goes_before_a_timer() -> None:
    grant = Grant(None, NOW, NOW + 600, NOW + 1, content=False, time=True, id="g", profile="mia")
    assert is_open(FOCUS, "other.example", 60, grants=(grant,))


def test_a_timer_is_of_its_person_alone() -> None:
    inputs = PolicyInputs(own_timers={WHO: FOCUS})
    assert build_time_plan(family(MIA, TOM), TOM, NOW, inputs) is NO_TIME_PLAN
    there = live(family(MIA, TOM), now=NOW, readings=inputs)
    assert not decide(there.policy("home", "tom"), "other.example", A, NOW).blocks


def test_no_answer_outlives_the_beginning_of_what_a_timer_turns_off() -> None:
    there = live(
        family(MIA), now=NOW, lists=LISTS, readings=PolicyInputs(own_timers={WHO: HALF_HOUR})
    )
    assert decide(there.policy(*WHO), "games.example", A, NOW).valid_until == NOW + 1800


def test_it_is_warned_of_as_of_any_other_end() -> None:
    inputs = PolicyInputs(own_timers={WHO: HALF_HOUR})
    policy = live(family(MIA), now=NOW, lists=LISTS, readings=inputs).policy(*WHO)
    (soon,) = build_today(family(MIA), MIA, policy, inputs, NOW + 1500).soon
    assert (soon.reason, soon.minutes) == (Reason.PAUSED, 5)


@pytest.mark.parametrize(
    ("mode", "is_seen"),
    [
        (PrivacyMode.OFF, False),
        (PrivacyMode.COUNTS, False),
        (PrivacyMode.BLOCKED, True),
    ],
)
def test_others_know_of_a_timer_only_where_blocked_names_are_kept(
    mode: PrivacyMode, is_seen: bool
) -> None:
    child: Profile = replace(MIA, privacy=mode)
    house, inputs = family(child), PolicyInputs(own_timers={WHO: FOCUS})
    shown = inputs_for_others(house, house.profiles, inputs, NOW)
    assert (WHO in shown.own_timers) is is_seen
    # Whoever reads about themselves knows of it.
    assert WHO in inputs_for_others(house, house.profiles, inputs, NOW, "mia").own_timers
    known = timers_for_others({house.id: house}, inputs.own_timers, NOW)
    assert known == ({WHO: FOCUS} if is_seen else {})


def test_what_a_timer_turned_off_is_counted_as_what_is_the_person_s_own() -> None:
    there = live(family(MIA), now=NOW, readings=PolicyInputs(own_timers={WHO: FOCUS}))
    verdict = decide(there.policy(*WHO), "other.example", A, NOW)
    assert (verdict.reason, verdict.period) == (Reason.PAUSED, OWN)
    assert is_own_verdict(verdict)
    paused = live(family(MIA, pauses=(PauseSpan("mia", AT),)), now=NOW)
    assert not is_own_verdict(decide(paused.policy(*WHO), "other.example", A, NOW))


def test_a_timer_that_is_over_is_forgotten() -> None:
    timers = OwnTimers()
    timers.start(WHO, HALF_HOUR)
    assert timers.of(WHO, NOW + 1800) == HALF_HOUR
    assert timers.of(WHO, NOW + 7200) is None
    assert timers.of(WHO, NOW) is None  # also where the clock is set back
    timers.start(WHO, FOCUS)
    timers.start(WHO, HALF_HOUR)
    assert dict(timers.running(NOW)) == {WHO: HALF_HOUR}
    for _ in range(2):
        timers.end(WHO)
    assert not timers.running(NOW)
    assert not NO_INPUTS.own_timers
