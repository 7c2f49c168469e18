"""Read what a month's report is made of, for the desk, the API and the child's page."""

from __future__ import annotations

import asyncio
import re
from datetime import date
from typing import NamedTuple

from copdns.appeals.appeal import Appeal
from copdns.list_files import audit_results
from copdns.list_files.load import discreet_names
from copdns.model.household import Household
from copdns.privacy.masked_names import build_mask
from copdns.privacy.report import (
    ListUse,
    Month,
    MonthReport,
    appeals_of,
    counted_from,
    lists_of,
    month_of,
    people_of,
)
from copdns.privacy.retention import CountKey
from copdns.store.log_db.usage import load_history
from copdns.time.days import local_time, starts_at, zone_of
from copdns.time.minutes import Usage
from copdns.web.context import AppContext

_EVERY = 100_000
_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")


class Kept(NamedTuple):
    """What is kept of a month.  counts: as guardians see them; over: of the days that are over."""

    counts: tuple[tuple[CountKey, int], ...]
    over: tuple[tuple[CountKey, int], ...]
    usages: tuple[Usage, ...]
    appeals: tuple[Appeal, ...]
    lists: tuple[ListUse, ...]


def month_in(text: str, household: Household, now: float) -> Month:
    """Return the month that somebody asked for, such as 2026-11; without one, or for one to come,
    that of now."""
    this = month_of(local_time(now, zone_of(household.timezone)).date(), household.timezone)
    if not _MONTH.fullmatch(text):
        return this
    asked = month_of(date.fromisoformat(f"{text}-01"), household.timezone)
    return asked if asked.start < this.start else this


async def kept_of(parts: AppContext, household: Household, month: Month) -> Kept:
    """Return it; the log is read in another thread."""
    library, home, now = parts.live().library, household.id, parts.now()
    zone = zone_of(household.timezone)
    today = starts_at(local_time(now, zone).date(), 0, zone)
    hidden, log = build_mask(discreet_names(), library), parts.log
    found = await asyncio.to_thread(audit_results.load_results, parts.folder)
    percent = found.percent if found else lambda _: None
    errors = await parts.appeals.list_errors(home)
    return Kept(
        hidden.counts(await asyncio.to_thread(log.sum_counts, home, month.start, month.end)),
        await asyncio.to_thread(log.sum_counts, home, month.start, min(month.end, today)),
        await asyncio.to_thread(load_history, parts.folder, home, None, month.first),
        await parts.appeals.appeals(home, limit=_EVERY),
        tuple(lists_of(library.statuses, library.index, errors, percent)),
    )


async def report_of(parts: AppContext, household: Household, month: Month) -> MonthReport:
    """Return what guardians read, who are to be noted as having looked before."""
    kept, now = await kept_of(parts, household, month), parts.now()
    return MonthReport(
        month,
        since_of(parts, month),
        min(month.end, now),
        people_of(household, kept.counts, kept.usages, month, now),
        appeals_of(kept.appeals, month),
        kept.lists,
    )


def since_of(parts: AppContext, month: Month) -> float:
    """Return since when counts of a month are here."""
    return counted_from(month, parts.now(), parts.settings().log.counts_days)


def children_of(household: Household, now: float) -> tuple[str, ...]:
    """Return the ids of those whom a report is about."""
    return tuple(each.id for each in household.profiles if each.band_at(now).is_child)
