"""`copdns usage`: for how long something was used today, and on the days before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

import click

from copdns.budget import total
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, table
from copdns.cli.params import profile_option
from copdns.live import GUEST
from copdns.minutes import NO_MINUTES, Minutes, Usage
from copdns.model import Household, Profile
from copdns.times import Budget
from copdns.timing import in_scope

_ESTIMATE = (
    "Minutes are estimated from look-ups, since a DNS server sees no screen; the truth lies most\n"
    "likely between LOW and HIGH (docs/usage.md).  LIKELY is what a budget counts, as it was\n"
    "stored last, once a minute.  `copdns bonus ID BUDGET MINUTES --credit` gives minutes back."
)


class Line(NamedTuple):
    """One budget of one person today.  total: None where the day has no limit."""

    profile: str
    budget: Budget
    used: Minutes
    total: int | None

    @property
    def left(self) -> int | None:
        return None if self.total is None else max(0, self.total - self.used.likely)


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
    today = list(_today(home, profile))
    before = _before(home, profile, days)
    if as_json:
        print_json(
            {
                "day": str(home.day.day),
                "estimate": True,
                "today": [_line_json(each) for each in today],
                "before": [_usage_json(each) for each in before],
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
    for person in _people(home, profile):
        for budget in in_scope(home.household.budgets, person):
            yield line_of(home, home.household, person.id, budget)


def line_of(home: Home, household: Household, profile: str, budget: Budget) -> Line:
    """Return a budget of one person today, as the household is now and as it was counted last."""
    today, yesterday = home.minutes
    used = today.get((household.id, profile), {}).get(budget.id, NO_MINUTES)
    before = yesterday.get((household.id, profile), {}).get(budget.id)
    return Line(profile, budget, used, total(budget, household, profile, home.day.day, before))


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


def _line_json(line: Line) -> dict[str, object]:
    return {
        "profile": line.profile,
        "budget": line.budget.id,
        **line.used._asdict(),
        "total": line.total,
        "left": line.left,
    }


def _usage_json(usage: Usage) -> dict[str, object]:
    return {
        "day": str(usage.day),
        "profile": usage.profile,
        "budget": usage.budget,
        **usage.minutes._asdict(),
    }
