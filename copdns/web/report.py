"""Read the data of a monthly report, for the dashboard, the API and the child's page, and write the
weekly summary that guardians get by email, in their language."""

from __future__ import annotations

import asyncio
import re
from datetime import date
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup

from copdns.appeals.appeal import Appeal
from copdns.events.mail import Mail
from copdns.list_files import audit_results
from copdns.list_files.load import discreet_names
from copdns.model.household import Household
from copdns.privacy.digest import WEEK, DigestSums, counted_people, digest_sums
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
from copdns.store.household_db.appeals import AppealStore
from copdns.store.log_db.querylog import QueryLog
from copdns.store.log_db.unknown_devices import load_unknown_devices
from copdns.time.days import local_time, starts_at, zone_of
from copdns.time.minutes import Usage
from copdns.web.context import AppContext
from copdns.words.phrases import Phrases

ON_THE_PAGE = "me#digest"  # below the dashboard's address: where it is changed and stopped
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
        await asyncio.to_thread(log.usage, home, None, month.first),
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


# --- the weekly summary ---


def digest_mail(
    sums: DigestSums, household: Household, desk: str, phrases: Phrases, *, is_shared: bool = False
) -> Mail:
    """Return the summary of a week.

    desk: the address of the dashboard, which ends in a slash.  is_shared: at a provider.
    """
    zone = household.timezone
    title = phrases.gettext("Your week at %(household)s") % {
        "household": phrases.house(household.name)
    }
    week = phrases.gettext("From %(first)s to %(last)s. All children together.") % {
        "first": phrases.date(sums.since, zone),
        "last": phrases.date(sums.until, zone),
    }
    texts = [week, *_lines(sums, phrases), phrases.gettext("No email names a site or a child.")]
    if is_shared and sums.lookups is not None:
        texts.insert(1, phrases.gettext("What your provider answers without copdns isn't counted."))
    more = phrases.gettext("See more on the guardian dashboard: %(desk)s")
    stop = phrases.gettext("You chose this email. Change or stop it here: %(page)s")
    links = ((more, "desk", desk), (stop, "page", f"{desk}{ON_THE_PAGE}"))
    body = Markup().join(Markup("<p>{}</p>\n").format(each) for each in texts)
    for text, name, address in links:
        link = Markup('<a href="{0}">{0}</a>').format(address)
        body += Markup("<p>{}</p>\n").format(Markup.escape(text) % {name: link})
    html = Markup(
        '<!doctype html>\n<html lang="{}" dir="{}"><head><meta charset="utf-8"><title>{}</title>'
        "</head><body><h1>{}</h1>\n{}</body></html>\n"
    ).format(phrases.tag, phrases.direction, title, title, body)
    return Mail(title, str(html))


def _lines(sums: DigestSums, phrases: Phrases) -> list[str]:
    def line(text: str, number: int) -> str:
        return phrases.label(text, phrases.number(number))

    if sums.lookups is None or sums.blocks is None:
        counted = [phrases.gettext("Nothing is recorded of your children, so nothing is counted.")]
    else:
        counted = [
            line(phrases.gettext("Visits to sites (allowed and blocked)"), sums.lookups),
            line(phrases.pgettext("sum of a week", "Blocked"), sums.blocks),
        ]
    return [
        *counted,
        line(phrases.gettext("Requests sent"), sums.asked),
        line(phrases.gettext("Requests answered"), sums.answered),
        line(phrases.gettext("Requests waiting now"), sums.waiting),
        *([] if sums.devices is None else [line(phrases.gettext("New devices"), sums.devices)]),
    ]


async def read_sums(
    household: Household, log: QueryLog, appeals: AppealStore, folder: Path | None, until: float
) -> DigestSums:
    """Return the sums of the week before a moment.

    folder: with what is known of unknown devices; None at a provider, where there are none.
    """
    people = counted_people(household, until)
    counts = await asyncio.to_thread(log.hour_lookups, household.id, people, until - WEEK)
    requests = await appeals.appeals(household.id)
    firsts = None
    if folder is not None:
        found = await asyncio.to_thread(load_unknown_devices, folder)
        firsts = [e.first for e in found if e.household == household.id and not e.device]
    return digest_sums(
        people, [(bool(blocked), n) for _, blocked, n in counts], requests, firsts, until
    )
