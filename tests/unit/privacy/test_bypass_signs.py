"""A device that is at home and silent for much longer than usual is a sign, and no more than that.

Weeks go by on a virtual clock, a look a minute, as `app/bypass_chores.py` looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import pytest

from copdns.app.bypass_chores import Looked, learn
from copdns.model.bypass_signs import Habit, Sign, SignKind
from copdns.model.household import Band, PrivacyMode
from copdns.privacy.bypass_signs import (
    DAY,
    FORTNIGHT,
    NEXT_NOTICE,
    SIGNS_KEPT,
    WEEKS_KEPT,
    LocalHour,
    Presence,
    Quiet,
    Tick,
    due_events,
    kept_habits,
    new_sign,
    notices_for_guardians,
    notices_of_person,
    sign_after,
    waking_hours,
)
from tests.household import MIA, NOW

KEY = "home", "mia", "mia-phone"
MONDAY = 20_545  # days since the epoch: the first of a week of seven days
WAKING = range(7, 21)


class Heard(NamedTuple):
    """What a minute of a device is.  way: it asks for a way around the filter too."""

    asks: bool
    way: SignKind | None = None
    proven: bool = False
    here: bool = True
    others: bool = True


class Watched:
    """A device, looked at once a minute; found: the signs, with the minute of each."""

    def __init__(self, habits: Iterable[Habit] = (), minute: int = MONDAY * 1440) -> None:
        self.habits = {each.week: each for each in habits}
        self.minute = minute
        self.quiet = Quiet()
        self.found: list[tuple[int, SignKind, bool]] = []

    def live(self, minutes: int, of: Callable[[int, int], Heard]) -> list[SignKind]:
        """Let minutes go by; of: what one is, by the day and the minute of the day."""
        before = len(self.found)
        for _ in range(minutes):
            self.minute += 1
            day, minute = divmod(self.minute, 1440)
            heard, mono = of(day, minute), self.minute * 60.0
            presence = Presence.NOT_ASKED
            if self.quiet.is_due(mono) and not heard.asks:
                presence = Presence.HERE if heard.here else Presence.AWAY
            at = LocalHour(day, minute // 60)
            tick = Tick(mono, at, heard.asks, heard.way, heard.proven, presence, heard.others)
            stored = self.habits.values()
            changed, found = learn(Looked(KEY, MIA, tick), self.quiet, stored)
            self.habits |= {each.week: each for each in changed}
            self.quiet = found.quiet
            if found.sign is not None:
                self.found.append((self.minute, found.sign, found.proven))
        return [kind for _, kind, _ in self.found[before:]]

    def says(self, heard: Heard) -> None:
        self.live(1, lambda _day, _minute: heard)

    def is_silent(self, minutes: int, **other: bool) -> list[SignKind]:
        return self.live(minutes, lambda _day, _minute: Heard(False, **other))


def usual(_day: int, minute: int) -> Heard:
    """Sleep at night, on the home's Wi-Fi; by day ask every ten minutes, with a rest at noon."""
    return Heard(minute // 60 in WAKING and minute % 10 == 0 and not 720 < minute < 735)


@cache
def three_weeks() -> tuple[Watched, tuple[Habit, ...]]:
    """A device that did as usual for three weeks, until 15:00."""
    watched = Watched()
    watched.live(20 * 1440 + 15 * 60, usual)
    return watched, tuple(watched.habits.values())


def known(hour: int = 15) -> Watched:
    """Return a device that is known for three weeks, at an hour of its day."""
    day = MONDAY + 20
    return Watched(three_weeks()[1], day * 1440 + hour * 60)


def test_nobody_who_sleeps_every_night_makes_a_sign_and_what_is_known_is_small() -> None:
    watched, habits = three_weeks()
    assert watched.found == []
    assert waking_hours(habits) == set(WAKING)
    assert [(each.days, each.longest) for each in habits] == [(7, 20), (7, 20), (7, 20)]
    assert {each.hours for each in habits[:2]} == {"0" * 7 + "7" * 14 + "000"}
    assert sign_after(habits, MONDAY + 20) == 40 * 60


def test_twice_the_longest_silence_is_a_sign_and_a_minute_less_is_none() -> None:
    watched = known()
    watched.says(Heard(True))
    assert watched.is_silent(39) == []
    assert watched.is_silent(6) == [SignKind.SILENCE]
    assert watched.is_silent(120) == []  # one silence is one sign


def test_no_silence_under_twenty_minutes_is_a_sign() -> None:
    habits = [each._replace(longest=0) for each in three_weeks()[1]]
    watched = Watched(habits, (MONDAY + 20) * 1440 + 900)
    watched.says(Heard(True))
    assert watched.is_silent(19) == []
    assert watched.is_silent(6) == [SignKind.SILENCE]


def test_what_was_a_sign_once_is_soon_usual() -> None:
    watched = known(9)
    watched.says(Heard(True))
    assert watched.is_silent(90) == [SignKind.SILENCE]
    watched.says(Heard(True))
    assert watched.is_silent(150) == []


@pytest.mark.parametrize("days", [1, 7, FORTNIGHT - 1])
def test_before_a_fortnight_nothing_is_a_sign(days: int) -> None:
    watched = Watched()
    watched.live(days * 1440 + 15 * 60, usual)
    watched.says(Heard(True))
    assert watched.is_silent(240) == []


def test_a_device_that_is_hardly_used_makes_none() -> None:
    habits = [each._replace(days=2, hours="0" * 15 + "2" * 9) for each in three_weeks()[1]]
    assert sign_after(habits, MONDAY + 20) is None


def test_the_night_is_no_silence_and_neither_is_the_evening_before_it() -> None:
    watched = known(20)
    watched.live(30, lambda _day, _minute: Heard(True))
    assert watched.is_silent(11 * 60) == []  # until half past seven
    assert watched.is_silent(120) == []  # it sleeps long, for once


def test_a_phone_that_is_away_on_mobile_data_makes_none_and_teaches_none() -> None:
    watched = known()
    watched.says(Heard(True))
    assert watched.is_silent(300, here=False) == []
    watched.says(Heard(True))
    assert sign_after(tuple(watched.habits.values()), MONDAY + 20) == 40 * 60


def test_while_nobody_else_asks_either_it_is_not_this_device() -> None:
    watched = known()
    watched.says(Heard(True))
    assert watched.is_silent(240, others=False) == []


def test_a_restart_is_no_silence() -> None:
    watched = known()
    watched.says(Heard(True))
    watched.is_silent(30)
    watched.quiet = Quiet()  # what is in memory is gone
    assert watched.is_silent(240) == []
    watched.says(Heard(True))
    assert watched.is_silent(60) == [SignKind.SILENCE]


@pytest.mark.parametrize("way", [SignKind.VPN, SignKind.RESOLVER])
@pytest.mark.parametrize("proven", [True, False])
def test_a_way_around_and_then_silence_is_a_sign_of_its_kind(way: SignKind, proven: bool) -> None:
    watched = known()
    watched.says(Heard(True, way, proven))
    watched.live(3, lambda _day, _minute: Heard(True))
    watched.is_silent(60)
    assert [(kind, sure) for _, kind, sure in watched.found] == [(way, proven)]


def test_a_way_around_that_was_asked_for_long_before_the_silence_is_none() -> None:
    watched = known()
    watched.says(Heard(True, SignKind.VPN, proven=True))
    watched.live(6, lambda _day, _minute: Heard(True))
    assert watched.is_silent(60) == [SignKind.SILENCE]


def test_a_way_around_without_a_silence_is_no_sign() -> None:
    """What the device asked for was blocked, and it went on as usual."""
    watched = known()
    watched.live(120, lambda _day, minute: Heard(minute % 10 == 0, SignKind.VPN, proven=True))
    assert watched.found == []


def test_what_a_forger_asks_does_not_cover_what_is_proven() -> None:
    watched = known()
    watched.says(Heard(True, SignKind.VPN, proven=True))
    watched.says(Heard(True, SignKind.RESOLVER))  # by UDP: of anybody
    watched.is_silent(60)
    assert watched.found[0][1:] == (SignKind.VPN, True)


def test_a_sibling_who_asks_in_its_name_only_hides_its_silence() -> None:
    watched = known()
    watched.says(Heard(True))
    assert watched.live(240, lambda _day, minute: Heard(minute % 10 == 0)) == []


def test_a_clock_that_was_set_back_counts_no_day_again() -> None:
    watched = known()
    before = dict(watched.habits)
    watched.minute -= 1440
    watched.says(Heard(True))
    assert watched.habits == before


def test_weeks_that_are_too_old_or_ahead_do_not_count() -> None:
    habits = three_weeks()[1]
    week = habits[-1].week
    assert kept_habits(habits, 7 * week) == habits
    assert kept_habits(habits, 7 * (week + 1)) == habits[1:]
    assert kept_habits(habits, 7 * (week + WEEKS_KEPT)) == ()
    assert kept_habits(habits, 7 * (week - 1)) == habits[:-1]


# --- who is told ----------------------------------------------------------------------------------


def sign(
    kind: SignKind = SignKind.SILENCE, days: float = 0, *, proven: bool = False, **other: int
) -> Sign:
    at = int(NOW - days * DAY) // 3600 * 3600
    return Sign(*KEY, at, kind, proven, other.get("tells"))


def told(
    kind: SignKind, *earlier: Sign, proven: bool = False, band: Band = Band.TO_9
) -> int | None:
    return new_sign(KEY, kind, earlier, NOW, band, proven=proven).tells


@pytest.mark.parametrize("kind", list(SignKind))
def test_a_sign_that_one_forged_packet_can_make_tells_nobody(kind: SignKind) -> None:
    assert told(kind) is None
    assert told(kind, sign(kind, 1), sign(kind, 3)) is None  # nor does the same again


def test_a_sign_that_shows_who_asked_is_enough() -> None:
    assert told(SignKind.VPN, proven=True) == NOW


def test_signs_of_several_kinds_are_enough_if_they_are_of_several_days() -> None:
    assert told(SignKind.VPN, sign(SignKind.SILENCE, 2)) == NOW
    assert told(SignKind.VPN, sign(SignKind.RESOLVER, 0.1)) is None  # one afternoon of a sibling
    assert told(SignKind.VPN, sign(SignKind.SILENCE, 15)) is None  # long ago
    other = sign(SignKind.SILENCE, 2)._replace(device="mia-tablet")
    assert told(SignKind.VPN, other) is None


@pytest.mark.parametrize(
    ("band", "later"),
    [(Band.TO_6, 0), (Band.TO_9, 0), (Band.TO_12, 0), (Band.TO_15, DAY)],
)
def test_from_13_on_the_person_has_it_a_day_before(band: Band, later: int) -> None:
    found = new_sign(KEY, SignKind.VPN, (), NOW, band, proven=True)
    assert found.tells == NOW + later
    assert notices_of_person([found], NOW) == (found,)
    assert (notices_for_guardians([found], NOW) == (found,)) is (later == 0)
    assert notices_for_guardians([found], NOW + later) == (found,)


def test_a_notice_is_told_once_and_the_next_one_a_week_later() -> None:
    first = sign(SignKind.VPN, 3, proven=True, tells=int(NOW - 3 * DAY))
    assert told(SignKind.RESOLVER, first, proven=True) is None
    early = first._replace(at=first.at - NEXT_NOTICE)
    assert told(SignKind.RESOLVER, early, proven=True) == NOW
    assert due_events([first], NOW) == (first,)
    assert due_events([first._replace(told=True)], NOW) == ()


def test_after_a_fortnight_a_notice_is_gone() -> None:
    found = new_sign(KEY, SignKind.VPN, (), NOW, Band.TO_9, proven=True)
    assert notices_of_person([found], NOW + SIGNS_KEPT - DAY) == (found,)
    assert notices_of_person([found], NOW + SIGNS_KEPT) == ()


# --- whose ----------------------------------------------------------------------------------------


def test_signs_are_noticed_where_they_were_turned_on_and_below_16_only() -> None:
    on = replace(MIA, bypass=True, bypass_signs=True)
    assert on.notices_signs_at(NOW)
    assert replace(on, privacy=PrivacyMode.BLOCKED).notices_signs_at(NOW)
    for other in (
        MIA,
        replace(on, bypass_signs=False),
        replace(on, bypass=False),  # the ways around are open to them
        replace(on, privacy=PrivacyMode.OFF),  # nothing may be recorded
        replace(on, band=Band.TO_17),
        replace(on, band=Band.ADULT),
    ):
        assert not other.notices_signs_at(NOW)
