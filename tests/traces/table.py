"""The traces with their true minutes, run through ledger, beacons and estimate.

Each is made many times, by lot but the same lots every time, since one day says little.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache
from random import Random
from typing import NamedTuple

from copdns.lists.index import ListKind
from copdns.time.ledger import UsageLedger
from copdns.time.minutes import NARROW, WIDE, Day, Minutes, UseCriteria
from tests.household import library
from tests.traces.devices import (
    BEACON,
    UNUSED,
    Use,
    asked,
    charging,
    chatting,
    clips,
    film,
    game,
    pocketed,
    polling,
    reading,
    resting,
)

RUNS = 40
START = 1_774_742_400  # a midnight
TODAY = Day(date(2026, 3, 29), START)


class Trace(NamedTuple):
    """What the devices of one child do.  about: what the budget is about; "": everything."""

    title: str
    about: str
    devices: tuple[tuple[Use, ...], ...]

    @property
    def true(self) -> int:
        """The minutes in which somebody used something; two screens at once are one."""
        used: set[int] = set()
        for uses in self.devices:
            for use in uses:
                if use.what not in UNUSED:
                    used.update(range(use.start, use.start + use.length))
        return len(used)

    @property
    def end(self) -> int:
        return max(use.start + use.length for uses in self.devices for use in uses) + 1


REST = Use(0, 240, resting)
NIGHT = 600  # minutes

TRACES = (
    Trace("a film", "film", ((Use(5, 110, film),),)),
    Trace("short videos", "clips", ((Use(5, 45, clips),),)),
    Trace("a game: lobby and matches", "game", ((Use(5, 90, game),),)),
    Trace("a game, twice, with a break", "game", ((Use(5, 40, game), Use(85, 30, game)),)),
    Trace("a chat", "chat", ((Use(5, 30, chatting),),)),
    Trace("messages of 8 hours, unread", "chat", ((Use(0, 480, pocketed),),)),
    Trace("the same, and a chat", "chat", ((Use(0, 480, pocketed), Use(200, 30, chatting)),)),
    Trace("films on two devices at once", "film", ((Use(5, 60, film),), (Use(35, 60, film),))),
    Trace("a page of two names, asked each 60 s", "page", ((Use(5, 30, polling),),)),
    Trace("everything: web pages", "", ((REST, Use(60, 60, reading)),)),
    Trace("everything: short videos", "", ((REST, Use(60, 45, clips)),)),
    Trace("everything: a film", "", ((REST, Use(60, 110, film)),)),
    Trace("everything: a game", "", ((REST, Use(60, 90, game)),)),
    Trace(
        "everything: two devices at once",
        "",
        ((REST, Use(60, 60, reading), Use(120, 30, clips)), (Use(90, 60, clips),)),
    ),
    Trace("everything: an idle phone, 10 hours", "", ((Use(0, NIGHT, resting),),)),
    Trace("everything: an idle tablet, charging, 10 hours", "", ((Use(0, NIGHT, charging),),)),
)


class Result(NamedTuple):
    """Averages over all runs.  least, most: `likely` in nine of ten runs lies between."""

    trace: Trace
    low: float
    likely: float
    high: float
    least: int
    most: int


@cache
def result(trace: Trace) -> Result:
    found = [estimated(trace, run) for run in range(RUNS)]
    low, likely, high = (sum(each) / RUNS for each in zip(*found, strict=True))
    by_size = sorted(each.likely for each in found)
    left_out = RUNS // 20
    return Result(trace, low, likely, high, by_size[left_out], by_size[-1 - left_out])


def estimated(trace: Trace, run: int) -> Minutes:
    """Return what is estimated of one run."""
    ledger = UsageLedger(lambda *_: TODAY, lambda *_: _sense(trace))
    asked_for: dict[int, list[tuple[float, str]]] = {}
    for at, name in _look_ups(trace, run):
        asked_for.setdefault(int(at) // 60, []).append((START + at, name))
    for minute in range(trace.end + 1):
        for at, name in asked_for.get(minute, ()):
            ledger.record("home", "mia", ["budget"] if _counts(trace, name) else [], name, at)
        ledger.fold(START + (minute + 1) * 60)
    return ledger.used("home", "mia", TODAY).get("budget", Minutes())


def _look_ups(trace: Trace, run: int) -> Iterator[tuple[float, str]]:
    for number, uses in enumerate(trace.devices):
        yield from asked(uses, Random(f"{trace.title} {number} {run}"))


def _sense(trace: Trace) -> UseCriteria:
    return NARROW if trace.about else WIDE


def _counts(trace: Trace, name: str) -> bool:
    """Tell whether a look-up counts for the budget of a trace."""
    if any(INDEX.infos[each.list].kind is ListKind.BEACON for each in INDEX.find(name)):
        return False
    return not trace.about or name.endswith(f".{trace.about}.example")


INDEX = library(beacons=[BEACON]).index

HEADERS = ("trace", "true", "low", "likely", "high", "likely, 9 of 10")


def lines() -> Iterator[str]:
    """Yield the table of all traces, in Markdown."""
    yield f"| {' | '.join(HEADERS)} |"
    yield f"|---|{'---:|' * (len(HEADERS) - 1)}"
    for each in map(result, TRACES):
        numbers = (each.low, each.likely, each.high)
        cells = (each.trace.title, str(each.trace.true), *(f"{number:.0f}" for number in numbers))
        yield f"| {' | '.join(cells)} | {each.least} to {each.most} |"
