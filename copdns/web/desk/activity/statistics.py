"""Statistics with plots: look-ups, blocks by cause, minutes, and what is blocked most often.

They are of the people whom the reader may view, together or of one.  Each view is recorded.
Figures by hour are of people whose names are recorded anyway (the modes `blocked` and `full`),
sites and services too; those by device are of a full log (docs/privacy.md).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

from aiohttp import web

from copdns.accounts.account import ViewedPart
from copdns.accounts.roles import Permission
from copdns.list_files.load import discreet_names
from copdns.lists.catalogue import Service
from copdns.model.household import Contact, Household, OwnService, PrivacyMode, Profile
from copdns.model.times import Budget
from copdns.model.verdict import Reason
from copdns.policy.snapshot import Snapshot
from copdns.privacy.masked_names import NameMask, build_mask
from copdns.privacy.own_numbers import usages_for_others
from copdns.privacy.retention import LogRow
from copdns.privacy.row_filter import RowFilter
from copdns.store.log_db.rows import HourLookups, PeriodCount
from copdns.time.budget import daily_limit
from copdns.time.minutes import NO_MINUTES, Minutes, Usage
from copdns.web.context import AppContext, context_of
from copdns.web.desk.activity.log import note_look
from copdns.web.desk.activity.plots import (
    HOUR,
    OTHER_KINDS,
    WEEK,
    Bucket,
    Plot,
    build_table,
    by_hour_of_day,
    dates,
    days,
    hours,
    stack_bars,
    tick_places,
)
from copdns.web.desk.activity.top_sites import TopSites, top_sites
from copdns.web.desk.page import ViewedPeople, require_viewed_people
from copdns.web.languages import phrases_in
from copdns.web.pages import language_of
from copdns.web.personal_data import is_untraced_row
from copdns.web.wording import desk_wording
from copdns.words.phrases import Phrases

SPANS = (1, 7, 30)  # days; one day is shown by the hour
OPEN, CLOSED = "open", "closed"
MOST_CAUSES = 4  # with a colour of their own; all others share one
MOST_ROWS = 1_000  # of the log, added up to sites and services
NAMED = frozenset({PrivacyMode.BLOCKED, PrivacyMode.FULL})


class UsedWeek(NamedTuple):
    """The minutes of a week, or of the part of it that is shown.  limit: None where a day has
    none."""

    first: date
    days: int
    minutes: int
    limit: int | None


class UsedBudget(NamedTuple):
    """The minutes of a budget that a person used, by day.  limits: of each day, without bonus and
    carry-over; None where it has none."""

    profile: Profile
    budget: Budget
    days: tuple[date, ...]
    minutes: tuple[Minutes, ...]
    limits: tuple[int | None, ...]

    @property
    def plot(self) -> Plot:
        return stack_bars([(each.likely,) for each in self.minutes], self.limits)

    @property
    def total(self) -> int:
        return sum(each.likely for each in self.minutes)

    @property
    def mean(self) -> int:
        """Return the minutes of an average day."""
        return round(self.total / len(self.days))

    @property
    def weeks(self) -> tuple[UsedWeek, ...]:
        """Return the minutes by week, which begins on Monday."""
        by_day = zip(self.days, self.minutes, self.limits, strict=True)
        return tuple(
            _week(list(some)) for _, some in groupby(by_day, lambda each: each[0].isocalendar()[:2])
        )


def _week(some: Sequence[tuple[date, Minutes, int | None]]) -> UsedWeek:
    limits = [limit for _, _, limit in some if limit is not None]
    return UsedWeek(
        some[0][0],
        len(some),
        sum(used.likely for _, used, _ in some),
        sum(limits) if len(limits) == len(some) else None,
    )


async def numbers(request: web.Request) -> web.Response:
    """Show the look-ups, blocks and minutes of the last days."""
    found = await require_viewed_people(request, Permission.SEE_LOG)
    context, home, now = context_of(request), found.household, context_of(request).now()
    named = tuple(each for each in found.chosen if each.privacy_at(now) in NAMED)
    await _note_views(request, found, named)
    span = _parse_span(request.query.get("days", ""))
    by_hour = span == 1  # so its bars are of people whose sites are recorded
    buckets = hours(now) if by_hour else days(now, span, home.timezone)
    since = buckets[0].start
    ids_of_named = tuple(each.id for each in named)
    counts = await asyncio.to_thread(
        context.log.period_counts, home.id, found.ids, buckets, ids_of_named
    )
    by_hour_counts = await asyncio.to_thread(context.log.hour_lookups, home.id, ids_of_named, since)
    sums = _sums(counts, buckets)
    tops = await _top_sites(context, home, named, since)
    days_shown = dates(now, max(span, WEEK), home.timezone)
    person = found.person or None
    usages = await asyncio.to_thread(context.log.usage, home.id, person, days_shown[0])
    shown = tuple(usages_for_others(home, usages, now, found.actor.profile))
    phrases = phrases_in(language_of(request))
    return context.pages.render(
        request,
        "desk/numbers.html",
        actor=found.actor,
        about=found,
        household=home,
        span=span,
        spans=SPANS,
        asked=sums.total,
        blocked=sums.total_blocks,
        lookups=build_table(
            buckets, sums.named_lookups if by_hour else sums.lookups, (OPEN, CLOSED)
        ),
        closed=build_table(
            buckets, sums.named_closed if by_hour else sums.closed, most=MOST_CAUSES
        ),
        by_hour=by_hour_of_day(_moments(by_hour_counts), (OPEN, CLOSED), home.timezone),
        causes=sums.causes,
        strangers=any(Contact.STRANGERS in each.contacts for each in found.chosen),
        tops=tops,
        most_rows=MOST_ROWS,
        devices={each.id: each.name or each.id for each in home.devices},
        named=named,
        **_privacy_values(found.chosen, named, now),
        used=tuple(_used_budgets(home, found.chosen, shown, days_shown)),
        day_words=lambda shown: _day_words(phrases, shown),
        bucket_words=lambda shown: (
            _hour_words(phrases, shown, home.timezone)
            if by_hour
            else _day_words(phrases, dates(now, len(shown), home.timezone))
        ),
        rest=OTHER_KINDS,
        reasons=tuple(Reason),
        today=days_shown[-1],
        say=desk_wording(request, home),
        zone=home.timezone,
    )


def _privacy_values(
    chosen: Sequence[Profile], named: Sequence[Profile], now: float
) -> dict[str, Any]:
    """Return what the page says of privacy: whose sites are not named, and who has a full log."""
    modes = [each.privacy_at(now) for each in chosen]
    return {
        "nameless": [(e, mode) for e, mode in zip(chosen, modes, strict=True) if e not in named],
        "any_full": any(mode is PrivacyMode.FULL for mode in modes),
        "all_full": all(mode is PrivacyMode.FULL for mode in modes),
    }


async def _note_views(
    request: web.Request, found: ViewedPeople, named: tuple[Profile, ...]
) -> None:
    await note_look(request, found, ViewedPart.COUNTS, ViewedPart.USAGE)
    if named:
        await note_look(request, found._replace(chosen=named), ViewedPart.LOG)


async def _top_sites(
    context: AppContext, home: Household, named: Sequence[Profile], since: float
) -> TopSites:
    """Return what stands in the log most often of people whose names are recorded."""
    if not named:
        return TopSites()
    ids = tuple(each.id for each in named)
    found = await asyncio.to_thread(
        context.log.find, home.id, ids, RowFilter(since=since), limit=MOST_ROWS
    )
    snapshot = context.snapshot()
    mask = build_mask(discreet_names(), snapshot.library)
    return top_sites(
        (each.row for each in found),
        lambda row: mask.row(row) is row and not _is_untraced(snapshot, row),
        lambda slug: _hides_service(mask, home, snapshot, slug),
    )


def _is_untraced(snapshot: Snapshot, row: LogRow) -> bool:
    return is_untraced_row(snapshot.policy(row.household, row.profile), row)


def _hides_service(mask: NameMask, home: Household, snapshot: Snapshot, slug: str) -> bool:
    """Tell whether a service has a name that guardians read as "other"."""
    services: tuple[Service | OwnService, ...] = (
        *snapshot.library.services.values(),
        *home.services,
    )
    return any(
        mask.hides(matcher.name)
        for each in services
        if each.slug == slug
        for matcher in (each.names if isinstance(each, OwnService) else each.matchers)
    )


def _day_words(phrases: Phrases, shown: Sequence[date]) -> list[str]:
    """Return the words below bars of days: the days of a week, else a few dates."""
    word = phrases.weekday if len(shown) <= WEEK else phrases.day_of_month
    return [word(shown[at]) for at in tick_places(len(shown))]


def _hour_words(phrases: Phrases, shown: Sequence[Bucket], zone: str) -> list[str]:
    """Return the words below bars of hours: a few times of day."""
    return [phrases.time(shown[at].start, zone) for at in tick_places(len(shown))]


def _parse_span(text: str) -> int:
    return next((each for each in SPANS if str(each) == text), WEEK)


class LookupSums(NamedTuple):
    """Counts as the charts need them: moment, kind and number.

    lookups, closed: of everybody, and what blocked them; named_lookups, named_closed: of people
    whose sites are recorded.  causes: how much each blocked, the most first.
    """

    lookups: Sequence[tuple[float, str, int]]
    closed: Sequence[tuple[float, str, int]]
    named_lookups: Sequence[tuple[float, str, int]]
    named_closed: Sequence[tuple[float, str, int]]
    causes: Sequence[tuple[str, int]]

    @property
    def total(self) -> int:
        return sum(n for _, _, n in self.lookups)

    @property
    def total_blocks(self) -> int:
        return sum(n for _, n in self.causes)


def _sums(counts: Sequence[PeriodCount], buckets: Sequence[Bucket]) -> LookupSums:
    """Return the sums of counts, in one go."""
    lookups: Counter[tuple[float, str]] = Counter()
    named: Counter[tuple[float, str]] = Counter()
    causes: Counter[str] = Counter()
    closed, named_closed = [], []
    for at, blocked, cause, n, of_some in counts:
        moment = buckets[at].start
        key = moment, CLOSED if blocked else OPEN
        lookups[key] += n
        named[key] += of_some
        if blocked:
            causes[cause] += n
            closed.append((moment, cause, n))
            if of_some:
                named_closed.append((moment, cause, of_some))
    return LookupSums(
        [(*key, n) for key, n in lookups.items()],
        closed,
        [(*key, n) for key, n in named.items()],
        named_closed,
        sorted(causes.items(), key=lambda each: (-each[1], each[0])),
    )


def _moments(counts: Iterable[HourLookups]) -> Iterator[tuple[float, str, int]]:
    return ((hour * HOUR, CLOSED if blocked else OPEN, n) for hour, blocked, n in counts)


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
                yield UsedBudget(
                    profile,
                    budget,
                    days_shown,
                    tuple(by_day.get((*key, day), NO_MINUTES) for day in days_shown),
                    tuple(daily_limit(budget, home.calendar, day) for day in days_shown),
                )
