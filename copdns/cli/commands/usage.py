"""`copdns usage`: minutes of use, today and on earlier days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import click

from copdns.accounts.account import ViewedPart
from copdns.as_json.usage import BudgetUsage, line_json, lines, usage_json
from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, print_table
from copdns.cli.params import number_option, profile_option
from copdns.cli.people_records import record_view
from copdns.model.household import Household, Profile
from copdns.model.times import Budget
from copdns.policy.guest import GUEST
from copdns.time.minutes import Usage
from copdns.time.plan import budgets_in_force

_ESTIMATE = (
    "Minutes are estimated from DNS queries; the true number is most likely between LOW and HIGH\n"
    "(docs/usage.md). LIKELY counts towards the limit, and is saved once a minute. To credit\n"
    "minutes counted by mistake: `copdns bonus ID BUDGET MINUTES --credit`."
)


@click.command()
@profile_option("Only one person.")
@number_option("--days", 0, 366, 7, "How many days before today to show as well.")
@json_option
@pass_home
def usage(home: Home, profile: str, days: int, as_json: bool) -> None:
    """Show how many minutes were used, and how many are left.

    Shows each daily limit, today and on earlier days. The minutes are an estimate: low, likely and
    high. The likely number counts. Works whether copdns runs or not.

    Of someone whose privacy mode is counts or off, limits on domains, lists and services that the
    household defined are left out: only that person sees those minutes.

    \b
    Example:  copdns usage --profile mia
              copdns usage --days 30 --json
    """
    record_view(home, profile, ViewedPart.USAGE)
    today = list(_lines_today(home, profile))
    before = _usage_before(home, profile, days)
    if as_json:
        print_json(
            {
                "day": str(home.day_of(profile).day),
                "estimate": True,
                "today": [line_json(each) for each in today],
                "before": [usage_json(each) for each in before],
            }
        )
        return
    click.echo(f"Today, {home.day_of(profile).day}")
    rows = [_line_row(each) for each in today]
    print_table(("profile", "budget", "low", "likely", "high", "of", "left"), rows)
    for text in _hidden_texts(home, profile):
        click.echo(text)
    if before:
        click.echo("\nEarlier days")
        past = [(str(e.day), e.profile, e.budget, *map(str, e.minutes)) for e in before]
        print_table(("day", "profile", "budget", "low", "likely", "high"), past)
    click.echo(f"\n{_ESTIMATE}")


def _lines_today(home: Home, profile: str) -> Iterator[BudgetUsage]:
    household, (today, yesterday) = home.household, home.minutes
    for person in _people(home, profile):
        key = household.id, person.id
        used, before = today.get(key, {}), yesterday.get(key, {})
        hidden = home.hidden_limits(person)
        yield from lines(household, person, home.day_of(person.id).day, used, before, hidden)


def _hidden_texts(home: Home, profile: str) -> Iterator[str]:
    """Yield whose limits are left out."""
    for person in _people(home, profile):
        hidden = home.hidden_limits(person)
        if theirs := [e.id for e in budgets_in_force(home.household, person) if e.id in hidden]:
            yield f"Shown only to {person.id}, on the person's own page: {', '.join(theirs)}"


def line_of(
    home: Home, household: Household, person: Profile, budget: Budget
) -> BudgetUsage | None:
    """Return one person's budget today, with the minutes stored last; None where only that person
    sees them."""
    if budget.id in home.hidden_limits(person):
        return None
    today, yesterday = home.minutes
    who = household.id, person.id
    day = home.day_of(person.id).day
    found = lines(household, person, day, today.get(who, {}), yesterday.get(who, {}))
    return next(each for each in found if each.budget.id == budget.id)


def _people(home: Home, profile: str) -> tuple[Profile, ...]:
    """Return the people to show; all: with the guest profile, where unknown devices have it."""
    if profile:
        return (home.profile(profile),)
    people = home.household.profiles
    if home.household.guest or home.household.profile(GUEST):
        return people
    return (*people, home.profile(GUEST))


def _usage_before(home: Home, profile: str, days: int) -> list[Usage]:
    since = home.day.day - timedelta(days=days)
    return [
        each
        for each in home.usage(since)
        if each.day < home.day_of(each.profile).day and profile in ("", each.profile)
    ]


def _line_row(line: BudgetUsage) -> tuple[str, ...]:
    whole = "no limit" if line.total is None else str(line.total)
    left = "" if line.left is None else str(line.left)
    return (line.profile, line.budget.id, *map(str, line.used), whole, left)
