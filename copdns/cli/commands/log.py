"""`copdns log`: recorded queries, as far as each profile's privacy mode allows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import chain
from time import monotonic

import click

from copdns.accounts.account import SAME_LOOK_WITHIN, ViewedPart
from copdns.as_json.log import HOUR, count_json, row_json, why
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local_text, print_listing, printable
from copdns.cli.params import number_option, profile_argument, profile_option
from copdns.cli.people_records import erase_records, record_view, tell_of_backups
from copdns.model.errors import HouseholdError
from copdns.model.names import display
from copdns.model.record_types import qtype_name
from copdns.model.violations import no_such
from copdns.policy.guest import GUEST
from copdns.privacy.own_numbers import counts_for_others, since_whole_day
from copdns.privacy.retention import CountKey, LogRow
from copdns.store.log_db.querylog import QueryLog
from copdns.store.log_db.rows import StoredRow

PAGE_ROWS = 1000  # read at once
POLL_SECONDS = 0.5  # between two reads for new rows
DAY = 86_400

_HEADERS = ("when", "profile", "device", "domain", "type", "action", "why")


@click.group(invoke_without_command=True)
@click.option(
    "-f", "--follow", is_flag=True, help="Keep running, and show new queries as they come."
)
@profile_option("Only one person's queries.")
@number_option("--limit", 0, 100_000, 100, "How many of the newest queries to show at most.")
@json_option
@click.pass_context
def log(context: click.Context, follow: bool, profile: str, limit: int, as_json: bool) -> None:
    """Show logged queries, newest last.

    Each person's privacy mode decides what is recorded. Queries for help sites (helplines, crisis,
    abuse ...) are never recorded. With -f and --json, each query is one line of JSON. The person
    can see on their own page that someone viewed this.

    \b
    Example:  copdns log --profile mia --limit 20
              copdns log -f
    """
    if context.invoked_subcommand is None:
        context.invoke(_print_rows, follow=follow, profile=profile, limit=limit, as_json=as_json)
    elif follow or profile or as_json:
        raise click.UsageError(f"write the options after `{context.invoked_subcommand}`")


@pass_home
def _print_rows(home: Home, follow: bool, profile: str, limit: int, as_json: bool) -> None:
    """Print recorded queries; follow: also new ones, until Ctrl-C."""
    if profile:
        _require_profile(home, profile)
    record_view(home, profile, ViewedPart.LOG)
    query_log, household = home.log, home.household
    newest = max((each.id for each in query_log.rows(household.id, None, 1)), default=0)
    found = query_log.rows(household.id, profile or None, limit)
    if not follow:
        print_listing(
            found,
            as_json,
            lambda each: row_json(each.row),
            _HEADERS,
            lambda each: _row_cells(each.row, household.timezone),
        )
        return
    old = (each for each in found if each.id <= newest)  # _follow yields those after it
    try:
        for each in chain(old, _follow(home, query_log, profile, newest)):
            row = each.row
            line = "  ".join(_row_cells(row, household.timezone))
            click.echo(json.dumps(row_json(row)) if as_json else printable(line))
    except KeyboardInterrupt:
        return


def _follow(home: Home, query_log: QueryLog, profile: str, last: int) -> Iterator[StoredRow]:
    """Yield new rows after the row `last`, without an end, and record that they are viewed."""
    viewed_at = monotonic()
    while True:
        if monotonic() - viewed_at >= SAME_LOOK_WITHIN:
            # A new Home: its `now` is the time of this view, not of when the command began.
            record_view(Home(home.settings), profile, ViewedPart.LOG)
            viewed_at = monotonic()
        more = query_log.rows(home.household.id, profile or None, PAGE_ROWS, after=last)
        yield from more
        last = more[-1].id if more else last
        if len(more) < PAGE_ROWS:
            time.sleep(POLL_SECONDS)


def _row_cells(row: LogRow, zone: str) -> tuple[str, ...]:
    return (
        local_text(row.at, zone),
        row.profile,
        row.device,
        display(row.qname),
        qtype_name(row.qtype),
        row.action,
        f"{why(row)} (by {row.via})" if row.via else why(row),
    )


def _require_profile(home: Home, profile: str) -> None:
    """Raise HouseholdError for an id that is no profile and has no records either."""
    query_log, household = home.log, home.household
    people = [GUEST, *(each.id for each in household.profiles)]
    if profile in people or query_log.rows(household.id, profile, 1):
        return
    if not query_log.counts(household.id, profile):
        raise HouseholdError(no_such("profile", profile, people))


@log.command()
@profile_option("Only one person's queries.")
@number_option("--days", 1, 366, 1, "How many days to look back.")
@json_option
@pass_home
def counts(home: Home, profile: str, days: int, as_json: bool) -> None:
    """Count queries by person, hour and category.

    Domains are not shown, and days in place of hours for people in the privacy modes counts and
    off, for guests and for unknown devices.

    \b
    Example:  copdns log counts --profile mia --days 7
    """
    if profile:
        _require_profile(home, profile)
    record_view(home, profile, ViewedPart.COUNTS)
    since = since_whole_day(home.household, home.now - days * DAY)
    zone = home.household.timezone
    print_listing(
        counts_for_others(
            home.household, home.log.counts(home.household.id, profile or None, since), home.now
        ),
        as_json,
        lambda found: count_json(*found),
        ("hour from", "profile", "action", "why", "category", "queries"),
        lambda found: _count_cells(*found, zone),
    )


def _count_cells(key: CountKey, n: int, zone: str) -> tuple[str, ...]:
    start = local_text(key.hour * HOUR, zone)
    return (start, key.profile, key.action, key.reason, key.category, str(n))


@log.command()
@profile_argument
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@pass_home
def erase(home: Home, profile: str, yes: bool) -> None:
    """Delete a person's recorded queries and answered requests.

    Domains, counts, minutes of use and answered requests are deleted at once and for good. A
    request that is still waiting stays, without the child's words, so that it gets an answer.
    Rules, devices and the history of views stay. This works while copdns runs.

    \b
    Example:  copdns log erase mia
    """
    _require_profile(home, profile)
    if not yes:
        what = f"{profile}'s recorded queries and answered requests"
        click.confirm(f"Permanently delete {what}?", abort=True)
    erase_records(home, profile)
    click.echo(f"deleted {profile}'s recorded queries and answered requests")
    tell_of_backups(home, "the answered requests")
