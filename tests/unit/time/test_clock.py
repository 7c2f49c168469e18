"""A clock that is surely wrong, and when it is believed again."""

from __future__ import annotations

import pytest

from copdns.time.clock import EARLIEST, MAX_BEHIND, TRUST_AGAIN_AFTER, Clock, LastSeen
from tests.values import fields_of

SEEN = 1_774_800_000.0  # when an earlier run looked last


class Machine:
    """The clocks of a machine that somebody sets."""

    def __init__(self, wall: float) -> None:
        self.wall, self.mono, self.is_synchronised = wall, 100.0, False

    def clock(self, *, goes_on: bool = True, seen: float | None = SEEN) -> Clock:
        made = Clock(lambda: self.wall, lambda: self.mono, lambda: self.is_synchronised)
        made.begin(None if seen is None else LastSeen(seen), goes_on)
        return made

    def joined(self, seen: LastSeen) -> Clock:
        made = Clock(lambda: self.wall, lambda: self.mono, lambda: self.is_synchronised)
        made.adopt(seen, continues=True)
        return made

    def wait(self, seconds: float) -> None:
        self.wall += seconds
        self.mono += seconds


@pytest.mark.parametrize(
    ("behind", "is_wrong"),
    [(-60.0, False), (0.0, False), (MAX_BEHIND, False), (MAX_BEHIND + 1, True)],
)
def test_a_clock_well_before_what_was_seen_is_wrong(behind: float, is_wrong: bool) -> None:
    assert Machine(SEEN - behind).clock().is_wrong is is_wrong


def test_a_first_start_believes_its_clock_if_it_was_ever_set() -> None:
    assert not Machine(EARLIEST).clock(seen=None).is_wrong
    assert not Machine(EARLIEST + TRUST_AGAIN_AFTER).clock(seen=None).is_wrong


def test_a_first_start_in_1970_is_noticed_until_the_clock_is_set() -> None:
    machine = Machine(20.0)
    clock = machine.clock(seen=None)
    assert clock.is_wrong
    assert clock().wall == 20.0, "no other time is known"
    machine.wait(60)
    assert not clock.recheck()
    machine.wall = SEEN
    assert clock.recheck()
    assert clock().wall == SEEN
    assert machine.clock(seen=20.0).is_wrong is False  # of a run that took 1970 for the time


def test_time_goes_on_from_what_was_seen_last() -> None:
    machine = Machine(1000.0)
    clock = machine.clock()
    assert clock().wall == SEEN
    machine.wait(90)
    assert clock().wall == SEEN + 90


def test_where_the_household_wants_it_the_wrong_time_is_told() -> None:
    assert Machine(1000.0).clock(goes_on=False)().wall == 1000.0


def test_a_clock_that_was_set_is_believed_again() -> None:
    machine = Machine(1000.0)
    clock = machine.clock()
    assert not clock.recheck()
    machine.wall = SEEN + 40
    assert clock.recheck()
    assert clock().wall == SEEN + 40
    assert not clock.recheck()  # told once


def test_whoever_knows_the_time_is_believed_also_when_it_is_earlier() -> None:
    machine = Machine(SEEN - 86_400)
    machine.is_synchronised = True
    assert not machine.clock().is_wrong  # the earlier run's clock was the wrong one


def test_a_clock_that_nothing_corrects_is_believed_in_the_end() -> None:
    machine = Machine(SEEN - 10 * TRUST_AGAIN_AFTER)
    clock = machine.clock()
    machine.wait(TRUST_AGAIN_AFTER)
    assert not clock.recheck()
    machine.wait(1)
    assert clock.recheck()
    assert clock().wall == machine.wall


def test_who_joins_tells_the_same_time() -> None:
    machine = Machine(1000.0)
    first = machine.clock()
    machine.wait(600)
    joined = machine.joined(LastSeen(SEEN, wrong_since=100.0))
    assert joined.is_wrong
    assert fields_of(joined()) == fields_of(first())


@pytest.mark.parametrize(
    ("wall", "synchronised", "since", "is_wrong"),
    [
        (SEEN - MAX_BEHIND, False, 100.0, True),  # it is not there yet
        (SEEN, False, 100.0, False),
        (1000.0, True, 100.0, False),
        (1000.0, False, 100.0 - TRUST_AGAIN_AFTER, True),
        (1000.0, False, 99.0 - TRUST_AGAIN_AFTER, False),
        (SEEN, False, 200.0, False),  # of before the machine was started
        (1000.0, False, None, True),  # nobody runs, and whoever begins will find it wrong
        (SEEN - MAX_BEHIND, False, None, False),
    ],
)
def test_who_joins_takes_the_clock_for_wrong_for_as_long_as_the_other(
    wall: float, synchronised: bool, since: float | None, is_wrong: bool
) -> None:
    machine = Machine(wall)
    machine.is_synchronised = synchronised
    assert machine.joined(LastSeen(SEEN, since)).is_wrong is is_wrong
