"""Timers that people start for themselves: "30 minutes of games", or "no games for an hour".

Nobody else sets, ends or stores one.  A timer turns something off that would be on, and opens
nothing; whoever started it can end it at any moment.  They are in memory alone, so nothing of one
is left when it is over or the program stops.  `time/plan.py` makes closures of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from copdns.model.times import Subject, Topic, TopicKind
from copdns.time.nights import PLAY

OWN: Final = "own"  # the period of a closure and of a verdict that a timer makes
LENGTHS: Final = (10, 15, 20, 30, 45, 60, 90, 120)  # minutes that can be chosen

Who = tuple[str, str]  # ids of household and profile


class TimerKind(StrEnum):
    """What a timer does."""

    STOP = "stop"  # goes on until its end, and is off for the rest of the day
    FOCUS = "focus"  # is off until its end


class TimerTopic(StrEnum):
    """What a timer can be about."""

    GAMES = "games"
    PLAY = "play"
    ALL = "all"


SUBJECTS: Final[Mapping[TimerTopic, tuple[Subject, ...]]] = {
    TimerTopic.GAMES: (Topic(TopicKind.CATEGORY, "games"),),
    TimerTopic.PLAY: PLAY,
    TimerTopic.ALL: (),
}


class OwnTimer(NamedTuple):
    """A timer of one person.

    start, end: when it was started, and when its minutes are over; seconds since the epoch.
    until: when it is forgotten: at its end, or with STOP at the end of the day in which that is.
    """

    kind: TimerKind
    topic: TimerTopic
    start: int
    end: int
    until: float

    @property
    def about(self) -> tuple[Subject, ...]:
        """What it turns off; empty for everything."""
        return SUBJECTS[self.topic]

    @property
    def off_from(self) -> int:
        """The moment from which that is off, until `until`."""
        return self.end if self.kind is TimerKind.STOP else self.start


class OwnTimers:
    """The timers that run, one a person at most."""

    def __init__(self) -> None:
        self._by_person: dict[Who, OwnTimer] = {}

    def start(self, who: Who, timer: OwnTimer) -> None:
        """Start a timer; one that runs already gives way to it."""
        self._by_person[who] = timer

    def end(self, who: Who) -> None:
        """End a person's timer; without one nothing happens."""
        self._by_person.pop(who, None)

    def running(self, now: float) -> Mapping[Who, OwnTimer]:
        """Return the timers that run, and forget those that are over.

        One that was started after `now` is over too: the clock was set back.
        """
        self._by_person = {
            who: each for who, each in self._by_person.items() if each.start <= now < each.until
        }
        return dict(self._by_person)

    def of(self, who: Who, now: float) -> OwnTimer | None:
        """Return a person's timer that runs; None for none."""
        return self.running(now).get(who)
