"""`copdns log`: what was looked up, as far as each profile's privacy mode keeps it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import chain
from time import monotonic

import click

from copdns.accounts.account import LOOKS_JOINED, ViewedPart
from copdns.as_json.log import HOUR, count_json, row_json, why
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import local, print_json, safe, table
from copdns.cli.params import profile_argument, profile_option
from copdns.dns.qtypes import qtype_name
from copdns.household.check import no_such
from copdns.model.errors import HouseholdError
from copdns.model.names import display
from copdns.policy.snapshot import GUEST
from copdns.privacy.retention import LogRow
from copdns.store.log_db.querylog import QueryLog
from copdns.store.log_db.rows import Logged

PAGE = 1000  # rows that are read at once
PAUSE = 0.5  # seconds between two looks for new rows
DAY = 86_400

_HEADERS = ("when", "profile", "device", "name", "type", "what", "why")


@click.group(invoke_without_command=True)
@click.option("-f", "--follow", is_flag=True, help="Go on, and show new look-ups as they come.")
@profile_option("Only those of one person.")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(0, 100_000),
    default=100,
    help="How many of the newest to show at most; 100 by default.",
)
@json_option
@click.pass_context
def log(context: click.Context, follow: bool, profile: str, limit: int, as_json: bool) -> None:
    """Show the look-ups that were kept, the newest last.

    What is kept is each person's privacy mode, and look-ups of help names (helplines, crisis,
    abuse ...) are never recorded, in no mode.  With -f and --json each look-up is one line of JSON.
    Whoever it is about sees on the own page that somebody looked.

    \b
    Example:  copdns log --profile mia --limit 20
              copdns log -f
    """
    if context.invoked_subcommand is None:
        context.invoke(_rows, follow=follow, profile=profile, limit=limit, as_json=as_json)
    elif follow or profile or as_json:
        raise click.UsageError(f"write the options behind `{context.invoked_subcommand}`")


@pass_home
def _rows(home: Home, follow: bool, profile: str, limit: int, as_json: bool) -> None:
    """Print what is kept; `follow`: and what comes, until Ctrl-C."""
    if profile:
        _known(home, profile)
    home.look(profile, ViewedPart.LOG)
    kept, household = QueryLog(home.folder), home.household
    newest = max((each.id for each in kept.rows(household.id, None, 1)), default=0)
    found = kept.rows(household.id, profile or None, limit)
    if not follow:
        if as_json:
            print_json([row_json(each.row) for each in found])
        else:
            table(_HEADERS, [_cells(each.row, household.timezone) for each in found])
        return
    old = (each for each in found if each.id <= newest)  # those after it are followed
    try:
        for each in chain(old, _following(home, kept, profile, newest)):
            row = each.row
            line = "  ".join(_cells(row, household.timezone))
            click.echo(json.dumps(row_json(row)) if as_json else safe(line))
    except KeyboardInterrupt:
        return


def _following(home: Home, kept: QueryLog, profile: str, last: int) -> Iterator[Logged]:
    """Yield what is logged after a row, without an end; each look is kept, as long as it lasts."""
    looked = monotonic()
    while True:
        if monotonic() - looked >= LOOKS_JOINED:
            Home(home.settings).look(profile, ViewedPart.LOG)  # as of now, not of when it began
            looked = monotonic()
        more = kept.rows(home.household.id, profile or None, PAGE, after=last)
        yield from more
        last = more[-1].id if more else last
        if len(more) < PAGE:
            time.sleep(PAUSE)


def _cells(row: LogRow, zone: str) -> tuple[str, ...]:
    return (
        local(row.at, zone),
        row.profile,
        row.device,
        display(row.qname),
        qtype_name(row.qtype),
        row.action,
        f"{why(row)} (by {row.via})" if row.via else why(row),
    )


def _known(home: Home, profile: str) -> None:
    """Raise HouseholdError for a profile that there is not, and of which nothing is kept."""
    kept, household = QueryLog(home.folder), home.household
    people = [GUEST, *(each.id for each in household.profiles)]
    if profile in people or kept.rows(household.id, profile, 1):
        return
    if not kept.counts(household.id, profile):
        raise HouseholdError(no_such("profile", profile, people))


@log.command()
@profile_option("Only those of one person.")
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(1, 366),
    default=1,
    help="How many days to look back; 1 by default.",
)
@json_option
@pass_home
def counts(home: Home, profile: str, days: int, as_json: bool) -> None:
    """Show how many look-ups there were, no names.

    They are counted by person, hour and category.

    \b
    Example:  copdns log counts --profile mia --days 7
    """
    if profile:
        _known(home, profile)
    home.look(profile, ViewedPart.COUNTS)
    since = home.now - days * DAY
    found = QueryLog(home.folder).counts(home.household.id, profile or None, since)
    if as_json:
        print_json([count_json(*each) for each in found])
        return
    zone = home.household.timezone
    rows = [
        (local(key.hour * HOUR, zone), key.profile, key.action, key.reason, key.category, str(n))
        for key, n in found
    ]
    table(("hour from", "profile", "what", "why", "category", "look-ups"), rows)


@log.command()
@profile_argument
@click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")
@pass_home
def erase(home: Home, profile: str, yes: bool) -> None:
    """Delete what is kept of a person's look-ups and appeals.

    Names, counts, minutes of use and answered appeals go at once and for good.  A question that
    still waits stays, without the child's words, so that it gets its answer.  Rules, devices, and
    who looked stay.  It works while copdns runs.

    \b
    Example:  copdns log erase mia
    """
    _known(home, profile)
    if not yes:
        what = f"{profile}'s look-ups and answered appeals"
        click.confirm(f"Delete all that is kept of {what}, for good?", abort=True)
    home.erase(profile)
    click.echo(f"all that was kept of {profile}'s look-ups and answered appeals is deleted")
