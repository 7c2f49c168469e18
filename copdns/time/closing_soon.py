"""What is to be warned of: that something closes in 15, 5 or 1 minutes.

Each warning comes once, however often somebody looks and whichever way the clock was set.  What
is coming others work out (`time/plan.py`); `events/bus.py` tells it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from copdns.model.verdict import Reason

THRESHOLDS = (1, 5, 15)  # minutes, the nearest first
FAR = 16  # minutes: nothing to warn of yet
REMEMBERED_FOR = (
    2 * 86_400.0
)  # seconds for which a warning is remembered: clocks are set back by less


class UpcomingClosure(NamedTuple):
    """Something that closes for a profile unless something changes.

    reason, id: SCHEDULE or BUDGET and its id, or PAUSED and "".  at: the moment; for a budget, if
        it is used from now on.  One that is not in use closes nothing, and is left out.
    day: for a budget, when its day began.  Its end moves with its use, so the day tells one end
        from the next.
    everything: all names, not those of some category, service or list.
    """

    household: str
    profile: str
    reason: Reason
    id: str
    at: float
    day: float | None = None
    everything: bool = False


class ClosureWarning(NamedTuple):
    """A warning.  minutes: until then, rounded up: a threshold, or less when it was told late."""

    coming: UpcomingClosure
    minutes: int


class WarningKey(NamedTuple):
    """What is warned of once.  moment: when it closes; for a budget, when its day began."""

    household: str
    profile: str
    reason: Reason
    id: str
    moment: float


class WarningState(NamedTuple):
    """What was warned of.

    nearest: by occasion the nearest threshold that was told.
    before: an earlier run of the program told what was due up to then; for the first look only.
    """

    nearest: Mapping[WarningKey, int] = MappingProxyType({})
    before: float = 0.0


def due_warnings(
    coming: Iterable[UpcomingClosure], told: WarningState, now: float
) -> tuple[tuple[ClosureWarning, ...], WarningState]:
    """Return the warnings that are to be told now, and what was told then.

    Of several thresholds that passed since the last look the nearest is told, and likewise of
    something that begins in less than 15 minutes when it is first seen.  What has begun is not
    warned of.  A bonus or another moment makes a warning possible again.
    """
    nearest = {
        each: told.nearest[each] for each in told.nearest if each.moment > now - REMEMBERED_FOR
    }
    warnings = []
    for each in coming:
        occasion, left = _occasion(each), _minutes(now, each.at)
        if left <= 0:
            continue
        had = nearest.get(occasion) or _threshold(_minutes(told.before, each.at))
        has = _threshold(left)
        if has < had:
            warnings.append(ClosureWarning(each, math.ceil(left)))
        nearest[occasion] = has if each.day is not None else min(had, has)
    return tuple(warnings), WarningState({each: at for each, at in nearest.items() if at != FAR})


def _occasion(of: UpcomingClosure) -> WarningKey:
    moment = of.at if of.day is None else of.day
    return WarningKey(of.household, of.profile, of.reason, of.id, moment)


def _minutes(start: float, end: float) -> float:
    # A budget's end is a sum, and as a float off by less than a microsecond: 5 minutes are 5.
    return round(end - start, 3) / 60


def _threshold(minutes: float) -> int:
    """Return the nearest threshold that has passed so long before a closing."""
    return next((each for each in THRESHOLDS if minutes <= each), FAR)
