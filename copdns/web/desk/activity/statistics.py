"""Statistics with plots: lookups, blocks by category, and minutes.  No names.

They are of the people whom the reader may view, together or of one.  Each view is recorded.
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
from copdns.privacy.own_numbers import usages_for_others
from copdns.store.log_db.rows import HourCount
from copdns.store.log_db.usage import load_history
from copdns.time.minutes import NO_MINUTES, Minutes, Usage
from copdns.web.context import context_of
from copdns.web.desk.activity.log import note_look
from copdns.web.desk.activity.plots import (
    OTHER_KINDS,
    Plot,
    build_table,
    dates,
    days,
    hours,
    stack_bars,
)
from copdns.web.desk.page import require_viewed_people
from copdns.web.wording import desk_wording

SPANS = (1, 7, 30)  # days; one day is shown by the hour
WEEK = 7
OPEN, CLOSED = "open", "closed"


class UsedBudget(NamedTuple):
    """The minutes of a budget that a person used, by day."""

    profile: Profile
    budget: Budget
    days: tuple[date, ...]
    minutes: tuple[Minutes, ...]

    @property
    def plot(self) -> Plot:
        return stack_bars([(each.likely,) for each in self.minutes])


async def numbers(request: web.Request) -> web.Response:
    """Show the lookups and minutes of the last days."""
    found = await require_viewed_people(request, Permission.SEE_LOG)
    await note_look(request, found, ViewedPart.COUNTS, ViewedPart.USAGE)
    context, home = context_of(request), found.household
    span = _parse_span(request.query.get("days", ""))
    now = context.now()
    buckets = hours(now) if span == 1 else days(now, span, home.timezone)
    since = buckets[0].start
    tallies = await asyncio.to_thread(context.log.hour_counts, home.id, found.ids, since)
    days_shown = dates(now, max(span, WEEK), home.timezone)
    person = found.person or None
    usages = await asyncio.to_thread(load_history, context.folder, home.id, person, days_shown[0])
    shown = tuple(usages_for_others(home, usages, now, found.actor.profile))
    return context.pages.render(
        request,
        "desk/numbers.html",
        actor=found.actor,
        about=found,
        span=span,
        spans=SPANS,
        lookups=build_table(buckets, _lookup_counts(tallies), (CLOSED, OPEN)),
        closed=build_table(buckets, _blocked_counts(tallies)),
        used=tuple(_used_budgets(home, found.chosen, shown, days_shown)),
        rest=OTHER_KINDS,
        say=desk_wording(request, home),
        zone=home.timezone,
    )


def _parse_span(text: str) -> int:
    return next((each for each in SPANS if str(each) == text), 1)


def _lookup_counts(tallies: Sequence[HourCount]) -> Iterator[tuple[float, str, int]]:
    for each in tallies:
        yield each.hour * 3600, CLOSED if each.blocked else OPEN, each.n


def _blocked_counts(tallies: Sequence[HourCount]) -> Iterator[tuple[float, str, int]]:
    for each in tallies:
        if each.blocked:
            yield each.hour * 3600, each.category, each.n


def _used_budgets(
    home: Household,
    people: Sequence[Profile],
    usages: Sequence[Usage],
    days_shown: tuple[date, ...],
) -> Iterator[UsedBudget]:
    """Yield the used minutes of each budget of these people."""
    by_day = {(each.profile, each.budget, each.day): each.minutes for each in usages}
    budgets = {(each.profile, each.budget) for each in usages}
    for profile in people:
        for budget in home.budgets:
            if (profile.id, budget.id) in budgets:
                key = profile.id, budget.id
                minutes = tuple(by_day.get((*key, day), NO_MINUTES) for day in days_shown)
                yield UsedBudget(profile, budget, days_shown, minutes)
