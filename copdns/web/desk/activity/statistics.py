"""Numbers with plots: look-ups, what was closed by category, and minutes; no names.

They are of those whom the reader may look at, together or of one; each look is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

from aiohttp import web

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Permission
from copdns.model.household import Household, Profile
from copdns.model.times import Budget
from copdns.store.log_db.rows import Tally
from copdns.store.log_db.usage import history
from copdns.time.minutes import NO_MINUTES, Minutes, Usage
from copdns.web.context import context_of
from copdns.web.desk.activity.log import note_look
from copdns.web.desk.activity.plots import REST, Plot, dates, days, hours, stacked, tabled
from copdns.web.desk.page import about
from copdns.web.wording import desk_saying

SPANS = (1, 7, 30)  # days; one day is shown by the hour
WEEK = 7
OPEN, CLOSED = "open", "closed"


class Used(NamedTuple):
    """The minutes of one budget of one person, a day each."""

    profile: Profile
    budget: Budget
    days: tuple[date, ...]
    minutes: tuple[Minutes, ...]

    @property
    def plot(self) -> Plot:
        return stacked([(each.likely,) for each in self.minutes])


async def numbers(request: web.Request) -> web.Response:
    """How many look-ups and minutes there were lately."""
    found = await about(request, Permission.SEE_LOG)
    await note_look(request, found, ViewedPart.COUNTS, ViewedPart.USAGE)
    parts, home = context_of(request), found.household
    span = _span(request.query.get("days", ""))
    now = parts.now()
    buckets = hours(now) if span == 1 else days(now, span, home.timezone)
    since = buckets[0].start
    tallies = await asyncio.to_thread(parts.log.tallies, home.id, found.ids, since)
    shown = dates(now, max(span, WEEK), home.timezone)
    person = found.person or None
    usages = await asyncio.to_thread(history, parts.folder, home.id, person, shown[0])
    return parts.pages.render(
        request,
        "desk/numbers.html",
        actor=found.actor,
        about=found,
        span=span,
        spans=SPANS,
        lookups=tabled(buckets, _lookups(tallies), (CLOSED, OPEN)),
        closed=tabled(buckets, _closed(tallies)),
        used=tuple(_used(home, found.chosen, usages, shown)),
        rest=REST,
        say=desk_saying(request, home),
        zone=home.timezone,
    )


def _span(given: str) -> int:
    return next((each for each in SPANS if str(each) == given), 1)


def _lookups(tallies: Sequence[Tally]) -> Iterator[tuple[float, str, int]]:
    for each in tallies:
        yield each.hour * 3600, CLOSED if each.blocked else OPEN, each.n


def _closed(tallies: Sequence[Tally]) -> Iterator[tuple[float, str, int]]:
    for each in tallies:
        if each.blocked:
            yield each.hour * 3600, each.category, each.n


def _used(
    home: Household,
    people: Sequence[Profile],
    usages: Sequence[Usage],
    shown: tuple[date, ...],
) -> Iterator[Used]:
    """Yield what was used of each budget, of those whom somebody may look at."""
    by_day = {(each.profile, each.budget, each.day): each.minutes for each in usages}
    whose = {(each.profile, each.budget) for each in usages}
    for profile in people:
        for budget in home.budgets:
            if (profile.id, budget.id) in whose:
                key = profile.id, budget.id
                minutes = tuple(by_day.get((*key, day), NO_MINUTES) for day in shown)
                yield Used(profile, budget, shown, minutes)
