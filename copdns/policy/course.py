"""When something is closed, as edges in time: which closure holds at a moment, and until when.

A profile can have fifty schedules and some hundred stretches of each; a question finds its place
among them by bisection.  Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from math import inf
from typing import NamedTuple

from copdns.time.plan import Closure


class Timeline(NamedTuple):
    """Before `edges[i]`, and from the edge before it on, `states[i]` holds; None is open."""

    changes: tuple[float, ...]
    states: tuple[Closure | None, ...]

    def state_at(self, now: float) -> Closure | None:
        """Return what closes at a moment, in seconds since the epoch; None: nothing does."""
        return self.states[bisect_right(self.changes, now)]

    def next_change(self, now: float) -> float | None:
        """Return when the next state begins; None: this one is the last, and has no end."""
        place = bisect_right(self.changes, now)
        return self.changes[place] if place < len(self.changes) else None


def build_timeline(closures: Sequence[Closure]) -> Timeline:
    """Return one course of closures that may overlap: the first of them counts.

    Stretches that follow each other without a gap and are of one schedule are one.
    """
    edges: list[float] = []
    states: list[Closure | None] = [None]
    for moment, closure in _changes(closures):
        before = states[-1]
        if closure is before or (closure and before and _same(closure, before)):
            continue
        edges.append(moment)
        states.append(closure)
    return Timeline(tuple(edges), tuple(states))


def _changes(closures: Sequence[Closure]) -> Iterable[tuple[float, Closure | None]]:
    """Yield at every start and end the first closure that holds from there on."""
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
