"""`copdns usage`: for how long something was used today, and on the days before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import click

from copdns.accounts.account import ViewedPart
from copdns.as_json.usage import Line, line_json, lines, usage_json
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, table
from copdns.cli.params import profile_option
from copdns.model.household import Household, Profile
from copdns.model.times import Budget
from copdns.policy.snapshot import GUEST
from copdns.time.minutes import Usage

_ESTIMATE = (
    "Minutes are estimated from look-ups, since a DNS server sees no screen; the truth lies most\n"
    "likely between LOW and HIGH (docs/usage.md).  LIKELY is what a budget counts, as it was\n"
    "stored last, once a minute.  `copdns bonus ID BUDGET MINUTES --credit` gives minutes back."
)


@click.command()
@profile_option("Only of one person.")
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(0, 366),
    default=7,
    help="How many days before today to show as well; 7 by default.",
)
@json_option
@pass_home
def usage(home: Home, profile: str, days: int, as_json: bool) -> None:
    """Show how many minutes were used, and are left.

    That of each budget, today and on the days before.  It is an estimate: low, likely and high.
    Budgets count what is likely.  Works while copdns runs and while it does not.

    \b
    Example:  copdns usage --profile mia
              copdns usage --days 30 --json
    """
    home.look(profile, ViewedPart.USAGE)
    today = list(_today(home, profile))
    before = _before(home, profile, days)
    if as_json:
        print_json(
            {
                "day": str(home.day.day),
                "estimate": True,
                "today": [line_json(each) for each in today],
                "before": [usage_json(each) for each in before],
            }
        )
        return
    click.echo(f"Today, {home.day.day}")
    rows = [_row(each) for each in today]
    table(("profile", "budget", "low", "likely", "high", "of", "left"), rows)
    if before:
        click.echo("\nBefore")
        past = [(str(e.day), e.profile, e.budget, *map(str, e.minutes)) for e in before]
        table(("day", "profile", "budget", "low", "likely", "high"), past)
    click.echo(f"\n{_ESTIMATE}")


def _today(home: Home, profile: str) -> Iterator[Line]:
    household, (today, yesterday) = home.household, home.minutes
    for person in _people(home, profile):
        who = household.id, person.id
        used, before = today.get(who, {}), yesterday.get(who, {})
        yield from lines(household, person, home.day.day, used, before)


def line_of(home: Home, household: Household, person: Profile, budget: Budget) -> Line:
    """Return a budget of one person today, as the household is now and as it was counted last."""
    today, yesterday = home.minutes
    who = household.id, person.id
    found = lines(household, person, home.day.day, today.get(who, {}), yesterday.get(who, {}))
    return next(each for each in found if each.budget.id == budget.id)


def _people(home: Home, profile: str) -> tuple[Profile, ...]:
    """Return whose budgets are meant; unknown devices too, where everyone has one."""
    if profile:
        return (home.profile(profile),)
    people = home.household.profiles
    if home.household.guest or home.household.profile(GUEST):
        return people
    return (*people, home.profile(GUEST))


def _before(home: Home, profile: str, days: int) -> list[Usage]:
    since = home.day.day - timedelta(days=days)
    return [
        each
        for each in home.usage(since)
        if each.day < home.day.day and profile in ("", each.profile)
    ]


def _row(line: Line) -> tuple[str, ...]:
    whole = "no limit" if line.total is None else str(line.total)
    left = "" if line.left is None else str(line.left)
    return (line.profile, line.budget.id, *map(str, line.used), whole, left)
