"""Read the data of a monthly report, for the dashboard, the API and the child's page."""

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
from copdns.privacy.own_numbers import usages_for_others
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

_MAX_APPEALS = 100_000
_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")


class MonthData(NamedTuple):
    """What is recorded of a month.  counts: as guardians see them.  over: counts of the days that
    are over."""

    counts: tuple[tuple[CountKey, int], ...]
    over: tuple[tuple[CountKey, int], ...]
    usages: tuple[Usage, ...]
    appeals: tuple[Appeal, ...]
    lists: tuple[ListUse, ...]


def parse_month(text: str, household: Household, now: float) -> Month:
    """Return the month of a text such as 2026-11; the current month for "" or a month to come."""
    this_month = month_of(local_time(now, zone_of(household.timezone)).date(), household.timezone)
    if not _MONTH.fullmatch(text):
        return this_month
    wanted = month_of(date.fromisoformat(f"{text}-01"), household.timezone)
    return wanted if wanted.start < this_month.start else this_month


async def read_month(context: AppContext, household: Household, month: Month) -> MonthData:
    """Return the data of a month; a thread reads the query log."""
    library, home, now = context.snapshot().library, household.id, context.now()
    zone = zone_of(household.timezone)
    today = starts_at(local_time(now, zone).date(), 0, zone)
    hidden, log = build_mask(discreet_names(), library), context.log
    found = await asyncio.to_thread(audit_results.load_results, context.folder)
    percent = found.percent if found else lambda _: None
    errors = await context.appeals.list_errors(home)
    return MonthData(
        hidden.counts(await asyncio.to_thread(log.sum_counts, home, month.start, month.end)),
        await asyncio.to_thread(log.sum_counts, home, month.start, min(month.end, today)),
        await asyncio.to_thread(load_history, context.folder, home, None, month.first),
        await context.appeals.appeals(home, limit=_MAX_APPEALS),
        tuple(lists_of(library.statuses, library.index, errors, percent)),
    )


async def build_report(context: AppContext, household: Household, month: Month) -> MonthReport:
    """Return the report for guardians.  Callers record the view first."""
    data, now = await read_month(context, household, month), context.now()
    return MonthReport(
        month,
        since_of(context, month),
        min(month.end, now),
        people_of(
            household, data.counts, usages_for_others(household, data.usages, now), month, now
        ),
        appeals_of(data.appeals, month),
        data.lists,
    )


def since_of(context: AppContext, month: Month) -> float:
    """Return since when there are counts of a month, in seconds since the epoch."""
    return counted_from(month, context.now(), context.settings().log.counts_days)


def children_of(household: Household, now: float) -> tuple[str, ...]:
    """Return the ids of the people whom a report is about."""
    return tuple(each.id for each in household.profiles if each.band_at(now).is_child)
