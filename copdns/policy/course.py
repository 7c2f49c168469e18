"""Timelines of closures: what closes at a moment, and until when.

A profile can have fifty schedules with some hundred closures each; bisection finds the one of a
moment.  Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import inf
from typing import NamedTuple

from copdns.time.plan import Closure


class Timeline(NamedTuple):
    """`states[i]` holds before `changes[i]`, from the change before it on; None is open.

    changes: epoch seconds, ascending; one fewer than states.
    """

    changes: tuple[float, ...]
    states: tuple[Closure | None, ...]

    def state_at(self, now: float) -> Closure | None:
        """Return what closes at a moment; None: nothing does."""
        return self.states[bisect_right(self.changes, now)]

    def next_change(self, now: float) -> float | None:
        """Return when the next state begins; None: this one is the last, and has no end."""
        place = bisect_right(self.changes, now)
        return self.changes[place] if place < len(self.changes) else None


def build_timeline(closures: Sequence[Closure]) -> Timeline:
    """Return one timeline of closures that may overlap: the first of them counts.

    Closures of one schedule that follow each other without a gap count as one.
    """
    changes: list[float] = []
    states: list[Closure | None] = [None]
    for moment, closure in _changes(closures):
        before = states[-1]
        if closure is before or (closure and before and _same(closure, before)):
            continue
        changes.append(moment)
        states.append(closure)
    return Timeline(tuple(changes), tuple(states))


def _changes(closures: Sequence[Closure]) -> Iterable[tuple[float, Closure | None]]:
    """Yield every start and end, with the first closure that holds from then on."""
    moments = sorted({each for one in closures for each in (one.start, one.end) if each < inf})
    starting = sorted(range(len(closures)), key=lambda place: closures[place].start)
    holding: list[int] = []
    at = 0
    for moment in moments:
        holding = [place for place in holding if closures[place].end > moment]
        while at < len(starting) and closures[starting[at]].start <= moment:
            if closures[starting[at]].end > moment:
                holding.append(starting[at])
            at += 1
        yield moment, closures[min(holding)] if holding else None


def _same(one: Closure, other: Closure) -> bool:
    return one.period == other.period and one.reason is other.reason
