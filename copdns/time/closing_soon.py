"""Decide which warnings are due: that something closes in 15, 5 or 1 minutes.

Each warning is given once, however often this is asked and however the clock was set.
`app/time_events.py` computes the closures, `events/bus.py` publishes the warnings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from copdns.model.verdict import Reason

THRESHOLDS = (1, 5, 15)  # minutes, the nearest first
FAR = 16  # minutes, beyond every threshold: nothing to warn of yet
REMEMBERED_FOR = 2 * 86_400.0  # seconds after the closure; clocks are set back by less


class UpcomingClosure(NamedTuple):
    """A closure that a profile will have unless something changes.

    reason, id: SCHEDULE or BUDGET and its id, PAUSED and "", or GRANTED and the id of a permission
        whose end closes something.
    at: when it closes, seconds since the epoch; for a budget, if it is used from now on.  A budget
        that is not in use closes nothing and is left out.
    day_start: for a budget, when its day began, else None.  `at` moves while the budget is used, so
        the day identifies the closure.
    closes_everything: all names, not those of some category, service or list.
    """

    household: str
    profile: str
    reason: Reason
    id: str
    at: float
    day_start: float | None = None
    closes_everything: bool = False


class ClosureWarning(NamedTuple):
    """A warning.  minutes: until the closure, rounded up; a threshold, or less if it comes late."""

    closure: UpcomingClosure
    minutes: int


class WarningKey(NamedTuple):
    """Identifies a closure.  moment: `at`, or `day_start` of a budget; seconds since the epoch."""

    household: str
    profile: str
    reason: Reason
    id: str
    moment: float


class WarningState(NamedTuple):
    """The warnings that were given.

    nearest: the nearest threshold that was warned of, by closure.
    warned_until: seconds since the epoch up to which an earlier run of the program gave the
        warnings; 0 after the first call.
    """

    nearest: Mapping[WarningKey, int] = MappingProxyType({})
    warned_until: float = 0.0


def due_warnings(
    coming: Iterable[UpcomingClosure], state: WarningState, now: float
) -> tuple[tuple[ClosureWarning, ...], WarningState]:
    """Return the warnings that are due at `now` (epoch seconds), and the state after them.

    If several thresholds passed since the last call, only the nearest gives a warning; so does a
    closure that is first seen less than 15 minutes ahead.  A closure that has begun gives none.
    After a bonus, or for another moment, a warning can come again.
    """
    nearest = {
        each: state.nearest[each] for each in state.nearest if each.moment > now - REMEMBERED_FOR
    }
    warnings = []
    for each in coming:
        key, minutes = _warning_key(each), _minutes_between(now, each.at)
        if minutes <= 0:
            continue
        before = nearest.get(key) or _nearest_threshold(
            _minutes_between(state.warned_until, each.at)
        )
        threshold = _nearest_threshold(minutes)
        if threshold < before:
            warnings.append(ClosureWarning(each, math.ceil(minutes)))
        nearest[key] = threshold if each.day_start is not None else min(before, threshold)
    return tuple(warnings), WarningState({each: at for each, at in nearest.items() if at != FAR})


def take_back_warnings(
    untold: Iterable[ClosureWarning], state: WarningState, before: WarningState
) -> WarningState:
    """Return a state in which some warnings were not given, as in the one before them."""
    nearest = dict(state.nearest)
    for each in untold:
        key = _warning_key(each.closure)
        nearest.pop(key, None)
        if key in before.nearest:
            nearest[key] = before.nearest[key]
    return WarningState(nearest, before.warned_until)


def _warning_key(closure: UpcomingClosure) -> WarningKey:
    moment = closure.at if closure.day_start is None else closure.day_start
    return WarningKey(closure.household, closure.profile, closure.reason, closure.id, moment)


def _minutes_between(start: float, end: float) -> float:
    # A budget's end is a sum of floats, off by less than a microsecond: rounded, 5 minutes are 5.
    return round(end - start, 3) / 60


def _nearest_threshold(minutes: float) -> int:
    """Return the nearest threshold that has passed this many minutes before a closure, else FAR."""
    return next((each for each in THRESHOLDS if minutes <= each), FAR)
