"""`copdns report`: what was blocked in a month, in counts that the whole family may see."""

from __future__ import annotations

from datetime import date, datetime

import click

from copdns.accounts.account import ViewedPart
from copdns.appeals.appeal import Appeal
from copdns.appeals.list_errors import WrongEntry
from copdns.as_json.report import report_json
from copdns.cli.base import ParsedParam, json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local_text, print_json, print_pairs, print_table, printable
from copdns.cli.people_records import record_view
from copdns.list_files import audit_results
from copdns.list_files.load import discreet_names
from copdns.model.household import PrivacyMode
from copdns.privacy.masked_names import build_mask
from copdns.privacy.report import (
    SMALL,
    Appeals,
    ListUse,
    Month,
    MonthReport,
    PersonCounts,
    appeals_of,
    counted_from,
    lists_of,
    month_of,
    people_of,
)
from copdns.privacy.retention import CountKey
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import HouseholdStore

_MAX_APPEALS = 100_000


def _parse_month(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
    except ValueError:
        raise ValueError(f"{text!r} is not a valid month; write one such as 2026-11") from None


@click.command()
@click.option(
    "--month",
    metavar="YYYY-MM",
    type=ParsedParam("month", _parse_month),
    help="Which month. Default: this month so far.",
)
@json_option
@pass_home
def report(home: Home, month: date | None, as_json: bool) -> None:
    """Show what was blocked in a month, in counts.

    The report covers what was blocked for each child by category, the minutes used, how requests
    were answered and how fast, and what lists block by mistake. It contains no domains that anyone
    looked up, nothing about adults, and no count of queries below 5, so the whole family can see
    it. Each child can see that their counts were viewed. Counts are kept for 30 days, so make the
    report by then.

    \b
    Example:  copdns report --month 2026-11
    """
    record_view(home, "", ViewedPart.COUNTS, ViewedPart.USAGE)
    of = month_of(month or home.day.day, home.household.timezone)
    found, errors = _load_appeals(home)
    month_report = MonthReport(
        of,
        counted_from(of, home.now, home.settings.log.counts_days),
        min(of.end, home.now),
        people_of(home.household, _load_counts(home, of), home.usage(of.first), of, home.now),
        appeals_of(found, of),
        _list_uses(home, errors),
    )
    if as_json:
        print_json(report_json(month_report))
    else:
        _print_report(home, month_report)


def _load_counts(home: Home, month: Month) -> tuple[tuple[CountKey, int], ...]:
    """Return counts with discreet names masked, as guardians see them."""
    mask = build_mask(discreet_names(), home.catalogue)
    return mask.counts(home.log.counts(home.household.id, None, month.start))


def _load_appeals(home: Home) -> tuple[tuple[Appeal, ...], tuple[WrongEntry, ...]]:
    if not home.has_database:
        return (), ()
    household = home.household.id

    async def read(store: HouseholdStore) -> tuple[tuple[Appeal, ...], tuple[WrongEntry, ...]]:
        appeals = AppealStore(store)
        return (
            await appeals.appeals(household, limit=_MAX_APPEALS),
            await appeals.list_errors(household),
        )

    return home.with_store(read, is_reading=True)


def _list_uses(home: Home, errors: tuple[WrongEntry, ...]) -> tuple[ListUse, ...]:
    found = audit_results.load_results(home.folder)
    percent = found.percent if found else lambda _: None
    return tuple(lists_of(home.catalogue.statuses, home.catalogue.index, errors, percent))


def _print_report(home: Home, report: MonthReport) -> None:
    zone = home.household.timezone
    end, since = report.until, report.since
    click.echo(printable(f"{home.household.name}, {report.month} (until {local_text(end, zone)})"))
    if since >= end:
        click.echo("Queries of that month are missing here: their counts have been deleted.")
    elif since > report.month.start:
        click.echo(
            f"Queries are counted from {local_text(since, zone)}; earlier counts have been deleted."
        )
    _print_people(report.people)
    _print_appeals(report.appeals)
    click.echo("\nLists in use, and what they block by mistake")
    rows = [
        (
            each.status.info.slug,
            each.status.info.version,
            each.status.info.licence,
            str(each.errors),
            str(each.still),
            "" if each.percent is None else f"{each.percent:.1f} %",
        )
        for each in report.lists
    ]
    print_table(
        ("list", "version", "licence", "false positives", "still listed", "over-blocking"), rows
    )


def _print_people(people: tuple[PersonCounts, ...]) -> None:
    click.echo(f"\nChildren's queries (below {SMALL}: few)")
    print_table(
        ("profile", "recorded", "queries", "blocked"),
        [
            (e.profile, str(e.mode), _count_text(e, e.asked), _count_text(e, e.blocked))
            for e in people
        ],
    )
    blocked = [(e.profile, about, _count_text(e, n)) for e in people for about, n in e.closed]
    if blocked:
        click.echo("\nBlocked, by category")
        print_table(("profile", "about", "queries"), blocked)
    used = [(e.profile, budget, str(n)) for e in people for budget, n in e.minutes]
    if used:
        click.echo("\nMinutes (estimated)")
        print_table(("profile", "budget", "minutes"), used)


def _count_text(person: PersonCounts, n: int | None) -> str:
    if n is not None:
        return str(n)
    return "not recorded" if person.mode is PrivacyMode.OFF else "few"


def _print_appeals(appeals: Appeals) -> None:
    click.echo("\nRequests")
    hours = appeals.hours
    states = ", ".join(f"{n} {state}" for state, n in appeals.states.items())
    print_pairs(
        [
            ("received", str(appeals.asked)),
            ("current state", states),
            ("answered", str(appeals.answered)),
            ("granted, all or in part", _percent_text(appeals.granted_percent)),
            ("half were answered within", "" if hours is None else f"{hours:g} h"),
            ("reported as overdue", str(appeals.overdue)),
            ("allowed until answered", str(appeals.opened)),
            ("second opinion asked for", str(appeals.again)),
        ]
    )


def _percent_text(n: int | None) -> str:
    return "" if n is None else f"{n} %"
